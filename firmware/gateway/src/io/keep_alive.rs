//! Whether a connection that we opened still lives (RFC 5626 sections 3.5.1 and 4.4.1).
//!
//! | state | event | next |
//! |---|---|---|
//! | Quiet | nothing heard for `ping` | a ping goes out: Asked |
//! | Asked | anything heard | Quiet |
//! | Asked | `pong` is over, the peer has answered a ping before | the connection is dead |
//! | Asked | `pong` is over, it never did | Quiet: it may not know pings, and the kernel's own acknowledgements must do |
//!
//! Who connects to us keeps the connection alive; it is not pinged.

use super::sip_stream::StreamSettings;
use std::time::Duration;
use tokio::time::Instant;

/// What to do now.
#[derive(Debug, PartialEq, Eq)]
pub enum KeepAliveStep {
    Ping,
    Dead,
    Nothing,
}

#[derive(Debug)]
enum State {
    /// Not ours to keep alive.
    Off,
    Quiet {
        ping_at: Instant,
    },
    Asked {
        until: Instant,
    },
}

/// See the module.
#[derive(Debug)]
pub struct KeepAlive {
    state: State,
    knows_pings: bool,
    ping: Duration,
    pong: Duration,
}

impl KeepAlive {
    pub fn new(dialled: bool, settings: StreamSettings, now: Instant) -> Self {
        let ping_at = now + settings.ping;
        Self {
            state: if dialled {
                State::Quiet { ping_at }
            } else {
                State::Off
            },
            knows_pings: false,
            ping: settings.ping,
            pong: settings.pong,
        }
    }

    /// Waits until [`KeepAlive::handle_timeout`] is due.
    pub async fn due(&self) {
        match self.state {
            State::Quiet { ping_at: at } | State::Asked { until: at } => {
                tokio::time::sleep_until(at).await;
            }
            State::Off => std::future::pending().await,
        }
    }

    /// Something came.
    pub fn heard(&mut self, now: Instant) {
        if !matches!(self.state, State::Off) {
            self.state = State::Quiet {
                ping_at: now + self.ping,
            };
        }
    }

    /// It was a pong: this peer knows pings.
    pub fn ponged(&mut self) {
        self.knows_pings = true;
    }

    pub fn handle_timeout(&mut self, now: Instant) -> KeepAliveStep {
        match self.state {
            State::Quiet { ping_at } if ping_at <= now => {
                self.state = State::Asked {
                    until: now + self.pong,
                };
                KeepAliveStep::Ping
            }
            State::Asked { until } if until <= now && self.knows_pings => KeepAliveStep::Dead,
            State::Asked { until } if until <= now => {
                self.heard(now);
                KeepAliveStep::Nothing
            }
            State::Off | State::Quiet { .. } | State::Asked { .. } => KeepAliveStep::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    #[test]
    fn a_quiet_peer_is_asked_and_one_that_knows_pings_must_answer() {
        let mut now = Instant::now();
        let settings = StreamSettings::default();
        let mut line = KeepAlive::new(true, settings, now);
        assert_eq!(line.handle_timeout(now + S * 29), KeepAliveStep::Nothing);
        // It never answers: asked again and again, never thought dead for that.
        for _ in 0..3 {
            now += S * 30;
            assert_eq!(line.handle_timeout(now), KeepAliveStep::Ping);
            assert_eq!(line.handle_timeout(now + S * 9), KeepAliveStep::Nothing);
            now += S * 10;
            assert_eq!(line.handle_timeout(now), KeepAliveStep::Nothing);
        }
        // It answers once: from now on it must.
        now += S * 30;
        assert_eq!(line.handle_timeout(now), KeepAliveStep::Ping);
        line.heard(now + S);
        line.ponged();
        assert_eq!(line.handle_timeout(now + S * 30), KeepAliveStep::Nothing);
        now += S * 31;
        assert_eq!(line.handle_timeout(now), KeepAliveStep::Ping);
        assert_eq!(line.handle_timeout(now + S * 10), KeepAliveStep::Dead);
    }

    #[test]
    fn a_talking_peer_is_not_asked_nor_one_that_connected() {
        let now = Instant::now();
        let settings = StreamSettings::default();
        let mut line = KeepAlive::new(true, settings, now);
        for second in 1..200 {
            line.heard(now + S * second);
            let step = line.handle_timeout(now + S * second);
            assert_eq!(step, KeepAliveStep::Nothing);
        }
        let mut incoming = KeepAlive::new(false, settings, now);
        incoming.heard(now);
        let later = now + S * 1_000;
        assert_eq!(incoming.handle_timeout(later), KeepAliveStep::Nothing);
    }
}
