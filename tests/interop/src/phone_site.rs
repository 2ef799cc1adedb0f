//! A box whose trunk leads straight to baresip, and a page.

use causeway_harness::baresip::{self, Plan};
use causeway_harness::certificates::Authority;
use causeway_harness::config::{ECHO, loopback};
use causeway_harness::place::{self, TempFolder};
use causeway_harness::{Baresip, BoxPlan, BoxProcess, Result};
use serde_json::Value;
use tokio::sync::SemaphorePermit;

use crate::{ACCOUNT, PageSite, SOON, alone, beside_others, skipped};

/// What Firefox's own microphone gives, in Hz.
pub const FIREFOX_HZ: f64 = 1000.0;

/// How a phone's site differs from the usual one.
#[derive(Debug, Clone, Default)]
pub struct PhonePlan {
    /// `udp` (also when empty), `tcp` or `tls`.
    pub transport: &'static str,
    pub srtp: bool,
    /// The phone has H.264.
    pub video: bool,
    /// So has the trunk.
    pub picture: bool,
    /// The page is Firefox, whose microphone gives [`FIREFOX_HZ`], instead of Chromium.
    pub firefox: bool,
    /// The phone's codecs; both laws of G.711 when empty.
    pub codecs: &'static str,
    /// Time is measured: no other scenario may run beside it.
    pub alone: bool,
    /// Further lines of the trunk's table in the box.
    pub trunk_extra: &'static str,
    /// Connections that stay open for later calls, beyond those of the box's start.
    pub kept_open: usize,
}

/// baresip, a box with a trunk to it, and a page.
#[derive(Debug)]
pub struct PhoneSite {
    /// It is called at 100.
    pub baresip: Baresip,
    pub web: PageSite,
    /// What baresip dials to call the page's account.
    pub account: String,
    /// What it dials to hear itself.
    pub echo: String,
    microphone_hz: f64,
    _certificates: TempFolder,
    _turn: SemaphorePermit<'static>,
}

impl PhoneSite {
    /// Starts everything; none, and a loud word, when there is no baresip on this machine.
    ///
    /// # Errors
    /// What does not start, and its log.
    pub async fn open(plan: PhonePlan) -> Result<Option<Self>> {
        Box::pin(Self::start(plan)).await
    }

    async fn start(plan: PhonePlan) -> Result<Option<Self>> {
        if !baresip::here() {
            skipped(
                "there is no baresip here; install it with: apt-get install baresip-core baresip-ffmpeg",
            );
            return Ok(None);
        }
        let turn = match plan.alone {
            true => alone().await,
            false => beside_others().await,
        };
        let certificates = TempFolder::new("certificates")?;
        // Its TLS listens on the port after the other.
        let port = place::free_range(2)?;
        let transport = match plan.transport {
            "" => "udp",
            named => named,
        };
        let secure = transport == "tls";
        let mut box_plan = BoxPlan::new(loopback(port + u16::from(secure)))?;
        // Nobody asks whether it lives: it is started after the box, whose certificate it believes.
        let mut extra = format!("options_s = 0\ntransport = \"{transport}\"\n");
        let srtp = if plan.srtp { "required" } else { "off" };
        extra.push_str(&format!("srtp = \"{srtp}\"\n"));
        extra.push_str(plan.trunk_extra);
        if plan.picture {
            extra.push_str("video = \"h264\"\n");
        }
        let mut reached_at = box_plan.sip;
        let mut files = None;
        if secure {
            let authority = Authority::new(certificates.path())?;
            files = Some(authority.issue("127.0.0.1")?);
            extra.push_str(&format!("tls_ca = \"{}\"\n", authority.path().display()));
            reached_at = loopback(place::free_port()?);
            box_plan.sip_tls = Some(reached_at);
        }
        box_plan.trunks[0].extra = extra;
        if plan.firefox {
            // Firefox leaves loopback out of its candidates.
            let Some(address) = place::own_address() else {
                skipped("there is no default route, without which Firefox gathers no candidates");
                return Ok(None);
            };
            box_plan.media.set_ip(address);
        }
        let causeway = BoxProcess::start(box_plan).await?;
        let trusted = causeway.folder().join("state/tls/cert.pem");
        let phone = Plan {
            user: "100".to_owned(),
            transport: transport.to_owned(),
            tls: files.map(|files| (files, trusted)),
            srtp: plan.srtp,
            video: plan.video,
            codecs: plan.codecs.to_owned(),
            ..Plan::default()
        };
        let baresip = Baresip::start(port, &phone).await?;
        let mut web = match plan.firefox {
            true => PageSite::firefox(causeway).await?,
            false => PageSite::with(causeway).await?,
        };
        web.keeps_open(plan.kept_open);
        Ok(Some(Self {
            baresip,
            web,
            account: format!("sip:{}@{reached_at};transport={transport}", ACCOUNT.1),
            echo: format!("sip:{ECHO}@{reached_at};transport={transport}"),
            microphone_hz: if plan.firefox {
                FIREFOX_HZ
            } else {
                crate::PAGE_HZ
            },
            _certificates: certificates,
            _turn: turn,
        }))
    }

    /// baresip calls the page, which answers and listens; the box's name for the call.
    ///
    /// # Errors
    /// What does not happen.
    pub async fn baresip_calls(&mut self) -> Result<String> {
        self.web.phone.register().await?;
        let from = self.baresip.mark();
        self.baresip.command("dial", &self.account.clone()).await?;
        self.web.phone.rung(SOON).await?;
        let call = self.web.call().await?;
        self.web.phone.accept().await?;
        self.web.phone.reaches("answered", SOON).await?;
        self.baresip.event("CALL_ESTABLISHED", from, SOON).await?;
        self.web.phone.listen().await?;
        Ok(call)
    }

    /// The page calls baresip, which answers; the page listens. The box's name for the call.
    ///
    /// # Errors
    /// What does not happen.
    pub async fn page_calls(&mut self) -> Result<String> {
        let from = self.baresip.mark();
        let call = self.web.phone.place("100").await?;
        self.web.phone.answered().await?;
        self.baresip.event("CALL_ESTABLISHED", from, SOON).await?;
        self.web.phone.listen().await?;
        Ok(call)
    }

    /// Page and phone hear each other.
    ///
    /// # Errors
    /// What is heard instead.
    pub async fn both_hear(&self) -> Result<()> {
        let hz = baresip::BARESIP_HZ;
        self.web.phone.hears(hz, SOON).await?;
        self.baresip.hears(self.microphone_hz, SOON).await
    }

    /// The page hangs up, and baresip is told.
    ///
    /// # Errors
    /// What is not so.
    pub async fn page_hangs_up(&mut self, call: &str) -> Result<Value> {
        let from = self.baresip.mark();
        let record = self.web.hangs_up(call).await?;
        self.baresip.event("CALL_CLOSED", from, SOON).await?;
        Ok(record)
    }

    /// Closes everything, and finds nothing left of the calls.
    ///
    /// # Errors
    /// What is left.
    pub async fn close(self) -> Result<()> {
        self.web.close().await?;
        self.baresip.stop().await
    }
}
