//! The program itself, at a Unix socket behind which the console is.

mod support;

use causeway_board::console::Access;
use causeway_cable::{DeviceLine, Line, Session};
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixListener;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::Duration;
use support::{Desk, PASSWORD, at_the_cable};

/// Runs the program, and carries octets between its socket and the cable until it ends.
fn program(session: &mut Session<DeviceLine>, desk: &Desk, arguments: &[&str]) -> Output {
    let path = desk.folder.join("socket");
    let _ = fs::remove_file(&path);
    let listener = UnixListener::bind(&path).unwrap();
    listener.set_nonblocking(true).unwrap();
    let password = desk.folder.join("password");
    fs::write(&password, format!("{PASSWORD}\n")).unwrap();
    let child = Command::new(env!("CARGO_BIN_EXE_causeway-cable"))
        .arg("--socket")
        .arg(&path)
        .arg("--password-file")
        .arg(&password)
        .args(arguments)
        .current_dir(&desk.folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let line = session.line_mut();
    thread::scope(|scope| {
        let program = scope.spawn(|| child.wait_with_output().unwrap());
        let mut socket = None;
        while !program.is_finished() {
            let Some(socket) = &mut socket else {
                thread::sleep(Duration::from_millis(5));
                socket = listener.accept().ok().map(|(socket, _)| {
                    socket
                        .set_read_timeout(Some(Duration::from_millis(1)))
                        .unwrap();
                    socket
                });
                continue;
            };
            let mut octets = [0; 4096];
            if let Ok(count) = socket.read(&mut octets) {
                line.send(&octets[..count]).unwrap();
            }
            let count = line.receive(&mut octets, Duration::from_millis(1)).unwrap();
            let _ = socket.write_all(&octets[..count]);
        }
        program.join().unwrap()
    })
}

fn said(output: &Output) -> (String, String) {
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn commands_are_given_until_one_fails() {
    at_the_cable(Access::Guarded, |session, desk| {
        session.wait_banner().unwrap();
        let output = program(session, desk, &["run", "show status", "commit", "show log"]);
        assert!(!output.status.success());
        let (out, err) = said(&output);
        assert_eq!(out, "state well\ncalls 3\n");
        assert_eq!(err, "causeway-cable: `commit`: trunk pbx has no address\n");
        assert_eq!(desk.ran(), ["Status", "Commit { comment: None }"]);
    });
}

#[test]
fn a_box_is_set_up_from_a_file() {
    at_the_cable(Access::New, |session, desk| {
        session.wait_banner().unwrap();
        let answers = desk.folder.join("answers.toml");
        fs::write(
            &answers,
            "password = \"battery staple\"\npbx = \"192.0.2.20\"\n",
        )
        .unwrap();
        let output = program(session, desk, &["set-up", "answers.toml"]);
        let (out, err) = said(&output);
        assert!(output.status.success(), "{err}");
        assert!(out.contains("In use."));
        let ran = desk.ran();
        assert!(ran.contains(&"trunk pbx address = 192.0.2.20".to_owned()));
        assert!(!out.contains("battery") && !err.contains("battery"));
    });
}

#[test]
fn a_configuration_is_pushed_and_confirmed_or_goes_back() {
    at_the_cable(Access::Guarded, |session, desk| {
        session.wait_banner().unwrap();
        let lines = "# the PBX\nset trunk pbx address 192.0.2.21\n";
        fs::write(desk.folder.join("lines"), lines).unwrap();
        let output = program(session, desk, &["push", "lines", "--minutes", "3"]);
        let (_, err) = said(&output);
        assert!(output.status.success(), "{err}");
        let change = "Set(Setting(trunk pbx address 192.0.2.21))";
        let begin = ["Discard", change, "Compare", "CommitConfirm { minutes: 3 }"];
        assert_eq!(desk.ran(), [&begin[..], &["Confirm"]].concat());

        // Nobody listens at port 1 of this machine.
        let nobody = ["push", "lines", "--minutes", "3", "--check", "127.0.0.1:1"];
        let output = program(session, desk, &nobody);
        assert!(!output.status.success());
        assert!(said(&output).1.contains("the configuration went back"));
        assert_eq!(desk.ran(), [&begin[..], &["Revert"]].concat());
    });
}

#[test]
fn files_go_both_ways() {
    at_the_cable(Access::Guarded, |session, desk| {
        session.wait_banner().unwrap();
        let update = vec![7; 50_000];
        fs::write(desk.folder.join("new.raucb"), &update).unwrap();
        fs::write(desk.folder.join("bundle"), &update).unwrap();
        let output = program(session, desk, &["update", "new.raucb"]);
        let (out, err) = said(&output);
        assert!(output.status.success(), "{err}");
        assert_eq!(out.trim(), "new.raucb is good.");
        assert!(fs::read(desk.folder.join("came")).unwrap() == update);
        let output = program(session, desk, &["fetch-support", "."]);
        let (_, err) = said(&output);
        assert!(output.status.success(), "{err}");
        let fetched = fs::read(desk.folder.join("causeway-support.tar.gz"));
        assert!(fetched.unwrap() == update);
    });
}
