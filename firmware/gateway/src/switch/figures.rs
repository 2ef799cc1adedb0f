//! What the switch shows of itself: for health, metrics and tests that look for leaks.

use super::registration::RegistrationFigures;
use super::{ActiveCall, Switch};
use causeway_call::{CauseCode, Direction, Phase};
use causeway_sip::endpoint::Counts;
use causeway_sip::registration::RegistrationState;
use causeway_sip::targets::TargetState;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::SocketAddr;
use std::time::Instant;

/// Counted since the start.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    pub placed: u64,
    pub incoming: u64,
    pub answered: u64,
    pub refused: u64,
    pub by_cause: BTreeMap<&'static str, u64>,
    pub quality: super::quality::QualityTotals,
}

impl Totals {
    pub fn ended(&mut self, code: CauseCode, answered: bool) {
        *self.by_cause.entry(code.as_str()).or_default() += 1;
        self.answered += u64::from(answered);
    }
}

/// What is known of a trunk.
#[derive(Clone, Debug)]
pub struct TrunkFigures {
    pub name: String,
    pub state: TargetState,
    pub targets: Vec<(SocketAddr, TargetState)>,
    /// Lines in use.
    pub calls: usize,
    /// Calls that found no line: way, limit, how many.
    pub refused: Vec<(&'static str, &'static str, u64)>,
}

/// Whether calls can go there; `None` before anything is known.
fn is_up(state: TargetState) -> Option<u8> {
    match state {
        TargetState::Up | TargetState::Degraded => Some(1),
        TargetState::Unknown => None,
        TargetState::Down => Some(0),
    }
}

/// A snapshot, renewed twice a second.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// Grows with every renewal: the switch is alive.
    pub ticks: u64,
    pub calls: usize,
    pub sessions: usize,
    pub ports: usize,
    pub legs: usize,
    /// What the kept SIP messages take.
    pub ladder_bytes: usize,
    pub sip: Counts,
    /// Connections closed unread.
    pub sip_connections_refused: u64,
    /// New calls are refused because there is too much to do.
    pub shedding: bool,
    /// Calls refused for that, since the start.
    pub shed: u64,
    /// SIP messages that found a queue or socket full.
    pub dropped: u64,
    pub totals: Totals,
    /// Each trunk with its state and that of each target.
    pub trunks: Vec<TrunkFigures>,
    /// Those that register.
    pub registrations: Vec<RegistrationFigures>,
}

impl Figures {
    /// Appends Prometheus text.
    pub fn write_metrics(&self, out: &mut String) {
        let mut gauge = |name: &str, help: &str, value: u64| {
            let _ = write!(
                out,
                "# HELP causeway_{name} {help}\n# TYPE causeway_{name} gauge\ncauseway_{name} {value}\n"
            );
        };
        gauge("calls_running", "Calls now.", self.calls as u64);
        gauge(
            "switch_sessions",
            "Sessions the switch knows.",
            self.sessions as u64,
        );
        gauge(
            "rtp_ports_held",
            "RTP port pairs in use.",
            self.ports as u64,
        );
        gauge(
            "media_legs_known",
            "Media legs the switch knows.",
            self.legs as u64,
        );
        gauge(
            "ladder_bytes",
            "Memory of kept SIP messages.",
            self.ladder_bytes as u64,
        );
        gauge(
            "overloaded",
            "Whether new calls are refused because there is too much to do.",
            self.shedding.into(),
        );
        gauge("sip_dialogs", "SIP calls now.", self.sip.dialogs as u64);
        gauge(
            "sip_client_transactions",
            "SIP client transactions now.",
            self.sip.client_transactions as u64,
        );
        gauge(
            "sip_server_transactions",
            "SIP server transactions now.",
            self.sip.server_transactions as u64,
        );
        let mut counter = |name: &str, help: &str, value: u64| {
            let _ = write!(
                out,
                "# HELP causeway_{name} {help}\n# TYPE causeway_{name} counter\ncauseway_{name} {value}\n"
            );
        };
        counter(
            "calls_placed_total",
            "Calls placed by browsers.",
            self.totals.placed,
        );
        counter(
            "calls_incoming_total",
            "Calls placed by PBXes.",
            self.totals.incoming,
        );
        counter(
            "calls_answered_total",
            "Calls that were answered.",
            self.totals.answered,
        );
        counter(
            "calls_refused_total",
            "Calls refused before they began.",
            self.totals.refused,
        );
        counter(
            "sip_received_total",
            "SIP messages taken in.",
            self.sip.received,
        );
        counter("sip_sent_total", "SIP messages sent.", self.sip.sent);
        counter(
            "sip_retransmitted_total",
            "SIP messages sent again.",
            self.sip.retransmitted,
        );
        counter(
            "sip_malformed_total",
            "SIP messages that could not be read.",
            self.sip.malformed,
        );
        counter(
            "sip_discarded_total",
            "SIP messages without a use.",
            self.sip.discarded,
        );
        counter(
            "sip_not_accepted_total",
            "SIP messages from addresses that are no trunk's.",
            self.sip.not_accepted,
        );
        counter(
            "sip_connections_refused_total",
            "SIP connections closed unread: they came from no trunk.",
            self.sip_connections_refused,
        );
        counter(
            "sip_credentials_withheld_total",
            "Challenges that were not answered: from elsewhere, over another security, or of another realm.",
            self.sip.credentials_withheld,
        );
        counter(
            "sip_overloaded_total",
            "SIP requests answered 503 because there was too much to do or a bound was reached.",
            self.sip.overloaded,
        );
        counter(
            "calls_shed_total",
            "Calls of PBXes refused because there was too much to do.",
            self.shed,
        );
        counter(
            "sip_dropped_total",
            "SIP messages dropped because a queue or socket was full.",
            self.dropped,
        );
        let _ = write!(
            out,
            "# HELP causeway_calls_ended_total Calls by the cause of their end.\n# TYPE causeway_calls_ended_total counter\n"
        );
        for (cause, count) in &self.totals.by_cause {
            let _ = writeln!(
                out,
                "causeway_calls_ended_total{{cause=\"{cause}\"}} {count}"
            );
        }
        let _ = write!(
            out,
            "# HELP causeway_trunk_up Whether a trunk has a target that answers.\n# TYPE causeway_trunk_up gauge\n"
        );
        for trunk in &self.trunks {
            if let Some(up) = is_up(trunk.state) {
                let _ = writeln!(out, "causeway_trunk_up{{trunk=\"{}\"}} {up}", trunk.name);
            }
        }
        let _ = write!(
            out,
            "# HELP causeway_trunk_calls Calls now over a trunk.\n# TYPE causeway_trunk_calls gauge\n"
        );
        for trunk in &self.trunks {
            let _ = writeln!(
                out,
                "causeway_trunk_calls{{trunk=\"{}\"}} {}",
                trunk.name, trunk.calls
            );
        }
        let _ = write!(
            out,
            "# HELP causeway_trunk_refused_total Calls that found no line of a trunk.\n# TYPE causeway_trunk_refused_total counter\n"
        );
        for trunk in &self.trunks {
            for (way, limit, count) in &trunk.refused {
                let _ = writeln!(
                    out,
                    "causeway_trunk_refused_total{{trunk=\"{}\",way=\"{way}\",limit=\"{limit}\"}} {count}",
                    trunk.name
                );
            }
        }
        let _ = write!(
            out,
            "# HELP causeway_trunk_target_up Whether a target of a trunk answers.\n# TYPE causeway_trunk_target_up gauge\n"
        );
        for trunk in &self.trunks {
            for (target, state) in &trunk.targets {
                if let Some(up) = is_up(*state) {
                    let _ = writeln!(
                        out,
                        "causeway_trunk_target_up{{trunk=\"{}\",target=\"{target}\"}} {up}",
                        trunk.name
                    );
                }
            }
        }
        write_registrations(&self.registrations, out);
        self.totals.quality.write_metrics(out);
    }
}

/// Appends what is known of registrations.
fn write_registrations(registrations: &[RegistrationFigures], out: &mut String) {
    let _ = write!(
        out,
        "# HELP causeway_trunk_registered Whether a trunk is registered with its PBX.\n# TYPE causeway_trunk_registered gauge\n"
    );
    for registration in registrations {
        let up = u8::from(registration.state == RegistrationState::Registered);
        let trunk = &registration.trunk;
        let _ = writeln!(out, "causeway_trunk_registered{{trunk=\"{trunk}\"}} {up}");
    }
    let _ = write!(
        out,
        "# HELP causeway_trunk_registrations_failed_total Attempts to register that failed.\n# TYPE causeway_trunk_registrations_failed_total counter\n"
    );
    for registration in registrations {
        let (trunk, failed) = (&registration.trunk, registration.failed);
        let _ = writeln!(
            out,
            "causeway_trunk_registrations_failed_total{{trunk=\"{trunk}\"}} {failed}"
        );
    }
}

impl Switch {
    pub(super) fn show_figures(&mut self, now: Instant) {
        let sip = self.endpoint.counts();
        self.figures.send_modify(|f| {
            f.ticks += 1;
            f.calls = self.calls.len();
            f.sessions = self.sessions.len();
            f.ports = self.ports.held();
            f.legs = self.by_leg.len() + self.media_tests.legs();
            f.ladder_bytes = self.ladders.bytes();
            f.sip = sip;
            f.sip_connections_refused = self.sockets.refused();
            f.shedding = self.overload.is_shedding();
            f.shed = self.overload.refused();
            f.dropped = self.sockets.dropped();
            f.totals = self.totals.clone();
            f.registrations = self.registrations.figures(now).collect();
            f.trunks = self
                .probes
                .states(now)
                .map(|(name, state, targets)| TrunkFigures {
                    name: name.to_owned(),
                    state,
                    targets: targets.map(|t| (t.spec.address, t.state)).collect(),
                    calls: self.lines.in_use(name),
                    refused: self
                        .lines
                        .refused(name)
                        .into_iter()
                        .map(|(way, why, count)| (way.as_str(), why.as_str(), count))
                        .collect(),
                })
                .collect();
        });
    }

    /// The answer of `GET /api/v1/status`.
    pub(super) fn status(&self) -> Value {
        let calls: Vec<Value> = self.calls.values().map(call_json).collect();
        json!({
            "name": self.directory.config().settings.name,
            "version": env!("CARGO_PKG_VERSION"),
            "calls": calls,
            "sessions": self.sessions.len(),
            "rtp_ports": { "held": self.ports.held() },
            "trunks": self.probes.states(Instant::now()).map(|(name, state, _)| {
                let mut trunk = json!({ "name": name, "state": state.as_str() });
                if let Some(registration) = self.registrations.figures(Instant::now()).find(|r| r.trunk == name) {
                    trunk["registration"] = registration.to_json();
                }
                // The last answer may still be in use: the fault is told beside the state.
                if let Some(fault) = self.names.fault(name) {
                    trunk["dns"] = fault.into();
                }
                if self.names.nowhere(name, &self.directory).is_some() {
                    trunk["state"] = "no address".into();
                }
                trunk
            }).collect::<Vec<_>>(),
        })
    }
}

/// A running call as the API shows it.
pub(super) fn call_json(active: &ActiveCall) -> Value {
    let mut value = serde_json::to_value(&active.record).unwrap_or_default();
    if let Value::Object(fields) = &mut value {
        let state = match active.call.phase() {
            Phase::Placed | Phase::Trying => "trying",
            Phase::Ringing => "ringing",
            Phase::EarlyMedia => "early_media",
            Phase::Offered | Phase::Accepting | Phase::Connecting => "incoming",
            Phase::Answered if active.call.hold().held_by().is_some() => "held",
            Phase::Answered => "answered",
            Phase::Ended => "ended",
        };
        fields.insert("state".into(), state.into());
        if let Some(by) = active.call.hold().held_by() {
            fields.insert("held_by".into(), by.as_str().into());
        }
        let direction = match active.call.direction() {
            Direction::Outbound => "from_browser",
            Direction::Inbound => "to_browser",
            Direction::Echo => "echo",
        };
        fields.insert("direction".into(), direction.into());
        fields.insert("levels".into(), active.levels.to_json());
    }
    value
}
