//! An agent behind Asterisk holds and resumes five times: the sound is back each time, in the same stream.

use causeway_harness::page::Heard;
use causeway_harness::{HarnessError, Result};
use causeway_interop::{AGENT_HZ, End, PAGE_HZ, SOON, Site, SitePlan, equal, hears, so};
use serde_json::json;

/// How soon after the agent's phone resumed the page hears it, in milliseconds.
const BACK_MS: f64 = 200.0;

#[tokio::test]
async fn the_agent_holds_and_resumes_five_times() -> Result<()> {
    let plan = SitePlan {
        agent: true,
        ..SitePlan::default()
    };
    let Some(mut site) = Site::open(plan).await? else {
        return Ok(());
    };
    let mut agent = site
        .agent
        .take()
        .ok_or_else(|| HarnessError::new("the plan has an agent"))?;

    // page → box → Asterisk → agent, and both hear.
    let call = site.phone.place("400").await?;
    let number = agent.wait("answered", SOON, |_| true).await?["call"].clone();
    site.phone.answered().await?;
    site.phone.listen().await?;
    site.phone.hears(AGENT_HZ, SOON).await?;
    let ssrc = site.phone.stats().await?["inboundSsrc"].clone();
    so("the SSRC is known", ssrc.is_number())?;

    let mut back = Vec::new();
    for cycle in 1..=5 {
        agent.command(&format!("hold {number}")).await?;
        agent.wait("held", SOON, |_| true).await?;
        site.phone.reaches("held", SOON).await?;
        let by = site.phone.browser().evaluate("phone.call.heldBy").await?;
        equal("who holds", &by, &json!("remote"))?;
        site.phone.hears_nothing(SOON).await?;

        agent.command(&format!("resume {number}")).await?;
        let resumed = agent.wait("resumed", SOON, |_| true).await?["at"]
            .as_f64()
            .unwrap_or_default();
        site.phone.reaches("answered", SOON).await?;
        // The first sound since.
        let sound = format!("ears.heard('remote').onsets.some(at => at > {resumed})");
        site.phone
            .browser()
            .until("sound after the hold", &sound, SOON)
            .await?;
        let heard = Heard::from(site.phone.browser(), "remote").await?;
        let first = heard.onsets.iter().find(|at| **at > resumed);
        let ms = first.map_or(f64::INFINITY, |at| (at - resumed) * 1000.0);
        eprintln!("cycle {cycle}: sound after {ms:.0} ms");
        back.push(ms);
        site.phone.hears(AGENT_HZ, SOON).await?;
        agent.forget();
        agent.wait("heard", SOON, |e| hears(e, PAGE_HZ)).await?;
        let now = site.phone.stats().await?["inboundSsrc"].clone();
        equal("the SSRC after the hold", &now, &ssrc)?;
    }
    so(
        &format!("sound is back within {BACK_MS} ms each time: {back:.0?}"),
        back.iter().all(|ms| *ms <= BACK_MS),
    )?;
    for event in ["hold", "unhold"] {
        let times = site.phone.events(event).await?.len();
        equal(event, &json!(times), &json!(5))?;
    }

    // The agent hangs up, and so does Asterisk.
    agent.command(&format!("hangup {number}")).await?;
    site.ends(&call, End::new("hangup", "remote")).await?;
    site.agent = Some(agent);
    site.close().await
}
