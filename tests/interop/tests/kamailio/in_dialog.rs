//! Kamailio stays in the path by Record-Route: everything later in the call goes through it, from either side.

use causeway_harness::Result;
use causeway_interop::{End, PAGE_HZ, PBX_HZ, ProxyPlan, ProxySite, SOON, hears, so};

#[tokio::test]
async fn everything_in_the_dialog_is_routed_through_the_proxy() -> Result<()> {
    let Some(mut site) = ProxySite::open(ProxyPlan::default()).await? else {
        return Ok(());
    };
    let call = site.web.phone.place("100").await?;
    site.web.phone.answered().await?;
    site.web.phone.listen().await?;
    let number = site.acd().wait("answered", SOON, |_| true).await?["call"].clone();
    site.web.phone.hears(PBX_HZ, SOON).await?;
    site.acd()
        .wait("heard", SOON, |e| hears(e, PAGE_HZ))
        .await?;

    // The ACD holds and resumes: re-INVITEs along its route set, through the proxy to the box.
    let mark = site.proxy.mark();
    site.acd().command(&format!("hold {number}")).await?;
    site.acd().wait("held", SOON, |_| true).await?;
    site.web.phone.reaches("held", SOON).await?;
    site.proxy.logged(mark, &["LOOSE INVITE"], SOON).await?;
    site.acd().command(&format!("resume {number}")).await?;
    site.acd().wait("resumed", SOON, |_| true).await?;
    site.web.phone.reaches("answered", SOON).await?;
    site.web.phone.hears(PBX_HZ, SOON).await?;

    // An UPDATE, and RTP from another port.
    let mark = site.proxy.mark();
    site.acd().command(&format!("update {number}")).await?;
    site.acd()
        .wait("update", SOON, |e| e["status"] == 200)
        .await?;
    site.proxy.logged(mark, &["LOOSE UPDATE"], SOON).await?;
    site.acd().command(&format!("move {number}")).await?;
    site.acd()
        .wait("reinvite", SOON, |e| e["status"] == 200)
        .await?;
    site.web.phone.hears(PBX_HZ, SOON).await?;

    // The page holds and resumes: re-INVITEs of the box.
    let mark = site.proxy.mark();
    site.web
        .phone
        .browser()
        .evaluate("phone.call.hold()")
        .await?;
    site.acd()
        .wait("held", SOON, |e| e["by"] == "remote")
        .await?;
    site.proxy.logged(mark, &["LOOSE INVITE"], SOON).await?;
    site.proxy.logged(mark, &["LOOSE ACK"], SOON).await?;
    site.web
        .phone
        .browser()
        .evaluate("phone.call.resume()")
        .await?;
    site.acd()
        .wait("resumed", SOON, |e| e["by"] == "remote")
        .await?;
    site.acd().forget();
    site.acd()
        .wait("heard", SOON, |e| hears(e, PAGE_HZ))
        .await?;

    let mark = site.proxy.mark();
    site.web.hangs_up(&call).await?;
    site.proxy.logged(mark, &["LOOSE BYE"], SOON).await?;
    site.acd()
        .wait("ended", SOON, |e| e["by"] == "remote")
        .await?;

    // And the ACD's own BYE comes the same way.
    let mark = site.proxy.mark();
    let call = site.web.phone.place("100").await?;
    site.web.phone.answered().await?;
    let number = site.acd().wait("answered", SOON, |_| true).await?["call"].clone();
    site.acd().command(&format!("hangup {number}")).await?;
    site.web.ends(&call, End::new("hangup", "remote")).await?;
    site.proxy.logged(mark, &["LOOSE BYE"], SOON).await?;
    so(
        "the second ACD was never asked",
        site.second.seen("invite").is_empty(),
    )?;
    site.close().await
}
