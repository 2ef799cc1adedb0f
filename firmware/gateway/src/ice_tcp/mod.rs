//! ICE over TCP (RFC 6544): browsers whose network passes no UDP reach the media port by a connection to the port of HTTPS.
//!
//! The box's answer names that port as a passive candidate, so browsers open the connection and send what they would send
//! as datagrams, each behind its length. Like a TURN allocation, a connection has a UDP socket of its own that is connected to
//! the media port on this machine; the media plane knows that socket as the browser's address and is as strict with it as with
//! any other. So TCP costs the media threads nothing, whatever its browser does, and a browser that changes between UDP and TCP
//! in mid-call is one that nominates another pair.
//!
//! | file | what |
//! |---|---|
//! | `passage` | what may pass, and when a connection is of no more use; pure |
//! | `stream` | one connection carried out |
//! | `places` | how many there may be |
//! | `counters` | metrics |

mod counters;
mod passage;
mod places;
mod stream;
#[cfg(test)]
mod tests;

use bytes::BytesMut;
use causeway_api::relay::Stream;
use counters::Counters;
use places::Places;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

/// ICE over TCP as the rest of the program holds it.
#[derive(Clone, Debug)]
pub struct IceTcp(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// The media port on this machine, in each family that browsers are answered in.
    media: Vec<SocketAddr>,
    places: Places,
    counters: Counters,
}

impl IceTcp {
    /// For a media port bound to `media`, which browsers know by addresses of the families of these.
    pub fn new(media: SocketAddr, known: &[IpAddr]) -> Self {
        let loopback: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        let here = match media.ip() {
            any if any.is_unspecified() => loopback.to_vec(),
            one => vec![one],
        };
        let known = |ip: &IpAddr| known.iter().any(|known| known.is_ipv4() == ip.is_ipv4());
        let at = |ip: IpAddr| SocketAddr::new(ip, media.port());
        Self(Arc::new(Shared {
            media: here.into_iter().filter(known).map(at).collect(),
            places: Places::default(),
            counters: Counters::default(),
        }))
    }

    /// Serves a connection to its end; `begun` was read from it already.
    pub async fn carry(self, stream: Box<dyn Stream>, begun: BytesMut, peer: SocketAddr) {
        stream::carry(&self.0, stream, begun, peer).await;
    }

    /// Appends Prometheus text.
    pub fn write_metrics(&self, out: &mut String) {
        self.0.counters.write_metrics(out);
    }
}

impl Shared {
    /// The media port for a browser at `peer`: in its own family where there is one.
    fn media_for(&self, peer: SocketAddr) -> Option<SocketAddr> {
        let four = peer.ip().to_canonical().is_ipv4();
        let same = self.media.iter().find(|media| media.is_ipv4() == four);
        same.or(self.media.first()).copied()
    }
}
