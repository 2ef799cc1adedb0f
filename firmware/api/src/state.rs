//! What every handler shares.

use crate::box_service::BoxService;
use crate::limits::{Buckets, Limits};
use crate::lookup::LookupSender;
use crate::metrics::Metrics;
use crate::relay::MediaRelay;
use crate::request::{Request, SessionId};
use crate::token::TokenKey;
use causeway_directory::Directory;
use serde_json::Value;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::{mpsc, watch};

/// What the gateway hands in.
#[derive(Debug)]
pub struct ApiSettings {
    /// The configuration; a new snapshot is used from the next request on.
    pub directory: watch::Receiver<Arc<Directory>>,
    /// Signs tokens.
    pub token_key: TokenKey,
    /// Every request of every session, bounded by the gateway.
    pub switch: mpsc::Sender<Request>,
    pub records: LookupSender,
    pub probes: Probes,
    /// Carries media over TCP and TLS on the HTTPS port, where the box does.
    pub relay: Option<Arc<dyn MediaRelay>>,
    /// The box's own service, on a box.
    pub box_service: Option<Arc<dyn BoxService>>,
    /// Turns true when the box stops: sessions close with 1001.
    pub stopping: watch::Receiver<bool>,
    pub limits: Limits,
}

/// What the API cannot know by itself.
pub struct Probes {
    /// Whether the box does its work; asked by `/healthz`, so it must be quick and never wait.
    pub health: Box<dyn Fn() -> Health + Send + Sync>,
    /// Appends the gateway's own metrics in Prometheus text format.
    pub metrics: Box<dyn Fn(&mut String) + Send + Sync>,
}

impl Default for Probes {
    /// Always healthy, nothing to add.
    fn default() -> Self {
        Self {
            health: Box::new(|| Health {
                healthy: true,
                detail: Value::Null,
            }),
            metrics: Box::new(|_| ()),
        }
    }
}

impl fmt::Debug for Probes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Probes")
    }
}

/// The answer of `/healthz`.
#[derive(Clone, Debug, PartialEq)]
pub struct Health {
    pub healthy: bool,
    /// Shown under `detail`; nothing secret, everybody can read it.
    pub detail: Value,
}

/// Handle to everything shared; cheap to clone.
#[derive(Clone, Debug)]
pub struct Api(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    settings: ApiSettings,
    metrics: Arc<Metrics>,
    buckets: Buckets,
    sessions: AtomicU64,
}

impl Api {
    pub fn new(settings: ApiSettings) -> Self {
        let buckets = Buckets::new(&settings.limits);
        Self(Arc::new(Shared {
            settings,
            metrics: Arc::default(),
            buckets,
            sessions: AtomicU64::new(0),
        }))
    }

    /// The snapshot of the configuration as it is now.
    pub fn directory(&self) -> Arc<Directory> {
        self.0.settings.directory.borrow().clone()
    }

    pub fn limits(&self) -> &Limits {
        &self.0.settings.limits
    }

    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    pub(crate) fn metrics_shared(&self) -> Arc<Metrics> {
        self.0.metrics.clone()
    }

    pub(crate) fn buckets(&self) -> &Buckets {
        &self.0.buckets
    }

    pub(crate) fn token_key(&self) -> &TokenKey {
        &self.0.settings.token_key
    }

    pub(crate) fn switch(&self) -> &mpsc::Sender<Request> {
        &self.0.settings.switch
    }

    pub(crate) fn records(&self) -> &LookupSender {
        &self.0.settings.records
    }

    pub(crate) fn probes(&self) -> &Probes {
        &self.0.settings.probes
    }

    pub(crate) fn relay(&self) -> Option<&Arc<dyn MediaRelay>> {
        self.0.settings.relay.as_ref()
    }

    pub(crate) fn box_service(&self) -> Option<&Arc<dyn BoxService>> {
        self.0.settings.box_service.as_ref()
    }

    /// `ice` of `welcome` and `token.refresh`, for a page that reached the box at `host`.
    pub(crate) fn ice(&self, host: Option<&str>) -> Value {
        let servers = self.relay().map(|relay| relay.servers(host));
        serde_json::json!({"servers": servers.unwrap_or_else(|| Value::Array(Vec::new()))})
    }

    pub(crate) fn stopping(&self) -> watch::Receiver<bool> {
        self.0.settings.stopping.clone()
    }

    pub(crate) fn next_session(&self) -> SessionId {
        SessionId(self.0.sessions.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

/// Seconds since 1970 by the system's clock.
pub(crate) fn unix_now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_secs())
}
