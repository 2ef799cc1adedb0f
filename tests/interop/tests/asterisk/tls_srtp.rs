//! TLS with an authority of our own and SRTP with keys in SDP, both ways: Asterisk believes the box's certificate, the
//! box Asterisk's.

use causeway_harness::Result;
use causeway_harness::asterisk::Trunk;
use causeway_interop::{ACCOUNT, PAGE_HZ, SOON, Site, SitePlan, so, wire};

#[tokio::test]
async fn a_call_each_way_over_tls_with_srtp() -> Result<()> {
    let plan = SitePlan {
        trunk: Trunk {
            sdes: true,
            ..Trunk::default()
        },
        trunk_extra: "srtp = \"required\"".to_owned(),
        tls: true,
        account: true,
        // One for each side's calls.
        kept_open: 2,
        beside_others: true,
        ..SitePlan::default()
    };
    let Some(mut site) = Site::open(plan).await? else {
        return Ok(());
    };
    let call = site.phone.place("600").await?;
    site.phone.answered().await?;
    site.phone.listen().await?;
    site.phone.hears(PAGE_HZ, SOON).await?;
    let record = site.hangs_up(&call).await?;
    so("it was encrypted", record["trunk_srtp"].is_string())?;
    let messages = wire(&site.causeway, &call).await?;
    let other: Vec<_> = messages.iter().filter(|m| m.transport != "tls").collect();
    so(&format!("all of it by TLS: {other:#?}"), other.is_empty())?;

    site.phone.register().await?;
    site.pbx.ring(ACCOUNT.1, 20, "600").await?;
    site.phone.rung(SOON).await?;
    let call = site.call().await?;
    site.phone.accept().await?;
    site.phone.reaches("answered", SOON).await?;
    site.phone.listen().await?;
    site.phone.hears(PAGE_HZ, SOON).await?;
    let record = site.hangs_up(&call).await?;
    so("it was encrypted", record["trunk_srtp"].is_string())?;
    site.close().await
}
