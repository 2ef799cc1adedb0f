//! An Asterisk that requires reliable provisional responses (RFC 3262), called and calling.

use causeway_harness::Result;
use causeway_harness::asterisk::Trunk;
use causeway_interop::{ACCOUNT, PAGE_HZ, PBX_HZ, SOON, Site, SitePlan, so};

#[tokio::test]
async fn prack_both_ways() -> Result<()> {
    let plan = SitePlan {
        trunk: Trunk {
            endpoint: "100rel=required".to_owned(),
            ..Trunk::default()
        },
        account: true,
        beside_others: true,
        ..SitePlan::default()
    };
    let Some(mut site) = Site::open(plan).await? else {
        return Ok(());
    };
    // 183 with an announcement, reliably.
    let call = site.phone.place("705").await?;
    site.phone.reaches("early_media", SOON).await?;
    site.said(&call, "a reliable 183", |m| {
        !m.sent && m.answers("INVITE", 183) && m.header("RSeq").is_some()
    })
    .await?;
    site.said(&call, "our PRACK", |m| m.sent && m.is("PRACK"))
        .await?;
    site.phone.listen().await?;
    site.phone.hears(PBX_HZ, SOON).await?;
    site.phone.reaches("answered", SOON).await?;
    site.hangs_up(&call).await?;

    site.phone.register().await?;
    site.pbx.ring(ACCOUNT.1, 20, "600").await?;
    site.phone.rung(SOON).await?;
    let call = site.call().await?;
    let asked = site
        .said(&call, "an INVITE", |m| !m.sent && m.is("INVITE"))
        .await?;
    so(
        &format!("100rel was required: {}", asked.text),
        asked
            .header("Require")
            .is_some_and(|v| v.contains("100rel")),
    )?;
    site.said(&call, "our reliable 180", |m| {
        m.sent && m.answers("INVITE", 180) && m.header("RSeq").is_some()
    })
    .await?;
    site.said(&call, "its PRACK", |m| !m.sent && m.is("PRACK"))
        .await?;
    site.phone.accept().await?;
    site.phone.reaches("answered", SOON).await?;
    site.phone.listen().await?;
    site.phone.hears(PAGE_HZ, SOON).await?;
    site.hangs_up(&call).await?;
    site.close().await
}
