//! What the box says of itself.

use super::machine::Machine;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use causeway_board::{ResetCause, ResetReport as _};
use causeway_board_linux::LinuxReset;
use sha2::{Digest, Sha256};
use std::fs;
use std::net::SocketAddr;
use toml_edit::{DocumentMut, Item};

/// Starts that are remembered.
const STARTS: usize = 50;
const STATE: &str = "var/lib/causeway-box";
/// The last start's cause, for as long as the box runs.
const CAUSE: &str = "run/causeway/reset";

/// The version of the image, or of this program where there is no image.
pub(super) fn version(machine: &Machine) -> String {
    let release = fs::read_to_string(machine.path("etc/os-release")).unwrap_or_default();
    let version = release
        .lines()
        .find_map(|line| line.strip_prefix("IMAGE_VERSION="));
    version.map_or_else(
        || env!("CARGO_PKG_VERSION").to_owned(),
        |v| v.trim_matches('"').to_owned(),
    )
}

/// `a`, `b`, or empty where there are no slots.
pub(super) fn slot(machine: &Machine) -> String {
    let line = fs::read_to_string(machine.path("proc/cmdline")).unwrap_or_default();
    let slot = line
        .split_whitespace()
        .find_map(|word| word.strip_prefix("causeway.slot="));
    slot.unwrap_or_default().to_owned()
}

/// SHA-256 of the certificate that browsers are shown; empty while there is none.
pub(super) fn fingerprint(machine: &Machine) -> String {
    let pem = fs::read_to_string(machine.path("var/lib/causeway/tls/cert.pem"));
    let pem = pem.unwrap_or_default();
    let body = pem
        .split_once("-----BEGIN CERTIFICATE-----")
        .and_then(|(_, rest)| rest.split_once("-----END CERTIFICATE-----"));
    let Some((body, _)) = body else {
        return String::new();
    };
    let digits: String = body.chars().filter(|c| !c.is_whitespace()).collect();
    let Ok(octets) = STANDARD.decode(digits) else {
        return String::new();
    };
    let pairs: Vec<String> = Sha256::digest(&octets)
        .iter()
        .map(|octet| format!("{octet:02X}"))
        .collect();
    pairs.join(":")
}

/// Where programs of the box reach the API: the listener for management where there is one.
pub(super) fn api_url(gateway: &str) -> Option<String> {
    let document: DocumentMut = gateway.parse().ok()?;
    let settings = document.get("box")?;
    let place = |key: &str| {
        settings
            .get(key)
            .and_then(Item::as_str)?
            .parse::<SocketAddr>()
            .ok()
    };
    let mut place = place("management").or_else(|| place("https"))?;
    if place.ip().is_unspecified() {
        let loopback = if place.is_ipv4() {
            [127, 0, 0, 1].into()
        } else {
            std::net::Ipv6Addr::LOCALHOST.into()
        };
        place.set_ip(loopback);
    }
    Some(format!("https://{place}"))
}

/// Why the box was started; looked for once in a start, then remembered.
pub(super) fn note_start(machine: &Machine, at: &str) {
    if machine.path(CAUSE).exists() {
        return;
    }
    let state = machine.path(STATE);
    let mut report = LinuxReset::new(machine.root(), &state);
    let cause = report.reset_cause().unwrap_or(ResetCause::Unknown);
    let path = state.join("starts");
    let before = fs::read_to_string(&path).unwrap_or_default();
    let mut lines: Vec<String> = before.lines().map(str::to_owned).collect();
    lines.push(format!("{at}  {cause}"));
    let first = lines.len().saturating_sub(STARTS);
    let text = lines.get(first..).unwrap_or_default().join("\n") + "\n";
    // What cannot be kept is still said until the next start.
    if fs::write(path.with_extension("new"), text).is_ok() {
        let _ = fs::rename(path.with_extension("new"), &path);
    }
    if let Some(words) = report.last_words() {
        let _ = fs::write(state.join("last-words"), words);
    }
    let _ = report.settle();
    let _ = fs::write(machine.path(CAUSE), cause_word(cause));
}

/// The last start's cause.
pub(super) fn cause(machine: &Machine) -> ResetCause {
    let word = fs::read_to_string(machine.path(CAUSE)).unwrap_or_default();
    cause_of(&word)
}

/// The causes of the last starts, newest first.
pub(super) fn starts(machine: &Machine) -> Vec<String> {
    let text = fs::read_to_string(machine.path(STATE).join("starts")).unwrap_or_default();
    text.lines().rev().map(str::to_owned).collect()
}

const CAUSES: [(ResetCause, &str); 7] = [
    (ResetCause::PowerOn, "power_on"),
    (ResetCause::Asked, "asked"),
    (ResetCause::Watchdog, "watchdog"),
    (ResetCause::Panic, "panic"),
    (ResetCause::Overheated, "overheated"),
    (ResetCause::PowerFault, "power_fault"),
    (ResetCause::Unknown, "unknown"),
];

/// For programs.
pub(super) fn cause_word(cause: ResetCause) -> &'static str {
    let found = CAUSES.iter().find(|(known, _)| *known == cause);
    found.map_or("unknown", |(_, word)| word)
}

/// The cause of a word.
pub fn cause_of(word: &str) -> ResetCause {
    let found = CAUSES.iter().find(|(_, known)| *known == word.trim());
    found.map_or(ResetCause::Unknown, |(cause, _)| *cause)
}
