//! The terminal this program was started on.

use crate::{Failure, is_watched};
use causeway_cable::Line;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{self, LocalFlags, SetArg, Termios};
use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::time::Duration;

/// Ctrl-]
const LEAVE: u8 = 0x1d;
/// Columns of the bar.
const BAR: usize = 40;

/// Gives the terminal back as it was.
struct Restored(Termios);

impl Restored {
    fn change(change: impl FnOnce(&mut Termios)) -> io::Result<Self> {
        let before = termios::tcgetattr(io::stdin())?;
        let mut now = before.clone();
        change(&mut now);
        termios::tcsetattr(io::stdin(), SetArg::TCSADRAIN, &now)?;
        Ok(Self(before))
    }
}

impl Drop for Restored {
    fn drop(&mut self) {
        let _ = termios::tcsetattr(io::stdin(), SetArg::TCSADRAIN, &self.0);
    }
}

/// Keys go to the box, and what it prints to the terminal, until Ctrl-].
pub fn console(mut line: Box<dyn Line>) -> io::Result<()> {
    if !io::stdin().is_terminal() {
        return Err(io::Error::other(
            "the console needs a terminal; run gives commands without one",
        ));
    }
    eprintln!("Ctrl-] leaves.");
    let _raw = Restored::change(termios::cfmakeraw)?;
    let (mut keys, mut screen) = (io::stdin(), io::stdout());
    let mut octets = [0; 1024];
    loop {
        let mut typed = [PollFd::new(keys.as_fd(), PollFlags::POLLIN)];
        if poll(&mut typed, PollTimeout::ZERO)? > 0 {
            let count = keys.read(&mut octets)?;
            let typed = octets.get(..count).unwrap_or_default();
            if count == 0 || typed.contains(&LEAVE) {
                screen.write_all(b"\r\n")?;
                return screen.flush();
            }
            line.send(typed)?;
        }
        let count = line.receive(&mut octets, Duration::from_millis(10))?;
        screen.write_all(octets.get(..count).unwrap_or_default())?;
        screen.flush()?;
    }
}

/// Asks for something that is not shown.
pub fn secret(prompt: &str) -> Result<String, Failure> {
    if !io::stdin().is_terminal() {
        return Err(format!(
            "{}: there is no terminal to ask at",
            prompt.trim_end_matches([':', ' '])
        )
        .into());
    }
    eprint!("{prompt}");
    let _silent = Restored::change(|now| now.local_flags.remove(LocalFlags::ECHO))?;
    let mut text = String::new();
    io::stdin().read_line(&mut text)?;
    eprintln!();
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// The same twice.
pub fn new_secret(what: &str) -> Result<String, Failure> {
    let first = secret(&format!("{what}: "))?;
    let again = secret("The same again: ")?;
    if first != again {
        return Err("the two are not the same".into());
    }
    Ok(first)
}

/// A bar where somebody watches.
pub fn progress(done: u64, all: u64) {
    if !is_watched() {
        return;
    }
    let part = |of: u64| done.saturating_mul(of).checked_div(all).unwrap_or(of);
    let full = usize::try_from(part(BAR as u64)).unwrap_or(BAR).min(BAR);
    let end = if done >= all { "\n" } else { "" };
    eprint!("\r[{:<BAR$}] {:>3} %{end}", "#".repeat(full), part(100));
}
