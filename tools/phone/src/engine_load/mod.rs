//! Load on a media engine: many calls of real speech through it, and what each costs and how late it comes out.
//!
//! Both ends of every call are here, so the same load goes through any engine that joins a browser to a trunk.

mod asterisk;
mod bare;
mod ends;
mod latency;
mod pbx;
mod picture_sdp;
mod pictures;
mod process;
mod rtpengine;
mod set_up;
mod soak;
mod speech;
mod web_end;

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::{mpsc, oneshot};

use crate::load::{Codec, Failure, Server, Tokens, Trust, failure};
use crate::media::g711::Law;
use ends::{Ends, Order, Standing};
use latency::Latencies;
use pictures::Films;
pub use set_up::Engine;
use set_up::Way;
pub use soak::{SoakOptions, SoakRow, soak};
use speech::Speech;

/// What to do.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    pub engine: Engine,
    /// Whose processor time and memory are counted.
    pub pid: u32,
    /// Where the PBX listens for SIP.
    pub sip: SocketAddr,
    pub mode: Mode,
    /// Calls at once, row after row, growing.
    pub steps: Vec<usize>,
    /// How long each row is measured.
    pub measure: Duration,
    /// A folder of recorded voices.
    pub speech: PathBuf,
    /// A folder of films, for pictures.
    pub films: Option<PathBuf>,
}

/// What the engine does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Mode {
    /// Opus on the browser's side, PCMU on the trunk's
    Transcode,
    /// PCMU on both sides
    Relay,
    /// Pictures in H.264 on both sides, and no sound
    Video,
    /// Pictures in VP8 on the browser's side, in H.264 on the trunk's, and no sound
    VideoTranscode,
}

impl Mode {
    /// How rows name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Transcode => "transcode",
            Self::Relay => "relay",
            Self::Video => "video pass-through",
            Self::VideoTranscode => "video transcode",
        }
    }

    fn has_pictures(self) -> bool {
        matches!(self, Self::Video | Self::VideoTranscode)
    }

    /// More than this is late.
    fn late(self) -> Duration {
        match self.has_pictures() {
            true => LATE_PICTURE,
            false => LATE,
        }
    }
}

/// Latency of one direction, milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Late {
    pub p50: Option<f64>,
    pub p99: Option<f64>,
}

/// What the codec alone costs with the voices of `folder`: milliseconds of processor time a call and second.
///
/// # Errors
/// A sentence when there are no voices.
pub fn bare_codec(folder: &Path) -> Result<f64, String> {
    bare::milliseconds(&Speech::read(folder)?)
}

/// What one number of calls came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    pub engine: &'static str,
    pub mode: &'static str,
    pub n: usize,
    pub cpu_ms_per_call_s: f64,
    pub kib_per_call: f64,
    pub web_to_trunk_ms: Late,
    pub trunk_to_web_ms: Late,
    /// The worse direction.
    pub delivered_pct: f64,
    /// Packets of a hundred that took longer than 60 ms, frames of pictures 150 ms, of the worse direction.
    pub late_pct: f64,
    /// Frames an engine dropped or made up, as far as marks show.
    pub slips: u32,
}

/// More than this is late.
const LATE: Duration = Duration::from_millis(60);
const LATE_PICTURE: Duration = Duration::from_millis(150);
/// Nothing is measured before an engine has settled.
const SETTLE: Duration = Duration::from_secs(8);
/// Under way between both ends when a row begins or ends.
const UNDER_WAY: Duration = Duration::from_millis(100);
/// Beyond this an engine is overloaded, and no more calls are added.
const MAX_LOST: f64 = 1.0;
const MAX_LATE: f64 = 2.0;

/// Runs all rows; `told` is called with each as it is done.
///
/// # Errors
/// A sentence when a call could not be set up or the engine's process is gone.
pub async fn run(options: EngineOptions, mut told: impl FnMut(&Row)) -> Result<(), String> {
    let codec = match options.mode {
        Mode::Transcode => Codec::Opus,
        Mode::Relay | Mode::Video | Mode::VideoTranscode => Codec::G711(Law::Pcmu),
    };
    let films = match (&options.films, options.mode.has_pictures()) {
        (_, false) => None,
        (Some(folder), true) => Some(Arc::new(Films::read(
            folder,
            options.mode == Mode::VideoTranscode,
        )?)),
        (None, true) => return Err("pictures need a folder of films".to_owned()),
    };
    let (orders, thread) = both_ends(&options.speech, codec, films)?;
    let outcome = rows(&options, &orders, &mut told).await;
    let _ = orders.send(Order::Stop);
    let _ = thread.join();
    outcome
}

/// Starts the thread with both ends of every call.
fn both_ends(
    speech: &Path,
    codec: Codec,
    films: Option<Arc<Films>>,
) -> Result<(Sender<Order>, JoinHandle<()>), String> {
    let speech = Arc::new(Speech::read(speech)?);
    let ends = Ends::new(speech, codec, films)?;
    let (orders, received) = channel();
    // What holds a connection may not change threads, so all of it is made on the one.
    let thread = std::thread::Builder::new()
        .name("ends".to_owned())
        .spawn(move || ends.run(&received))
        .map_err(|e| e.to_string())?;
    Ok((orders, thread))
}

async fn rows(
    options: &EngineOptions,
    orders: &Sender<Order>,
    told: &mut impl FnMut(&Row),
) -> Result<(), String> {
    // The sound of calls with pictures: nobody listens.
    let said = |e: std::io::Error| e.to_string();
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").map_err(said)?;
    let silent_port = silent.local_addr().map_err(said)?.port();
    let picture = options.mode.has_pictures().then_some(silent_port);
    let (pbx, ports, calls) = pbx::start(options.sip, picture).await?;
    let transcode = options.mode == Mode::Transcode;
    let mut way = way(&options.engine, transcode, picture, calls).await?;
    let mut placed = 0;
    let mut outcome = Ok(());
    // What the first call brings in (code, tables, caches) is there once, however many follow.
    let first = place(0, orders, &ports, &mut way).await;
    first.map_err(|(code, message)| format!("first call: {code}: {message}"))?;
    placed += 1;
    heard(orders, placed).await?;
    tokio::time::sleep(SETTLE).await;
    let (_, one_kib) = process::used(options.pid)?;
    for step in &options.steps {
        let placing = async {
            while placed < *step {
                place(placed, orders, &ports, &mut way).await?;
                placed += 1;
            }
            Ok(())
        };
        let placing: Result<(), Failure> = placing.await;
        if let Err((code, message)) = placing {
            outcome = Err(format!("call {placed}: {code}: {message}"));
            break;
        }
        match row(options, orders, placed, one_kib).await {
            Ok(row) => {
                told(&row);
                if row.delivered_pct < 100.0 - MAX_LOST || row.late_pct > MAX_LATE {
                    break;
                }
            }
            Err(why) => {
                outcome = Err(why);
                break;
            }
        }
    }
    way.close().await;
    pbx.abort();
    outcome
}

async fn way(
    engine: &Engine,
    transcode: bool,
    picture: pbx::Picture,
    answered: mpsc::UnboundedReceiver<(usize, SocketAddr)>,
) -> Result<Way, String> {
    Ok(match engine {
        Engine::Causeway { url, app, secret } => Way::Causeway {
            server: Server::new(url, &Trust::Anybody).await?,
            tokens: Box::new(Tokens::of(app, secret)),
            answered,
            standing: HashMap::new(),
            picture,
        },
        Engine::Asterisk(address) => Way::Asterisk {
            caller: asterisk::Caller::of(*address).await?,
            answered,
        },
        Engine::Rtpengine(address) => Way::Rtpengine {
            control: rtpengine::Control::to(*address).await?,
            calls: BTreeSet::new(),
            transcode,
            picture,
        },
    })
}

async fn place(
    call: usize,
    orders: &Sender<Order>,
    ports: &pbx::Ports,
    way: &mut Way,
) -> Result<(), Failure> {
    let said = |why: String| failure("webrtc", why);
    let gone = || failure("webrtc", "the thread of both ends has gone");
    let (reply, made) = oneshot::channel();
    orders.send(Order::Add(call, reply)).map_err(|_| gone())?;
    let (offer, port) = made.await.map_err(|_| gone())?.map_err(said)?;
    ports
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .insert(call, port);
    let (sdp, to) = way.place(call, &offer, port).await?;
    let (done, taken) = oneshot::channel();
    orders
        .send(Order::Answer { call, sdp, done })
        .map_err(|_| gone())?;
    taken.await.map_err(|_| gone())?.map_err(said)?;
    orders.send(Order::Trunk { call, to }).map_err(|_| gone())
}

async fn look(orders: &Sender<Order>) -> Result<Standing, String> {
    let (reply, standing) = oneshot::channel();
    let gone = "the thread of both ends has gone";
    orders.send(Order::Look(reply)).map_err(|_| gone)?;
    standing.await.map_err(|_| gone.to_owned())
}

/// Waits until all calls are heard on both sides.
async fn heard(orders: &Sender<Order>, n: usize) -> Result<(), String> {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    loop {
        let standing = look(orders).await?;
        if standing.failed > 0 {
            return Err(format!("{} connections failed", standing.failed));
        }
        if standing.heard == n {
            break;
        }
        if tokio::time::Instant::now() > deadline {
            return Err(format!(
                "of {n} calls {} are connected and {} are heard on both sides",
                standing.connected, standing.heard
            ));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

async fn row(
    options: &EngineOptions,
    orders: &Sender<Order>,
    n: usize,
    one_kib: f64,
) -> Result<Row, String> {
    heard(orders, n).await?;
    tokio::time::sleep(SETTLE).await;
    let watch = |on| orders.send(Order::Watch(on));
    let _ = watch(true);
    // What was sent in a span, against what came in the same span a little later.
    let sent_before = look(orders).await?;
    let (cpu_before, _) = process::used(options.pid)?;
    let began = std::time::Instant::now();
    tokio::time::sleep(UNDER_WAY).await;
    let got_before = look(orders).await?;
    tokio::time::sleep(options.measure.saturating_sub(UNDER_WAY)).await;
    let sent_after = look(orders).await?;
    let (cpu_after, kib) = process::used(options.pid)?;
    let seconds = began.elapsed().as_secs_f64();
    tokio::time::sleep(UNDER_WAY).await;
    let got_after = look(orders).await?;
    let _ = watch(false);

    // Both spans are as long but for when the thread got round to looking, which at 80 calls is four packets a
    // millisecond: what counts is how many came a second of how many were sent a second.
    let a_second = |packets: u64, from: &Standing, to: &Standing| match (from.at, to.at) {
        (Some(from), Some(to)) => packets as f64 / (to - from).as_secs_f64(),
        _ => 0.0,
    };
    let delivered = |way: fn(&Standing) -> &ends::Way| {
        let sent = way(&sent_after).sent - way(&sent_before).sent;
        let got = way(&got_after).received - way(&got_before).received;
        let sent = a_second(sent, &sent_before, &sent_after);
        (a_second(got, &got_before, &got_after) * 100.0 / sent.max(1.0)).min(100.0)
    };
    let web_to_trunk: fn(&Standing) -> &ends::Way = |s| &s.web_to_trunk;
    let trunk_to_web: fn(&Standing) -> &ends::Way = |s| &s.trunk_to_web;
    let (there, back) = (&sent_after.web_to_trunk, &sent_after.trunk_to_web);
    Ok(Row {
        engine: options.engine.name(),
        mode: options.mode.name(),
        n,
        cpu_ms_per_call_s: rounded((cpu_after - cpu_before) / seconds / n as f64),
        kib_per_call: ((kib - one_kib) / n.saturating_sub(1).max(1) as f64).round(),
        web_to_trunk_ms: late(&there.latencies),
        trunk_to_web_ms: late(&back.latencies),
        delivered_pct: rounded(delivered(web_to_trunk).min(delivered(trunk_to_web))),
        late_pct: rounded(
            there
                .latencies
                .percent_over(options.mode.late())
                .max(back.latencies.percent_over(options.mode.late())),
        ),
        slips: there.slips + back.slips,
    })
}

fn late(latencies: &Latencies) -> Late {
    Late {
        p50: latencies.at(0.5).map(rounded),
        p99: latencies.at(0.99).map(rounded),
    }
}

fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
