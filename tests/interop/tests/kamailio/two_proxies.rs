//! The trunk has two proxies, written down one by one or found by a name's SRV records: when the first is killed, the next
//! call goes through the second at once.

use causeway_harness::config::loopback;
use causeway_harness::kamailio::{self, Plan};
use causeway_harness::{Acd, BoxPlan, Kamailio, NameServer, Result, name_server, place};
use causeway_interop::{AGENT_HZ, PBX_HZ, PageSite, SOON, beside_others, skipped};

async fn the_second_takes_over(by_name: bool) -> Result<()> {
    if kamailio::modules().is_none() {
        skipped(
            "there is no Kamailio here; install it with: apt-get install kamailio kamailio-tls-modules",
        );
        return Ok(());
    }
    let _turn = beside_others().await;
    let (one, two) = (loopback(place::free_port()?), loopback(place::free_port()?));
    let mut box_plan = BoxPlan::new(one)?;
    let dns = name_server::free_address()?;
    let names = if by_name {
        box_plan.trunks.clear();
        box_plan.tables =
            "[[trunk]]\nname = \"pbx\"\naddress = \"pbx.example\"\ntransport = \"udp\"\n"
                .to_owned();
        box_plan.sip_extra = format!("dns = [\"{dns}\"]");
        let records = [
            format!(
                "srv-host=_sip._udp.pbx.example,one.example,{},10,0",
                one.port()
            ),
            format!(
                "srv-host=_sip._udp.pbx.example,two.example,{},20,0",
                two.port()
            ),
            "host-record=one.example,127.0.0.1".to_owned(),
            "host-record=two.example,127.0.0.1".to_owned(),
        ];
        Some(NameServer::start(dns, &records).await?)
    } else {
        box_plan.trunks[0].extra = format!("targets = [\"{two}\"]");
        None
    };
    let first = Acd::start(&["--tone", &PBX_HZ.to_string()]).await?;
    let second = Acd::start(&["--tone", &AGENT_HZ.to_string()]).await?;
    let plan = |listen, target: &Acd| Plan {
        listen,
        tls: None,
        peer: (box_plan.sip, "udp"),
        targets: vec![target.address()],
        challenge: None,
        hide_topology: false,
    };
    let dying = Kamailio::start(plan(one, &first)).await?;
    let other = Kamailio::start(plan(two, &second)).await?;
    let web = PageSite::open(box_plan).await?;

    let call = web.phone.place("100").await?;
    web.phone.answered().await?;
    web.phone.listen().await?;
    web.phone.hears(PBX_HZ, SOON).await?;
    web.hangs_up(&call).await?;

    dying.kill().await?;
    // At once, before any probe can have told that it is dead.
    let call = web.phone.place("100").await?;
    web.phone.answered().await?;
    web.phone.listen().await?;
    web.phone.hears(AGENT_HZ, SOON).await?;
    web.hangs_up(&call).await?;
    web.close().await?;
    if let Some(names) = names {
        names.stop().await?;
    }
    first.stop().await?;
    second.stop().await?;
    other.stop().await
}

#[tokio::test]
async fn the_second_proxy_takes_over() -> Result<()> {
    Box::pin(the_second_takes_over(false)).await
}

#[tokio::test]
async fn srv_records_lead_to_the_second_proxy() -> Result<()> {
    Box::pin(the_second_takes_over(true)).await
}
