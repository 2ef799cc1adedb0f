//! Asterisk calls the account: the browser rings, answers, and both hear.

use causeway_harness::Result;
use causeway_interop::{ACCOUNT, End, PAGE_HZ, PBX_HZ, SOON, Site, SitePlan, equal};
use serde_json::json;

#[tokio::test]
async fn the_browser_rings_answers_and_both_hear() -> Result<()> {
    let plan = SitePlan {
        account: true,
        ..SitePlan::default()
    };
    let Some(mut site) = Site::open(plan).await? else {
        return Ok(());
    };
    site.phone.register().await?;

    // Once answered, Asterisk plays 1004 Hz; the caller hangs up.
    let mark = site.pbx.mark();
    site.pbx.ring(ACCOUNT.1, 20, "300").await?;
    let caller = site.phone.rung(SOON).await?;
    let wanted = ("4711".to_owned(), "Alice Example".to_owned());
    equal("the caller", &json!(caller), &json!(wanted))?;
    let call = site.call().await?;
    site.phone.accept().await?;
    site.phone.reaches("answered", SOON).await?;
    site.phone.listen().await?;
    site.phone.hears(PBX_HZ, SOON).await?;
    let record = site.ends(&call, End::new("hangup", "remote")).await?;
    for (field, value) in [
        ("direction", json!("to_browser")),
        ("account", json!(ACCOUNT.0)),
        ("from_number", json!("4711")),
    ] {
        equal(field, &record[field], &value)?;
    }
    site.pbx
        .logged(mark, &["DIALLED", "STATUS ANSWER"], SOON)
        .await?;

    // Once answered, Asterisk echoes: the page's own tone has been there and back. The called page hangs up.
    site.pbx.ring(ACCOUNT.1, 20, "600").await?;
    site.phone.rung(SOON).await?;
    let call = site.call().await?;
    site.phone.accept().await?;
    site.phone.reaches("answered", SOON).await?;
    site.phone.listen().await?;
    site.phone.hears(PAGE_HZ, SOON).await?;
    site.phone.hang_up().await?;
    site.ends(&call, End::new("hangup", "local")).await?;
    site.close().await
}
