//! One SIP call into the box, and a report of it.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout};

use crate::acd::{print, stopped};
use crate::call::script::Step;
use crate::call::{Agent, AgentConfig};
use crate::events::{Event, EventSink, Side, Stamped};
use crate::media::rtp::Figures;

/// What to do.
#[derive(Debug, Clone)]
pub struct CallOptions {
    /// How the phone is set up; its trunk is the box.
    pub agent: AgentConfig,
    /// The SIP URI to call.
    pub to: String,
    /// The caller's number or URI.
    pub from: Option<String>,
    /// How long the call lasts after its answer.
    pub talk: Duration,
    /// How long it may take to be answered.
    pub patience: Duration,
    /// Digits to press a second after the answer.
    pub digits: Option<String>,
    /// The tone that must be heard, Hz.
    pub expect_hz: Option<f64>,
    /// Print every event as JSON.
    pub json: bool,
}

/// How it went.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Always `report`, so that it can be told from the events before it.
    pub event: &'static str,
    /// The call was answered.
    pub answered: bool,
    /// From the INVITE to the answer.
    pub setup_ms: Option<f64>,
    /// The tone heard most often, Hz; 0 when none was.
    pub heard_hz: f64,
    /// It is the expected one, within 2 %; true when none was expected.
    pub heard_ok: bool,
    /// The final status when it was not answered.
    pub status: Option<u16>,
    /// Who ended it.
    pub by: Option<Side>,
    /// Why.
    pub cause: String,
    /// Its packets.
    pub rtp: Figures,
}

/// Places the call and waits for its end.
///
/// # Errors
/// A sentence when the sockets cannot be opened or the URI is none.
pub async fn run(options: CallOptions) -> Result<Report, String> {
    let (events, mut told) = EventSink::new();
    let (shown, to_show) = mpsc::unbounded_channel();
    let (done, no_more) = oneshot::channel();
    let printer = tokio::spawn(print(to_show, no_more, options.json));
    let listen = options.agent.listen;
    let agent = Agent::start(options.agent, events)
        .await
        .map_err(|error| format!("{listen}: {error}"))?;
    let call = agent.dial(&options.to, options.from.as_deref()).await?;

    let dialled = crate::clock::unix_now();
    let mut report = Report {
        event: "report",
        answered: false,
        setup_ms: None,
        heard_hz: 0.0,
        heard_ok: false,
        status: None,
        by: None,
        cause: String::new(),
        rtp: Figures::default(),
    };
    let mut tones = Vec::new();
    let mut deadline = Instant::now() + options.patience;
    let mut hung_up = false;
    let mut stop = Box::pin(stopped());
    loop {
        let stamped = tokio::select! {
            stamped = told.recv() => stamped,
            () = &mut stop, if !hung_up => None,
            () = sleep_until(deadline) => None,
        };
        let Some(Stamped { event, at }) = stamped else {
            if hung_up {
                report.cause = "the far end did not answer our hang-up".into();
                break;
            }
            hung_up = true;
            deadline = Instant::now() + Duration::from_secs(5);
            agent.order(call, Duration::ZERO, Step::Hangup);
            continue;
        };
        let _ = shown.send(Stamped {
            event: event.clone(),
            at,
        });
        match event {
            Event::Answered { .. } => {
                report.answered = true;
                report.setup_ms = Some(((at - dialled) * 10_000.0).round() / 10.0);
                deadline = Instant::now() + options.talk;
                if let Some(digits) = &options.digits {
                    agent.order(call, Duration::from_secs(1), Step::Press(digits.clone()));
                }
            }
            Event::Heard { hz, purity, .. } if hz > 0.0 && purity > 0.5 => tones.push(hz),
            Event::Ended {
                status,
                by,
                cause,
                rtp,
                ..
            } => {
                report.status = status;
                report.by = Some(by);
                report.cause = cause;
                report.rtp = rtp;
                break;
            }
            _ => {}
        }
    }
    agent.close(Duration::from_secs(2)).await;
    report.heard_hz = median(&mut tones);
    report.heard_ok = options
        .expect_hz
        .is_none_or(|wanted| (report.heard_hz - wanted).abs() <= wanted * 0.02);
    let _ = done.send(());
    let _ = timeout(Duration::from_secs(1), printer).await;
    Ok(report)
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// The address this machine uses towards `via`, with any free port.
pub fn listen_towards(via: SocketAddr) -> SocketAddr {
    let any: SocketAddr = if via.is_ipv4() {
        ([0, 0, 0, 0], 0).into()
    } else {
        ([0_u16; 8], 0).into()
    };
    let ip = std::net::UdpSocket::bind(any)
        .and_then(|socket| socket.connect(via).and_then(|()| socket.local_addr()))
        .map_or(via.ip(), |address| address.ip());
    SocketAddr::new(ip, 0)
}
