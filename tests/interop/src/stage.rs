//! SIPp as the PBX of a box, and a web caller without a browser: signalling alone, so that several run at once.
//!
//! Every scenario has a box of its own. A few of them act at the same time ([`AT_ONCE`]); when one has played, it gives
//! its place to the next and waits for SIP's timers (32 s over UDP, RFC 3261 table 4) until its box is empty.

use std::net::SocketAddr;
use std::time::Duration;

use causeway_harness::box_process::Holdings;
use causeway_harness::config::{TrunkPlan, loopback};
use causeway_harness::place;
use causeway_harness::scene::ACCOUNT;
use causeway_harness::sipp::{self, Script, Transport};
use causeway_harness::tap::{Manners, Tap};
use causeway_harness::{BoxPlan, BoxProcess, Result, Sipp, WebCaller};
use serde_json::Value;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep};

use crate::{End, SOON, equal, record, so};

/// How many scenarios act at the same time.
const AT_ONCE: usize = 4;
static PLACES: Semaphore = Semaphore::const_new(AT_ONCE);

/// How a stage differs from the usual one.
#[derive(Debug, Clone)]
pub struct StagePlan {
    pub transport: Transport,
    /// Further lines of the trunk's table in the box.
    pub trunk: String,
    /// Further lines of the `[box]` table.
    pub settings: String,
    /// Seconds a call may ring.
    pub ring_s: u32,
    /// A second SIPp the trunk may go to.
    pub second: Option<Script>,
    /// Something between the box and SIPp that can break what passes over TCP.
    pub tap: Option<Manners>,
    /// An INVITE is given up by the box before its time: its dialog stays for 32 s.
    pub lingers: bool,
    /// Connections that stay open for later calls.
    pub kept_open: usize,
}

impl Default for StagePlan {
    fn default() -> Self {
        Self {
            transport: Transport::Udp,
            trunk: String::new(),
            settings: String::new(),
            ring_s: 60,
            second: None,
            tap: None,
            lingers: false,
            kept_open: 0,
        }
    }
}

/// A box, SIPp and a web caller.
#[derive(Debug)]
pub struct Stage {
    pub causeway: BoxProcess,
    pub caller: WebCaller,
    pub pbx: Sipp,
    pub second: Option<Sipp>,
    /// What is between the box and SIPp, where the plan has it.
    pub tap: Option<Tap>,
    before: Holdings,
    lingers: bool,
    place: SemaphorePermit<'static>,
}

impl Stage {
    /// Opens the usual stage; see [`Stage::open_with`].
    ///
    /// # Errors
    /// What does not start.
    pub async fn open(script: Script) -> Result<Option<Self>> {
        Self::open_with(script, StagePlan::default()).await
    }

    /// Starts everything; none, and a loud word, when there is no SIPp on this machine. When the script calls the box,
    /// its call is on its way when this returns.
    ///
    /// # Errors
    /// What does not start, and its log.
    pub async fn open_with(script: Script, plan: StagePlan) -> Result<Option<Self>> {
        // Boxed: what opens a stage is much larger than the stage.
        Box::pin(Self::opened(script, plan)).await
    }

    async fn opened(script: Script, plan: StagePlan) -> Result<Option<Self>> {
        if !sipp::present() {
            use std::io::Write;
            let _ = writeln!(
                std::io::stderr(),
                "\n*** SKIPPED: there is no SIPp here; install it with: apt-get install sip-tester ***\n"
            );
            return Ok(None);
        }
        let Ok(place) = PLACES.acquire().await else {
            return Err(causeway_harness::HarnessError::new("the stage is closed"));
        };
        let address = loopback(place::free_port()?);
        let second = loopback(place::free_port()?);
        let mut box_plan = BoxPlan::new(address)?;
        let tap = match plan.tap {
            Some(manners) => Some(Tap::start(box_plan.sip, address, manners).await?),
            None => None,
        };
        let towards = tap.as_ref().map_or(address, Tap::address);
        box_plan.ring_s = plan.ring_s;
        box_plan.extra = plan.settings;
        let transport = match plan.transport {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
        };
        let targets = match &plan.second {
            Some(_) => format!("targets = [\"{second}\"]\n"),
            None => String::new(),
        };
        box_plan.trunks = vec![TrunkPlan {
            name: "pbx".to_owned(),
            address: towards,
            // Nobody asks SIPp whether it lives: it takes every message for one of its scenario.
            extra: format!(
                "transport = \"{transport}\"\noptions_s = 0\n{targets}{}\n",
                plan.trunk
            ),
        }];
        let box_sip = box_plan.sip;
        let calls = script.calls();
        // One that is called waits before the box can call it.
        let start = |script: Script, at: SocketAddr, contact: SocketAddr| async move {
            Sipp::start(&script, plan.transport, at, contact, box_sip).await
        };
        let waiting = match calls {
            true => None,
            false => Some(start(script.clone(), address, towards).await?),
        };
        let second = match plan.second {
            Some(script) => Some(start(script, second, second).await?),
            None => None,
        };
        let causeway = BoxProcess::start(box_plan).await?;
        let mut before = causeway.holdings()?;
        before.descriptors += plan.kept_open;
        let caller = WebCaller::open(&causeway, Some(ACCOUNT.0)).await?;
        let pbx = match waiting {
            Some(pbx) => pbx,
            None => start(script, address, towards).await?,
        };
        Ok(Some(Self {
            causeway,
            caller,
            pbx,
            second,
            tap,
            before,
            lingers: plan.lingers,
            place,
        }))
    }

    /// Waits until the call is in `state`; the message that said so.
    ///
    /// # Errors
    /// It is not in time, and what SIPp saw.
    pub async fn reaches(&mut self, call: &str, state: &str) -> Result<Value> {
        self.reaches_within(call, state, SOON).await
    }

    /// The same with another patience.
    ///
    /// # Errors
    /// It is not in time, and what SIPp saw.
    pub async fn reaches_within(
        &mut self,
        call: &str,
        state: &str,
        within: Duration,
    ) -> Result<Value> {
        let told = self.caller.reaches_within(call, state, within).await;
        told.map_err(|error| self.pbx.told(&error.to_string()))
    }

    /// Places a call to the PBX and waits until it is answered.
    ///
    /// # Errors
    /// It is not.
    pub async fn connect(&mut self) -> Result<String> {
        let call = self.caller.place("100").await?;
        self.reaches(&call, "answered").await?;
        Ok(call)
    }

    /// Waits for the PBX's call, answers it, and waits until it stands.
    ///
    /// # Errors
    /// It does not come, or is not answered.
    pub async fn answer(&mut self) -> Result<String> {
        let rung = self.caller.rung().await?;
        let call = rung["call"].as_str().unwrap_or_default().to_owned();
        self.caller.accept(&call).await?;
        self.reaches(&call, "answered").await?;
        Ok(call)
    }

    /// Hangs up at the page.
    ///
    /// # Errors
    /// The box refuses.
    pub async fn hang_up(&mut self, call: &str) -> Result<()> {
        self.caller.hang_up(call).await
    }

    /// Waits until the call is over, and holds what caller and record say of it against `end`. The record.
    ///
    /// # Errors
    /// What is not so, and what SIPp saw.
    pub async fn ends(&mut self, call: &str, end: End<'_>) -> Result<Value> {
        let told = self.reaches_within(call, "ended", PATIENCE).await?;
        end.is_cause(&told["cause"])?;
        let record = Box::pin(record(&self.causeway, call, end)).await?;
        let ends = self.caller.history(call);
        let ends = ends.iter().filter(|state| *state == "ended").count();
        equal("times the call ended", &ends.into(), &1.into())?;
        Ok(record)
    }

    /// Closes everything: SIPp's scenario went as written, and the box holds nothing of the call, at last not even a
    /// transaction.
    ///
    /// # Errors
    /// What is left, or what went otherwise.
    pub async fn close(self) -> Result<()> {
        Box::pin(self.closed()).await
    }

    async fn closed(self) -> Result<()> {
        let Self {
            causeway,
            caller,
            mut pbx,
            second,
            tap,
            before,
            lingers,
            place,
        } = self;
        pbx.done().await?;
        if let Some(mut second) = second {
            second.done().await?;
        }
        let records = causeway.records().await?;
        let open = records.iter().filter(|r| r["ended_at"].is_null()).count();
        so(&format!("no record is open: {records:#?}"), open == 0)?;
        caller.close().await;
        drop(place);
        // SIPp's last words may be on their way yet. And the box counts its own once a second: what is asked before
        // may be older than the call.
        sleep(Duration::from_millis(600)).await;
        drop(tap);
        sleep(Duration::from_millis(1_200)).await;
        if !lingers {
            let left = causeway.nothing_left_within(before, Duration::from_secs(8));
            left.await.map_err(|error| pbx.told(&error.to_string()))?;
        }
        idle(&causeway).await?;
        causeway
            .nothing_left_within(before, Duration::from_secs(8))
            .await?;
        causeway.stop().await
    }
}

/// How long a call may take to end.
const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until the box has no SIP transaction, asking seldom: others use the machine meanwhile.
async fn idle(causeway: &BoxProcess) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let metrics = causeway.metrics().await?;
        let left: Vec<_> = metrics
            .iter()
            .filter(|(name, value)| {
                (name.ends_with("_transactions") || name.as_str() == "causeway_sip_dialogs")
                    && **value != 0.0
            })
            .collect();
        if left.is_empty() {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(causeway_harness::HarnessError::new(format!(
                "left after SIP's timers: {left:?}"
            )));
        }
        sleep(Duration::from_secs(2)).await;
    }
}
