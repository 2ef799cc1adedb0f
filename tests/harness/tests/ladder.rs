//! What box and PBX said in a call, as the administrator sees it.

use causeway_harness::cli::{causeway, causeway_says};
use causeway_harness::load::Load;
use causeway_harness::{Acd, BoxPlan, BoxProcess};

#[tokio::test]
async fn a_call_is_drawn_and_captured_without_its_secrets() {
    let acd = Acd::start(&[]).await.unwrap();
    let mut plan = BoxPlan::new(acd.address()).unwrap();
    // 709 asks for credentials with 401.
    plan.trunks[0].extra = "username = \"demo\"\npassword = \"demo\"\n".to_owned();
    let causeway_box = BoxProcess::start(plan).await.unwrap();
    let mut load = Load::new(1, 1, 0.3);
    load.to = "709".to_owned();
    load.run(&causeway_box).await.unwrap();
    let record = causeway_box
        .record("of the call to 709", |r| {
            r["to_number"] == "709" && !r["ended_at"].is_null()
        })
        .await
        .unwrap();
    let id = record["id"].as_str().unwrap();
    let show = ["calls", "show", id];

    let drawn = causeway_says(&causeway_box, &[&show[..], &["--ladder"]].concat())
        .await
        .unwrap();
    let mut rest = drawn.as_str();
    for expected in [
        "---- INVITE sip:709@",
        "audio: PCMU PCMA digits 127.0.0.1:",
        "<--- 401 Unauthorized (1 INVITE)",
        "---- ACK sip:709@",
        "---- INVITE sip:709@",
        "<--- 200 OK (2 INVITE)",
        "audio: PCMU digits 127.0.0.1:",
        "---- ACK ",
        "---- BYE ",
        "<--- 200 OK (3 BYE)",
    ] {
        let at = rest
            .find(expected)
            .unwrap_or_else(|| panic!("{expected} is missing, or out of order, in\n{drawn}"));
        rest = &rest[at + expected.len()..];
    }

    let full = causeway_says(&causeway_box, &[&show[..], &["--messages"]].concat())
        .await
        .unwrap();
    let credentials: Vec<&str> = full
        .lines()
        .filter(|l| l.starts_with("Authorization: "))
        .collect();
    assert!(!credentials.is_empty(), "{full}");
    for line in credentials {
        assert!(
            line.contains("username=\"demo\"") && line.contains("response=\"xxxx"),
            "{line}"
        );
    }
    let token = full
        .lines()
        .find_map(|l| l.strip_prefix("User-to-User: "))
        .expect("the INVITE has User-to-User");
    let value = token.split(';').next().unwrap();
    assert!(
        !value.is_empty() && value.bytes().all(|b| b == b'x'),
        "{token}"
    );

    let file = causeway_box.folder().join("call.pcap");
    let name = file.to_str().unwrap();
    causeway_says(&causeway_box, &[&show[..], &["--pcap", name]].concat())
        .await
        .unwrap();
    let capture = std::fs::read(&file).unwrap();
    assert_eq!(capture[..4], [0xd4, 0xc3, 0xb2, 0xa1]);
    let begins = |what: &[u8]| capture.windows(what.len()).filter(|w| *w == what).count();
    assert_eq!(begins(b"INVITE sip:709@"), 2);
    // The second INVITE and its ACK (RFC 3261 section 22.1).
    assert_eq!(begins(b"response=\"xxxx"), 2);

    // Nobody else may see it, and a call nobody knows is said to be none.
    let path = format!("/api/v1/calls/{id}/ladder");
    let stranger = causeway_harness::https::ask(causeway_box.https(), &path, None, None)
        .await
        .unwrap();
    assert_eq!(stranger.status, 401);
    let unknown = causeway(&causeway_box, &["calls", "show", "none", "--ladder"])
        .await
        .unwrap();
    assert_eq!(unknown.status.code(), Some(1));
    causeway_box.stop().await.unwrap();
    acd.stop().await.unwrap();
}
