//! Who gets an allocation, and how many.

use std::time::Duration;

use causeway_harness::ice;
use tokio::time::{Instant, sleep};

use crate::client::{Client, SILENCE, WAYS, Way, metric, start};

#[tokio::test]
async fn wrong_stretched_and_replayed_credentials_are_refused() {
    let (causeway, udp) = start().await;
    for way in WAYS {
        let mut client = Client::open(&causeway, udp, way).await;
        client.learn_nonce().await;
        let good = client.server.clone();
        client.server.credential = "guessed".to_owned();
        assert_eq!(client.allocate().await.code(), 401, "{way:?}");
        // The same id, good for longer.
        client.server = good.clone();
        client.server.username = format!("9{}", good.username);
        assert_eq!(client.allocate().await.code(), 401, "{way:?}");
        // A request overheard, sent again from another address.
        client.server = good;
        let writer = client.allocation();
        let overheard = client.signed(writer);
        let mut thief = Client::with(&causeway, udp, way, client.server.clone()).await;
        assert_eq!(thief.ask(&overheard).await.code(), 438, "{way:?}");
        assert_eq!(client.ask(&overheard).await.code(), 0, "{way:?}");
    }
    assert_eq!(
        metric(&causeway, "causeway_turn_allocations_total").await,
        3.0
    );
    assert_eq!(
        metric(&causeway, "causeway_turn_refused_total{code=\"438\"}").await,
        3.0
    );
    causeway.stop().await.unwrap();
}

#[tokio::test]
async fn a_credential_is_good_for_ten_minutes_and_sixteen_allocations() {
    let (causeway, udp) = start().await;
    let server = ice::server(&causeway).await.unwrap().unwrap();
    let expires: u64 = server.username.split(':').next().unwrap().parse().unwrap();
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    assert!((590..=600).contains(&(expires - now)), "{expires} {now}");
    assert_eq!(server.urls.len(), 3, "{:?}", server.urls);

    let mut clients = Vec::new();
    for number in 0..16 {
        let way = WAYS[number % 3];
        let mut client = Client::with(&causeway, udp, way, server.clone()).await;
        client.learn_nonce().await;
        assert_eq!(client.allocate().await.code(), 0, "{number}");
        clients.push(client);
    }
    let mut one_more = Client::with(&causeway, udp, Way::Tls, server.clone()).await;
    one_more.learn_nonce().await;
    assert_eq!(one_more.allocate().await.code(), 486);
    // Another page has its own.
    let _other = Client::allocated(&causeway, udp, Way::Tcp).await;
    assert_eq!(metric(&causeway, "causeway_turn_allocations").await, 17.0);

    // Streams that close give theirs back; an address must say so.
    clients.retain(Client::is_udp);
    let kept = clients.len() as f64 + 1.0;
    let deadline = Instant::now() + Duration::from_secs(5);
    while metric(&causeway, "causeway_turn_allocations").await > kept {
        assert!(Instant::now() < deadline, "allocations are left");
        sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(one_more.allocate().await.code(), 0);
    causeway.stop().await.unwrap();
}

#[tokio::test]
async fn a_stranger_is_not_answered_over_udp_more_often_than_is_good_for_others() {
    let (causeway, udp) = start().await;
    let mut client = Client::open(&causeway, udp, Way::Udp).await;
    let bare = client.allocation().finish(None);
    let begin = Instant::now();
    let mut answered = 0;
    for _ in 0..50 {
        for _ in 0..10 {
            client.send(&bare).await;
        }
        while client.receive(Duration::from_millis(2)).await.is_some() {
            answered += 1;
        }
    }
    while client.receive(SILENCE).await.is_some() {
        answered += 1;
    }
    let allowed = 100.0 + 20.0 * begin.elapsed().as_secs_f64() + 1.0;
    assert!(f64::from(answered) <= allowed, "{answered} of 500");
    assert!(answered >= 90, "{answered} of 500");
    let unanswered = "causeway_turn_dropped_total{reason=\"unanswered\"}";
    assert_eq!(
        metric(&causeway, unanswered).await,
        f64::from(500 - answered)
    );
    causeway.stop().await.unwrap();
}
