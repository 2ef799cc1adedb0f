//! TLS with a certificate of an authority of our own, and SRTP with keys in SDP: a call each way.

use causeway_harness::Result;
use causeway_interop::{End, PhonePlan, PhoneSite, so, wire};

#[tokio::test]
async fn a_call_each_way_over_tls_with_srtp() -> Result<()> {
    let plan = PhonePlan {
        transport: "tls",
        srtp: true,
        kept_open: 2,
        ..PhonePlan::default()
    };
    let Some(mut site) = PhoneSite::open(plan).await? else {
        return Ok(());
    };
    let call = site.page_calls().await?;
    site.both_hear().await?;
    let record = site.page_hangs_up(&call).await?;
    so("it was encrypted", record["trunk_srtp"].is_string())?;
    let messages = wire(&site.web.causeway, &call).await?;
    let other: Vec<_> = messages.iter().filter(|m| m.transport != "tls").collect();
    so(
        &format!("all of it went by TLS: {other:#?}"),
        other.is_empty(),
    )?;

    let call = site.baresip_calls().await?;
    site.both_hear().await?;
    site.baresip.command("hangup", "").await?;
    let record = site.web.ends(&call, End::new("hangup", "remote")).await?;
    so("it was encrypted", record["trunk_srtp"].is_string())?;
    site.close().await
}
