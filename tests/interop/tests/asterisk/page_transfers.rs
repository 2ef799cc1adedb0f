//! A page hands a call on by REFER, which Asterisk carries out.

use causeway_harness::{Acd, HarnessError, Result};
use causeway_interop::{AGENT_HZ, End, PBX_HZ, SOON, Site, SitePlan, equal, hears, so};
use serde_json::{Value, json};

async fn with_agent() -> Result<Option<(Site, Acd)>> {
    let plan = SitePlan {
        agent: true,
        ..SitePlan::default()
    };
    let Some(mut site) = Site::open(plan).await? else {
        return Ok(None);
    };
    let agent = site.agent.take();
    let agent = agent.ok_or_else(|| HarnessError::new("the plan has an agent"))?;
    Ok(Some((site, agent)))
}

/// The page asks, and what came of it.
async fn transfer(site: &Site, call: &str, target: &str) -> Result<Value> {
    let tried = format!(
        "{call}.transfer({target}).then(() => 'done', e => ({{code: e.code, sip: e.sip, message: e.message}}))"
    );
    site.phone.browser().evaluate_within(&tried, SOON).await
}

#[tokio::test]
async fn a_blind_transfer_leaves_the_agent_with_the_new_party() -> Result<()> {
    let Some((mut site, mut agent)) = with_agent().await? else {
        return Ok(());
    };
    let call = site.phone.place("400").await?;
    let number = agent.wait("answered", SOON, |_| true).await?["call"].clone();
    site.phone.answered().await?;
    let mark = site.pbx.mark();
    equal(
        "the transfer",
        &transfer(&site, "phone.call", "'600'").await?,
        &json!("done"),
    )?;
    let end = End::new("transferred", "local");
    let record = site.ends(&call, end).await?;
    so(
        &format!("the record says to whom: {record}"),
        record["reason"]
            .as_str()
            .is_some_and(|reason| reason.contains("600")),
    )?;
    // 600 echoes what the agent says.
    site.pbx.logged(mark, &["CALLER", "TO 600"], SOON).await?;
    agent.forget();
    agent.wait("heard", SOON, |e| hears(e, AGENT_HZ)).await?;
    agent.command(&format!("hangup {number}")).await?;
    site.agent = Some(agent);
    site.close().await
}

#[tokio::test]
async fn an_attended_transfer_joins_the_two_far_sides() -> Result<()> {
    let Some((mut site, mut agent)) = with_agent().await? else {
        return Ok(());
    };
    let first = site.phone.place("400").await?;
    let number = agent.wait("answered", SOON, |_| true).await?["call"].clone();
    site.phone.answered().await?;
    let keep = "(phone.first = phone.call, phone.firstEnded = phone.ended, true)";
    site.phone.browser().evaluate(keep).await?;
    let second = site.phone.place("600").await?;
    site.phone.answered().await?;
    equal(
        "the transfer",
        &transfer(&site, "phone.first", "phone.call").await?,
        &json!("done"),
    )?;
    let end = End::new("transferred", "local");
    let cause = site
        .phone
        .browser()
        .evaluate_within("phone.firstEnded", SOON)
        .await?;
    end.is_cause(&cause)?;
    site.ends(&second, end).await?;
    causeway_interop::record(&site.causeway, &first, end).await?;
    // The agent hears whom the page had asked: an echo. A tone of Playtones does not outlive every such hand-over in
    // Asterisk.
    agent.forget();
    agent.wait("heard", SOON, |e| hears(e, AGENT_HZ)).await?;
    agent.command(&format!("hangup {number}")).await?;
    site.agent = Some(agent);
    site.close().await
}

#[tokio::test]
async fn what_asterisk_does_not_transfer_stays_as_it_is() -> Result<()> {
    let Some(site) = Site::open(SitePlan::default()).await? else {
        return Ok(());
    };
    // Nobody is at the other end of 100 whom Asterisk could hand on.
    let call = site.phone.place("100").await?;
    site.phone.answered().await?;
    site.phone.listen().await?;
    let refused = transfer(&site, "phone.call", "'600'").await?;
    equal("the refusal", &refused["code"], &json!("refused"))?;
    so(
        &format!("the refusal names a status: {refused}"),
        refused["sip"]["status"]
            .as_u64()
            .is_some_and(|status| status >= 400),
    )?;
    let forbidden = transfer(&site, "phone.call", "'anna@example.com'").await?;
    equal(
        "no number",
        &forbidden["code"],
        &json!("destination_unknown"),
    )?;
    site.phone.hears(PBX_HZ, SOON).await?;
    site.phone.hang_up().await?;
    site.ends(&call, End::new("hangup", "local")).await?;
    site.close().await
}
