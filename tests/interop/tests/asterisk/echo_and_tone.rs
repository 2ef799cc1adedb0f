//! Chromium hears itself through Asterisk's echo, and Asterisk's tone of 1004 Hz.

use std::time::Duration;

use causeway_interop::{Pbx, available};

const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn the_echo_comes_back_and_the_tone_is_heard() {
    if !available() {
        return;
    }
    let mut pbx = Pbx::start(None).await.unwrap();
    for (number, hz) in [("600", 440.0), ("100", 1004.0)] {
        let call = pbx.connect(number).await.unwrap();
        pbx.phone.hears(hz, PATIENCE).await.unwrap();
        let cause = pbx.phone.hang_up().await.unwrap();
        assert_eq!(
            (&cause["code"], &cause["by"]),
            (&"hangup".into(), &"local".into()),
            "{cause}"
        );
        let record = pbx.record(&call).await.unwrap();
        assert_eq!(
            (record["web_codec"].as_str(), record["trunk_codec"].as_str()),
            (Some("opus"), Some("PCMU"))
        );
        pbx.quiet().await.unwrap();
    }
    pbx.end().await.unwrap();
}
