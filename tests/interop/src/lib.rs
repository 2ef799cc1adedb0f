//! Calls from a real browser through a real box to Asterisk 22: the tests are in `tests/asterisk`, one scenario a file.
//! They measure sound in real time: run them one at a time.

use std::time::Duration;

use causeway_harness::box_process::Holdings;
use causeway_harness::config::loopback;
use causeway_harness::place::{self, TempFolder};
use causeway_harness::scene::chromium;
use causeway_harness::{Acd, Asterisk, BoxPlan, BoxProcess, Result, WebPhone, asterisk};
use serde_json::{Value, json};

/// Asterisk with an agent behind it, a box with a trunk to it, and a page that calls.
#[derive(Debug)]
pub struct Pbx {
    pub asterisk: Asterisk,
    /// A SIP phone that Asterisk calls under 400 and 500.
    pub agent: Acd,
    pub causeway: BoxProcess,
    pub phone: WebPhone,
    before: Holdings,
    microphone: TempFolder,
}

/// Whether there is an Asterisk to call; says so loudly when not.
pub fn available() -> bool {
    let available = asterisk::chroot().is_some();
    if !available {
        eprintln!("SKIPPED: there is no Asterisk; make it with: cargo xtask interop --prepare");
    }
    available
}

impl Pbx {
    /// Starts everything; the page is for `account` where one is named.
    pub async fn start(account: Option<&str>) -> Result<Self> {
        let agent = Acd::start(&["--tone", "700"]).await?;
        let port = place::free_port()?;
        let plan = BoxPlan::new(loopback(port))?;
        let asterisk = Asterisk::start(port, plan.sip, Some(agent.address())).await?;
        let causeway = BoxProcess::start(plan).await?;
        let before = causeway.holdings()?;
        let microphone = TempFolder::new("microphone")?;
        let phone = chromium(&causeway, &microphone, account, json!({})).await?;
        Ok(Self {
            asterisk,
            agent,
            causeway,
            phone,
            before,
            microphone,
        })
    }

    /// Places a call and listens once it is answered; the call's id.
    pub async fn connect(&self, to: &str) -> Result<String> {
        let call = self.phone.place(to).await?;
        self.phone.answered().await?;
        self.phone.listen().await?;
        Ok(call)
    }

    /// The record of a call that ended.
    pub async fn record(&self, call: &str) -> Result<Value> {
        self.causeway
            .record(&format!("of call {call}"), |r| {
                r["id"] == call && !r["ended_at"].is_null()
            })
            .await
    }

    /// Finds nothing left of any call in Asterisk and the box, while the page is still there.
    pub async fn quiet(&mut self) -> Result<()> {
        self.asterisk.idle().await
    }

    /// The same after Asterisk was killed.
    pub async fn end_without_asterisk(self) -> Result<()> {
        let Self {
            asterisk,
            agent,
            causeway,
            phone,
            before,
            microphone,
        } = self;
        phone.stop().await?;
        drop(microphone);
        // The BYE that nobody answered is given up after 32 s (RFC 3261, timer F).
        causeway
            .nothing_left_within(before, Duration::from_secs(45))
            .await?;
        causeway.stop().await?;
        asterisk.kill().await?;
        agent.stop().await
    }

    /// Closes the page, finds nothing left anywhere, and stops everything in order.
    pub async fn end(self) -> Result<()> {
        let Self {
            mut asterisk,
            agent,
            causeway,
            phone,
            before,
            microphone,
        } = self;
        phone.stop().await?;
        drop(microphone);
        asterisk.idle().await?;
        causeway.nothing_left(before).await?;
        causeway.stop().await?;
        asterisk.stop().await?;
        agent.stop().await
    }
}
