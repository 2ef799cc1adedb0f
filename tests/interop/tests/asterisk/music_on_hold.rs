//! An agent holds, and Asterisk plays its music instead of telling the box: the page hears it, and then the agent.

use causeway_harness::Result;
use causeway_harness::asterisk::{MUSIC_HZ, Trunk};
use causeway_interop::{AGENT_HZ, SOON, Site, SitePlan, equal};
use serde_json::json;

#[tokio::test]
async fn the_music_is_heard_and_then_the_agent() -> Result<()> {
    let plan = SitePlan {
        trunk: Trunk {
            endpoint: "moh_passthrough=no".to_owned(),
            agent: "moh_passthrough=no\nmoh_suggest=tone".to_owned(),
            ..Trunk::default()
        },
        agent: true,
        beside_others: true,
        ..SitePlan::default()
    };
    let Some(mut site) = Site::open(plan).await? else {
        return Ok(());
    };
    let call = site.phone.place("400").await?;
    let answered = site
        .phone_of_agent()?
        .wait("answered", SOON, |_| true)
        .await?;
    let number = answered["call"].clone();
    site.phone.answered().await?;
    site.phone.listen().await?;
    site.phone.hears(AGENT_HZ, SOON).await?;
    site.phone_of_agent()?
        .command(&format!("hold {number}"))
        .await?;
    site.phone_of_agent()?.wait("held", SOON, |_| true).await?;
    site.phone.hears(MUSIC_HZ, SOON).await?;
    let state = json!(site.phone.state().await?);
    equal("the state while music plays", &state, &json!("answered"))?;
    site.phone_of_agent()?
        .command(&format!("resume {number}"))
        .await?;
    site.phone.hears(AGENT_HZ, SOON).await?;
    site.hangs_up(&call).await?;
    site.close().await
}
