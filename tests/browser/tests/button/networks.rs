//! The way to the box is cut for a while: the visitor is told, and the call goes on.

use causeway_harness::relay::Relay;

use crate::support::{BUTTON, Stage};

#[tokio::test]
async fn the_connection_drops_and_comes_back() {
    let mut stage = Stage::chromium().await;
    let relay = Relay::start(stage.causeway.https()).await.unwrap();
    // The page's policy knows the box alone: this page gets one that knows the relay.
    let way = format!("https://{}", relay.address());
    stage.allow(&way);
    let button = BUTTON.replace("<causeway-call ", &format!("<causeway-call box=\"{way}\" "));
    stage.open(&button).await;
    stage.talk().await;
    relay.cut();
    stage.reaches("reconnecting").await;
    assert_eq!(stage.value("shown('state')").await, "Reconnecting");
    stage.picture("reconnecting").await;
    stage.page_hears_the_acd().await;
    relay.mend();
    stage.reaches("talking").await;
    // Its connection is poor: what the browser measures is told, as far as it matters to a visitor.
    stage.click("call-button").await;
    stage.reaches("ended").await;
    stage.end().await;
}
