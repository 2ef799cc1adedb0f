//! Digits as tones in the sound, both ways: neither side agrees on telephone events.

use causeway_harness::Result;
use causeway_harness::asterisk::Trunk;
use causeway_interop::{SOON, Site, SitePlan, so};

#[tokio::test]
async fn tones_are_made_and_found() -> Result<()> {
    let plan = SitePlan {
        trunk: Trunk {
            endpoint: "dtmf_mode=inband".to_owned(),
            ..Trunk::default()
        },
        trunk_extra: "dtmf = \"inband\"".to_owned(),
        ..SitePlan::default()
    };
    let Some(site) = Site::open(plan).await? else {
        return Ok(());
    };
    let call = site.phone.place("640").await?;
    site.phone.answered().await?;
    site.digits("42#").await?;
    let offer = site
        .said(&call, "our INVITE", |m| m.sent && m.is("INVITE"))
        .await?;
    so(
        "no telephone events were offered",
        !offer.text.contains("telephone-event"),
    )?;
    site.hangs_up(&call).await?;

    let mark = site.pbx.mark();
    let call = site.phone.place("200").await?;
    site.phone.answered().await?;
    site.phone.press("1905").await?;
    site.pbx.logged(mark, &["DIGITS 1905"], SOON).await?;
    site.hangs_up(&call).await?;
    site.close().await
}
