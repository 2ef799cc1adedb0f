//! One run of QEMU, from power-on to power-off, reset or a cut.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use causeway_cable::{Session, SocketLine};

use crate::{Disk, HTTPS, Hardware, Lan, Probe, SIP};

/// How long a reset may take that nobody but the hardware brings about.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long somebody at the console waits, without KVM.
const TYPED: Duration = Duration::from_secs(240);
/// TCP ports that are led into the box besides its own: what people leave open.
pub const OTHERS: [u16; 6] = [22, 23, 80, 111, 443, 5355];

/// A machine before it is switched on.
#[derive(Debug, Default)]
pub struct Setup {
    probes: Vec<Probe>,
    memory_mb: Option<u32>,
    lan: Option<Lan>,
    log: Option<PathBuf>,
    more: Vec<String>,
}

impl Setup {
    /// Logs what is written to the disk ([`crate::WriteLog`]) here.
    pub fn logged(mut self, to: &Path) -> Self {
        self.log = Some(to.to_owned());
        self
    }

    /// Plugs its cable into this network, instead of one of QEMU's own that leads in by ports.
    pub fn on(mut self, lan: &Lan) -> Self {
        self.lan = Some(lan.clone());
        self
    }

    pub fn with(mut self, probe: Probe) -> Self {
        self.probes.push(probe);
        self
    }

    /// More of QEMU's arguments.
    pub fn also(mut self, arguments: &[&str]) -> Self {
        self.more.extend(arguments.iter().map(|&a| a.to_owned()));
        self
    }

    fn drive(&self, disk: &Disk) -> String {
        let image = disk.image();
        let image = image.display();
        match &self.log {
            None => format!("format=raw,file={image}"),
            Some(log) => {
                fs::write(log, "").expect("an empty log");
                format!(
                    "driver=blklogwrites,file.driver=file,file.filename={image},log.driver=file,log.filename={}",
                    log.display()
                )
            }
        }
    }

    /// Switches the machine on.
    pub fn boot(self, disk: &Disk) -> Machine {
        // A port that was free a moment ago may be somebody else's when QEMU asks for it.
        for _ in 0..5 {
            if let Some(machine) = self.try_boot(disk) {
                return machine;
            }
        }
        panic!("QEMU does not start");
    }

    fn try_boot(&self, disk: &Disk) -> Option<Machine> {
        let (network, udp, tcp) = self.network();
        let [serial, control] = ["serial", "qmp"].map(|name| disk.folder().join(name));
        let _ = fs::remove_file(&serial);
        let _ = fs::remove_file(&control);
        let mut qemu =
            Hardware::under(disk).qemu(disk, &self.drive(disk), self.memory_mb.unwrap_or(512));
        // The machine waits for both to be taken: no word is lost.
        qemu.args(["-netdev", &network, "-chardev"])
            .arg(format!(
                "socket,id=serial,server=on,wait=on,path={}",
                serial.display()
            ))
            .args(["-serial", "chardev:serial", "-qmp"])
            .arg(format!("unix:{},server=on,wait=on", control.display()))
            .args(&self.more);
        for string in self.probes.iter().flat_map(Probe::strings) {
            let value = string.replace(',', ",,");
            qemu.args(["-smbios", &format!("type=11,value={value}")]);
        }
        if let Some(lan) = &self.lan {
            lan.enter(&mut qemu);
        }
        // A test that is ended from outside leaves no machine behind.
        // SAFETY: prctl is one system call.
        unsafe {
            qemu.pre_exec(|| {
                Ok(nix::sys::prctl::set_pdeathsig(
                    nix::sys::signal::Signal::SIGKILL,
                )?)
            });
        }
        let mut child = qemu
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("QEMU starts");
        let said = child.stderr.take().expect("a piped stderr");
        std::thread::spawn(move || {
            read(said, |line| {
                if !line.contains("QEMU waiting for connection") {
                    println!("  {line}");
                }
                true
            });
        });
        let on = Instant::now();
        let serial = connect(&serial, &mut child)?;
        let control = connect(&control, &mut child)?;
        let cable = Cable::default();
        let (to, lines) = channel();
        let ear = Tee {
            from: serial.try_clone().expect("a second handle"),
            to: Arc::clone(&cable),
        };
        std::thread::spawn(move || read(ear, |line| to.send((on.elapsed(), line)).is_ok()));
        let (to, events) = channel();
        let asked = control.try_clone().expect("a second handle");
        std::thread::spawn(move || {
            read(asked, |line| {
                let value: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
                match value["event"].as_str() {
                    Some(event) => to.send(event.to_owned()).is_ok(),
                    None => true,
                }
            });
        });
        let mut machine = Machine {
            child,
            serial,
            control,
            lines,
            cable,
            events,
            seen: Vec::new(),
            udp,
            tcp,
            on,
        };
        machine.command("qmp_capabilities");
        Some(machine)
    }

    /// QEMU's network, and which ports here lead to which ports of the box.
    fn network(&self) -> (String, BTreeMap<u16, u16>, BTreeMap<u16, u16>) {
        if self.lan.is_some() {
            let tap = format!("tap,id=net,ifname={},script=no,downscript=no", Lan::CABLE);
            return (tap, BTreeMap::new(), BTreeMap::new());
        }
        let udp = BTreeMap::from([(SIP, free_udp())]);
        let tcp = free_tcp([HTTPS, SIP].into_iter().chain(OTHERS));
        let mut network = "user,id=net".to_owned();
        for (kind, ports) in [("udp", &udp), ("tcp", &tcp)] {
            for (inside, outside) in ports {
                network.push_str(&format!(",hostfwd={kind}:127.0.0.1:{outside}-:{inside}"));
            }
        }
        (network, udp, tcp)
    }
}

/// A machine that runs. Its power is cut when it is dropped.
#[derive(Debug)]
pub struct Machine {
    child: Child,
    serial: UnixStream,
    control: UnixStream,
    lines: Receiver<(Duration, String)>,
    cable: Cable,
    events: Receiver<String>,
    seen: Vec<(Duration, String)>,
    udp: BTreeMap<u16, u16>,
    tcp: BTreeMap<u16, u16>,
    on: Instant,
}

/// How a machine ended by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Since power-on.
    pub after: Duration,
    /// The hardware's watchdog did it.
    pub watchdog: bool,
}

impl Machine {
    /// Waits for a line of the serial console that contains `text`, unless it has come already; it, and when it came since
    /// power-on.
    pub fn line(&mut self, text: &str, limit: Duration) -> (String, Duration) {
        let until = Instant::now() + limit;
        let mut looked = 0;
        loop {
            if let Some((at, line)) = self.seen[looked..].iter().find(|(_, l)| l.contains(text)) {
                return (line.clone(), *at);
            }
            looked = self.seen.len();
            let left = until.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => self.hear(line),
                Err(why) => {
                    let events: Vec<String> = self.events.try_iter().collect();
                    panic!(
                        "no \"{text}\" ({why}, QEMU: {events:?}):\n{}",
                        self.console()
                    )
                }
            }
        }
    }

    fn hear(&mut self, (at, line): (Duration, String)) {
        println!("  [{:6.1}] {line}", at.as_secs_f64());
        self.seen.push((at, line));
    }

    /// Everything the console said so far.
    pub fn console(&mut self) -> String {
        while let Ok(line) = self.lines.try_recv() {
            self.hear(line);
        }
        let lines: Vec<&str> = self.seen.iter().map(|(_, line)| line.as_str()).collect();
        lines.join("\n")
    }

    /// Whether anybody behind a TCP port of the box says a word, when spoken to. Connecting proves nothing: QEMU takes every
    /// connection itself.
    pub fn speaks(&self, port: u16) -> bool {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.tcp[&port])) else {
            return false;
        };
        let _ = stream.set_read_timeout(Some(Duration::from_secs(4)));
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n").is_ok()
            && stream.read(&mut [0; 1]).is_ok_and(|n| n > 0)
    }

    /// What QEMU has used of the processor: a measure that a busy host spoils less than the clock.
    pub fn processor_time(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()));
        let stat = stat.unwrap_or_default();
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
        // utime and stime, in hundredths of a second.
        let ticks: u64 = fields
            .split_whitespace()
            .skip(11)
            .take(2)
            .filter_map(|ticks| ticks.parse::<u64>().ok())
            .sum();
        Duration::from_millis(ticks * 10)
    }

    pub fn since_power_on(&self) -> Duration {
        self.on.elapsed()
    }

    /// The port on this machine that leads to `port` of the box.
    pub fn udp(&self, port: u16) -> u16 {
        self.udp[&port]
    }

    pub fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// A command of QEMU's machine protocol that has no arguments.
    pub fn command(&mut self, name: &str) {
        let line = serde_json::json!({ "execute": name }).to_string();
        writeln!(self.control, "{line}").expect("QEMU listens");
    }

    /// Plugs a cable into the serial port; whoever had one before has none any more.
    pub fn cable(&mut self) -> Session<SocketLine> {
        let (here, there) = UnixStream::pair().expect("a cable");
        let mut typed = there.try_clone().expect("a second handle");
        let mut into = self.serial.try_clone().expect("a second handle");
        std::thread::spawn(move || std::io::copy(&mut typed, &mut into));
        // Who is there may look away for a while: a socket that is full would keep the machine from speaking.
        let (to, printed) = channel::<Vec<u8>>();
        let mut there = there;
        std::thread::spawn(move || {
            while let Ok(new) = printed.recv() {
                if there.write_all(&new).is_err() {
                    return;
                }
            }
        });
        *self.cable.lock().expect("the cable") = Some(to);
        let mut session = Session::open(SocketLine::from(here));
        session.set_patience(TYPED);
        session
    }

    /// The button of a management processor.
    pub fn nmi(&mut self) {
        self.command("inject-nmi");
    }

    /// Waits until the machine resets or is off.
    pub fn ended(&mut self, limit: Duration) -> Ended {
        let until = Instant::now() + limit;
        while self.runs() {
            assert!(
                Instant::now() < until,
                "still on after {limit:?}; its console:\n{}",
                self.console()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        let after = self.on.elapsed();
        // The reader of events ends with the machine.
        let mut watchdog = false;
        while let Ok(event) = self.events.recv_timeout(PATIENCE) {
            watchdog |= event == "WATCHDOG";
        }
        Ended { after, watchdog }
    }

    /// Cuts the power: QEMU is killed, and what it had not written is lost.
    pub fn cut(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Who is at the serial port, besides the test that reads along.
type Cable = Arc<Mutex<Option<Sender<Vec<u8>>>>>;

/// Gives what is read to the cable, too.
#[derive(Debug)]
struct Tee {
    from: UnixStream,
    to: Cable,
}

impl Read for Tee {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let n = self.from.read(into)?;
        if let (Some(to), Some(new)) = (&*self.to.lock().expect("the cable"), into.get(..n)) {
            // Nobody has to be there.
            let _ = to.send(new.to_vec());
        }
        Ok(n)
    }
}

/// Hands on line after line, without the terminal's control sequences, until `take` wants no more.
fn read(from: impl Read, mut take: impl FnMut(String) -> bool) {
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    while from.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
        let text = plain(&String::from_utf8_lossy(&line));
        line.clear();
        if !text.is_empty() && !take(text) {
            return;
        }
    }
}

fn plain(line: &str) -> String {
    let mut out = String::new();
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            // CSI ends with a letter, OSC with BEL or ST, other sequences after one character.
            '\u{1b}' => match chars.next() {
                Some('[') => drop(chars.find(|c| ('@'..='~').contains(c))),
                Some(']') => drop(chars.find(|c| matches!(c, '\u{7}' | '\\'))),
                _ => {}
            },
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out.trim().to_owned()
}

/// A socket of QEMU's; none when QEMU ends before it has one.
fn connect(path: &Path, child: &mut Child) -> Option<UnixStream> {
    let until = Instant::now() + PATIENCE;
    loop {
        match UnixStream::connect(path) {
            Ok(stream) => return Some(stream),
            Err(_) if !matches!(child.try_wait(), Ok(None)) => return None,
            Err(e) => assert!(Instant::now() < until, "{}: {e}", path.display()),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A free port for each of `inside`: all are held until the last is found, or one would be found twice.
fn free_tcp(inside: impl Iterator<Item = u16>) -> BTreeMap<u16, u16> {
    let held: Vec<(u16, TcpListener)> = inside
        .map(|port| (port, TcpListener::bind("127.0.0.1:0").expect("a free port")))
        .collect();
    let number = |socket: &TcpListener| socket.local_addr().expect("its number").port();
    held.iter()
        .map(|(port, socket)| (*port, number(socket)))
        .collect()
}

fn free_udp() -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    socket.local_addr().expect("its number").port()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_lose_their_colours() {
        assert_eq!(plain("\u{1b}]104\u{7}ok\u{1b}]0;x\u{1b}\\"), "ok");
        assert_eq!(
            plain("\u{1b}[0;1;39mok\u{1b}[0m\u{1b}c done\r\n"),
            "ok done"
        );
    }
}
