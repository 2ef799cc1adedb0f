//! The harness looks at itself: Asterisk starts, knows its endpoints and goes away again.

use std::time::{Duration, Instant};

use causeway_harness::config::loopback;
use causeway_harness::{Asterisk, asterisk, place};

#[tokio::test]
async fn asterisk_starts_with_its_endpoints_and_stops() {
    if asterisk::chroot().is_none() {
        eprintln!("SKIPPED: there is no Asterisk; make it with: cargo xtask interop --prepare");
        return;
    }
    let began = Instant::now();
    let mut pbx = Asterisk::start(place::free_port().unwrap(), loopback(9), None)
        .await
        .unwrap();
    eprintln!("started in {:?}", began.elapsed());
    let endpoints = pbx
        .console("pjsip show endpoints")
        .await
        .unwrap()
        .join("\n");
    assert!(
        endpoints.contains("box") && endpoints.contains("agent"),
        "{endpoints}"
    );
    assert_eq!(pbx.channels().await.unwrap(), 0);

    // A local call inside Asterisk logs what a call from the box would.
    let mark = pbx.mark();
    pbx.originate("Local/701@from-box", "4711", "100")
        .await
        .unwrap();
    pbx.logged(mark, &["CALLER", "TO 701"], Duration::from_secs(5))
        .await
        .unwrap();
    pbx.idle().await.unwrap();
    pbx.stop().await.unwrap();
}
