//! Sixty calls at once, every one of them heard both ways.

use std::collections::HashSet;

use causeway_phone::events::Event;

use crate::support::{answered, pair};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_at_once_all_hear() {
    let (mut centre, mut caller) = pair().await;
    for _ in 0..60 {
        caller.dial("100", &centre).await;
    }
    for _ in 0..60 {
        caller.expect("answer", 10, answered).await;
    }
    for (phone, wanted) in [(&mut caller, 1004.0), (&mut centre, 440.0)] {
        let mut heard = HashSet::new();
        while heard.len() < 60 {
            let stamped = phone
                .expect("every tone", 8, |e| matches!(e, Event::Heard { .. }))
                .await;
            if let Event::Heard { call, hz, .. } = stamped.event
                && (hz - wanted).abs() < wanted * 0.005
            {
                heard.insert(call);
            }
        }
    }
    let lost: u64 = {
        caller.agent.close(std::time::Duration::from_secs(3)).await;
        caller.drain();
        caller
            .log
            .iter()
            .map(|s| {
                if let Event::Ended { rtp, .. } = &s.event {
                    rtp.lost
                } else {
                    0
                }
            })
            .sum()
    };
    assert_eq!(lost, 0);
}
