//! One trunk leg: the RTP and RTCP sockets towards a PBX.
//!
//! A datagram is taken from the negotiated host only. Its port may differ from the negotiated one
//! (a PBX behind a NAT, or one that sends from another port than it listens on), so the port is not
//! looked at; packets always go where the PBX asked for them.
//!
//! Where SRTP was agreed nothing leaves or enters in clear: what cannot be protected is not sent,
//! and what is not authentic is dropped.

use causeway_media::plan::TrunkPlan;
use causeway_media::srtp::{SrtpError, SrtpPacket, SrtpPlan, SrtpReceiver, SrtpSender};
use std::net::{SocketAddr, UdpSocket};

/// Whether a datagram may be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    Granted,
    /// Nothing is negotiated yet, so nobody has a right to be heard.
    Unplanned,
    /// Another host than the negotiated one.
    Foreign,
}

/// Sockets and plan of one trunk leg.
#[derive(Debug)]
pub struct TrunkLeg {
    pub rtp: UdpSocket,
    pub rtcp: UdpSocket,
    plan: Option<TrunkPlan>,
    srtp: Security,
    /// RTP has come.
    pub heard: bool,
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
    pub fn new(rtp: UdpSocket, rtcp: UdpSocket) -> std::io::Result<Self> {
        rtp.set_nonblocking(true)?;
        rtcp.set_nonblocking(true)?;
        Ok(Self {
            rtp,
            rtcp,
            plan: None,
            srtp: Security::Plain,
            heard: false,
        })
    }

    /// What was negotiated last.
    pub const fn plan(&self) -> Option<&TrunkPlan> {
        self.plan.as_ref()
    }

    /// Takes what was negotiated; true when it differs from before. Keys that stay keep their
    /// roll-over counters.
    ///
    /// # Errors
    /// [`SrtpError::Cipher`]; nothing is sent or taken then until the next plan.
    pub fn replan(&mut self, plan: TrunkPlan) -> Result<bool, SrtpError> {
        let changed = self.plan.replace(plan) != Some(plan);
        let security = match plan.srtp {
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

    /// Looks at a datagram's source; `rtcp` says on which socket it came.
    pub fn admit(&self, source: SocketAddr, rtcp: bool) -> Admission {
        let Some(plan) = &self.plan else {
            return Admission::Unplanned;
        };
        let host = source.ip();
        if host == plan.remote.ip().to_canonical()
            || (rtcp && host == plan.remote_rtcp.ip().to_canonical())
        {
            Admission::Granted
        } else {
            Admission::Foreign
        }
    }

    /// Sends one RTP packet; false when the kernel would not take it, it cannot be protected or
    /// there is nowhere to send.
    pub fn send_rtp(&mut self, packet: &[u8]) -> bool {
        let Some(plan) = &self.plan else {
            return false;
        };
        let send = |octets: &[u8]| self.rtp.send_to(octets, plan.remote).is_ok();
        match &mut self.srtp {
            Security::Plain => send(packet),
            Security::Encrypted(pair) => pair.0.protect_rtp(packet).is_ok_and(|p| send(&p)),
            Security::Broken => false,
        }
    }

    /// Sends one RTCP compound; false as with [`Self::send_rtp`].
    pub fn send_rtcp(&mut self, compound: &[u8]) -> bool {
        let Some(plan) = &self.plan else {
            return false;
        };
        let send = |octets: &[u8]| self.rtcp.send_to(octets, plan.remote_rtcp).is_ok();
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
    use causeway_media::plan::{AudioCodec, AudioFormat, Direction};

    #[test]
    fn only_the_negotiated_host_is_taken_from_any_of_its_ports() {
        let bind = || UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut leg = TrunkLeg::new(bind(), bind()).unwrap();
        let pbx: SocketAddr = "192.0.2.1:4000".parse().unwrap();
        assert_eq!(leg.admit(pbx, false), Admission::Unplanned);
        let plan = TrunkPlan {
            remote: pbx,
            remote_rtcp: "192.0.2.2:4001".parse().unwrap(),
            format: AudioFormat {
                codec: AudioCodec::Pcmu,
                payload_type: 0,
                ptime_ms: 20,
                dtmf: None,
            },
            direction: Direction::SendRecv,
            srtp: None,
        };
        assert_eq!(leg.replan(plan), Ok(true));
        assert_eq!(leg.replan(plan), Ok(false));
        let other_port = "192.0.2.1:9".parse().unwrap();
        let rtcp_host = "192.0.2.2:9".parse().unwrap();
        assert_eq!(leg.admit(pbx, false), Admission::Granted);
        assert_eq!(leg.admit(other_port, false), Admission::Granted);
        assert_eq!(leg.admit(rtcp_host, false), Admission::Foreign);
        assert_eq!(leg.admit(rtcp_host, true), Admission::Granted);
    }
}
