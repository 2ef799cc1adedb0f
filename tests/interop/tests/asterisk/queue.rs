//! The caller waits in a queue with music; an agent takes the call, and Asterisk re-INVITEs the box on the spot.

use std::time::Duration;

use causeway_interop::{Pbx, available};

const PATIENCE: Duration = Duration::from_secs(15);

#[tokio::test]
async fn the_agent_of_a_queue_is_heard() {
    if !available() {
        return;
    }
    let mut pbx = Pbx::start(None).await.unwrap();
    pbx.connect("500").await.unwrap();
    pbx.agent
        .wait("answered", PATIENCE, |_| true)
        .await
        .unwrap();
    pbx.phone.hears(700.0, PATIENCE).await.unwrap();
    let right = |e: &serde_json::Value| e["hz"].as_f64().is_some_and(|hz| (hz - 440.0).abs() < 9.0);
    pbx.agent.wait("heard", PATIENCE, right).await.unwrap();
    assert_eq!(pbx.phone.state().await.unwrap(), "answered");
    pbx.phone.hang_up().await.unwrap();
    pbx.end().await.unwrap();
}
