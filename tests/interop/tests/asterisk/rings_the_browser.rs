//! Asterisk calls an account: the browser rings and answers, and both hear.

use std::time::Duration;

use causeway_harness::scene::ACCOUNT;
use causeway_interop::{Pbx, available};

const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn asterisk_rings_a_browser_that_answers() {
    if !available() {
        return;
    }
    let mut pbx = Pbx::start(Some(ACCOUNT.0)).await.unwrap();
    pbx.phone
        .browser()
        .evaluate("phone.device.register()")
        .await
        .unwrap();
    // First Asterisk's tone, then the browser's own voice back from Asterisk's echo.
    for (extension, hz) in [("100", 1004.0), ("600", 440.0)] {
        pbx.asterisk
            .call(ACCOUNT.1, "\"Front desk\" <+4930777>", extension)
            .await
            .unwrap();
        pbx.phone.reaches("incoming", PATIENCE).await.unwrap();
        assert_eq!(
            pbx.phone
                .browser()
                .evaluate("phone.call.from")
                .await
                .unwrap(),
            "+4930777"
        );
        pbx.phone
            .browser()
            .evaluate("phone.call.accept({audio: phone.microphone})")
            .await
            .unwrap();
        pbx.phone.reaches("answered", PATIENCE).await.unwrap();
        pbx.phone.listen().await.unwrap();
        pbx.phone.hears(hz, PATIENCE).await.unwrap();
        pbx.phone.hang_up().await.unwrap();
        let record = pbx.causeway.records().await.unwrap().remove(0);
        assert_eq!(record["direction"], "to_browser", "{record}");
        assert_eq!(record["account"], ACCOUNT.0, "{record}");
        pbx.quiet().await.unwrap();
    }
    pbx.end().await.unwrap();
}
