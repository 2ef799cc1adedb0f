//! Kamailio's own failover: its first target is dead, and the call is answered by the second. The box sees one call.

use causeway_harness::Result;
use causeway_interop::{AGENT_HZ, End, PAGE_HZ, ProxyPlan, ProxySite, SOON, hears, so, wire};

#[tokio::test]
async fn the_second_target_answers_when_the_first_is_dead() -> Result<()> {
    let plan = ProxyPlan {
        first_is_dead: true,
        ..ProxyPlan::default()
    };
    let Some(mut site) = ProxySite::open(plan).await? else {
        return Ok(());
    };
    let mark = site.proxy.mark();
    let call = site.web.phone.place("100").await?;
    site.web.phone.answered().await?;
    site.proxy
        .logged(mark, &["NEXT", &site.second.address().to_string()], SOON)
        .await?;
    site.web.phone.listen().await?;
    site.web.phone.hears(AGENT_HZ, SOON).await?;
    site.second
        .wait("heard", SOON, |e| hears(e, PAGE_HZ))
        .await?;
    site.web.hangs_up(&call).await?;
    let messages = wire(&site.web.causeway, &call).await?;
    let invites = messages.iter().filter(|m| m.sent && m.is("INVITE")).count();
    so(&format!("one INVITE of the box: {invites}"), invites == 1)?;

    // Both refuse: the last word comes to the page.
    let mark = site.proxy.mark();
    let call = site.web.phone.place("500").await?;
    site.proxy.logged(mark, &["REPLY 500 INVITE"], SOON).await?;
    let record = site
        .web
        .ends(&call, End::new("unavailable", "remote"))
        .await?;
    so(
        &format!("5xx: {record}"),
        record["sip_status"].as_u64() >= Some(500),
    )?;
    // Busy is nobody's fault: the second target is not asked.
    let before = site.second.seen("invite").len();
    let call = site.web.phone.place("486").await?;
    site.web.ends(&call, End::refused("busy", 486)).await?;
    let asked = site.second.seen("invite").len() - before;
    so(
        &format!("asked once, by failover only: {asked}"),
        asked == 1,
    )?;
    site.close().await
}
