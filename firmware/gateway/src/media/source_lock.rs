//! Which port of the negotiated host a stream is taken from.
//!
//! Some PBXes send from another port than they named in SDP, and say nothing when they move, so the named port alone will
//! not do. But whoever else sends from that host must not be able to speak into a call:
//!
//! | a packet from | while | |
//! |---|---|---|
//! | the named address and port | ever | taken; the stream is theirs at once |
//! | the port the stream came from last | ever | taken |
//! | another port of the host | nobody was heard, or nobody for [`HANDOVER`] | taken; the stream is theirs |
//! | another port of the host | somebody is heard | refused |

use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// A stream that is silent for so long may go on from another port.
pub const HANDOVER: Duration = Duration::from_millis(250);

/// See the module.
#[derive(Clone, Copy, Debug, Default)]
pub struct SourceLock(Option<(SocketAddr, Instant)>);

impl SourceLock {
    /// Whether a packet from `source`, of the host that was agreed on, is taken.
    pub fn admit(&mut self, source: SocketAddr, named: SocketAddr, now: Instant) -> bool {
        let theirs = source.port() == named.port()
            || self.0.is_none_or(|(holder, heard)| {
                holder == source || now.saturating_duration_since(heard) >= HANDOVER
            });
        if theirs {
            self.0 = Some((source, now));
        }
        theirs
    }

    /// Something else was agreed: nobody has been heard.
    pub fn release(&mut self) {
        self.0 = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    #[test]
    fn who_was_named_is_heard_and_nobody_beside() {
        let start = Instant::now();
        let after = |ms| start + Duration::from_millis(ms);
        let mut lock = SourceLock::default();
        assert!(
            lock.admit(at(9), at(4000), start),
            "before anybody was heard"
        );
        assert!(lock.admit(at(4000), at(4000), after(1)));
        for ms in 1..1000 {
            assert!(!lock.admit(at(9), at(4000), after(ms)));
            if ms % 20 == 0 {
                assert!(lock.admit(at(4000), at(4000), after(ms)));
            }
        }
    }

    #[test]
    fn a_pbx_that_sends_from_elsewhere_may_move() {
        let start = Instant::now();
        let after = |ms| start + Duration::from_millis(ms);
        let mut lock = SourceLock::default();
        for ms in (0..1000).step_by(20) {
            assert!(lock.admit(at(6000), at(4000), after(ms)));
            assert!(!lock.admit(at(7000), at(4000), after(ms)));
        }
        assert!(!lock.admit(at(7000), at(4000), after(980 + 249)));
        assert!(lock.admit(at(7000), at(4000), after(980 + 250)));
        assert!(!lock.admit(at(6000), at(4000), after(980 + 251)));
        lock.release();
        assert!(lock.admit(at(6000), at(4000), after(980 + 252)));
    }
}
