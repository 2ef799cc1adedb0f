//! Streams that are of no use are closed.

use std::time::Duration;

use crate::client::{Client, PATIENCE, Way, metric, start};

const STREAMS: [Way; 2] = [Way::Tcp, Way::Tls];

#[tokio::test]
async fn what_is_not_turn_ends_a_stream() {
    let (causeway, udp) = start().await;
    for way in STREAMS {
        for octets in [
            &b"GET / HTTP/1.1\r\n\r\n"[..],
            &[22, 3, 1, 0, 5],
            &[0, 1, 0xFF, 0xFC],
            &[0x40, 0, 0xFF, 0xFF],
        ] {
            let mut client = Client::allocated(&causeway, udp, way).await;
            client.send(octets).await;
            assert!(client.is_closed(PATIENCE).await, "{way:?} {octets:?}");
        }
    }
    assert_eq!(metric(&causeway, "causeway_turn_allocations").await, 0.0);
    causeway.stop().await.unwrap();
}

#[tokio::test]
async fn who_is_refused_over_and_over_is_closed() {
    let (causeway, udp) = start().await;
    for way in STREAMS {
        let mut client = Client::open(&causeway, udp, way).await;
        let bare = client.allocation().finish(None);
        for _ in 0..40 {
            client.send(&bare).await;
        }
        assert!(client.is_closed(PATIENCE).await, "{way:?}");
    }
    causeway.stop().await.unwrap();
}

#[tokio::test]
async fn a_stream_without_an_allocation_is_closed_and_one_with_it_is_not() {
    let (causeway, udp) = start().await;
    let mut asking = Client::open(&causeway, udp, Way::Tls).await;
    asking.learn_nonce().await;
    let mut talking = Client::allocated(&causeway, udp, Way::Tls).await;
    assert!(asking.is_closed(Duration::from_secs(25)).await);
    assert_eq!(talking.permit(causeway.plan().media).await.code(), 0);
    causeway.stop().await.unwrap();
}
