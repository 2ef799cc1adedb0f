//! The trunk is TCP, in both directions.

use causeway_harness::Result;
use causeway_harness::asterisk::Trunk;
use causeway_interop::{ACCOUNT, End, PAGE_HZ, SOON, Site, SitePlan};

#[tokio::test]
async fn a_call_each_way_over_tcp() -> Result<()> {
    let plan = SitePlan {
        trunk: Trunk {
            tcp: true,
            ..Trunk::default()
        },
        trunk_extra: "transport = \"tcp\"".to_owned(),
        account: true,
        // The one Asterisk calls the box over; the box opens its own at the start, to ask whether Asterisk lives.
        kept_open: 1,
        ..SitePlan::default()
    };
    let Some(mut site) = Site::open(plan).await? else {
        return Ok(());
    };
    site.pbx.console("pjsip set logger on").await?;
    let mark = site.pbx.mark();
    let call = site.phone.place("600").await?;
    site.phone.answered().await?;
    site.pbx
        .logged(mark, &["Received SIP request", "TCP"], SOON)
        .await?;
    site.phone.listen().await?;
    site.phone.hears(PAGE_HZ, SOON).await?;
    site.phone.hang_up().await?;
    site.ends(&call, End::new("hangup", "local")).await?;

    site.phone.register().await?;
    let mark = site.pbx.mark();
    site.pbx.ring(ACCOUNT.1, 20, "600").await?;
    site.phone.rung(SOON).await?;
    site.pbx
        .logged(mark, &["Transmitting SIP request", "TCP"], SOON)
        .await?;
    site.phone.accept().await?;
    site.phone.reaches("answered", SOON).await?;
    site.phone.listen().await?;
    site.phone.hears(PAGE_HZ, SOON).await?;
    site.phone.hang_up().await?;
    site.close().await
}
