//! Either side hangs up, and nothing stands afterwards.

use std::time::Duration;

use causeway_phone::events::{Event, Side};

use crate::support::{answered, pair};

#[tokio::test]
async fn the_centre_hangs_up_after_five_seconds() {
    let (centre, mut caller) = pair().await;
    caller.dial("hangup5", &centre).await;
    let stood = caller.expect("answer", 3, answered).await;
    let ended = caller
        .expect("end", 8, |e| {
            matches!(
                e,
                Event::Ended {
                    by: Side::Remote,
                    ..
                }
            )
        })
        .await;
    let lasted = ended.at - stood.at;
    assert!((4.5..6.0).contains(&lasted), "{lasted}");
}

#[tokio::test]
async fn closing_hangs_up_everything() {
    let (mut centre, mut caller) = pair().await;
    for _ in 0..3 {
        caller.dial("100", &centre).await;
        caller.expect("answer", 3, answered).await;
    }
    caller.agent.close(Duration::from_secs(2)).await;
    for _ in 0..3 {
        centre.ended().await;
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(centre.agent.live().is_empty() && caller.agent.live().is_empty());
}
