//! Asterisk calls the account, and the browser refuses; and a number nobody has.

use causeway_harness::Result;
use causeway_interop::{ACCOUNT, End, SOON, Site, SitePlan, so};

#[tokio::test]
async fn a_refused_call_is_refused_at_the_pbx_too() -> Result<()> {
    let plan = SitePlan {
        account: true,
        ..SitePlan::default()
    };
    let Some(mut site) = Site::open(plan).await? else {
        return Ok(());
    };
    site.phone.register().await?;
    site.pbx.console("pjsip set logger on").await?;

    // What the page says, what SIP says, and what Asterisk makes of it (Q.850).
    for (word, code, status, cause) in [
        ("declined", "declined", "SIP/2.0 603", "CAUSE 21"),
        ("busy", "busy", "SIP/2.0 486", "CAUSE 17"),
    ] {
        let mark = site.pbx.mark();
        site.pbx.ring(ACCOUNT.1, 20, "100").await?;
        site.phone.rung(SOON).await?;
        let call = site.call().await?;
        site.phone.reject(word).await?;
        site.ends(&call, End::new(code, "local")).await?;
        site.pbx.logged(mark, &[status], SOON).await?;
        site.pbx.logged(mark, &["DIALLED", cause], SOON).await?;
    }

    // A number without an account never rings.
    let mark = site.pbx.mark();
    let rung = site.phone.events("incoming").await?.len();
    site.pbx.ring("+49309999", 20, "100").await?;
    site.pbx.logged(mark, &["SIP/2.0 404"], SOON).await?;
    site.pbx.logged(mark, &["DIALLED", "CAUSE 1"], SOON).await?;
    let rung_now = site.phone.events("incoming").await?.len();
    so("nothing rang", rung == rung_now)?;
    site.close().await
}
