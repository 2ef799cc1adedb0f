//! PBXes of both IP families on one box, and a box that has IPv6 alone.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use causeway_harness::config::ECHO;
use causeway_harness::load::Load;
use causeway_harness::program::Program;
use causeway_harness::{Acd, BoxPlan, BoxProcess, place};
use serde_json::Value;
use tokio::net::UdpSocket;
use tokio::process::Command;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

const SOON: Duration = Duration::from_secs(10);
const SIX: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

fn six() -> SocketAddr {
    SocketAddr::new(SIX, place::free_port().unwrap())
}

/// A phone of the PBX calls the echo; its report.
async fn echo(via: SocketAddr, further: &[&str]) -> Value {
    let (to, via) = (format!("sip:{ECHO}@{via}"), via.to_string());
    let mut command = Command::new(place::program("causeway-phone").unwrap());
    command
        .args(["call", "--json", "--to", &to, "--via", &via])
        .args(["--seconds", "1.5", "--tone", "620", "--expect-hz", "620"])
        .args(further);
    let (output, mut lines) = mpsc::unbounded_channel();
    let phone = Program::start("causeway-phone call", command, Some(output)).unwrap();
    let mut last = String::new();
    while let Some(line) = lines.recv().await {
        last = line;
    }
    phone.stop().await.unwrap();
    serde_json::from_str(&last).unwrap()
}

/// What box and PBX said in the last call to a number.
async fn said(causeway: &BoxProcess, to: &str) -> Vec<Value> {
    let ended = |r: &Value| r["to_number"] == to && !r["ended_at"].is_null();
    let record = causeway.record(to, ended).await.unwrap();
    let id = record["id"].as_str().unwrap();
    let path = format!("/api/v1/calls/{id}/ladder");
    let ladder = causeway.admin(&path).await.unwrap();
    ladder["messages"].as_array().unwrap().clone()
}

/// The messages among them that begin so.
fn begin<'a>(said: &'a [Value], start: &str) -> Vec<&'a str> {
    let texts = said.iter().filter_map(|m| m["text"].as_str());
    texts.filter(|text| text.starts_with(start)).collect()
}

async fn is_up(causeway: &BoxProcess, trunk: &str, target: SocketAddr) {
    let name = format!("causeway_trunk_target_up{{trunk=\"{trunk}\",target=\"{target}\"}}");
    let begun = Instant::now();
    while causeway.metrics().await.unwrap().get(&name) != Some(&1.0) {
        assert!(begun.elapsed() < SOON, "{name}");
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn one_box_serves_pbxes_of_both() {
    let four = Acd::start(&[]).await.unwrap();
    let other = Acd::start_at(six(), &[]).await.unwrap();
    let (at_four, at_six) = (four.address(), other.address());
    // Nobody listens there.
    let dead = SocketAddr::from(([127, 0, 0, 1], place::free_port().unwrap()));
    let udp6 = six();

    let mut plan = BoxPlan::new(at_four).unwrap();
    plan.trunks[0].extra = "numbers = [\"1*\"]".to_owned();
    plan.sip_extra = format!("udp6 = \"{udp6}\"");
    plan.rtp_extra = "address6 = \"::1\"".to_owned();
    plan.tables = format!(
        "[[trunk]]\nname = \"six\"\naddress = \"{at_six}\"\nnumbers = [\"2*\", \"709\"]\n\
         username = \"demo\"\npassword = \"demo\"\n\
         [[trunk]]\nname = \"both\"\naddress = \"{dead}\"\ntargets = [\"{at_six}\"]\n\
         transport = \"tcp\"\noptions_s = 0\nnumbers = [\"3*\"]\n"
    );
    let causeway = BoxProcess::start(plan).await.unwrap();
    let before = causeway.holdings().unwrap();
    is_up(&causeway, "pbx", at_four).await;
    is_up(&causeway, "six", at_six).await;

    for (further, transport) in [(&[][..], ""), (&["--tcp"], ";transport=tcp")] {
        let report = echo(udp6, further).await;
        assert_eq!(report["heard_ok"], true, "{report}");
        let said = said(&causeway, ECHO).await;
        let answers = begin(&said, "SIP/2.0 200 OK");
        let contact = format!("Contact: <sip:causeway@{udp6}{transport}>\r\n");
        assert!(answers[0].contains(&contact), "{answers:?}");
        assert!(answers[0].contains("c=IN IP6 ::1\r\n"), "{answers:?}");
        let bye = begin(&said, "BYE ");
        assert!(
            bye[0].starts_with(&format!("BYE sip:causeway@{udp6}")),
            "{bye:?}"
        );
        let local = udp6.to_string();
        assert!(said.iter().any(|m| m["local"] == local), "{said:?}");
    }

    // A page calls: over each, and on to the other when the first does not take the call.
    for (to, at, our) in [
        ("100", at_four, "IN IP4 127.0.0.1"),
        ("200", at_six, "IN IP6 ::1"),
        // This one asks for a password.
        ("709", at_six, "IN IP6 ::1"),
        ("300", at_six, "IN IP6 ::1"),
    ] {
        let mut load = Load::new(1, 1, 1.0);
        load.to = to.to_owned();
        let report = load.run(&causeway).await.unwrap();
        assert_eq!(report["connected"], 1, "{report}");
        let said = said(&causeway, to).await;
        let invite = *begin(&said, "INVITE ").last().unwrap();
        let line = format!("INVITE sip:{to}@{at}");
        assert!(invite.starts_with(&line), "{invite}");
        assert!(invite.contains(&format!("c={our}\r\n")), "{invite}");
        let record = causeway.record(to, |r| r["to_number"] == to).await.unwrap();
        let packets = &record["trunk_leg"];
        for way in ["packets_in", "packets_out"] {
            assert!(packets[way].as_u64().unwrap() > 20, "{record}");
        }
    }
    four.stop().await.unwrap();
    // The connection that was dialled goes with it.
    other.stop().await.unwrap();
    causeway.nothing_left(before).await.unwrap();
    causeway.stop().await.unwrap();
}

#[tokio::test]
async fn a_box_may_have_ipv6_alone() {
    let acd = Acd::start_at(six(), &[]).await.unwrap();
    let mut plan = BoxPlan::new(acd.address()).unwrap();
    plan.sip = six();
    plan.rtp = SIX;
    let at = plan.sip;
    let causeway = BoxProcess::start(plan).await.unwrap();
    let before = causeway.holdings().unwrap();
    is_up(&causeway, "pbx", acd.address()).await;
    let report = echo(at, &[]).await;
    assert_eq!(report["heard_ok"], true, "{report}");

    // Sound over IPv4 is not to be had there.
    let peer = UdpSocket::bind("[::1]:0").await.unwrap();
    let from = peer.local_addr().unwrap();
    let offer = "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 7000 RTP/AVP 0\r\n";
    let invite = format!(
        "INVITE sip:{ECHO}@{at} SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bKfour\r\nFrom: <sip:1@{from}>;tag=1\r\n\
         To: <sip:{ECHO}@{at}>\r\nCall-ID: four\r\nCSeq: 1 INVITE\r\nContact: <sip:1@{from}>\r\nMax-Forwards: 70\r\n\
         Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{offer}",
        offer.len()
    );
    peer.send_to(invite.as_bytes(), at).await.unwrap();
    let mut buffer = vec![0; 4_096];
    let answer = loop {
        let (length, _) = timeout(SOON, peer.recv_from(&mut buffer))
            .await
            .unwrap()
            .unwrap();
        let answer = String::from_utf8_lossy(&buffer[..length]).into_owned();
        if !answer.starts_with("SIP/2.0 1") {
            break answer;
        }
    };
    assert!(answer.starts_with("SIP/2.0 488 "), "{answer}");
    let why = "192.0.2.9 is IPv4, and the media of this call is IPv6";
    assert!(
        answer.contains("Warning: 301 ") && answer.contains(why),
        "{answer}"
    );
    causeway.nothing_left(before).await.unwrap();
    causeway.stop().await.unwrap();
    acd.stop().await.unwrap();
}
