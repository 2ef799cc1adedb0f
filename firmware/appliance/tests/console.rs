//! Somebody at a terminal of the box: the wizard, settings, and a service that is started anew meanwhile.

mod boxd;

use boxd::{Boxd, PASSWORD, eventually};
use nix::pty::openpty;
use serde_json::json;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::thread;

/// A console on a pty, and who sits there.
struct Terminal {
    child: Child,
    keys: File,
    screen: Arc<Mutex<String>>,
    /// Seen already.
    seen: usize,
}

impl Terminal {
    fn of(boxd: &Boxd) -> Self {
        let pty = openpty(None, None).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_causeway-console"))
            .arg("--root")
            .arg(boxd.root.path())
            .args(["--ask", "--program", "/bin/echo"])
            .stdin(pty.slave.try_clone().unwrap())
            .stdout(pty.slave.try_clone().unwrap())
            .stderr(pty.slave)
            .spawn()
            .unwrap();
        let keys = File::from(pty.master);
        let screen = Arc::new(Mutex::new(String::new()));
        let (mut reads, shown) = (keys.try_clone().unwrap(), Arc::clone(&screen));
        thread::spawn(move || {
            let mut octets = [0; 4096];
            while let Ok(count) = reads.read(&mut octets) {
                if count == 0 {
                    return;
                }
                shown
                    .lock()
                    .unwrap()
                    .push_str(&String::from_utf8_lossy(&octets[..count]));
            }
        });
        Self {
            child,
            keys,
            screen,
            seen: 0,
        }
    }

    /// Waits for a text that was not seen yet.
    #[track_caller]
    fn sees(&mut self, text: &str) -> &mut Self {
        let screen = Arc::clone(&self.screen);
        let seen = self.seen;
        let mut at = None;
        eventually(&format!("{text:?} on the screen"), || {
            let shown = screen.lock().unwrap();
            at = shown[seen..].find(text);
            at.is_some()
        });
        self.seen += at.unwrap() + text.len();
        self
    }

    fn types(&mut self, line: &str) -> &mut Self {
        self.keys.write_all(line.as_bytes()).unwrap();
        self.keys.write_all(b"\r").unwrap();
        self
    }

    fn everything(&self) -> String {
        self.screen.lock().unwrap().clone()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_wizard_brings_the_box_into_its_network_and_to_its_pbx() {
    let boxd = Boxd::start();
    let mut terminal = Terminal::of(&boxd);
    terminal.sees("not set up").sees("Password").types(PASSWORD);
    terminal.sees("The same again").types(PASSWORD);
    terminal.sees("IPv4 address").types("192.0.2.10/24");
    terminal.sees("IPv4 gateway").types("192.0.2.1");
    terminal.sees("IPv6 address").types("none");
    terminal.sees("Name servers").types("192.0.2.53 192.0.2.54");
    terminal.sees("Time servers").types("ntp.example");
    terminal.sees("Time zone").types("Europe/Berlin");
    terminal.sees("PBX address").types("192.0.2.20");
    terminal.sees("Transport").types("udp");
    terminal.sees("User").types("4711");
    terminal.sees("Secret").types("trunk secret");
    terminal.sees("Number to call").types("100");
    terminal.sees("Put it into use?").types("yes");
    terminal
        .sees("Revision 1 is in force")
        .sees("The gateway is started.");
    assert!(boxd.gateway().contains("trunk secret"));
    let shown = terminal.everything();
    assert!(
        !shown.contains(PASSWORD) && !shown.contains("trunk secret"),
        "{shown}"
    );
}

#[test]
fn settings_are_changed_tried_and_go_back() {
    let boxd = Boxd::start();
    boxd.is_set_up();
    let before = boxd.gateway();
    // What the gateway shows browsers.
    fs::create_dir_all(boxd.path("var/lib/causeway/tls")).unwrap();
    let pem = "-----BEGIN CERTIFICATE-----\nYWJj\n-----END CERTIFICATE-----\n";
    fs::write(boxd.path("var/lib/causeway/tls/cert.pem"), pem).unwrap();
    let mut terminal = Terminal::of(&boxd);
    terminal
        .sees("BA:78:16:BF")
        .sees("Password")
        .types("no password at all");
    terminal.sees("Password").types(PASSWORD);
    terminal
        .sees("Factory reset")
        .types("set rtp ports 30000-30999");
    terminal
        .types("compare")
        .sees("+ rtp ports \"30000-30999\"")
        .sees("CALLS END");
    terminal.types("commit confirm 1").sees("is on trial");
    assert!(boxd.gateway().contains("30000-30999"));
    terminal
        .types("revert")
        .sees("Revision 1 is in force again");
    assert_eq!(boxd.gateway(), before);
    terminal
        .types("show configuration")
        .sees("trunk pbx password ********");
    terminal
        .types("trunk check pbx")
        .sees("trunk check pbx --number 100");
}

#[test]
fn a_service_that_is_started_anew_is_waited_for() {
    let mut boxd = Boxd::start();
    boxd.is_set_up();
    let mut terminal = Terminal::of(&boxd);
    terminal
        .sees("Password")
        .types(PASSWORD)
        .sees("Factory reset");
    terminal
        .types("set box name lobby")
        .types("compare")
        .sees("lobby");
    boxd.killed();
    terminal.types("compare").sees("started anew meanwhile");
    terminal.types("compare").sees("waiting for it");
    boxd.started_again();
    terminal.sees("Nothing differs");
}

#[test]
fn a_console_does_not_stay_open_when_the_box_is_set_up_elsewhere() {
    let boxd = Boxd::start();
    let mut terminal = Terminal::of(&boxd);
    terminal.sees("Password");
    boxd.is_set_up();
    terminal.sees("well").sees("Password").types("show status");
    terminal.sees("Password");
    let status = boxd.somebody("test").gets(json!({ "do": "banner" }));
    assert_eq!(status["guarded"], true);
}
