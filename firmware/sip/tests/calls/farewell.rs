//! A BYE of ours that waits for theirs.

use std::time::Duration;

use causeway_sip::{Event, Side as By};

use crate::script::{Script, request, response, starts};

const WAIT: Duration = Duration::from_secs(1);

#[test]
fn the_far_side_ends_first() {
    let mut script = Script::new();
    let (call, our_tag) = script.established();
    let now = script.now;
    script.endpoint.bye_after(call, None, WAIT, now);
    assert_eq!(script.sent(), Vec::<String>::new());
    script.wait(Duration::from_millis(900));
    script.receive(&request("BYE", 2, &our_tag, "", ""));
    assert_eq!(starts(&script.sent()), ["200"]);
    assert!(matches!(
        script.event(),
        Some(Event::Ended { by: By::Remote, .. })
    ));
    script.wait(Duration::from_secs(40));
    assert_eq!(script.sent(), Vec::<String>::new());
}

#[test]
fn the_far_side_does_not_end() {
    let mut script = Script::new();
    let (call, _) = script.established();
    let now = script.now;
    script.endpoint.bye_after(call, None, WAIT, now);
    // Said twice, the first time counts.
    script.wait(Duration::from_millis(500));
    let now = script.now;
    script.endpoint.bye_after(call, None, WAIT, now);
    script.wait(Duration::from_millis(499));
    assert_eq!(script.sent(), Vec::<String>::new());
    script.wait(Duration::from_millis(2));
    let bye = script.only();
    script.receive(&response(&bye, "200 OK", "", "", ""));
    assert!(matches!(
        script.event(),
        Some(Event::Ended { by: By::Local, .. })
    ));
}

#[test]
fn an_early_call_does_not_wait() {
    let mut script = Script::new();
    let (call, invite) = script.place(None);
    script.receive(&response(&invite, "180 Ringing", "x", "", ""));
    let now = script.now;
    script.endpoint.bye_after(call, None, WAIT, now);
    assert_eq!(starts(&script.sent()), ["CANCEL"]);
}
