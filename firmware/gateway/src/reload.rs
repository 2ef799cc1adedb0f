//! The document is read again while the box runs, on SIGHUP.
//!
//! All or nothing: with a fault in it, or in a file it names, the box stays as it is and says which line. What needs a restart
//! ([`Config::restart_needed`]) is said and left as it was; everything else counts from the next call on
//! ([`crate::switch::Reload`] has the table). No call and no WebSocket ends because of it.

use crate::daemon::{StartError, read_config};
use crate::discovery::Discovery;
use crate::io::sip_tls::{TlsPeerError, TlsPeers, TlsTrunks};
use crate::media::{MediaPlane, candidates};
use crate::relay::Relay;
use crate::switch::Reload;
use causeway_board_linux::Notifier;
use causeway_directory::{BoxSettings, Config, Directory};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{Notify, mpsc, oneshot, watch};

/// Why the box stays on the document it has.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    #[error(transparent)]
    Document(#[from] StartError),
    #[error("SIP over TLS: {0}")]
    Tls(#[from] TlsPeerError),
    #[error("the box is stopping")]
    Stopping,
}

/// Who is told by which addresses the box is reached.
#[derive(Clone, Debug)]
pub struct Outside {
    /// The port of `https`.
    pub https: u16,
    pub media: Arc<MediaPlane>,
    pub relay: Option<Relay>,
}

impl Outside {
    /// Browsers are told these addresses from now on; `found` is what STUN servers see.
    pub fn show(&self, settings: &BoxSettings, found: Option<IpAddr>) {
        let public = settings.public(found);
        self.media
            .show(&public, &settings.ice_tcp(self.https, found));
        if let Some(relay) = &self.relay {
            let bound = self.media.local_addr();
            relay.show(bound, &candidates(&public, bound));
            relay.name(settings.turn_host.clone());
        }
    }
}

/// What a reload reads and reaches.
#[derive(Debug)]
pub struct Reloader {
    pub path: PathBuf,
    /// What the box runs on.
    pub directory: watch::Receiver<Arc<Directory>>,
    pub switch: mpsc::Sender<Reload>,
    pub peers: Option<TlsPeers>,
    pub outside: Outside,
    pub discovery: Option<Discovery>,
}

impl Reloader {
    /// Reads the document again whenever it is `asked` to, until `stopping` turns true.
    pub async fn watch(
        self,
        asked: Arc<Notify>,
        manager: Option<Notifier>,
        mut stopping: watch::Receiver<bool>,
    ) {
        loop {
            tokio::select! {
                _ = stopping.wait_for(|stop| *stop) => return,
                () = asked.notified() => {}
            }
            note(manager.as_ref().map(Notifier::reloading));
            let status = match self.follow().await {
                Ok(waits) if waits.is_empty() => {
                    tracing::info!(path = %self.path.display(), "the document was read again");
                    "serving".to_owned()
                }
                Ok(waits) => {
                    let waits = waits.join(", ");
                    tracing::warn!(waits, "the document was read again; these need a restart");
                    format!("a restart is needed for {waits}")
                }
                Err(fault) => {
                    tracing::error!(%fault, "the document is not followed: the box stays as it is");
                    "the document on disk has faults: the one before it is in use".to_owned()
                }
            };
            note(manager.as_ref().map(|manager| manager.reloaded(&status)));
        }
    }

    /// The settings that wait for a restart.
    async fn follow(&self) -> Result<Vec<&'static str>, ReloadError> {
        let running = self.directory.borrow().clone();
        let wanted = read_config(&self.path)?;
        let waits = Config::restart_needed(running.config(), &wanted);
        let config = wanted.until_restart(running.config());
        let peers = match &self.peers {
            Some(peers) => Some((peers, TlsTrunks::read(&config)?)),
            None => None,
        };
        // Nothing fails from here on but the box itself.
        let settings = config.settings.clone();
        if let Some((peers, trunks)) = peers {
            peers.follow(&config, trunks);
        }
        let (done, follows) = oneshot::channel();
        let sent = self.switch.send(Reload { config, done }).await;
        sent.map_err(|_| ReloadError::Stopping)?;
        follows.await.map_err(|_| ReloadError::Stopping)?;
        let found = self.discovery.as_ref().and_then(Discovery::last);
        self.outside.show(&settings, found);
        Ok(waits)
    }
}

/// A manager that does not read must not stop the box.
fn note(told: Option<std::io::Result<()>>) {
    if let Some(Err(fault)) = told {
        tracing::warn!(%fault, "the service manager was not told of a reload");
    }
}
