//! Kamailio asks for credentials (407), by MD5 and by SHA-256, with qop.

use causeway_harness::Result;
use causeway_harness::kamailio::Challenge;
use causeway_interop::{End, PBX_HZ, ProxyPlan, ProxySite, SOON, so, wire};

fn plan(algorithm: &'static str, password: &str) -> ProxyPlan {
    ProxyPlan {
        challenge: Some(Challenge {
            user: "causeway".to_owned(),
            password: "open sesame".to_owned(),
            algorithm,
        }),
        trunk_extra: format!("username = \"causeway\"\npassword = \"{password}\""),
        ..ProxyPlan::default()
    }
}

async fn a_call_gets_through(algorithm: &'static str) -> Result<()> {
    let Some(site) = ProxySite::open(plan(algorithm, "open sesame")).await? else {
        return Ok(());
    };
    let mark = site.proxy.mark();
    let call = site.web.phone.place("100").await?;
    site.web.phone.answered().await?;
    site.proxy.logged(mark, &["CHALLENGE INVITE"], SOON).await?;
    site.web.phone.listen().await?;
    site.web.phone.hears(PBX_HZ, SOON).await?;
    site.web.hangs_up(&call).await?;
    let messages = wire(&site.web.causeway, &call).await?;
    let asked = messages.iter().find(|m| m.answers("INVITE", 407));
    let asked = asked
        .and_then(|m| m.header("Proxy-Authenticate"))
        .unwrap_or_default();
    so(
        &format!("{algorithm} with qop was asked for: {asked}"),
        asked.contains("qop=\"auth\"") && (algorithm == "MD5" || asked.contains(algorithm)),
    )?;
    site.close().await
}

#[tokio::test]
async fn by_md5() -> Result<()> {
    Box::pin(a_call_gets_through("MD5")).await
}

#[tokio::test]
async fn by_sha_256() -> Result<()> {
    Box::pin(a_call_gets_through("SHA-256")).await
}

#[tokio::test]
async fn a_wrong_password_is_told_and_not_tried_again_and_again() -> Result<()> {
    let Some(mut site) = ProxySite::open(plan("MD5", "close sesame")).await? else {
        return Ok(());
    };
    let call = site.web.phone.place("100").await?;
    site.web
        .ends(&call, End::refused("not_allowed", 407))
        .await?;
    let asked = site.proxy.count(&["CHALLENGE INVITE"]);
    so(&format!("asked twice: {asked}"), asked == 2)?;
    so("no ACD was called", site.acd().seen("invite").is_empty())?;
    site.close().await
}
