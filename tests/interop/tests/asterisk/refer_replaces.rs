//! An attended transfer by REFER with Replaces: the box calls Asterisk in place of the transferor's consultation, which
//! ends, and the page is where the transferor was.

use causeway_harness::Result;
use causeway_interop::{AGENT_HZ, PAGE_HZ, SOON, Site, SitePlan, equal, hears, so};
use serde_json::json;

#[tokio::test]
async fn the_page_takes_the_place_of_the_consultation() -> Result<()> {
    let plan = SitePlan {
        agent: true,
        beside_others: true,
        ..SitePlan::default()
    };
    let Some(mut site) = Site::open(plan).await? else {
        return Ok(());
    };
    // The transferor consults 820, which echoes.
    let mark = site.pbx.mark();
    let consult = format!("call sip:820@{}", site.pbx.address());
    site.phone_of_agent()?.command(&consult).await?;
    site.pbx.logged(mark, &["CONSULTED"], SOON).await?;
    site.phone_of_agent()?
        .wait("heard", SOON, |e| hears(e, AGENT_HZ))
        .await?;

    // The page's call is referred there in its place.
    let call = site.phone.place("813").await?;
    site.phone.answered().await?;
    site.phone.listen().await?;
    let invite = site
        .said(&call, "an INVITE with Replaces", |m| {
            m.sent && m.is("INVITE") && m.header("Replaces").is_some()
        })
        .await?;
    so(
        &format!("tags go along: {}", invite.text),
        invite
            .header("Replaces")
            .is_some_and(|v| v.contains("to-tag=") && v.contains("from-tag=")),
    )?;
    site.said(&call, "the transferor's NOTIFY with 200", |m| {
        m.sent && m.is("NOTIFY") && m.text.contains("SIP/2.0 200")
    })
    .await?;
    site.phone.hears(PAGE_HZ, SOON).await?;
    site.phone_of_agent()?
        .wait("ended", SOON, |e| e["by"] == "remote")
        .await?;
    let state = json!(site.phone.state().await?);
    equal("the state", &state, &json!("answered"))?;
    site.hangs_up(&call).await?;
    site.close().await
}
