//! A `[[trunk]]` that fits what was found. Pure.

use super::assess::{Facts, breaks_on_user_to_user, reached};
use super::facts::Exchange;
use std::fmt::Write;

/// A `[[trunk]]` that fits the facts. Comments say why where a value differs from the configured one.
pub fn settings(facts: &Facts) -> String {
    let trunk = &facts.trunk;
    let mut out = format!(
        "[[trunk]]\nname = {}\naddress = {}\n",
        quoted(&trunk.name),
        quoted(&trunk.address)
    );
    let answers = |e: &Option<Exchange>| e.as_ref().is_some_and(|e| e.status.is_some());
    let tcp = match (answers(&facts.udp), answers(&facts.tcp)) {
        (true, false) => false,
        (false, true) => true,
        (true, true) | (false, false) => trunk.tcp,
    };
    let why = if tcp == trunk.tcp {
        ""
    } else {
        "  # the other one is not answered"
    };
    let _ = writeln!(
        out,
        "transport = \"{}\"{why}",
        if tcp { "tcp" } else { "udp" }
    );
    if facts.udp.is_some()
        && !answers(&facts.udp)
        && !answers(&facts.tcp)
        && facts.call.as_ref().is_some_and(Exchange::answered)
    {
        out.push_str("options_s = 0  # OPTIONS is not answered, calls are\n");
    }
    let challenge = facts
        .call
        .as_ref()
        .and_then(|c| c.challenges.first())
        .or_else(|| reached(facts).and_then(|o| o.challenges.first()));
    if let Some(challenge) = challenge {
        if !trunk.has_credentials {
            out.push_str("username = \"\"  # the PBX asks for credentials\npassword = \"\"\n");
        } else {
            out.push_str("# username and password as they are\n");
        }
        let _ = writeln!(out, "realm = {}", quoted(&challenge.realm));
    }
    if let Some(call) = &facts.call {
        if let Some(sdp) = call.sdp.as_ref().filter(|s| !s.refused) {
            let mut codecs: Vec<&str> = sdp
                .codecs
                .iter()
                .map(String::as_str)
                .filter(|c| matches!(*c, "PCMU" | "PCMA" | "G722"))
                .collect();
            // What it did not name in its answer may still do for another call.
            for further in ["PCMU", "PCMA"] {
                if !codecs.is_empty() && !codecs.contains(&further) {
                    codecs.push(further);
                }
            }
            if !codecs.is_empty() {
                let list: Vec<String> = codecs.iter().map(|c| quoted(c)).collect();
                let _ = writeln!(out, "codecs = [{}]", list.join(", "));
            }
            if let Some(ms) = sdp
                .ptime_ms
                .filter(|ms| matches!(ms, 10 | 20 | 30 | 40 | 60))
            {
                let _ = writeln!(out, "ptime_ms = {ms}");
            }
        }
        let refused = facts
            .reliable
            .as_ref()
            .is_some_and(|c| c.status == Some(420));
        let uses = call.provisional.iter().any(|p| p.reliable);
        if refused && !uses {
            out.push_str("reliable = \"off\"  # it does not do 100rel\n");
        } else if call.answered() {
            out.push_str("reliable = \"supported\"\n");
        }
        let takes_keys = facts.srtp.as_ref().map(|e| {
            e.answered()
                && e.sdp
                    .as_ref()
                    .is_some_and(|sdp| sdp.has_keys && !sdp.refused)
        });
        match takes_keys {
            Some(true) => out.push_str("srtp = \"required\"  # it takes keys in the SDP\n"),
            Some(false) => out.push_str("srtp = \"off\"\n"),
            None => {}
        }
        if breaks_on_user_to_user(call) {
            out.push_str("user_to_user = false  # a call with the header is refused\n");
        }
    }
    out
}

/// As TOML writes a string. What comes from a PBX has no control characters afterwards.
fn quoted(text: &str) -> String {
    let inner: String = text
        .chars()
        .filter(|c| !c.is_control())
        .flat_map(|c| {
            matches!(c, '"' | '\\')
                .then_some('\\')
                .into_iter()
                .chain([c])
        })
        .collect();
    format!("\"{inner}\"")
}
