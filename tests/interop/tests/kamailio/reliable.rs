//! A reliable 183 through the proxy: PRACK follows the route of the early dialog.

use causeway_harness::Result;
use causeway_interop::{PBX_HZ, ProxyPlan, ProxySite, SOON};

#[tokio::test]
async fn prack_goes_through_the_proxy() -> Result<()> {
    let Some(mut site) = ProxySite::open(ProxyPlan::default()).await? else {
        return Ok(());
    };
    let mark = site.proxy.mark();
    let call = site.web.phone.place("704").await?;
    site.web.phone.answered().await?;
    site.proxy.logged(mark, &["LOOSE PRACK"], SOON).await?;
    site.acd().wait("prack", SOON, |_| true).await?;
    site.web.phone.listen().await?;
    site.web.phone.hears(PBX_HZ, SOON).await?;
    site.web.hangs_up(&call).await?;
    site.close().await
}
