//! The command line of the phone.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use causeway_phone::call::AgentConfig;
use causeway_phone::caller::{CallOptions, listen_towards};
use causeway_phone::load::{Codec, LoadOptions, Secret, Trust};
use causeway_phone::media::g711::Law;
use causeway_phone::sip::digest::Credentials;
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
    /// Place one SIP call into the box and report it.
    #[command(after_help = CALL_HELP)]
    Call(CallArgs),
    /// Place calls into the box like a browser would, and say how they went.
    #[command(after_help = LOAD_HELP)]
    Load(LoadArgs),
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

const CALL_HELP: &str = "\
The last line of --json is an object with \"event\":\"report\"; the program fails when the call was not
answered or the expected tone was not heard.

Examples:
  causeway-phone call --to sip:+49301234@127.0.0.1 --via 127.0.0.1:5060
  causeway-phone call --to sip:100@127.0.0.1:5070 --seconds 3 --expect-hz 1004 --dtmf 12# --json";

#[derive(Debug, Args)]
struct CallArgs {
    /// The SIP URI to call.
    #[arg(long)]
    to: String,
    /// Where the INVITE is sent; the URI's own address when absent.
    #[arg(long)]
    via: Option<SocketAddr>,
    /// The caller's number or SIP URI.
    #[arg(long)]
    from: Option<String>,
    /// Where answers are received; chosen towards --via when absent.
    #[arg(long)]
    listen: Option<SocketAddr>,
    /// Use TCP.
    #[arg(long)]
    tcp: bool,
    /// The tone played, Hz.
    #[arg(long, default_value_t = 1004.0)]
    tone: f64,
    /// Seconds the call lasts after its answer.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Seconds it may take to be answered.
    #[arg(long, default_value_t = 30.0)]
    patience: f64,
    /// Digits to press one second after the answer.
    #[arg(long)]
    dtmf: Option<String>,
    /// The tone that must be heard, Hz.
    #[arg(long)]
    expect_hz: Option<f64>,
    /// The codecs offered, best first: pcmu, pcma.
    #[arg(long, value_delimiter = ',', default_value = "pcmu,pcma", value_parser = law)]
    codecs: Vec<Law>,
    /// The user name shown when credentials are asked for.
    #[arg(long, default_value = "demo")]
    user: String,
    /// A file with the password for it (demo when absent).
    #[arg(long)]
    password_file: Option<PathBuf>,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

const LOAD_HELP: &str = "\
The secret is read from --secret-file, or from the environment variable CAUSEWAY_APP_SECRET.
The last line of --json is one object; the program fails when any call failed.

Examples:
  causeway-phone load --url https://127.0.0.1:8443 --insecure --app demo --secret-file secret --to 600
  causeway-phone load --url https://127.0.0.1:8443 --insecure --app demo --secret-file secret \\
      --to 100 --expect-hz 1004 --calls 200 --at-once 30 --ramp 50 --seconds 5 --json";

#[derive(Debug, Args)]
struct LoadArgs {
    /// The box.
    #[arg(long)]
    url: String,
    /// The app's key.
    #[arg(long)]
    app: String,
    /// A file that holds the app's secret.
    #[arg(long)]
    secret_file: Option<PathBuf>,
    /// The number to call.
    #[arg(long, default_value = "600")]
    to: String,
    /// Calls in all.
    #[arg(long, default_value_t = 1)]
    calls: u32,
    /// Calls at the same time.
    #[arg(long, default_value_t = 1)]
    at_once: u32,
    /// Seconds each call lasts after its answer.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Milliseconds between two beginnings, at least.
    #[arg(long, default_value_t = 0)]
    ramp: u64,
    /// The Origin header; the box's own when absent.
    #[arg(long)]
    origin: Option<String>,
    /// Believe the certificates in this PEM file.
    #[arg(long, conflicts_with = "insecure")]
    ca: Option<PathBuf>,
    /// Believe any certificate.
    #[arg(long)]
    insecure: bool,
    /// The tone sent, whole Hz.
    #[arg(long, default_value_t = 440)]
    tone: u32,
    /// The tone that must be heard, Hz; the one sent when absent.
    #[arg(long)]
    expect_hz: Option<f64>,
    /// What is offered: opus, pcmu or pcma.
    #[arg(long, default_value = "opus", value_parser = Codec::from_name)]
    codec: Codec,
    /// Seconds a call may take to be answered.
    #[arg(long, default_value_t = 20)]
    patience: u64,
    /// End with one JSON object instead of words.
    #[arg(long)]
    json: bool,
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
        Command::Call(args) => call(args),
        Command::Load(args) => load(args),
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

fn seconds(name: &str, value: f64) -> Result<Duration, String> {
    Duration::try_from_secs_f64(value).map_err(|error| format!("--{name} {value}: {error}"))
}

fn call(args: CallArgs) -> Result<ExitCode, String> {
    let password = match &args.password_file {
        Some(file) => std::fs::read_to_string(file)
            .map_err(|error| format!("{}: {error}", file.display()))?
            .trim()
            .to_owned(),
        None => "demo".to_owned(),
    };
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    let listen = args
        .listen
        .unwrap_or_else(|| args.via.map_or(loopback, listen_towards));
    let options = CallOptions {
        agent: AgentConfig {
            trunk: args.via,
            protocol: if args.tcp {
                Protocol::Tcp
            } else {
                Protocol::Udp
            },
            laws: args.codecs,
            tone: args.tone,
            credentials: Credentials {
                user: args.user,
                password,
            },
            ..AgentConfig::new(listen)
        },
        to: args.to,
        from: args.from,
        talk: seconds("seconds", args.seconds)?,
        patience: seconds("patience", args.patience)?,
        digits: args.dtmf,
        expect_hz: args.expect_hz,
        json: args.json,
    };
    let json = options.json;
    let report = runtime()?.block_on(causeway_phone::caller::run(options))?;
    if json {
        println!(
            "{}",
            serde_json::to_string(&report).map_err(|error| error.to_string())?
        );
    } else {
        let setup = report.setup_ms.map_or("not answered".to_owned(), |ms| {
            format!("answered after {ms} ms")
        });
        println!(
            "{setup}, heard {:.1} Hz{}",
            report.heard_hz,
            if report.heard_ok {
                ""
            } else {
                " — not as expected"
            }
        );
    }
    Ok(if report.answered && report.heard_ok {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn load(args: LoadArgs) -> Result<ExitCode, String> {
    let secret = match (&args.secret_file, std::env::var("CAUSEWAY_APP_SECRET")) {
        (Some(file), _) => Secret::read(file)?,
        (None, Ok(secret)) => Secret::new(&secret),
        (None, Err(_)) => {
            return Err("neither --secret-file nor CAUSEWAY_APP_SECRET is given".into());
        }
    };
    let options = LoadOptions {
        url: args.url,
        app: args.app,
        secret,
        to: args.to,
        calls: args.calls,
        at_once: args.at_once,
        talk: seconds("seconds", args.seconds)?,
        ramp: Duration::from_millis(args.ramp),
        origin: args.origin,
        trust: match args.ca {
            Some(file) => Trust::File(file),
            None if args.insecure => Trust::Anybody,
            None => Trust::System,
        },
        tone: f64::from(args.tone),
        expect_hz: args.expect_hz.unwrap_or(f64::from(args.tone)),
        codec: args.codec,
        patience: Duration::from_secs(args.patience),
    };
    let summary = runtime()?.block_on(causeway_phone::load::run(options))?;
    if args.json {
        println!(
            "{}",
            serde_json::to_string(&summary).map_err(|error| error.to_string())?
        );
    } else {
        println!("{}", summary.text());
    }
    Ok(if summary.failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn runtime() -> Result<tokio::runtime::Runtime, String> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("no runtime: {error}"))
}
