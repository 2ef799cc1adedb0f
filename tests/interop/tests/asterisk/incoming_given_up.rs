//! Asterisk calls the account and gives up before anybody answers; and calls it when no page is open.

use causeway_harness::Result;
use causeway_interop::{ACCOUNT, End, SOON, Site, SitePlan, so};

#[tokio::test]
async fn a_call_given_up_stops_ringing() -> Result<()> {
    let plan = SitePlan {
        account: true,
        ..SitePlan::default()
    };
    let Some(mut site) = Site::open(plan).await? else {
        return Ok(());
    };
    // Nobody is signed in: the PBX hears so, and nothing rings for ever.
    let mark = site.pbx.mark();
    site.pbx.ring(ACCOUNT.1, 20, "100").await?;
    let line = site.pbx.logged(mark, &["DIALLED"], SOON).await?;
    so(
        &format!("not answered: {line}"),
        !line.contains("STATUS ANSWER"),
    )?;

    site.phone.register().await?;
    let mark = site.pbx.mark();
    site.pbx.ring(ACCOUNT.1, 3, "100").await?;
    site.phone.rung(SOON).await?;
    let call = site.call().await?;
    site.ends(&call, End::new("cancelled", "remote")).await?;
    site.pbx
        .logged(mark, &["DIALLED", "STATUS NOANSWER"], SOON)
        .await?;
    so(
        "the SDK tells that the caller gave up",
        !site.phone.events("cancel").await?.is_empty(),
    )?;
    site.close().await
}
