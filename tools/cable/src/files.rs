//! A file over the cable: by YMODEM, after a command that makes the console step aside.

use crate::error::CableError;
use crate::line::Line;
use crate::prompt::Prompt;
use crate::session::{Buried, Session};
use causeway_board::transfer::{Header, Received, Receiver, Sender, Sent, TransferError};
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

/// The line before the console steps aside ends so.
const ASIDE: &str = "^C leaves.";
/// Listening at a time.
const LISTEN: Duration = Duration::from_millis(10);

/// Called now and then with octets moved and octets in all.
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64);

/// What the box said of a file, beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Octets of the file.
    pub octets: u64,
    /// Hexadecimal; the same at both ends.
    pub sha256: String,
    /// Octets that an earlier attempt had brought.
    pub went_on_at: u64,
    /// Everything else that the box printed.
    pub text: String,
}

impl<L: Line> Session<L> {
    /// Sends the file at `path` as `name` after `command`: `update receive`, `import`. Where the box has the begin of this
    /// very file from an earlier attempt, it goes on there. Waits until the command has ended.
    ///
    /// # Errors
    /// [`CableError::Transfer`], [`CableError::Differs`], [`CableError::File`], and those of [`Session::command`].
    pub fn send_file(
        &mut self,
        command: &str,
        path: &Path,
        name: &str,
        progress: Progress<'_>,
    ) -> Result<Report, CableError> {
        let mut file = File::open(path).map_err(CableError::File)?;
        let length = file.metadata().map_err(CableError::File)?.len();
        let here = digest(&mut file, length)?;
        self.begin(command)?;
        self.step_aside(command)?;
        let went_on_at = self.left_over(&mut file, length)?;
        let name = match went_on_at {
            0 => name.to_owned(),
            from => format!("{name}@{from}"),
        };
        let header = Header::new(&name, length - went_on_at).ok_or(CableError::Transfer {
            why: TransferError::Name,
            seen: self.seen(),
        })?;
        let mut given = |octets| progress(went_on_at + octets, length);
        let sent = self.give(header, &mut file, went_on_at, &mut given)?;
        self.end(command, "Received ", sent.err(), length, here, went_on_at)
    }

    /// Takes the file that `command` sends, `export` or `support bundle send`, into `path`, which is replaced.
    ///
    /// # Errors
    /// As [`Session::send_file`].
    pub fn receive_file(
        &mut self,
        command: &str,
        path: &Path,
        progress: Progress<'_>,
    ) -> Result<Report, CableError> {
        self.begin(command)?;
        self.step_aside(command)?;
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        let part = Path::new(&part);
        let mut file = BufWriter::new(File::create(part).map_err(CableError::File)?);
        let mut taken = Sha256::new();
        let received = self.take(progress, &mut |data| {
            taken.update(data);
            file.write_all(data)
        })?;
        let (fault, octets) = match received {
            Ok(octets) => (None, octets),
            Err(why) => (Some(why), 0),
        };
        let kept = file.into_inner().map_err(io::IntoInnerError::into_error);
        kept.and_then(|file| file.sync_all())
            .map_err(CableError::File)?;
        let report = self.end(command, "Sent ", fault, octets, hexadecimal(taken), 0)?;
        std::fs::rename(part, path).map_err(CableError::File)?;
        Ok(report)
    }

    /// Reads octet by octet, since what follows is no text.
    fn step_aside(&mut self, command: &str) -> Result<(), CableError> {
        let until = Instant::now() + self.patience();
        let mut quiet = Instant::now();
        loop {
            self.fetch(LISTEN)?;
            if self.rest.is_empty() {
                // A command that cannot be carried out is back at its prompt.
                let back = matches!(Prompt::of(self.screen.line()), Some(Prompt::Ready(_)));
                let echoed = !self.screen.lines().is_empty();
                if back && echoed && quiet.elapsed() > Duration::from_secs(1) {
                    let why = self.outcome(command)?;
                    return Err(CableError::Failed {
                        command: command.to_owned(),
                        why: why.trim().to_owned(),
                    });
                }
                if Instant::now() >= until {
                    return Err(self.silent("the console to step aside"));
                }
                continue;
            }
            quiet = Instant::now();
            let octet = self.rest.remove(0);
            self.screen.take(&[octet]);
            let aside = |line: &String| line.ends_with(ASIDE);
            if octet == b'\n' && self.screen.lines().last().is_some_and(aside) {
                return Ok(());
            }
        }
    }

    /// How far an earlier attempt with this file came; 0 when there was none.
    fn left_over(&self, file: &mut File, length: u64) -> Result<u64, CableError> {
        let found = self.screen.lines().iter().find_map(|line| {
            let rest = line.strip_prefix("An earlier attempt left ")?;
            let (octets, rest) = rest.split_once(" octets, SHA-256 ")?;
            let octets: u64 = octets.parse().ok()?;
            Some((octets, rest.trim_end_matches(';').to_owned()))
        });
        match found {
            Some((octets, there)) if octets < length => {
                let same = digest(file, octets)? == there;
                Ok(if same { octets } else { 0 })
            }
            Some(_) | None => Ok(0),
        }
    }

    fn give(
        &mut self,
        header: Header,
        file: &mut File,
        from: u64,
        given: &mut dyn FnMut(u64),
    ) -> Result<Result<(), TransferError>, CableError> {
        file.seek(SeekFrom::Start(from)).map_err(CableError::File)?;
        let mut file = BufReader::with_capacity(1 << 16, file);
        let epoch = Instant::now();
        let mut sender = Sender::new(header, 0);
        let mut data = Vec::new();
        let mut end = None;
        loop {
            if let Some((_, count)) = sender.wants() {
                data.resize(count, 0);
                if let Err(fault) = file.read_exact(&mut data) {
                    sender.cancel();
                    while let Some(octets) = sender.poll_transmit(u64::MAX) {
                        self.line.send(octets)?;
                    }
                    return Err(CableError::File(fault));
                }
                end = end.or(sender.supply(&data));
                given(sender.given());
            }
            while let Some(octets) = sender.poll_transmit(now_ms(epoch)) {
                self.line.send(octets)?;
            }
            match end {
                None => {}
                Some(Sent::Whole) => return Ok(Ok(())),
                Some(Sent::Failed(why)) => return Ok(Err(why)),
            }
            self.fetch(LISTEN)?;
            if self.rest.is_empty() {
                end = end.or(sender.handle_timeout(now_ms(epoch)));
            }
            while end.is_none() && !self.rest.is_empty() {
                let octet = self.rest.remove(0);
                end = sender.handle_octet(octet, now_ms(epoch));
            }
        }
    }

    fn take(
        &mut self,
        progress: Progress<'_>,
        keep: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<Result<u64, TransferError>, CableError> {
        let epoch = Instant::now();
        let mut receiver = Receiver::new(0);
        let (mut length, mut taken) = (0, 0);
        let mut end = None;
        let mut fault = None;
        loop {
            let mut answers = Vec::new();
            answers.extend(std::iter::from_fn(|| receiver.poll_transmit()));
            if !answers.is_empty() {
                self.line.send(&answers)?;
            }
            if let Some(fault) = fault {
                return Err(CableError::File(fault));
            }
            if let Some(end) = end {
                return Ok(end);
            }
            self.fetch(LISTEN)?;
            let mut note = |event: Option<Received<'_>>| match event {
                None => {}
                Some(Received::Begin(header)) => length = header.length,
                Some(Received::Data(data)) => {
                    fault = keep(data).err();
                    taken += data.len() as u64;
                    progress(taken, length);
                }
                Some(Received::Whole) => end = Some(Ok(taken)),
                Some(Received::Nothing) => end = Some(Err(TransferError::Cancelled)),
                Some(Received::Failed(why)) => end = Some(Err(why)),
            };
            if self.rest.is_empty() {
                note(receiver.handle_timeout(now_ms(epoch)));
            }
            // One octet's event at a time: what cannot be kept is not acknowledged.
            let count = self.rest.len();
            let mut used = 0;
            for octet in &self.rest {
                used += 1;
                let event = receiver.handle_octet(*octet, now_ms(epoch));
                let happened = event.is_some();
                note(event);
                if happened {
                    break;
                }
            }
            self.rest.drain(..used.min(count));
            if fault.is_some() {
                receiver.cancel();
            }
        }
    }

    /// What the box says of the transfer, and whether it is the same as is known here.
    fn end(
        &mut self,
        command: &str,
        begin: &str,
        fault: Option<TransferError>,
        octets: u64,
        here: String,
        went_on_at: u64,
    ) -> Result<Report, CableError> {
        self.screen.mark();
        let ready = self.prompt("the end of the transfer", Buried::Enter, |prompt| {
            matches!(prompt, Prompt::Ready(_))
        });
        if let Some(why) = fault {
            return Err(CableError::Transfer {
                why,
                seen: self.seen(),
            });
        }
        ready?;
        let said = self.screen.lines().iter().find_map(|line| {
            let (before, sha256) = line.split_once(" octets, SHA-256 ")?;
            before.contains(begin).then(|| sha256.trim().to_owned())
        });
        let Some(there) = said else {
            let lines = self.screen.lines().iter();
            let why = lines
                .clone()
                .find_map(|line| line.strip_prefix("Not transferred: "));
            return Err(CableError::Failed {
                command: command.to_owned(),
                why: why.unwrap_or("the box did not say what it has").to_owned(),
            });
        };
        if there != here {
            return Err(CableError::Differs { here, there });
        }
        let text = self.outcome(command)?;
        Ok(Report {
            octets,
            sha256: here,
            went_on_at,
            text,
        })
    }
}

fn now_ms(epoch: Instant) -> u64 {
    u64::try_from(epoch.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Of the first `length` octets.
fn digest(file: &mut File, length: u64) -> Result<String, CableError> {
    let mut digest = Sha256::new();
    file.rewind().map_err(CableError::File)?;
    io::copy(&mut file.take(length), &mut digest).map_err(CableError::File)?;
    Ok(hexadecimal(digest))
}

fn hexadecimal(digest: Sha256) -> String {
    let octets = digest.finalize();
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
