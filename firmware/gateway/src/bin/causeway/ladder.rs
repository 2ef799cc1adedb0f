//! Draws what was said between the box and the PBX. Pure: text out of the box's answer.
//!
//! A message is one arrow with its first line and CSeq on it; what its session description offers
//! stands below. Times are seconds since the first message.

use serde::Deserialize;
use serde_json::Value;

/// The answer of `/api/v1/calls/{id}/ladder`.
#[derive(Debug, Deserialize)]
pub(crate) struct Ladder {
    call: String,
    omitted: u64,
    messages: Vec<Message>,
}

#[derive(Debug, Deserialize)]
struct Message {
    at_us: i64,
    direction: String,
    transport: String,
    local: String,
    remote: String,
    first_line: String,
    cseq: Option<String>,
    text: String,
    #[serde(default)]
    cut: usize,
}

impl Ladder {
    pub(crate) fn read(answer: &Value) -> Option<Self> {
        Ladder::deserialize(answer).ok()
    }
}

impl Message {
    fn sent(&self) -> bool {
        self.direction == "sent"
    }
}

/// Between the two lines of life.
const WIDTH: usize = 66;
/// In front of them: seconds with three decimals.
const MARGIN: usize = 10;

pub(crate) fn draw(ladder: &Ladder) -> String {
    let mut out = format!("call {}\n", plain(&ladder.call));
    let Some(first) = ladder.messages.first() else {
        out.push_str("no SIP messages\n");
        return out;
    };
    let mut ends = ("", "", "");
    for (at, message) in ladder.messages.iter().enumerate() {
        let these = (
            message.local.as_str(),
            message.remote.as_str(),
            message.transport.as_str(),
        );
        if these != ends {
            ends = these;
            head(&mut out, message);
        }
        let again = ladder.messages[..at]
            .iter()
            .any(|m| m.direction == message.direction && m.text == message.text);
        let seconds = time(message.at_us - first.at_us);
        arrow(&mut out, &seconds, message, again);
        for line in media(&message.text) {
            beside(&mut out, &line);
        }
    }
    if ladder.omitted > 0 {
        out.push_str(&format!(
            "{} further messages were not kept: the first and the newest are shown\n",
            ladder.omitted
        ));
    }
    out
}

/// Every message as it was, with its time and way.
pub(crate) fn in_full(ladder: &Ladder) -> String {
    let mut out = String::new();
    let begun = ladder.messages.first().map_or(0, |m| m.at_us);
    for message in &ladder.messages {
        let way = if message.sent() { "->" } else { "<-" };
        out.push_str(&format!(
            "\n{} s  {} {way} {} ({})\n\n",
            time(message.at_us - begun).trim_start(),
            plain(&message.local),
            plain(&message.remote),
            plain(&message.transport).to_uppercase(),
        ));
        for line in message.text.lines() {
            out.push_str(plain(line).trim_end());
            out.push('\n');
        }
        if message.cut > 0 {
            out.push_str(&format!("({} bytes were not kept)\n", message.cut));
        }
    }
    out
}

fn time(us: i64) -> String {
    let ms = us.div_euclid(1000);
    format!("{:>5}.{:03}", ms.div_euclid(1000), ms.rem_euclid(1000))
}

/// Who stands where; again whenever that changes.
fn head(out: &mut String, message: &Message) {
    let left = format!("box {}", plain(&message.local));
    let right = format!(
        "PBX {} ({})",
        plain(&message.remote),
        plain(&message.transport).to_uppercase()
    );
    let gap = (WIDTH + 2).saturating_sub(left.chars().count() + right.chars().count());
    let gap = gap.max(2);
    out.push_str(&format!("\n{:MARGIN$}{left}{:gap$}{right}\n", "", ""));
    out.push_str(&format!("{:MARGIN$}|{:WIDTH$}|\n", "", ""));
}

/// `|---- INVITE sip:100@pbx  1 INVITE ------------>|`
fn arrow(out: &mut String, seconds: &str, message: &Message, again: bool) {
    let mut label = words(&message.first_line);
    if let Some(cseq) = &message.cseq {
        // Of a request, the method is said already.
        let number = cseq.split_whitespace().next().unwrap_or("");
        let is_request = !message.first_line.starts_with("SIP/");
        let shown = if is_request { number } else { cseq.as_str() };
        label.push_str(&format!(" ({})", plain(shown)));
    }
    if again {
        label.push_str(" again");
    }
    // Four characters before it, a space on both sides and two behind it at least.
    let label = shortened(&label, WIDTH - 9);
    let rest = WIDTH - 7 - label.chars().count();
    let line = if message.sent() {
        format!("---- {label} {}>", "-".repeat(rest))
    } else {
        format!("<--- {label} {}", "-".repeat(rest + 1))
    };
    out.push_str(&format!("{seconds:>9} |{line}|\n"));
}

fn beside(out: &mut String, text: &str) {
    let text = shortened(text, WIDTH - 6);
    let pad = WIDTH - 6 - text.chars().count();
    out.push_str(&format!("{:MARGIN$}|      {text}{:pad$}|\n", "", ""));
}

/// The first line without what every message says.
fn words(first_line: &str) -> String {
    let line = first_line
        .strip_prefix("SIP/2.0 ")
        .or_else(|| first_line.strip_suffix(" SIP/2.0"))
        .unwrap_or(first_line);
    plain(line)
}

fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{kept}~")
}

/// What comes from a stranger cannot write on the terminal.
fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '.' } else { c })
        .collect()
}

/// A line for each media description of the body: codecs, address and port, direction.
fn media(text: &str) -> Vec<String> {
    let body = text
        .find("\r\n\r\n")
        .map(|at| at + 4)
        .or_else(|| text.find("\n\n").map(|at| at + 2))
        .and_then(|at| text.get(at..))
        .unwrap_or("");
    if !body.trim_start().starts_with("v=") {
        return Vec::new();
    }
    let mut session = Section::default();
    let mut sections: Vec<Section> = Vec::new();
    for line in body.lines().map(str::trim) {
        if let Some(m) = line.strip_prefix("m=") {
            sections.push(Section {
                m: m.to_owned(),
                ..session.clone()
            });
            continue;
        }
        let section = sections.last_mut().unwrap_or(&mut session);
        if let Some(c) = line.strip_prefix("c=") {
            section.address = c.split_whitespace().nth(2).unwrap_or("").to_owned();
        } else if let Some(map) = line.strip_prefix("a=rtpmap:") {
            section.maps.push(map.to_owned());
        } else if line.starts_with("a=crypto:") {
            section.is_secret = true;
        } else if let Some(flag) = line.strip_prefix("a=")
            && matches!(flag, "sendrecv" | "sendonly" | "recvonly" | "inactive")
        {
            section.direction = flag.to_owned();
        }
    }
    sections.iter().map(Section::words).collect()
}

#[derive(Clone, Debug, Default)]
struct Section {
    /// `audio 4000 RTP/AVP 8 0 101`
    m: String,
    address: String,
    maps: Vec<String>,
    direction: String,
    is_secret: bool,
}

impl Section {
    fn words(&self) -> String {
        let mut m = self.m.split_whitespace();
        let kind = m.next().unwrap_or("?");
        let port = m.next().unwrap_or("0");
        let codecs: Vec<String> = m.skip(1).map(|pt| self.codec(pt)).collect();
        if port == "0" {
            return plain(&format!("{kind}: refused"));
        }
        let address = if self.address.contains(':') {
            format!("[{}]:{port}", self.address)
        } else {
            format!("{}:{port}", self.address)
        };
        let direction = match self.direction.as_str() {
            "" => "sendrecv",
            said => said,
        };
        let secret = if self.is_secret { " SRTP" } else { "" };
        plain(&format!(
            "{kind}: {} {address} {direction}{secret}",
            codecs.join(" ")
        ))
    }

    /// The name of a payload type: as mapped, or as RFC 3551 assigns it.
    fn codec(&self, pt: &str) -> String {
        let mapped = self.maps.iter().find_map(|map| {
            let (number, name) = map.split_once(' ')?;
            (number == pt).then(|| name.split('/').next().unwrap_or(name).trim().to_owned())
        });
        let name = mapped.unwrap_or_else(|| {
            match pt {
                "0" => "PCMU",
                "3" => "GSM",
                "4" => "G723",
                "8" => "PCMA",
                "9" => "G722",
                "13" => "CN",
                "18" => "G729",
                other => other,
            }
            .to_owned()
        });
        match name.to_ascii_lowercase().as_str() {
            "telephone-event" => "digits".to_owned(),
            _ => name,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const OFFER: &str = "INVITE sip:100@192.0.2.10 SIP/2.0\r\nCSeq: 1 INVITE\r\n\r\nv=0\r\nc=IN IP4 192.0.2.1\r\n\
                         m=audio 20000 RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n";

    fn message(at_ms: i64, sent: bool, text: &str) -> Value {
        let cseq = text.lines().find_map(|l| l.strip_prefix("CSeq: "));
        json!({
            "at_us": 1_700_000_000_000_000_i64 + at_ms * 1000,
            "direction": if sent { "sent" } else { "received" },
            "transport": "udp",
            "local": "192.0.2.1:5060",
            "remote": "192.0.2.10:5060",
            "first_line": text.lines().next().unwrap(),
            "cseq": cseq,
            "text": text,
            "cut": 0,
        })
    }

    fn ladder(messages: &[Value]) -> Ladder {
        Ladder::read(&json!({"call": "9c41", "omitted": 0, "messages": messages})).unwrap()
    }

    #[test]
    fn a_call_from_invite_to_bye() {
        let held = "INVITE sip:box@192.0.2.1 SIP/2.0\r\nCSeq: 7 INVITE\r\n\r\nv=0\r\nc=IN IP4 0.0.0.0\r\n\
                    m=audio 4000 RTP/SAVP 8\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:xxxx\r\na=inactive\r\nm=video 0 RTP/AVP 99\r\n";
        let drawn = draw(&ladder(&[
            message(0, true, OFFER),
            message(500, true, OFFER),
            message(504, false, "SIP/2.0 100 Trying\r\nCSeq: 1 INVITE\r\n\r\n"),
            message(
                1504,
                false,
                "SIP/2.0 200 OK\r\nCSeq: 1 INVITE\r\n\r\nv=0\r\nm=audio 4000 RTP/AVP 8\r\nc=IN IP6 2001:db8::9\r\n",
            ),
            message(
                1505,
                true,
                "ACK sip:100@192.0.2.10:5060;transport=udp;and;a;very;long;line;of;parameters SIP/2.0\r\nCSeq: 1 ACK\r\n\r\n",
            ),
            message(61_250, false, held),
            message(
                130_000,
                false,
                "BYE sip:box@192.0.2.1 SIP/2.0\r\nCSeq: 8 BYE\r\n\r\n",
            ),
        ]));
        let golden = "\
call 9c41

          box 192.0.2.1:5060                         PBX 192.0.2.10:5060 (UDP)
          |                                                                  |
    0.000 |---- INVITE sip:100@192.0.2.10 (1) ------------------------------>|
          |      audio: PCMA PCMU digits 192.0.2.1:20000 sendrecv            |
    0.500 |---- INVITE sip:100@192.0.2.10 (1) again ------------------------>|
          |      audio: PCMA PCMU digits 192.0.2.1:20000 sendrecv            |
    0.504 |<--- 100 Trying (1 INVITE) ---------------------------------------|
    1.504 |<--- 200 OK (1 INVITE) -------------------------------------------|
          |      audio: PCMA [2001:db8::9]:4000 sendrecv                     |
    1.505 |---- ACK sip:100@192.0.2.10:5060;transport=udp;and;a;very;lon~ -->|
   61.250 |<--- INVITE sip:box@192.0.2.1 (7) --------------------------------|
          |      audio: PCMA 0.0.0.0:4000 inactive SRTP                      |
          |      video: refused                                              |
  130.000 |<--- BYE sip:box@192.0.2.1 (8) -----------------------------------|
";
        assert_eq!(drawn, golden, "{drawn}");
    }

    #[test]
    fn another_target_gets_a_head_of_its_own() {
        let mut other = message(10, true, OFFER);
        other["remote"] = json!("192.0.2.11:5060");
        let drawn = draw(&ladder(&[message(0, true, OFFER), other]));
        assert_eq!(drawn.matches("box 192.0.2.1:5060").count(), 2);
        assert!(drawn.contains("PBX 192.0.2.11:5060 (UDP)"), "{drawn}");
    }

    #[test]
    fn strangers_cannot_write_on_the_terminal() {
        let text = "SIP/2.0 200 \u{1b}[2Jhello\r\nCSeq: 1 \u{7}X\r\n\r\nv=0\r\nm=au\u{1b}dio 1 RTP/AVP 8\r\n";
        let ladder = ladder(&[message(0, false, text)]);
        for shown in [draw(&ladder), in_full(&ladder)] {
            assert!(
                !shown.chars().any(|c| c.is_control() && c != '\n'),
                "{shown:?}"
            );
        }
    }

    #[test]
    fn in_full_says_when_and_which_way() {
        let shown = in_full(&ladder(&[message(
            0,
            true,
            "OPTIONS sip:x SIP/2.0\r\nCSeq: 1 OPTIONS\r\n\r\n",
        )]));
        assert_eq!(
            shown,
            "\n0.000 s  192.0.2.1:5060 -> 192.0.2.10:5060 (UDP)\n\nOPTIONS sip:x SIP/2.0\nCSeq: 1 OPTIONS\n\n"
        );
    }

    #[test]
    fn what_was_not_kept_is_said() {
        let answer = json!({"call": "9c41", "omitted": 3, "messages": [message(0, true, OFFER)]});
        let drawn = draw(&Ladder::read(&answer).unwrap());
        assert!(
            drawn.contains("3 further messages were not kept"),
            "{drawn}"
        );
        let empty = draw(&ladder(&[]));
        assert_eq!(empty, "call 9c41\nno SIP messages\n");
    }
}
