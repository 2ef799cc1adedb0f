//! The trunk's media is encrypted with keys in SDP: with an Asterisk that insists on it, and with one that has none.

use causeway_harness::Result;
use causeway_harness::asterisk::Trunk;
use causeway_interop::{ACCOUNT, End, PAGE_HZ, SOON, Site, SitePlan, equal, so};
use serde_json::json;

fn plan(policy: &str, sdes: bool) -> SitePlan {
    SitePlan {
        trunk: Trunk {
            sdes,
            ..Trunk::default()
        },
        trunk_extra: format!("srtp = \"{policy}\""),
        account: true,
        ..SitePlan::default()
    }
}

#[tokio::test]
async fn a_call_each_way_through_srtp() -> Result<()> {
    let Some(mut site) = Site::open(plan("required", true)).await? else {
        return Ok(());
    };
    let call = site.phone.place("600").await?;
    site.phone.answered().await?;
    site.phone.listen().await?;
    site.phone.hears(PAGE_HZ, SOON).await?;
    site.phone.hang_up().await?;
    let record = site.ends(&call, End::new("hangup", "local")).await?;
    let suite = record["trunk_srtp"].as_str().unwrap_or_default();
    so(&format!("`{suite}` is a suite"), suite.starts_with("AE"))?;

    // Asterisk calls: its offer is RTP/SAVP with keys of its own.
    site.phone.register().await?;
    site.pbx.ring(ACCOUNT.1, 20, "600").await?;
    let call = site.phone.rung(SOON).await?;
    site.phone.accept().await?;
    site.phone.reaches("answered", SOON).await?;
    site.phone.listen().await?;
    site.phone.hears(PAGE_HZ, SOON).await?;
    site.phone.hang_up().await?;
    let _ = call;
    site.close().await
}

/// Asterisk refuses `RTP/AVP` with keys, and takes the same call as `RTP/SAVP`.
#[tokio::test]
async fn an_optional_offer_is_insisted_on_when_asterisk_does() -> Result<()> {
    let Some(site) = Site::open(plan("optional", true)).await? else {
        return Ok(());
    };
    let call = site.phone.place("600").await?;
    site.phone.answered().await?;
    site.phone.listen().await?;
    site.phone.hears(PAGE_HZ, SOON).await?;
    site.phone.hang_up().await?;
    let record = site.ends(&call, End::new("hangup", "local")).await?;
    so("it was encrypted", record["trunk_srtp"].is_string())?;
    site.close().await
}

#[tokio::test]
async fn where_srtp_is_required_nothing_goes_in_clear() -> Result<()> {
    let Some(site) = Site::open(plan("required", false)).await? else {
        return Ok(());
    };
    let call = site.phone.place("600").await?;
    let record = site.ends(&call, End::refused("incompatible", 488)).await?;
    equal("the suite", &record["trunk_srtp"], &json!(null))?;
    site.close().await
}
