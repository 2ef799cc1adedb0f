//! Whose TCP connections are taken. A stranger's is closed unread, so that it holds no place for the time a trunk's is
//! given; over TLS the carrier knows ([`super::sip_tls::Carrier::may_connect`]).

use causeway_sip::endpoint::{AcceptFrom, Transport};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::watch;

/// What every listener asks.
#[derive(Clone, Debug)]
pub struct Door {
    known: watch::Receiver<AcceptFrom>,
    refused: Arc<AtomicU64>,
}

impl Door {
    /// A door and where its guests are named.
    pub fn new() -> (watch::Sender<AcceptFrom>, Self) {
        let (names, known) = watch::channel(AcceptFrom::Anyone);
        let refused = Arc::default();
        (names, Self { known, refused })
    }

    /// Whether a connection from there is taken.
    pub fn admits(&self, transport: Transport, remote: SocketAddr) -> bool {
        match (&*self.known.borrow(), transport) {
            (AcceptFrom::Only(peers), Transport::Udp | Transport::Tcp) => {
                peers.knows(transport, remote.ip())
            }
            (AcceptFrom::Only(_), Transport::Tls) | (AcceptFrom::Anyone, _) => true,
        }
    }

    /// Counts one that was not.
    pub fn refuse(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// How many were not.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}
