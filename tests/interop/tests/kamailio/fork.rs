//! Kamailio forks a call to two ACDs at once: two early dialogs, one of them answered; the right one is heard.

use causeway_harness::Result;
use causeway_interop::{AGENT_HZ, PAGE_HZ, ProxyPlan, ProxySite, SOON, hears, so, wire};

#[tokio::test]
async fn the_branch_that_answers_is_heard() -> Result<()> {
    let Some(mut site) = ProxySite::open(ProxyPlan::default()).await? else {
        return Ok(());
    };
    // The first target only rings, the second one answers; Kamailio cancels the first.
    let call = site.web.phone.place("911").await?;
    site.web.phone.answered().await?;
    site.acd()
        .wait("ended", SOON, |e| e["status"] == 487)
        .await?;
    site.web.phone.listen().await?;
    site.web.phone.hears(AGENT_HZ, SOON).await?;
    site.second
        .wait("heard", SOON, |e| hears(e, PAGE_HZ))
        .await?;
    let mark = site.proxy.mark();
    site.web.hangs_up(&call).await?;
    site.proxy.logged(mark, &["LOOSE BYE"], SOON).await?;
    let mut tags: Vec<String> = wire(&site.web.causeway, &call)
        .await?
        .iter()
        .filter(|m| m.answers("INVITE", 180))
        .filter_map(|m| {
            m.header("To")?
                .split_once(";tag=")
                .map(|(_, tag)| tag.to_owned())
        })
        .collect();
    tags.sort();
    tags.dedup();
    so(&format!("two early dialogs: {tags:?}"), tags.len() == 2)?;
    site.close().await
}

#[tokio::test]
async fn early_media_of_one_branch_gives_way_to_the_answer_of_another() -> Result<()> {
    let Some(mut site) = ProxySite::open(ProxyPlan::default()).await? else {
        return Ok(());
    };
    // The first target plays 1004 Hz at once and would answer after 3 s; the second answers after 300 ms.
    let call = site.web.phone.place("912").await?;
    site.web.phone.answered().await?;
    site.web.phone.listen().await?;
    site.web.phone.hears(AGENT_HZ, SOON).await?;
    site.second
        .wait("heard", SOON, |e| hears(e, PAGE_HZ))
        .await?;
    site.acd()
        .wait("ended", SOON, |e| e["status"] == 487)
        .await?;
    site.web
        .said(&call, "183 with a session description", |m| {
            m.answers("INVITE", 183) && m.text.contains("m=audio")
        })
        .await?;
    site.web.hangs_up(&call).await?;
    site.close().await
}
