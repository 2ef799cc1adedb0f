//! Strangers who speak ICE-TCP to the HTTPS port of a real box: they get nowhere, hold nothing for long, and take no place
//! from anybody else. That callers get through is what browsers show (`cargo xtask reach`).

use std::time::Duration;

use causeway_harness::config::loopback;
use causeway_harness::{BoxPlan, BoxProcess, place};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

const COOKIE: [u8; 4] = [0x21, 0x12, 0xA4, 0x42];

async fn start(extra: &str) -> BoxProcess {
    let mut plan = BoxPlan::new(loopback(place::free_port().unwrap())).unwrap();
    plan.extra = extra.to_owned();
    BoxProcess::start(plan).await.unwrap()
}

/// A check behind its length. It names no leg of the box.
fn check() -> Vec<u8> {
    let username = b"nobodys:mine";
    let mut message = vec![0, 1, 0, 4 + username.len() as u8];
    message.extend(COOKIE);
    message.extend([7; 12]);
    message.extend([0, 6, 0, username.len() as u8]);
    message.extend(username);
    framed(&message)
}

fn framed(datagram: &[u8]) -> Vec<u8> {
    let length = datagram.len() as u16;
    [&length.to_be_bytes(), datagram].concat()
}

async fn connect(to: &BoxProcess, first: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(to.https()).await.unwrap();
    stream.write_all(first).await.unwrap();
    stream
}

/// What the box says until it closes; none when it does not close.
async fn until_closed(mut stream: TcpStream, within: Duration) -> Option<Vec<u8>> {
    let mut said = Vec::new();
    // A reset is an end as well.
    let ended = timeout(within, stream.read_to_end(&mut said)).await;
    ended.is_ok().then_some(said)
}

async fn metric(of: &BoxProcess, name: &str) -> f64 {
    let metrics = of.metrics().await.unwrap();
    *metrics.get(name).unwrap_or_else(|| panic!("no {name}"))
}

async fn reaches(of: &BoxProcess, name: &str, wanted: f64) {
    let begun = Instant::now();
    while metric(of, name).await != wanted {
        let value = metric(of, name).await;
        assert!(
            begun.elapsed() < Duration::from_secs(5),
            "{name} is {value}"
        );
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn whoever_proves_nothing_hears_nothing_and_is_closed() {
    let causeway = start("").await;
    let before = causeway.holdings().unwrap();
    let mut stranger = connect(&causeway, &check()).await;
    // DTLS and SRTP of somebody whose check has not passed do not get as far as the media port.
    for junk in [&[22, 254, 253, 0][..], &[0x80, 111, 0, 1]] {
        stranger.write_all(&framed(junk)).await.unwrap();
    }
    reaches(
        &causeway,
        "causeway_ice_tcp_dropped_total{reason=\"unproven\"}",
        2.0,
    )
    .await;
    let begun = Instant::now();
    let said = until_closed(stranger, Duration::from_secs(15)).await;
    assert_eq!(said, Some(Vec::new()), "nothing is answered");
    assert!(
        begun.elapsed() > Duration::from_secs(7),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(
        metric(&causeway, "causeway_ice_tcp_proven_total").await,
        0.0
    );
    // The media port has seen the check, and nothing else of all this.
    assert_eq!(
        metric(&causeway, "causeway_media_dropped_foreign").await,
        1.0
    );

    // A frame that no datagram can be ends the connection at once.
    let long = [&check()[..], &[0xFF, 0xFF]].concat();
    let broken = until_closed(connect(&causeway, &long).await, Duration::from_secs(3)).await;
    assert_eq!(broken, Some(Vec::new()));
    causeway.nothing_left(before).await.unwrap();
    causeway.stop().await.unwrap();
}

#[tokio::test]
async fn many_strangers_of_one_address_leave_the_box_to_others() {
    let causeway = start("").await;
    let mut strangers = Vec::new();
    for _ in 0..80 {
        strangers.push(connect(&causeway, &check()).await);
    }
    reaches(&causeway, "causeway_ice_tcp_refused_total", 16.0).await;
    assert_eq!(
        metric(&causeway, "causeway_ice_tcp_connections").await,
        64.0
    );
    // Pages are served and sign in meanwhile.
    let page = causeway_harness::WebCaller::open(&causeway, None)
        .await
        .unwrap();
    page.close().await;
    drop(strangers);
    reaches(&causeway, "causeway_ice_tcp_connections", 0.0).await;
    causeway.stop().await.unwrap();
}

#[tokio::test]
async fn where_it_is_off_a_check_is_closed_and_so_is_turn_where_that_is_off() {
    let allocate = [&[0, 3, 0, 0][..], &COOKIE, &[7; 12]].concat();
    for (extra, is_turn) in [("ice_tcp = []", true), ("turn = false", false)] {
        let causeway = start(extra).await;
        if is_turn {
            // TURN refuses what is none of its frames.
            let said = until_closed(connect(&causeway, &check()).await, Duration::from_secs(3));
            assert!(said.await.is_some(), "{extra}");
            let mut turn = connect(&causeway, &allocate).await;
            let mut answer = [0; 20];
            let read = timeout(Duration::from_secs(3), turn.read_exact(&mut answer)).await;
            assert!(read.is_ok_and(|read| read.is_ok()), "TURN does not answer");
        } else {
            let said = until_closed(connect(&causeway, &allocate).await, Duration::from_secs(3));
            assert_eq!(said.await, Some(Vec::new()), "{extra}");
            drop(connect(&causeway, &check()).await);
        }
        causeway.stop().await.unwrap();
    }
}
