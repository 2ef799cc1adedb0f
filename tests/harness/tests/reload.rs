//! A document that changes under a running box: a call stands through a reload that takes its trunk away, and a document
//! with a fault changes nothing.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use causeway_harness::config::{ADMIN_KEY, TrunkPlan};
use causeway_harness::https;
use causeway_harness::load::Load;
use causeway_harness::{Acd, BoxPlan, BoxProcess, place};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(15);

/// Writes the document and tells the box; the line it logs of it.
async fn reload(causeway: &BoxProcess, document: &str) -> String {
    let mark = causeway.program().mark();
    std::fs::write(causeway.folder().join("causeway.toml"), document).unwrap();
    let pid = i32::try_from(causeway.program().pid()).unwrap();
    kill(Pid::from_raw(pid), Signal::SIGHUP).unwrap();
    let said = causeway
        .program()
        .logged(mark, "a reload", PATIENCE, |line| {
            line.contains("the document")
        });
    said.await.unwrap().1
}

/// The trunks that the box says it has, with their states.
async fn trunks(causeway: &BoxProcess) -> Vec<(String, String)> {
    let answer = causeway.admin("/api/v1/trunks").await.unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let trunks = answer["trunks"].as_array().unwrap();
    trunks
        .iter()
        .map(|trunk| (text(&trunk["name"]), text(&trunk["state"])))
        .collect()
}

async fn one_call(causeway: &BoxProcess) -> Value {
    Load::new(1, 1, 1.0).run(causeway).await.unwrap()
}

#[tokio::test]
async fn a_call_stands_while_its_trunk_is_taken_away_and_the_next_goes_over_the_new_one() {
    // An address of its own: whether it is still listened to is seen by it.
    let there = SocketAddr::from((Ipv4Addr::new(127, 0, 0, 2), place::free_port().unwrap()));
    let mut first = Acd::start_at(there, &[]).await.unwrap();
    let mut second = Acd::start(&[]).await.unwrap();
    let plan = BoxPlan::new(first.address()).unwrap();
    let mut other = plan.clone();
    other.trunks = vec![TrunkPlan {
        name: "other".to_owned(),
        address: second.address(),
        extra: "options_s = 2\n".to_owned(),
    }];
    other.max_calls = 2;
    let causeway = BoxProcess::start(plan.clone()).await.unwrap();
    let before = causeway.holdings().unwrap();

    let mut talking = Load::new(1, 1, 9.0);
    talking.codec = "pcmu".to_owned();
    let meanwhile = async {
        let answered = first.wait("answered", PATIENCE, |_| true).await.unwrap();
        let said = reload(&causeway, &other.to_toml()).await;
        assert!(said.contains("was read again"), "{said}");
        assert_eq!(trunks(&causeway).await[0].0, "other");

        // The PBX of the trunk that is gone holds its call and takes it up again.
        let call = answered["call"].to_string();
        first.command(&format!("hold {call}")).await.unwrap();
        first.wait("held", PATIENCE, |_| true).await.unwrap();
        first.command(&format!("resume {call}")).await.unwrap();
        first.wait("resumed", PATIENCE, |_| true).await.unwrap();

        // The new trunk carries calls, and is probed.
        let report = one_call(&causeway).await;
        assert_eq!(report["failed"], 0, "{report}");
        second
            .wait_or_seen("answered", PATIENCE, |_| true)
            .await
            .unwrap();
        let up = [("other".to_owned(), "up".to_owned())];
        assert_eq!(trunks(&causeway).await, up);

        // A document with a fault: the line is named, its secrets are not, and nothing else happens.
        let faulty = other.to_toml().replace("options_s = 2", "options_s = 1");
        let mark = causeway.program().mark();
        let said = reload(&causeway, &faulty).await;
        assert!(said.contains("stays as it is"), "{said}");
        let line = causeway
            .program()
            .logged(mark, "the line", PATIENCE, |line| line.contains("line "));
        assert!(line.await.unwrap().1.contains("`options_s` is 0"));
        assert_eq!(trunks(&causeway).await, up);
        let keyless = other.to_toml().replace("admin_key_sha256", "# ");
        let said = reload(&causeway, &keyless).await;
        assert!(said.contains("admin key"), "{said}");
        let report = one_call(&causeway).await;
        assert_eq!(report["failed"], 0, "{report}");

        // A limit counts at once: the call that stands is the only one there may be.
        let tight = BoxPlan {
            max_calls: 1,
            ..other.clone()
        };
        reload(&causeway, &tight.to_toml()).await;
        let report = one_call(&causeway).await;
        assert_eq!(report["failed"], 1, "{report}");
    };
    let (talked, ()) = tokio::join!(talking.run(&causeway), meanwhile);
    let talked = talked.unwrap();
    assert_eq!(
        (&talked["connected"], &talked["failed"]),
        (&1.into(), &0.into()),
        "{talked}"
    );
    first.wait("ended", PATIENCE, |_| true).await.unwrap();
    assert_eq!(first.seen("invite").len(), 1);
    assert_eq!(second.seen("invite").len(), 2);
    let record = causeway.record("of the first call", |r| r["trunk"] == "pbx");
    let record = record.await.unwrap();
    assert_eq!(record["cause_code"], "hangup", "{record}");

    // And back again.
    let said = reload(&causeway, &plan.to_toml()).await;
    assert!(said.contains("was read again"), "{said}");
    let report = one_call(&causeway).await;
    assert_eq!(report["failed"], 0, "{report}");
    first
        .wait("answered", PATIENCE, |_| true)
        .await
        .expect("the trunk is back");
    causeway.nothing_left(before).await.unwrap();
    causeway.stop().await.unwrap();
    first.stop().await.unwrap();
    second.stop().await.unwrap();
}

#[tokio::test]
async fn what_needs_a_restart_is_told_and_the_rest_is_followed() {
    let acd = Acd::start(&[]).await.unwrap();
    let plan = BoxPlan::new(acd.address()).unwrap();
    let causeway = BoxProcess::start(plan.clone()).await.unwrap();
    let mut events = causeway.listen().await.unwrap();

    let mut moved = plan.clone();
    moved.https.set_port(place::free_port().unwrap());
    moved.sip.set_port(place::free_port().unwrap());
    let fresh = "a key that was drawn a moment ago";
    let document = moved.to_toml().replace(
        &sha256_line(&plan.to_toml()),
        &format!("admin_key_sha256 = \"{}\"", hash(fresh)),
    );
    let said = reload(&causeway, &document).await;
    assert!(said.contains("box.https, sip.udp"), "{said}");

    // It is where it was, and the key is another.
    let at = causeway.https();
    let old = https::ask(at, "/api/v1/trunks", Some(ADMIN_KEY), None);
    assert_eq!(old.await.unwrap().status, 401);
    let new = https::ask(at, "/api/v1/trunks", Some(fresh), None);
    assert_eq!(new.await.unwrap().status, 200);

    // The stream of before goes on, and is told of a trunk that is gone.
    let mut without = plan.clone();
    without.trunks[0].name = "renamed".to_owned();
    reload(&causeway, &without.to_toml()).await;
    let gone = async {
        loop {
            let line = events.recv().await.expect("the stream goes on");
            if line.contains("\"removed\"") {
                return line;
            }
        }
    };
    let line = tokio::time::timeout(PATIENCE, gone).await.unwrap();
    assert!(line.contains("\"pbx\""), "{line}");
    causeway.stop().await.unwrap();
    acd.stop().await.unwrap();
}

fn sha256_line(document: &str) -> String {
    let mut lines = document.lines();
    let line = lines.find(|line| line.starts_with("admin_key_sha256"));
    line.unwrap().to_owned()
}

fn hash(key: &str) -> String {
    use sha2::Digest;
    let digest = sha2::Sha256::digest(key.as_bytes());
    digest.iter().map(|octet| format!("{octet:02x}")).collect()
}
