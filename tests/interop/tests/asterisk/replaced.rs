//! Asterisk gives a browser's call another of its dialogs with `Replaces`: the browser's leg stays as it is.

use causeway_harness::Result;
use causeway_interop::{End, PAGE_HZ, SOON, Site, SitePlan, equal, so};
use serde_json::json;

#[tokio::test]
async fn a_new_dialog_takes_the_place_of_the_old() -> Result<()> {
    let Some(site) = Site::open(SitePlan::default()).await? else {
        return Ok(());
    };
    let mark = site.pbx.mark();
    let call = site.phone.place("803").await?;
    site.phone.answered().await?;
    site.phone.listen().await?;
    let ssrc = site.phone.stats().await?["inboundSsrc"].clone();
    // The old dialog is ended by the box; the new one leads to 600, which echoes.
    site.pbx.logged(mark, &["HANGUP"], SOON).await?;
    site.phone.hears(PAGE_HZ, SOON).await?;
    let now = site.phone.stats().await?["inboundSsrc"].clone();
    so(
        "the page had heard something before",
        ssrc.is_number() || ssrc.is_null(),
    )?;
    if ssrc.is_number() {
        equal("the SSRC", &now, &ssrc)?;
    }
    let state = json!(site.phone.state().await?);
    equal("the state", &state, &json!("answered"))?;
    site.phone.hang_up().await?;
    site.ends(&call, End::new("hangup", "local")).await?;
    site.close().await
}
