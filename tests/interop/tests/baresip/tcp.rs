//! A call each way over TCP.

use causeway_harness::Result;
use causeway_interop::{End, PhonePlan, PhoneSite, so, wire};

#[tokio::test]
async fn a_call_each_way_over_tcp() -> Result<()> {
    let plan = PhonePlan {
        transport: "tcp",
        // One for each side's calls.
        kept_open: 2,
        ..PhonePlan::default()
    };
    let Some(mut site) = PhoneSite::open(plan).await? else {
        return Ok(());
    };
    let call = site.page_calls().await?;
    site.both_hear().await?;
    site.page_hangs_up(&call).await?;
    let by_tcp = |messages: &[causeway_interop::Said]| {
        !messages.is_empty() && messages.iter().all(|m| m.transport == "tcp")
    };
    let messages = wire(&site.web.causeway, &call).await?;
    so("everything went by TCP", by_tcp(&messages))?;

    let call = site.baresip_calls().await?;
    site.both_hear().await?;
    site.baresip.command("hangup", "").await?;
    site.web.ends(&call, End::new("hangup", "remote")).await?;
    let messages = wire(&site.web.causeway, &call).await?;
    so("everything came by TCP", by_tcp(&messages))?;
    site.close().await
}
