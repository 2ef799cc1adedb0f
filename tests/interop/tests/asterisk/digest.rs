//! Asterisk asks for credentials: the right ones work, wrong ones and none are not allowed in.

use causeway_harness::Result;
use causeway_harness::asterisk::Trunk;
use causeway_interop::{End, PAGE_HZ, SOON, Site, SitePlan, so};

fn plan(credentials: &str) -> SitePlan {
    SitePlan {
        trunk: Trunk {
            digest: Some(("causeway".to_owned(), "a \"quoted\" secret".to_owned())),
            ..Trunk::default()
        },
        trunk_extra: credentials.to_owned(),
        ..SitePlan::default()
    }
}

#[tokio::test]
async fn the_right_password_lets_the_call_in() -> Result<()> {
    let credentials = "username = \"causeway\"\npassword = 'a \"quoted\" secret'";
    let Some(mut site) = Site::open(plan(credentials)).await? else {
        return Ok(());
    };
    site.pbx.console("pjsip set logger on").await?;
    let mark = site.pbx.mark();
    let call = site.phone.place("600").await?;
    site.phone.answered().await?;
    site.pbx.logged(mark, &["SIP/2.0 401"], SOON).await?;
    site.phone.listen().await?;
    site.phone.hears(PAGE_HZ, SOON).await?;
    // The BYE is asked for credentials too.
    site.phone.hang_up().await?;
    site.ends(&call, End::new("hangup", "local")).await?;
    site.close().await
}

#[tokio::test]
async fn a_wrong_password_is_not_allowed_in() -> Result<()> {
    let credentials = "username = \"causeway\"\npassword = \"another\"";
    let Some(site) = Site::open(plan(credentials)).await? else {
        return Ok(());
    };
    let mark = site.pbx.mark();
    let call = site.phone.place("600").await?;
    site.ends(&call, End::refused("not_allowed", 401)).await?;
    let log = site.pbx.log_since(mark);
    so("no call came in", !log.contains("CALLER"))?;
    // The password stays out of the box's log.
    let told = site.causeway.program().lines(|l| l.contains("another"));
    so(
        &format!("the box keeps its secret: {told:?}"),
        told.is_empty(),
    )?;
    site.close().await
}
