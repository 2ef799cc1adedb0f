//! The command line of the phone.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use causeway_phone::call::AgentConfig;
use causeway_phone::media::g711::Law;
use causeway_phone::sip::transport::Protocol;
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
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Answer calls like a contact centre: play, listen, echo, hold, reject.
    #[command(after_help = ACD_HELP)]
    Acd(AcdArgs),
    /// Write a WAV file with the test tone, for a browser's fake microphone.
    #[command(
        after_help = "Example:\n  causeway-phone tone --hz 440 --seconds 60 --markers microphone.wav"
    )]
    Tone(ToneArgs),
}

const ACD_HELP: &str = "\
The number dialled chooses what happens:
  any other    180, answer after 300 ms, 1004 Hz with a level jump each second
  600, echo*   the caller hears itself
  busy         486; any other number 400…699 of three digits: that status
  ring         rings until it is cancelled
  early        183 with sound, answer after 3 s
  reliable     183 with Require: 100rel, answer after PRACK
  silent       no response at all
  auth         401 first (demo / demo); proxyauth: 407
  hangup5      hangs up after 5 s
  hold5x       holds and resumes five times, 1 s each
  update, move sends UPDATE, or moves its RTP port, after 1 s
  701…710      silent, ring, early, reliable, hangup5, hold5x, update, move, auth, proxyauth for
               callers who can dial only digits

Commands on standard input, one a line:
  hold N [silent|music|inactive], resume N, hangup N, dtmf N 123, hold-cycle N 5 1000,
  update N, move N, call sip:+49301234@127.0.0.1:5060 [from], calls, quit

Examples:
  causeway-phone acd --listen 127.0.0.1:5070 --trunk 127.0.0.1:5060
  causeway-phone acd --listen 127.0.0.1:0 --json --codecs pcma";

#[derive(Debug, Args)]
struct AcdArgs {
    /// Where SIP is received, UDP and TCP; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:5070")]
    listen: SocketAddr,
    /// Place calls over TCP.
    #[arg(long)]
    tcp: bool,
    /// The tone played, Hz.
    #[arg(long, default_value_t = 1004.0)]
    tone: f64,
    /// One JSON object a line; the end of standard input ends the program.
    #[arg(long)]
    json: bool,
    /// Where calls placed here are sent.
    #[arg(long)]
    trunk: Option<SocketAddr>,
    /// The codecs taken, best first: pcmu, pcma.
    #[arg(long, value_delimiter = ',', default_value = "pcmu,pcma", value_parser = law)]
    codecs: Vec<Law>,
    /// Make provisional responses reliable when the caller supports it.
    #[arg(long)]
    prack: bool,
    /// Send 183 with sound before every answer.
    #[arg(long)]
    early_media: bool,
}

#[derive(Debug, Args)]
struct ToneArgs {
    /// Frequency, Hz.
    #[arg(long, default_value_t = 440.0)]
    hz: f64,
    /// Length, whole seconds.
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// The file to write: 48 kHz, mono, 16 bit; 700 ms at −6 dBFS, 300 ms at −26 dBFS, repeated.
    #[arg(long)]
    markers: PathBuf,
}

fn law(name: &str) -> Result<Law, String> {
    Law::from_name(name).ok_or_else(|| format!("{name} is not pcmu or pcma"))
}

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env()
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn,rtc=off,webrtc=off")),
        )
        .init();
    match run(Cli::parse().command) {
        Ok(code) => code,
        Err(message) => {
            eprintln!("causeway-phone: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode, String> {
    match command {
        Command::Tone(args) => {
            let name = args.markers.display().to_string();
            std::fs::File::create(&args.markers)
                .and_then(|file| {
                    let mut file = std::io::BufWriter::new(file);
                    causeway_phone::media::wav::write_tone(&mut file, args.hz, args.seconds)?;
                    std::io::Write::flush(&mut file)
                })
                .map_err(|error| format!("{name}: {error}"))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Acd(args) => runtime()?.block_on(async {
            let listen = args.listen;
            let config = AgentConfig {
                trunk: args.trunk,
                protocol: if args.tcp {
                    Protocol::Tcp
                } else {
                    Protocol::Udp
                },
                laws: args.codecs,
                tone: args.tone,
                early_media: args.early_media,
                prack: args.prack,
                ..AgentConfig::new(listen)
            };
            causeway_phone::acd::run(config, args.json)
                .await
                .map_err(|error| format!("{listen}: {error}"))?;
            // Standard input is read by a thread that cannot be interrupted.
            std::process::exit(0)
        }),
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, String> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("no runtime: {error}"))
}
