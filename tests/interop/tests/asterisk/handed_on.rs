//! An agent behind Asterisk hands the page's call on by Asterisk's own features, blind and attended: the box is told
//! little or nothing, and the page hears whoever it was handed to.

use causeway_harness::Result;
use causeway_interop::{AGENT_HZ, End, PAGE_HZ, PBX_HZ, SOON, Site, SitePlan, equal, so};
use serde_json::json;

fn plan() -> SitePlan {
    SitePlan {
        agent: true,
        beside_others: true,
        ..SitePlan::default()
    }
}

#[tokio::test]
async fn blind() -> Result<()> {
    let Some(mut site) = Site::open(plan()).await? else {
        return Ok(());
    };
    let call = site.phone.place("630").await?;
    site.phone.answered().await?;
    site.phone.listen().await?;
    site.phone.hears(AGENT_HZ, SOON).await?;
    let ssrc = site.phone.stats().await?["inboundSsrc"].clone();
    let to = [
        ("Action", "BlindTransfer"),
        ("Context", "from-box"),
        ("Exten", "300"),
    ];
    site.pbx.act_on("agent", &to).await?;
    site.phone_of_agent()?.wait("ended", SOON, |_| true).await?;
    // 300 plays for 3 s and hangs up.
    site.phone.hears(PBX_HZ, SOON).await?;
    let now = site.phone.stats().await?["inboundSsrc"].clone();
    equal("the SSRC at the page", &json!(now), &json!(ssrc))?;
    site.ends(&call, End::new("hangup", "remote")).await?;
    site.close().await
}

#[tokio::test]
async fn attended() -> Result<()> {
    let Some(mut site) = Site::open(plan()).await? else {
        return Ok(());
    };
    let call = site.phone.place("630").await?;
    site.phone.answered().await?;
    site.phone.listen().await?;
    site.phone.hears(AGENT_HZ, SOON).await?;
    // The agent talks to 600 first; the page hears music, or nothing, but not the agent.
    let mark = site.pbx.mark();
    let to = [
        ("Action", "Atxfer"),
        ("Context", "from-box"),
        ("Exten", "600"),
    ];
    site.pbx.act_on("agent", &to).await?;
    site.pbx.logged(mark, &["TO 600"], SOON).await?;
    site.phone_of_agent()?.forget();
    site.phone_of_agent()?
        .wait("heard", SOON, |e| causeway_interop::hears(e, AGENT_HZ))
        .await?;
    // It hangs up: the page is with 600, which echoes.
    let number = site
        .phone_of_agent()?
        .seen("heard")
        .last()
        .map(|e| e["call"].clone());
    so("the agent's call has a number", number.is_some())?;
    site.phone_of_agent()?
        .command(&format!("hangup {}", number.unwrap_or_default()))
        .await?;
    site.phone.hears(PAGE_HZ, SOON).await?;
    site.hangs_up(&call).await?;
    site.close().await
}
