//! Who calls from Asterisk: in Remote-Party-ID, hidden and not; the record knows, the page only what it may.

use causeway_harness::Result;
use causeway_harness::asterisk::Trunk;
use causeway_interop::{ACCOUNT, End, SOON, Site, SitePlan, equal, so};
use serde_json::json;

async fn called_by(endpoint: &str, header: &str) -> Result<()> {
    let plan = SitePlan {
        trunk: Trunk {
            endpoint: endpoint.to_owned(),
            ..Trunk::default()
        },
        account: true,
        beside_others: true,
        ..SitePlan::default()
    };
    let Some(mut site) = Site::open(plan).await? else {
        return Ok(());
    };
    site.phone.register().await?;
    for (context, shown) in [
        ("to-box", ("4711", "Alice Example")),
        ("hidden", ("anonymous", "")),
    ] {
        site.pbx.ring_as(context, ACCOUNT.1, "").await?;
        let caller = site.phone.rung(SOON).await?;
        let wanted = (shown.0.to_owned(), shown.1.to_owned());
        equal("the caller", &json!(caller), &json!(wanted))?;
        let call = site.call().await?;
        let invite = site
            .said(&call, "an INVITE", |m| !m.sent && m.is("INVITE"))
            .await?;
        so(
            &format!("{header} names 4711: {}", invite.text),
            invite.header(header).is_some_and(|v| v.contains("4711")),
        )?;
        site.phone.reject("declined").await?;
        let record = site.ends(&call, End::new("declined", "local")).await?;
        equal("who called", &record["from_number"], &json!("4711"))?;
    }
    site.close().await
}

#[tokio::test]
async fn by_remote_party_id() -> Result<()> {
    Box::pin(called_by("send_pai=no\nsend_rpid=yes", "Remote-Party-ID")).await
}

#[tokio::test]
async fn by_p_asserted_identity() -> Result<()> {
    Box::pin(called_by("send_pai=yes", "P-Asserted-Identity")).await
}
