//! The command line against a box of its own: both programs as they are installed.

use nix::pty::openpty;
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("causeway-command-line-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn causeway(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_causeway"))
        .args(arguments)
        .env_remove("CAUSEWAY_ADMIN_KEY")
        .output()
        .unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn drawn() -> (String, String) {
    let secret = causeway(&["secret", "--json"]);
    let secret: Value = serde_json::from_str(&out(&secret)).unwrap();
    let text = |name: &str| secret[name].as_str().unwrap().to_owned();
    (text("secret"), text("sha256"))
}

#[test]
fn a_document_is_checked_with_lines_and_carets() {
    let folder = Folder::new("check");
    let good = "[box]\nhttps = \"127.0.0.1:1\"\nmedia = \"127.0.0.1:2\"\n[sip]\nudp = \"127.0.0.1:3\"\n\
                [rtp]\naddress = \"127.0.0.1\"\nports = \"20000-20099\"\n";
    let file = folder.write("good.toml", good);
    let checked = causeway(&["config", "check", file.to_str().unwrap()]);
    assert_eq!(checked.status.code(), Some(0), "{}", err(&checked));
    assert!(out(&checked).contains("is good"));

    let file = folder.write("bad.toml", &good.replace("20000-", "20001-"));
    let checked = causeway(&["config", "check", file.to_str().unwrap()]);
    assert_eq!(checked.status.code(), Some(1));
    let shown = out(&checked);
    assert!(shown.contains("bad.toml:8:9"), "{shown}");
    assert!(
        shown.contains("8 | ports = \"20001-20099\"\n  |         ^"),
        "{shown}"
    );

    let checked = causeway(&["config", "check", "--json", file.to_str().unwrap()]);
    let faults: Value = serde_json::from_str(&out(&checked)).unwrap();
    assert_eq!(faults["faults"][0]["line"], 8);

    let missing = causeway(&["config", "check", "/nowhere.toml"]);
    assert_eq!(missing.status.code(), Some(2));
}

#[test]
fn a_secret_is_new_every_time_and_its_hash_fits() {
    let (first, hash) = drawn();
    let (second, _) = drawn();
    assert_ne!(first, second);
    assert_eq!(first.len(), 64);
    let hash = causeway_directory::SecretHash::parse(&hash).unwrap();
    assert!(hash.matches(&first));
}

/// A running box, stopped with the test.
struct Box {
    child: Child,
    url: String,
    fingerprint: String,
    log: mpsc::Receiver<String>,
}

impl Box {
    fn start(folder: &Folder, hash: &str, log_level: &str) -> Self {
        let tcp = || {
            TcpListener::bind("127.0.0.1:0")
                .unwrap()
                .local_addr()
                .unwrap()
        };
        let udp = || {
            UdpSocket::bind("127.0.0.1:0")
                .unwrap()
                .local_addr()
                .unwrap()
        };
        let https = tcp();
        let text = format!(
            "[box]\nname = \"the box\"\nhttps = \"{https}\"\nmedia = \"{}\"\nadmin_key_sha256 = \"{hash}\"\n\
             [sip]\nudp = \"{}\"\ntcp = \"{}\"\n[rtp]\naddress = \"127.0.0.1\"\nports = \"20000-20099\"\n\
             [[trunk]]\nname = \"pbx\"\naddress = \"{}\"\noptions_s = 0\n\
             [[app]]\nkey = \"shop\"\nsecret_sha256 = [\"{hash}\"]\norigins = [\"https://shop.example\"]\n\
             caller_id = \"100\"\n",
            udp(),
            udp(),
            tcp(),
            udp(),
        );
        let config = folder.write("causeway.toml", &text);
        let mut child = Command::new(env!("CARGO_BIN_EXE_causewayd"))
            .arg("--config")
            .arg(config)
            .arg("--state")
            .arg(folder.0.join("state"))
            .args(["--log", log_level])
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                let _ = tell.send(line);
            }
        });
        let mut started = Self {
            child,
            url: format!("https://{https}"),
            fingerprint: String::new(),
            log: told,
        };
        loop {
            let line = started
                .log
                .recv_timeout(PATIENCE)
                .expect("the box does not start");
            if let Some((_, rest)) = line.split_once("fingerprint=\"") {
                started.fingerprint = rest.split('"').next().unwrap().to_owned();
            }
            if line.contains("listening") {
                return started;
            }
        }
    }

    fn ask(&self, key: &Path, arguments: &[&str]) -> Output {
        let key = key.to_str().unwrap();
        let mut all = vec!["--url", &self.url, "--fingerprint", &self.fingerprint];
        all.extend(["--admin-key-file", key]);
        all.extend(arguments);
        causeway(&all)
    }
}

impl Drop for Box {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_box_answers_those_it_should_and_is_known_by_its_certificate() {
    let folder = Folder::new("box");
    let (secret, hash) = drawn();
    let key = folder.write("key", &format!("{secret}\n"));
    let started = Box::start(&folder, &hash, "info");

    let health = started.ask(&key, &["health"]);
    assert_eq!(health.status.code(), Some(0), "{}", err(&health));
    assert!(out(&health).starts_with("ok\n"), "{}", out(&health));
    let status = started.ask(&key, &["status"]);
    assert!(
        out(&status).starts_with("the box "),
        "{}{}",
        out(&status),
        err(&status)
    );
    assert!(out(&status).contains("pbx"));
    assert_eq!(out(&started.ask(&key, &["calls"])), "no calls\n");
    let calls: Value =
        serde_json::from_str(&out(&started.ask(&key, &["calls", "--json"]))).unwrap();
    assert_eq!(calls["calls"], serde_json::json!([]));
    for (arguments, code) in [
        (["call", "x"], "call_not_found"),
        (["context", "x"], "not_found"),
    ] {
        let answer = started.ask(&key, &arguments);
        assert_eq!(answer.status.code(), Some(1));
        assert!(err(&answer).contains(code), "{}", err(&answer));
    }
    assert!(out(&started.ask(&key, &["metrics"])).contains("causeway_store_written_total"));
    let token = started.ask(
        &key,
        &[
            "token",
            "--app",
            "shop",
            "--secret-file",
            key.to_str().unwrap(),
        ],
    );
    assert!(out(&token).starts_with("cw1."), "{}", err(&token));

    let wrong = folder.write("wrong", "wrong\n");
    let refused = started.ask(&wrong, &["status"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(err(&refused).contains("auth_failed"));

    // By the file that the box made, and not by another fingerprint.
    let certificate = folder.0.join("state/tls/cert.pem");
    let by_file = causeway(&[
        "--url",
        &started.url,
        "--ca",
        certificate.to_str().unwrap(),
        "health",
    ]);
    assert_eq!(by_file.status.code(), Some(0), "{}", err(&by_file));
    let other = "00".repeat(32);
    let refused = causeway(&["--url", &started.url, "--fingerprint", &other, "health"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        err(&refused).contains(&started.fingerprint),
        "{}",
        err(&refused)
    );
}

#[test]
fn no_secret_is_logged_however_much_is() {
    let folder = Folder::new("log");
    let (secret, hash) = drawn();
    let key = folder.write("key", &secret);
    let started = Box::start(&folder, &hash, "trace,tungstenite::protocol=trace");
    started.ask(&key, &["status"]);
    let secret_file = key.to_str().unwrap();
    let token = started.ask(
        &key,
        &["token", "--app", "shop", "--secret-file", secret_file],
    );
    let token = out(&token).trim().to_owned();
    assert!(token.starts_with("cw1."));
    let welcome = hello(&started, &folder.0.join("state/tls/cert.pem"), &token);
    assert!(welcome.contains("welcome"), "{welcome}");

    // What was said is in the log when the next answer is.
    started.ask(&key, &["health"]);
    let Box { child, log, .. } = &started;
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap()),
        nix::sys::signal::Signal::SIGTERM,
    )
    .unwrap();
    let mut lines = 0;
    while let Ok(line) = log.recv_timeout(PATIENCE) {
        lines += 1;
        for hidden in [&secret, &token] {
            assert!(!line.contains(hidden.as_str()), "{line}");
        }
    }
    assert!(lines > 20, "the log is not the one that was asked for");
}

/// Says hello over a WebSocket, by hand, and gives the raw bytes of the answer as text.
fn hello(started: &Box, certificate: &Path, token: &str) -> String {
    use rustls::pki_types::pem::PemObject;
    let certificate = rustls::pki_types::CertificateDer::from_pem_file(certificate).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let host = started.url.strip_prefix("https://").unwrap();
    let name = "127.0.0.1".try_into().unwrap();
    let tls = rustls::ClientConnection::new(std::sync::Arc::new(config), name).unwrap();
    let tcp = std::net::TcpStream::connect(host).unwrap();
    tcp.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut stream = rustls::StreamOwned::new(tls, tcp);
    let request = format!(
        "GET /api/v1/ws HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: causeway.v1\r\n\r\n"
    );
    let message = serde_json::json!({"type": "hello", "id": 1, "version": 1, "token": token});
    let message = message.to_string();
    // A text frame with a length of 16 bits, masked with zeros (RFC 6455 section 5.2).
    let length = u16::try_from(message.len()).unwrap().to_be_bytes();
    let mut frame = vec![0x81, 0xfe, length[0], length[1], 0, 0, 0, 0];
    frame.extend(message.into_bytes());
    stream.write_all(request.as_bytes()).unwrap();
    let mut heard = String::new();
    let mut said = false;
    while !heard.contains("welcome") {
        let mut bytes = [0; 4096];
        let count = stream.read(&mut bytes).unwrap();
        assert!(count > 0, "{heard}");
        heard.push_str(&String::from_utf8_lossy(&bytes[..count]));
        if !said && heard.contains("\r\n\r\n") {
            said = true;
            stream.write_all(&frame).unwrap();
        }
    }
    heard
}

/// Somebody at a terminal on which a program runs.
struct Person {
    line: File,
    shown: mpsc::Receiver<String>,
    screen: String,
}

impl Person {
    fn at(mut program: Command) -> (Self, Child) {
        let pty = openpty(None, None).unwrap();
        let end = || Stdio::from(pty.slave.try_clone().unwrap());
        program.stdin(end()).stdout(end()).stderr(end());
        let child = program.spawn().unwrap();
        let line = File::from(pty.master);
        let (tell, shown) = mpsc::channel();
        let mut reader = line.try_clone().unwrap();
        std::thread::spawn(move || {
            let mut octets = [0; 4096];
            // Ends with the program, which has the terminal's other end.
            while let Ok(count @ 1..) = reader.read(&mut octets) {
                let _ = tell.send(String::from_utf8_lossy(&octets[..count]).into_owned());
            }
        });
        (
            Self {
                line,
                shown,
                screen: String::new(),
            },
            child,
        )
    }

    fn types(&mut self, text: &str) -> &mut Self {
        self.line.write_all(text.as_bytes()).unwrap();
        self
    }

    /// Waits for `text`; what was shown up to it is forgotten.
    #[track_caller]
    fn sees(&mut self, text: &str) -> &mut Self {
        loop {
            if let Some(at) = self.screen.find(text) {
                self.screen.drain(..at + text.len());
                return self;
            }
            match self.shown.recv_timeout(PATIENCE) {
                Ok(more) => self.screen.push_str(&more),
                Err(_) => panic!("`{text}` is not to be seen:\n{}", self.screen),
            }
        }
    }
}

#[test]
fn the_console_is_a_menu_and_commands_with_completion() {
    let folder = Folder::new("console");
    let (secret, hash) = drawn();
    let key = folder.write("key", &secret);
    let started = Box::start(&folder, &hash, "info");
    let mut program = Command::new(env!("CARGO_BIN_EXE_causeway"));
    program
        .args(["--url", &started.url, "--fingerprint", &started.fingerprint])
        .args(["--admin-key-file", key.to_str().unwrap(), "console"]);
    let (mut person, mut child) = Person::at(program);
    person
        .sees("state       ok\r\n")
        .sees("1) Status")
        .sees("> ");
    person
        .types("show st\t\r")
        .sees("the box ")
        .sees("TRUNK")
        .sees("> ");
    person
        .types("4\r")
        .sees("> calls\r\n")
        .sees("no calls\r\n")
        .sees("> ");
    person
        .types("calls nobody\r")
        .sees("call_not_found")
        .sees("> ");
    person
        .types("show ?")
        .sees("  trunks          how each trunk is");
    person
        .types("\x15set box name x\r")
        .sees("column 1: no such word here");
    // Stopped long before the check's own end: the PBX answers nothing.
    person
        .types("trunk check p\t\r")
        .sees("> ")
        .types("\x03")
        .sees("> ");
    person.types("exit\r");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_console_without_a_terminal_is_refused() {
    let refused = Command::new(env!("CARGO_BIN_EXE_causeway"))
        .args(["--insecure", "console"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        err(&refused).contains("needs a terminal"),
        "{}",
        err(&refused)
    );
}
