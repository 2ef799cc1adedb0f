//! Nobody answers: the PBX gives up, the box gives up, the caller gives up.

use std::time::Duration;

use causeway_harness::Result;
use causeway_interop::{End, SOON, Site, SitePlan, equal, so};
use serde_json::Value;

#[tokio::test]
async fn nobody_answers() -> Result<()> {
    let plan = SitePlan {
        ring_s: 10,
        ..SitePlan::default()
    };
    let Some(site) = Site::open(plan).await? else {
        return Ok(());
    };
    // The PBX rings for 3 s and says 480 with Q.850 cause 19.
    let call = site.phone.place("703").await?;
    site.phone.reaches("ringing", SOON).await?;
    let record = site.ends(&call, End::refused("no_answer", 480)).await?;
    so("it rang", !record["ringing_at"].is_null())?;
    equal("answered_at", &record["answered_at"], &Value::Null)?;

    // The PBX rings for ever: the caller gives up.
    let mark = site.pbx.mark();
    let call = site.phone.place("702").await?;
    site.phone.reaches("ringing", SOON).await?;
    site.phone.hang_up().await?;
    site.ends(&call, End::new("cancelled", "local")).await?;
    site.pbx.logged(mark, &["HANGUP PJSIP/box"], SOON).await?;

    // And again: the box gives up after its `ring_s`.
    let mark = site.pbx.mark();
    let call = site.phone.place("702").await?;
    site.phone.reaches("ringing", SOON).await?;
    let record = site.ends(&call, End::new("no_answer", "box")).await?;
    let time = |field: &str| record[field].as_i64().unwrap_or(0);
    let rang = time("ended_at") - time("placed_at");
    so(
        &format!("it rang for the box's 10 s: {rang} ms"),
        (9_500..13_000).contains(&rang),
    )?;
    site.pbx
        .logged(mark, &["HANGUP PJSIP/box"], Duration::from_secs(3))
        .await?;
    site.close().await
}
