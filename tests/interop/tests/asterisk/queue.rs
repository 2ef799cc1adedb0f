//! A queue: the caller hears its music until an agent answers, and then the agent.
//!
//! With P-Asserted-Identity allowed, Asterisk sends two re-INVITEs at once when the agent answers.

use causeway_harness::{HarnessError, Result};
use causeway_interop::{AGENT_HZ, End, PAGE_HZ, SOON, Site, SitePlan, equal, hears};
use serde_json::json;

#[tokio::test]
async fn the_agent_of_a_queue_is_heard() -> Result<()> {
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
    let call = site.phone.place("500").await?;
    site.phone.answered().await?;
    site.phone.listen().await?;
    agent.wait("answered", SOON, |_| true).await?;
    site.phone.hears(AGENT_HZ, SOON).await?;
    agent.wait("heard", SOON, |e| hears(e, PAGE_HZ)).await?;
    let state = json!(site.phone.state().await?);
    equal("the state", &state, &json!("answered"))?;
    site.phone.hang_up().await?;
    site.ends(&call, End::new("hangup", "local")).await?;
    site.agent = Some(agent);
    site.close().await
}
