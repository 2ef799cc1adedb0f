//! Direct media: once the agent answers, Asterisk leaves the path of the sound by a re-INVITE, and the agent's hold and
//! resume move it to Asterisk and back.

use causeway_harness::Result;
use causeway_harness::asterisk::Trunk;
use causeway_interop::{AGENT_HZ, PAGE_HZ, SOON, Said, Site, SitePlan, equal, hears, so, wire};
use serde_json::json;

#[tokio::test]
async fn the_media_address_moves_to_the_agent_and_back() -> Result<()> {
    let direct = "direct_media=yes\nrtp_symmetric=no".to_owned();
    let plan = SitePlan {
        trunk: Trunk {
            endpoint: direct.clone(),
            agent: direct,
            ..Trunk::default()
        },
        agent: true,
        beside_others: true,
        ..SitePlan::default()
    };
    let Some(mut site) = Site::open(plan).await? else {
        return Ok(());
    };
    let call = site.phone.place("400").await?;
    let answered = site
        .phone_of_agent()?
        .wait("answered", SOON, |_| true)
        .await?;
    let number = answered["call"].clone();
    site.phone.answered().await?;
    site.phone.listen().await?;
    let moved = site
        .said(&call, "a re-INVITE with another port", |m| {
            !m.sent && m.is("INVITE") && m.text.contains("m=audio")
        })
        .await?;
    let first = site
        .said(&call, "the answer", |m| m.answers("INVITE", 200) && !m.sent)
        .await?;
    so(
        &format!("the port moved: {} to {}", port(&first), port(&moved)),
        port(&first) != port(&moved) && port(&moved) > 0,
    )?;
    site.phone.hears(AGENT_HZ, SOON).await?;
    site.phone_of_agent()?.forget();
    site.phone_of_agent()?
        .wait("heard", SOON, |e| hears(e, PAGE_HZ))
        .await?;
    let ssrc = site.phone.stats().await?["inboundSsrc"].clone();

    for _ in 0..2 {
        site.phone_of_agent()?
            .command(&format!("hold {number}"))
            .await?;
        site.phone.reaches("held", SOON).await?;
        site.phone_of_agent()?
            .command(&format!("resume {number}"))
            .await?;
        site.phone_of_agent()?
            .wait("resumed", SOON, |_| true)
            .await?;
        site.phone.reaches("answered", SOON).await?;
        site.phone.hears(AGENT_HZ, SOON).await?;
        site.phone_of_agent()?.forget();
        site.phone_of_agent()?
            .wait("heard", SOON, |e| hears(e, PAGE_HZ))
            .await?;
    }
    let now = site.phone.stats().await?["inboundSsrc"].clone();
    equal("the SSRC at the page", &json!(now), &json!(ssrc))?;
    site.hangs_up(&call).await?;
    let messages = wire(&site.causeway, &call).await?;
    let refused: Vec<_> = messages
        .iter()
        .filter(|m| m.sent && m.method() == "INVITE" && m.first_line.starts_with("SIP/2.0 4"))
        .collect();
    so(
        &format!("nothing was refused: {refused:#?}"),
        refused.is_empty(),
    )?;
    site.close().await
}

/// The port of the sound in a message's session description; 0 without one.
fn port(said: &Said) -> u16 {
    let line = said.text.lines().find_map(|l| l.strip_prefix("m=audio "));
    let word = line.and_then(|l| l.split(' ').next());
    word.and_then(|w| w.parse().ok()).unwrap_or(0)
}
