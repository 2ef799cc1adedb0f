//! The PBX dies in mid-call: there is silence, and hanging up ends the call although nobody answers the BYE.

use causeway_harness::{HarnessError, Result};
use causeway_interop::{End, PBX_HZ, SOON, Site, SitePlan, so};

#[tokio::test]
async fn a_call_whose_pbx_died_can_be_ended() -> Result<()> {
    let Some(site) = Site::open(SitePlan::default()).await? else {
        return Ok(());
    };
    let call = site.phone.place("100").await?;
    site.phone.answered().await?;
    site.phone.listen().await?;
    site.phone.hears(PBX_HZ, SOON).await?;
    let pid = site.pbx.pid().to_string();
    let killed = std::process::Command::new("kill")
        .args(["-KILL", &pid])
        .status()
        .map_err(|e| HarnessError::new(format!("kill: {e}")))?;
    so("Asterisk was killed", killed.success())?;

    site.phone.hears_nothing(SOON).await?;
    site.phone.hang_up().await?;
    site.ends(&call, End::new("hangup", "local")).await?;
    site.close_without_pbx().await
}
