//! A seed's messages as a ladder.

use std::fmt::Write;
use std::time::Duration;

use crate::link::End;

/// Lines of a ladder; drawn as they come.
#[derive(Debug, Default)]
pub struct Ladder {
    text: String,
}

impl Ladder {
    /// A message left; `copies` of it will arrive.
    pub fn sent(&mut self, at: Duration, from: End, bytes: &[u8], copies: u32) {
        let fate = match copies {
            0 => " ✗ lost",
            1 => "",
            _ => " ×2",
        };
        let label = label(bytes);
        let arrow = match from {
            End::A => format!("  A ──{label:─^44}─▶ B"),
            End::B => format!("  A ◀─{label:─^44}── B"),
        };
        let _ = writeln!(self.text, "{:>10.3}{arrow}{fate}", at.as_secs_f64());
    }

    /// Something happened at one side.
    pub fn note(&mut self, at: Duration, side: End, what: &str) {
        let _ = match side {
            End::A => writeln!(self.text, "{:>10.3}  A: {what}", at.as_secs_f64()),
            End::B => writeln!(self.text, "{:>10.3}{:>52}B: {what}", at.as_secs_f64(), ""),
        };
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// `INVITE 1`, `200 INVITE 1`: the start line and the sequence.
fn label(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.lines();
    let start = lines.next().unwrap_or("");
    let cseq = lines
        .clone()
        .find_map(|line| line.strip_prefix("CSeq: "))
        .unwrap_or("");
    let body = if text.contains("\r\n\r\nv=0") {
        " +SDP"
    } else {
        ""
    };
    let mut words = start.split(' ');
    let label = match words.next() {
        Some("SIP/2.0") => format!(" {} ({cseq}){body} ", words.next().unwrap_or("")),
        Some(method) => format!(" {method} {}{body} ", cseq.split(' ').next().unwrap_or("")),
        None => String::new(),
    };
    label.chars().filter(|c| !c.is_control()).take(42).collect()
}
