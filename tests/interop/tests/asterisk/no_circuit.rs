//! The PBX answers 503.

use causeway_harness::Result;
use causeway_interop::{End, Site, SitePlan, equal};
use serde_json::Value;

#[tokio::test]
async fn a_pbx_without_a_circuit_is_unavailable() -> Result<()> {
    let Some(site) = Site::open(SitePlan::default()).await? else {
        return Ok(());
    };
    let call = site.phone.place("704").await?;
    let record = site.ends(&call, End::refused("unavailable", 503)).await?;
    equal("answered_at", &record["answered_at"], &Value::Null)?;
    site.close().await
}
