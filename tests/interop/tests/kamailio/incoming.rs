//! A call that comes in through the proxy: its Via headers and Record-Route lead the box's answers and BYE back.

use causeway_harness::Result;
use causeway_interop::{ACCOUNT, End, PAGE_HZ, PBX_HZ, ProxyPlan, ProxySite, SOON, equal, hears};
use serde_json::json;

#[tokio::test]
async fn an_acd_behind_the_proxy_calls_the_page() -> Result<()> {
    let Some(mut site) = ProxySite::open(ProxyPlan::default()).await? else {
        return Ok(());
    };
    site.web.phone.register().await?;
    let uri = format!("call sip:{}@{} 4711", ACCOUNT.1, site.proxy.address());

    // The page hangs up.
    site.acd().command(&uri).await?;
    let (caller, _) = site.web.phone.rung(SOON).await?;
    equal("the caller", &json!(caller), &json!("4711"))?;
    let call = site.web.call().await?;
    site.web.phone.accept().await?;
    site.web.phone.reaches("answered", SOON).await?;
    site.web.phone.listen().await?;
    site.web.phone.hears(PBX_HZ, SOON).await?;
    site.acd()
        .wait("heard", SOON, |e| hears(e, PAGE_HZ))
        .await?;
    let mark = site.proxy.mark();
    site.web.hangs_up(&call).await?;
    site.proxy.logged(mark, &["LOOSE BYE"], SOON).await?;
    site.acd()
        .wait("ended", SOON, |e| e["by"] == "remote")
        .await?;

    // The caller gives up: CANCEL through the proxy, and the page stops ringing.
    site.acd().forget();
    site.acd().command(&uri).await?;
    site.web.phone.rung(SOON).await?;
    let call = site.web.call().await?;
    let ringing = site.acd().wait("invite", SOON, |_| true).await?;
    site.acd()
        .wait("progress", SOON, |e| e["status"] == 180)
        .await?;
    site.acd()
        .command(&format!("hangup {}", ringing["call"]))
        .await?;
    site.web
        .ends(&call, End::new("cancelled", "remote"))
        .await?;
    site.acd()
        .wait("ended", SOON, |e| e["status"] == 487)
        .await?;
    site.close().await
}
