//! `causeway-cable`: the box at the other end of a serial cable.

mod terminal;

use causeway_cable::{Answers, CableError, Line, PortLine, Session, SocketLine};
use clap::{Args, Parser, Subcommand};
use std::fs;
use std::io::{self, IsTerminal as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// The box at the other end of a serial cable: sets it up, configures it, updates it, asks it.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "\
Examples:
  causeway-cable find
  causeway-cable console
  causeway-cable set-up answers.toml
  causeway-cable run 'show status' 'show trunks'
  causeway-cable push causeway.toml --check 192.0.2.10:443
  causeway-cable update causeway.raucb
  causeway-cable --port /dev/ttyUSB1 fetch-support .

The answers of set-up are TOML, or lines: password, ipv4, ipv4_gateway, ipv6, ipv6_gateway, name_servers,
time_servers, time_zone, pbx, transport, user, secret, test_number. What is absent is taken as the box offers it."
)]
struct Cli {
    #[command(flatten)]
    cable: Cable,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Args)]
struct Cable {
    /// The serial port; else the only USB adapter there is
    #[arg(long, value_name = "DEVICE", global = true, conflicts_with = "socket")]
    port: Option<String>,
    /// A Unix socket in its place, such as that of a simulated machine
    #[arg(long, value_name = "PATH", global = true)]
    socket: Option<PathBuf>,
    /// A file whose first line is the administrator's password; else it is asked for
    #[arg(long, value_name = "FILE", global = true)]
    password_file: Option<PathBuf>,
    /// How long the box is waited for
    #[arg(long, value_name = "SECONDS", global = true, default_value_t = 30,
          value_parser = clap::value_parser!(u64).range(1..=3600))]
    patience: u64,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say which USB serial adapters there are, and what answers there
    Find,
    /// The console on this terminal; Ctrl-] leaves
    Console,
    /// Answer the questions of the first start from a file
    SetUp { answers: PathBuf },
    /// Bring a configuration: a document (.toml), or lines of set and delete; it goes back by itself unless all goes well
    Push {
        file: PathBuf,
        /// Minutes until it goes back
        #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=60))]
        minutes: u8,
        /// A TCP port that must be reachable from here before the configuration is confirmed
        #[arg(long, value_name = "ADDRESS:PORT")]
        check: Vec<SocketAddr>,
    },
    /// Bring an update, and go on where an earlier attempt ended
    Update { bundle: PathBuf },
    /// Take the support bundle into a folder
    FetchSupport { folder: PathBuf },
    /// Give commands, one after the other, until one fails
    Run {
        #[arg(required = true)]
        commands: Vec<String>,
    },
}

type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match carry_out(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("causeway-cable: {fault}");
            ExitCode::FAILURE
        }
    }
}

fn carry_out(cli: &Cli) -> Result<(), Failure> {
    let cable = &cli.cable;
    match &cli.command {
        Command::Find => find(),
        Command::Console => Ok(terminal::console(cable.line()?)?),
        Command::SetUp { answers } => set_up(cable, answers),
        Command::Push {
            file,
            minutes,
            check,
        } => push(cable, file, *minutes, check),
        Command::Update { bundle } => {
            let name = file_name(bundle)?;
            let mut session = cable.log_in()?;
            let report =
                session.send_file("update receive", bundle, &name, &mut terminal::progress)?;
            say(&report.text)
        }
        Command::FetchSupport { folder } => {
            let mut session = cable.log_in()?;
            let path = folder.join("causeway-support.tar.gz");
            let report =
                session.receive_file("support bundle send", &path, &mut terminal::progress)?;
            say(&format!(
                "{}: {} octets, SHA-256 {}\n",
                path.display(),
                report.octets,
                report.sha256
            ))
        }
        Command::Run { commands } => {
            let mut session = cable.log_in()?;
            for command in commands {
                say(&session.command(command)?)?;
            }
            Ok(())
        }
    }
}

impl Cable {
    fn line(&self) -> Result<Box<dyn Line>, Failure> {
        let told = |what: &str, fault: io::Error| Failure::from(format!("{what}: {fault}"));
        if let Some(path) = &self.socket {
            let line = SocketLine::connect(path);
            let line = line.map_err(|fault| told(&path.display().to_string(), fault))?;
            return Ok(Box::new(line));
        }
        let port = match &self.port {
            Some(port) => port.clone(),
            None => the_only_adapter()?,
        };
        let line = PortLine::open(&port).map_err(|fault| told(&port, fault))?;
        Ok(Box::new(line))
    }

    fn session(&self) -> Result<Session<Box<dyn Line>>, Failure> {
        let mut session = Session::open(self.line()?);
        session.set_patience(Duration::from_secs(self.patience));
        session.attend()?;
        Ok(session)
    }

    fn log_in(&self) -> Result<Session<Box<dyn Line>>, Failure> {
        let mut session = self.session()?;
        if session.is_new() {
            return Err(CableError::NotSetUp.into());
        }
        if !session.is_in() {
            let password = match &self.password_file {
                Some(file) => first_line(file)?,
                None => terminal::secret("Password of the box: ")?,
            };
            session.log_in(&password)?;
        }
        Ok(session)
    }
}

fn first_line(file: &Path) -> Result<String, Failure> {
    let text = fs::read_to_string(file);
    let text = text.map_err(|fault| format!("{}: {fault}", file.display()))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

fn file_name(path: &Path) -> Result<String, Failure> {
    let name = path.file_name().and_then(|name| name.to_str());
    Ok(name
        .ok_or("the file has no name that can be sent")?
        .to_owned())
}

fn say(text: &str) -> Result<(), Failure> {
    Ok(io::stdout().write_all(text.as_bytes())?)
}

fn adapters() -> Result<Vec<(String, String)>, Failure> {
    let ports = serialport::available_ports()?.into_iter();
    let usb = ports.filter_map(|port| match port.port_type {
        serialport::SerialPortType::UsbPort(usb) => {
            let words = [usb.manufacturer, usb.product, usb.serial_number];
            let words: Vec<String> = words.into_iter().flatten().collect();
            Some((port.port_name, words.join(" ")))
        }
        _ => None,
    });
    Ok(usb.collect())
}

fn the_only_adapter() -> Result<String, Failure> {
    let found = adapters()?;
    match found.as_slice() {
        [(port, _)] => Ok(port.clone()),
        [] => Err("there is no USB serial adapter; say which port it is: --port /dev/ttyS0".into()),
        several => {
            let names: Vec<&str> = several.iter().map(|(port, _)| port.as_str()).collect();
            Err(format!(
                "there are several adapters; say which: --port {}",
                names.join(" or ")
            )
            .into())
        }
    }
}

fn find() -> Result<(), Failure> {
    let found = adapters()?;
    if found.is_empty() {
        return Err("there is no USB serial adapter".into());
    }
    for (port, words) in found {
        let answer = PortLine::open(&port).map_err(CableError::from);
        let answer = answer.and_then(|line| {
            let mut session = Session::open(line);
            session.set_patience(Duration::from_secs(6));
            let banner = session.attend()?;
            Ok(match banner {
                Some(banner) => format!(
                    "Causeway {} called {}: {}",
                    banner.version, banner.name, banner.state
                ),
                None if session.is_new() => "a Causeway that was never set up".to_owned(),
                None => "a console somebody is logged in at".to_owned(),
            })
        });
        let answer = match answer {
            Ok(answer) => answer,
            Err(CableError::Silent { .. }) => "nothing answers that is a Causeway".to_owned(),
            Err(fault) => fault.to_string(),
        };
        say(&format!("{port}  {words}\n    {answer}\n"))?;
    }
    Ok(())
}

fn set_up(cable: &Cable, file: &Path) -> Result<(), Failure> {
    let text = fs::read_to_string(file);
    let text = text.map_err(|fault| format!("{}: {fault}", file.display()))?;
    let mut answers =
        Answers::parse(&text).map_err(|fault| format!("{}: {fault}", file.display()))?;
    let mut session = cable.session()?;
    if !session.is_new() && !session.is_in() {
        let password = match &answers.password {
            Some(password) => password.clone(),
            None => terminal::secret("Password of the box: ")?,
        };
        session.log_in(&password)?;
    }
    if session.is_new() && answers.password.is_none() {
        answers.password = Some(terminal::new_secret("The administrator's password")?);
    }
    if answers.user.as_deref().is_some_and(|user| user != "none") && answers.secret.is_none() {
        answers.secret = Some(terminal::secret("Secret of the trunk: ")?);
    }
    say(&session.set_up(&answers)?)
}

fn push(cable: &Cable, file: &Path, minutes: u8, check: &[SocketAddr]) -> Result<(), Failure> {
    let mut session = cable.log_in()?;
    // What somebody has begun and left is not what is pushed.
    session.command("discard")?;
    if file.extension().is_some_and(|kind| kind == "toml") {
        let name = file_name(file)?;
        let report = session.send_file("import", file, &name, &mut terminal::progress)?;
        say(&report.text)?;
    } else {
        let text = fs::read_to_string(file)?;
        let lines = text.lines().map(str::trim);
        for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if !line.starts_with("set ") && !line.starts_with("delete ") {
                return Err(format!("`{line}` is neither set nor delete").into());
            }
            match session.command(line) {
                Ok(_) => {}
                Err(CableError::Asked { .. }) => {
                    let secret = terminal::secret(&format!("{line}: "))?;
                    session.secret(line, &secret)?;
                }
                Err(fault) => return Err(fault.into()),
            }
        }
    }
    say(&session.command("compare")?)?;
    say(&session.command(&format!("commit confirm {minutes}"))?)?;
    let reached = check.iter().try_for_each(|place| reach(*place));
    // The console must still be there, whatever has become of the network.
    let there = session.attend();
    if let Err(fault) = reached {
        session.command("revert")?;
        return Err(format!("{fault}; the configuration went back").into());
    }
    there?;
    if !session.is_in() {
        session = cable.log_in()?;
    }
    say(&session.command("confirm")?)
}

/// A box that has a new address may take a while.
fn reach(place: SocketAddr) -> Result<(), String> {
    let mut last = String::new();
    for _ in 0..15 {
        match TcpStream::connect_timeout(&place, Duration::from_secs(2)) {
            Ok(_) => return Ok(()),
            Err(fault) => last = fault.to_string(),
        }
        std::thread::sleep(Duration::from_secs(1));
    }
    Err(format!("{place} cannot be reached: {last}"))
}

/// Whether progress is shown.
fn is_watched() -> bool {
    io::stderr().is_terminal()
}
