//! The server transaction of every request but INVITE and ACK (RFC 3261 §17.2.2).
//!
//! | state | request again | we send 1xx | we send 200–699 | timer |
//! |---|---|---|---|---|
//! | Trying | – | send → Proceeding | send → Completed | – |
//! | Proceeding | send last | send | send → Completed | – |
//! | Completed | send last | – | – | J → Terminated |
//! | Terminated | – | – | – | – |

use std::time::Instant;

use super::ServerAction;
use crate::timers::T1_X64;

/// One request of the far side.
#[derive(Debug, Clone)]
pub struct Server {
    state: State,
    reliable: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Trying,
    Proceeding,
    Completed { until: Instant },
    Terminated,
}

impl Server {
    /// The request just arrived. `reliable`: over TCP.
    pub fn new(reliable: bool) -> Self {
        Self {
            state: State::Trying,
            reliable,
        }
    }

    /// The same request arrived again.
    pub fn handle_retransmission(&mut self) -> ServerAction {
        match self.state {
            State::Proceeding | State::Completed { .. } => ServerAction::Send,
            State::Trying | State::Terminated => ServerAction::Nothing,
        }
    }

    /// The user wants to send a response; `Send` tells that it may go.
    pub fn respond(&mut self, status: u16, now: Instant) -> ServerAction {
        match (self.state, status) {
            (State::Trying | State::Proceeding, 100..200) => {
                self.state = State::Proceeding;
                ServerAction::Send
            }
            (State::Trying | State::Proceeding, _) => {
                self.state = if self.reliable {
                    State::Terminated
                } else {
                    State::Completed {
                        until: now + T1_X64,
                    }
                };
                ServerAction::Send
            }
            (State::Completed { .. } | State::Terminated, _) => ServerAction::Nothing,
        }
    }

    /// The deadline of `poll_timeout` has come.
    pub fn handle_timeout(&mut self, now: Instant) -> ServerAction {
        if let State::Completed { until } = self.state
            && until <= now
        {
            self.state = State::Terminated;
        }
        ServerAction::Nothing
    }

    /// When `handle_timeout` is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Completed { until } => Some(until),
            State::Trying | State::Proceeding | State::Terminated => None,
        }
    }

    /// Whether no final response was sent yet.
    pub fn is_pending(&self) -> bool {
        matches!(self.state, State::Trying | State::Proceeding)
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

    #[test]
    fn every_state_against_every_input() {
        let now = Instant::now();
        for (state, responses, again, on_1xx, on_final) in [
            ("Trying", &[][..], Nothing, Send, Send),
            ("Proceeding", &[100], Send, Send, Send),
            ("Completed", &[200], Send, Nothing, Nothing),
        ] {
            let make = || {
                let mut machine = Server::new(false);
                for status in responses {
                    assert_eq!(machine.respond(*status, now), Send);
                }
                machine
            };
            assert_eq!(make().handle_retransmission(), again, "{state}");
            assert_eq!(make().respond(100, now), on_1xx, "{state}");
            assert_eq!(make().respond(404, now), on_final, "{state}");
        }
    }

    #[test]
    fn completed_lasts_32_s_over_udp_and_not_at_all_over_tcp() {
        let start = Instant::now();
        let mut machine = Server::new(false);
        assert_eq!(machine.respond(200, start), Send);
        assert_eq!(machine.poll_timeout(), Some(start + T1_X64));
        assert_eq!(machine.handle_timeout(start + T1_X64), Nothing);
        assert!(machine.is_terminated());
        assert_eq!(machine.handle_retransmission(), Nothing);

        let mut machine = Server::new(true);
        assert_eq!(machine.respond(200, start), Send);
        assert!(machine.is_terminated());
    }
}
