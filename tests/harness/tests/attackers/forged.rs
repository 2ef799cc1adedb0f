//! Requests in a dialog that is not the sender's: with the right Call-ID and the wrong tags, and with everything right
//! from a stranger's address. The call goes on.

use std::time::Duration;

use causeway_harness::config::ECHO;

use crate::script::{
    OTHER_PBX, PBX, Peer, SDP, STRANGER, causeway, header, metric, request, request_with, to_tag,
};

#[tokio::test]
async fn a_call_is_touched_by_its_own_pbx_alone() {
    let (pbx, other) = (Peer::at(PBX, 0).await, Peer::at(OTHER_PBX, 0).await);
    let stranger = Peer::at(STRANGER, 0).await;
    let causeway = causeway(&pbx, &other, "").await;
    let sip = causeway.plan().sip;
    let from = pbx.address();
    let uri = format!("sip:{ECHO}@{sip}");

    let evil = "Subject: x\r\nP-Asserted-Identity: \"<script>\u{202e}\\\"\" <sip:4711@x>\r\n";
    let invite = request_with("INVITE", &uri, from, "call", ["a", ""], 1, evil, SDP);
    pbx.send(sip, &invite).await;
    let answer = pbx.expect("SIP/2.0 200").await;
    let tag = to_tag(&answer);
    let contact = header(&answer, "Contact");
    let target = contact.trim_matches(['<', '>']).to_owned();
    pbx.send(sip, &request("ACK", &target, from, "call", ["a", &tag], 1))
        .await;
    let running = || metric(&causeway, "causeway_calls_running");
    assert_eq!(running().await, 1);

    // Wrong tags from the right place: no such dialog.
    for (number, method) in [
        (2, "BYE"),
        (3, "INVITE"),
        (4, "UPDATE"),
        (5, "INFO"),
        (6, "REFER"),
    ] {
        for tags in [["a", "wrong"], ["wrong", tag.as_str()], ["wrong", "wrong"]] {
            let mark = tags.concat();
            let body = if method == "INVITE" { SDP } else { "" };
            let forged = request_with(method, &target, from, "call", tags, number, "", body)
                .replace(";rport", &format!("{mark};rport"));
            pbx.send(sip, &forged).await;
            let refusal = pbx.expect("SIP/2.0 ").await;
            assert!(
                refusal.starts_with("SIP/2.0 481 "),
                "{method} {tags:?}: {refusal}"
            );
            if method == "INVITE" {
                let tags = ["a", &to_tag(&refusal)];
                let ack = request("ACK", &target, from, "call", tags, number)
                    .replace("z9hG4bKACK", "z9hG4bKINVITE")
                    .replace(";rport", &format!("{mark};rport"));
                pbx.send(sip, &ack).await;
            }
        }
    }
    pbx.send(sip, &request("CANCEL", &uri, from, "call", ["a", ""], 7))
        .await;
    pbx.expect("SIP/2.0 481").await;
    assert_eq!(running().await, 1);

    // Everything right from a stranger: not even read.
    let before = metric(&causeway, "causeway_sip_not_accepted_total").await;
    let mut sent = 0;
    for (number, method) in [(8, "BYE"), (9, "INVITE"), (1, "CANCEL"), (10, "UPDATE")] {
        for address in [from, stranger.address()] {
            let body = if method == "INVITE" { SDP } else { "" };
            let tags = if method == "CANCEL" {
                ["a", ""]
            } else {
                ["a", tag.as_str()]
            };
            let forged = request_with(method, &target, address, "call", tags, number, "", body);
            stranger.send(sip, &forged).await;
            sent += 1;
        }
    }
    assert_eq!(stranger.receive(Duration::from_millis(500)).await, None);
    let heard = pbx.receive(Duration::from_millis(1)).await;
    assert_eq!(heard, None, "nothing is sent where a Via points");
    let after = metric(&causeway, "causeway_sip_not_accepted_total").await;
    assert_eq!(after - before, sent);
    assert_eq!(running().await, 1);

    // The PBX itself goes on as ever.
    let number = 20;
    let hold = request_with(
        "INVITE",
        &target,
        from,
        "call",
        ["a", &tag],
        number,
        "",
        SDP,
    );
    pbx.send(sip, &hold).await;
    pbx.expect("SIP/2.0 200").await;
    pbx.send(
        sip,
        &request("ACK", &target, from, "call", ["a", &tag], number),
    )
    .await;
    pbx.send(
        sip,
        &request("BYE", &target, from, "call", ["a", &tag], number + 1),
    )
    .await;
    let bye = pbx.expect("SIP/2.0 200").await;
    assert!(header(&bye, "CSeq").ends_with("BYE"), "{bye}");
    causeway
        .record("of the call", |r| !r["ended_at"].is_null())
        .await
        .unwrap();
    assert_eq!(running().await, 0);
    causeway.stop().await.unwrap();
}
