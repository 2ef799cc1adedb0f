//! Asterisk logs the digits pressed.

use std::time::Duration;

use causeway_interop::{Pbx, available};

const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn asterisk_reads_four_digits() {
    if !available() {
        return;
    }
    let pbx = Pbx::start(None).await.unwrap();
    pbx.connect("200").await.unwrap();
    let mark = pbx.asterisk.mark();
    pbx.phone
        .browser()
        .evaluate("phone.call.sendDigits('9047')")
        .await
        .unwrap();
    pbx.asterisk
        .logged(mark, &["DIGITS 9047"], PATIENCE)
        .await
        .unwrap();
    // What Asterisk plays afterwards is heard: the digits did not leave the sound behind.
    pbx.phone.hears(1004.0, PATIENCE).await.unwrap();
    pbx.phone.hang_up().await.unwrap();
    pbx.end().await.unwrap();
}
