//! TLS between box and proxy, each believing the other's certificate, UDP behind it.

use causeway_harness::Result;
use causeway_interop::{ACCOUNT, PAGE_HZ, PBX_HZ, ProxyPlan, ProxySite, SOON, hears};

#[tokio::test]
async fn tls_both_ways() -> Result<()> {
    let plan = ProxyPlan {
        transport: "tls",
        // One for each side's calls.
        kept_open: 2,
        ..ProxyPlan::default()
    };
    let Some(mut site) = ProxySite::open(plan).await? else {
        return Ok(());
    };
    let mark = site.proxy.mark();
    let call = site.web.phone.place("100").await?;
    site.web.phone.answered().await?;
    site.proxy
        .logged(mark, &["REQUEST INVITE 100 FROM tls"], SOON)
        .await?;
    site.web.phone.listen().await?;
    site.web.phone.hears(PBX_HZ, SOON).await?;
    let mark = site.proxy.mark();
    site.web.hangs_up(&call).await?;
    site.proxy
        .logged(mark, &["REQUEST BYE", "FROM tls"], SOON)
        .await?;

    site.web.phone.register().await?;
    let uri = format!("call sip:{}@{} 4711", ACCOUNT.1, site.proxy.address());
    site.acd().command(&uri).await?;
    site.web.phone.rung(SOON).await?;
    let call = site.web.call().await?;
    site.web.phone.accept().await?;
    site.web.phone.reaches("answered", SOON).await?;
    site.acd().forget();
    site.acd()
        .wait("heard", SOON, |e| hears(e, PAGE_HZ))
        .await?;
    site.web.hangs_up(&call).await?;
    site.close().await
}
