//! What may pass between a connection and the media port. Pure.
//!
//! | state | from the browser | from the box | over after |
//! |---|---|---|---|
//! | unproven | checks, answers to the box's own | everything; a check's success makes it *proven* | 10 s |
//! | proven | everything | everything | 30 s in which the box said nothing |
//!
//! A browser that nominates with its first check (Firefox does) is checked by the box before it is answered; what an answer
//! is worth the media plane knows. The media plane answers a check only when its integrity held, and a leg's browser checks every few seconds for as long
//! as it lives (RFC 7675). So silence of the box means that the leg is gone, or never was.

use crate::media::demux::{StunClass, stun_class};
use std::time::{Duration, Instant};

/// For the first check to pass.
pub const TO_PROVE: Duration = Duration::from_secs(10);
/// Without a word from the box.
pub const SILENCE: Duration = Duration::from_secs(30);

/// One connection's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passage {
    Unproven { since: Instant },
    Proven { heard: Instant },
}

impl Passage {
    pub const fn new(now: Instant) -> Self {
        Self::Unproven { since: now }
    }

    /// Whether a datagram of the browser goes on to the media port.
    pub fn admits(&self, datagram: &[u8]) -> bool {
        match self {
            Self::Unproven { .. } => match stun_class(datagram) {
                Some(StunClass::Request | StunClass::Success | StunClass::Error) => true,
                Some(StunClass::Indication) | None => false,
            },
            Self::Proven { .. } => true,
        }
    }

    /// Notes a datagram of the box; true when it is the one that proves the connection.
    pub fn heard(&mut self, datagram: &[u8], now: Instant) -> bool {
        match self {
            Self::Unproven { .. } => {
                let proves = stun_class(datagram) == Some(StunClass::Success);
                if proves {
                    *self = Self::Proven { heard: now };
                }
                proves
            }
            Self::Proven { heard } => {
                *heard = now;
                false
            }
        }
    }

    /// Whether the connection is of no more use.
    pub fn is_over(&self, now: Instant) -> bool {
        match self {
            Self::Unproven { since } => now.saturating_duration_since(*since) >= TO_PROVE,
            Self::Proven { heard } => now.saturating_duration_since(*heard) >= SILENCE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stun(kind: u16) -> Vec<u8> {
        let mut message = kind.to_be_bytes().to_vec();
        message.extend([0, 0, 0x21, 0x12, 0xA4, 0x42]);
        message.extend([7; 12]);
        message
    }

    const REQUEST: u16 = 0x0001;
    const INDICATION: u16 = 0x0011;
    const SUCCESS: u16 = 0x0101;
    const ERROR: u16 = 0x0111;

    #[test]
    fn nothing_but_checks_passes_before_one_has_passed() {
        let now = Instant::now();
        let mut passage = Passage::new(now);
        for kind in [REQUEST, SUCCESS, ERROR] {
            assert!(passage.admits(&stun(kind)), "{kind:04x}");
        }
        for datagram in [
            &[22, 254][..],
            &[0x80, 111],
            b"GET /",
            &stun(INDICATION),
            &[],
        ] {
            assert!(!passage.admits(datagram), "{datagram:?}");
        }
        // A refusal proves nothing.
        assert!(!passage.heard(&stun(ERROR), now));
        assert!(!passage.admits(&[22, 254]));
        assert!(passage.heard(&stun(SUCCESS), now));
        assert!(passage.admits(&[22, 254]) && passage.admits(&[0x80, 111]));
        assert!(!passage.heard(&stun(SUCCESS), now), "proven once");
    }

    #[test]
    fn a_connection_that_proves_nothing_or_hears_nothing_is_over() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut passage = Passage::new(start);
        assert!(!passage.is_over(at(9)) && passage.is_over(at(10)));
        passage.heard(&stun(SUCCESS), at(9));
        assert!(!passage.is_over(at(38)) && passage.is_over(at(39)));
        passage.heard(&[0x80, 111], at(38));
        assert!(!passage.is_over(at(67)) && passage.is_over(at(68)));
    }
}
