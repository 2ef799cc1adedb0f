//! A placed call's way from one target of its trunk to the next. The page sees nothing of it.
//!
//! | what came of the INVITE | the call |
//! |---|---|
//! | nothing for [`SILENT_FOR`](crate::legs::attempt::SILENT_FOR) | goes to the next target; with none left it waits, unless this one is down |
//! | nothing, and the target turned out to be down | goes to the next target, or ends as `unreachable` |
//! | 503, or the transport failed | goes to the next target, or ends with that |
//! | 3xx | goes where it points, see [`redirection`](crate::legs::redirection), or ends with that |
//! | any other refusal | ends with that: it is an answer |
//! | 101…299 | stays with this target whatever comes then |

use super::Switch;
use super::active::CallKey;
use crate::legs::attempt::Attempt;
use crate::legs::trunk::cause_of_failure;
use causeway_call::{CauseCode, Event, FarCause};
use causeway_directory::{Redirects, TrunkName};
use causeway_sip::endpoint::{Failure, FailureKind};
use causeway_sip::targets::Sign;
use std::time::Instant;

impl Switch {
    /// The target of a call spoke; with `told` the page hears of it.
    pub(super) fn target_spoke(&mut self, key: CallKey, status: u16, told: bool, now: Instant) {
        let Some(active) = self.calls.get_mut(&key) else {
            return;
        };
        if let Some(target) = active.trunk.attempt.target() {
            let sign = Sign::Answered(status);
            self.probes.observe(&active.trunk.trunk, target, sign, now);
        }
        if told {
            active.trunk.attempt.settle();
        }
    }

    /// Judges whether the target of a new call is silent, when it is time to.
    pub(super) fn judge_target(&mut self, key: CallKey, now: Instant) {
        let Some(active) = self.calls.get_mut(&key) else {
            return;
        };
        if !active.trunk.attempt.handle_timeout(now) {
            return;
        }
        let (Some(target), Some(sip)) = (active.trunk.attempt.target(), active.trunk.sip) else {
            return;
        };
        if self.endpoint.is_proceeding(sip) {
            return self.target_spoke(key, 100, false, now);
        }
        tracing::warn!(call = active.id, %target, "the target does not answer the INVITE");
        self.probes
            .observe(&active.trunk.trunk, target, Sign::Silent, now);
        self.leave_target(key, now);
    }

    /// Gives up the INVITE that a silent target has, for the next target or for good. With nowhere else to go a
    /// call stays with a target that may only be slow.
    pub(super) fn leave_target(&mut self, key: CallKey, now: Instant) {
        let Some(active) = self.calls.get_mut(&key).filter(|c| c.finished.is_none()) else {
            return;
        };
        let attempt = &active.trunk.attempt;
        let Some(target) = attempt.target().filter(|_| attempt.may_leave()) else {
            return;
        };
        let trunk = active.trunk.trunk.as_str();
        let next = self.probes.pick(trunk, attempt.tried(), now);
        if next.is_none() && !self.probes.is_down(trunk, target) {
            return;
        }
        if let Some(sip) = active.trunk.sip.take() {
            // A response that still comes is dealt with inside: CANCEL, or ACK and BYE.
            self.by_sip.remove(&sip);
            self.endpoint.abandon(sip, None, now);
        }
        self.place_trunk(key, now);
    }

    /// The INVITE failed: a reason to ask the next target, or the end of the call.
    pub(super) fn placing_failed(&mut self, key: CallKey, failure: Failure, now: Instant) {
        let sign = match (failure.status, failure.kind) {
            (Some(status), _) => Some(Sign::of_status(status, failure.retry_after_s)),
            (None, FailureKind::Transport) => Some(Sign::Unreachable),
            // Silence was judged long before the transaction gave up.
            (None, FailureKind::Timeout | FailureKind::Rejected | FailureKind::AuthRefused) => None,
        };
        let Some(active) = self.calls.get_mut(&key) else {
            return;
        };
        if let (Some(target), Some(sign)) = (active.trunk.attempt.target(), sign) {
            self.probes.observe(&active.trunk.trunk, target, sign, now);
        }
        if matches!(failure.status, Some(300..400)) && self.redirected(key, &failure, now) {
            return;
        }
        let cause = cause_of_failure(failure);
        let Some(active) = self.calls.get_mut(&key) else {
            return;
        };
        let attempt = &active.trunk.attempt;
        // A 503 whose Reason says more (RFC 3326) is about the called number.
        let of_target = match cause.status {
            Some(status) => status == 503 && cause.code() == CauseCode::Unavailable,
            None => cause.silent,
        };
        let next = self
            .probes
            .pick(&active.trunk.trunk, attempt.tried(), now)
            .filter(|_| of_target && attempt.may_leave());
        if let Some(next) = next {
            tracing::info!(call = active.id, %next, status = cause.status, "the call goes to the next target");
            active.trunk.sip = None;
            return self.place_trunk(key, now);
        }
        self.feed(key, Event::TrunkFailed { cause }, now);
    }

    /// Follows a redirection. `false`: it is not to be followed.
    fn redirected(&mut self, key: CallKey, failure: &Failure, now: Instant) -> bool {
        let Some(active) = self.calls.get_mut(&key) else {
            return false;
        };
        let directory = active.directory(&self.directory);
        let name = TrunkName(active.trunk.trunk.clone());
        let Some(trunk) = directory.trunk(&name) else {
            return false;
        };
        if trunk.redirects == Redirects::Refuse {
            return false;
        }
        let first = match &trunk.numbering {
            Some(numbering) => numbering.get_ref().called(&active.record.to_number),
            None => active.record.to_number.clone(),
        };
        let redirection = &mut active.trunk.redirection;
        let Some(way) =
            redirection.follow(trunk, directory.located(trunk), &first, &failure.contacts)
        else {
            tracing::info!(
                call = active.id,
                "a redirection leads nowhere this trunk may go"
            );
            return false;
        };
        let Some(target) = way.at.or_else(|| active.trunk.attempt.target()) else {
            return false;
        };
        tracing::info!(call = active.id, to = way.user, %target, status = failure.status, "redirected");
        active.trunk.sip = None;
        // A call of its own: its targets may be silent or busy as any other's.
        active.trunk.attempt = Attempt::default();
        self.place_at(key, target, now);
        true
    }

    /// No target can have the call.
    pub(super) fn no_target(&mut self, key: CallKey, now: Instant) {
        let Some(active) = self.calls.get_mut(&key) else {
            return;
        };
        self.names.hurry(&active.trunk.trunk, now);
        let cause = if let Some(fault) = self.names.nowhere(&active.trunk.trunk, &self.directory) {
            FarCause {
                silent: true,
                reason: Some(format!("the trunk has no address: {fault}")),
                ..FarCause::default()
            }
        } else if self.probes.are_all_down(&active.trunk.trunk) {
            FarCause {
                silent: true,
                reason: Some("no target of the trunk answers".to_owned()),
                ..FarCause::default()
            }
        } else {
            FarCause {
                status: Some(503),
                reason: Some("the targets of the trunk asked for a pause".to_owned()),
                ..FarCause::default()
            }
        };
        tracing::warn!(
            call = active.id,
            trunk = active.trunk.trunk,
            reason = cause.reason,
            "no target for the call"
        );
        self.feed(key, Event::TrunkFailed { cause }, now);
    }
}
