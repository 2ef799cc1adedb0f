//! Calls from a real browser through a real box to Asterisk 22, Kamailio and baresip.
//!
//! A [`Site`] is what one scenario needs: a PBX, a box with a trunk to it, and a page with the SDK in headless Chromium.
//! The scenarios are in `tests/asterisk`, one a file; every browser side goes through the SDK. Opening a site takes a
//! lock that closing gives back, so that only one scenario at a time has the machine: sound is in real time.
//!
//! Closing a site is part of every test: the page is closed, and then the box must hold no more descriptors, sockets,
//! threads, ports, legs, dialogs and sessions than before the page was opened, and Asterisk no channel.

use std::net::SocketAddr;
use std::time::Duration;

use causeway_harness::asterisk::{self, Tls, Trunk};
use causeway_harness::box_process::Holdings;
use causeway_harness::certificates::Authority;
use causeway_harness::config::{TrunkPlan, loopback};
use causeway_harness::place::{self, TempFolder};
use causeway_harness::scene::chromium;
use causeway_harness::{Acd, Asterisk, BoxPlan, BoxProcess, HarnessError, Result, WebPhone};
use serde_json::{Value, json};
use tokio::sync::{Semaphore, SemaphorePermit};

mod page_site;
mod phone_site;
mod proxy;

pub mod stage;

pub use causeway_harness::scene::{ACCOUNT, PAGE_HZ};
pub use page_site::{PageSite, Said, digits, picture_ports, skipped, wire};
pub use phone_site::{PhonePlan, PhoneSite};
pub use proxy::{ProxyPlan, ProxySite};

/// What the PBX plays, in Hz.
pub const PBX_HZ: f64 = 1004.0;
/// What the second phone at the PBX plays, in Hz.
pub const AGENT_HZ: f64 = 700.0;
/// How long anything may take that takes no time when nothing is wrong.
pub const SOON: Duration = Duration::from_secs(10);

/// How many scenarios may run at once when none of them measures time.
const SIDE_BY_SIDE: u32 = 3;
static MACHINE: Semaphore = Semaphore::const_new(SIDE_BY_SIDE as usize);

/// How a site differs from the usual one.
#[derive(Debug, Default)]
pub struct SitePlan {
    /// The box's end of the trunk, as the PBX sees it.
    pub trunk: Trunk,
    /// Further lines of the trunk's table in the box.
    pub trunk_extra: String,
    /// Seconds a call may ring; 60 when zero.
    pub ring_s: u32,
    /// The page's token is for [`ACCOUNT`].
    pub account: bool,
    /// There is a second SIP phone at the PBX, which 400 and 500 lead to.
    pub agent: bool,
    /// Connections of the trunk that stay open for later calls, beyond those of the box's start.
    pub kept_open: usize,
    /// Box and PBX speak TLS, each believing the other's certificate.
    pub tls: bool,
    /// Further trunks to the same PBX: each a number that leads there and the lines of its table.
    pub further_trunks: Vec<(&'static str, &'static str)>,
    /// No time is measured: other scenarios may run beside it.
    pub beside_others: bool,
}

/// A PBX, a box with a trunk to it, and a page.
#[derive(Debug)]
pub struct Site {
    pub pbx: Asterisk,
    pub causeway: BoxProcess,
    pub phone: WebPhone,
    /// The second phone at the PBX, where the plan wants one.
    pub agent: Option<Acd>,
    before: Holdings,
    _microphone: TempFolder,
    _machine: SemaphorePermit<'static>,
}

impl Site {
    /// Starts everything; none, and a loud word, when there is no Asterisk on this machine.
    ///
    /// # Errors
    /// What does not start, and its log.
    pub async fn open(plan: SitePlan) -> Result<Option<Self>> {
        Box::pin(Self::start(plan)).await
    }

    async fn start(plan: SitePlan) -> Result<Option<Self>> {
        if asterisk::chroot().is_none() {
            skipped("there is no Asterisk here; make it with: cargo xtask interop --prepare");
            return Ok(None);
        }
        let machine = match plan.beside_others {
            true => beside_others().await,
            false => alone().await,
        };
        let agent = match plan.agent {
            true => Some(Acd::start(&["--tone", &AGENT_HZ.to_string()]).await?),
            false => None,
        };
        let port = place::free_port()?;
        let mut box_plan = BoxPlan::new(loopback(port))?;
        if plan.ring_s > 0 {
            box_plan.ring_s = plan.ring_s;
        }
        let main = &mut box_plan.trunks[0];
        main.extra = plan.trunk_extra.clone();
        for (number, extra) in &plan.further_trunks {
            let name = format!("pbx-{number}");
            box_plan
                .trunks
                .insert(0, trunk(&name, loopback(port), number, extra));
        }
        let address = agent.as_ref().map(Acd::address);
        let sip = box_plan.sip;
        let (pbx, causeway) = if plan.tls {
            let certificates = TempFolder::new("certificates")?;
            let authority = Authority::new(certificates.path())?;
            let files = authority.issue("127.0.0.1")?;
            let (listen, peer) = (loopback(place::free_port()?), loopback(place::free_port()?));
            box_plan.sip_tls = Some(peer);
            let main = &mut box_plan.trunks[0];
            main.address = listen;
            // The PBX starts after the box, whose certificate it believes.
            main.extra.push_str(&format!(
                "\ntransport = \"tls\"\noptions_s = 0\ntls_ca = \"{}\"\n",
                authority.path().display()
            ));
            let causeway = BoxProcess::start(box_plan).await?;
            let secure = Trunk {
                tls: Some(Tls {
                    listen,
                    peer,
                    files,
                    trusted: causeway.folder().join("state/tls/cert.pem"),
                }),
                ..plan.trunk.clone()
            };
            let pbx = Asterisk::start_with(port, sip, address, &secure).await?;
            (pbx, causeway)
        } else {
            let pbx = Asterisk::start_with(port, sip, address, &plan.trunk).await?;
            (pbx, BoxProcess::start(box_plan).await?)
        };
        let mut before = causeway.holdings()?;
        before.descriptors += plan.kept_open;
        let microphone = TempFolder::new("microphone")?;
        let account = plan.account.then_some(ACCOUNT.0);
        let phone = chromium(&causeway, &microphone, account, json!({})).await?;
        Ok(Some(Self {
            pbx,
            causeway,
            phone,
            agent,
            before,
            _microphone: microphone,
            _machine: machine,
        }))
    }

    /// The box's name for the page's call.
    ///
    /// # Errors
    /// What the page threw.
    pub async fn call(&self) -> Result<String> {
        let id = self.phone.browser().evaluate("phone.call.id").await?;
        Ok(id.as_str().unwrap_or_default().to_owned())
    }

    /// Waits for a message of this call's ladder.
    ///
    /// # Errors
    /// The whole ladder when there is none within 10 s.
    pub async fn said(
        &self,
        call: &str,
        what: &str,
        wanted: impl Fn(&Said) -> bool,
    ) -> Result<Said> {
        page_site::said(&self.causeway, call, what, wanted).await
    }

    /// Waits until the page was told exactly these digits.
    ///
    /// # Errors
    /// What it was told instead.
    pub async fn digits(&self, digits: &str) -> Result<()> {
        page_site::digits(&self.phone, digits).await
    }

    /// The page hangs up.
    ///
    /// # Errors
    /// What is not so.
    pub async fn hangs_up(&self, call: &str) -> Result<Value> {
        self.phone.hang_up().await?;
        self.ends(call, End::new("hangup", "local")).await
    }

    /// The second phone, which the plan has.
    ///
    /// # Errors
    /// When it has none.
    pub fn phone_of_agent(&mut self) -> Result<&mut Acd> {
        self.agent
            .as_mut()
            .ok_or_else(|| HarnessError::new("the plan has no agent"))
    }

    /// Waits until the page's call is over, and holds what page and record say of it against `end`. The record.
    ///
    /// # Errors
    /// What is not so.
    pub async fn ends(&self, call: &str, end: End<'_>) -> Result<Value> {
        let cause = self.phone.ended(Duration::from_secs(30)).await?;
        end.is_cause(&cause)?;
        let state = self.phone.state().await?;
        equal("the page's last state", &json!(state), &json!("ended"))?;
        record(&self.causeway, call, end).await
    }

    /// Closes everything, and finds nothing left of the calls.
    ///
    /// # Errors
    /// What is left.
    pub async fn close(self) -> Result<()> {
        self.finish(false).await
    }

    /// The same, and waits until SIP's timers have run out and no transaction is left either.
    ///
    /// # Errors
    /// What is left.
    pub async fn close_entirely(self) -> Result<()> {
        self.finish(true).await
    }

    /// The same after Asterisk was killed: the BYE that nobody answers is given up only after 32 s (RFC 3261, timer F).
    ///
    /// # Errors
    /// What is left.
    pub async fn close_without_pbx(self) -> Result<()> {
        let Self {
            pbx,
            causeway,
            phone,
            before,
            ..
        } = self;
        phone.stop().await?;
        causeway
            .nothing_left_within(before, Duration::from_secs(45))
            .await?;
        causeway.stop().await?;
        pbx.kill().await
    }

    async fn finish(self, entirely: bool) -> Result<()> {
        let Self {
            mut pbx,
            causeway,
            phone,
            agent,
            before,
            ..
        } = self;
        pbx.idle().await?;
        phone.stop().await?;
        causeway.nothing_left(before).await?;
        if entirely {
            causeway.no_transactions().await?;
        }
        causeway.stop().await?;
        if let Some(agent) = agent {
            agent.stop().await?;
        }
        pbx.stop().await
    }
}

/// Waits until no scenario has the machine, and takes it.
pub async fn alone() -> SemaphorePermit<'static> {
    permits(SIDE_BY_SIDE).await
}

/// Waits until there is room for a scenario that measures no time, beside others of its kind.
pub async fn beside_others() -> SemaphorePermit<'static> {
    permits(1).await
}

async fn permits(count: u32) -> SemaphorePermit<'static> {
    match MACHINE.acquire_many(count).await {
        Ok(permit) => permit,
        Err(_) => unreachable!("the semaphore is never closed"),
    }
}

/// One of several trunks: `numbers` lead to `address`, and the box does not ask whether it lives.
pub fn trunk(name: &str, address: SocketAddr, numbers: &str, extra: &str) -> TrunkPlan {
    TrunkPlan {
        name: name.to_owned(),
        address,
        extra: format!("numbers = [\"{numbers}\"]\noptions_s = 0\n{extra}\n"),
    }
}

/// Whether a phone reports that it hears `hz`.
pub fn hears(event: &Value, hz: f64) -> bool {
    event["hz"]
        .as_f64()
        .is_some_and(|heard| (heard - hz).abs() < hz * 0.02)
}

/// How a call shall have ended: the code, by whom, and the SIP status where one is known.
#[derive(Debug, Clone, Copy)]
pub struct End<'a> {
    pub code: &'a str,
    pub by: &'a str,
    pub status: Option<u16>,
}

impl<'a> End<'a> {
    /// An end whose SIP status does not matter.
    pub fn new(code: &'a str, by: &'a str) -> Self {
        Self {
            code,
            by,
            status: None,
        }
    }

    /// The far side refused with this status.
    pub fn refused(code: &'a str, status: u16) -> Self {
        Self {
            code,
            by: "remote",
            status: Some(status),
        }
    }

    /// Holds the SDK's cause against it.
    ///
    /// # Errors
    /// What differs.
    pub fn is_cause(&self, cause: &Value) -> Result<()> {
        equal("the page's cause", &cause["code"], &json!(self.code))?;
        equal("who ended it, at the page", &cause["by"], &json!(self.by))?;
        if self.status.is_some() {
            let status = &cause["sip"]["status"];
            equal("the page's SIP status", status, &json!(self.status))?;
        }
        so(
            &format!("there is a sentence in {cause}"),
            cause["message"].as_str().is_some_and(|m| !m.is_empty()),
        )
    }
}

/// The record of a call that is over, held against `end`.
///
/// # Errors
/// What differs.
pub async fn record(causeway: &BoxProcess, call: &str, end: End<'_>) -> Result<Value> {
    let record = causeway
        .record(&format!("of the ended call {call}"), |r| {
            r["id"] == call && !r["ended_at"].is_null()
        })
        .await?;
    for (what, wanted) in [("cause_code", end.code), ("cause_by", end.by)] {
        equal(
            &format!("the record's {what}"),
            &record[what],
            &json!(wanted),
        )?;
    }
    if end.status.is_some() {
        let status = &record["sip_status"];
        equal("the record's SIP status", status, &json!(end.status))?;
    }
    Ok(record)
}

/// Both are the same.
///
/// # Errors
/// A sentence with both.
pub fn equal(what: &str, is: &Value, wanted: &Value) -> Result<()> {
    if is == wanted {
        Ok(())
    } else {
        Err(HarnessError::new(format!("{what} is {is}, not {wanted}")))
    }
}

/// The condition holds.
///
/// # Errors
/// `what` is not so.
pub fn so(what: &str, holds: bool) -> Result<()> {
    if holds {
        Ok(())
    } else {
        Err(HarnessError::new(format!("not so: {what}")))
    }
}
