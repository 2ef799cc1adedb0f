//! `causewayd`: the box.

use causeway_gateway::daemon::{self, Board, Options};
use causeway_gateway::set_up::{self, SetUpOptions};
use clap::Parser;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, watch};
use tracing_subscriber::EnvFilter;

/// Gives the memory of a busy hour back to the kernel, and that of the database's too: the C library's keeps it
/// scattered over the arenas of its threads.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// What is free goes back within two seconds, by a thread of its own: no call waits for it.
#[expect(
    unsafe_code,
    reason = "the name by which the allocator finds its options"
)]
#[unsafe(export_name = "malloc_conf")]
pub static ALLOCATOR_OPTIONS: &[u8; 60] =
    b"background_thread:true,dirty_decay_ms:2000,muzzy_decay_ms:0\0";

/// The Causeway box: joins the web to a company's telephones.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:\n  causewayd --config /etc/causeway/causeway.toml --state /var/lib/causeway\n  causewayd --config demo.toml --state /tmp/demo --board sim --log debug\n  causewayd --set-up --box-socket /run/causeway/box.sock --https 0.0.0.0:443"
)]
struct Arguments {
    /// The configuration document.
    #[arg(long, default_value = "/etc/causeway/causeway.toml")]
    config: PathBuf,
    /// Keys, certificate, call records.
    #[arg(long, default_value = "/var/lib/causeway")]
    state: PathBuf,
    #[arg(long, value_enum, default_value = "sim")]
    board: Board,
    /// The socket of the box's own service: the API configures the box by it, and updates it. Absent: this is no box.
    #[arg(long)]
    box_socket: Option<PathBuf>,
    /// Serves nothing but the page of the first set-up, at `--https`.
    #[arg(long, requires = "box_socket", requires = "https")]
    set_up: bool,
    /// Where that page is; else the configuration says where HTTPS is.
    #[arg(long, requires = "set_up")]
    https: Option<SocketAddr>,
    /// What to log: a level, or a filter such as `info,causeway_gateway::switch=debug`.
    #[arg(long, default_value = "info")]
    log: String,
    /// One JSON object a line instead of text.
    #[arg(long)]
    log_json: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // The WebRTC stack speaks of every connection; a plain level is meant for the box itself.
    let quiet = "rtc=error,rtc_ice=error,rtc_dtls=error,rtc_srtp=error,rtc_interceptor=error,rtc_stun=error,rtc_sctp=error";
    let filter = match arguments.log.contains(['=', ',']) {
        true => arguments.log.clone(),
        false => format!("{},{quiet}", arguments.log),
    };
    let filter = EnvFilter::try_new(filter);
    let filter = match filter {
        Ok(filter) => without_messages(filter),
        Err(fault) => {
            eprintln!("causewayd: --log {}: {fault}", arguments.log);
            return ExitCode::from(2);
        }
    };
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    if arguments.log_json {
        logs.json().init();
    } else {
        logs.with_ansi(false).init();
    }
    let page = match (arguments.set_up, arguments.https, &arguments.box_socket) {
        (true, Some(https), Some(box_socket)) => Some(SetUpOptions {
            https,
            state: arguments.state.clone(),
            box_socket: box_socket.clone(),
        }),
        _ => None,
    };
    let options = Options {
        config: arguments.config,
        state: arguments.state,
        board: arguments.board,
        box_socket: arguments.box_socket,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(serve(options, page)),
        Err(fault) => Err(daemon::StartError::Start {
            what: "threads".to_owned(),
            fault: fault.to_string(),
        }),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("causewayd: {fault}");
            ExitCode::from(2)
        }
    }
}

/// At `trace` the WebSocket crate writes whole messages, and the first of each session holds a token.
fn without_messages(filter: EnvFilter) -> EnvFilter {
    ["tungstenite=debug", "tungstenite::protocol=debug"]
        .into_iter()
        .filter_map(|directive| directive.parse().ok())
        .fold(filter, EnvFilter::add_directive)
}

async fn serve(options: Options, page: Option<SetUpOptions>) -> Result<(), daemon::StartError> {
    let (stop, stopping) = watch::channel(false);
    let signals = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    );
    if let (Ok(mut terminate), Ok(mut interrupt)) = signals {
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            tracing::info!("stopping");
            let _ = stop.send(true);
        });
    }
    if let Some(page) = page {
        return set_up::run(page, stopping).await;
    }
    let reloads = Arc::new(Notify::new());
    if let Ok(mut hangup) = signal(SignalKind::hangup()) {
        let reloads = reloads.clone();
        tokio::spawn(async move {
            while hangup.recv().await.is_some() {
                reloads.notify_one();
            }
        });
    }
    daemon::run(options, reloads, stopping).await
}
