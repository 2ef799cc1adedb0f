//! Counters of the API, written in Prometheus text format (version 0.0.4).

use crate::wire::ErrorCode;
use std::fmt::Write;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub fn increment(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How many there are now.
#[derive(Debug, Default)]
pub struct Gauge(AtomicI64);

impl Gauge {
    /// Counts one more until the guard is dropped.
    pub fn enter(&self) -> Entered<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Entered(self)
    }

    pub fn value(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Leaves its gauge when dropped.
#[derive(Debug)]
pub struct Entered<'a>(&'a Gauge);

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Everything the API counts.
#[derive(Debug, Default)]
pub struct Metrics {
    /// TCP connections now, and those turned away for want of room.
    pub connections: Gauge,
    pub connections_refused: Counter,
    /// TLS handshakes that failed or took too long.
    pub handshakes_failed: Counter,
    pub http_requests: Counter,
    pub tokens_minted: Counter,
    /// Authenticated WebSockets now and ever.
    pub sessions: Gauge,
    pub sessions_opened: Counter,
    pub messages_received: Counter,
    pub messages_sent: Counter,
    errors: [Counter; ErrorCode::ALL.len()],
    closes: [Counter; CLOSES.len()],
}

/// The close codes of PROTOCOL.md section 2; the last stands for every other one.
const CLOSES: [u16; 9] = [1000, 1001, 4400, 4401, 4403, 4408, 4413, 4429, 0];

impl Metrics {
    /// An error was answered, by HTTP or WebSocket.
    pub fn error(&self, code: ErrorCode) {
        let at = ErrorCode::ALL.iter().position(|c| *c == code);
        if let Some(counter) = at.and_then(|at| self.errors.get(at)) {
            counter.increment();
        }
    }

    /// A WebSocket was closed by us with `code`.
    pub fn closed(&self, code: u16) {
        let at = CLOSES.iter().position(|c| *c == code);
        if let Some(counter) = self.closes.get(at.unwrap_or(CLOSES.len() - 1)) {
            counter.increment();
        }
    }

    /// How often a code was answered.
    pub fn errors(&self, code: ErrorCode) -> u64 {
        let at = ErrorCode::ALL.iter().position(|c| *c == code);
        at.and_then(|at| self.errors.get(at))
            .map_or(0, Counter::value)
    }

    /// Appends everything.
    pub fn render(&self, out: &mut String) {
        let gauges = [
            (
                "causeway_api_connections",
                "TCP connections now.",
                self.connections.value(),
            ),
            (
                "causeway_api_sessions",
                "Authenticated WebSockets now.",
                self.sessions.value(),
            ),
        ];
        for (name, help, value) in gauges {
            head(out, name, help, "gauge");
            let _ = writeln!(out, "{name} {value}");
        }
        let counters = [
            (
                "causeway_api_connections_refused_total",
                "Connections turned away for want of room.",
                &self.connections_refused,
            ),
            (
                "causeway_api_handshakes_failed_total",
                "TLS handshakes that failed or took too long.",
                &self.handshakes_failed,
            ),
            (
                "causeway_api_http_requests_total",
                "HTTP requests, WebSocket openings included.",
                &self.http_requests,
            ),
            (
                "causeway_api_tokens_minted_total",
                "Tokens minted.",
                &self.tokens_minted,
            ),
            (
                "causeway_api_sessions_opened_total",
                "WebSockets whose hello was good.",
                &self.sessions_opened,
            ),
            (
                "causeway_api_messages_received_total",
                "WebSocket messages received.",
                &self.messages_received,
            ),
            (
                "causeway_api_messages_sent_total",
                "WebSocket messages sent.",
                &self.messages_sent,
            ),
        ];
        for (name, help, counter) in counters {
            head(out, name, help, "counter");
            let _ = writeln!(out, "{name} {}", counter.value());
        }
        let name = "causeway_api_errors_total";
        head(out, name, "Errors answered, by code.", "counter");
        for (code, counter) in ErrorCode::ALL.iter().zip(&self.errors) {
            let _ = writeln!(
                out,
                "{name}{{code=\"{}\"}} {}",
                code.as_str(),
                counter.value()
            );
        }
        let name = "causeway_api_closes_total";
        head(
            out,
            name,
            "WebSockets closed by the box, by close code (0: any other).",
            "counter",
        );
        for (code, counter) in CLOSES.iter().zip(&self.closes) {
            let _ = writeln!(out, "{name}{{code=\"{code}\"}} {}", counter.value());
        }
    }
}

fn head(out: &mut String, name: &str, help: &str, kind: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_shown() {
        let metrics = Metrics::default();
        let guard = metrics.sessions.enter();
        metrics.tokens_minted.increment();
        metrics.error(ErrorCode::AuthFailed);
        metrics.closed(4401);
        metrics.closed(4999);
        let mut text = String::new();
        metrics.render(&mut text);
        for line in [
            "causeway_api_sessions 1",
            "causeway_api_tokens_minted_total 1",
            "causeway_api_errors_total{code=\"auth_failed\"} 1",
            "causeway_api_closes_total{code=\"4401\"} 1",
            "causeway_api_closes_total{code=\"0\"} 1",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} in\n{text}");
        }
        drop(guard);
        assert_eq!(metrics.sessions.value(), 0);
    }
}
