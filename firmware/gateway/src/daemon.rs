//! Starts the planes in order and stops them in the reverse one.
//!
//! Nothing listens before the configuration is good and an admin key is set.

use crate::box_socket::BoxSocket;
use crate::discovery::Discovery;
use crate::health::{self, Pulse};
use crate::ice_tcp::IceTcp;
use crate::io::inbox::inbox;
use crate::io::sip::{SipAddresses, SipSockets};
use crate::io::sip_tls::TlsPeers;
use crate::media::{MediaPlane, MediaSettings};
use crate::notify::ServiceManager;
use crate::relay::Relay;
use crate::reload::{Outside, Reloader};
use crate::store::Store;
use crate::switch::{self, Figures};
use crate::tls;
use crate::turn::Turn;
use causeway_api::box_service::BoxService;
use causeway_api::limits::Limits;
use causeway_api::relay::MediaRelay;
use causeway_api::{Api, ApiSettings, Audience, Door, Probes, TokenKey};
use causeway_board_linux::Notifier;
use causeway_board_sim::SimWatchdog;
use causeway_directory::{BoxSettings, Config, ConfigError, Directory};
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;

/// Requests of all sessions that wait for the switch.
const REQUESTS: usize = 4_096;
/// Connections that wait to be taken.
const BACKLOG: u32 = 1_024;
/// SIP messages that wait for the switch: those of calls that stand, and as many new calls.
const SIP_INPUTS: usize = 4_096;

/// Which board the box runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Board {
    /// No hardware: a developer's machine or a test.
    Sim,
    /// A box: PID 1 is told how it is, and holds the hardware's watchdog.
    Linux,
}

/// What the command line says.
#[derive(Clone, Debug)]
pub struct Options {
    pub config: PathBuf,
    pub state: PathBuf,
    pub board: Board,
    /// The socket of the box's own service; none: this is no box.
    pub box_socket: Option<PathBuf>,
}

/// Why the box does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("cannot read {path}: {fault}")]
    Unreadable { path: PathBuf, fault: io::Error },
    #[error("{path} has faults:\n{faults}")]
    Config { path: PathBuf, faults: String },
    #[error(
        "no admin key is set, so nothing listens: run `causeway secret` and put the hash into [box] admin_key_sha256"
    )]
    NoAdminKey,
    #[error("{what}: {fault}")]
    Start { what: String, fault: String },
}

pub(crate) fn start_error<E: std::fmt::Display>(
    what: impl Into<String>,
) -> impl FnOnce(E) -> StartError {
    let what = what.into();
    move |fault| StartError::Start {
        what,
        fault: fault.to_string(),
    }
}

/// Reads a document to run on; the error quotes each faulty line.
///
/// # Errors
/// [`StartError::Unreadable`], [`StartError::Config`], [`StartError::NoAdminKey`].
pub fn read_config(path: &Path) -> Result<Config, StartError> {
    let text = fs::read_to_string(path).map_err(|fault| StartError::Unreadable {
        path: path.to_owned(),
        fault,
    })?;
    let config = Config::parse(&text).map_err(|faults| StartError::Config {
        path: path.to_owned(),
        faults: quote(&text, &faults),
    })?;
    if config.settings.admin_key_sha256.is_none() {
        return Err(StartError::NoAdminKey);
    }
    Ok(config)
}

fn quote(text: &str, faults: &[ConfigError]) -> String {
    let mut out = String::new();
    for fault in faults {
        let line = text.lines().nth(fault.line.saturating_sub(1)).unwrap_or("");
        // A line may hold a secret: only its key is shown.
        let shown = line.split_once('=').map_or(line, |(key, _)| key).trim();
        let _ = writeln!(out, "  {fault}\n    | {shown}");
    }
    out
}

/// Runs the box until `stopping` turns true. Each notice of `reloads` makes it read its document again.
///
/// # Errors
/// [`StartError`]; once started it only ends in order.
pub async fn run(
    options: Options,
    reloads: Arc<Notify>,
    stopping: watch::Receiver<bool>,
) -> Result<(), StartError> {
    let config = read_config(&options.config)?;
    let directory = Arc::new(Directory::new(config));
    let settings = &directory.config().settings;
    let state = &options.state;
    fs::create_dir_all(state).map_err(start_error(format!("cannot make {}", state.display())))?;
    let tls = tls::server_config(state, settings).map_err(start_error("TLS"))?;
    let token_key = token_key(state).unwrap_or_else(|fault| {
        tracing::error!(%fault, "the key of tokens cannot be kept; tokens end with the box");
        TokenKey::new(crate::random::bytes::<32>())
    });
    let (store, lookups) =
        Store::open_or_temporary(&state.join("causeway.db")).map_err(start_error("the store"))?;

    let box_service = match &options.box_socket {
        Some(path) => {
            let socket = BoxSocket::new(path.clone(), state.join("uploads"));
            let socket = socket.map_err(start_error("the folder of uploads"))?;
            Some(Arc::new(socket) as Arc<dyn BoxService>)
        }
        None => None,
    };

    // Bound before media, which tells browsers its port; served last.
    let doors = doors(settings)?;
    let public = doors.first().map(|door| door.listener.local_addr());
    let public = public.unwrap_or(Ok(settings.https));
    let port = public.map_err(start_error("HTTPS"))?.port();
    let discovery = Discovery::new(settings);
    let found = match &discovery {
        Some(discovery) => discovery.begin().await,
        None => None,
    };
    let (to_switch, media_events) = mpsc::unbounded_channel();
    let media = MediaSettings {
        bind: settings.media,
        public: settings.public(found),
        tcp: settings.ice_tcp(port, found),
        max_legs: settings.max_calls.saturating_mul(2),
        threads: settings.media_threads.map_or_else(cores, usize::from),
    };
    let shown = media.clone();
    let media = MediaPlane::start(media, move |event| {
        // After the switch has gone there is nobody left to tell.
        let _ = to_switch.send(event);
    })
    .map_err(start_error(format!("media on {}", settings.media)))?;
    let media = Arc::new(media);

    let (sip_in, sip_inbox) = inbox(SIP_INPUTS);
    // The switch shows where the names of trunks lead, and what another document says.
    let (directory_out, directory_in) = watch::channel(directory.clone());
    let sip = &directory.config().sip;
    let peers = match sip.tls {
        Some(_) => Some(
            TlsPeers::read(directory_in.clone(), tls.clone())
                .map_err(start_error("SIP over TLS"))?,
        ),
        None => None,
    };
    let mut listens = sip.listens().map(SipAddresses::from);
    let first = listens.next().unwrap_or(SipAddresses {
        udp: sip.udp,
        tcp: sip.tcp(),
        tls: sip.tls,
    });
    let sockets = SipSockets::bind(first, listens.next(), peers.clone(), sip_in)
        .map_err(start_error("SIP"))?;
    let (bound, candidates) = (media.local_addr(), shown.candidates(media.local_addr()));
    let (turn, turn_udp) = if settings.turn {
        let started = Turn::start(settings, bound, &candidates, stopping.clone()).await;
        let (turn, task) = started.map_err(start_error("TURN over UDP"))?;
        (Some(turn), task)
    } else {
        (None, None)
    };
    // Not found yet is an address of IPv4 all the same.
    let outside = discovery
        .as_ref()
        .map(|_| IpAddr::from(Ipv4Addr::UNSPECIFIED));
    let known: Vec<_> = shown.public.iter().copied().chain(outside).collect();
    let over_tcp = settings.ice_tcp.as_ref().is_none_or(|at| !at.is_empty());
    let relay = Relay::new(turn, over_tcp.then(|| IceTcp::new(bound, &known)));
    let outside_view = Outside {
        https: port,
        media: media.clone(),
        relay: relay.clone(),
    };
    if let Some(discovery) = discovery.clone() {
        let (outside, directory) = (outside_view.clone(), directory_in.clone());
        tokio::spawn(discovery.watch(stopping.clone(), move |found| {
            outside.show(&directory.borrow().config().settings, Some(found));
        }));
    }
    announce(&directory, &media, &sockets, &doors);

    let (figures_out, figures) = watch::channel(Figures::default());
    let (requests_in, requests) = mpsc::channel(REQUESTS);
    let (reloads_in, reloads_out) = mpsc::channel(1);
    let reloader = Reloader {
        path: options.config.clone(),
        directory: directory_in.clone(),
        switch: reloads_in,
        peers,
        outside: outside_view,
        discovery: discovery.clone(),
    };
    let switch = tokio::spawn(switch::run(switch::Parts {
        directory: directory.clone(),
        sockets,
        sip_inbox,
        media: media.clone(),
        media_events,
        requests,
        reloads: reloads_out,
        store: store.clone(),
        stopping: stopping.clone(),
        figures: figures_out,
        directory_out,
    }));
    let pulse = Pulse::default();
    let planes = health::Planes {
        figures: figures.clone(),
        media: media.clone(),
        doors: doors.iter().map(|door| door.ticks.clone()).collect(),
        store: store.clone(),
    };
    let (told, stop) = (pulse.clone(), stopping.clone());
    let supervisor = match options.board {
        Board::Sim => {
            let watchdog = SimWatchdog::default();
            tokio::spawn(health::supervise(watchdog, planes, told, stop))
        }
        Board::Linux => {
            let manager = Notifier::from_env().map_err(start_error("NOTIFY_SOCKET"))?;
            let watchdog = ServiceManager::new(manager);
            tokio::spawn(health::supervise(watchdog, planes, told, stop))
        }
    };
    let api = Api::new(ApiSettings {
        directory: directory_in,
        token_key,
        switch: requests_in,
        records: lookups,
        probes: probes(
            figures,
            media,
            pulse,
            store.clone(),
            relay.clone(),
            discovery,
        ),
        relay: relay.map(|relay| Arc::new(relay) as Arc<dyn MediaRelay>),
        box_service,
        stopping: stopping.clone(),
        limits: Limits::default(),
    });
    let notes = match options.board {
        Board::Sim => None,
        Board::Linux => Notifier::from_env().map_err(start_error("NOTIFY_SOCKET"))?,
    };
    let following = tokio::spawn(reloader.watch(reloads, notes, stopping.clone()));
    let mut serving = JoinSet::new();
    for door in doors {
        serving.spawn(causeway_api::serve(door, tls.clone(), api.clone()));
    }
    while serving.join_next().await.is_some() {}
    let _ = following.await;
    let _ = switch.await;
    let _ = supervisor.await;
    if let Some(turn_udp) = turn_udp {
        let _ = turn_udp.await;
    }
    store.close();
    tracing::info!("stopped");
    Ok(())
}

fn probes(
    figures: watch::Receiver<Figures>,
    media: Arc<MediaPlane>,
    pulse: Pulse,
    store: Store,
    relay: Option<Relay>,
    discovery: Option<Discovery>,
) -> Probes {
    let shown = figures.clone();
    Probes {
        health: Box::new(move || pulse.health(&figures.borrow())),
        metrics: Box::new(move |out| {
            shown.borrow().write_metrics(out);
            store.write_metrics(out);
            if let Some(relay) = &relay {
                relay.write_metrics(out);
            }
            if let Some(discovery) = &discovery {
                discovery.write_metrics(out);
            }
            for (name, value) in media.counters().iter() {
                let kind = if matches!(name, "legs" | "busy_permille") {
                    "gauge"
                } else {
                    "counter"
                };
                let _ = write!(
                    out,
                    "# TYPE causeway_media_{name} {kind}\ncauseway_media_{name} {value}\n"
                );
            }
        }),
    }
}

/// Cores that this program may use.
fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Where HTTPS is answered: callers' first.
fn doors(settings: &BoxSettings) -> Result<Vec<Door>, StartError> {
    let bind =
        |at: SocketAddr, shared| listen(at, shared).map_err(start_error(format!("HTTPS on {at}")));
    Ok(match settings.management {
        None => vec![Door::new(bind(settings.https, false)?, Audience::Everybody)],
        Some(management) => {
            let shared = management.port() == settings.https.port();
            vec![
                Door::new(bind(settings.https, shared)?, Audience::Callers),
                Door::new(bind(management, shared)?, Audience::Administrators),
            ]
        }
    })
}

/// Listens for TCP. With a `shared` port every address may be listened on beside one of them, whose clients the kernel gives
/// to the one that names it.
pub(crate) fn listen(at: SocketAddr, shared: bool) -> io::Result<TcpListener> {
    let socket = match at {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    socket.set_reuseaddr(true)?;
    socket.set_reuseport(shared)?;
    socket.bind(at)?;
    socket.listen(BACKLOG)
}

fn announce(directory: &Directory, media: &MediaPlane, sip: &SipSockets, doors: &[Door]) {
    let mut doors = doors.iter().map(|door| door.listener.local_addr().ok());
    tracing::info!(
        name = directory.config().settings.name,
        version = env!("CARGO_PKG_VERSION"),
        https = ?doors.next().flatten(),
        management = ?doors.next().flatten(),
        media = %media.local_addr(),
        turn_udp = ?directory.config().settings.turn_udp,
        sip_udp = %sip.udp_addr(),
        sip_tcp = %sip.tcp_addr(),
        sip_tls = ?sip.tls_addr(),
        sip_udp6 = ?sip.further().map(|further| further.udp),
        "listening"
    );
}

/// The key that signs tokens: drawn once and kept, so that tokens outlive a restart.
fn token_key(state: &Path) -> io::Result<TokenKey> {
    use std::os::unix::fs::OpenOptionsExt;
    let path = state.join("token.key");
    if let Ok(bytes) = fs::read(&path)
        && let Ok(key) = <[u8; 32]>::try_from(bytes.as_slice())
    {
        return Ok(TokenKey::new(key));
    }
    let key = crate::random::bytes::<32>();
    let fresh = state.join("token.key.new");
    let _ = fs::remove_file(&fresh);
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&fresh)?;
    file.write_all(&key)?;
    file.sync_all()?;
    fs::rename(&fresh, &path)?;
    fs::File::open(state)?.sync_all()?;
    Ok(TokenKey::new(key))
}
