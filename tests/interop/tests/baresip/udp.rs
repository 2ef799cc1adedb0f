//! A call each way over UDP: a phone that says only what RFC 3261 asks for.

use causeway_harness::Result;
use causeway_interop::{End, PhonePlan, PhoneSite};

#[tokio::test]
async fn a_call_each_way() -> Result<()> {
    let Some(mut site) = PhoneSite::open(PhonePlan::default()).await? else {
        return Ok(());
    };
    let call = site.page_calls().await?;
    site.both_hear().await?;
    site.page_hangs_up(&call).await?;

    let call = site.baresip_calls().await?;
    site.both_hear().await?;
    site.baresip.command("hangup", "").await?;
    site.web.ends(&call, End::new("hangup", "remote")).await?;
    site.close().await
}
