//! A real `causeway-boxd` on a folder of its own, and somebody at its socket.
#![allow(dead_code)]

pub mod memory;

use causeway_appliance::shell::client::{Client, Outcome};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Of whatever a test waits for.
const MOST: Duration = Duration::from_secs(20);

pub const PASSWORD: &str = "a sentence is good";
pub const TRUNK_SECRET: &str = "0xdeadbeef-trunk";

/// See the module.
pub struct Boxd {
    pub root: TempDir,
    child: Child,
}

impl Boxd {
    pub fn start() -> Self {
        Self::on(TempDir::new().unwrap())
    }

    fn on(root: TempDir) -> Self {
        let child = spawn(&root);
        let boxd = Self { root, child };
        boxd.waits_for_socket();
        boxd
    }

    /// The process is gone at once, as when the power is cut.
    pub fn killed(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// It is started again in the same start of the box.
    pub fn started_again(&mut self) {
        self.child = spawn(&self.root);
        self.waits_for_socket();
    }

    /// The box was started again: nothing of `/run` is left.
    pub fn booted_again(&mut self) {
        fs::remove_dir_all(self.path("run")).unwrap();
        self.started_again();
    }

    fn waits_for_socket(&self) {
        eventually("the socket", || {
            Client::connect(&self.socket(), "test").is_ok()
        });
    }

    pub fn socket(&self) -> PathBuf {
        self.path("run/causeway/box.sock")
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    pub fn file(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_default()
    }

    /// The gateway's document; empty when there is none.
    pub fn gateway(&self) -> String {
        self.file("run/causeway/causeway.toml")
    }

    pub fn actions(&self) -> String {
        self.file("run/causeway/actions")
    }

    pub fn somebody(&self, author: &str) -> Somebody {
        let client = Client::connect(&self.socket(), author).unwrap();
        Somebody {
            client,
            heard: String::new(),
        }
    }

    /// What the wizard of the first start asks for.
    pub fn is_set_up(&self) -> Somebody {
        let mut console = self.somebody("console");
        console.gets(first_set_up());
        console
    }
}

impl Drop for Boxd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(root: &TempDir) -> Child {
    Command::new(env!("CARGO_BIN_EXE_causeway-boxd"))
        .arg("--root")
        .arg(root.path())
        .args(["--dry-run", "--address", "192.0.2.10"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

pub fn first_set_up() -> Value {
    let setting = |path: &str, value: &str, secret: bool| {
        let path: Vec<&str> = path.split(' ').collect();
        json!({ "path": path, "value": value, "secret": secret })
    };
    json!({ "do": "set_up", "settings": [
        setting("admin password", PASSWORD, true),
        setting("network ipv4 address", "192.0.2.10/24", false),
        setting("network ipv4 gateway", "192.0.2.1", false),
        setting("network ipv6 address", "none", false),
        setting("network dns", "192.0.2.53", false),
        setting("network dns", "192.0.2.54", false),
        setting("time server", "ntp.example", false),
        setting("time zone", "Europe/Berlin", false),
        setting("trunk pbx address", "192.0.2.20", false),
        setting("trunk pbx transport", "udp", false),
        setting("trunk pbx username", "4711", false),
        setting("trunk pbx password", TRUNK_SECRET, true),
        setting("test number", "100", false),
    ]})
}

#[track_caller]
pub fn eventually(what: &str, mut true_at_last: impl FnMut() -> bool) {
    let end = Instant::now() + MOST;
    while !true_at_last() {
        assert!(Instant::now() < end, "{what}: not within {MOST:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A connection, and everything that was ever said on it.
pub struct Somebody {
    client: Client,
    pub heard: String,
}

impl Somebody {
    pub fn asks(&mut self, request: Value) -> Outcome {
        let never = AtomicBool::new(false);
        let heard = &mut self.heard;
        let outcome = self
            .client
            .ask(&request, &never, &mut |said| heard.push_str(said));
        let outcome = outcome.unwrap();
        self.heard.push_str(&format!("{outcome:?}\n"));
        outcome
    }

    #[track_caller]
    pub fn gets(&mut self, request: Value) -> Value {
        match self.asks(request) {
            Outcome::Done(value) => value,
            Outcome::Failed { why, code } => panic!("{code}: {why}"),
        }
    }

    /// The code of the refusal.
    #[track_caller]
    pub fn is_refused(&mut self, request: Value) -> String {
        match self.asks(request) {
            Outcome::Done(value) => panic!("it was done: {value}"),
            Outcome::Failed { code, .. } => code,
        }
    }

    #[track_caller]
    pub fn sets(&mut self, path: &str, value: &str) {
        let path: Vec<&str> = path.split(' ').collect();
        self.gets(json!({ "do": "set", "path": path, "value": value }));
    }
}
