//! The INVITE server transaction (RFC 3261 §17.2.1, RFC 6026 §7.1).
//!
//! | state | INVITE again | we send 1xx | we send 2xx | we send 300–699 | ACK | timer |
//! |---|---|---|---|---|---|---|
//! | Proceeding | send last | send | send → Accepted | send → Completed | – | – |
//! | Accepted | – | – | send (again) | – | – | L → Terminated |
//! | Completed | send last | – | – | – | → Confirmed | G: send last; H: timed out → Terminated |
//! | Confirmed | – | – | – | – | – | I → Terminated |
//! | Terminated | – | – | – | – | – | – |
//!
//! The ACK of a 2xx is none of this transaction's: it has its own branch and goes to the dialog.

use std::time::{Duration, Instant};

use super::ServerAction;
use crate::timers::{T1, T1_X64, T4, back_off};

/// One INVITE of the far side.
#[derive(Debug, Clone)]
pub struct ServerInvite {
    state: State,
    reliable: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Proceeding,
    Accepted {
        until: Instant,
    },
    Completed {
        resend: Option<(Instant, Duration)>,
        give_up: Instant,
    },
    Confirmed {
        until: Instant,
    },
    Terminated,
}

impl ServerInvite {
    /// The INVITE just arrived. `reliable`: over TCP.
    pub fn new(reliable: bool) -> Self {
        Self {
            state: State::Proceeding,
            reliable,
        }
    }

    /// The same INVITE arrived again.
    pub fn handle_retransmission(&mut self) -> ServerAction {
        match self.state {
            State::Proceeding | State::Completed { .. } => ServerAction::Send,
            State::Accepted { .. } | State::Confirmed { .. } | State::Terminated => {
                ServerAction::Nothing
            }
        }
    }

    /// The user wants to send a response; `Send` tells that it may go.
    pub fn respond(&mut self, status: u16, now: Instant) -> ServerAction {
        match (self.state, status) {
            (State::Proceeding, 100..200) | (State::Accepted { .. }, 200..300) => {
                ServerAction::Send
            }
            (State::Proceeding, 200..300) => {
                self.state = State::Accepted {
                    until: now + T1_X64,
                };
                ServerAction::Send
            }
            (State::Proceeding, _) => {
                self.state = State::Completed {
                    resend: (!self.reliable).then_some((now + T1, T1)),
                    give_up: now + T1_X64,
                };
                ServerAction::Send
            }
            (
                State::Accepted { .. }
                | State::Completed { .. }
                | State::Confirmed { .. }
                | State::Terminated,
                _,
            ) => ServerAction::Nothing,
        }
    }

    /// The ACK of a failure response arrived.
    pub fn handle_ack(&mut self, now: Instant) -> ServerAction {
        if matches!(self.state, State::Completed { .. }) {
            self.state = if self.reliable {
                State::Terminated
            } else {
                State::Confirmed { until: now + T4 }
            };
        }
        ServerAction::Nothing
    }

    /// The deadline of `poll_timeout` has come. Call again until it lies in the future.
    pub fn handle_timeout(&mut self, now: Instant) -> ServerAction {
        match self.state {
            State::Completed { give_up, .. } if give_up <= now => {
                self.state = State::Terminated;
                ServerAction::TimedOut
            }
            State::Completed {
                resend: Some((at, interval)),
                give_up,
            } if at <= now => {
                let interval = back_off(interval);
                self.state = State::Completed {
                    resend: Some((now + interval, interval)),
                    give_up,
                };
                ServerAction::Send
            }
            State::Accepted { until } | State::Confirmed { until } if until <= now => {
                self.state = State::Terminated;
                ServerAction::Nothing
            }
            State::Proceeding
            | State::Accepted { .. }
            | State::Completed { .. }
            | State::Confirmed { .. }
            | State::Terminated => ServerAction::Nothing,
        }
    }

    /// When `handle_timeout` is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Completed { resend, give_up } => {
                Some(resend.map_or(give_up, |(at, _)| at.min(give_up)))
            }
            State::Accepted { until } | State::Confirmed { until } => Some(until),
            State::Proceeding | State::Terminated => None,
        }
    }

    /// Whether no final response was sent yet.
    pub fn is_proceeding(&self) -> bool {
        self.state == State::Proceeding
    }

    /// Whether an ACK with this branch is that of a failure response, rather than the dialog's.
    pub fn takes_ack(&self) -> bool {
        matches!(
            self.state,
            State::Completed { .. } | State::Confirmed { .. }
        )
    }

    /// Whether it can be dropped.
    pub fn is_terminated(&self) -> bool {
        self.state == State::Terminated
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ServerAction::*;

    fn after(reliable: bool, responses: &[u16], ack: bool, now: Instant) -> ServerInvite {
        let mut machine = ServerInvite::new(reliable);
        for status in responses {
            assert_eq!(machine.respond(*status, now), Send);
        }
        if ack {
            assert_eq!(machine.handle_ack(now), Nothing);
        }
        machine
    }

    #[test]
    fn every_state_against_every_input() {
        let now = Instant::now();
        for (state, responses, ack, again, [on_1xx, on_2xx, on_486]) in [
            ("Proceeding", &[100][..], false, Send, [Send, Send, Send]),
            (
                "Proceeding after a stray ACK",
                &[100],
                true,
                Send,
                [Send, Send, Send],
            ),
            ("Accepted", &[200], false, Nothing, [Nothing, Send, Nothing]),
            (
                "Completed",
                &[486],
                false,
                Send,
                [Nothing, Nothing, Nothing],
            ),
            (
                "Confirmed",
                &[486],
                true,
                Nothing,
                [Nothing, Nothing, Nothing],
            ),
        ] {
            let make = || after(false, responses, ack, now);
            assert_eq!(make().handle_retransmission(), again, "{state}");
            assert_eq!(make().respond(180, now), on_1xx, "{state}");
            assert_eq!(make().respond(200, now), on_2xx, "{state}");
            assert_eq!(make().respond(486, now), on_486, "{state}");
        }
        let mut terminated = after(true, &[486], true, now);
        assert!(terminated.is_terminated());
        assert_eq!(terminated.handle_retransmission(), Nothing);
        assert_eq!(terminated.respond(200, now), Nothing);
    }

    #[test]
    fn a_failure_is_repeated_until_its_ack() {
        let start = Instant::now();
        let mut machine = after(false, &[486], false, start);
        let mut sent = Vec::new();
        while let Some(at) = machine.poll_timeout() {
            match machine.handle_timeout(at) {
                Send => sent.push((at - start).as_millis()),
                TimedOut => assert_eq!(at - start, T1_X64),
                Nothing => panic!("a timer without effect"),
            }
        }
        assert_eq!(sent.len(), 10);
        assert_eq!(sent[..4], [500, 1_500, 3_500, 7_500]);

        let mut machine = after(false, &[486], true, start);
        assert_eq!(machine.poll_timeout(), Some(start + T4));
        assert_eq!(machine.handle_timeout(start + T4), Nothing);
        assert!(machine.is_terminated());
    }

    #[test]
    fn a_stream_repeats_nothing_but_still_waits_for_the_ack() {
        let start = Instant::now();
        let mut machine = after(true, &[486], false, start);
        assert_eq!(machine.poll_timeout(), Some(start + T1_X64));
        assert_eq!(machine.handle_timeout(start + T1_X64), TimedOut);
    }

    #[test]
    fn ringing_has_no_timer_and_accepted_lasts_32_s() {
        let start = Instant::now();
        assert_eq!(after(false, &[180], false, start).poll_timeout(), None);
        let accepted = after(false, &[200], false, start);
        assert_eq!(accepted.poll_timeout(), Some(start + T1_X64));
        assert!(!accepted.is_proceeding());
    }
}
