//! A PBX stops in mid-call: neither RTP nor RTCP comes any more, and both sides are hung up.

use std::process::Command;
use std::time::Duration;

use causeway_harness::Scene;

fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill").args([name, &pid.to_string()]).status();
    assert!(
        sent.is_ok_and(|status| status.success()),
        "kill {name} {pid}"
    );
}

#[tokio::test]
async fn a_pbx_that_falls_silent_ends_the_call() {
    let mut scene = Scene::chromium(|plan| {
        // Without probes, which would find it out first.
        plan.trunks[0].extra = "media_timeout_s = 10\noptions_s = 0\n".to_owned();
    })
    .await
    .unwrap();
    scene.connect("100").await.unwrap();
    let call = scene
        .phone
        .browser()
        .evaluate("phone.call.id")
        .await
        .unwrap();
    let pid = scene.acd.program().pid();
    signal(pid, "-STOP");
    let cause = scene.phone.ended(Duration::from_secs(25)).await;
    signal(pid, "-CONT");
    let cause = cause.unwrap();
    assert_eq!(cause["code"], "remote_media_lost");
    assert_eq!(cause["by"], "box");
    let record = scene.record(call.as_str().unwrap()).await.unwrap();
    assert_eq!(record["cause_code"], "remote_media_lost");
    // The other side was hung up, too.
    scene
        .acd
        .wait("ended", Duration::from_secs(10), |_| true)
        .await
        .unwrap();
    scene.end().await.unwrap();
}
