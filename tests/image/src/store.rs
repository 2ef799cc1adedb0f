//! What a box keeps of its configuration, made by the box's own service on this machine: it runs here for a moment, below a
//! folder, and carries nothing out.

use causeway_appliance::shell::client::{Client, Outcome};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// The administrator's password in these tests.
pub const PASSWORD: &str = "kestrel-over-lisbon";

const PATIENCE: Duration = Duration::from_secs(20);

/// Sets up the box whose files are below `root`: a password, and `document`.
pub fn set_up(root: &Path, document: &str) {
    let _service = Service::start(root);
    let socket = root.join("run/causeway/box.sock");
    let mut client = Client::connect_within(&socket, "test", PATIENCE)
        .unwrap_or_else(|e| panic!("{}: {e}", socket.display()));
    let mut ask = |request: Value| {
        let came = client.ask(&request, &AtomicBool::new(false), &mut |_| {});
        assert!(matches!(came, Ok(Outcome::Done(_))), "{request}: {came:?}");
    };
    ask(json!({
        "do": "set_up",
        "settings": [{"path": ["admin", "password"], "value": PASSWORD, "secret": true}],
    }));
    ask(json!({"do": "import", "text": document}));
    ask(json!({"do": "commit", "comment": "test"}));
}

/// Ended when it is dropped.
struct Service(Child);

impl Service {
    fn start(root: &Path) -> Self {
        let child = Command::new(program())
            .arg("--root")
            .arg(root)
            .args(["--dry-run", "--address", "10.0.2.15"])
            .stdin(Stdio::null())
            .spawn()
            .expect("causeway-boxd starts");
        Self(child)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Beside the tests' own programs, where the command that runs them has put it.
fn program() -> PathBuf {
    let own = std::env::current_exe().expect("the test's own path");
    let beside = own.ancestors().nth(2).expect("cargo's folder");
    std::env::var_os("CAUSEWAY_BOXD").map_or_else(|| beside.join("causeway-boxd"), PathBuf::from)
}
