//! Digits pressed on one side are told on the other, once each and in order.

use std::time::Duration;

use causeway_phone::call::script::Step;
use causeway_phone::events::Event;

use crate::support::{answered, pair};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_sixteen_arrive_and_the_tone_goes_on() {
    let (mut centre, mut caller) = pair().await;
    let call = caller.dial("100", &centre).await;
    caller.expect("answer", 3, answered).await;
    let pressed = "0123456789*#ABCD";
    caller
        .agent
        .order(call, Duration::ZERO, Step::Press(pressed.into()));
    let mut heard = String::new();
    for _ in pressed.chars() {
        let stamped = centre
            .expect("digit", 5, |e| matches!(e, Event::Dtmf { .. }))
            .await;
        if let Event::Dtmf {
            digit, duration_ms, ..
        } = stamped.event
        {
            heard.push(digit);
            assert_eq!(duration_ms, 100);
        }
    }
    assert_eq!(heard, pressed);
    centre.hears(440.0).await;
}
