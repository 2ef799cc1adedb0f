//! The trunk doctor looks at the demo ACD.

use causeway_harness::cli::{causeway, causeway_says};
use causeway_harness::{Acd, BoxPlan, BoxProcess};

#[tokio::test]
async fn a_good_trunk_is_found_good_and_nothing_is_left() {
    let acd = Acd::start(&["--prack"]).await.unwrap();
    let mut plan = BoxPlan::new(acd.address()).unwrap();
    // Two OPTIONS of the check are the only ones.
    plan.trunks[0].extra = "options_s = 0\n".to_owned();
    let causeway_box = BoxProcess::start(plan).await.unwrap();
    let mut before = causeway_box.holdings().unwrap();
    // The TCP connection of one OPTIONS stays open for later requests.
    before.descriptors += 1;
    let output = causeway(&causeway_box, &["trunk", "check", "pbx", "--number", "600"])
        .await
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let found = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{told}{found}");
    for expected in ["options udp  200", "call         200 OK"] {
        assert!(told.contains(expected), "{told}");
    }
    for expected in [
        "The PBX answers over UDP",
        "It would answer over TCP too",
        "The number answers after",
        "It answers with PCMU",
        "payload type 101",
        "from the address that was agreed",
        "holds the call is answered",
        "PRACK is taken",
        "[[trunk]]\nname = \"pbx\"",
        "transport = \"udp\"",
        "codecs = [\"PCMU\", \"PCMA\"]",
        "reliable = \"supported\"",
    ] {
        assert!(
            found.contains(expected),
            "{expected} is missing in\n{found}"
        );
    }

    // What was said is kept for each probe.
    let (_, id) = found.split_once("causeway calls show check-").unwrap();
    let run = id.split('-').next().unwrap();
    let ladder = causeway_says(
        &causeway_box,
        &["calls", "show", &format!("check-{run}-call"), "--ladder"],
    )
    .await
    .unwrap();
    for expected in ["---- INVITE sip:600@", "sendonly", "---- BYE "] {
        assert!(ladder.contains(expected), "{ladder}");
    }
    causeway_box.nothing_left(before).await.unwrap();
    causeway_box.stop().await.unwrap();
    acd.stop().await.unwrap();
}

#[tokio::test]
async fn a_trunk_that_wants_credentials_and_one_that_is_unknown() {
    let acd = Acd::start(&[]).await.unwrap();
    let causeway_box = BoxProcess::start(BoxPlan::new(acd.address()).unwrap())
        .await
        .unwrap();
    let output = causeway(&causeway_box, &["trunk", "check", "pbx", "--number", "709"])
        .await
        .unwrap();
    let found = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{found}");
    assert!(
        found.contains("The PBX asks for credentials of the realm"),
        "{found}"
    );
    assert!(found.contains("and the trunk has none"), "{found}");

    let output = causeway(&causeway_box, &["trunk", "check", "nobody"])
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.code() == Some(1) && said.contains("not_found"),
        "{said}"
    );
    let output = causeway(&causeway_box, &["trunk", "check", "pbx", "--number", "6@x"])
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("bad_request"), "{said}");
    causeway_box.stop().await.unwrap();
    acd.stop().await.unwrap();
}
