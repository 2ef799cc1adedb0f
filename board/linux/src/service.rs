//! The console on a line: bytes go in, commands run beside it, what they say comes out.
//!
//! One thread drives the line and the console, so that ^C is heard; a command runs in another and speaks through a bounded
//! channel: one that says more than the line carries waits for it, and so does nothing else.

use crate::line::Line;
use crate::transfer::{Carrier, Moved, Transfer};
use causeway_board::Setting;
use causeway_board::console::{Banner, Command, Console, Event, Request, Terminal};
use std::collections::VecDeque;
use std::fmt::{self, Write as _};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// How long the line is listened to at a time.
const LISTEN: Duration = Duration::from_millis(20);
/// Pieces of output that wait for the line.
const PIECES: usize = 64;
/// Octets of a piece: 0.1 s of a serial line, so that ^C is heard between any two.
const PIECE: usize = 1024;

/// What stands behind the console.
pub trait Shell: Sync {
    /// Whether this is the admin's password.
    fn is_password(&self, tried: &str) -> bool;

    /// Carries a command out and says what came of it. One that failed ends with a line that begins with `Failed: `, for which
    /// programs at the other end look. Ends early when `stop` turns true; nothing it says after that is shown.
    fn run(&self, command: Command<'_>, out: &mut dyn fmt::Write, stop: &AtomicBool);

    /// In place of [`Shell::run`] for a command that [moves a file](Command::moves_a_file): which file, once it can be moved.
    /// None: it cannot, and why was said. The console then carries it, says what came of that, and calls
    /// [`Shell::transferred`].
    fn transfer(
        &self,
        command: Command<'_>,
        out: &mut dyn fmt::Write,
        _stop: &AtomicBool,
    ) -> Option<Transfer> {
        let _ = writeln!(out, "{command:?} is not known here.");
        None
    }

    /// A file that [`Shell::transfer`] named was moved, or was not; the command goes on as in [`Shell::run`].
    fn transferred(
        &self,
        _command: Command<'_>,
        _moved: &Moved,
        _out: &mut dyn fmt::Write,
        _stop: &AtomicBool,
    ) {
    }

    /// Puts what the wizard was told into use; true when the box has a password now.
    fn set_up(&self, settings: &[Setting<'_>], out: &mut dyn fmt::Write) -> bool;

    /// Whoever was there has left.
    fn left(&self);
}

/// What stays the same from one line to the next.
#[derive(Clone, Copy, Debug)]
pub struct Post<'a> {
    pub banner: &'a Banner<'a>,
    /// Since when the console's times count; the same for all its lines.
    pub epoch: Instant,
    /// Ends it.
    pub stopping: &'a AtomicBool,
}

/// Serves one line until it is gone, a session that somebody else let in is over, or `stopping` turns true. `pulse` is called each time round, at the latest after some 5 s
/// on a line that is stuck: a gate that counts it sees that the console moves.
///
/// # Errors
/// Of the line. The console has hung up then and can be served on the line's successor.
pub fn serve<L: Line, S: Shell>(
    console: &mut Console,
    line: &mut L,
    shell: &S,
    post: Post<'_>,
    pulse: &mut dyn FnMut(),
) -> io::Result<()> {
    let mut served = Served {
        console,
        line,
        shell,
        pulse,
        post,
        heard: VecDeque::new(),
    };
    let result = served.all();
    served.console.hang_up();
    shell.left();
    result
}

struct Served<'a, L, S> {
    console: &'a mut Console,
    line: &'a mut L,
    shell: &'a S,
    pulse: &'a mut dyn FnMut(),
    post: Post<'a>,
    /// Come, and not given to the console yet: one reading's at most.
    heard: VecDeque<u8>,
}

/// [`Event`] without what it borrows.
enum Wanted {
    Nothing,
    Greet,
    Unlock(bool),
    Run,
    SetUp,
    Interrupt,
    Lock,
    Leave,
}

fn wanted<S: Shell>(event: Option<Event<'_>>, shell: &S) -> Wanted {
    match event {
        None => Wanted::Nothing,
        Some(Event::Greet) => Wanted::Greet,
        Some(Event::Unlock(tried)) => Wanted::Unlock(shell.is_password(tried.0)),
        Some(Event::Run(_)) => Wanted::Run,
        Some(Event::SetUp) => Wanted::SetUp,
        Some(Event::Interrupt) => Wanted::Interrupt,
        Some(Event::Lock) => Wanted::Lock,
        Some(Event::Leave) => Wanted::Leave,
    }
}

/// A setting that outlives the wizard's borrow.
struct Answer {
    path: Vec<String>,
    value: String,
    secret: bool,
}

impl Answer {
    fn lend(&self) -> Setting<'_> {
        Setting {
            path: self.path.iter().map(String::as_str).collect(),
            value: &self.value,
            secret: self.secret,
        }
    }
}

/// What a command says, on its way to the line.
struct Said {
    pieces: SyncSender<String>,
    piece: String,
}

impl Said {
    fn send(&mut self) -> fmt::Result {
        let piece = std::mem::take(&mut self.piece);
        self.pieces.send(piece).map_err(|_| fmt::Error)
    }
}

impl fmt::Write for Said {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            self.piece.push(c);
            if self.piece.len() >= PIECE || c == '\n' {
                self.send()?;
            }
        }
        Ok(())
    }
}

impl<L: Line, S: Shell> Served<'_, L, S> {
    fn now_ms(&self) -> u64 {
        elapsed_ms(self.post)
    }

    fn is_stopping(&self) -> bool {
        self.post.stopping.load(Ordering::Relaxed)
    }

    fn all(&mut self) -> io::Result<()> {
        let now_ms = self.now_ms();
        self.console.start(self.post.banner, now_ms, self.line)?;
        while !self.is_stopping() {
            let now_ms = self.now_ms();
            let event = self.console.handle_timeout(now_ms, self.line)?;
            let next = wanted(event, self.shell);
            if !self.answer(next)? {
                return Ok(());
            }
            if let Some(octet) = self.listen(LISTEN)? {
                let next = self.octet(octet)?;
                if !self.answer(next)? {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// The next octet; none when none comes within `wait`. What came together with one that began a command is heard while
    /// that runs: it may be ^C.
    fn listen(&mut self, wait: Duration) -> io::Result<Option<u8>> {
        if self.heard.is_empty() {
            (self.pulse)();
            let mut octets = [0; 256];
            let count = self.line.receive(&mut octets, wait)?;
            self.heard.extend(octets.iter().take(count));
        }
        Ok(self.heard.pop_front())
    }

    fn octet(&mut self, octet: u8) -> io::Result<Wanted> {
        let now_ms = self.now_ms();
        let event = self.console.handle_byte(octet, now_ms, self.line)?;
        Ok(wanted(event, self.shell))
    }

    /// Does what is wanted, and whatever was typed ahead wants after it; false when the session is over.
    fn answer(&mut self, mut next: Wanted) -> io::Result<bool> {
        loop {
            match next {
                Wanted::Nothing | Wanted::Interrupt => return Ok(true),
                Wanted::Leave => return Ok(false),
                Wanted::Greet => {
                    let now_ms = self.now_ms();
                    self.console.start(self.post.banner, now_ms, self.line)?;
                }
                Wanted::Lock => {
                    self.shell.left();
                    return Ok(true);
                }
                Wanted::Unlock(true) => self.console.unlock(self.line)?,
                Wanted::Unlock(false) => {
                    let now_ms = self.now_ms();
                    self.console.refuse(now_ms, self.line)?;
                }
                Wanted::Run => {
                    let request = self.console.request();
                    if let Some(request) = &request {
                        self.run(request)?;
                    }
                    self.console.finish(self.line)?;
                }
                Wanted::SetUp => {
                    let owned = |setting: Setting<'_>| Answer {
                        path: setting.path.iter().map(|word| (*word).to_owned()).collect(),
                        value: setting.value.to_owned(),
                        secret: setting.secret,
                    };
                    let answers: Vec<Answer> = self.console.answers().map(owned).collect();
                    let guarded = self.beside(|shell, out, _| {
                        let settings: Vec<Setting<'_>> = answers.iter().map(Answer::lend).collect();
                        shell.set_up(&settings, out)
                    })?;
                    if guarded == Some(true) {
                        self.console.set_guarded(true);
                    }
                    self.console.finish(self.line)?;
                }
            }
            let now_ms = self.now_ms();
            let event = self.console.resume(now_ms, self.line)?;
            next = wanted(event, self.shell);
        }
    }

    fn run(&mut self, request: &Request) -> io::Result<()> {
        if !request
            .command()
            .is_some_and(|command| command.moves_a_file())
        {
            let run = |shell: &S, out: &mut dyn fmt::Write, stop: &AtomicBool| {
                if let Some(command) = request.command() {
                    shell.run(command, out, stop);
                }
            };
            return self.beside(run).map(drop);
        }
        let wanted = self.beside(|shell, out, stop| {
            let command = request.command()?;
            shell.transfer(command, out, stop)
        })?;
        let Some(transfer) = wanted.flatten() else {
            return Ok(());
        };
        let post = self.post;
        // What was typed ahead is no part of a file.
        self.heard.clear();
        let mut carrier = Carrier {
            line: &mut *self.line,
            now_ms: &|| elapsed_ms(post),
            is_stopping: &|| post.stopping.load(Ordering::Relaxed),
            pulse: &mut *self.pulse,
        };
        let moved = carrier.carry(&transfer, |line, text| show(line, text))?;
        self.show(&moved.to_string())?;
        self.beside(|shell, out, stop| {
            if let Some(command) = request.command() {
                shell.transferred(command, &moved, out, stop);
            }
        })
        .map(drop)
    }

    /// Runs `job` in a thread of its own, shows what it says and hears ^C meanwhile. None: it panicked, which is said.
    fn beside<T: Send>(
        &mut self,
        job: impl FnOnce(&S, &mut dyn fmt::Write, &AtomicBool) -> T + Send,
    ) -> io::Result<Option<T>> {
        let stop = AtomicBool::new(false);
        let (pieces, said) = sync_channel(PIECES);
        let shell = self.shell;
        let done = thread::scope(|scope| {
            let worker = scope.spawn(|| {
                let mut out = Said {
                    pieces,
                    piece: String::new(),
                };
                let result = job(shell, &mut out, &stop);
                let _ = out.send();
                result
            });
            let heard = self.attend(said, &stop);
            // The channel is closed: one that still speaks gets an error and ends.
            stop.store(true, Ordering::Relaxed);
            let done = worker.join();
            heard.map(|()| done.ok())
        })?;
        if done.is_none() {
            self.show("The command failed; this is a fault of the box.\n")?;
        }
        Ok(done)
    }

    /// Until nobody speaks any more.
    fn attend(&mut self, said: Receiver<String>, stop: &AtomicBool) -> io::Result<()> {
        loop {
            let wait = match said.try_recv() {
                Ok(piece) => {
                    if !stop.load(Ordering::Relaxed) {
                        self.show(&piece)?;
                    }
                    Duration::ZERO
                }
                Err(TryRecvError::Disconnected) => return Ok(()),
                Err(TryRecvError::Empty) => LISTEN,
            };
            if self.is_stopping() {
                stop.store(true, Ordering::Relaxed);
            }
            if let Some(octet) = self.listen(wait)?
                && let Wanted::Interrupt = self.octet(octet)?
            {
                stop.store(true, Ordering::Relaxed);
            }
        }
    }

    fn show(&mut self, text: &str) -> io::Result<()> {
        show(self.line, text)
    }
}

fn show<L: Line>(line: &mut L, text: &str) -> io::Result<()> {
    let mut terminal = Terminal::new(line);
    let _ = terminal.write_str(text);
    terminal.finish()
}

fn elapsed_ms(post: Post<'_>) -> u64 {
    u64::try_from(post.epoch.elapsed().as_millis()).unwrap_or(u64::MAX)
}
