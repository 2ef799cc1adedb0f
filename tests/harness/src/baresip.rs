//! baresip 1.0, a SIP phone, under control: commands and events over its TCP control port, what it heard in a file.
//!
//! It is called at any user of its address, answers at once, and plays 440 Hz or gives back what it hears.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::{Instant, sleep, timeout_at};

use crate::certificates::Files;
use crate::config::loopback;
use crate::error::{Doing, HarnessError, Result};
use crate::place::{self, TempFolder};
use crate::program::Program;

const START: Duration = Duration::from_secs(10);
const MODULES: &str = "/usr/lib/baresip/modules";
/// What it plays when it does not echo, in Hz.
pub const BARESIP_HZ: f64 = 600.0;

/// How one baresip is set up.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// The user it is called as; what is dialled by who calls it.
    pub user: String,
    /// Its transport: `udp`, `tcp` or `tls`.
    pub transport: String,
    /// Its certificate and the authorities it believes, for TLS.
    pub tls: Option<(Files, PathBuf)>,
    /// Media must be encrypted with keys in SDP.
    pub srtp: bool,
    /// Offers and takes H.264 too: what it sees it shows back, decoded and encoded anew.
    pub video: bool,
    /// Gives back what it hears instead of its tone.
    pub echo: bool,
    /// Its codecs, best first; `PCMU/8000/1,PCMA/8000/1` when empty.
    pub codecs: String,
    /// Further parameters of its account.
    pub account: String,
}

/// A running baresip.
#[derive(Debug)]
pub struct Baresip {
    program: Program,
    control: TcpStream,
    unread: Vec<u8>,
    /// Every event so far.
    seen: Vec<Value>,
    address: SocketAddr,
    folder: TempFolder,
}

/// Whether it is installed.
pub fn here() -> bool {
    let has = |module| Path::new(MODULES).join(module).is_file();
    has("ctrl_tcp.so") && has("avcodec.so")
}

impl Baresip {
    /// Starts one on `port` of 127.0.0.1 (TLS listens on the next) and waits until it takes commands.
    ///
    /// # Errors
    /// What it says when it does not start.
    pub async fn start(port: u16, plan: &Plan) -> Result<Self> {
        let folder = TempFolder::new("baresip")?;
        let address = loopback(port);
        let control = loopback(place::free_port()?);
        write(folder.path(), address, control, plan)?;
        let mut command = Command::new("baresip");
        command
            .arg("-f")
            .arg(folder.path())
            .env("HOME", folder.path());
        let mut program = Program::start("baresip", command, None)?;
        let deadline = Instant::now() + START;
        let control = loop {
            if let Ok(stream) = TcpStream::connect(control).await {
                break stream;
            }
            if program.ended().is_some() || Instant::now() > deadline {
                return Err(HarnessError::new(format!(
                    "baresip does not start:\n{}",
                    program.tail(30)
                )));
            }
            sleep(Duration::from_millis(50)).await;
        };
        Ok(Self {
            program,
            control,
            unread: Vec::new(),
            seen: Vec::new(),
            address,
            folder,
        })
    }

    /// Where it listens: UDP and TCP; TLS on the next port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Gives a command, and waits for its answer.
    ///
    /// # Errors
    /// Its refusal.
    pub async fn command(&mut self, command: &str, parameters: &str) -> Result<()> {
        let text = json!({"command": command, "params": parameters, "token": "it"}).to_string();
        let framed = format!("{}:{text},", text.len());
        let sent = self.control.write_all(framed.as_bytes()).await;
        sent.doing("baresip's control port")?;
        let deadline = Instant::now() + START;
        loop {
            let message = self.next(deadline, command).await?;
            if message["response"] == true {
                return match message["ok"] == true {
                    true => Ok(()),
                    false => Err(HarnessError::new(format!(
                        "baresip refused {command} {parameters}: {message}\n{}",
                        self.program.tail(10)
                    ))),
                };
            }
            self.seen.push(message);
        }
    }

    /// Waits for an event of this type after the first `from` of all.
    ///
    /// # Errors
    /// Its events and last lines when none comes.
    pub async fn event(&mut self, kind: &str, from: usize, within: Duration) -> Result<Value> {
        self.event_with(kind, from, within, |_| true).await
    }

    /// The same of one that is `wanted`.
    ///
    /// # Errors
    /// Its events and last lines when none comes.
    pub async fn event_with(
        &mut self,
        kind: &str,
        from: usize,
        within: Duration,
        wanted: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        let deadline = Instant::now() + within;
        loop {
            let found = self
                .seen
                .iter()
                .skip(from)
                .find(|e| e["type"] == kind && wanted(e));
            if let Some(event) = found {
                return Ok(event.clone());
            }
            let message = self.next(deadline, kind).await?;
            self.seen.push(message);
        }
    }

    /// How many events came so far: what is waited for later comes after them.
    pub fn mark(&self) -> usize {
        self.seen.len()
    }

    /// Its log.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// The picture it sees now, a PNG in this file.
    ///
    /// # Errors
    /// When it sees none.
    pub async fn snapshot(&mut self, path: &Path) -> Result<()> {
        let _ = std::fs::remove_file(path);
        self.command("snapshot_recv", &path.display().to_string())
            .await?;
        let deadline = Instant::now() + START;
        loop {
            // Written in one go, yet not in one step: its last chunk says that it is whole.
            let png = std::fs::read(path).unwrap_or_default();
            if png.ends_with(b"IEND\xAE\x42\x60\x82") {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(self.told("baresip sees no picture"));
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until the last half second of what it heard is `hz`, within 2 %. It must still be in the call.
    ///
    /// # Errors
    /// What it heard instead.
    pub async fn hears(&self, hz: f64, within: Duration) -> Result<()> {
        let deadline = Instant::now() + within;
        loop {
            let (heard, purity) = self.heard();
            if (heard - hz).abs() <= hz * 0.02 && purity > 0.5 {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(HarnessError::new(format!(
                    "baresip hears {heard:.1} Hz (purity {purity:.2}), not {hz} Hz\n{}",
                    self.program.tail(20)
                )));
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// The tone and its purity in the last half second of the newest recording; zero when there is none.
    fn heard(&self) -> (f64, f64) {
        let files = std::fs::read_dir(self.folder.path()).into_iter().flatten();
        let newest = files
            .flatten()
            .map(|e| e.path())
            .filter(|path| path.to_string_lossy().ends_with("-dec.wav"))
            .max();
        let bytes = newest.and_then(|path| std::fs::read(path).ok());
        let bytes = bytes.unwrap_or_default();
        // The rate stands in the header, and is that of the codec.
        let rate = bytes.get(24..28).and_then(|rate| rate.try_into().ok());
        let rate = rate.map_or(8000, u32::from_le_bytes).clamp(8000, 48_000);
        let samples: Vec<i16> = bytes
            .get(44..)
            .unwrap_or_default()
            .as_chunks::<2>()
            .0
            .iter()
            .map(|pair| i16::from_le_bytes(*pair))
            .collect();
        let last = &samples[samples.len().saturating_sub(rate as usize / 2)..];
        let heard = causeway_phone::measure::measure(last, rate);
        (heard.hz, heard.purity)
    }

    async fn next(&mut self, deadline: Instant, what: &str) -> Result<Value> {
        loop {
            if let Some(message) = self.take()? {
                return Ok(message);
            }
            let mut buffer = [0u8; 4096];
            let read = timeout_at(deadline, self.control.read(&mut buffer)).await;
            match read {
                Ok(Ok(0)) => return Err(self.missing(what, "it ended")),
                Ok(Ok(length)) => self.unread.extend_from_slice(&buffer[..length]),
                Ok(Err(fault)) => return Err(self.missing(what, &fault.to_string())),
                Err(_) => return Err(self.missing(what, "the time is up")),
            }
        }
    }

    /// A whole netstring: its length, a colon, JSON, a comma.
    fn take(&mut self) -> Result<Option<Value>> {
        let Some(colon) = self.unread.iter().position(|byte| *byte == b':') else {
            return Ok(None);
        };
        let length = std::str::from_utf8(&self.unread[..colon]).doing("baresip's control port")?;
        let length: usize = length.parse().doing("baresip's control port")?;
        let end = colon + 1 + length;
        if self.unread.len() <= end {
            return Ok(None);
        }
        let message = serde_json::from_slice(&self.unread[colon + 1..end]);
        self.unread.drain(..=end);
        message.map(Some).doing("baresip's control port")
    }

    fn missing(&self, what: &str, why: &str) -> HarnessError {
        let kinds: Vec<&str> = self
            .seen
            .iter()
            .filter_map(|e| e["type"].as_str())
            .collect();
        HarnessError::new(format!(
            "baresip did not report {what}: {why}; its events: {kinds:?}\n{}",
            self.program.tail(20)
        ))
    }

    /// `what` went wrong, and its last lines.
    pub fn told(&self, what: &str) -> HarnessError {
        HarnessError::new(format!("{what}\n{}", self.program.tail(40)))
    }

    /// Stops it in order.
    ///
    /// # Errors
    /// When it does not end.
    pub async fn stop(self) -> Result<()> {
        let Self {
            program,
            control,
            folder,
            ..
        } = self;
        drop(control);
        program.stop().await?;
        drop(folder);
        Ok(())
    }
}

fn write(folder: &Path, address: SocketAddr, control: SocketAddr, plan: &Plan) -> Result<()> {
    let (source, player) = match plan.echo {
        true => ("aubridge,x".to_owned(), "aubridge,x"),
        false => (format!("ausine,{BARESIP_HZ}"), "aubridge,x"),
    };
    // The tone knows this rate and two channels only.
    let (rate, channels) = if plan.echo { (8000, 1) } else { (48_000, 2) };
    let mut text = format!(
        "sip_listen {address}\nnet_interface {}\ncall_local_timeout 120\ncall_max_calls 4\n\
         audio_source {source}\naudio_player {player}\nausrc_srate {rate}\nauplay_srate 8000\n\
         ausrc_channels {channels}\nauplay_channels 1\nrtp_timeout 0\njitter_buffer_delay 1-4\n\
         snd_path {}\nctrl_tcp_listen {control}\nmodule_path {MODULES}\n",
        address.ip(),
        folder.display()
    );
    if let Some((files, trusted)) = &plan.tls {
        let _ = writeln!(text, "sip_certificate {}", files.both.display());
        let _ = writeln!(text, "sip_cafile {}", trusted.display());
    }
    let mut modules = vec!["g711", "g722", "ausine", "aubridge", "sndfile", "srtp"];
    if plan.video {
        // The second is a display whose picture is its own camera.
        modules.extend(["avcodec", "vidbridge", "snapshot"]);
        text.push_str(
            "video_source vidbridge,x\nvideo_display vidbridge,x\nvideo_size 320x240\nvideo_bitrate 400000\n\
             video_fps 15\navcodec_h264enc libx264\navcodec_h264dec h264\n",
        );
    }
    for module in modules {
        let _ = writeln!(text, "module {module}.so");
    }
    text.push_str(
        "module_tmp uuid.so\nmodule_tmp account.so\nmodule_app ctrl_tcp.so\nmodule_app menu.so\n",
    );
    let codecs = match plan.codecs.is_empty() {
        true => "PCMU/8000/1,PCMA/8000/1",
        false => &plan.codecs,
    };
    let transport = match plan.transport.is_empty() {
        true => "udp",
        false => &plan.transport,
    };
    let mut account = format!(
        "<sip:{}@{address};transport={transport}>;regint=0;answermode=auto;audio_codecs={codecs}",
        plan.user
    );
    if plan.srtp {
        account.push_str(";mediaenc=srtp-mand");
    }
    if plan.video {
        account.push_str(";video_codecs=H264");
    }
    account.push_str(&plan.account);
    for (name, text) in [
        ("config", text),
        ("accounts", format!("{account}\n")),
        ("contacts", String::new()),
    ] {
        std::fs::write(folder.join(name), text).doing(name)?;
    }
    Ok(())
}
