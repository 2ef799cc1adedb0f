//! The phone holds and resumes, three times; and the page holds the phone.

use causeway_harness::Result;
use causeway_interop::{PhonePlan, PhoneSite, SOON, equal};
use serde_json::json;

#[tokio::test]
async fn held_and_resumed_from_either_side() -> Result<()> {
    let Some(mut site) = PhoneSite::open(PhonePlan::default()).await? else {
        return Ok(());
    };
    let call = site.page_calls().await?;
    site.both_hear().await?;
    let ssrc = site.web.phone.stats().await?["inboundSsrc"].clone();
    for _ in 0..3 {
        site.baresip.command("hold", "").await?;
        site.web.phone.reaches("held", SOON).await?;
        site.web.phone.hears_nothing(SOON).await?;
        site.baresip.command("resume", "").await?;
        site.web.phone.reaches("answered", SOON).await?;
        site.both_hear().await?;
    }
    site.web
        .phone
        .browser()
        .evaluate("phone.call.hold()")
        .await?;
    site.web.phone.reaches("held", SOON).await?;
    site.web
        .phone
        .browser()
        .evaluate("phone.call.resume()")
        .await?;
    site.web.phone.reaches("answered", SOON).await?;
    site.both_hear().await?;
    let now = site.web.phone.stats().await?["inboundSsrc"].clone();
    equal("the SSRC at the end", &json!(now), &json!(ssrc))?;
    site.page_hangs_up(&call).await?;
    site.close().await
}
