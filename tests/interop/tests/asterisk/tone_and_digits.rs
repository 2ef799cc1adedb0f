//! Digits go to the PBX as RFC 4733 events, and its tone comes back.

use causeway_harness::Result;
use causeway_interop::{End, PBX_HZ, SOON, Site, SitePlan};

#[tokio::test]
async fn asterisk_logs_the_digits_and_its_tone_is_heard() -> Result<()> {
    let Some(site) = Site::open(SitePlan::default()).await? else {
        return Ok(());
    };
    let mark = site.pbx.mark();
    let call = site.phone.place("200").await?;
    site.phone.answered().await?;

    // Asterisk takes digits from telephone events only, and waits for four of them.
    site.phone.press("1").await?;
    site.phone.press("9,05").await?;
    site.pbx.logged(mark, &["DIGITS 1905"], SOON).await?;

    // Then it plays 1004 Hz.
    site.phone.listen().await?;
    site.phone.hears(PBX_HZ, SOON).await?;
    site.phone.hang_up().await?;
    site.ends(&call, End::new("hangup", "local")).await?;
    site.close().await
}
