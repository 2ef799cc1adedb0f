//! The trunk speaks G.722 with Asterisk: an echo, digits and a tone, and a change to A-law in mid-call.

use causeway_harness::Result;
use causeway_harness::asterisk::Trunk;
use causeway_interop::{End, PAGE_HZ, PBX_HZ, SOON, Site, SitePlan, equal};
use serde_json::json;

#[tokio::test]
async fn an_echo_digits_and_a_change_to_a_law() -> Result<()> {
    let plan = SitePlan {
        trunk: Trunk {
            endpoint: "disallow=all\nallow=g722,alaw".to_owned(),
            ..Trunk::default()
        },
        trunk_extra: "codecs = [\"G722\", \"PCMU\", \"PCMA\"]\n".to_owned(),
        beside_others: true,
        ..SitePlan::default()
    };
    let Some(site) = Site::open(plan).await? else {
        return Ok(());
    };
    // 440 Hz goes there and comes back.
    let call = site.phone.place("600").await?;
    site.phone.answered().await?;
    site.phone.listen().await?;
    site.phone.hears(PAGE_HZ, SOON).await?;
    let record = site.hangs_up(&call).await?;
    equal("the codec", &record["trunk_codec"], &json!("G722"))?;

    // Digits keep the clock of 8000 that G.722 has in RTP.
    let mark = site.pbx.mark();
    let call = site.phone.place("200").await?;
    site.phone.answered().await?;
    site.phone.press("1905").await?;
    site.pbx.logged(mark, &["DIGITS 1905"], SOON).await?;
    site.phone.listen().await?;
    site.phone.hears(PBX_HZ, SOON).await?;
    site.phone.hang_up().await?;
    site.ends(&call, End::new("hangup", "local")).await?;

    // A re-INVITE with A-law alone: the page's stream goes on.
    let call = site.phone.place("620").await?;
    site.phone.answered().await?;
    site.phone.listen().await?;
    site.phone.hears(PBX_HZ, SOON).await?;
    let ssrc = site.phone.stats().await?["inboundSsrc"].clone();
    site.said(&call, "an offer of A-law alone", |m| {
        !m.sent && m.is("INVITE") && m.text.contains("RTP/AVP 8") && !m.text.contains("G722")
    })
    .await?;
    site.phone.hears(PAGE_HZ, SOON).await?;
    let now = site.phone.stats().await?["inboundSsrc"].clone();
    equal("the SSRC at the page", &json!(now), &json!(ssrc))?;
    let record = site.hangs_up(&call).await?;
    let codec = &record["trunk_codec"];
    equal("the codec at the end", codec, &json!("PCMA"))?;
    site.close().await
}
