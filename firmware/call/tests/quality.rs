//! The page hears of a call that sounds bad, once, and when it sounds good again.

mod exchange;
use causeway_call::quality::Way;
use causeway_call::*;
use exchange::*;

const AGAIN: DeviceId = DeviceId(9);

fn heard(way: Way, mos: f32) -> Event {
    Event::Quality { way, mos }
}

#[test]
fn one_warning_for_both_ways_and_one_end_of_it() {
    let mut it = Exchange::answered();
    assert_eq!(it.send(heard(Way::ToPbx, 2.0)), [""; 0]);
    // Good opinions of the other way are no word for this one.
    assert_eq!(it.send(heard(Way::ToBrowser, 4.3)), [""; 0]);
    assert_eq!(it.send(heard(Way::ToPbx, 2.0)), ["warn low_quality"]);
    it.send(heard(Way::ToBrowser, 2.0));
    assert_eq!(it.send(heard(Way::ToBrowser, 2.0)), [""; 0]);
    it.send(heard(Way::ToPbx, 4.3));
    assert_eq!(it.send(heard(Way::ToPbx, 4.3)), [""; 0]);
    it.send(heard(Way::ToBrowser, 3.6));
    assert_eq!(
        it.send(heard(Way::ToBrowser, 3.6)),
        ["warn quality_restored"]
    );
}

#[test]
fn a_page_that_was_away_is_told_how_it_is_now() {
    let mut it = Exchange::answered();
    it.send(Event::DeviceGone { device: CALLER });
    it.send(heard(Way::ToPbx, 2.0));
    assert_eq!(it.send(heard(Way::ToPbx, 2.0)), [""; 0]);
    let back = || Event::DeviceBack { device: AGAIN };
    assert_eq!(it.send(back()), ["warn low_quality"]);
    it.send(Event::DeviceGone { device: AGAIN });
    it.send(heard(Way::ToPbx, 4.0));
    assert_eq!(it.send(heard(Way::ToPbx, 4.0)), [""; 0]);
    assert_eq!(it.send(back()), ["warn quality_restored"]);
    it.send(Event::DeviceGone { device: AGAIN });
    assert_eq!(it.send(back()), [""; 0]);
}
