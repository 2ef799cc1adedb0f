//! Early media: what the PBX plays before it answers is heard.

use causeway_harness::Result;
use causeway_interop::{End, PBX_HZ, SOON, Site, SitePlan, equal, so};
use serde_json::json;

#[tokio::test]
async fn an_announcement_before_the_answer_is_heard() -> Result<()> {
    let Some(site) = Site::open(SitePlan::default()).await? else {
        return Ok(());
    };
    // 183 with SDP, the tone, and only 5 s later the answer.
    let call = site.phone.place("705").await?;
    site.phone.reaches("early_media", SOON).await?;
    site.phone.listen().await?;
    site.phone.hears(PBX_HZ, SOON).await?;
    let state = json!(site.phone.state().await?);
    equal("the state while it is heard", &state, &json!("early_media"))?;
    let ssrc = site.phone.stats().await?["inboundSsrc"].clone();
    so("the SSRC is known", ssrc.is_number())?;

    // The same stream goes on after the answer.
    site.phone.reaches("answered", SOON).await?;
    site.phone.hears(PBX_HZ, SOON).await?;
    let after = site.phone.stats().await?["inboundSsrc"].clone();
    equal("the SSRC after the answer", &after, &ssrc)?;
    site.phone.hang_up().await?;
    site.ends(&call, End::new("hangup", "local")).await?;
    site.close().await
}
