//! The INVITE client transaction (RFC 3261 §17.1.1, RFC 6026 §7.2).
//!
//! | state | 1xx | 2xx | 300–699 | timer | transport fails |
//! |---|---|---|---|---|---|
//! | Calling | deliver → Proceeding | deliver → Accepted | ACK, deliver → Completed | A: resend; B: timed out → Terminated | fail → Terminated |
//! | Proceeding | deliver | deliver → Accepted | ACK, deliver → Completed | when abandoned, after 128·T1: timed out → Terminated | fail → Terminated |
//! | Accepted | – | deliver | – | M → Terminated | – |
//! | Completed | – | – | ACK | D → Terminated | → Terminated |
//! | Terminated | – | – | – | – | – |

use std::time::{Duration, Instant};

use super::ClientAction;
use crate::timers::{ABANDONED_WAIT, D, T1, T1_X64};

/// One INVITE of ours.
#[derive(Debug, Clone)]
pub struct ClientInvite {
    state: State,
    reliable: bool,
    /// Set once nobody waits for the final response any more: when ringing ends (§9.1).
    abandoned: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Calling {
        /// Timer A with its interval; none on a reliable transport.
        resend: Option<(Instant, Duration)>,
        give_up: Instant,
    },
    Proceeding,
    Accepted {
        until: Instant,
    },
    Completed {
        until: Instant,
    },
    Terminated,
}

impl ClientInvite {
    /// The INVITE was just sent. `reliable`: over TCP.
    pub fn new(reliable: bool, now: Instant) -> Self {
        Self {
            state: State::Calling {
                resend: (!reliable).then_some((now + T1, T1)),
                give_up: now + T1_X64,
            },
            reliable,
            abandoned: None,
        }
    }

    /// A response with this status arrived.
    pub fn handle_response(&mut self, status: u16, now: Instant) -> ClientAction {
        match (self.state, status) {
            (State::Calling { .. } | State::Proceeding, 100..200) => {
                self.state = State::Proceeding;
                ClientAction::Deliver
            }
            (State::Calling { .. } | State::Proceeding, 200..300) => {
                self.state = State::Accepted {
                    until: now + T1_X64,
                };
                ClientAction::Deliver
            }
            (State::Calling { .. } | State::Proceeding, _) => {
                self.state = if self.reliable {
                    State::Terminated
                } else {
                    State::Completed { until: now + D }
                };
                ClientAction::AcknowledgeAndDeliver
            }
            (State::Accepted { .. }, 200..300) => ClientAction::Deliver,
            (State::Completed { .. }, 300..) => ClientAction::Acknowledge,
            (State::Accepted { .. } | State::Completed { .. } | State::Terminated, _) => {
                ClientAction::Nothing
            }
        }
    }

    /// The deadline of `poll_timeout` has come. Call again until it lies in the future.
    pub fn handle_timeout(&mut self, now: Instant) -> ClientAction {
        match self.state {
            State::Calling { give_up, .. } if give_up <= now => {
                self.state = State::Terminated;
                ClientAction::TimedOut
            }
            State::Proceeding if self.abandoned.is_some_and(|until| until <= now) => {
                self.state = State::Terminated;
                ClientAction::TimedOut
            }
            State::Calling {
                resend: Some((at, interval)),
                give_up,
            } if at <= now => {
                let interval = interval * 2;
                self.state = State::Calling {
                    resend: Some((now + interval, interval)),
                    give_up,
                };
                ClientAction::Resend
            }
            State::Accepted { until } | State::Completed { until } if until <= now => {
                self.state = State::Terminated;
                ClientAction::Nothing
            }
            State::Calling { .. }
            | State::Proceeding
            | State::Accepted { .. }
            | State::Completed { .. }
            | State::Terminated => ClientAction::Nothing,
        }
    }

    /// The transport cannot reach the peer.
    pub fn handle_transport_failed(&mut self) -> ClientAction {
        match self.state {
            State::Calling { .. } | State::Proceeding => {
                self.state = State::Terminated;
                ClientAction::TransportFailed
            }
            State::Completed { .. } => {
                self.state = State::Terminated;
                ClientAction::Nothing
            }
            // A 2xx was delivered: the call above decides what the failure means.
            State::Accepted { .. } | State::Terminated => ClientAction::Nothing,
        }
    }

    /// When `handle_timeout` is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Calling { resend, give_up } => {
                Some(resend.map_or(give_up, |(at, _)| at.min(give_up)))
            }
            State::Accepted { until } | State::Completed { until } => Some(until),
            State::Proceeding => self.abandoned,
            State::Terminated => None,
        }
    }

    /// Nobody waits for the final response any more, because CANCEL was sent or the call has ended: the
    /// transaction lasts 128·T1 at most (§9.1 names 64·T1; twice that lets a late 2xx be acknowledged and ended).
    pub fn abandon(&mut self, now: Instant) {
        self.abandoned.get_or_insert(now + ABANDONED_WAIT);
    }

    /// Whether a provisional response came and no final one: the only state a CANCEL may be sent in.
    pub fn is_proceeding(&self) -> bool {
        self.state == State::Proceeding
    }

    /// Whether it can be dropped.
    pub fn is_terminated(&self) -> bool {
        self.state == State::Terminated
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ClientAction::*;

    /// A machine brought into a state by responses.
    fn after(reliable: bool, responses: &[u16], now: Instant) -> ClientInvite {
        let mut machine = ClientInvite::new(reliable, now);
        for status in responses {
            let _ = machine.handle_response(*status, now);
        }
        machine
    }

    #[test]
    fn every_state_against_every_response() {
        let now = Instant::now();
        for (state, responses, [on_1xx, on_2xx, on_486]) in [
            (
                "Calling",
                &[][..],
                [Deliver, Deliver, AcknowledgeAndDeliver],
            ),
            (
                "Proceeding",
                &[100],
                [Deliver, Deliver, AcknowledgeAndDeliver],
            ),
            ("Accepted", &[200], [Nothing, Deliver, Nothing]),
            ("Completed", &[486], [Nothing, Nothing, Acknowledge]),
        ] {
            for (status, expected) in [(180, on_1xx), (200, on_2xx), (486, on_486)] {
                let mut machine = after(false, responses, now);
                assert_eq!(
                    machine.handle_response(status, now),
                    expected,
                    "{state} {status}"
                );
            }
        }
        let mut terminated = after(true, &[486], now);
        assert!(terminated.is_terminated());
        for status in [180, 200, 486] {
            assert_eq!(terminated.handle_response(status, now), Nothing);
        }
    }

    #[test]
    fn every_state_against_a_failing_transport() {
        let now = Instant::now();
        for (responses, expected, terminated) in [
            (&[][..], TransportFailed, true),
            (&[180], TransportFailed, true),
            (&[200], Nothing, false),
            (&[486], Nothing, true),
        ] {
            let mut machine = after(false, responses, now);
            assert_eq!(machine.handle_transport_failed(), expected, "{responses:?}");
            assert_eq!(machine.is_terminated(), terminated, "{responses:?}");
        }
    }

    #[test]
    fn without_an_answer_it_resends_six_times_and_gives_up_after_32_s() {
        let start = Instant::now();
        let mut machine = ClientInvite::new(false, start);
        let mut resent = Vec::new();
        while let Some(at) = machine.poll_timeout() {
            match machine.handle_timeout(at) {
                Resend => resent.push((at - start).as_millis()),
                TimedOut => assert_eq!(at - start, T1_X64),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(resent, [500, 1_500, 3_500, 7_500, 15_500, 31_500]);
        assert!(machine.is_terminated());
    }

    #[test]
    fn a_stream_does_not_resend() {
        let start = Instant::now();
        let machine = ClientInvite::new(true, start);
        assert_eq!(machine.poll_timeout(), Some(start + T1_X64));
    }

    #[test]
    fn an_abandoned_ringing_ends_after_64_s() {
        let start = Instant::now();
        let mut machine = after(false, &[180], start);
        machine.abandon(start);
        machine.abandon(start + T1);
        assert_eq!(machine.handle_response(180, start + T1), Deliver);
        assert_eq!(machine.poll_timeout(), Some(start + ABANDONED_WAIT));
        assert_eq!(machine.handle_timeout(start + ABANDONED_WAIT), TimedOut);
        assert!(machine.is_terminated());
        // Abandoned before it rang.
        let mut machine = after(false, &[], start);
        machine.abandon(start);
        assert_eq!(machine.handle_response(100, start), Deliver);
        assert_eq!(machine.poll_timeout(), Some(start + ABANDONED_WAIT));
        let mut accepted = after(false, &[200], start);
        accepted.abandon(start + T1);
        assert_eq!(accepted.poll_timeout(), Some(start + T1_X64));
    }

    #[test]
    fn ringing_has_no_timer_and_the_last_states_end() {
        let start = Instant::now();
        assert_eq!(after(false, &[180], start).poll_timeout(), None);
        for status in [200, 486] {
            let mut machine = after(false, &[status], start);
            assert_eq!(machine.poll_timeout(), Some(start + T1_X64));
            assert_eq!(machine.handle_timeout(start + T1), Nothing);
            assert!(!machine.is_terminated());
            assert_eq!(machine.handle_timeout(start + T1_X64), Nothing);
            assert!(machine.is_terminated());
        }
    }
}
