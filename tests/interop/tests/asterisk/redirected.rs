//! Asterisk sends a call on with 302: the box follows as long as that leads somewhere.

use causeway_harness::Result;
use causeway_interop::{End, PBX_HZ, SOON, Site, SitePlan, equal};
use serde_json::json;

#[tokio::test]
async fn a_redirection_is_followed_and_a_loop_is_not() -> Result<()> {
    let Some(site) = Site::open(SitePlan::default()).await? else {
        return Ok(());
    };
    let mark = site.pbx.mark();
    let call = site.phone.place("804").await?;
    site.phone.answered().await?;
    site.phone.listen().await?;
    site.phone.hears(PBX_HZ, SOON).await?;
    site.pbx.logged(mark, &["CALLER", "TO 100"], SOON).await?;
    site.phone.hang_up().await?;
    let record = site.ends(&call, End::new("hangup", "local")).await?;
    equal("whom the page called", &record["to_number"], &json!("804"))?;

    let call = site.phone.place("805").await?;
    site.ends(&call, End::refused("failed", 302)).await?;
    site.close().await
}
