//! The program of a box that nobody has set up yet: the page of the first set-up over HTTPS, and nothing else.

use crate::box_socket::BoxSocket;
use crate::daemon::{StartError, listen, start_error};
use crate::tls;
use causeway_api::limits::Limits;
use causeway_api::{Audience, Door};
use causeway_board_linux::Notifier;
use causeway_directory::Config;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::watch;

/// Clients of the page at once: one person is expected.
const CONNECTIONS: usize = 64;
const CONNECTIONS_OF_ONE: usize = 16;

/// What the command line says.
#[derive(Clone, Debug)]
pub struct SetUpOptions {
    /// Where the page is served.
    pub https: SocketAddr,
    /// Where the certificate is, or will be.
    pub state: PathBuf,
    /// The socket of the box's own service.
    pub box_socket: PathBuf,
}

/// Serves the page until `stopping` turns true; the service says when.
///
/// # Errors
/// [`StartError`].
pub async fn run(options: SetUpOptions, stopping: watch::Receiver<bool>) -> Result<(), StartError> {
    let SetUpOptions {
        https,
        state,
        box_socket,
    } = options;
    std::fs::create_dir_all(&state)
        .map_err(start_error(format!("cannot make {}", state.display())))?;
    // The certificate is kept: browsers see the same one when the box is in use.
    let document = format!(
        "[box]\nhttps = \"{https}\"\nmedia = \"127.0.0.1:8444\"\n[sip]\nudp = \"127.0.0.1:5060\"\n\
         [rtp]\naddress = \"127.0.0.1\"\nports = \"20000-20999\"\n"
    );
    let config = Config::parse(&document).map_err(|faults| StartError::Start {
        what: "--https".to_owned(),
        fault: faults.first().map(ToString::to_string).unwrap_or_default(),
    })?;
    let tls = tls::server_config(&state, &config.settings).map_err(start_error("TLS"))?;
    let service = BoxSocket::new(box_socket, state.join("uploads"))
        .map_err(start_error("the folder of uploads"))?;
    let listener = listen(https, false).map_err(start_error(format!("HTTPS on {https}")))?;
    tracing::info!(https = ?listener.local_addr().ok(), "the page of the first set-up");
    if let Some(manager) = Notifier::from_env().map_err(start_error("NOTIFY_SOCKET"))? {
        manager.ready().map_err(start_error("NOTIFY_SOCKET"))?;
    }
    let limits = Limits {
        connections: CONNECTIONS,
        connections_per_peer: CONNECTIONS_OF_ONE,
        ..Limits::default()
    };
    let door = Door::new(listener, Audience::Administrators);
    causeway_api::serve_set_up(door, tls, Arc::new(service), limits, stopping).await;
    Ok(())
}
