//! The box registers with Asterisk, and calls go both ways over what it registered. No browser is there: the box is
//! called at its test number, and callers of our own load generator call out.

use std::io::Write;
use std::time::Duration;

use causeway_harness::asterisk::{self, Trunk};
use causeway_harness::config::{ECHO, TrunkPlan, loopback};
use causeway_harness::load::Load;
use causeway_harness::{Asterisk, BoxPlan, BoxProcess, HarnessError, Result, place};
use causeway_interop::{SOON, alone, equal, so};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

const PASSWORD: &str = "a secret of loopback";

fn trunk(tcp: bool, sha256: bool) -> Trunk {
    Trunk {
        digest: Some(("causeway".to_owned(), PASSWORD.to_owned())),
        tcp,
        registers: true,
        sha256,
        ..Trunk::default()
    }
}

/// The keys of a trunk that registers as `box`.
fn registers(transport: &str, password: &str) -> String {
    format!(
        "transport = \"{transport}\"\nusername = \"causeway\"\npassword = \"{password}\"\n\
         registration = {{ user = \"box\", expires_s = 60 }}\noptions_s = 2\n"
    )
}

async fn registration(causeway: &BoxProcess, trunk: &str) -> Result<Value> {
    let status = causeway.admin("/api/v1/status").await?;
    let trunks = status["trunks"].as_array().cloned().unwrap_or_default();
    let found = trunks.into_iter().find(|t| t["name"] == trunk);
    found.ok_or_else(|| HarnessError::new(format!("no trunk {trunk} in {status}")))
}

/// Waits until a trunk's registration is `state`.
async fn becomes(
    causeway: &BoxProcess,
    trunk: &str,
    state: &str,
    within: Duration,
) -> Result<Value> {
    let deadline = Instant::now() + within;
    loop {
        let found = registration(causeway, trunk).await?;
        if found["registration"]["state"] == state {
            return Ok(found);
        }
        if Instant::now() > deadline {
            let log = causeway.program().tail(30);
            return Err(HarnessError::new(format!(
                "{trunk} is not {state} within {within:?}: {found}\n{log}"
            )));
        }
        sleep(Duration::from_millis(100)).await;
    }
}

/// Asterisk calls the test number and is answered.
async fn called(pbx: &mut Asterisk, by_account: bool) -> Result<()> {
    let mark = pbx.mark();
    match by_account {
        true => pbx.ring_account(ECHO, 10, "100").await?,
        false => pbx.ring(ECHO, 10, "100").await?,
    }
    // The tone's extension begins when the box has answered.
    pbx.logged(mark, &["CALLER", "TO 100"], SOON).await?;
    pbx.console("channel request hangup all").await?;
    let said = pbx.logged(mark, &["DIALLED", "STATUS"], SOON).await?;
    so(&said, said.contains("STATUS ANSWER"))?;
    pbx.idle().await
}

/// Somebody calls the echo of Asterisk through the box.
async fn calls(causeway: &BoxProcess) -> Result<()> {
    let report = Load::new(1, 1, 0.5).run(causeway).await?;
    let record = causeway
        .record("of a call to 600", |r| {
            r["to_number"] == "600" && !r["ended_at"].is_null()
        })
        .await?;
    so(
        &format!("{report} {record}"),
        record["cause_code"] == "hangup" && !record["answered_at"].is_null(),
    )
}

fn skipped() -> bool {
    let absent = asterisk::chroot().is_none();
    if absent {
        let _ = writeln!(
            std::io::stderr(),
            "\n*** SKIPPED: there is no Asterisk here; make it with: cargo xtask interop --prepare ***\n"
        );
    }
    absent
}

async fn start(
    transport: &str,
    trunk: &Trunk,
    further: &[TrunkPlan],
) -> Result<(Asterisk, BoxProcess)> {
    let port = place::free_port()?;
    let mut plan = BoxPlan::new(loopback(port))?;
    plan.trunks[0].extra = registers(transport, PASSWORD);
    for more in further {
        plan.trunks.push(TrunkPlan {
            address: loopback(port),
            ..more.clone()
        });
    }
    let pbx = Asterisk::start_with(port, plan.sip, None, trunk).await?;
    let causeway = BoxProcess::start(plan).await?;
    Ok((pbx, causeway))
}

/// Asterisk dies, the box sees it, and another takes its place, which knows nothing of us. Waits for the box to
/// register with that, without being told.
async fn replaced(pbx: Asterisk, causeway: &BoxProcess, trunk: &Trunk) -> Result<Asterisk> {
    let port = pbx.address().port();
    pbx.kill().await?;
    let deadline = Instant::now() + SOON;
    while registration(causeway, "pbx").await?["state"] != "down" {
        so(&causeway.program().tail(30), Instant::now() < deadline)?;
        sleep(Duration::from_millis(100)).await;
    }
    let mut pbx = Asterisk::start_with(port, causeway.plan().sip, None, trunk).await?;
    let deadline = Instant::now() + SOON;
    loop {
        let contacts = pbx.console("pjsip show contacts").await?.join("\n");
        if contacts.contains("sip:box@127.0.0.1:") {
            return Ok(pbx);
        }
        so(&causeway.program().tail(30), Instant::now() < deadline)?;
        sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn over_udp_with_sha256_and_after_a_restart() -> Result<()> {
    if skipped() {
        return Ok(());
    }
    let _machine = alone().await;
    let settings = trunk(false, true);
    let (mut pbx, causeway) = start("udp", &settings, &[]).await?;
    let found = becomes(&causeway, "pbx", "registered", SOON).await?;
    equal("the trunk", &found["state"], &json!("up"))?;
    let contacts = pbx.console("pjsip show contacts").await?.join("\n");
    let ours = format!("sip:box@{}", causeway.plan().sip);
    so(&contacts, contacts.contains(&ours))?;
    pbx.console("pjsip set logger on").await?;
    let mark = pbx.mark();
    called(&mut pbx, false).await?;
    called(&mut pbx, true).await?;
    calls(&causeway).await?;
    let log = pbx.log_since(mark);
    so(
        "the call out was authenticated with SHA-256",
        log.contains("algorithm=SHA-256"),
    )?;

    let mut pbx = replaced(pbx, &causeway, &settings).await?;
    called(&mut pbx, true).await?;
    // Taken back when the box stops in order.
    causeway.stop().await?;
    let contacts = pbx.console("pjsip show contacts").await?.join("\n");
    so(&contacts, !contacts.contains(&ours))?;
    pbx.stop().await
}

#[tokio::test]
async fn over_tcp_on_its_own_connection_and_with_a_wrong_password() -> Result<()> {
    if skipped() {
        return Ok(());
    }
    let _machine = alone().await;
    let wrong = TrunkPlan {
        name: "wrong".to_owned(),
        address: loopback(9),
        extra: format!("{}numbers = [\"9*\"]\n", registers("tcp", "another")),
    };
    let settings = trunk(true, false);
    let (mut pbx, causeway) = start("tcp", &settings, &[wrong]).await?;
    becomes(&causeway, "pbx", "registered", SOON).await?;
    // Where the box called from, not where it listens: there is one connection.
    let contacts = pbx.console("pjsip show contacts").await?.join("\n");
    let listens = format!("box@{}", causeway.plan().sip);
    so(
        &contacts,
        contacts.contains("sip:box@127.0.0.1:") && !contacts.contains(&listens),
    )?;
    called(&mut pbx, false).await?;
    called(&mut pbx, true).await?;
    calls(&causeway).await?;

    let found = becomes(&causeway, "wrong", "failed", SOON).await?;
    let reason = found["registration"]["reason"].to_string();
    so(
        &reason,
        reason.contains("does not accept the user name or the password (401"),
    )?;
    let told = causeway
        .program()
        .lines(|l| l.contains("registration failed") && l.contains("does not accept"));
    so(&format!("in the log: {told:?}"), !told.is_empty())?;
    for secret in ["another", PASSWORD] {
        let told = causeway.program().lines(|l| l.contains(secret));
        so(&format!("kept secret: {told:?}"), told.is_empty())?;
    }

    let mut pbx = replaced(pbx, &causeway, &settings).await?;
    called(&mut pbx, true).await?;
    // Who refused the password was asked once, and waits at least 15 s for the next time.
    let metrics = causeway.metrics().await?;
    let of = |name: &str, trunk: &str| {
        metrics
            .get(&format!("{name}{{trunk=\"{trunk}\"}}"))
            .copied()
    };
    let failed = of("causeway_trunk_registrations_failed_total", "wrong");
    so(
        &format!("backed off: {failed:?}"),
        failed.is_some_and(|failed| (1.0..=2.0).contains(&failed)),
    )?;
    for (trunk, registered) in [("pbx", 1.0), ("wrong", 0.0)] {
        let gauge = of("causeway_trunk_registered", trunk);
        so(&format!("{trunk}: {gauge:?}"), gauge == Some(registered))?;
    }
    causeway.stop().await?;
    pbx.stop().await
}
