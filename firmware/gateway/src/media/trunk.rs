//! One stream of a trunk leg: the RTP and RTCP sockets towards a PBX.
//!
//! A datagram is taken from the negotiated host only. Its port may differ from the negotiated one (a PBX behind a NAT, or
//! one that sends from another port than it listens on): RTP in clear is taken from one port at a time (`source_lock`).
//! Packets always go where the PBX asked for them.
//!
//! Where SRTP was agreed nothing leaves or enters in clear: what cannot be protected is not sent,
//! and what is not authentic is dropped.

use super::Listening;
use super::source_lock::SourceLock;
use causeway_media::plan::{Direction, Flow};
use causeway_media::srtp::{SrtpError, SrtpPacket, SrtpPlan, SrtpReceiver, SrtpSender};
use std::net::{SocketAddr, UdpSocket};
use std::time::Instant;

/// Whether a datagram may be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    Granted,
    /// Nothing is negotiated yet, so nobody has a right to be heard.
    Unplanned,
    /// Another host than the negotiated one.
    Foreign,
}

/// Sockets of one stream, and where it goes.
#[derive(Debug)]
pub struct TrunkLeg {
    pub rtp: UdpSocket,
    pub rtcp: UdpSocket,
    flow: Option<Flow>,
    srtp: Security,
    source: SourceLock,
    /// RTP has come.
    pub heard: bool,
    pub listening: Listening,
    /// Since when nothing has come that should have; none while the far side owes nothing.
    silent_since: Option<Instant>,
}

/// What protects a leg.
#[derive(Debug, Default)]
enum Security {
    #[default]
    Plain,
    Encrypted(Box<(SrtpSender, SrtpReceiver)>),
    /// Keys were agreed that no cipher takes: silence, rather than speech in clear.
    Broken,
}

impl TrunkLeg {
    /// # Errors
    /// When the sockets cannot be made non-blocking.
    pub fn new(rtp: UdpSocket, rtcp: UdpSocket, listening: Listening) -> std::io::Result<Self> {
        rtp.set_nonblocking(true)?;
        rtcp.set_nonblocking(true)?;
        Ok(Self {
            rtp,
            rtcp,
            flow: None,
            srtp: Security::Plain,
            source: SourceLock::default(),
            heard: false,
            listening,
            silent_since: None,
        })
    }

    /// What was negotiated last.
    pub const fn flow(&self) -> Option<&Flow> {
        self.flow.as_ref()
    }

    /// Nothing of it is agreed any more: nothing leaves, nobody is heard.
    pub fn shut(&mut self) {
        self.flow = None;
        self.silent_since = None;
    }

    /// Takes what was negotiated; true when it differs from before. Keys that stay keep their
    /// roll-over counters.
    ///
    /// # Errors
    /// [`SrtpError::Cipher`]; nothing is sent or taken then until the next plan.
    pub fn replan(&mut self, flow: Flow, now: Instant) -> Result<bool, SrtpError> {
        let before = self.flow.replace(flow);
        let changed = before != Some(flow);
        if before.is_none_or(|before| before.remote != flow.remote) {
            self.source.release();
        }
        if changed {
            // On hold a far side may be silent: who holds without music is.
            self.silent_since = (flow.direction == Direction::SendRecv).then_some(now);
        }
        let security = match flow.srtp {
            None => Ok(Security::Plain),
            Some(keys) => std::mem::take(&mut self.srtp).keyed(&keys),
        };
        match security {
            Ok(security) => {
                self.srtp = security;
                Ok(changed)
            }
            Err(error) => {
                self.srtp = Security::Broken;
                Err(error)
            }
        }
    }

    /// An RTP or RTCP datagram of the far side as it was before it was protected; `None` when it
    /// came in clear, as was agreed.
    ///
    /// # Errors
    /// [`SrtpError`] when it is not to be believed.
    pub fn unprotect(
        &mut self,
        datagram: &[u8],
        rtcp: bool,
    ) -> Result<Option<SrtpPacket>, SrtpError> {
        match &mut self.srtp {
            Security::Plain => Ok(None),
            Security::Broken => Err(SrtpError::Cipher),
            Security::Encrypted(pair) if rtcp => pair.1.unprotect_rtcp(datagram).map(Some),
            Security::Encrypted(pair) => pair.1.unprotect_rtp(datagram).map(Some),
        }
    }

    /// Something that may be believed came.
    pub fn note_heard(&mut self, now: Instant) {
        if let Some(since) = &mut self.silent_since {
            *since = now;
        }
    }

    /// When [`Self::handle_timeout`] wants to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        Some(self.silent_since? + self.listening.silence?)
    }

    /// For how many seconds nothing has come, each time the limit has passed.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<u64> {
        let limit = self.listening.silence?;
        if self.poll_timeout()? > now {
            return None;
        }
        self.silent_since = Some(now);
        Some(limit.as_secs())
    }

    /// Looks at which host a datagram comes from; `rtcp` says on which socket it came. RTP is still to be shown to
    /// [`Self::may_speak`] when it has been read.
    pub fn admit(&self, source: SocketAddr, rtcp: bool) -> Admission {
        let Some(flow) = &self.flow else {
            return Admission::Unplanned;
        };
        let host = source.ip();
        if host == flow.remote.ip().to_canonical()
            || (rtcp && host == flow.remote_rtcp.ip().to_canonical())
        {
            Admission::Granted
        } else {
            Admission::Foreign
        }
    }

    /// Whether an RTP packet from this port of the host is taken. What is authentic may come from any.
    pub fn may_speak(&mut self, source: SocketAddr, now: Instant) -> bool {
        match (&self.srtp, &self.flow) {
            (Security::Plain, Some(flow)) => self.source.admit(source, flow.remote, now),
            _ => true,
        }
    }

    /// Sends one RTP packet; false when the kernel would not take it, it cannot be protected or
    /// there is nowhere to send.
    pub fn send_rtp(&mut self, packet: &[u8]) -> bool {
        let Some(flow) = &self.flow else {
            return false;
        };
        let send = |octets: &[u8]| self.rtp.send_to(octets, flow.remote).is_ok();
        match &mut self.srtp {
            Security::Plain => send(packet),
            Security::Encrypted(pair) => pair.0.protect_rtp(packet).is_ok_and(|p| send(&p)),
            Security::Broken => false,
        }
    }

    /// Sends one RTCP compound; false as with [`Self::send_rtp`].
    pub fn send_rtcp(&mut self, compound: &[u8]) -> bool {
        let Some(flow) = &self.flow else {
            return false;
        };
        let send = |octets: &[u8]| self.rtcp.send_to(octets, flow.remote_rtcp).is_ok();
        match &mut self.srtp {
            Security::Plain => send(compound),
            Security::Encrypted(pair) => pair.0.protect_rtcp(compound).is_ok_and(|p| send(&p)),
            Security::Broken => false,
        }
    }
}

impl Security {
    fn keyed(self, keys: &SrtpPlan) -> Result<Self, SrtpError> {
        let (sender, receiver) = match self {
            Self::Encrypted(pair) => {
                let (sender, mut receiver) = *pair;
                receiver.rekey(keys.receive)?;
                (Some(sender), receiver)
            }
            Self::Plain | Self::Broken => (None, SrtpReceiver::new(keys.receive)?),
        };
        let sender = match sender.filter(|sender| *sender.key() == keys.send) {
            Some(sender) => sender,
            None => SrtpSender::new(keys.send)?,
        };
        Ok(Self::Encrypted(Box::new((sender, receiver))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn only_the_negotiated_host_is_taken_and_its_silence_is_noticed() {
        let bind = || UdpSocket::bind("127.0.0.1:0").unwrap();
        let listening = Listening {
            silence: Some(Duration::from_secs(60)),
            tones: false,
        };
        let mut leg = TrunkLeg::new(bind(), bind(), listening).unwrap();
        let start = Instant::now();
        let pbx: SocketAddr = "192.0.2.1:4000".parse().unwrap();
        assert_eq!(leg.admit(pbx, false), Admission::Unplanned);
        let plan = Flow {
            remote: pbx,
            remote_rtcp: "192.0.2.2:4001".parse().unwrap(),
            direction: Direction::SendRecv,
            srtp: None,
        };
        assert_eq!(leg.replan(plan, start), Ok(true));
        assert_eq!(leg.replan(plan, start), Ok(false));
        let other_port = "192.0.2.1:9".parse().unwrap();
        let rtcp_host = "192.0.2.2:9".parse().unwrap();
        assert_eq!(leg.admit(pbx, false), Admission::Granted);
        assert_eq!(leg.admit(other_port, false), Admission::Granted);
        assert_eq!(leg.admit(rtcp_host, false), Admission::Foreign);
        assert_eq!(leg.admit(rtcp_host, true), Admission::Granted);
        assert!(leg.may_speak(other_port, start));
        assert!(leg.may_speak(pbx, start));
        assert!(!leg.may_speak(other_port, start));

        // Silence is told after a minute, and again after another, unless something came or it is held.
        let second = Duration::from_secs(1);
        assert_eq!(leg.handle_timeout(start + 59 * second), None);
        assert_eq!(leg.handle_timeout(start + 60 * second), Some(60));
        assert_eq!(leg.poll_timeout(), Some(start + 120 * second));
        leg.note_heard(start + 100 * second);
        assert_eq!(leg.handle_timeout(start + 120 * second), None);
        let held = Flow {
            direction: Direction::RecvOnly,
            ..plan
        };
        assert_eq!(leg.replan(held, start + 130 * second), Ok(true));
        assert_eq!(leg.poll_timeout(), None);
        assert_eq!(leg.replan(plan, start + 500 * second), Ok(true));
        assert_eq!(leg.poll_timeout(), Some(start + 560 * second));
    }
}
