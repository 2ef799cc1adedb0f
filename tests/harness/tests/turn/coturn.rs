//! Somebody else's client: coturn's own `turnutils_uclient`.

use causeway_harness::BoxProcess;
use causeway_harness::ice;
use std::net::SocketAddr;
use std::process::Output;
use std::time::Duration;
use tokio::process::Command;
use tokio::time::timeout;

use crate::client::{metric, start};

const TO_BOX: &str = "causeway_turn_bytes_total{direction=\"to_box\"}";

/// Sends five messages of a hundred octets to `peer` by way of `server`.
async fn uclient(of: &BoxProcess, server: SocketAddr, peer: SocketAddr, flags: &[&str]) -> Output {
    let credential = ice::server(of).await.unwrap().unwrap();
    let mut command = Command::new("turnutils_uclient");
    command
        .args(flags)
        .args(["-c", "-n", "5", "-l", "100"])
        .args(["-u", &credential.username, "-w", &credential.credential])
        .args(["-p", &server.port().to_string()])
        .args(["-e", &peer.ip().to_string(), "-r", &peer.port().to_string()])
        .arg(server.ip().to_string())
        .kill_on_drop(true);
    // Nothing comes back from a media port that knows nobody: the client waits a while for it.
    timeout(Duration::from_secs(40), command.output())
        .await
        .expect("the client does not end")
        .expect("turnutils_uclient is not installed (package coturn)")
}

#[tokio::test]
async fn it_gets_its_allocation_over_every_way() {
    // Before it sends anything it names peers of random ports, to vex the server; this one refuses them, and it gives up:
    // that media passes is what browsers show.
    let (causeway, udp) = start().await;
    let (https, media) = (causeway.https(), causeway.plan().media);
    let ways: [(&str, SocketAddr, &[&str]); 5] = [
        ("UDP, channels", udp, &[]),
        ("UDP, indications", udp, &["-s"]),
        ("UDP, DONT-FRAGMENT", udp, &["-s", "-g"]),
        ("TCP", https, &["-s", "-t"]),
        ("TLS", https, &["-s", "-t", "-S"]),
    ];
    for (number, (what, server, flags)) in ways.into_iter().enumerate() {
        let output = uclient(&causeway, server, media, flags).await;
        let said = String::from_utf8_lossy(&output.stdout);
        let allocations = metric(&causeway, "causeway_turn_allocations_total").await;
        assert!(allocations > number as f64, "{what}: {allocations}\n{said}");
        assert!(!said.contains("401"), "{what}: {said}");
    }
    causeway.stop().await.unwrap();
}

#[tokio::test]
async fn it_is_refused_any_other_peer() {
    let (causeway, udp) = start().await;
    let sip = causeway.plan().sip;
    for (server, flags) in [(udp, &["-s"][..]), (causeway.https(), &["-s", "-t"][..])] {
        uclient(&causeway, server, sip, flags).await;
    }
    assert_eq!(metric(&causeway, TO_BOX).await, 0.0);
    assert!(metric(&causeway, "causeway_turn_forbidden_peers_total").await >= 2.0);
    causeway.stop().await.unwrap();
}
