//! Strangers send rubbish at every media port while people call: the calls are as if nobody had been there. The long
//! form is `cargo xtask storm`.

use causeway_harness::load::Load;
use causeway_harness::storm::{Rubbish, calls_in};

#[tokio::test]
async fn a_hello_before_the_ice_check_stops_nobody() {
    let load = Load::new(30, 10, 1.0);
    let outcome = calls_in(Rubbish::ClientHello, 1_000, &load).await.unwrap();
    assert!(outcome.weather.sent > 1_000, "{outcome:?}");
    outcome.unharmed(30).unwrap();
}

#[tokio::test]
async fn sound_of_strangers_is_neither_heard_nor_answered() {
    let load = Load::new(8, 8, 8.0);
    let outcome = calls_in(Rubbish::Media, 10_000, &load).await.unwrap();
    assert!(outcome.weather.sent > 50_000, "{outcome:?}");
    outcome.unharmed(8).unwrap();
}
