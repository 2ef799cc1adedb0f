//! A box with several media threads: browsers come in at any of them, wherever their call is, and all are heard.

use causeway_harness::load::Load;
use causeway_harness::{Acd, BoxPlan, BoxProcess};

#[tokio::test]
async fn who_comes_in_at_another_thread_is_heard_as_well() {
    let acd = Acd::start(&[]).await.unwrap();
    let mut plan = BoxPlan::new(acd.address()).unwrap();
    plan.extra = "media_threads = 4\n".to_owned();
    let causeway = BoxProcess::start(plan).await.unwrap();
    // Three browsers of four are strangers to the thread that the kernel gives them.
    let report = Load::new(24, 12, 2.0).run(&causeway).await.unwrap();
    assert_eq!(report["connected"], 24, "{report}");
    assert_eq!(report["heard_ok"], 24, "{report}");
    let metrics = causeway.metrics().await.unwrap();
    assert!(metrics["causeway_media_web_datagrams_handed_on"] > 100.0);
    assert_eq!(metrics["causeway_media_dropped_crowded"], 0.0);
    assert_eq!(metrics["causeway_media_web_long_ways"], 0.0);
    causeway.stop().await.unwrap();
    acd.stop().await.unwrap();
}
