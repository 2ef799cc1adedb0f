//! The trunk doctor says of Asterisk what Asterisk does.

use causeway_harness::Result;
use causeway_harness::cli::causeway;
use causeway_interop::{Site, SitePlan, so};

#[tokio::test]
async fn asterisk_is_found_to_be_what_it_is() -> Result<()> {
    let plan = SitePlan {
        // The TCP connection of one OPTIONS stays open for later requests.
        kept_open: 1,
        ..SitePlan::default()
    };
    let Some(site) = Site::open(plan).await? else {
        return Ok(());
    };
    let output = causeway(
        &site.causeway,
        &["trunk", "check", "pbx", "--number", "600"],
    )
    .await?;
    let found = String::from_utf8_lossy(&output.stdout).into_owned();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    so(
        &format!("no problems: {told}{found}"),
        output.status.success(),
    )?;
    for expected in [
        "The PBX answers over UDP",
        "It calls itself Asterisk",
        "The number answers after",
        "telephone-event, payload type 101",
        "from the address that was agreed",
        "holds the call is answered",
        "It takes UPDATE",
        "A call without an offer is answered with one",
    ] {
        so(&format!("{expected}: {found}"), found.contains(expected))?;
    }
    site.close().await
}
