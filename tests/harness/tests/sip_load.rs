//! Some hundred SIP calls a few seconds long: every one goes well, and the box is afterwards as it was. `cargo xtask load`
//! makes many more.

use causeway_harness::config::{ECHO, loopback};
use causeway_harness::sipp::{Calls, Scene};
use causeway_harness::{BoxPlan, BoxProcess};

#[tokio::test]
async fn three_hundred_calls_go_well_and_leave_nothing() {
    let mut plan = BoxPlan::new(loopback(9)).unwrap();
    plan.trunks[0].extra = "options_s = 0\n".to_owned();
    let causeway = BoxProcess::start(plan).await.unwrap();
    let at = causeway.plan().sip;
    // The first calls open what stays open.
    assert!(Calls::short(ECHO, 20, 20).run(at).await.unwrap().is_clean());
    let before = causeway.holdings().unwrap();
    let short = Calls::short(ECHO, 50, 250);
    let standing = Calls {
        scene: Scene::Standing,
        to: ECHO.to_owned(),
        rate: 25,
        calls: 50,
        hold_ms: 1_500,
    };
    let (short, standing) = tokio::join!(short.run(at), standing.run(at));
    for outcome in [short.unwrap(), standing.unwrap()] {
        assert!(outcome.is_clean(), "{outcome:?}");
    }
    causeway.nothing_left(before).await.unwrap();
    let metrics = causeway.metrics().await.unwrap();
    assert_eq!(metrics["causeway_calls_answered_total"], 320.0);
    assert_eq!(metrics["causeway_calls_shed_total"], 0.0);
    assert_eq!(metrics["causeway_sip_dropped_total"], 0.0);
    causeway.stop().await.unwrap();
}
