//! The page gives up while it rings behind the proxy, once with one branch and once with two.

use causeway_harness::Result;
use causeway_interop::{End, ProxyPlan, ProxySite, SOON};

#[tokio::test]
async fn a_call_given_up_stops_ringing_behind_the_proxy() -> Result<()> {
    let Some(mut site) = ProxySite::open(ProxyPlan::default()).await? else {
        return Ok(());
    };
    let mark = site.proxy.mark();
    let call = site.web.phone.place("702").await?;
    site.web.phone.reaches("ringing", SOON).await?;
    site.web.phone.hang_up().await?;
    site.web.ends(&call, End::new("cancelled", "local")).await?;
    site.proxy
        .logged(mark, &["REQUEST CANCEL 702"], SOON)
        .await?;
    site.acd()
        .wait("ended", SOON, |e| e["status"] == 487)
        .await?;

    // At once, before anything but 100 came back.
    site.acd().forget();
    let call = site.web.phone.place("702").await?;
    site.web.phone.hang_up().await?;
    site.web.ends(&call, End::new("cancelled", "local")).await?;
    site.acd()
        .wait("ended", SOON, |e| e["status"] == 487)
        .await?;
    site.close().await
}
