//! The target a call is at, and those it has tried.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How long an INVITE may stay without any response, 100 included, before another target gets it. Two seconds more
/// than a lost datagram and its repetitions take (0, 0.5 and 1.5 s; RFC 3261 section 17.1.1.2).
pub const SILENT_FOR: Duration = Duration::from_secs(4);

/// Which targets had the INVITE, and until when the newest may be silent.
#[derive(Debug, Default)]
pub struct Attempt {
    tried: Vec<SocketAddr>,
    judged_at: Option<Instant>,
    /// The page was told of something that this target said: the call stays with it.
    settled: bool,
}

impl Attempt {
    /// Of a call that came in from a trunk: it belongs to the target with the caller's address, or with its host.
    pub fn incoming(targets: impl Iterator<Item = SocketAddr>, peer: SocketAddr) -> Self {
        let of_host: Vec<SocketAddr> = targets.filter(|t| t.ip() == peer.ip()).collect();
        let exact = of_host.iter().find(|target| **target == peer);
        let target = exact.or_else(|| of_host.first()).copied();
        Self {
            tried: target.into_iter().collect(),
            judged_at: None,
            settled: true,
        }
    }

    /// The INVITE goes to `target`.
    pub fn begin(&mut self, target: SocketAddr, now: Instant) {
        if self.target() != Some(target) {
            self.tried.push(target);
        }
        self.judged_at = Some(now + SILENT_FOR);
    }

    /// Every target that had the INVITE, the newest last.
    pub fn tried(&self) -> &[SocketAddr] {
        &self.tried
    }

    /// The target it is at.
    pub fn target(&self) -> Option<SocketAddr> {
        self.tried.last().copied()
    }

    /// Whether the call is under way at `target` and may still leave it.
    pub fn is_at(&self, target: SocketAddr) -> bool {
        !self.settled && self.target() == Some(target)
    }

    /// The target said something that the page is told.
    pub fn settle(&mut self) {
        self.settled = true;
        self.judged_at = None;
    }

    /// Whether another target may still get the call.
    pub fn may_leave(&self) -> bool {
        !self.settled && !self.tried.is_empty()
    }

    /// When its silence is to be judged.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.judged_at
    }

    /// Whether that time has come; once.
    pub fn handle_timeout(&mut self, now: Instant) -> bool {
        let due = self.judged_at.is_some_and(|at| at <= now);
        if due {
            self.judged_at = None;
        }
        due
    }
}
