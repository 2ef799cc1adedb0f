//! What a box keeps of its configuration, made by the box's own service on this machine: it runs here for a moment, below a
//! folder, and carries nothing out.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The administrator's password in these tests.
pub const PASSWORD: &str = "kestrel-over-lisbon";

const PATIENCE: Duration = Duration::from_secs(20);

/// Sets up the box whose files are below `root`: a password, and `document`.
pub fn set_up(root: &Path, document: &str) {
    let mut service = Service::start(root);
    service.ask(json!({
        "do": "set_up",
        "settings": [{"path": ["admin", "password"], "value": PASSWORD, "secret": true}],
    }));
    service.ask(json!({"do": "import", "text": document}));
    service.ask(json!({"do": "commit", "comment": "test"}));
}

struct Service {
    child: Child,
    to: UnixStream,
    from: BufReader<UnixStream>,
}

impl Service {
    fn start(root: &Path) -> Self {
        let mut child = Command::new(program())
            .arg("--root")
            .arg(root)
            .args(["--dry-run", "--address", "10.0.2.15"])
            .stdin(Stdio::null())
            .spawn()
            .expect("causeway-boxd starts");
        let socket = root.join("run/causeway/box.sock");
        let until = Instant::now() + PATIENCE;
        let to = loop {
            match UnixStream::connect(&socket) {
                Ok(to) => break to,
                Err(e) if Instant::now() > until || !matches!(child.try_wait(), Ok(None)) => {
                    let _ = child.kill();
                    let _ = child.wait();
                    panic!("{}: {e}", socket.display());
                }
                Err(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        };
        let from = BufReader::new(to.try_clone().expect("a second handle"));
        let mut service = Self { child, to, from };
        service.say(&json!({"hello": {"author": "test"}}));
        service
    }

    fn say(&mut self, line: &Value) {
        writeln!(self.to, "{line}").expect("causeway-boxd listens");
    }

    fn ask(&mut self, request: Value) {
        self.say(&request);
        loop {
            let mut line = String::new();
            self.from.read_line(&mut line).expect("an answer");
            let answer: Value = serde_json::from_str(&line).expect("JSON");
            if answer.get("done").is_some() {
                return;
            }
            assert!(answer.get("failed").is_none(), "{request}: {answer}");
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Beside the tests' own programs, where the command that runs them has put it.
fn program() -> PathBuf {
    let own = std::env::current_exe().expect("the test's own path");
    let beside = own.ancestors().nth(2).expect("cargo's folder");
    std::env::var_os("CAUSEWAY_BOXD").map_or_else(|| beside.join("causeway-boxd"), PathBuf::from)
}
