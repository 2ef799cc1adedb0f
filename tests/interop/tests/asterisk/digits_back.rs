//! Digits of Asterisk reach the page as RFC 4733 events, and the page's reach Asterisk.

use causeway_harness::Result;
use causeway_interop::{PBX_HZ, SOON, Site, SitePlan};

#[tokio::test]
async fn digits_there_and_back_as_events() -> Result<()> {
    let plan = SitePlan {
        beside_others: true,
        ..SitePlan::default()
    };
    let Some(site) = Site::open(plan).await? else {
        return Ok(());
    };
    let call = site.phone.place("640").await?;
    site.phone.answered().await?;
    site.digits("42#").await?;
    site.phone.listen().await?;
    site.phone.hears(PBX_HZ, SOON).await?;
    site.hangs_up(&call).await?;

    let mark = site.pbx.mark();
    let call = site.phone.place("200").await?;
    site.phone.answered().await?;
    site.phone.press("1905").await?;
    site.pbx.logged(mark, &["DIGITS 1905"], SOON).await?;
    site.hangs_up(&call).await?;
    site.close().await
}
