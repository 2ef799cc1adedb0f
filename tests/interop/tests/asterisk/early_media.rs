//! Asterisk plays before it answers.

use std::time::Duration;

use causeway_interop::{Pbx, available};

#[tokio::test]
async fn what_asterisk_plays_before_it_answers_is_heard() {
    if !available() {
        return;
    }
    let pbx = Pbx::start(None).await.unwrap();
    pbx.phone.place("705").await.unwrap();
    pbx.phone
        .reaches("early_media", Duration::from_secs(5))
        .await
        .unwrap();
    pbx.phone.listen().await.unwrap();
    pbx.phone
        .hears(1004.0, Duration::from_secs(5))
        .await
        .unwrap();
    assert_eq!(pbx.phone.state().await.unwrap(), "early_media");
    pbx.phone.answered().await.unwrap();
    pbx.phone.hang_up().await.unwrap();
    pbx.end().await.unwrap();
}
