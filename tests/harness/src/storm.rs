//! Strangers who send rubbish at a box's media ports while people call: what it does to the calls, and what comes back.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::acd::Acd;
use crate::box_process::BoxProcess;
use crate::config::BoxPlan;
use crate::error::{Doing, HarnessError, Result};
use crate::load::Load;
use crate::place;

/// What strangers send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rubbish {
    /// The beginning of a DTLS handshake, before any ICE check.
    ClientHello,
    /// Loud sound in RTP, and what looks like SRTP, from the PBX's own host and from another.
    Media,
}

/// What came of a storm.
#[derive(Debug, Clone, Copy, Default)]
pub struct Weather {
    pub sent: u64,
    /// Datagrams that came back to the strangers.
    pub reflected: u64,
}

/// Strangers at work, on a thread of their own.
#[derive(Debug)]
pub struct Storm {
    over: Arc<AtomicBool>,
    thread: JoinHandle<Weather>,
}

/// Strangers: some on the PBX's host, some on another.
const STRANGERS: [Ipv4Addr; 4] = [
    Ipv4Addr::LOCALHOST,
    Ipv4Addr::new(127, 0, 0, 2),
    Ipv4Addr::LOCALHOST,
    Ipv4Addr::new(127, 9, 9, 9),
];
/// Between two volleys.
const VOLLEY: Duration = Duration::from_millis(1);

impl Storm {
    /// Sends `rate` datagrams a second at `targets` in turn, until [`Storm::end`].
    ///
    /// # Errors
    /// When a stranger has no socket.
    pub fn begin(rubbish: Rubbish, targets: Vec<SocketAddr>, rate: u32) -> Result<Self> {
        let sockets: Vec<UdpSocket> = STRANGERS
            .into_iter()
            .map(|host| {
                let socket = UdpSocket::bind((IpAddr::V4(host), 0))?;
                socket.set_nonblocking(true)?;
                Ok(socket)
            })
            .collect::<std::io::Result<_>>()
            .doing("a stranger's socket")?;
        let over = Arc::new(AtomicBool::new(false));
        let told = over.clone();
        let thread = std::thread::Builder::new()
            .name("strangers".to_owned())
            .spawn(move || blow(rubbish, &sockets, &targets, rate, &told))
            .doing("the strangers' thread")?;
        Ok(Self { over, thread })
    }

    /// Ends it.
    ///
    /// # Errors
    /// When its thread died.
    pub fn end(self) -> Result<Weather> {
        self.over.store(true, Ordering::Relaxed);
        self.thread
            .join()
            .map_err(|_| HarnessError::new("the strangers' thread died"))
    }
}

fn blow(
    rubbish: Rubbish,
    sockets: &[UdpSocket],
    targets: &[SocketAddr],
    rate: u32,
    over: &AtomicBool,
) -> Weather {
    let began = Instant::now();
    let mut weather = Weather::default();
    let mut room = [0; 2048];
    while !over.load(Ordering::Relaxed) {
        let due = (began.elapsed().as_secs_f64() * f64::from(rate)) as u64;
        while weather.sent < due {
            let n = weather.sent as usize;
            let socket = &sockets[n % sockets.len()];
            // Every stranger comes to every target in time.
            let target = targets[n / sockets.len() % targets.len()];
            let _ = socket.send_to(&datagram(rubbish, n as u32), target);
            weather.sent += 1;
        }
        for socket in sockets {
            while socket.recv_from(&mut room).is_ok() {
                weather.reflected += 1;
            }
        }
        std::thread::sleep(VOLLEY);
    }
    weather
}

fn datagram(rubbish: Rubbish, n: u32) -> Vec<u8> {
    match rubbish {
        Rubbish::ClientHello => client_hello(n),
        Rubbish::Media => {
            // Loud and full of change, under the payload types of PCMU, PCMA and Opus.
            let payload_type = [0, 8, 111][n as usize % 3];
            let mut packet = vec![0x80, payload_type];
            packet.extend_from_slice(&(n as u16).to_be_bytes());
            packet.extend_from_slice(&n.wrapping_mul(160).to_be_bytes());
            packet.extend_from_slice(&(n % 7 + 1).to_be_bytes());
            packet.extend((0..170_u32).map(|at| (at.wrapping_mul(n | 1) >> 1) as u8));
            packet
        }
    }
}

/// A DTLS 1.2 ClientHello without extensions (RFC 6347 section 4.2.1, RFC 5246 section 7.4.1.2).
fn client_hello(n: u32) -> Vec<u8> {
    let mut body = vec![0xFE, 0xFD];
    body.extend_from_slice(&n.to_be_bytes());
    body.extend_from_slice(&[7; 28]);
    // No session, no cookie, two suites, no compression.
    body.extend_from_slice(&[0, 0, 0, 4, 0xC0, 0x2B, 0xC0, 0x2F, 1, 0]);
    let length = (body.len() as u32).to_be_bytes();
    let mut handshake = vec![1, length[1], length[2], length[3], 0, 0, 0, 0, 0];
    handshake.extend_from_slice(&length[1..]);
    handshake.extend_from_slice(&body);
    let mut record = vec![22, 0xFE, 0xFF, 0, 0, 0, 0, 0, 0, 0, 0];
    record.extend_from_slice(&(handshake.len() as u16).to_be_bytes());
    record.extend_from_slice(&handshake);
    record
}

/// What a storm did to the calls under it.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub weather: Weather,
    /// What the callers report.
    pub report: Value,
    /// Frames of a hundred that had to be made up, of the worse way.
    pub concealed_percent: f64,
    /// Packets the callers received, of a hundred that the PBX sent: more than that would be injected.
    pub received_percent: f64,
}

/// Every media port of a box: the browsers' and the trunk side's.
pub fn media_ports(plan: &BoxPlan) -> Vec<SocketAddr> {
    let trunk = (plan.rtp_first..plan.rtp_first + plan.rtp_count)
        .map(|port| SocketAddr::new(plan.rtp, port));
    // The browsers' port is one among many: it gets as much as all the others.
    trunk.flat_map(|port| [plan.media, port]).collect()
}

/// Calls of `load` through a box of their own, in a storm of `rate` datagrams a second.
///
/// # Errors
/// When box, ACD or callers do not start, or a call's record does not come.
pub async fn calls_in(rubbish: Rubbish, rate: u32, load: &Load) -> Result<Outcome> {
    let acd = Acd::start(&[]).await?;
    let mut plan = BoxPlan::new(acd.address())?;
    plan.max_calls = plan.max_calls.max(load.at_once as usize * 2);
    plan.rtp_count = 100.max(u16::try_from(load.at_once * 4).doing("ports")?);
    plan.rtp_first = place::free_range(plan.rtp_count)?;
    let ports = media_ports(&plan);
    let causeway = BoxProcess::start(plan).await?;
    let before = causeway.holdings()?;
    let storm = Storm::begin(rubbish, ports, rate)?;
    let report = load.run(&causeway).await;
    let weather = storm.end()?;
    let report = report?;
    causeway.nothing_left(before).await?;
    let records = causeway.records().await?;
    let sum = |key: &str, way: &str| -> f64 {
        let values = records
            .iter()
            .filter_map(|r| r["quality"][way][key].as_f64());
        values.sum()
    };
    let concealed_percent = ["to_pbx", "to_browser"]
        .map(|way| {
            sum("concealed", way).max(sum("lost", way)) * 100.0 / sum("expected", way).max(1.0)
        })
        .into_iter()
        .fold(0.0, f64::max);
    // The echo gives back every packet that the callers send, fifty a second each.
    let expected = f64::from(load.calls) * load.seconds * 50.0;
    let received_percent = report["packets"].as_f64().unwrap_or(0.0) * 100.0 / expected;
    causeway.stop().await?;
    acd.stop().await?;
    Ok(Outcome {
        weather,
        report,
        concealed_percent,
        received_percent,
    })
}

impl Outcome {
    /// Whether the calls were as if nobody had been there.
    ///
    /// # Errors
    /// What was wrong, with all figures.
    pub fn unharmed(&self, calls: u32) -> Result<()> {
        let report = &self.report;
        let checks = [
            (report["connected"] == calls, "a call did not connect"),
            (
                report["heard_ok"] == calls,
                "a caller did not hear what it should",
            ),
            (
                self.weather.reflected == 0,
                "something came back to the strangers",
            ),
            (
                self.concealed_percent <= 1.0,
                "more than 1 % had to be made up",
            ),
            (
                self.received_percent <= 110.0,
                "callers heard more than was sent",
            ),
        ];
        match checks.iter().find(|(holds, _)| !holds) {
            None => Ok(()),
            Some((_, what)) => Err(HarnessError::new(format!("{what}: {self:?}"))),
        }
    }
}
