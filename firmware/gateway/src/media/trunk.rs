//! One trunk leg: the RTP and RTCP sockets towards a PBX.
//!
//! A datagram is taken from the negotiated host only. Its port may differ from the negotiated one
//! (a PBX behind a NAT, or one that sends from another port than it listens on), so the port is not
//! looked at; packets always go where the PBX asked for them.

use causeway_media::plan::TrunkPlan;
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
    pub plan: Option<TrunkPlan>,
    /// RTP has come.
    pub heard: bool,
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
            heard: false,
        })
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

    /// Sends one RTP packet; false when the kernel would not take it or there is nowhere to send.
    pub fn send_rtp(&self, packet: &[u8]) -> bool {
        self.plan
            .is_some_and(|plan| self.rtp.send_to(packet, plan.remote).is_ok())
    }

    /// Sends one RTCP compound; false as with [`Self::send_rtp`].
    pub fn send_rtcp(&self, compound: &[u8]) -> bool {
        self.plan
            .is_some_and(|plan| self.rtcp.send_to(compound, plan.remote_rtcp).is_ok())
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
        leg.plan = Some(TrunkPlan {
            remote: pbx,
            remote_rtcp: "192.0.2.2:4001".parse().unwrap(),
            format: AudioFormat {
                codec: AudioCodec::Pcmu,
                payload_type: 0,
                ptime_ms: 20,
                dtmf: None,
            },
            direction: Direction::SendRecv,
        });
        let other_port = "192.0.2.1:9".parse().unwrap();
        let rtcp_host = "192.0.2.2:9".parse().unwrap();
        assert_eq!(leg.admit(pbx, false), Admission::Granted);
        assert_eq!(leg.admit(other_port, false), Admission::Granted);
        assert_eq!(leg.admit(rtcp_host, false), Admission::Foreign);
        assert_eq!(leg.admit(rtcp_host, true), Admission::Granted);
    }
}
