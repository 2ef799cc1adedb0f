//! The PBX refuses: busy (486), and a number that does not exist (404).

use causeway_harness::Result;
use causeway_interop::{End, Site, SitePlan, equal, so};
use serde_json::{Value, json};

#[tokio::test]
async fn a_busy_number_and_one_that_does_not_exist() -> Result<()> {
    let Some(site) = Site::open(SitePlan::default()).await? else {
        return Ok(());
    };
    let call = site.phone.place("701").await?;
    let record = site.ends(&call, End::refused("busy", 486)).await?;
    equal("answered_at", &record["answered_at"], &Value::Null)?;
    let cause = site.phone.browser().evaluate("phone.call.cause").await?;
    // Asterisk says it twice: the status, and RFC 3326's Reason.
    equal("Q.850", &cause["sip"]["cause"]["value"], &json!(17))?;
    so(
        "the SDK tells of a refusal",
        !site.phone.events("reject").await?.is_empty(),
    )?;

    let call = site.phone.place("706").await?;
    site.ends(&call, End::refused("not_found", 404)).await?;
    site.close().await
}
