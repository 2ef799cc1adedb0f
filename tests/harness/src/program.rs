//! A started program: its lines as they come, its end by its own process group.

use std::collections::VecDeque;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::sys::prctl;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, timeout, timeout_at};

use crate::error::{Doing, HarnessError, Result};

/// How many of a program's last lines are kept.
const KEPT: usize = 4000;
/// How long a program may take to end on its own.
const GRACE: Duration = Duration::from_secs(10);

/// What a browser says at length about the desktop and the sound card it does not find.
const NOISE: [&str; 3] = ["dbus/", "ALSA lib", "alsa_util.cc"];

/// A running program that this process started.
#[derive(Debug)]
pub struct Program {
    name: String,
    child: Child,
    group: Pid,
    stdin: Option<ChildStdin>,
    log: Arc<Log>,
}

#[derive(Debug, Default)]
struct Log {
    lines: Mutex<Lines>,
    grown: Notify,
}

#[derive(Debug, Default)]
struct Lines {
    kept: VecDeque<String>,
    /// How many lines went before the kept ones.
    dropped: usize,
}

impl Log {
    fn push(&self, line: String) {
        if NOISE.iter().any(|noise| line.contains(noise)) {
            return;
        }
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.kept.len() == KEPT {
            lines.kept.pop_front();
            lines.dropped += 1;
        }
        lines.kept.push_back(line);
        drop(lines);
        self.grown.notify_waiters();
    }

    fn find(&self, from: usize, wanted: &(dyn Fn(&str) -> bool + Sync)) -> Option<(usize, String)> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let skip = from.saturating_sub(lines.dropped);
        let found = lines
            .kept
            .iter()
            .enumerate()
            .skip(skip)
            .find(|(_, line)| wanted(line));
        found.map(|(at, line)| (lines.dropped + at + 1, line.clone()))
    }
}

/// A place in a program's log: what is looked for later comes after it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LogMark(usize);

impl Program {
    /// Starts `command` in a process group of its own. Its standard output goes line by line to `output` where one is
    /// given, and into the log otherwise; its standard error always goes into the log.
    pub fn start(
        name: &str,
        mut command: Command,
        output: Option<mpsc::UnboundedSender<String>>,
    ) -> Result<Self> {
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        let parent = nix::unistd::getpid();
        // SAFETY: both calls are async-signal-safe.
        unsafe {
            command.pre_exec(move || {
                // When this process is killed outright, nothing is left behind all the same.
                prctl::set_pdeathsig(Signal::SIGKILL)?;
                if nix::unistd::getppid() == parent {
                    Ok(())
                } else {
                    Err(std::io::Error::other("the parent is gone"))
                }
            });
        }
        let mut child = command.spawn().doing(&format!("cannot start {name}"))?;
        let id = child.id().doing(&format!("{name} ended at once"))?;
        let group = Pid::from_raw(i32::try_from(id).doing("process id")?);
        let log = Arc::new(Log::default());
        let stdout = child.stdout.take().doing("a piped stdout")?;
        let stderr = child.stderr.take().doing("a piped stderr")?;
        match output {
            Some(output) => tokio::spawn(read(stdout, move |line| {
                let _ = output.send(line);
            })),
            None => tokio::spawn(read(stdout, into(&log))),
        };
        tokio::spawn(read(stderr, into(&log)));
        Ok(Self {
            name: name.to_owned(),
            stdin: child.stdin.take(),
            child,
            group,
            log,
        })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.group.as_raw().unsigned_abs()
    }

    /// Writes one line to its standard input.
    pub async fn write_line(&mut self, line: &str) -> Result<()> {
        let name = &self.name;
        let stdin = self
            .stdin
            .as_mut()
            .doing(&format!("{name} takes no more input"))?;
        stdin
            .write_all(format!("{line}\n").as_bytes())
            .await
            .doing(&format!("writing to {name}"))?;
        stdin.flush().await.doing(&format!("writing to {name}"))
    }

    /// How it ended, when it has.
    pub fn ended(&mut self) -> Option<std::process::ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// The end of the log as it is now.
    pub fn mark(&self) -> LogMark {
        let lines = self
            .log
            .lines
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        LogMark(lines.dropped + lines.kept.len())
    }

    /// Waits for a logged line after `from` that is `wanted`; the line, and the place after it.
    pub async fn logged(
        &self,
        from: LogMark,
        what: &str,
        within: Duration,
        wanted: impl Fn(&str) -> bool + Sync,
    ) -> Result<(LogMark, String)> {
        let deadline = Instant::now() + within;
        loop {
            let grown = self.log.grown.notified();
            tokio::pin!(grown);
            grown.as_mut().enable();
            if let Some((at, line)) = self.log.find(from.0, &wanted) {
                return Ok((LogMark(at), line));
            }
            if timeout_at(deadline, grown).await.is_err() {
                let tail = self.tail(30);
                return Err(HarnessError::new(format!(
                    "{} did not log {what} within {within:?}; its last lines:\n{tail}",
                    self.name
                )));
            }
        }
    }

    /// The last `count` lines of the log.
    pub fn tail(&self, count: usize) -> String {
        let lines = self
            .log
            .lines
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let skip = lines.kept.len().saturating_sub(count);
        lines
            .kept
            .iter()
            .skip(skip)
            .map(|line| format!("    {line}\n"))
            .collect()
    }

    /// Every logged line that is `wanted`, of those still kept.
    pub fn lines(&self, wanted: impl Fn(&str) -> bool) -> Vec<String> {
        let lines = self
            .log
            .lines
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        lines
            .kept
            .iter()
            .filter(|line| wanted(line))
            .cloned()
            .collect()
    }

    /// Asks it to end, waits, and ends it by force when it does not. Success says that it ended on its own.
    pub async fn stop(mut self) -> Result<std::process::ExitStatus> {
        drop(self.stdin.take());
        if self.ended().is_none() {
            let _ = kill(self.group, Signal::SIGTERM);
        }
        match timeout(GRACE, self.child.wait()).await {
            Ok(status) => {
                let status = status.doing(&self.name)?;
                // Whatever it started and left behind goes too.
                let _ = killpg(self.group, Signal::SIGKILL);
                Ok(status)
            }
            Err(_) => {
                let _ = killpg(self.group, Signal::SIGKILL);
                let _ = self.child.wait().await;
                Err(HarnessError::new(format!(
                    "{} did not end within {GRACE:?} of being asked; its last lines:\n{}",
                    self.name,
                    self.tail(30)
                )))
            }
        }
    }

    /// Ends it at once, without asking.
    pub async fn kill(mut self) -> Result<()> {
        let _ = killpg(self.group, Signal::SIGKILL);
        self.child.wait().await.doing(&self.name).map(|_| ())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if self.child.id().is_some() {
            let _ = killpg(self.group, Signal::SIGKILL);
            // Not waited for with patience: it was killed, and a zombie would only last as long as this process.
            for _ in 0..200 {
                if self.child.try_wait().is_ok_and(|s| s.is_some()) {
                    break;
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        if std::thread::panicking() {
            eprintln!("── the last lines of {}:\n{}", self.name, self.tail(60));
        }
    }
}

fn into(log: &Arc<Log>) -> impl Fn(String) + Send + 'static {
    let log = Arc::clone(log);
    move |line| log.push(line)
}

async fn read(stream: impl AsyncRead + Unpin, sink: impl Fn(String) + Send + 'static) {
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    while let Ok(n) = reader.read_until(b'\n', &mut line).await {
        if n == 0 {
            return;
        }
        sink(String::from_utf8_lossy(&line).trim_end().to_owned());
        line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[tokio::test]
    async fn a_line_is_waited_for_and_the_end_is_orderly() {
        let program =
            Program::start("sh", shell("echo one; echo two >&2; exec sleep 30"), None).unwrap();
        let (_, line) = program
            .logged(LogMark::default(), "two", GRACE, |l| l == "two")
            .await
            .unwrap();
        assert_eq!(line, "two");
        let late = program
            .logged(program.mark(), "three", Duration::from_millis(50), |l| {
                l == "three"
            })
            .await;
        assert!(late.is_err());
        assert!(!program.stop().await.unwrap().success());
    }

    #[tokio::test]
    async fn what_a_dropped_program_started_ends_with_it() {
        let program = Program::start("sh", shell("sleep 61 & echo $!; wait"), None).unwrap();
        let (_, line) = program
            .logged(LogMark::default(), "a pid", GRACE, |l| !l.is_empty())
            .await
            .unwrap();
        drop(program);
        for _ in 0..100 {
            let state = std::fs::read_to_string(format!("/proc/{line}/stat")).unwrap_or_default();
            if state.is_empty() || state.contains(") Z ") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("process {line} still runs");
    }

    #[tokio::test]
    async fn commands_go_in_and_output_comes_out_apart_from_the_log() {
        let (output, mut lines) = mpsc::unbounded_channel();
        let mut program = Program::start("cat", shell("cat"), Some(output)).unwrap();
        program.write_line("hello").await.unwrap();
        assert_eq!(
            timeout(GRACE, lines.recv()).await.unwrap().unwrap(),
            "hello"
        );
        program.stop().await.unwrap();
    }
}
