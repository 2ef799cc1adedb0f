//! The command line of the phone.

mod arguments;

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use causeway_phone::call::AgentConfig;
use causeway_phone::call::context::ContextSource;
use causeway_phone::caller::{CallOptions, listen_towards};
use causeway_phone::engine_load::{Engine, EngineOptions, SoakOptions};
use causeway_phone::load::{LoadOptions, Secret, Trust};
use causeway_phone::sip::digest::Credentials;
use causeway_phone::sip::transport::Protocol;
use clap::Parser;

use arguments::{AcdArgs, CallArgs, Cli, Command, EngineArgs, LoadArgs, SoakArgs, ToneArgs};

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
        Command::Acd(args) => acd(args),
        Command::Call(args) => call(args),
        Command::Load(args) => load(args),
        Command::Engine(args) => engine(args),
        Command::Soak(args) => soak(args),
        Command::Codec { speech } => {
            println!("{:.3}", causeway_phone::engine_load::bare_codec(&speech)?);
            Ok(ExitCode::SUCCESS)
        }
        Command::Tone(args) => tone(&args),
    }
}

fn tone(args: &ToneArgs) -> Result<ExitCode, String> {
    let written = std::fs::File::create(&args.markers).and_then(|file| {
        let mut file = std::io::BufWriter::new(file);
        causeway_phone::media::wav::write_tone(&mut file, args.hz, args.seconds)?;
        std::io::Write::flush(&mut file)
    });
    written.map_err(|error| format!("{}: {error}", args.markers.display()))?;
    Ok(ExitCode::SUCCESS)
}

fn acd(args: AcdArgs) -> Result<ExitCode, String> {
    let listen = args.listen;
    runtime()?.block_on(async {
        let contexts = match (&args.context_url, &args.context_key) {
            (Some(url), Some(key)) => {
                let trust = match args.context_ca {
                    Some(file) => Trust::File(file),
                    None if on_loopback(url) => Trust::Anybody,
                    None => Trust::System,
                };
                Some(ContextSource::new(url, key, &trust).await?)
            }
            _ => None,
        };
        let speech = args.play.as_deref().map(speech).transpose()?;
        let config = AgentConfig {
            trunk: args.trunk,
            protocol: protocol(args.tcp),
            laws: args.codecs,
            tone: args.tone,
            speech,
            record: args.record,
            early_media: args.early_media,
            prack: args.prack,
            contexts,
            ..AgentConfig::new(listen)
        };
        causeway_phone::acd::run(config, args.json)
            .await
            .map_err(|error| format!("{listen}: {error}"))?;
        // Standard input is read by a thread that cannot be interrupted.
        std::process::exit(0)
    })
}

/// Speech that is played by every call for as long as the program runs.
fn speech(path: &Path) -> Result<&'static [i16], String> {
    let file = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let samples = file.chunks_exact(2);
    let samples: Vec<i16> = samples.map(|b| i16::from_le_bytes([b[0], b[1]])).collect();
    Ok(samples.leak())
}

/// A box on this machine signs its own certificate, and nobody can stand between.
fn on_loopback(url: &str) -> bool {
    let host = url.strip_prefix("https://").unwrap_or(url);
    host.starts_with("127.0.0.1:") || host.starts_with("localhost:") || host.starts_with("[::1]")
}

fn protocol(tcp: bool) -> Protocol {
    if tcp { Protocol::Tcp } else { Protocol::Udp }
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
            protocol: protocol(args.tcp),
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
    let secret = app_secret(args.secret_file.as_ref())?;
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

fn app_secret(file: Option<&std::path::PathBuf>) -> Result<Secret, String> {
    match (file, std::env::var("CAUSEWAY_APP_SECRET")) {
        (Some(file), _) => Secret::read(file),
        (None, Ok(secret)) => Ok(Secret::new(&secret)),
        (None, Err(_)) => Err("neither --secret-file nor CAUSEWAY_APP_SECRET is given".into()),
    }
}

fn engine(args: EngineArgs) -> Result<ExitCode, String> {
    let engine = match (args.url, args.rtpengine, args.asterisk) {
        (Some(url), ..) => Engine::Causeway {
            url,
            app: args.app,
            secret: app_secret(args.secret_file.as_ref())?,
        },
        (None, Some(control), _) => Engine::Rtpengine(control),
        (None, None, Some(sip)) => Engine::Asterisk(sip),
        (None, None, None) => return Err("no engine is given".into()),
    };
    let options = EngineOptions {
        engine,
        pid: args.pid,
        sip: args.sip,
        mode: args.mode,
        steps: args.steps,
        measure: seconds("seconds", args.seconds)?,
        speech: args.speech,
        films: args.films,
    };
    runtime()?.block_on(causeway_phone::engine_load::run(options, |row| {
        println!("{}", serde_json::to_string(row).unwrap_or_default());
    }))?;
    Ok(ExitCode::SUCCESS)
}

fn soak(args: SoakArgs) -> Result<ExitCode, String> {
    let options = SoakOptions {
        engine: Engine::Causeway {
            url: args.url,
            app: args.app,
            secret: app_secret(args.secret_file.as_ref())?,
        },
        pid: args.pid,
        sip: args.sip,
        calls: args.calls,
        length: seconds("minutes", args.minutes * 60.0)?,
        speech: args.speech,
    };
    runtime()?.block_on(causeway_phone::engine_load::soak(options, |row| {
        println!("{}", serde_json::to_string(row).unwrap_or_default());
    }))?;
    Ok(ExitCode::SUCCESS)
}

fn runtime() -> Result<tokio::runtime::Runtime, String> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("no runtime: {error}"))
}
