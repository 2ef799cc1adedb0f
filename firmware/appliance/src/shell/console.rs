//! The console's shell: what is asked of the box goes through its socket, what is asked of calls and trunks to the program
//! `causeway`.
//!
//! The service behind the socket may be started anew at any moment: then it is waited for, which is said; what was being
//! done is not done twice.

// Of JSON: what is not there is null.
#![allow(clippy::indexing_slicing)]

use super::client::{Client, Outcome};
use super::report::cause_of;
use super::run::aloud;
use crate::document::LARGEST;
use causeway_board::console::{Access, Banner, Command, Console, Trees};
use causeway_board::{ResetCause, Setting};
use causeway_board_linux::{Line, Moved, Post, Shell, Transfer, serve};
use nix::unistd::Uid;
use serde_json::{Value, json};
use std::fmt;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long the service is waited for.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two looks at whether the box got a password elsewhere.
const LOOK: Duration = Duration::from_secs(3);
/// Octets of an update that comes over the line.
const UPDATE: u64 = 300 << 20;
/// Records that `calls` shows.
const CALLS: &str = "20";

/// Where things are.
#[derive(Clone, Debug)]
pub struct Place {
    pub socket: PathBuf,
    /// The program for calls and trunks, and the file with its key.
    pub program: String,
    pub admin_key: PathBuf,
    /// Where files wait that come and go over the line.
    pub files: PathBuf,
}

impl Place {
    /// Of a box whose files are below `root`.
    pub fn below(root: &Path) -> Self {
        Self {
            socket: root.join(super::daemon::SOCKET),
            program: "causeway".to_owned(),
            admin_key: root.join("run/causeway/admin-key"),
            // An update is too large for memory.
            files: match Uid::effective().is_root() {
                true => root.join("var/lib/causeway-maintenance/line"),
                false => std::env::temp_dir().join(format!("causeway-{}", Uid::effective())),
            },
        }
    }

    /// Of a command's file.
    fn waiting(&self, command: &Command<'_>) -> PathBuf {
        self.files.join(match command {
            Command::ReceiveUpdate => "update.raucb",
            Command::Export => "export.toml",
            _ => "import.toml",
        })
    }
}

/// What the box said of itself last.
#[derive(Clone, Debug)]
pub struct Glance {
    value: Value,
}

impl Glance {
    fn text(&self, key: &str) -> &str {
        self.value[key].as_str().unwrap_or_default()
    }

    fn texts(&self, key: &str) -> Vec<&str> {
        let list = self.value[key].as_array();
        list.into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect()
    }

    /// Whether the box has a password.
    pub fn is_guarded(&self) -> bool {
        // Who does not know asks for one.
        self.value["guarded"].as_bool().unwrap_or(true)
    }

    fn state(&self) -> String {
        let state = self.text("state");
        match self.text("code") {
            "" => state.to_owned(),
            code => format!("{state}; code for the set-up page: {code}"),
        }
    }
}

/// Serves a line: session after session on a serial port, one for who has logged in. Ends with the line, or when `stopping` turns true.
///
/// # Errors
/// Of the line.
pub fn attend<L: Line>(
    line: &mut L,
    place: &Place,
    author: &str,
    logged_in: bool,
    columns: Option<usize>,
    stopping: &AtomicBool,
) -> io::Result<()> {
    let epoch = Instant::now();
    while !stopping.load(Ordering::Relaxed) {
        let shell = BoxShell::new(place.clone(), author, logged_in);
        let glance = wait_for_box(line, &shell, stopping)?;
        let access = match (logged_in, glance.is_guarded()) {
            (true, true) => Access::LoggedIn,
            (false, true) => Access::Guarded,
            // Whoever came by SSH has a key, so there is an administrator; then the box was reset meanwhile.
            (_, false) => Access::New,
        };
        let mut console = Console::new(Trees::BOX, glance.text("name"), access);
        console.set_trunks(glance.texts("trunks").into_iter());
        if let Some(columns) = columns {
            console.set_columns(columns);
        }
        let state = glance.state();
        let addresses = glance.texts("addresses");
        let banner = Banner {
            name: glance.text("name"),
            version: glance.text("version"),
            slot: glance.text("slot"),
            state: &state,
            addresses: &addresses,
            reset: reset(&glance),
            fingerprint: glance.text("fingerprint"),
        };
        // Whoever comes next sees how the box is then.
        let over = AtomicBool::new(false);
        shell.ends_with(&over, || {
            let mut looked = Instant::now();
            let mut pulse = || {
                if stopping.load(Ordering::Relaxed) {
                    over.store(true, Ordering::Relaxed);
                }
                // Set up by its page, say: this console must not stay open.
                if access == Access::New && looked.elapsed() >= LOOK {
                    looked = Instant::now();
                    if shell.was_set_up_elsewhere() {
                        over.store(true, Ordering::Relaxed);
                    }
                }
            };
            let post = Post {
                banner: &banner,
                epoch,
                stopping: &over,
            };
            serve(&mut console, line, &shell, post, &mut pulse)
        })?;
        if logged_in {
            return Ok(());
        }
    }
    Ok(())
}

fn reset(glance: &Glance) -> ResetCause {
    cause_of(glance.text("reset"))
}

/// Until the service answers; says so when that takes long, and again every now and then.
fn wait_for_box<L: Line>(
    line: &mut L,
    shell: &BoxShell<'_>,
    stopping: &AtomicBool,
) -> io::Result<Glance> {
    let mut said: Option<Instant> = None;
    let begun = Instant::now();
    loop {
        if let Some(glance) = shell.glance() {
            return Ok(glance);
        }
        if stopping.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let due = said.map_or(begun.elapsed() > Duration::from_secs(2), |at| {
            at.elapsed() > Duration::from_secs(30)
        });
        if due {
            line.write_all(b"\r\nThe box is starting; this console waits for its service.\r\n")?;
            line.flush()?;
            said = Some(Instant::now());
        }
        // What is typed meanwhile is for nobody.
        line.receive(&mut [0; 64], Duration::from_millis(200))?;
    }
}

/// See the module.
pub struct BoxShell<'a> {
    place: Place,
    author: String,
    logged_in: bool,
    client: Mutex<Option<Client>>,
    over: Mutex<Option<&'a AtomicBool>>,
    /// It was this console that set the box up.
    set_up_here: AtomicBool,
}

impl fmt::Debug for BoxShell<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoxShell")
            .field("author", &self.author)
            .finish_non_exhaustive()
    }
}

/// What a request came to, for somebody who waits for words.
enum Came {
    Done(Value),
    Failed {
        why: String,
        code: String,
    },
    /// The service went away in between.
    Lost,
    /// It was not there.
    Absent,
}

/// The last line of a command that failed begins so: a program at the line has no other sign.
fn failed(out: &mut dyn fmt::Write, why: &str) -> fmt::Result {
    match why.trim_end().rsplit_once('\n') {
        Some((all, last)) => writeln!(out, "{all}\n{last}\nFailed: for these reasons."),
        None => writeln!(out, "Failed: {}", why.trim_end()),
    }
}

impl<'a> BoxShell<'a> {
    fn new(place: Place, author: &str, logged_in: bool) -> Self {
        Self {
            place,
            author: author.to_owned(),
            logged_in,
            client: Mutex::new(None),
            over: Mutex::new(None),
            set_up_here: AtomicBool::new(false),
        }
    }

    /// While `job` runs, `over` turns true when whoever is there leaves.
    fn ends_with<T>(&self, over: &'a AtomicBool, job: impl FnOnce() -> T) -> T {
        *self.over.lock().unwrap_or_else(PoisonError::into_inner) = Some(over);
        job()
    }

    fn ask(&self, request: &Value, stop: &AtomicBool, says: &mut dyn FnMut(&str)) -> Came {
        let mut held = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = held.take();
        let mut client = match kept {
            Some(client) => client,
            None => match Client::connect(&self.place.socket, &self.author) {
                Ok(client) => client,
                Err(_) => {
                    says("The box's service is being started; waiting for it.\n");
                    match Client::connect_within(&self.place.socket, &self.author, PATIENCE) {
                        Ok(client) => client,
                        Err(_) => return Came::Absent,
                    }
                }
            },
        };
        match client.ask(request, stop, says) {
            Ok(Outcome::Done(value)) => {
                *held = Some(client);
                Came::Done(value)
            }
            Ok(Outcome::Failed { why, code }) => {
                *held = Some(client);
                Came::Failed { why, code }
            }
            Err(_) => Came::Lost,
        }
    }

    /// Asks, and says what there is to say; what came of it.
    fn carry_out(
        &self,
        request: &Value,
        out: &mut dyn fmt::Write,
        stop: &AtomicBool,
    ) -> Option<Value> {
        let came = self.ask(request, stop, &mut |said| _ = out.write_str(said));
        let _ = match came {
            Came::Done(value) => return Some(value),
            Came::Failed { why, .. } => failed(out, &why),
            Came::Lost if stop.load(Ordering::Relaxed) => writeln!(out, "\nStopped."),
            Came::Lost => writeln!(
                out,
                "Look with show status and show revisions what was done; a draft is gone.\nFailed: the box's service was started anew meanwhile."
            ),
            Came::Absent => failed(out, "the box's service does not answer"),
        };
        None
    }

    /// What is sent is there before the line is taken.
    fn prepare(
        &self,
        command: Command<'_>,
        out: &mut dyn fmt::Write,
        stop: &AtomicBool,
    ) -> io::Result<Option<Transfer>> {
        let path = self.place.waiting(&command);
        if let Some(folder) = path.parent() {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)?;
        }
        let transfer = match command {
            Command::Import => Transfer::Receive {
                to: path,
                limit: LARGEST as u64,
            },
            Command::ReceiveUpdate => Transfer::Receive {
                to: path,
                limit: UPDATE,
            },
            Command::Export => {
                let Some(value) = self.carry_out(&json!({ "do": "export" }), out, stop) else {
                    return Ok(None);
                };
                fs::write(&path, value["text"].as_str().unwrap_or_default())?;
                Transfer::Send {
                    path,
                    name: "causeway.toml".to_owned(),
                }
            }
            Command::SendSupportBundle => {
                let request = json!({ "do": "support_bundle" });
                let Some(value) = self.carry_out(&request, out, stop) else {
                    return Ok(None);
                };
                Transfer::Send {
                    path: PathBuf::from(value["path"].as_str().unwrap_or_default()),
                    name: "causeway-support.tar.gz".to_owned(),
                }
            }
            _ => return Ok(None),
        };
        Ok(Some(transfer))
    }

    fn glance(&self) -> Option<Glance> {
        let mut client = Client::connect(&self.place.socket, &self.author).ok()?;
        let never = AtomicBool::new(false);
        match client.ask(&json!({ "do": "banner" }), &never, &mut |_| {}) {
            Ok(Outcome::Done(value)) => Some(Glance { value }),
            Ok(Outcome::Failed { .. }) | Err(_) => None,
        }
    }

    fn was_set_up_elsewhere(&self) -> bool {
        !self.set_up_here.load(Ordering::Relaxed)
            && self.glance().is_some_and(|glance| glance.is_guarded())
    }

    /// Runs the program for calls and trunks.
    fn program(&self, arguments: &[&str], out: &mut dyn fmt::Write, stop: &AtomicBool) {
        let Some(glance) = self.glance() else {
            let _ = failed(out, "the box's service does not answer");
            return;
        };
        let (url, fingerprint) = (glance.text("url"), glance.text("fingerprint"));
        if url.is_empty() || fingerprint.is_empty() {
            let why = format!("the gateway is not running: {}", glance.text("state"));
            let _ = failed(out, &why);
            return;
        }
        let key = self.place.admin_key.to_string_lossy();
        let connection = [
            "--url",
            url,
            "--fingerprint",
            fingerprint,
            "--admin-key-file",
            &key,
        ];
        let all: Vec<&str> = connection.iter().chain(arguments).copied().collect();
        let ran = aloud(&self.place.program, &all, &mut |line| {
            writeln!(out, "{line}").is_ok() && !stop.load(Ordering::Relaxed)
        });
        if let Err(fault) = ran {
            let _ = failed(out, &fault.to_string());
        }
    }

    fn check_trunk(
        &self,
        trunk: &str,
        number: Option<&str>,
        out: &mut dyn fmt::Write,
        stop: &AtomicBool,
    ) {
        let glance = self.glance();
        let usual = glance.as_ref().map(|glance| glance.text("test_number"));
        let number = number.or(usual.filter(|number| !number.is_empty()));
        let mut arguments = vec!["trunk", "check", trunk];
        arguments.extend(number.map(|_| "--number"));
        arguments.extend(number);
        self.program(&arguments, out, stop);
    }
}

impl Shell for BoxShell<'_> {
    fn is_password(&self, tried: &str) -> bool {
        let never = AtomicBool::new(false);
        let request = json!({ "do": "check_password", "password": tried });
        loop {
            match self.ask(&request, &never, &mut |_| {}) {
                Came::Done(_) => return true,
                // The console's own waits are shorter than the box's after many; it is tried when it may be.
                Came::Failed { code, .. } if code == "wait" => {
                    thread::sleep(Duration::from_millis(500));
                }
                Came::Failed { .. } | Came::Lost | Came::Absent => return false,
            }
        }
    }

    fn run(&self, command: Command<'_>, out: &mut dyn fmt::Write, stop: &AtomicBool) {
        let path = |path: &[&str]| json!(path);
        let request = match command {
            Command::Trunks => return self.program(&["trunks"], out, stop),
            Command::Calls => return self.program(&["calls", "--limit", CALLS], out, stop),
            Command::Call(id) => return self.program(&["call", "--", id], out, stop),
            Command::TrunkCheck { trunk, number } => {
                return self.check_trunk(trunk, number, out, stop);
            }
            Command::Status => json!({ "do": "status" }),
            Command::Version => json!({ "do": "version" }),
            Command::Network => json!({ "do": "network" }),
            Command::Resets => json!({ "do": "resets" }),
            Command::Alarms => json!({ "do": "alarms" }),
            Command::Configuration => json!({ "do": "show" }),
            Command::Draft => json!({ "do": "show", "draft": true }),
            Command::Revisions => json!({ "do": "revisions" }),
            Command::Log(lines) => json!({ "do": "logs", "lines": lines }),
            Command::Set(setting) => json!({
                "do": "set", "path": path(&setting.path), "value": setting.value, "secret": setting.secret,
            }),
            Command::Delete(words) => json!({ "do": "delete", "path": path(&words) }),
            Command::Compare => json!({ "do": "compare" }),
            Command::Discard => json!({ "do": "discard" }),
            Command::Commit { comment } => json!({ "do": "commit", "comment": comment }),
            Command::CommitConfirm { minutes } => {
                json!({ "do": "commit", "confirm_minutes": minutes })
            }
            Command::Confirm => json!({ "do": "confirm" }),
            Command::Revert => json!({ "do": "revert" }),
            Command::Rollback(back) => json!({ "do": "rollback", "back": back }),
            Command::Ping { host, count } => json!({ "do": "ping", "host": host, "count": count }),
            Command::Update(from) => json!({ "do": "update", "source": from }),
            Command::UpdateForced { from, reason } => {
                json!({ "do": "update", "source": from, "force": reason })
            }
            Command::SupportBundle => json!({ "do": "support_bundle" }),
            Command::Password(setting) => json!({ "do": "password", "password": setting.value }),
            Command::SshKey(key) => json!({ "do": "ssh_key", "text": key }),
            Command::Reboot => json!({ "do": "reboot" }),
            Command::FactoryReset => json!({ "do": "factory_reset" }),
            // Each is two steps: `transfer` and `transferred`.
            Command::Export
            | Command::Import
            | Command::ReceiveUpdate
            | Command::SendSupportBundle => return,
        };
        let _ = self.carry_out(&request, out, stop);
    }

    fn transfer(
        &self,
        command: Command<'_>,
        out: &mut dyn fmt::Write,
        stop: &AtomicBool,
    ) -> Option<Transfer> {
        let prepared = self.prepare(command, out, stop);
        if let Err(fault) = &prepared {
            let _ = failed(out, &fault.to_string());
        }
        prepared.ok().flatten()
    }

    fn transferred(
        &self,
        command: Command<'_>,
        moved: &Moved,
        out: &mut dyn fmt::Write,
        stop: &AtomicBool,
    ) {
        let came = matches!(moved, Moved::Received { .. });
        let path = self.place.waiting(&command);
        let request = match command {
            Command::Import if came => fs::read_to_string(&path)
                .map(|text| json!({ "do": "import", "text": text }))
                .map_err(|_| "It is no text."),
            Command::ReceiveUpdate if came => Ok(json!({ "do": "update", "source": path })),
            _ => Err(""),
        };
        match request {
            Ok(request) => _ = self.carry_out(&request, out, stop),
            Err("") => {}
            Err(why) => _ = failed(out, why),
        }
        // What a transfer that failed has left is beside it, for the next try.
        let _ = fs::remove_file(&path);
    }

    fn set_up(&self, settings: &[Setting<'_>], out: &mut dyn fmt::Write) -> bool {
        let settings: Vec<Value> = settings
            .iter()
            .map(|setting| {
                json!({ "path": setting.path.as_slice(), "value": setting.value, "secret": setting.secret })
            })
            .collect();
        let trunk = settings.iter().any(|setting| setting["path"][0] == "trunk");
        let never = AtomicBool::new(false);
        let request = json!({ "do": "set_up", "settings": settings });
        // Before it is known: the box has its password a while before it says so, and who looks in between would think that
        // somebody else had set it.
        self.set_up_here.store(true, Ordering::Relaxed);
        let Some(value) = self.carry_out(&request, out, &never) else {
            self.set_up_here.store(false, Ordering::Relaxed);
            return false;
        };
        if trunk {
            let _ = writeln!(out, "The trunk is tried by: trunk check pbx");
        }
        value["guarded"].as_bool().unwrap_or(false)
    }

    fn left(&self) {
        let mut held = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mut client) = held.take() {
            let never = AtomicBool::new(false);
            let _ = client.ask(&json!({ "do": "left" }), &never, &mut |_| {});
        }
        drop(held);
        let over = *self.over.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(over) = over.filter(|_| !self.logged_in) {
            over.store(true, Ordering::Relaxed);
        }
    }
}
