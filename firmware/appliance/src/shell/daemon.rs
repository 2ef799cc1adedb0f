//! `causeway-boxd`: the service behind its socket, and the machine that follows it.
//!
//! | thread | what |
//! |---|---|
//! | main | trials' ends, addresses that come and go, the service manager's watchdog |
//! | one a connection, [`CONNECTIONS`] at most | requests, one after the other |
//! | one while something has to follow that nobody asked for | files and programs |
//!
//! The core is behind one lock, which is held while nothing but files of the configuration are written. The watchdog is fed
//! only by a round in which that lock was had.

use super::machine::{ADMIN_ID, GATEWAY_ID, Machine};
use super::report;
use super::stick::Seen;
use super::upkeep::Watched;
use crate::apply::{Action, plan, superfluous};
use crate::document::{Checked, validate, without_calls};
use crate::keep::PrivateFolder;
use crate::render::{Facts, GATEWAY, render};
use crate::service::{Moment, Peer, Service, Who};
use crate::wire::{Answer, LONGEST_LINE, Refusal, Request, read_hello, read_request};
use causeway_board::Watchdog as _;
use causeway_board_linux::Notifier;
use causeway_maintenance::update::Version;
use causeway_maintenance::update::store::{self, Taken};
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::unistd::Uid;
use serde_json::Value;
use std::fs::{self, Permissions};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};
use toml_edit::DocumentMut;

/// Connections at once.
pub const CONNECTIONS: usize = 32;
/// Below the root.
pub const SOCKET: &str = "run/causeway/box.sock";
/// Of the configuration.
pub const STATE: &str = "var/lib/causeway-box";

const TICK: Duration = Duration::from_millis(100);
/// Between two looks at the interfaces.
const LOOK: Duration = Duration::from_secs(2);
/// Who does not read for so long is gone.
const STALLED: Duration = Duration::from_secs(10);

/// What the machine does.
#[derive(Debug, Default)]
pub(super) struct Applied {
    pub(super) facts: Facts,
    /// Why the gateway is not running; what went wrong.
    pub(super) faults: Vec<String>,
    /// The gateway's document; empty: it has none.
    pub(super) gateway: String,
}

/// See the module.
#[derive(Debug)]
pub struct Daemon {
    pub(super) machine: Machine,
    service: Mutex<Service<PrivateFolder>>,
    applied: Mutex<Applied>,
    following: AtomicBool,
    looking: AtomicBool,
    connections: AtomicUsize,
    stopping: AtomicBool,
    watched: Mutex<Watched>,
}

/// Random octets of the system.
///
/// # Panics
/// When the kernel has none: no secret the box draws is one then.
#[allow(clippy::panic)]
fn lots(octets: &mut [u8]) {
    if let Err(fault) = getrandom::fill(octets) {
        panic!("the system gives no random numbers: {fault}");
    }
}

fn unix_time() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

impl Daemon {
    /// Reads what is in force. Where the disk of the configuration cannot be used, a folder in memory takes its place until the next start.
    ///
    /// # Errors
    /// When that cannot be used either.
    pub fn open(machine: Machine) -> io::Result<Arc<Self>> {
        let open = |state: &str| -> io::Result<Service<PrivateFolder>> {
            let private = PrivateFolder::open(machine.path(state))?;
            let revisions = PrivateFolder::open(machine.path(state).join("revisions"))?;
            let moment = Moment {
                now: Instant::now(),
                at: unix_time(),
                lots: &mut lots,
            };
            Service::open(revisions, private, moment).map_err(io::Error::other)
        };
        let mut faults = Vec::new();
        // Before anybody reads it.
        match Version::parse(&report::version(&machine))
            .map(|own| store::take(machine.root(), &own))
        {
            Some(Ok(Taken::Inherited { from })) => {
                eprintln!("The configuration came from version {from}.");
            }
            Some(Ok(Taken::PutBack { newer })) => {
                faults.push(format!("This version's own configuration is in force again, as it was before version {newer}."));
            }
            Some(Ok(Taken::Own | Taken::New)) | None => {}
            Some(Err(fault)) => {
                eprintln!("A later fallback may find this version's configuration: {fault}.");
            }
        }
        let service = open(STATE).or_else(|fault| {
            faults.push(format!("The disk of the configuration cannot be used: {fault}. Nothing that is set up now outlives the next start."));
            open("run/causeway-volatile")
        })?;
        // The console's program may write nowhere else.
        let _ = fs::create_dir_all(machine.path("var/lib/causeway-maintenance/line"));
        for line in service.told().iter().chain(&faults) {
            eprintln!("{line}");
        }
        fs::create_dir_all(machine.path("run/causeway"))?;
        report::note_start(&machine, &crate::service::utc(unix_time()));
        Ok(Arc::new(Self {
            machine,
            service: Mutex::new(service),
            applied: Mutex::new(Applied::default()),
            following: AtomicBool::new(false),
            looking: AtomicBool::new(false),
            connections: AtomicUsize::new(0),
            stopping: AtomicBool::new(false),
            watched: Mutex::default(),
        }))
    }

    /// Ends [`Daemon::run`].
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Listens and follows until [`Daemon::stop`].
    ///
    /// # Errors
    /// When the socket cannot be opened.
    pub fn run(self: &Arc<Self>, mut notifier: Option<Notifier>) -> io::Result<()> {
        // Who finds the socket finds the machine as it should be.
        self.follow(&mut |line| eprint!("{line}"));
        let path = self.machine.path(SOCKET);
        match fs::remove_file(&path) {
            Err(fault) if fault.kind() != io::ErrorKind::NotFound => return Err(fault),
            Ok(()) | Err(_) => {}
        }
        let listener = UnixListener::bind(&path)?;
        // Who connects is asked for by name, below.
        fs::set_permissions(&path, Permissions::from_mode(0o666))?;
        let daemon = Arc::clone(self);
        thread::spawn(move || daemon.listen(&listener));
        let daemon = Arc::clone(self);
        thread::spawn(move || daemon.watch());
        if let Some(notifier) = &notifier {
            let _ = notifier.ready();
        }
        let feed_every = notifier
            .as_ref()
            .and_then(Notifier::watchdog)
            .map(|most| most / 3);
        let (mut fed, mut looked) = (Instant::now(), Instant::now());
        let mut seen = None;
        while !self.stopping.load(Ordering::Relaxed) {
            let now = Instant::now();
            let reverted = self.service().handle_timeout(now);
            if let Some(reverted) = &reverted {
                eprintln!(
                    "Revision {} was not confirmed: revision {} is in force again.",
                    reverted.from, reverted.to
                );
            }
            let mut follows = reverted.is_some();
            if now.duration_since(looked) >= LOOK {
                looked = now;
                follows |= self.addresses_differ();
                let there = self.stick();
                if there != seen && self.look_beside(there.as_ref()) {
                    seen = there;
                }
            }
            if follows {
                self.follow_beside();
            }
            if let Some(notifier) = &mut notifier
                && feed_every.is_some_and(|every| now.duration_since(fed) >= every)
            {
                fed = now;
                let _ = notifier.feed();
            }
            thread::sleep(TICK);
        }
        if let Some(notifier) = &notifier {
            let _ = notifier.stopping();
        }
        let _ = UnixStream::connect(&path);
        let _ = fs::remove_file(&path);
        Ok(())
    }

    /// One that panicked with the lock has left nothing half done: files are replaced whole.
    pub(super) fn service(&self) -> MutexGuard<'_, Service<PrivateFolder>> {
        self.service.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The core, with what it cannot know by itself.
    pub(super) fn with_moment<T>(
        &self,
        job: impl FnOnce(&mut Service<PrivateFolder>, Moment<'_>) -> T,
    ) -> T {
        let moment = Moment {
            now: Instant::now(),
            at: unix_time(),
            lots: &mut lots,
        };
        job(&mut self.service(), moment)
    }

    pub(super) fn watched(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    pub(super) fn applied(&self) -> MutexGuard<'_, Applied> {
        self.applied.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn addresses_differ(&self) -> bool {
        match self.applied.try_lock() {
            Ok(applied) => self.machine.facts().or_before(&applied.facts) != applied.facts,
            // Somebody is about it.
            Err(_) => false,
        }
    }

    /// Looks at a stick in a thread of its own; false when the next look has to try again.
    fn look_beside(self: &Arc<Self>, there: Option<&Seen>) -> bool {
        let Some(stick) = there.cloned() else {
            return true;
        };
        if self.looking.swap(true, Ordering::AcqRel) {
            return false;
        }
        let daemon = Arc::clone(self);
        thread::spawn(move || {
            daemon.look_at(&stick);
            daemon.looking.store(false, Ordering::Release);
        });
        true
    }

    /// In a thread of its own; the next look tries again when one is at work.
    fn follow_beside(self: &Arc<Self>) {
        if !self.following.swap(true, Ordering::AcqRel) {
            let daemon = Arc::clone(self);
            thread::spawn(move || {
                daemon.follow(&mut |line| eprint!("{line}"));
                daemon.following.store(false, Ordering::Release);
            });
        }
    }

    /// Brings the machine's files to what is in force, and tells the programs whose files differ.
    pub(super) fn follow(&self, says: &mut dyn FnMut(&str)) {
        let mut applied = self.applied();
        let (text, secrets, guarded) = {
            let service = self.service();
            (
                service.text().to_owned(),
                service.secrets().clone(),
                service.is_guarded(),
            )
        };
        // A gateway that cannot stand is left to administrators; what was committed stays in force.
        let text = match self.watched().safe_mode.reason() {
            Some(_) => without_calls(&text),
            None => text,
        };
        let facts = self.machine.facts().or_before(&applied.facts);
        let (Ok(Checked { own, .. }), Ok(document)) =
            (validate(&text), text.parse::<DocumentMut>())
        else {
            applied.faults = vec!["what is in force cannot be used".to_owned()];
            return;
        };
        let rendered = render(&document, &own, &secrets, &facts, guarded);
        let before = self.machine.lies_there();
        let mut actions = plan(&before, &rendered.files);
        applied.faults.clear();
        let mut differ: Vec<&crate::render::File> = rendered
            .files
            .iter()
            .filter(|file| before.get(file.path) != Some(&file.text))
            .collect();
        let gone: Vec<&str> = superfluous(&before, &rendered.files).collect();
        if !differ.is_empty() || !gone.is_empty() || !actions.is_empty() {
            let mut faults = Vec::new();
            let mut note = |what: &str, result: Result<(), String>| {
                if let Err(fault) = result {
                    faults.push(format!("{what}: {fault}"));
                }
            };
            note(
                "run",
                self.machine.begin().map_err(|fault| fault.to_string()),
            );
            // The gateway's last: it is started by what is there.
            differ.sort_by_key(|file| file.path == GATEWAY);
            for file in differ {
                note(
                    file.path,
                    self.machine.put(file).map_err(|fault| fault.to_string()),
                );
            }
            for path in gone {
                note(
                    path,
                    self.machine.remove(path).map_err(|fault| fault.to_string()),
                );
            }
            actions.dedup();
            for action in &actions {
                if let Some(line) = told(action) {
                    says(line);
                }
                note(&format!("{action:?}"), self.machine.act(action));
            }
            self.machine.finish();
            for fault in &faults {
                says(&format!("Not done: {fault}\n"));
            }
            applied.faults = faults;
        }
        if let Some(why) = &rendered.unready {
            applied.faults.push(why.to_string());
        }
        if rendered.missing_secrets > 0 {
            applied
                .faults
                .push("a secret is missing: set it anew".to_owned());
        }
        let gateway = rendered.files.into_iter().find(|file| file.path == GATEWAY);
        applied.gateway = gateway.map(|file| file.text).unwrap_or_default();
        applied.facts = facts;
    }

    fn listen(self: &Arc<Self>, listener: &UnixListener) {
        for stream in listener.incoming() {
            if self.stopping.load(Ordering::Relaxed) {
                return;
            }
            let Ok(stream) = stream else {
                // Out of descriptors: there will be some.
                thread::sleep(TICK);
                continue;
            };
            if self.connections.fetch_add(1, Ordering::AcqRel) >= CONNECTIONS {
                self.connections.fetch_sub(1, Ordering::AcqRel);
                let refusal = Refusal::new("busy", "too many connections");
                let _ = (&stream).write_all(Answer::from(refusal).to_line().as_bytes());
                continue;
            }
            let daemon = Arc::clone(self);
            thread::spawn(move || {
                let counted = Counted(&daemon.connections);
                let _ = daemon.attend(&stream);
                let _ = stream.shutdown(Shutdown::Both);
                drop(counted);
            });
        }
    }

    fn attend(&self, stream: &UnixStream) -> io::Result<()> {
        stream.set_read_timeout(Some(TICK))?;
        stream.set_write_timeout(Some(STALLED))?;
        let mut out = Out {
            stream,
            gone: false,
        };
        let uid = getsockopt(stream, PeerCredentials)?.uid();
        let peer = match uid {
            GATEWAY_ID => Peer::Gateway,
            ADMIN_ID => Peer::Admin,
            uid if uid == 0 || uid == Uid::effective().as_raw() => Peer::Root,
            _ => {
                out.answer(&Refusal::new("peer", "this socket is not for you").into());
                return Ok(());
            }
        };
        let mut reader = BufReader::new(stream);
        let Some(line) = self.line(&mut reader)? else {
            return Ok(());
        };
        let author = match read_hello(&line) {
            Ok(author) => author,
            Err(why) => {
                out.answer(&Refusal::new("request", why.to_string()).into());
                return Ok(());
            }
        };
        let who = Who { peer, author };
        while !out.gone {
            let Some(line) = self.line(&mut reader)? else {
                return Ok(());
            };
            let answer = match read_request(&line) {
                Ok(request) => self.answer(&who, &request, &mut out),
                Err(why) => Refusal::new("request", why.to_string()).into(),
            };
            out.answer(&answer);
        }
        Ok(())
    }

    fn answer(&self, who: &Who, request: &Request, out: &mut Out<'_>) -> Answer {
        if let Err(refusal) = self.allowed(who, request) {
            return refusal.into();
        }
        let reply =
            self.with_moment(|service, moment| service.handle_request(who, request, moment));
        let result = match reply {
            Some(reply) => {
                out.say(&reply.says);
                if reply.changed {
                    // What broke the gateway may be another now.
                    let _ = self.watched().safe_mode.leave();
                    self.follow(&mut |line| out.say(line));
                }
                reply.result
            }
            None => self.machine_request(who, request, out),
        };
        match result {
            Ok(value) => Answer::Done(value),
            Err(refusal) => refusal.into(),
        }
    }

    /// Before there is an administrator, the gateway's user is nobody's but the page's of the first set-up.
    fn allowed(&self, who: &Who, request: &Request) -> Result<(), Refusal> {
        let page = matches!(
            request,
            Request::SetUp { .. } | Request::Banner | Request::Version | Request::Left
        );
        match who.peer {
            Peer::Gateway if !page && !self.service().is_guarded() => {
                Err(Refusal::new("not_set_up", "the box has to be set up first"))
            }
            Peer::Root | Peer::Gateway | Peer::Admin => Ok(()),
        }
    }

    /// The next line; none at the end.
    fn line(&self, reader: &mut BufReader<&UnixStream>) -> io::Result<Option<String>> {
        let mut line = Vec::new();
        loop {
            let room = (LONGEST_LINE + 1).saturating_sub(line.len()) as u64;
            match reader.by_ref().take(room).read_until(b'\n', &mut line) {
                Ok(_) if line.ends_with(b"\n") => {
                    return String::from_utf8(line).map(Some).map_err(io::Error::other);
                }
                // The end, or longer than any request.
                Ok(_) => return Ok(None),
                Err(fault)
                    if matches!(
                        fault.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                    ) => {}
                Err(fault) => return Err(fault),
            }
            if self.stopping.load(Ordering::Relaxed) {
                return Ok(None);
            }
        }
    }
}

/// What somebody should know before it happens to their call.
fn told(action: &Action) -> Option<&'static str> {
    match action {
        Action::RestartGateway => Some("The gateway is started anew; calls end.\n"),
        Action::ReloadGateway => Some("The gateway follows; calls go on.\n"),
        Action::StartGateway => Some("The gateway is started.\n"),
        Action::StopGateway => Some("The gateway is stopped.\n"),
        Action::ReloadNetwork => {
            Some("The network follows: who came over it may have to come again.\n")
        }
        Action::StopSetUp
        | Action::StartSetUp
        | Action::SetHostName(_)
        | Action::LoadFirewall
        | Action::ReloadTime
        | Action::RestartSyslog
        | Action::StopSyslog
        | Action::StartSsh
        | Action::StopSsh => None,
    }
}

/// A connection that ends is counted, however it ends.
struct Counted<'a>(&'a AtomicUsize);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Where answers go.
pub(super) struct Out<'a> {
    stream: &'a UnixStream,
    /// Nobody reads them any more.
    gone: bool,
}

impl Out<'_> {
    pub(super) fn answer(&mut self, answer: &Answer) {
        if !self.gone {
            self.gone = self.stream.write_all(answer.to_line().as_bytes()).is_err();
        }
    }

    /// Text for people, however long.
    pub(super) fn say(&mut self, text: &str) {
        let mut rest = text;
        while !rest.is_empty() {
            let end = (0..=rest.len().min(LONGEST_LINE / 8))
                .rev()
                .find(|at| rest.is_char_boundary(*at));
            let (piece, further) = rest.split_at(end.unwrap_or(rest.len()));
            self.answer(&Answer::Say(piece.to_owned()));
            rest = further;
        }
    }

    /// False when nobody reads any more.
    pub(super) const fn is_heard(&self) -> bool {
        !self.gone
    }
}

/// The type of what a request comes to.
pub(super) type Outcome = Result<Value, Refusal>;
