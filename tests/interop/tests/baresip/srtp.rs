//! SRTP over plain SIP: a phone that insists on it, called and calling, and held in between.

use causeway_harness::Result;
use causeway_interop::{End, PhonePlan, PhoneSite, SOON, so};

#[tokio::test]
async fn a_phone_that_insists_on_srtp() -> Result<()> {
    let plan = PhonePlan {
        srtp: true,
        ..PhonePlan::default()
    };
    let Some(mut site) = PhoneSite::open(plan).await? else {
        return Ok(());
    };
    let call = site.page_calls().await?;
    site.both_hear().await?;
    // New offers with keys, in mid-call.
    site.baresip.command("hold", "").await?;
    site.web.phone.reaches("held", SOON).await?;
    site.baresip.command("resume", "").await?;
    site.web.phone.reaches("answered", SOON).await?;
    site.both_hear().await?;
    let record = site.page_hangs_up(&call).await?;
    let suite = record["trunk_srtp"].as_str().unwrap_or_default();
    so(&format!("`{suite}` is a suite"), suite.starts_with("AE"))?;

    let call = site.baresip_calls().await?;
    site.both_hear().await?;
    site.baresip.command("hangup", "").await?;
    let record = site.web.ends(&call, End::new("hangup", "remote")).await?;
    so("it was encrypted", record["trunk_srtp"].is_string())?;
    site.close().await
}
