//! OPTIONS both ways: Asterisk finds the box reachable, the box finds the trunk up.

use std::time::Duration;

use causeway_harness::asterisk::Trunk;
use causeway_harness::{HarnessError, Result};
use causeway_interop::{SOON, Site, SitePlan, so};
use tokio::time::{Instant, sleep};

#[tokio::test]
async fn both_find_each_other() -> Result<()> {
    let plan = SitePlan {
        trunk: Trunk {
            qualify_s: 1,
            ..Trunk::default()
        },
        ..SitePlan::default()
    };
    let Some(mut site) = Site::open(plan).await? else {
        return Ok(());
    };
    let deadline = Instant::now() + SOON;
    loop {
        let contacts = site.pbx.console("pjsip show contacts").await?;
        let found = contacts
            .iter()
            .any(|line| line.contains("box/sip:") && line.contains("Avail"));
        let status = site.causeway.admin("/api/v1/status").await?;
        let up = status["trunks"][0]["state"] == "up";
        if found && up {
            break;
        }
        if Instant::now() > deadline {
            return Err(HarnessError::new(format!(
                "Asterisk finds the box: {found}; the box finds Asterisk: {up}\n{}\n{status}",
                contacts.join("\n")
            )));
        }
        sleep(Duration::from_millis(200)).await;
    }
    let metrics = site.causeway.metrics().await?;
    let gauge = metrics.get("causeway_trunk_up{trunk=\"pbx\"}");
    so(
        &format!("the metric says so: {gauge:?}"),
        gauge == Some(&1.0),
    )?;
    site.close().await
}
