//! Asterisk transfers to a `tel:` URI: the box calls that number on the same trunk.

use causeway_harness::Result;
use causeway_interop::{PAGE_HZ, SOON, Site, SitePlan};

#[tokio::test]
async fn a_transfer_to_a_telephone_number() -> Result<()> {
    let plan = SitePlan {
        beside_others: true,
        ..SitePlan::default()
    };
    let Some(site) = Site::open(plan).await? else {
        return Ok(());
    };
    let mark = site.pbx.mark();
    let call = site.phone.place("814").await?;
    site.phone.answered().await?;
    site.phone.listen().await?;
    site.pbx.logged(mark, &["CALLER", "TO 600"], SOON).await?;
    site.phone.hears(PAGE_HZ, SOON).await?;
    site.said(&call, "a REFER to tel:", |m| {
        !m.sent && m.is("REFER") && m.header("Refer-To").is_some_and(|v| v.contains("tel:600"))
    })
    .await?;
    site.hangs_up(&call).await?;
    site.close().await
}
