//! The PBX ends an answered call.

use causeway_harness::Result;
use causeway_interop::{End, PBX_HZ, SOON, Site, SitePlan, so};

#[tokio::test]
async fn asterisk_hangs_up_and_the_page_knows() -> Result<()> {
    let Some(site) = Site::open(SitePlan::default()).await? else {
        return Ok(());
    };
    let call = site.phone.place("300").await?;
    site.phone.answered().await?;
    site.phone.listen().await?;
    site.phone.hears(PBX_HZ, SOON).await?;
    let record = site.ends(&call, End::new("hangup", "remote")).await?;
    let time = |field: &str| record[field].as_i64().unwrap_or(0);
    let talked = time("ended_at") - time("answered_at");
    so(
        &format!("it lasted the 3 s Asterisk gave it: {talked} ms"),
        (2_500..5_000).contains(&talked),
    )?;
    site.close().await
}
