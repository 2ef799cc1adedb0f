//! A queue: the caller hears its music until an agent answers, and then the agent.
//!
//! At that moment Asterisk changes the session more than once: it tells who answered (P-Asserted-Identity, by UPDATE,
//! which the box allows), and where media may go directly it moves the sound to the agent by re-INVITE, at once.

use causeway_harness::Result;
use causeway_harness::asterisk::Trunk;
use causeway_interop::{AGENT_HZ, PAGE_HZ, SOON, Said, Site, SitePlan, equal, hears, so, wire};
use serde_json::json;

/// The page is connected with the agent; what was said in the call.
async fn the_agent_is_heard(further: &str) -> Result<Option<Vec<Said>>> {
    let plan = SitePlan {
        trunk: Trunk {
            endpoint: further.to_owned(),
            agent: format!("callerid=Anna Agent <400>\n{further}"),
            ..Trunk::default()
        },
        agent: true,
        beside_others: true,
        ..SitePlan::default()
    };
    let Some(mut site) = Site::open(plan).await? else {
        return Ok(None);
    };
    let call = site.phone.place("500").await?;
    site.phone.answered().await?;
    site.phone.listen().await?;
    site.phone_of_agent()?
        .wait("answered", SOON, |_| true)
        .await?;
    site.phone.hears(AGENT_HZ, SOON).await?;
    site.phone_of_agent()?
        .wait("heard", SOON, |e| hears(e, PAGE_HZ))
        .await?;
    site.said(&call, "who answered", |m| {
        !m.sent
            && m.is("UPDATE")
            && m.header("P-Asserted-Identity")
                .is_some_and(|v| v.contains("Anna Agent"))
    })
    .await?;
    let state = json!(site.phone.state().await?);
    equal("the state", &state, &json!("answered"))?;
    site.hangs_up(&call).await?;
    let messages = wire(&site.causeway, &call).await?;
    for method in ["INVITE", "UPDATE"] {
        let asked = messages.iter().filter(|m| !m.sent && m.is(method)).count();
        let taken = messages.iter().filter(|m| m.sent && m.answers(method, 200));
        so(
            &format!("every {method} was taken: {messages:#?}"),
            taken.count() == asked,
        )?;
    }
    site.close().await?;
    Ok(Some(messages))
}

#[tokio::test]
async fn the_agent_of_a_queue_is_heard() -> Result<()> {
    Box::pin(the_agent_is_heard("")).await.map(|_| ())
}

#[tokio::test]
async fn its_sound_moves_to_the_agent_at_the_same_moment() -> Result<()> {
    let said = Box::pin(the_agent_is_heard("direct_media=yes")).await?;
    let Some(messages) = said else {
        return Ok(());
    };
    let moved = messages
        .iter()
        .filter(|m| !m.sent && m.is("INVITE"))
        .count();
    so(
        &format!("a re-INVITE besides the UPDATE: {messages:#?}"),
        moved >= 1,
    )
}
