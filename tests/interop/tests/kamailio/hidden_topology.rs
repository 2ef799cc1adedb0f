//! A proxy that hides the network behind it: Via, Contact and Record-Route the box sees are masks, which it must give
//! back as they were.

use causeway_harness::Result;
use causeway_interop::{PAGE_HZ, PBX_HZ, ProxyPlan, ProxySite, SOON, hears, so, wire};

#[tokio::test]
async fn what_is_masked_is_given_back_as_it_was() -> Result<()> {
    let plan = ProxyPlan {
        hide_topology: true,
        ..ProxyPlan::default()
    };
    let Some(mut site) = ProxySite::open(plan).await? else {
        return Ok(());
    };
    let call = site.web.phone.place("100").await?;
    site.web.phone.answered().await?;
    let number = site.acd().wait("answered", SOON, |_| true).await?["call"].clone();
    site.web.phone.listen().await?;
    site.web.phone.hears(PBX_HZ, SOON).await?;
    let messages = wire(&site.web.causeway, &call).await?;
    let contact = messages
        .iter()
        .find(|m| m.answers("INVITE", 200))
        .and_then(|m| m.header("Contact"))
        .unwrap_or_default()
        .to_owned();
    so(
        &format!("the Contact is a mask: {contact}"),
        contact.contains("127.0.0.8"),
    )?;
    site.acd().command(&format!("hold {number}")).await?;
    site.web.phone.reaches("held", SOON).await?;
    site.acd().command(&format!("resume {number}")).await?;
    site.web.phone.reaches("answered", SOON).await?;
    site.acd().forget();
    site.acd()
        .wait("heard", SOON, |e| hears(e, PAGE_HZ))
        .await?;
    let call_ended = site.web.hangs_up(&call).await?;
    so("it ended", !call_ended["ended_at"].is_null())?;
    site.acd()
        .wait("ended", SOON, |e| e["by"] == "remote")
        .await?;
    site.close().await
}
