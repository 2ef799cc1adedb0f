//! An agent behind Asterisk holds and resumes five times; Asterisk passes it on to the box by re-INVITE.

use std::time::Duration;

use causeway_interop::{Pbx, available};

const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn five_holds_through_asterisk_leave_the_browsers_stream_whole() {
    if !available() {
        return;
    }
    let mut pbx = Pbx::start(None).await.unwrap();
    pbx.connect("400").await.unwrap();
    let answered = pbx
        .agent
        .wait("answered", PATIENCE, |_| true)
        .await
        .unwrap();
    let call = answered["call"].as_u64().unwrap();
    pbx.phone.hears(700.0, PATIENCE).await.unwrap();
    let ssrc = pbx.phone.stats().await.unwrap()["inboundSsrc"].clone();

    for turn in 1..=5 {
        pbx.agent.command(&format!("hold {call}")).await.unwrap();
        pbx.phone.reaches("held", PATIENCE).await.unwrap();
        pbx.agent.command(&format!("resume {call}")).await.unwrap();
        let resumed = pbx.agent.wait("resumed", PATIENCE, |_| true).await.unwrap()["at"]
            .as_f64()
            .unwrap();
        pbx.phone.reaches("answered", PATIENCE).await.unwrap();
        pbx.phone.hears(700.0, PATIENCE).await.unwrap();
        let heard = pbx.phone.remote().await.unwrap();
        let back = heard
            .onsets
            .iter()
            .find(|onset| **onset > resumed - 0.1)
            .expect("an onset after the resume");
        let ms = (back - resumed) * 1000.0;
        eprintln!("turn {turn}: back after {ms:.0} ms");
        assert!(
            ms <= 200.0,
            "turn {turn}: the sound was back only after {ms:.0} ms"
        );
        assert_eq!(
            pbx.phone.stats().await.unwrap()["inboundSsrc"],
            ssrc,
            "turn {turn}"
        );
    }
    pbx.phone.hang_up().await.unwrap();
    pbx.end().await.unwrap();
}
