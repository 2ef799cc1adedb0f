//! A file of this machine over the line, while the console steps aside.
//!
//! What comes is written beside its place, as `NAME.part`, and takes it when all of it is there and on the disk. What a
//! transfer that failed has left is kept: the console says how much it is and its SHA-256, and a file that is sent as
//! `NAME@OCTETS` goes on there. So does a program that knows this; any other sends the whole file.

use crate::line::Line;
use causeway_board::transfer::{Header, Received, Receiver, Sender, Sent, TransferError};
use sha2::{Digest as _, Sha256};
use std::fmt::{self, Write as _};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long the line is listened to at a time.
const LISTEN: Duration = Duration::from_millis(20);
/// Behind a transfer the line is listened to until it was quiet for so long: what a program says as it ends is no command.
const QUIET: Duration = Duration::from_millis(300);
/// And no longer than this.
const NOISE: Duration = Duration::from_secs(3);

/// A file that a command wants moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transfer {
    /// One of at most `limit` octets comes, and is put there.
    Receive { to: PathBuf, limit: u64 },
    /// The one at `path` goes, under this name.
    Send { path: PathBuf, name: String },
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Moved {
    /// It is in its place, and on the disk.
    Received {
        /// As the sender calls it; somebody else's word.
        name: String,
        octets: u64,
        /// Hexadecimal.
        sha256: String,
    },
    /// The other end has acknowledged all of it.
    Sent { octets: u64, sha256: String },
    /// Nothing is in its place that was not there before.
    Failed(String),
}

impl fmt::Display for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Received {
                name,
                octets,
                sha256,
            } => writeln!(f, "Received {name}: {octets} octets, SHA-256 {sha256}"),
            Self::Sent { octets, sha256 } => writeln!(f, "Sent {octets} octets, SHA-256 {sha256}"),
            Self::Failed(why) => writeln!(f, "Not transferred: {why}."),
        }
    }
}

/// The line, for as long as it carries a file.
pub(crate) struct Carrier<'a, L> {
    pub(crate) line: &'a mut L,
    /// Milliseconds that only grow.
    pub(crate) now_ms: &'a dyn Fn() -> u64,
    pub(crate) is_stopping: &'a dyn Fn() -> bool,
    pub(crate) pulse: &'a mut dyn FnMut(),
}

impl<L: Line> Carrier<'_, L> {
    /// Moves a file; the error is the line's, everything else is in [`Moved`].
    pub(crate) fn carry(
        &mut self,
        transfer: &Transfer,
        say: impl Fn(&mut L, &str) -> io::Result<()>,
    ) -> io::Result<Moved> {
        let moved = match transfer {
            Transfer::Receive { to, limit } => {
                let part = Part::new(to);
                say(self.line, &invitation(&part, *limit))?;
                self.receive(part, *limit)?
            }
            Transfer::Send { path, name } => match offered(path, name) {
                Ok(offer) => {
                    say(
                        self.line,
                        "Take the file now by YMODEM (rb, or the terminal's menu); ^C leaves.\n",
                    )?;
                    self.send(offer)?
                }
                // Nobody has been invited to anything.
                Err(why) => return Ok(Moved::Failed(why)),
            },
        };
        self.settle()?;
        Ok(moved)
    }

    fn receive(&mut self, mut part: Part, limit: u64) -> io::Result<Moved> {
        let mut receiver = Receiver::new((self.now_ms)());
        let mut end = None;
        let mut octets = [0; 2048];
        loop {
            self.answer(&mut receiver)?;
            if let Some(end) = end {
                return Ok(part.moved(end));
            }
            if (self.is_stopping)() {
                receiver.cancel();
                end = Some(Err(TransferError::Stopped.to_string()));
                continue;
            }
            let count = self.listen(&mut octets)?;
            let now_ms = (self.now_ms)();
            for octet in octets.iter().take(count) {
                end = end.or(part.take(receiver.handle_octet(*octet, now_ms), limit));
                // Before the next octet: what was refused is not acknowledged.
                match &end {
                    Some(Err(_)) if receiver.poll_timeout().is_some() => receiver.cancel(),
                    _ => {}
                }
            }
            if count == 0 {
                end = end.or(part.take(receiver.handle_timeout(now_ms), limit));
            }
        }
    }

    fn answer(&mut self, receiver: &mut Receiver) -> io::Result<()> {
        let answers: Vec<u8> = std::iter::from_fn(|| receiver.poll_transmit()).collect();
        self.line.write_all(&answers)?;
        self.line.flush()
    }

    fn send(&mut self, offer: Offer) -> io::Result<Moved> {
        let Offer {
            mut file,
            header,
            sha256,
        } = offer;
        let length = header.length;
        let mut sender = Sender::new(header, (self.now_ms)());
        let mut end = None;
        let mut octets = [0; 256];
        let mut data = Vec::new();
        loop {
            let now_ms = (self.now_ms)();
            if let Some((from, count)) = sender.wants() {
                data.resize(count, 0);
                match read_at(&mut file, from, &mut data) {
                    Ok(()) => end = end.or(sender.supply(&data)),
                    Err(fault) => {
                        sender.cancel();
                        while let Some(octets) = sender.poll_transmit(now_ms) {
                            self.line.write_all(octets)?;
                        }
                        return Ok(Moved::Failed(told(&fault)));
                    }
                }
            }
            while let Some(octets) = sender.poll_transmit(now_ms) {
                self.line.write_all(octets)?;
            }
            self.line.flush()?;
            match end {
                None => {}
                Some(Sent::Whole) => {
                    return Ok(Moved::Sent {
                        octets: length,
                        sha256,
                    });
                }
                Some(Sent::Failed(why)) => return Ok(Moved::Failed(why.to_string())),
            }
            if (self.is_stopping)() {
                sender.cancel();
                end = Some(Sent::Failed(TransferError::Stopped));
                continue;
            }
            let count = self.listen(&mut octets)?;
            for octet in octets.iter().take(count) {
                end = end.or(sender.handle_octet(*octet, (self.now_ms)()));
            }
            if count == 0 {
                end = end.or(sender.handle_timeout((self.now_ms)()));
            }
        }
    }

    fn listen(&mut self, octets: &mut [u8]) -> io::Result<usize> {
        (self.pulse)();
        self.line.receive(octets, LISTEN)
    }

    /// Until the line is quiet.
    fn settle(&mut self) -> io::Result<()> {
        let mut octets = [0; 256];
        let until = Instant::now() + NOISE;
        while Instant::now() < until && !(self.is_stopping)() {
            (self.pulse)();
            if self.line.receive(&mut octets, QUIET)? == 0 {
                break;
            }
        }
        Ok(())
    }
}

/// A file that can be sent.
struct Offer {
    file: File,
    header: Header,
    sha256: String,
}

fn offered(path: &Path, name: &str) -> Result<Offer, String> {
    let (file, length, sha256) = whole(path).map_err(|fault| told(&fault))?;
    let header = Header::new(name, length).ok_or_else(|| TransferError::Name.to_string())?;
    Ok(Offer {
        file,
        header,
        sha256,
    })
}

fn invitation(part: &Part, limit: u64) -> String {
    let mut text = String::new();
    if let Some((octets, sha256)) = part.left_over() {
        let _ = writeln!(
            text,
            "An earlier attempt left {octets} octets, SHA-256 {sha256};\na file sent as NAME@{octets} goes on there."
        );
    }
    let _ = writeln!(
        text,
        "Send the file now by YMODEM (sb -k, or the terminal's menu), {} MiB at most; ^C leaves.",
        limit.div_ceil(1 << 20)
    );
    text
}

/// What is received, until it is whole.
struct Part {
    to: PathBuf,
    path: PathBuf,
    name: String,
    file: Option<BufWriter<File>>,
    digest: Sha256,
    octets: u64,
}

impl Part {
    fn new(to: &Path) -> Self {
        let mut path = to.as_os_str().to_owned();
        path.push(".part");
        Self {
            to: to.to_owned(),
            path: path.into(),
            name: String::new(),
            file: None,
            digest: Sha256::new(),
            octets: 0,
        }
    }

    fn left_over(&self) -> Option<(u64, String)> {
        let (_, length, sha256) = whole(&self.path).ok()?;
        (length > 0).then_some((length, sha256))
    }

    /// Takes what came; some when it is over.
    fn take(&mut self, event: Option<Received<'_>>, limit: u64) -> Option<Result<(), String>> {
        match event? {
            Received::Begin(header) => self.begin(header, limit).err().map(Err),
            Received::Data(data) => {
                self.digest.update(data);
                self.octets += data.len() as u64;
                let file = self.file.as_mut()?;
                file.write_all(data).err().map(|fault| Err(told(&fault)))
            }
            Received::Whole => Some(self.end().map_err(|fault| told(&fault))),
            Received::Nothing => Some(Err("the other end has no file".to_owned())),
            Received::Failed(why) => Some(Err(why.to_string())),
        }
    }

    fn begin(&mut self, header: &Header, limit: u64) -> Result<(), String> {
        let (name, from) = match header.name.rsplit_once('@') {
            Some((name, digits)) if !name.is_empty() => match digits.parse::<u64>() {
                Ok(from) => (name, from),
                Err(_) => (header.name.as_str(), 0),
            },
            _ => (header.name.as_str(), 0),
        };
        let length = from.saturating_add(header.length);
        if length > limit {
            return Err(format!(
                "{length} octets are more than the {limit} that fit"
            ));
        }
        self.name = name.to_owned();
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&self.path);
        let open = |mut file: File| {
            if file.metadata()?.len() < from {
                let why = "the earlier attempt did not come so far";
                return Err(io::Error::other(why));
            }
            file.set_len(from)?;
            io::copy(&mut file, &mut self.digest)?;
            file.seek(SeekFrom::Start(from))?;
            Ok(file)
        };
        let file = file.and_then(open).map_err(|fault| told(&fault))?;
        self.octets = from;
        self.file = Some(BufWriter::new(file));
        Ok(())
    }

    /// All of it has come.
    fn end(&mut self) -> io::Result<()> {
        if let Some(file) = self.file.take() {
            file.into_inner()?.sync_all()?;
        }
        fs::rename(&self.path, &self.to)?;
        let folder = self.to.parent().filter(|folder| *folder != Path::new(""));
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }

    fn moved(mut self, end: Result<(), String>) -> Moved {
        // What has come is worth keeping; that it cannot be is no second fault.
        let _ = self.file.as_mut().map(io::Write::flush);
        match end {
            Ok(()) => Moved::Received {
                name: self.name,
                octets: self.octets,
                sha256: hexadecimal(self.digest),
            },
            Err(why) => Moved::Failed(why),
        }
    }
}

fn told(fault: &io::Error) -> String {
    format!("the file: {fault}")
}

/// A file with its length and SHA-256, at its beginning again.
fn whole(path: &Path) -> io::Result<(File, u64, String)> {
    let mut file = File::open(path)?;
    let mut digest = Sha256::new();
    let length = io::copy(&mut file, &mut digest)?;
    file.rewind()?;
    Ok((file, length, hexadecimal(digest)))
}

fn read_at(file: &mut File, from: u64, data: &mut [u8]) -> io::Result<()> {
    file.seek(SeekFrom::Start(from))?;
    file.read_exact(data)
}

fn hexadecimal(digest: Sha256) -> String {
    let mut text = String::new();
    for octet in digest.finalize() {
        let _ = write!(text, "{octet:02x}");
    }
    text
}
