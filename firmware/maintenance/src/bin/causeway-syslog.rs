//! Forwards the journal to a syslog server over TLS.
//!
//!     causeway-syslog --server logs.example:6514 [--name logs.example] [--ca FILE] [--cursor FILE]

use causeway_maintenance::syslog::{Settings, forward, journalctl};
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

const USAGE: &str =
    "usage: causeway-syslog --server HOST:PORT [--name NAME] [--ca FILE] [--cursor FILE]";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("{fault}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let (mut server, mut name) = (None, None);
    let mut ca = "/etc/ssl/certs/ca-certificates.crt".to_owned();
    let mut cursor = "/var/lib/causeway-syslog/cursor".to_owned();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().ok_or(USAGE)?;
        match word.as_str() {
            "--server" => server = Some(value),
            "--name" => name = Some(value),
            "--ca" => ca = value,
            "--cursor" => cursor = value,
            _ => return Err(USAGE.to_owned()),
        }
    }
    let server = server.ok_or(USAGE)?;
    let host = server.rsplit_once(':').ok_or(USAGE)?.0;
    let host = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .to_owned();
    let settings = Settings {
        name: name.unwrap_or(host),
        server,
        ca: ca.into(),
        cursor: cursor.into(),
        journal: journalctl(),
    };
    // The service manager ends it; what was not acknowledged is sent again by the next one.
    forward(&settings, &AtomicBool::new(false), &mut |what| {
        eprintln!("{what}");
    })
    .map_err(|e| e.to_string())
}
