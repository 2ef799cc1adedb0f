//! The page's socket, or its media, goes away and comes back.

mod exchange;
use causeway_call::*;
use exchange::*;

const AGAIN: DeviceId = DeviceId(9);

#[test]
fn a_page_that_comes_back_goes_on() {
    let mut it = Exchange::answered();
    assert_eq!(it.send(Event::DeviceGone { device: CALLER }), [""; 0]);
    assert_eq!(it.wait(29), [""; 0]);
    assert_eq!(it.send(Event::DeviceBack { device: AGAIN }), [""; 0]);
    assert_eq!(it.wait(600), [""; 0]);
    let hangup = |device| Event::Hangup { device, request: R };
    assert_eq!(it.send(hangup(CALLER)), ["error 1 WrongState"]);
    assert_eq!(it.send(hangup(AGAIN))[0], "ok 9");
}

#[test]
fn a_page_that_stays_away_loses_the_call() {
    let mut it = Exchange::answered();
    it.send(Event::DeviceGone { device: CALLER });
    assert_eq!(
        it.wait(30),
        ["BYE", "tell 1 ended session_lost", "finish session_lost"]
    );
}

#[test]
fn a_closed_page_is_noticed_by_its_silence() {
    let mut it = Exchange::answered();
    it.send(Event::DeviceGone { device: CALLER });
    it.wait(8);
    it.send(Event::WebLost);
    assert_eq!(
        it.wait(5),
        ["BYE", "tell 1 ended session_lost", "finish session_lost"]
    );
}

#[test]
fn lost_media_is_told_and_ends_the_call_in_the_end() {
    let mut it = Exchange::answered();
    assert_eq!(it.send(Event::WebLost), ["warn no_media"]);
    it.wait(20);
    assert_eq!(it.send(Event::WebBack), ["warn media_resumed"]);
    assert_eq!(it.wait(60), [""; 0]);
    it.send(Event::WebLost);
    assert_eq!(
        it.wait(30),
        ["BYE", "tell 1 ended media_lost", "finish media_lost"]
    );
}

#[test]
fn an_answer_to_the_lost_socket_goes_to_the_new_one() {
    let mut it = Exchange::answered();
    it.send(Event::Hold {
        device: CALLER,
        request: R,
    });
    it.send(Event::DeviceGone { device: CALLER });
    it.send(Event::DeviceBack { device: AGAIN });
    let agreed = Event::TrunkAgreed {
        direction: causeway_media::plan::Direction::SendOnly,
        has_picture: false,
    };
    assert_eq!(
        it.send(agreed),
        ["web Inactive", "ok 9", "tell 9 held by local"]
    );
}

#[test]
fn a_page_that_was_loaded_anew_is_heard_again() {
    let mut it = Exchange::answered();
    it.send(Event::DeviceGone { device: CALLER });
    it.wait(8);
    it.send(Event::WebLost);
    it.wait(4);
    assert_eq!(it.send(Event::DeviceBack { device: AGAIN }), [""; 0]);
    // A connection of its own: nothing for the trunk in it.
    assert_eq!(it.send(Event::WebConnected), ["warn media_resumed"]);
    assert_eq!(it.wait(600), [""; 0]);
}
