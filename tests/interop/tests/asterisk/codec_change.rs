//! Asterisk changes the codec in mid-call, once by re-INVITE and once by UPDATE: the page hears no difference.

use causeway_harness::Result;
use causeway_interop::{PAGE_HZ, PBX_HZ, SOON, Site, SitePlan, equal};
use serde_json::json;

#[tokio::test]
async fn from_mu_law_to_a_law() -> Result<()> {
    let plan = SitePlan {
        beside_others: true,
        ..SitePlan::default()
    };
    let Some(site) = Site::open(plan).await? else {
        return Ok(());
    };
    for (number, by) in [("620", "INVITE"), ("621", "UPDATE")] {
        let call = site.phone.place(number).await?;
        site.phone.answered().await?;
        site.phone.listen().await?;
        site.phone.hears(PBX_HZ, SOON).await?;
        let ssrc = site.phone.stats().await?["inboundSsrc"].clone();
        site.said(&call, "an offer of A-law alone", |m| {
            !m.sent && m.is(by) && m.text.contains("RTP/AVP 8") && !m.text.contains("PCMU")
        })
        .await?;
        site.said(&call, "our answer", |m| {
            m.sent && m.answers(by, 200) && m.text.contains("RTP/AVP 8")
        })
        .await?;
        site.phone.hears(PAGE_HZ, SOON).await?;
        let now = site.phone.stats().await?["inboundSsrc"].clone();
        equal("the SSRC at the page", &json!(now), &json!(ssrc))?;
        let record = site.hangs_up(&call).await?;
        equal(
            "the codec at the end",
            &record["trunk_codec"],
            &json!("PCMA"),
        )?;
    }
    site.close().await
}
