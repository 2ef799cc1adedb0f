//! The trunk speaks G.722: a call each way, held and resumed, and back to G.711 where the phone has no more.

use causeway_harness::Result;
use causeway_interop::{End, PhonePlan, PhoneSite, SOON, equal};
use serde_json::json;

#[tokio::test]
async fn a_call_each_way_in_g722() -> Result<()> {
    let plan = PhonePlan {
        codecs: "G722/16000/1,PCMU/8000/1",
        trunk_extra: "codecs = [\"G722\", \"PCMU\"]\n",
        ..PhonePlan::default()
    };
    let Some(mut site) = PhoneSite::open(plan).await? else {
        return Ok(());
    };
    let call = site.page_calls().await?;
    site.both_hear().await?;
    site.baresip.command("hold", "").await?;
    site.web.phone.reaches("held", SOON).await?;
    site.web.phone.hears_nothing(SOON).await?;
    site.baresip.command("resume", "").await?;
    site.web.phone.reaches("answered", SOON).await?;
    site.both_hear().await?;
    let record = site.page_hangs_up(&call).await?;
    equal("the codec", &record["trunk_codec"], &json!("G722"))?;

    let call = site.baresip_calls().await?;
    site.both_hear().await?;
    site.baresip.command("hangup", "").await?;
    let record = site.web.ends(&call, End::new("hangup", "remote")).await?;
    equal("the codec", &record["trunk_codec"], &json!("G722"))?;
    site.close().await
}

#[tokio::test]
async fn a_phone_without_it_gets_the_law() -> Result<()> {
    let plan = PhonePlan {
        codecs: "PCMA/8000/1",
        trunk_extra: "codecs = [\"G722\", \"PCMA\"]\n",
        ..PhonePlan::default()
    };
    let Some(mut site) = PhoneSite::open(plan).await? else {
        return Ok(());
    };
    let call = site.page_calls().await?;
    site.both_hear().await?;
    let record = site.page_hangs_up(&call).await?;
    equal("the codec", &record["trunk_codec"], &json!("PCMA"))?;
    site.close().await
}
