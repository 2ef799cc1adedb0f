//! The load generator: WebRTC callers that speak the box's web protocol.

mod call;
mod peer;
mod report;
mod signalling;
mod sound;
mod token;
mod web_caller;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

pub use crate::secure::{Server, Trust};
pub use call::Outcome;
pub(crate) use peer::codec_description;
pub use report::Summary;
pub use signalling::Failure;
pub(crate) use signalling::{Session, failure, refusal};
pub use sound::Codec;
pub use web_caller::WebCaller;

use report::Progress;
use sound::ToneFrames;
pub(crate) use token::Tokens;

/// What to do.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// The box: `https://host:port`.
    pub url: String,
    /// The app's key.
    pub app: String,
    /// The app's secret.
    pub secret: Secret,
    /// The number to call.
    pub to: String,
    /// How many calls in all.
    pub calls: u32,
    /// How many of them stand at the same time.
    pub at_once: u32,
    /// How long each lasts after its answer.
    pub talk: Duration,
    /// At least this long between two beginnings.
    pub ramp: Duration,
    /// The Origin header; the box's own when there is none.
    pub origin: Option<String>,
    /// Whose certificate is believed.
    pub trust: Trust,
    /// The caller's tone, Hz.
    pub tone: f64,
    /// The tone that must be heard, Hz.
    pub expect_hz: f64,
    /// What the caller offers.
    pub codec: Codec,
    /// How long a call may take to be answered.
    pub patience: Duration,
}

/// A secret; it never shows.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Wraps it; white space around it is dropped.
    pub fn new(secret: &str) -> Self {
        Self(secret.trim().to_owned())
    }

    /// From a file.
    ///
    /// # Errors
    /// A sentence with the file's name.
    pub fn read(file: &PathBuf) -> Result<Self, String> {
        std::fs::read_to_string(file)
            .map(|s| Self::new(&s))
            .map_err(|error| format!("{}: {error}", file.display()))
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

/// What every caller shares.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) options: LoadOptions,
    pub(crate) server: Server,
    pub(crate) tokens: Tokens,
    pub(crate) frames: Arc<ToneFrames>,
    /// Turns true when the operator has had enough.
    pub(crate) stopping: watch::Receiver<bool>,
}

/// Places all the calls. At SIGINT or SIGTERM no more are placed and those that stand are hung up.
///
/// # Errors
/// A sentence when the set-up itself is wrong: URL, certificates, codec.
pub async fn run(options: LoadOptions) -> Result<Summary, String> {
    let server = Server::new(&options.url, &options.trust).await?;
    let frames = Arc::new(ToneFrames::new(options.codec, options.tone)?);
    let tokens = Tokens::of(&options.app, &options.secret);
    let (stop, stopping) = watch::channel(false);
    let watching = tokio::spawn(async move {
        crate::acd::stopped().await;
        let _ = stop.send(true);
        // The sender must live for as long as somebody listens.
        stop.closed().await;
    });
    let mut progress = Progress::new(options.calls, std::io::stderr().is_terminal());
    let shared = Arc::new(Shared {
        options,
        server,
        tokens,
        frames,
        stopping,
    });
    let places = Arc::new(Semaphore::new(shared.options.at_once.max(1) as usize));
    let began = Instant::now();
    let mut running = JoinSet::new();
    let mut outcomes = Vec::new();
    let mut placed = 0;
    let mut next_start = tokio::time::Instant::now();
    for _ in 0..shared.options.calls {
        let Ok(place) = places.clone().acquire_owned().await else {
            break;
        };
        tokio::time::sleep_until(next_start).await;
        if *shared.stopping.borrow() {
            break;
        }
        placed += 1;
        next_start = tokio::time::Instant::now() + shared.options.ramp;
        let shared = shared.clone();
        running.spawn(async move {
            let outcome = call::place(&shared).await;
            drop(place);
            outcome
        });
        while let Some(done) = running.try_join_next() {
            outcomes.extend(done.ok());
            progress.show(&outcomes);
        }
    }
    while let Some(done) = running.join_next().await {
        outcomes.extend(done.ok());
        progress.show(&outcomes);
    }
    progress.finish();
    watching.abort();
    Ok(Summary::new(placed, &outcomes, began.elapsed()))
}
