//! Digits where telephone events are not spoken: to Asterisk as tones in the sound, both ways as INFO.

use causeway_harness::Result;
use causeway_harness::asterisk::Trunk;
use causeway_interop::{End, SOON, Site, SitePlan, equal};
use serde_json::{Value, json};

#[tokio::test]
async fn digits_go_as_tones() -> Result<()> {
    digits("inband", false).await
}

#[tokio::test]
async fn digits_go_as_info() -> Result<()> {
    digits("info", true).await
}

async fn digits(mode: &'static str, both_ways: bool) -> Result<()> {
    let plan = SitePlan {
        trunk: Trunk {
            dtmf: Some(mode),
            ..Trunk::default()
        },
        trunk_extra: format!("dtmf = \"{mode}\""),
        ..SitePlan::default()
    };
    let Some(site) = Site::open(plan).await? else {
        return Ok(());
    };
    let mark = site.pbx.mark();
    let call = site.phone.place("806").await?;
    site.phone.answered().await?;
    site.phone.press("19,05").await?;
    site.pbx.logged(mark, &["DIGITS 1905"], SOON).await?;
    if both_ways {
        let four = "phone.events.filter(e => e.event === 'dtmf').length >= 4";
        site.phone
            .browser()
            .until("four digits", four, SOON)
            .await?;
        let events = site.phone.events("dtmf").await?;
        let heard: Vec<&Value> = events.iter().map(|e| &e["args"][0]).collect();
        equal(
            "what Asterisk pressed",
            &json!(heard),
            &json!(["1", "5", "9", "0"]),
        )?;
    }
    site.phone.hang_up().await?;
    site.ends(&call, End::new("hangup", "local")).await?;
    site.close().await
}
