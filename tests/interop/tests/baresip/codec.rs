//! A phone that has only A-law, where the box would like µ-law better.

use causeway_harness::Result;
use causeway_interop::{End, PhonePlan, PhoneSite, equal};
use serde_json::json;

#[tokio::test]
async fn the_one_codec_in_common_is_taken() -> Result<()> {
    let plan = PhonePlan {
        codecs: "PCMA/8000/1",
        ..PhonePlan::default()
    };
    let Some(mut site) = PhoneSite::open(plan).await? else {
        return Ok(());
    };
    let call = site.page_calls().await?;
    site.both_hear().await?;
    let record = site.page_hangs_up(&call).await?;
    equal("the codec", &record["trunk_codec"], &json!("PCMA"))?;

    let call = site.baresip_calls().await?;
    site.both_hear().await?;
    site.baresip.command("hangup", "").await?;
    let record = site.web.ends(&call, End::new("hangup", "remote")).await?;
    equal("the codec", &record["trunk_codec"], &json!("PCMA"))?;
    site.close().await
}
