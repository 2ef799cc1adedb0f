//! A box: `causewayd` with a plan of its own, and what it has in hand.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::process::Command;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, sleep};

use crate::config::{ADMIN_KEY, APP, APP_SECRET, BoxPlan};
use crate::customer::CustomerSite;
use crate::error::{Doing, HarnessError, Result};
use crate::https;
use crate::place::{self, TempFolder};
use crate::program::Program;

const START: Duration = Duration::from_secs(15);

/// A running box.
#[derive(Debug)]
pub struct BoxProcess {
    program: Program,
    plan: BoxPlan,
    folder: TempFolder,
    customer: CustomerSite,
}

/// What the process holds, as the kernel counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holdings {
    /// Open file descriptors, sockets among them.
    pub descriptors: usize,
    pub threads: usize,
    /// Resident memory in KiB.
    pub memory_kib: u64,
    /// UDP sockets bound by the process.
    pub udp_sockets: usize,
}

impl BoxProcess {
    /// Starts a box and waits until it says that it is healthy.
    pub async fn start(plan: BoxPlan) -> Result<Self> {
        let folder = TempFolder::new("box")?;
        let config = folder.path().join("causeway.toml");
        let state = folder.path().join("state");
        std::fs::create_dir_all(&state).doing("the box's state folder")?;
        std::fs::write(&config, plan.to_toml()).doing("the box's configuration")?;
        let mut command = Command::new(place::program("causewayd")?);
        command
            .arg("--config")
            .arg(&config)
            .arg("--state")
            .arg(&state)
            .args(["--board", "sim"])
            .args(&plan.arguments);
        if let Some(namespace) = &plan.namespace {
            namespace.enter(&mut command);
        }
        let customer = CustomerSite::start(plan.page).await?;
        let program = Program::start("causewayd", command, None)?;
        let mut started = Self {
            program,
            plan,
            folder,
            customer,
        };
        started.healthy().await?;
        // The store opens the last of its files at the first question: asked now, so that counts can be compared.
        started.records().await?;
        Ok(started)
    }

    async fn healthy(&mut self) -> Result<()> {
        let deadline = Instant::now() + START;
        let mut last = String::new();
        loop {
            if let Some(status) = self.program.ended() {
                sleep(Duration::from_millis(100)).await;
                return Err(HarnessError::new(format!(
                    "causewayd ended with {status}:\n{}",
                    self.program.tail(30)
                )));
            }
            match self.ask("/healthz", None, None).await {
                Ok(answer) if answer.status == 200 => return Ok(()),
                Ok(answer) => last = format!("{} {}", answer.status, answer.body),
                Err(error) => {
                    last = if last.is_empty() {
                        error.to_string()
                    } else {
                        last
                    }
                }
            }
            if Instant::now() > deadline {
                let tail = self.program.tail(30);
                return Err(HarnessError::new(format!(
                    "causewayd is not healthy after {START:?} ({last}):\n{tail}"
                )));
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// What it was configured with.
    pub fn plan(&self) -> &BoxPlan {
        &self.plan
    }

    /// The folder with its configuration, store and keys.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Its process: id and log.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// Where its pages are.
    pub fn url(&self, path: &str) -> String {
        let at = self.plan.seen_at.unwrap_or(self.plan.https);
        // As browsers write it: an origin with the usual port has none.
        match (at.port(), at) {
            (443, SocketAddr::V4(at)) => format!("https://{}{path}", at.ip()),
            (443, SocketAddr::V6(at)) => format!("https://[{}]{path}", at.ip()),
            (_, at) => format!("https://{at}{path}"),
        }
    }

    /// Asks its HTTPS port, from where it runs.
    async fn ask(
        &self,
        path: &str,
        bearer: Option<&str>,
        body: Option<&Value>,
    ) -> Result<https::Answer> {
        https::ask_from(
            self.plan.namespace.as_ref(),
            self.nearby(),
            path,
            bearer,
            body,
        )
        .await
    }

    /// What it tells whoever listens at `/api/v1/events`, line by line.
    pub async fn listen(&self) -> Result<UnboundedReceiver<String>> {
        let namespace = self.plan.namespace.as_ref();
        https::lines_from(namespace, self.nearby(), "/api/v1/events", ADMIN_KEY).await
    }

    /// Its HTTPS port as seen from where it runs.
    fn nearby(&self) -> SocketAddr {
        let mut at = self.plan.https;
        if at.ip().is_unspecified() {
            at.set_ip(match at {
                SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
            });
        }
        at
    }

    /// The customer's own page, of another origin.
    pub fn customer_page(&self) -> String {
        self.customer.url()
    }

    /// Where it listens for HTTPS.
    pub fn https(&self) -> SocketAddr {
        self.plan.https
    }

    /// A token of the tests' app, for an account where one is named.
    pub async fn token(&self, account: Option<&str>) -> Result<String> {
        let mut body = json!({"app": APP, "secret": APP_SECRET, "page": self.customer_page()});
        if let Some(account) = account {
            body["account"] = account.into();
        }
        let answer = self.ask("/api/v1/tokens", None, Some(&body)).await?;
        let token = answer.json()?["token"].as_str().map(str::to_owned);
        token.doing(&format!("no token: {} {}", answer.status, answer.body))
    }

    /// Asks the administrator's interface.
    pub async fn admin(&self, path: &str) -> Result<Value> {
        let answer = self.ask(path, Some(ADMIN_KEY), None).await?;
        if answer.status != 200 {
            return Err(HarnessError::new(format!(
                "{path}: {} {}",
                answer.status, answer.body
            )));
        }
        answer.json()
    }

    /// The newest call records, up to 200, newest first.
    pub async fn records(&self) -> Result<Vec<Value>> {
        let answer = self.admin("/api/v1/calls?limit=200").await?;
        answer["calls"]
            .as_array()
            .cloned()
            .doing(&format!("no list of calls: {answer}"))
    }

    /// Waits until the newest record is `wanted`.
    pub async fn record(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        let deadline = Instant::now() + Duration::from_secs(5);
        loop {
            let records = self.records().await?;
            if let Some(record) = records.iter().find(|r| wanted(r)) {
                return Ok(record.clone());
            }
            if Instant::now() > deadline {
                return Err(HarnessError::new(format!(
                    "no call record {what}; the records: {records:#?}"
                )));
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Every sample of `/metrics`, by its name with labels.
    pub async fn metrics(&self) -> Result<BTreeMap<String, f64>> {
        let answer = self.ask("/metrics", Some(ADMIN_KEY), None).await?;
        if answer.status != 200 {
            return Err(HarnessError::new(format!(
                "/metrics: {} {}",
                answer.status, answer.body
            )));
        }
        Ok(samples(&answer.body))
    }

    /// What the process holds right now.
    pub fn holdings(&self) -> Result<Holdings> {
        holdings(self.program.pid())
    }

    /// Processor time used so far, in milliseconds.
    pub fn cpu_ms(&self) -> Result<f64> {
        cpu_ms(self.program.pid())
    }

    /// Waits until the box holds no more than `before` and speaks of no call, session, port, leg or dialog. SIP
    /// transactions outlive their calls by up to 64·T1 on UDP: see [`BoxProcess::no_transactions`].
    /// Waits longer than an INVITE that nobody answers stays (32 s, RFC 3261 timer B).
    pub async fn nothing_left(&self, before: Holdings) -> Result<()> {
        self.nothing_left_within(before, Duration::from_secs(45))
            .await
    }

    /// The same with another limit: a request that nobody answers is given up only after 32 s.
    pub async fn nothing_left_within(&self, before: Holdings, within: Duration) -> Result<()> {
        let deadline = Instant::now() + within;
        loop {
            let now = self.holdings()?;
            let busy = self.busy(&GAUGES).await?;
            if now.descriptors <= before.descriptors
                && now.udp_sockets <= before.udp_sockets
                && now.threads <= before.threads
                && busy.is_empty()
            {
                return Ok(());
            }
            if Instant::now() > deadline {
                let open = descriptors(self.program.pid())?.join(" ");
                return Err(HarnessError::new(format!(
                    "something is left: before {before:?}, now {now:?}, {busy:?}; open: {open}"
                )));
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits until no SIP transaction is left: the timers that absorb repeated messages have run out (RFC 3261 table 4).
    pub async fn no_transactions(&self) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(40);
        loop {
            let busy = self.busy(&TRANSACTIONS).await?;
            if busy.is_empty() {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(HarnessError::new(format!(
                    "transactions are left: {busy:?}"
                )));
            }
            sleep(Duration::from_millis(200)).await;
        }
    }

    /// Those of `gauges` that are not zero.
    async fn busy(&self, gauges: &[&'static str]) -> Result<Vec<(&'static str, f64)>> {
        let metrics = self.metrics().await?;
        let mut busy = Vec::new();
        for name in gauges {
            let value = metrics
                .get(*name)
                .doing(&format!("the box has no metric {name}"))?;
            if *value != 0.0 {
                busy.push((*name, *value));
            }
        }
        Ok(busy)
    }

    /// Stops it in order.
    pub async fn stop(self) -> Result<()> {
        let Self {
            program, folder, ..
        } = self;
        let status = program.stop().await?;
        drop(folder);
        if status.success() {
            Ok(())
        } else {
            Err(HarnessError::new(format!("causewayd ended with {status}")))
        }
    }
}

/// What must be back at zero when nobody calls and no page is open.
const GAUGES: [&str; 6] = [
    "causeway_calls_running",
    "causeway_switch_sessions",
    "causeway_api_sessions",
    "causeway_rtp_ports_held",
    "causeway_media_legs_known",
    "causeway_sip_dialogs",
];
/// The same after SIP's timers.
const TRANSACTIONS: [&str; 2] = [
    "causeway_sip_client_transactions",
    "causeway_sip_server_transactions",
];

fn samples(text: &str) -> BTreeMap<String, f64> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.rsplit_once(' '))
        .filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?)))
        .collect()
}

/// How often the kernel's tables of sockets are read for one count.
const READINGS: usize = 3;

/// What process `pid` holds, from `/proc`.
pub fn holdings(pid: u32) -> Result<Holdings> {
    let descriptors = descriptors(pid)?;
    let status =
        std::fs::read_to_string(format!("/proc/{pid}/status")).doing("the box's status")?;
    let number = |key: &str| {
        let line = status.lines().find(|l| l.starts_with(key))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok()
    };
    // The kernel hands these tables out in pieces: a socket is missed in one reading when others come and go meanwhile.
    let udp: String = ["udp", "udp6"]
        .iter()
        .cycle()
        .take(2 * READINGS)
        .filter_map(|table| std::fs::read_to_string(format!("/proc/{pid}/net/{table}")).ok())
        .collect();
    let inodes: Vec<&str> = udp
        .lines()
        .filter_map(|line| line.split_whitespace().nth(9))
        .collect();
    let udp_sockets = descriptors
        .iter()
        .filter_map(|d| d.strip_prefix("socket:[")?.strip_suffix(']'))
        .filter(|inode| inodes.contains(inode))
        .count();
    Ok(Holdings {
        descriptors: descriptors.len(),
        threads: usize::try_from(number("Threads:").doing("threads")?).doing("threads")?,
        memory_kib: number("VmRSS:").doing("memory")?,
        udp_sockets,
    })
}

/// What the descriptors of process `pid` lead to.
fn descriptors(pid: u32) -> Result<Vec<String>> {
    let links = std::fs::read_dir(format!("/proc/{pid}/fd")).doing("the box's descriptors")?;
    Ok(links
        .flatten()
        .filter_map(|e| std::fs::read_link(e.path()).ok())
        .map(|target| target.display().to_string())
        .collect())
}

/// Processor time process `pid` has used, in milliseconds.
pub fn cpu_ms(pid: u32) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).doing("processor time")?;
    // The program's name stands in brackets and may hold spaces; the fields are counted after it.
    let (_, fields) = stat.rsplit_once(')').doing("processor time")?;
    let ticks: f64 = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|f| f.parse::<f64>().ok())
        .sum();
    let per_second = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK)
        .ok()
        .flatten()
        .unwrap_or(100);
    #[expect(clippy::cast_precision_loss, reason = "a hundred or a thousand")]
    Ok(ticks * 1000.0 / per_second as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_tells_what_a_process_holds() {
        // Other tests of this process open and close sockets of their own meanwhile.
        let one_more = || {
            let before = holdings(std::process::id()).unwrap();
            let _socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
            let after = holdings(std::process::id()).unwrap();
            after.udp_sockets == before.udp_sockets + 1
        };
        assert!((0..100).any(|_| one_more()));
        assert!(cpu_ms(std::process::id()).unwrap() >= 0.0);
    }

    #[test]
    fn metrics_are_read() {
        let read = samples(
            "# HELP a b\ncauseway_calls_running 2\ncauseway_calls_ended_total{cause=\"busy\"} 3\n",
        );
        assert_eq!(read["causeway_calls_ended_total{cause=\"busy\"}"], 3.0);
        assert_eq!(read["causeway_calls_running"], 2.0);
    }
}
