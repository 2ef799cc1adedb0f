//! Asterisk hands a browser's call on by REFER: the box calls the new party, and the browser's leg changes sides.

use causeway_harness::Result;
use causeway_interop::{End, PAGE_HZ, PBX_HZ, SOON, Site, SitePlan, equal};
use serde_json::json;

#[tokio::test]
async fn a_blind_transfer_ends_at_the_new_party() -> Result<()> {
    let Some(site) = Site::open(SitePlan::default()).await? else {
        return Ok(());
    };
    let mark = site.pbx.mark();
    let call = site.phone.place("801").await?;
    site.phone.answered().await?;
    site.phone.listen().await?;
    site.pbx.logged(mark, &["CALLER", "TO 600"], SOON).await?;
    // The leg that is left stays for a moment, so the dialplan sees the outcome.
    site.pbx.logged(mark, &["TRANSFER SUCCESS"], SOON).await?;
    // 600 echoes what the page says; the leg that was left is hung up.
    site.phone.hears(PAGE_HZ, SOON).await?;
    site.pbx.logged(mark, &["HANGUP"], SOON).await?;
    let state = json!(site.phone.state().await?);
    equal("the state", &state, &json!("answered"))?;
    site.phone.hang_up().await?;
    site.ends(&call, End::new("hangup", "local")).await?;
    site.close().await
}

#[tokio::test]
async fn a_transfer_to_a_busy_party_leaves_the_call_as_it_was() -> Result<()> {
    let Some(site) = Site::open(SitePlan::default()).await? else {
        return Ok(());
    };
    let mark = site.pbx.mark();
    let call = site.phone.place("802").await?;
    site.phone.answered().await?;
    site.phone.listen().await?;
    site.pbx.logged(mark, &["TRANSFER FAILURE"], SOON).await?;
    site.phone.hears(PBX_HZ, SOON).await?;
    site.phone.hang_up().await?;
    site.ends(&call, End::new("hangup", "local")).await?;
    site.close().await
}
