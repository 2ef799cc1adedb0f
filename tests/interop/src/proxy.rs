//! Kamailio between a box and two ACDs, and a page.

use causeway_harness::certificates::Authority;
use causeway_harness::config::loopback;
use causeway_harness::kamailio::{self, Challenge, Plan};
use causeway_harness::place::{self, TempFolder};
use causeway_harness::{Acd, BoxPlan, BoxProcess, Kamailio, Result};
use tokio::sync::SemaphorePermit;

use crate::{AGENT_HZ, PBX_HZ, PageSite, beside_others, skipped};

/// How a proxy's site differs from the usual one.
#[derive(Debug, Clone, Default)]
pub struct ProxyPlan {
    /// How box and proxy speak: `udp` (also when empty), `tcp` or `tls`.
    pub transport: &'static str,
    /// Further lines of the trunk's table in the box.
    pub trunk_extra: String,
    /// Whom the proxy asks for credentials.
    pub challenge: Option<Challenge>,
    pub hide_topology: bool,
    /// Nobody is at the first target.
    pub first_is_dead: bool,
    /// Connections that stay open for later calls, beyond those of the box's start.
    pub kept_open: usize,
}

/// A proxy, two ACDs, a box with a trunk to the proxy, and a page.
#[derive(Debug)]
pub struct ProxySite {
    pub proxy: Kamailio,
    /// Plays [`PBX_HZ`].
    pub first: Option<Acd>,
    /// Plays [`AGENT_HZ`].
    pub second: Acd,
    pub web: PageSite,
    _certificates: TempFolder,
    _turn: SemaphorePermit<'static>,
}

impl ProxySite {
    /// Starts everything; none, and a loud word, when there is no Kamailio on this machine.
    ///
    /// # Errors
    /// What does not start, and its log.
    pub async fn open(plan: ProxyPlan) -> Result<Option<Self>> {
        Box::pin(Self::start(plan)).await
    }

    async fn start(plan: ProxyPlan) -> Result<Option<Self>> {
        if kamailio::modules().is_none() {
            skipped(
                "there is no Kamailio here; install it with: apt-get install kamailio kamailio-tls-modules",
            );
            return Ok(None);
        }
        let turn = beside_others().await;
        let certificates = TempFolder::new("certificates")?;
        let listen = loopback(place::free_port()?);
        let tls = loopback(place::free_port()?);
        let first = match plan.first_is_dead {
            true => None,
            false => Some(
                Acd::start(&[
                    "--tone",
                    &PBX_HZ.to_string(),
                    "--trunk",
                    &listen.to_string(),
                ])
                .await?,
            ),
        };
        let second = Acd::start(&["--tone", &AGENT_HZ.to_string()]).await?;
        let dead = loopback(place::free_port()?);
        let targets = vec![first.as_ref().map_or(dead, Acd::address), second.address()];
        let secure = plan.transport == "tls";
        let mut box_plan = BoxPlan::new(if secure { tls } else { listen })?;
        let mut extra = plan.trunk_extra.clone();
        if !plan.transport.is_empty() {
            extra.push_str(&format!("\ntransport = \"{}\"", plan.transport));
        }
        let mut peer = (
            box_plan.sip,
            if plan.transport.is_empty() {
                "udp"
            } else {
                plan.transport
            },
        );
        let mut kamailio = Plan {
            listen,
            tls: None,
            peer,
            targets,
            challenge: plan.challenge,
            hide_topology: plan.hide_topology,
        };
        if secure {
            let authority = Authority::new(certificates.path())?;
            let files = authority.issue("127.0.0.1")?;
            let own = loopback(place::free_port()?);
            box_plan.sip_tls = Some(own);
            peer.0 = own;
            kamailio.peer = peer;
            // The proxy believes the box's own certificate, which is there once the box has started; so the box is
            // not to ask before that whether the proxy lives.
            extra.push_str(&format!(
                "\noptions_s = 0\ntls_ca = \"{}\"",
                authority.path().display()
            ));
            box_plan.trunks[0].extra = extra;
            let causeway = BoxProcess::start(box_plan).await?;
            let trusted = causeway.folder().join("state/tls/cert.pem");
            kamailio.tls = Some((tls, files, trusted));
            let proxy = Kamailio::start(kamailio).await?;
            let mut web = PageSite::with(causeway).await?;
            web.keeps_open(plan.kept_open);
            return Ok(Some(Self {
                proxy,
                first,
                second,
                web,
                _certificates: certificates,
                _turn: turn,
            }));
        }
        box_plan.trunks[0].extra = extra;
        let proxy = Kamailio::start(kamailio).await?;
        let mut web = PageSite::open(box_plan).await?;
        web.keeps_open(plan.kept_open);
        Ok(Some(Self {
            proxy,
            first,
            second,
            web,
            _certificates: certificates,
            _turn: turn,
        }))
    }

    /// The first ACD.
    ///
    /// # Panics
    /// When the plan has none.
    pub fn acd(&mut self) -> &mut Acd {
        match &mut self.first {
            Some(acd) => acd,
            None => panic!("the plan has no first ACD"),
        }
    }

    /// Closes everything, and finds nothing left of the calls.
    ///
    /// # Errors
    /// What is left.
    pub async fn close(self) -> Result<()> {
        self.web.close().await?;
        if let Some(first) = self.first {
            first.stop().await?;
        }
        self.second.stop().await?;
        self.proxy.stop().await
    }
}
