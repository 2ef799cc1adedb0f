//! An Asterisk that sends digits by INFO: the page is told, and every INFO is answered.

use causeway_harness::Result;
use causeway_harness::asterisk::Trunk;
use causeway_interop::{Site, SitePlan, so, wire};

#[tokio::test]
async fn digits_by_info() -> Result<()> {
    let plan = SitePlan {
        trunk: Trunk {
            endpoint: "dtmf_mode=info".to_owned(),
            ..Trunk::default()
        },
        beside_others: true,
        ..SitePlan::default()
    };
    let Some(site) = Site::open(plan).await? else {
        return Ok(());
    };
    let call = site.phone.place("640").await?;
    site.phone.answered().await?;
    site.digits("42#").await?;
    site.hangs_up(&call).await?;
    let messages = wire(&site.causeway, &call).await?;
    let asked = messages.iter().filter(|m| !m.sent && m.is("INFO")).count();
    let taken = messages
        .iter()
        .filter(|m| m.sent && m.answers("INFO", 200))
        .count();
    so(
        &format!("three INFOs, each answered: {asked}, {taken}"),
        (asked, taken) == (3, 3),
    )?;
    site.close().await
}
