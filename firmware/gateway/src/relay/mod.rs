//! Media over TCP, on the port of HTTPS: what a stream speaks that `api` has found not to be TLS or HTTP.
//!
//! | octets 4 to 7 | octets 6 to 9 | in clear | inside TLS |
//! |---|---|---|---|
//! | STUN's cookie | | TURN | TURN |
//! | | STUN's cookie | ICE-TCP: a check behind its length | – |
//!
//! Browsers speak ICE-TCP in clear alone. What neither says is TURN's to refuse, where there is TURN.

pub mod queue;

use crate::ice_tcp::IceTcp;
use crate::turn::Turn;
use bytes::BytesMut;
use causeway_api::relay::{Carrying, MediaRelay, Stream};
use causeway_directory::WebHost;
use serde_json::{Value, json};
use std::io::Cursor;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::timeout;

/// Octets that tell what a stream speaks; the shortest message of either has more.
const TELLING: usize = 10;
/// How long they may take.
const PATIENCE: Duration = Duration::from_secs(10);
const STUN_COOKIE: [u8; 4] = [0x21, 0x12, 0xA4, 0x42];

/// Both ways for media over TCP; either may be off.
#[derive(Clone, Debug)]
pub struct Relay {
    pub turn: Option<Turn>,
    pub ice_tcp: Option<IceTcp>,
}

impl Relay {
    /// None when both are off: then every connection is HTTPS.
    pub fn new(turn: Option<Turn>, ice_tcp: Option<IceTcp>) -> Option<Self> {
        (turn.is_some() || ice_tcp.is_some()).then_some(Self { turn, ice_tcp })
    }

    /// The media port, bound to `media`, is known by these addresses from now on.
    pub fn show(&self, media: SocketAddr, candidates: &[SocketAddr]) {
        if let Some(turn) = &self.turn {
            turn.show(media, candidates);
        }
    }

    /// What pages are told to reach the relay at, where it is not what they reached the box at.
    pub fn name(&self, host: Option<WebHost>) {
        if let Some(turn) = &self.turn {
            turn.name(host);
        }
    }

    /// Appends Prometheus text.
    pub fn write_metrics(&self, out: &mut String) {
        if let Some(turn) = &self.turn {
            turn.write_metrics(out);
        }
        if let Some(ice_tcp) = &self.ice_tcp {
            ice_tcp.write_metrics(out);
        }
    }
}

impl MediaRelay for Relay {
    fn servers(&self, host: Option<&str>) -> Value {
        match &self.turn {
            Some(turn) => turn.servers(host),
            None => json!([]),
        }
    }

    fn carry(&self, mut stream: Box<dyn Stream>, peer: SocketAddr, tls: bool) -> Carrying {
        let Self { turn, ice_tcp } = self.clone();
        Box::pin(async move {
            let Some(begun) = beginning(&mut stream).await else {
                return;
            };
            match (speaks(&begun), turn, ice_tcp) {
                (Speech::IceTcp, _, Some(ice_tcp)) if !tls => {
                    ice_tcp.carry(stream, begun, peer).await;
                }
                (_, Some(turn), _) => turn.carry(stream, begun, peer, tls).await,
                (_, None, _) => {}
            }
        })
    }
}

/// The first octets of a stream; none when it ends before or says nothing for too long.
async fn beginning(stream: &mut Box<dyn Stream>) -> Option<BytesMut> {
    let mut begun = BytesMut::with_capacity(2048);
    let come = async {
        while begun.len() < TELLING {
            if !matches!(stream.read_buf(&mut begun).await, Ok(1..)) {
                return false;
            }
        }
        true
    };
    matches!(timeout(PATIENCE, come).await, Ok(true)).then_some(begun)
}

/// A stream with its beginning put back.
pub fn with_beginning<R: AsyncRead + Unpin>(begun: BytesMut, rest: R) -> impl AsyncRead + Unpin {
    Cursor::new(begun).chain(rest)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Speech {
    Turn,
    IceTcp,
    Neither,
}

fn speaks(begun: &[u8]) -> Speech {
    let cookie_at = |at: usize| begun.get(at..at + 4) == Some(&STUN_COOKIE[..]);
    if cookie_at(4) {
        Speech::Turn
    } else if cookie_at(6) {
        Speech::IceTcp
    } else {
        Speech::Neither
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_the_cookie_tells() {
        let allocate = [0, 3, 0, 8, 0x21, 0x12, 0xA4, 0x42, 1, 2];
        let check = [0, 88, 0, 1, 0, 68, 0x21, 0x12, 0xA4, 0x42];
        assert_eq!(speaks(&allocate), Speech::Turn);
        assert_eq!(speaks(&check), Speech::IceTcp);
        assert_eq!(speaks(&check[..9]), Speech::Neither);
        assert_eq!(speaks(b"GET / HTTP/1.1"), Speech::Neither);
    }
}
