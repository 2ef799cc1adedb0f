//! TCP between box and proxy, UDP behind it: two Record-Route headers, and a transport that changes between them.

use causeway_harness::Result;
use causeway_interop::{ACCOUNT, PAGE_HZ, PBX_HZ, ProxyPlan, ProxySite, SOON, hears, so, wire};

#[tokio::test]
async fn tcp_to_the_proxy_and_udp_behind_it() -> Result<()> {
    let plan = ProxyPlan {
        transport: "tcp",
        // The one the proxy calls the box over.
        kept_open: 1,
        ..ProxyPlan::default()
    };
    let Some(mut site) = ProxySite::open(plan).await? else {
        return Ok(());
    };
    let mark = site.proxy.mark();
    let call = site.web.phone.place("100").await?;
    site.web.phone.answered().await?;
    site.proxy
        .logged(mark, &["REQUEST INVITE 100 FROM tcp"], SOON)
        .await?;
    site.web.phone.listen().await?;
    site.web.phone.hears(PBX_HZ, SOON).await?;
    let number = site.acd().wait("answered", SOON, |_| true).await?["call"].clone();
    site.acd().command(&format!("hold {number}")).await?;
    site.web.phone.reaches("held", SOON).await?;
    site.acd().command(&format!("resume {number}")).await?;
    site.web.phone.reaches("answered", SOON).await?;
    let mark = site.proxy.mark();
    site.web.hangs_up(&call).await?;
    site.proxy
        .logged(mark, &["REQUEST BYE", "FROM tcp"], SOON)
        .await?;
    site.acd()
        .wait("ended", SOON, |e| e["by"] == "remote")
        .await?;
    let messages = wire(&site.web.causeway, &call).await?;
    let answer = messages.iter().find(|m| m.answers("INVITE", 200));
    let text = answer.map(|m| m.text.clone()).unwrap_or_default();
    so(
        &format!("two Record-Route: {text}"),
        text.matches("r2=on").count() == 2,
    )?;

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
    let mark = site.proxy.mark();
    site.web.hangs_up(&call).await?;
    site.proxy.logged(mark, &["LOOSE BYE"], SOON).await?;
    site.close().await
}
