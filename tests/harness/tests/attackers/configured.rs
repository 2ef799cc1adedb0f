//! What the API and the configuration set cannot become a header of its own.

use causeway_harness::config::APP_SECRET;
use causeway_harness::load::Load;
use causeway_harness::{BoxPlan, BoxProcess, https};
use serde_json::json;

use crate::script::{OTHER_PBX, PBX, Peer, SDP, causeway, header, metric, response};

const EVIL: &str = "x\r\nX-Evil: 1";

#[tokio::test]
async fn a_configuration_with_line_breaks_is_not_started() {
    let pbx = Peer::at(PBX, 0).await;
    let refused = |change: &dyn Fn(&mut BoxPlan)| {
        let mut plan = BoxPlan::new(pbx.address()).unwrap();
        change(&mut plan);
        BoxProcess::start(plan)
    };
    let of_trunk = |key: &str| {
        let line = format!("{key} = \"x\\r\\nX-Evil: 1\"\n");
        refused(&move |plan| plan.trunks[0].extra.clone_from(&line))
    };
    // Every key has its line in the directory's own tests; these two show that the box itself refuses.
    for (key, start) in [("domain", of_trunk("domain")), ("realm", of_trunk("realm"))] {
        let fault = start.await.expect_err(key).to_string();
        assert!(fault.contains("is one line"), "{key}: {fault}");
        assert!(fault.contains(&format!("| {key}")), "{key}: {fault}");
    }
}

#[tokio::test]
async fn what_the_api_sets_is_no_header_and_what_the_pbx_says_no_markup() {
    let (pbx, other) = (Peer::at(PBX, 0).await, Peer::at(OTHER_PBX, 0).await);
    let causeway = causeway(&pbx, &other, "").await;
    let sip = causeway.plan().sip;

    // Tokens for such accounts and destinations are not made.
    for (key, value) in [
        ("account", json!(format!("anna@example.com{EVIL}"))),
        ("to", json!([format!("100{EVIL}")])),
        ("to", json!(["100\u{0}"])),
    ] {
        let mut body = json!({"app": "demo", "secret": APP_SECRET});
        body[key] = value;
        let answer = https::ask(causeway.https(), "/api/v1/tokens", None, Some(&body)).await;
        let answer = answer.unwrap();
        assert!(
            [400, 422].contains(&answer.status),
            "{key}: {}",
            answer.body
        );
        assert!(
            !answer.body.contains(char::is_control),
            "{key}: {}",
            answer.body
        );
    }
    // Numbers that are none are not called.
    for to in [
        "100\r\nX-Evil: 1",
        "100>;x=<sip:1",
        "100@evil.example",
        "100%0d%0aX-Evil:1",
    ] {
        let mut load = Load::new(1, 1, 0.1);
        load.to = to.to_owned();
        let report = load.run(&causeway).await.unwrap();
        assert_eq!(report["failed"], 1, "{to}: {report}");
    }
    assert_eq!(metric(&causeway, "causeway_calls_placed_total").await, 0);
    assert_eq!(pbx.receive(std::time::Duration::from_millis(1)).await, None);

    // What is called is digits, and what the PBX says about it arrives as plain text.
    let mut load = Load::new(1, 1, 0.1);
    load.to = "1 0-0".to_owned();
    let call = load.run(&causeway);
    let far_side = async {
        let invite = pbx.expect("INVITE ").await;
        assert!(invite.starts_with("INVITE sip:100@"), "{invite}");
        let long = "A".repeat(5_000);
        let reason = "Reason: Q.850;cause=17;text=\"<b>\u{1b}[31m\u{202e}evil\"\r\n";
        let status = format!("486 Busy\u{7}\u{202e}<script>{long}");
        pbx.send(sip, &response(&invite, &status, "p", reason, ""))
            .await;
        pbx.expect("ACK ").await;
    };
    let (report, ()) = tokio::join!(call, far_side);
    report.unwrap();
    let record = causeway
        .record("of the call", |r| r["to_number"] == "100")
        .await
        .unwrap();
    let said = record["reason"].as_str().unwrap();
    assert!(!said.is_empty() && said.chars().count() <= 200, "{record}");
    assert!(
        !said.contains(|c: char| c.is_control() || c == '\u{202e}'),
        "{record}"
    );

    // The same for who calls.
    let evil = format!(
        "\"<script>\u{1b}[31m\u{202e}{}\" <sip:4711@x>",
        "B".repeat(5_000)
    );
    let uri = format!("sip:+49301001@{sip}");
    let invite = crate::script::request_with(
        "INVITE",
        &uri,
        pbx.address(),
        "named",
        ["n", ""],
        1,
        &format!(
            "P-Asserted-Identity: {evil}\r\nDiversion: <sip:%0d%0a<b>{0}@x>\r\n",
            "9".repeat(300)
        ),
        SDP,
    );
    pbx.send(sip, &invite).await;
    let refusal = pbx.expect("SIP/2.0 4").await;
    assert!(!header(&refusal, "CSeq").is_empty());
    assert!(!refusal.contains("script"), "{refusal}");
    causeway.stop().await.unwrap();
}
