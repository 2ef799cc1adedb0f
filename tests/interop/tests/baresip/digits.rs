//! Digits both ways as RFC 4733 events.

use causeway_harness::{HarnessError, Result};
use causeway_interop::{PhonePlan, PhoneSite, SOON, digits};
use serde_json::Value;

#[tokio::test]
async fn digits_there_and_back() -> Result<()> {
    let Some(mut site) = PhoneSite::open(PhonePlan::default()).await? else {
        return Ok(());
    };
    let call = site.page_calls().await?;
    site.both_hear().await?;
    let from = site.baresip.mark();
    site.web.phone.press("19#").await?;
    for digit in ["1", "9", "#"] {
        let told = |event: &Value| event["param"] == digit;
        let event = site
            .baresip
            .event_with("CALL_DTMF_START", from, SOON, told)
            .await;
        event.map_err(|error| HarnessError::new(format!("{digit}: {error}")))?;
    }

    site.baresip.command("sndcode", "42").await?;
    digits(&site.web.phone, "42").await?;
    site.page_hangs_up(&call).await?;
    site.close().await
}
