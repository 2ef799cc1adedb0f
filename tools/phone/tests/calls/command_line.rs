//! The program itself: the contact centre on standard input and output, a call into it, and the tone file.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use serde_json::Value;

const PHONE: &str = env!("CARGO_BIN_EXE_causeway-phone");

#[test]
fn a_call_is_reported_as_json_and_quit_ends_in_order() {
    let mut centre = Command::new(PHONE)
        .args(["acd", "--listen", "127.0.0.1:0", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("started");
    let mut input = centre.stdin.take().expect("piped");
    let mut events = BufReader::new(centre.stdout.take().expect("piped"))
        .lines()
        .map(|line| serde_json::from_str::<Value>(&line.expect("text")).expect("JSON"));
    let listening = events.next().expect("an event");
    assert_eq!(listening["event"], "listening");
    let address = listening["udp"].as_str().expect("an address");

    let arguments = [
        "--seconds",
        "2",
        "--expect-hz",
        "1004",
        "--dtmf",
        "7",
        "--json",
    ];
    let call = |to: &str| {
        let out = Command::new(PHONE)
            .args([
                "call",
                "--tone",
                "440",
                "--to",
                &format!("sip:{to}@{address}"),
            ])
            .args(arguments)
            .output()
            .expect("ran");
        let text = String::from_utf8(out.stdout).expect("text");
        let report: Value =
            serde_json::from_str(text.lines().last().expect("a line")).expect("JSON");
        (out.status.success(), report)
    };
    let (good, report) = call("100");
    assert!(good, "{report}");
    assert_eq!(
        (&report["event"], &report["answered"]),
        (&"report".into(), &true.into())
    );
    let (good, report) = call("486");
    assert!(!good);
    assert_eq!(report["status"], 486);

    input.write_all(b"calls\nquit\n").expect("written");
    let events: Vec<Value> = events.collect();
    assert!(centre.wait().expect("ended").success());
    let named = |name: &str| {
        events
            .iter()
            .filter(|e| e["event"] == name)
            .cloned()
            .collect::<Vec<_>>()
    };
    assert!(
        named("heard")
            .iter()
            .any(|e| (e["hz"].as_f64().unwrap_or(0.0) - 440.0).abs() < 2.2)
    );
    assert_eq!(named("dtmf")[0]["digit"], "7");
    assert_eq!(named("ended").len(), 2);
    assert!(
        events.iter().all(|e| e["at"].is_f64()),
        "every event says when"
    );
}

#[test]
fn a_wrong_argument_is_said_in_a_sentence() {
    let out = Command::new(PHONE)
        .args(["call", "--to", "nonsense"])
        .output()
        .expect("ran");
    assert!(!out.status.success());
    assert_eq!(
        String::from_utf8_lossy(&out.stderr).trim(),
        "causeway-phone: not a SIP URI: nonsense"
    );
}
