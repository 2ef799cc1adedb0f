//! The client transaction of every request but INVITE and ACK (RFC 3261 §17.1.2).
//!
//! | state | 1xx | 200–699 | timer | transport fails |
//! |---|---|---|---|---|
//! | Trying | deliver → Proceeding | deliver → Completed | E: resend (T1, 2·T1 … T2); F: timed out → Terminated | fail → Terminated |
//! | Proceeding | deliver | deliver → Completed | E: resend (T2); F: timed out → Terminated | fail → Terminated |
//! | Completed | – | – | K → Terminated | → Terminated |
//! | Terminated | – | – | – | – |

use std::time::{Duration, Instant};

use super::ClientAction;
use crate::timers::{T1, T1_X64, T2, T4, back_off};

/// One request of ours.
#[derive(Debug, Clone)]
pub struct Client {
    state: State,
    reliable: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Trying(Waiting),
    Proceeding(Waiting),
    Completed { until: Instant },
    Terminated,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Waiting {
    /// Timer E with its interval; none on a reliable transport.
    resend: Option<(Instant, Duration)>,
    give_up: Instant,
}

impl Client {
    /// The request was just sent. `reliable`: over TCP.
    pub fn new(reliable: bool, now: Instant) -> Self {
        Self {
            state: State::Trying(Waiting {
                resend: (!reliable).then_some((now + T1, T1)),
                give_up: now + T1_X64,
            }),
            reliable,
        }
    }

    /// A response with this status arrived.
    pub fn handle_response(&mut self, status: u16, now: Instant) -> ClientAction {
        match (self.state, status) {
            (State::Trying(waiting) | State::Proceeding(waiting), 100..200) => {
                self.state = State::Proceeding(waiting);
                ClientAction::Deliver
            }
            (State::Trying(_) | State::Proceeding(_), _) => {
                self.state = if self.reliable {
                    State::Terminated
                } else {
                    State::Completed { until: now + T4 }
                };
                ClientAction::Deliver
            }
            (State::Completed { .. } | State::Terminated, _) => ClientAction::Nothing,
        }
    }

    /// The deadline of `poll_timeout` has come. Call again until it lies in the future.
    pub fn handle_timeout(&mut self, now: Instant) -> ClientAction {
        match self.state {
            State::Trying(waiting) | State::Proceeding(waiting) if waiting.give_up <= now => {
                self.state = State::Terminated;
                ClientAction::TimedOut
            }
            State::Trying(mut waiting) if waiting.is_resend_due(now) => {
                waiting.resend_after(back_off, now);
                self.state = State::Trying(waiting);
                ClientAction::Resend
            }
            State::Proceeding(mut waiting) if waiting.is_resend_due(now) => {
                waiting.resend_after(|_| T2, now);
                self.state = State::Proceeding(waiting);
                ClientAction::Resend
            }
            State::Completed { until } if until <= now => {
                self.state = State::Terminated;
                ClientAction::Nothing
            }
            State::Trying(_)
            | State::Proceeding(_)
            | State::Completed { .. }
            | State::Terminated => ClientAction::Nothing,
        }
    }

    /// The transport cannot reach the peer.
    pub fn handle_transport_failed(&mut self) -> ClientAction {
        match std::mem::replace(&mut self.state, State::Terminated) {
            State::Trying(_) | State::Proceeding(_) => ClientAction::TransportFailed,
            State::Completed { .. } | State::Terminated => ClientAction::Nothing,
        }
    }

    /// When `handle_timeout` is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Trying(waiting) | State::Proceeding(waiting) => Some(
                waiting
                    .resend
                    .map_or(waiting.give_up, |(at, _)| at.min(waiting.give_up)),
            ),
            State::Completed { until } => Some(until),
            State::Terminated => None,
        }
    }

    /// Whether it can be dropped.
    pub fn is_terminated(&self) -> bool {
        self.state == State::Terminated
    }
}

impl Waiting {
    fn is_resend_due(&self, now: Instant) -> bool {
        self.resend.is_some_and(|(at, _)| at <= now)
    }

    fn resend_after(&mut self, next: impl Fn(Duration) -> Duration, now: Instant) {
        self.resend = self.resend.map(|(_, interval)| {
            let interval = next(interval);
            (now + interval, interval)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ClientAction::*;

    fn after(reliable: bool, responses: &[u16], now: Instant) -> Client {
        let mut machine = Client::new(reliable, now);
        for status in responses {
            let _ = machine.handle_response(*status, now);
        }
        machine
    }

    #[test]
    fn every_state_against_every_input() {
        let now = Instant::now();
        for (state, responses, [on_1xx, on_final, on_failure]) in [
            ("Trying", &[][..], [Deliver, Deliver, TransportFailed]),
            ("Proceeding", &[100], [Deliver, Deliver, TransportFailed]),
            ("Completed", &[200], [Nothing, Nothing, Nothing]),
        ] {
            let mut machine = after(false, responses, now);
            assert_eq!(machine.handle_response(100, now), on_1xx, "{state}");
            let mut machine = after(false, responses, now);
            assert_eq!(machine.handle_response(404, now), on_final, "{state}");
            let mut machine = after(false, responses, now);
            assert_eq!(machine.handle_transport_failed(), on_failure, "{state}");
            assert!(machine.is_terminated());
            assert_eq!(machine.handle_response(200, now), Nothing);
        }
        assert!(after(true, &[200], now).is_terminated());
    }

    #[test]
    fn without_an_answer_it_resends_ten_times_and_gives_up_after_32_s() {
        let start = Instant::now();
        let mut machine = Client::new(false, start);
        let mut resent = Vec::new();
        while let Some(at) = machine.poll_timeout() {
            match machine.handle_timeout(at) {
                Resend => resent.push((at - start).as_millis()),
                TimedOut => assert_eq!(at - start, T1_X64),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(
            resent,
            [
                500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500
            ]
        );
    }

    #[test]
    fn after_a_provisional_response_it_resends_every_four_seconds() {
        let start = Instant::now();
        let mut machine = after(false, &[100], start);
        assert_eq!(machine.handle_timeout(start + T1), Resend);
        assert_eq!(machine.poll_timeout(), Some(start + T1 + T2));
    }

    #[test]
    fn completed_lasts_t4() {
        let start = Instant::now();
        let mut machine = after(false, &[200], start);
        assert_eq!(machine.poll_timeout(), Some(start + T4));
        assert_eq!(machine.handle_timeout(start + T4), Nothing);
        assert!(machine.is_terminated());
    }
}
