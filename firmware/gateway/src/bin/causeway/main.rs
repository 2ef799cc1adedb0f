//! `causeway`: the command line. A client of the same API as everybody else, plus what needs no
//! box: checking a configuration and drawing a secret.
//!
//! Exit status: 0 done, 1 the answer is bad news (a fault in the document, an unhealthy box, not
//! found), 2 the question could not be asked.

mod checkup;
mod client;
mod commands;
mod console;
mod document;
mod ladder;
mod table;
mod trunks;
mod trust;

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

const EXAMPLES: &str = "Examples:
  causeway secret                              draw an app's secret or the admin key
  causeway config check causeway.toml          every fault with its line
  causeway status --admin-key-file admin.key   running calls and trunks
  causeway trunks                              state, targets, calls and limits of each
  causeway calls --limit 5 --json
  causeway calls show ID --ladder              what box and PBX said to each other
  causeway trunk check pbx --number 600        what the PBX does, and settings that fit
  causeway health --url https://box.example:8443 --fingerprint 3A:5F:…
  causeway token --app shop --secret-file shop.secret --account anna@example.com

The box's certificate is trusted by --fingerprint, by --ca, or, on the box itself, because it is
the one in /var/lib/causeway/tls. The admin key comes from --admin-key-file or CAUSEWAY_ADMIN_KEY.";

/// Looks after a Causeway box.
#[derive(Debug, Parser)]
#[command(name = "causeway", version, after_help = EXAMPLES)]
struct Arguments {
    #[command(flatten)]
    connection: Connection,
    /// JSON instead of text for people.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

/// Where the box is and why it is believed.
#[derive(Debug, Args)]
struct Connection {
    /// Where the box answers.
    #[arg(long, global = true, default_value = "https://127.0.0.1:8443")]
    url: String,
    /// A file with the admin key.
    #[arg(long, global = true, value_name = "FILE")]
    admin_key_file: Option<PathBuf>,
    /// Trust certificates issued by (or equal to) those of this PEM file.
    #[arg(long, global = true, value_name = "FILE", conflicts_with_all = ["fingerprint", "insecure"])]
    ca: Option<PathBuf>,
    /// Trust the certificate with this SHA-256, as the box logs it at its start.
    #[arg(long, global = true, value_name = "HEX", conflicts_with = "insecure")]
    fingerprint: Option<String>,
    /// Trust anybody: whoever stands between sees the admin key.
    #[arg(long, global = true)]
    insecure: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Whether the box does its work
    Health,
    /// Running calls and trunks
    Status,
    /// The trunks: state, targets, calls, limits
    Trunks,
    /// The box's console on this terminal: a menu and commands with help and completion
    Console,
    /// Call records, newest first; `calls show ID` for one call
    #[command(args_conflicts_with_subcommands = true)]
    Calls {
        #[command(subcommand)]
        one: Option<CallsCommand>,
        /// At most so many, 1 to 1000
        #[arg(long, default_value_t = 20)]
        limit: u32,
        /// Only calls behind this place: `next` of the answer before, or a time in ms since 1970
        #[arg(long)]
        before: Option<String>,
        /// Only `running` or `ended` calls
        #[arg(long)]
        state: Option<String>,
        /// Only calls to this number or account
        #[arg(long)]
        to: Option<String>,
    },
    /// One call, running or ended
    Call { id: String },
    /// The context behind the token that a PBX got in its User-to-User header
    Context { token: String },
    /// A trunk
    #[command(subcommand)]
    Trunk(TrunkCommand),
    /// The box's metrics in Prometheus text format
    Metrics,
    /// Draw a secret, and its hash for the configuration
    Secret,
    /// The configuration document
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Ask for a page's token, as an app's server does
    Token {
        /// The app's key
        #[arg(long)]
        app: String,
        /// A file with the app's secret
        #[arg(long, value_name = "FILE")]
        secret_file: PathBuf,
        /// The person it is for
        #[arg(long)]
        account: Option<String>,
        /// Narrow it to this destination; may be repeated
        #[arg(long)]
        to: Vec<String>,
        /// The page it is for
        #[arg(long)]
        page: Option<String>,
        /// Seconds, 10 to 600
        #[arg(long)]
        lifetime: Option<u64>,
    },
}

const SHOW_EXAMPLES: &str = "Examples:
  causeway calls show 9c41d7e2a05b6f13 --ladder      arrows between box and PBX
  causeway calls show 9c41d7e2a05b6f13 --messages    every message in full
  causeway calls show 9c41d7e2a05b6f13 --pcap call.pcap
  tshark -r call.pcap -O sip                         the same in Wireshark's words; sngrep -I call.pcap

Passwords' answers, media keys, digits and User-to-User values are struck out before the box keeps
a message. A running call has its messages, an ended one until the box needs the room (8 MiB).";

#[derive(Debug, Subcommand)]
enum CallsCommand {
    /// One call: its record, or what was said in SIP
    #[command(after_help = SHOW_EXAMPLES)]
    Show {
        /// The call's id, as `causeway calls` shows it
        id: String,
        /// Draw the SIP messages between the box and the PBX
        #[arg(long)]
        ladder: bool,
        /// Print the SIP messages in full
        #[arg(long)]
        messages: bool,
        /// Write the SIP messages as a capture file
        #[arg(long, value_name = "FILE")]
        pcap: Option<PathBuf>,
    },
}

const CHECK_EXAMPLES: &str = "Examples:
  causeway trunk check pbx                 OPTIONS only: nobody's telephone rings
  causeway trunk check pbx --number 600    and four short calls to 600: sound, hold, PRACK, no offer, SRTP
  causeway trunk check pbx --number 600 --json

Take a number that answers by itself, such as an echo or an announcement. The check takes up to two
minutes; what was said in each probe stays as a ladder. Exit status 1: calls would suffer.";

#[derive(Debug, Subcommand)]
enum TrunkCommand {
    /// Try what the PBX does and say it in plain words
    #[command(after_help = CHECK_EXAMPLES)]
    Check {
        /// The trunk's name in the configuration
        name: String,
        /// A number to call
        #[arg(long)]
        number: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Check a document and show every fault with its line
    Check { file: PathBuf },
}

/// How a command ends.
#[derive(Debug)]
enum Failure {
    /// The box or the document said no; the sentence is for standard error.
    BadNews(String),
    /// The question could not be asked.
    Unasked(String),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|fault| Failure::Unasked(fault.to_string()))
        .and_then(|runtime| runtime.block_on(run(&arguments)));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::BadNews(sentence)) => {
            eprintln!("causeway: {sentence}");
            ExitCode::from(1)
        }
        Err(Failure::Unasked(sentence)) => {
            eprintln!("causeway: {sentence}");
            ExitCode::from(2)
        }
    }
}

async fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Arguments {
        connection,
        json,
        command,
    } = arguments;
    let json = *json;
    match command {
        Command::Secret => commands::secret(json),
        Command::Config(ConfigCommand::Check { file }) => document::check(file, json),
        Command::Health => commands::health(connection, json).await,
        Command::Status => commands::status(connection, json).await,
        Command::Trunks => trunks::trunks(connection, json).await,
        // It has nothing to await: one thread for the terminal, one for what runs.
        Command::Console => console::console(connection),
        Command::Calls {
            one:
                Some(CallsCommand::Show {
                    id,
                    ladder,
                    messages,
                    pcap,
                }),
            ..
        } => {
            let wish = commands::Show {
                ladder: *ladder,
                messages: *messages,
                pcap: pcap.as_deref(),
            };
            commands::show(connection, id, wish, json).await
        }
        Command::Calls {
            one: None,
            limit,
            before,
            state,
            to,
        } => {
            let query =
                commands::calls_query(*limit, before.as_deref(), state.as_deref(), to.as_deref());
            commands::calls(connection, &query, json).await
        }
        Command::Call { id } => commands::call(connection, id, json).await,
        Command::Context { token } => commands::context(connection, token, json).await,
        Command::Trunk(TrunkCommand::Check { name, number }) => {
            checkup::check(connection, name, number.as_deref(), json).await
        }
        Command::Metrics => commands::metrics(connection).await,
        Command::Token {
            app,
            secret_file,
            account,
            to,
            page,
            lifetime,
        } => {
            let mut asked = serde_json::json!({
                "app": app,
                "secret": client::secret_of(secret_file)?,
            });
            if let Some(account) = account {
                asked["account"] = account.as_str().into();
            }
            if !to.is_empty() {
                asked["to"] = to.as_slice().into();
            }
            if let Some(page) = page {
                asked["page"] = page.as_str().into();
            }
            if let Some(lifetime) = lifetime {
                asked["lifetime_s"] = (*lifetime).into();
            }
            commands::token(connection, &asked, json).await
        }
    }
}
