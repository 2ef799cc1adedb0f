//! The journal to a syslog server over TLS (RFC 5425).
//!
//! The journal on the disk is the queue: `journalctl --follow` waits when the server does not take what it writes, and goes on from a
//! cursor that is kept. The cursor moves on when the server's system has acknowledged every octet before it, so a line that breaks costs
//! nothing and may tell some messages twice. What the journal itself drops, at its cap, is lost.
//!
//! | state | event | becomes |
//! |---|---|---|
//! | apart | connected | sending, from the cursor |
//! | apart | not connected, or the certificate is another's | apart, tried again after 1 s, twice as long each time up to 5 min |
//! | sending | an entry | sending |
//! | sending | all acknowledged, 2 s since the last time | sending, cursor kept |
//! | sending | the server closes, or takes nothing for 30 s | apart |

pub mod record;

use crate::durable;
use record::Record;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::ffi::OsString;
use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::os::fd::AsRawFd as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

const CONNECT: Duration = Duration::from_secs(10);
const TAKES: Duration = Duration::from_secs(30);
const KEEP: Duration = Duration::from_secs(2);
const DELAYS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));
/// Entries between journal and line; more wait in the pipe, and then in the journal.
const WAITING: usize = 64;
/// Octets of an entry that is looked at; the rest of a longer one is passed over with it.
const ENTRY: u64 = 1024 * 1024;

/// Where it goes, and what proves that it is there.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Host and port of the server.
    pub server: String,
    /// The name in its certificate.
    pub name: String,
    /// Who vouches for it: certificates, PEM.
    pub ca: PathBuf,
    /// Where the cursor is kept.
    pub cursor: PathBuf,
    /// The program that writes the journal, which is given `--after-cursor=…` where there is a cursor.
    pub journal: Vec<OsString>,
}

/// `journalctl` as it is called.
pub fn journalctl() -> Vec<OsString> {
    [
        "journalctl",
        // Following means only this boot, unless all are asked for: what went before a reset is what matters.
        "--follow",
        "--boot=all",
        "--lines=all",
        "--all",
        "--quiet",
        "--output=json",
    ]
    .map(OsString::from)
    .into()
}

/// Forwards until `stopping`; tells what happens with the line through `say`.
///
/// # Errors
/// When the settings can never work: no usable certificates, no name.
pub fn forward(
    settings: &Settings,
    stopping: &AtomicBool,
    say: &mut dyn FnMut(&str),
) -> io::Result<()> {
    let wrong = |what: String| io::Error::new(io::ErrorKind::InvalidInput, what);
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(&settings.ca)
        .map_err(|fault| wrong(format!("{}: {fault}", settings.ca.display())))?;
    roots.add_parsable_certificates(certificates.flatten());
    if roots.is_empty() {
        return Err(wrong(format!("{}: no certificate", settings.ca.display())));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let config = Arc::new(config);
    let name = ServerName::try_from(settings.name.clone())
        .map_err(|_| wrong(format!("\"{}\" is no name of a server", settings.name)))?;
    let mut delay = DELAYS.0;
    while !stopping.load(Relaxed) {
        let began = Instant::now();
        let fault = connect(settings, &config, name.clone()).and_then(|line| {
            say(&format!("connected to {}", settings.server));
            send(settings, line, stopping)
        });
        match fault {
            Ok(()) => {}
            Err(fault) => say(&format!("{}: {fault}", settings.server)),
        }
        // A line that stood is tried again soon.
        delay = if began.elapsed() > DELAYS.1 {
            DELAYS.0
        } else {
            delay
        };
        let end = Instant::now() + delay;
        while Instant::now() < end && !stopping.load(Relaxed) {
            thread::sleep(Duration::from_millis(50));
        }
        delay = (delay * 2).min(DELAYS.1);
    }
    Ok(())
}

type Line = StreamOwned<ClientConnection, TcpStream>;

fn connect(
    settings: &Settings,
    config: &Arc<ClientConfig>,
    name: ServerName<'static>,
) -> io::Result<Line> {
    let mut fault = io::Error::new(io::ErrorKind::NotFound, "no address");
    for address in settings.server.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, CONNECT) {
            Ok(stream) => {
                stream.set_write_timeout(Some(TAKES))?;
                stream.set_read_timeout(Some(CONNECT))?;
                let session =
                    ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
                let mut line = StreamOwned::new(session, stream);
                while line.conn.is_handshaking() {
                    line.conn.complete_io(&mut line.sock)?;
                }
                return Ok(line);
            }
            Err(e) => fault = e,
        }
    }
    Err(fault)
}

/// Sends what the journal has and gets, until the line breaks.
fn send(settings: &Settings, mut line: Line, stopping: &AtomicBool) -> io::Result<()> {
    let journal = Journal::follow(settings)?;
    // The server says nothing; only that it closes is listened for.
    line.sock.set_read_timeout(Some(Duration::from_millis(1)))?;
    let mut sent: Option<String> = None;
    let mut kept = Instant::now();
    loop {
        match journal.records.recv_timeout(Duration::from_millis(200)) {
            Ok(record) => {
                line.write_all(&record.frame)?;
                sent = Some(record.cursor);
            }
            Err(RecvTimeoutError::Timeout) => is_open(&mut line)?,
            Err(RecvTimeoutError::Disconnected) => {
                return Err(io::Error::other("the journal has ended"));
            }
        }
        let stop = stopping.load(Relaxed);
        if sent.is_some() && (stop || kept.elapsed() >= KEEP) {
            line.flush()?;
            is_open(&mut line)?;
            if is_acknowledged(&line.sock, if stop { KEEP } else { Duration::ZERO })? {
                if let Some(cursor) = sent.take() {
                    durable::write(&settings.cursor, cursor.as_bytes())?;
                }
                kept = Instant::now();
            }
        }
        if stop {
            line.conn.send_close_notify();
            return line.flush();
        }
    }
}

fn is_open(line: &mut Line) -> io::Result<()> {
    match line.read(&mut [0; 256]) {
        Ok(0) => Err(io::Error::new(
            io::ErrorKind::ConnectionAborted,
            "the server has closed",
        )),
        Ok(_) => Ok(()),
        Err(e)
            if matches!(
                e.kind(),
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
            ) =>
        {
            Ok(())
        }
        Err(e) => Err(e),
    }
}

mod ioctl {
    use nix::libc;
    nix::ioctl_read_bad!(unacknowledged, libc::TIOCOUTQ, libc::c_int);
}

/// Whether the other system has acknowledged everything that was sent, waited for at most `limit`.
fn is_acknowledged(stream: &TcpStream, limit: Duration) -> io::Result<bool> {
    let end = Instant::now() + limit;
    loop {
        let mut octets = 0;
        // SAFETY: the kernel writes one number there.
        unsafe { ioctl::unacknowledged(stream.as_raw_fd(), &raw mut octets) }?;
        if octets == 0 || Instant::now() >= end {
            return Ok(octets == 0);
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// The journal from the cursor on; ended when dropped.
struct Journal {
    child: Child,
    records: Receiver<Record>,
}

impl Journal {
    fn follow(settings: &Settings) -> io::Result<Self> {
        let (program, rest) = settings
            .journal
            .split_first()
            .ok_or(io::ErrorKind::InvalidInput)?;
        let mut command = Command::new(program);
        command.args(rest);
        let cursor = fs::read_to_string(&settings.cursor).unwrap_or_default();
        if !cursor.trim().is_empty() {
            command.arg(format!("--after-cursor={}", cursor.trim()));
        }
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let (to, records) = sync_channel(WAITING);
        if let Some(out) = child.stdout.take() {
            thread::spawn(move || {
                let mut out = BufReader::new(out);
                let mut line = Vec::new();
                loop {
                    line.clear();
                    let read = io::Read::take(&mut out, ENTRY).read_until(b'\n', &mut line);
                    if !matches!(read, Ok(1..)) {
                        return;
                    }
                    // What is no entry has no cursor, either.
                    if let Some(record) = Record::parse(&line)
                        && to.send(record).is_err()
                    {
                        return;
                    }
                }
            });
        }
        Ok(Self { child, records })
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
