//! Every foreign message through the front door of a real box: `causewayd` with a trunk, over UDP, TCP and TLS.
//!
//! The torture messages are answered as their tables say; after each hundred messages an ordinary call is answered
//! and heard; in the end the box holds what it held before, and nothing in it has panicked. A box each, because the
//! messages are sent to the byte: over another transport their branches would be those of transactions that exist.

mod calls;
mod corpora;
mod peer;
mod wire;

use std::path::Path;

use causeway_harness::config::{TrunkPlan, loopback};
use causeway_harness::{BoxPlan, BoxProcess, place};
use causeway_vectors::{corpus, expectations, files};

use crate::calls::{describe, ordinary};
use crate::corpora::{Messages, answered, at_home, call_flows};
use crate::peer::Peer;
use crate::wire::{Over, TRUNK, frames_itself};

/// What a box may hold more after all that than before, in KiB: ladders keep 16 MiB of what was said last.
const GROWTH_KIB: u64 = 64 * 1024;

fn plan(over: Over) -> BoxPlan {
    let mut plan = BoxPlan::new(loopback(9)).expect("free ports");
    let mut trunk = TrunkPlan {
        name: "pbx".to_owned(),
        address: (TRUNK, 5060).into(),
        extra: "options_s = 0\nsrtp = \"optional\"\n".to_owned(),
    };
    if over == Over::Tls {
        plan.sip_tls = Some(loopback(place::free_port().expect("a free port")));
        // Nobody is called: the pin is none's.
        let pin = "00".repeat(32);
        trunk.extra = format!(
            "{}transport = \"tls\"\ntls_pin_sha256 = \"{pin}\"\n",
            trunk.extra
        );
    }
    plan.trunks = vec![trunk];
    plan
}

/// Messages of a table, each compared with its line.
async fn table(peer: &mut Peer, folder: &Path, ending: &str) -> usize {
    let mut wrong = Vec::new();
    let expected = expectations(folder);
    for expectation in &expected {
        let path = folder.join(format!("{}{ending}", expectation.file));
        let mut bytes = std::fs::read(&path).expect("the file of the line");
        if peer.over != Over::Udp && expectation.class == "valid" {
            fill_up(&mut bytes);
        }
        let outcome = peer.put(&bytes).await;
        if !expectation.allows(&outcome) {
            wrong.push(format!("{expectation:?}\n    {outcome:?}"));
        }
    }
    let over = peer.over;
    assert!(
        wrong.is_empty(),
        "{over:?}, {} differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    expected.len()
}

/// A body that was counted a few octets too long (RFC 5118 section 4.6) has its end on a stream only when they come.
fn fill_up(bytes: &mut Vec<u8>) {
    for filling in 1..16 {
        let filled = [bytes.as_slice(), &b"\r\n".repeat(filling)].concat();
        if !frames_itself(bytes) && frames_itself(&filled) {
            *bytes = filled;
        }
    }
}

async fn torture(over: Over) {
    let Some(rfc4475) = corpus("torture/rfc4475") else {
        return;
    };
    let folder = |name| corpus(name).expect("the corpora are whole");
    let causeway = BoxProcess::start(plan(over)).await.expect("a box");
    ordinary(&causeway, over, "first").await;
    let before = causeway.holdings().expect("holdings");
    let mut peer = Peer::of(&causeway, over).await;

    let mut sent = table(&mut peer, &rfc4475, "").await;
    sent += table(&mut peer, &folder("torture/rfc5118"), ".wire").await;
    ordinary(&causeway, over, "tables").await;

    let flows = call_flows(&folder("rfc-callflows"));
    let mut all: Messages = files(&folder("protos-sample"), ".sip");
    all.extend(files(&folder("sip-vendor"), ".sip"));
    all.extend(flows);
    let deeper = answered(&all);
    assert!(
        all.len() > 800 && deeper.len() > 400,
        "{} {}",
        all.len(),
        deeper.len()
    );
    all.extend(deeper);
    for (at, hundred) in all.chunks(100).enumerate() {
        peer.pour(hundred).await;
        ordinary(&causeway, over, &format!("hundred{at}")).await;
        sent += hundred.len();
    }

    let bodies: Messages = files(&folder("sdp"), ".sdp")
        .into_iter()
        .map(|(name, body)| (name, at_home(&body)))
        .collect();
    assert!(bodies.len() > 180, "{}", bodies.len());
    if !peer.wire.is_open() {
        peer.wire.reopen().await;
    }
    for (at, hundred) in bodies.chunks(100).enumerate() {
        let told = describe(&mut peer, at, hundred).await;
        println!(
            "{over:?}: {} descriptions, taken and refused: {told:?}",
            hundred.len()
        );
        ordinary(&causeway, over, &format!("descriptions{at}")).await;
        sent += 3 * hundred.len();
    }
    println!(
        "{over:?}: {sent} messages, answers by status: {:?}",
        peer.heard
    );
    drop(peer);

    causeway.nothing_left(before).await.expect("nothing left");
    causeway.no_transactions().await.expect("no transaction");
    let after = causeway.holdings().expect("holdings");
    println!(
        "{over:?}: memory {} KiB before, {} KiB after",
        before.memory_kib, after.memory_kib
    );
    assert!(
        after.memory_kib < before.memory_kib + GROWTH_KIB,
        "{before:?} {after:?}"
    );
    let log = causeway.program().tail(4_000);
    assert!(!log.contains("panicked"), "{log}");
    causeway.stop().await.expect("an end in order");
}

#[tokio::test]
async fn every_message_over_udp() {
    torture(Over::Udp).await;
}

#[tokio::test]
async fn every_message_over_tcp() {
    torture(Over::Tcp).await;
}

#[tokio::test]
async fn every_message_over_tls() {
    torture(Over::Tls).await;
}
