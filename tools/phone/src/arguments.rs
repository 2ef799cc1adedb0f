//! What the command line takes.

use std::net::SocketAddr;
use std::path::PathBuf;

use causeway_phone::engine_load::Mode;
use causeway_phone::load::Codec;
use causeway_phone::media::g711::Law;
use clap::{Args, Parser, Subcommand};

/// Demo contact centre, SIP test phone and WebRTC load generator.
#[derive(Debug, Parser)]
#[command(
    version,
    about,
    after_help = "\
Examples:
  causeway-phone acd --listen 127.0.0.1:5070
  causeway-phone call --to sip:+49301234@127.0.0.1 --via 127.0.0.1:5060 --seconds 10 --expect-hz 440
  causeway-phone tone --hz 440 --seconds 60 --markers microphone.wav"
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Answer calls like a contact centre: play, listen, echo, hold, reject.
    #[command(after_help = ACD_HELP)]
    Acd(AcdArgs),
    /// Place one SIP call into the box and report it.
    #[command(after_help = CALL_HELP)]
    Call(CallArgs),
    /// Place calls into the box like a browser would, and say how they went.
    #[command(after_help = LOAD_HELP)]
    Load(LoadArgs),
    /// Put calls of real speech through a media engine and say what each costs and how late it comes out.
    #[command(after_help = ENGINE_HELP)]
    Engine(EngineArgs),
    /// Keep a box under calls that come and go, and tell every minute what it holds.
    #[command(after_help = SOAK_HELP)]
    Soak(SoakArgs),
    /// Say what the codec alone costs: milliseconds of processor time a call and second, Opus to PCMU and back.
    Codec {
        /// A folder with voices: WAV, 48 kHz, mono, 16 bit
        #[arg(long)]
        speech: PathBuf,
    },
    /// Write a WAV file with the test tone, for a browser's fake microphone.
    #[command(
        after_help = "Example:\n  causeway-phone tone --hz 440 --seconds 60 --markers microphone.wav"
    )]
    Tone(ToneArgs),
}

const ACD_HELP: &str = "\
The number dialled chooses what happens (a browser dials digits, a SIP phone either):
  any other       180, answer after 300 ms, 1004 Hz with a level jump each second
  600, echo*      the caller hears itself
  701, silent     no response at all
  702, ring       rings until it is cancelled
  703, early      183 with sound, answer after 3 s
  704, reliable   183 with Require: 100rel, answer after PRACK
  705, hangup5    hangs up after 5 s
  706, hold5x     holds and resumes five times, 1 s each
  707, update     sends UPDATE after 1 s
  708, move       moves its RTP port after 1 s
  709, 401, auth  asks for credentials (demo / demo); 710, 407, proxyauth: with 407
  busy            486; any other number from 400 to 699: that status

Commands on standard input, one a line:
  hold N [silent|music|inactive], resume N, hangup N, dtmf N 123, hold-cycle N 5 1000,
  update N, move N, call sip:+49301234@127.0.0.1:5060 [from], calls, quit

Examples:
  causeway-phone acd --listen 127.0.0.1:5070 --trunk 127.0.0.1:5060
  causeway-phone acd --listen 127.0.0.1:0 --json --codecs pcma";

#[derive(Debug, Args)]
pub struct AcdArgs {
    /// Where SIP is received, UDP and TCP; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:5070")]
    pub listen: SocketAddr,
    /// Place calls over TCP.
    #[arg(long)]
    pub tcp: bool,
    /// The tone played, Hz.
    #[arg(long, default_value_t = 1004.0)]
    pub tone: f64,
    /// Raw speech to play instead: 8 kHz, 16 bit, little-endian, once.
    #[arg(long, value_name = "FILE")]
    pub play: Option<PathBuf>,
    /// A folder that gets what each call hears, as <call>.rtp.
    #[arg(long, value_name = "FOLDER")]
    pub record: Option<PathBuf>,
    /// One JSON object a line; the end of standard input ends the program.
    #[arg(long)]
    pub json: bool,
    /// Where calls placed here are sent.
    #[arg(long)]
    pub trunk: Option<SocketAddr>,
    /// The codecs taken, best first: pcmu, pcma.
    #[arg(long, value_delimiter = ',', default_value = "pcmu,pcma", value_parser = law)]
    pub codecs: Vec<Law>,
    /// Make provisional responses reliable when the caller supports it.
    #[arg(long)]
    pub prack: bool,
    /// Send 183 with sound before every answer.
    #[arg(long)]
    pub early_media: bool,
    /// Show the context of each call, fetched from here: https://box/api/v1/contexts/
    #[arg(long, requires = "context_key")]
    pub context_url: Option<String>,
    /// The admin key for it.
    #[arg(long, env = "CAUSEWAY_ADMIN_KEY", hide_env_values = true)]
    pub context_key: Option<String>,
    /// Believe the certificates in this PEM file for it; any certificate when absent and the box is on loopback.
    #[arg(long)]
    pub context_ca: Option<PathBuf>,
}

const ENGINE_HELP: &str = "\
One JSON object a line, for each number of calls. The engine's trunk must lead to --sip. Give the engine one processor
and this program another (taskset), or both wait for each other.

Examples:
  causeway-phone engine --url https://127.0.0.1:8443 --app demo --secret-file secret --pid 4711 --speech voices
  causeway-phone engine --rtpengine 127.0.0.1:2223 --pid 4712 --speech voices --steps 20,80 --seconds 10
  causeway-phone engine --url https://127.0.0.1:8443 --pid 4711 --speech voices --mode video --films films";

#[derive(Debug, Args)]
pub struct EngineArgs {
    /// The box to call: https://host:port
    #[arg(long, required_unless_present_any = ["rtpengine", "asterisk"])]
    pub url: Option<String>,
    /// The app's key; its secret is in CAUSEWAY_APP_SECRET
    #[arg(long, default_value = "demo")]
    pub app: String,
    /// A file with the app's secret
    #[arg(long)]
    pub secret_file: Option<PathBuf>,
    /// The control port of an rtpengine, instead of a box
    #[arg(long, conflicts_with = "url")]
    pub rtpengine: Option<SocketAddr>,
    /// Where an Asterisk listens for SIP, instead of a box; it dials --sip
    #[arg(long, conflicts_with_all = ["url", "rtpengine"])]
    pub asterisk: Option<SocketAddr>,
    /// Whose processor time and memory are counted
    #[arg(long)]
    pub pid: u32,
    /// Where the PBX behind the engine listens for SIP
    #[arg(long, default_value = "127.0.0.1:0")]
    pub sip: SocketAddr,
    /// What the engine does
    #[arg(long, default_value = "transcode")]
    pub mode: Mode,
    /// A folder with films, for pictures: `h264.film` and `vp8.film`
    #[arg(long)]
    pub films: Option<PathBuf>,
    /// Calls at once, row after row
    #[arg(long, value_delimiter = ',', default_value = "20,80,150")]
    pub steps: Vec<usize>,
    /// How long each row is measured
    #[arg(long, default_value_t = 15.0)]
    pub seconds: f64,
    /// A folder with voices: WAV, 48 kHz, mono, 16 bit
    #[arg(long)]
    pub speech: PathBuf,
}

const SOAK_HELP: &str = "\
Standard output carries a line of JSON for each minute.

Example:
  causeway-phone soak --url https://127.0.0.1:8443 --app demo --secret-file secret --pid 4711 --speech voices";

#[derive(Debug, Args)]
pub struct SoakArgs {
    /// The box to call: https://host:port
    #[arg(long)]
    pub url: String,
    /// The app's key; its secret is in CAUSEWAY_APP_SECRET
    #[arg(long, default_value = "demo")]
    pub app: String,
    /// A file with the app's secret
    #[arg(long)]
    pub secret_file: Option<PathBuf>,
    /// Whose memory, descriptors and threads are counted
    #[arg(long)]
    pub pid: u32,
    /// Where the PBX behind the box listens for SIP
    #[arg(long, default_value = "127.0.0.1:0")]
    pub sip: SocketAddr,
    /// Calls at any time
    #[arg(long, default_value_t = 60)]
    pub calls: usize,
    /// How long it goes on
    #[arg(long, default_value_t = 120.0)]
    pub minutes: f64,
    /// A folder with voices: WAV, 48 kHz, mono, 16 bit
    #[arg(long)]
    pub speech: PathBuf,
}

const CALL_HELP: &str = "\
The last line of --json is an object with \"event\":\"report\"; the program fails when the call was not
answered or the expected tone was not heard.

Examples:
  causeway-phone call --to sip:+49301234@127.0.0.1 --via 127.0.0.1:5060
  causeway-phone call --to sip:100@127.0.0.1:5070 --seconds 3 --expect-hz 1004 --dtmf 12# --json";

#[derive(Debug, Args)]
pub struct CallArgs {
    /// The SIP URI to call.
    #[arg(long)]
    pub to: String,
    /// Where the INVITE is sent; the URI's own address when absent.
    #[arg(long)]
    pub via: Option<SocketAddr>,
    /// The caller's number or SIP URI.
    #[arg(long)]
    pub from: Option<String>,
    /// Where answers are received; chosen towards --via when absent.
    #[arg(long)]
    pub listen: Option<SocketAddr>,
    /// Use TCP.
    #[arg(long)]
    pub tcp: bool,
    /// The tone played, Hz.
    #[arg(long, default_value_t = 1004.0)]
    pub tone: f64,
    /// Seconds the call lasts after its answer.
    #[arg(long, default_value_t = 10.0)]
    pub seconds: f64,
    /// Seconds it may take to be answered.
    #[arg(long, default_value_t = 30.0)]
    pub patience: f64,
    /// Digits to press one second after the answer.
    #[arg(long)]
    pub dtmf: Option<String>,
    /// The tone that must be heard, Hz.
    #[arg(long)]
    pub expect_hz: Option<f64>,
    /// The codecs offered, best first: pcmu, pcma.
    #[arg(long, value_delimiter = ',', default_value = "pcmu,pcma", value_parser = law)]
    pub codecs: Vec<Law>,
    /// The user name shown when credentials are asked for.
    #[arg(long, default_value = "demo")]
    pub user: String,
    /// A file with the password for it (demo when absent).
    #[arg(long)]
    pub password_file: Option<PathBuf>,
    /// One JSON object a line.
    #[arg(long)]
    pub json: bool,
}

const LOAD_HELP: &str = "\
The secret is read from --secret-file, or from the environment variable CAUSEWAY_APP_SECRET.
The last line of --json is one object; the program fails when any call failed.

Examples:
  causeway-phone load --url https://127.0.0.1:8443 --insecure --app demo --secret-file secret --to 600
  causeway-phone load --url https://127.0.0.1:8443 --insecure --app demo --secret-file secret \\
      --to 100 --expect-hz 1004 --calls 200 --at-once 30 --ramp 50 --seconds 5 --json";

#[derive(Debug, Args)]
pub struct LoadArgs {
    /// The box.
    #[arg(long)]
    pub url: String,
    /// The app's key.
    #[arg(long)]
    pub app: String,
    /// A file that holds the app's secret.
    #[arg(long)]
    pub secret_file: Option<PathBuf>,
    /// The number to call.
    #[arg(long, default_value = "600")]
    pub to: String,
    /// Calls in all.
    #[arg(long, default_value_t = 1)]
    pub calls: u32,
    /// Calls at the same time.
    #[arg(long, default_value_t = 1)]
    pub at_once: u32,
    /// Seconds each call lasts after its answer.
    #[arg(long, default_value_t = 3.0)]
    pub seconds: f64,
    /// Milliseconds between two beginnings, at least.
    #[arg(long, default_value_t = 0)]
    pub ramp: u64,
    /// The Origin header; the box's own when absent.
    #[arg(long)]
    pub origin: Option<String>,
    /// Believe the certificates in this PEM file.
    #[arg(long, conflicts_with = "insecure")]
    pub ca: Option<PathBuf>,
    /// Believe any certificate.
    #[arg(long)]
    pub insecure: bool,
    /// The tone sent, whole Hz.
    #[arg(long, default_value_t = 440)]
    pub tone: u32,
    /// The tone that must be heard, Hz; the one sent when absent.
    #[arg(long)]
    pub expect_hz: Option<f64>,
    /// What is offered: opus, pcmu or pcma.
    #[arg(long, default_value = "opus", value_parser = Codec::from_name)]
    pub codec: Codec,
    /// Seconds a call may take to be answered.
    #[arg(long, default_value_t = 20)]
    pub patience: u64,
    /// End with one JSON object instead of words.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct ToneArgs {
    /// Frequency, Hz.
    #[arg(long, default_value_t = 440.0)]
    pub hz: f64,
    /// Length, whole seconds.
    #[arg(long, default_value_t = 60)]
    pub seconds: u32,
    /// The file to write: 48 kHz, mono, 16 bit; 700 ms at −6 dBFS, 300 ms at −26 dBFS, repeated.
    #[arg(long, visible_alias = "out")]
    pub markers: PathBuf,
}

fn law(name: &str) -> Result<Law, String> {
    Law::from_name(name).ok_or_else(|| format!("{name} is not pcmu or pcma"))
}
