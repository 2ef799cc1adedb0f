//! The first call: Asterisk sees who calls and why, and the page hears itself.

use causeway_harness::Result;
use causeway_harness::config::CALLER_ID;
use causeway_interop::{End, PAGE_HZ, SOON, Site, SitePlan, equal, so};
use serde_json::json;

#[tokio::test]
async fn the_page_hears_itself_and_asterisk_sees_who_calls() -> Result<()> {
    let Some(site) = Site::open(SitePlan::default()).await? else {
        return Ok(());
    };
    let mark = site.pbx.mark();

    // page → box → Asterisk: the virtual number, the app's name, and a token for the context.
    let call = site
        .phone
        .place_with(json!({"to": "600", "context": {"order": "A-17", "basket": {"items": 3}}}))
        .await?;
    let setup_ms = site.phone.answered().await?;
    let line = site.pbx.logged(mark, &["CALLER", "TO 600"], SOON).await?;
    so(
        &format!("{CALLER_ID} in {line}"),
        line.contains(&format!("CALLER {CALLER_ID} NAME Demo page UUI ")),
    )?;
    let user_to_user = between(&line, "UUI ", " TO");
    let token: String = user_to_user
        .chars()
        .take_while(char::is_ascii_hexdigit)
        .collect();
    equal("the token's length", &json!(token.len()), &json!(24))?;
    so(
        &format!("hexadecimal, as RFC 7433 writes it: {user_to_user}"),
        user_to_user.contains("encoding=hex"),
    )?;

    // What Asterisk was given leads back to what the page said.
    let context = site
        .causeway
        .admin(&format!("/api/v1/contexts/{token}"))
        .await?;
    equal("the context's call", &context["call"], &json!(call))?;
    equal("the context", &context["context"]["order"], &json!("A-17"))?;
    equal(
        "the context",
        &context["context"]["basket"]["items"],
        &json!(3),
    )?;

    // 440 Hz goes there and comes back.
    site.phone.listen().await?;
    site.phone.hears(PAGE_HZ, SOON).await?;

    // The caller hangs up.
    site.phone.hang_up().await?;
    let record = site.ends(&call, End::new("hangup", "local")).await?;
    site.pbx
        .logged(mark, &["HANGUP PJSIP/box", "CAUSE 16"], SOON)
        .await?;
    for (field, value) in [
        ("direction", json!("from_browser")),
        ("trunk", json!("pbx")),
        ("to_number", json!("600")),
        ("from_number", json!(CALLER_ID)),
        ("web_codec", json!("opus")),
        ("trunk_codec", json!("PCMU")),
    ] {
        equal(field, &record[field], &value)?;
    }
    for leg in ["web", "trunk_leg"] {
        for way in ["packets_in", "packets_out"] {
            let count = record[leg][way].as_u64().unwrap_or(0);
            so(&format!("{leg}.{way} is {count}"), count > 50)?;
        }
        equal(leg, &record[leg]["lost"], &json!(0))?;
    }
    eprintln!("answered after {setup_ms:.0} ms");
    site.close().await
}

fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let (_, rest) = text.split_once(from).unwrap_or_default();
    rest.rsplit_once(to).map_or(rest, |(found, _)| found)
}
