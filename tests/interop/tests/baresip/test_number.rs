//! The phone calls the box's test number and hears itself, in clear and encrypted.

use causeway_harness::Result;
use causeway_harness::baresip::BARESIP_HZ;
use causeway_interop::{PhonePlan, PhoneSite, SOON, equal, so};
use serde_json::json;

async fn hears_itself(plan: PhonePlan) -> Result<()> {
    let encrypted = plan.srtp;
    let Some(mut site) = PhoneSite::open(plan).await? else {
        return Ok(());
    };
    let from = site.baresip.mark();
    site.baresip.command("dial", &site.echo.clone()).await?;
    site.baresip.event("CALL_ESTABLISHED", from, SOON).await?;
    site.baresip.hears(BARESIP_HZ, SOON).await?;
    // Still after a hold.
    site.baresip.command("hold", "").await?;
    site.baresip.command("resume", "").await?;
    site.baresip.hears(BARESIP_HZ, SOON).await?;
    site.baresip.command("hangup", "").await?;
    let ended = |r: &serde_json::Value| r["direction"] == "echo" && !r["ended_at"].is_null();
    let record = site
        .web
        .causeway
        .record("of the test number", ended)
        .await?;
    equal("who ended it", &record["cause_by"], &json!("remote"))?;
    so(
        &format!("encrypted as asked: {record}"),
        record["trunk_srtp"].is_string() == encrypted,
    )?;
    site.close().await
}

#[tokio::test]
async fn in_clear() -> Result<()> {
    Box::pin(hears_itself(PhonePlan::default())).await
}

#[tokio::test]
async fn over_tls_with_srtp() -> Result<()> {
    Box::pin(hears_itself(PhonePlan {
        transport: "tls",
        srtp: true,
        // The one the phone calls over.
        kept_open: 1,
        ..PhonePlan::default()
    }))
    .await
}
