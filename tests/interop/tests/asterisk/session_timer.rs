//! Session timers (RFC 4028) with Asterisk in both roles, each refreshing once for real: 50 s, beside other scenarios.
//!
//! There is no page. A caller without a browser calls Asterisk, where the box refreshes; meanwhile Asterisk calls the
//! box's test number, and refreshes itself.

use std::time::Duration;

use causeway_harness::asterisk::{self, Trunk};
use causeway_harness::config::{ECHO, loopback};
use causeway_harness::load::Load;
use causeway_harness::{Asterisk, BoxPlan, BoxProcess, Result, place};
use causeway_interop::{Said, skipped, so, wire};
use serde_json::{Value, json};

#[tokio::test]
async fn a_call_outlives_half_its_interval_whoever_refreshes() -> Result<()> {
    if asterisk::chroot().is_none() {
        skipped("there is no Asterisk here; make it with: cargo xtask interop --prepare");
        return Ok(());
    }
    let port = place::free_port()?;
    let mut plan = BoxPlan::new(loopback(port))?;
    plan.trunks[0].extra = "session_timer = \"required\"\nsession_expires_s = 90".to_owned();
    let trunk = Trunk {
        endpoint: "timers=always\ntimers_min_se=90\ntimers_sess_expires=90".to_owned(),
        ..Trunk::default()
    };
    let mut pbx = Asterisk::start_with(port, plan.sip, None, &trunk).await?;
    let causeway = BoxProcess::start(plan).await?;
    let before = causeway.holdings()?;

    pbx.call(ECHO, "4711", "100").await?;
    let told = Load::new(1, 1, 50.0).run(&causeway).await?;
    so(
        &format!("the call lasted and was heard: {told}"),
        told["failed"] == json!(0),
    )?;
    pbx.console("channel request hangup all").await?;

    let ended =
        |way: &'static str| move |r: &Value| r["direction"] == way && !r["ended_at"].is_null();
    for (way, refresher) in [("from_browser", "the box"), ("echo", "Asterisk")] {
        let record = causeway.record(way, ended(way)).await?;
        let lasted =
            record["ended_at"].as_i64().unwrap_or(0) - record["answered_at"].as_i64().unwrap_or(0);
        so(&format!("{way}: it lasted: {lasted} ms"), lasted > 49_000)?;
        let messages = wire(&causeway, record["id"].as_str().unwrap_or_default()).await?;
        let agreed = messages
            .iter()
            .find(|m| m.answers("INVITE", 200))
            .and_then(|m| m.header("Session-Expires"))
            .unwrap_or_default();
        // The caller refreshes both times (RFC 4028 section 9).
        so(
            &format!("{way}: 90 s were agreed: {agreed}"),
            agreed.starts_with("90") && agreed.contains("refresher=uac"),
        )?;
        let by_the_box = refresher == "the box";
        let count = messages
            .iter()
            .filter(|m| m.sent == by_the_box && refreshes(m))
            .count();
        so(
            &format!("{way}: refreshed once by {refresher}: {messages:#?}"),
            count == 1,
        )?;
    }
    causeway
        .nothing_left_within(before, Duration::from_secs(45))
        .await?;
    causeway.stop().await?;
    pbx.idle().await?;
    pbx.stop().await
}

/// A request within the dialog that carries the interval on.
fn refreshes(said: &Said) -> bool {
    (said.is("UPDATE") || said.is("INVITE"))
        && said.header("To").is_some_and(|to| to.contains(";tag="))
        && said.header("Session-Expires").is_some()
}
