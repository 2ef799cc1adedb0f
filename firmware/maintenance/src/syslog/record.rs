//! A journal entry, as `journalctl --output=json` writes it, becomes a syslog message (RFC 5424) in a frame that counts its
//! octets (RFC 5425, 4.3).

use crate::redact::redact;
use serde_json::Value;
use time::OffsetDateTime;

/// Octets of a message; RFC 5425 asks receivers to take 8192.
pub const LONGEST: usize = 8192;

/// An entry of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Where the journal goes on from.
    pub cursor: String,
    /// The message in its frame, without secrets.
    pub frame: Vec<u8>,
}

impl Record {
    /// Reads a line; none when it is no entry. What an entry lacks is left out of the message.
    pub fn parse(line: &[u8]) -> Option<Self> {
        let entry: Value = serde_json::from_slice(line).ok()?;
        let cursor = entry.get("__CURSOR")?.as_str()?;
        if cursor.is_empty() || cursor.len() > 512 || cursor.chars().any(char::is_control) {
            return None;
        }
        let number = |name: &str, most: u64| {
            let number = entry.get(name)?.as_str()?.parse().ok()?;
            (number <= most).then_some(number)
        };
        let priority = number("PRIORITY", 7).unwrap_or(6);
        // 3: system daemons.
        let facility = number("SYSLOG_FACILITY", 23).unwrap_or(3);
        let micros = number("__REALTIME_TIMESTAMP", u64::MAX).unwrap_or(0);
        let mut message = format!("<{}>1 {} ", facility * 8 + priority, time(micros));
        for (names, most) in [
            (["_HOSTNAME", ""], 255),
            (["SYSLOG_IDENTIFIER", "_COMM"], 48),
            (["_PID", "SYSLOG_PID"], 128),
        ] {
            let mut values = names.iter().filter_map(|name| entry.get(name)?.as_str());
            word(values.next().unwrap_or_default(), most, &mut message);
            message.push(' ');
        }
        // No name of its kind, no structured data.
        message.push_str("- - ");
        message.push_str(redact(&text(entry.get("MESSAGE")), &[]).trim_end());
        let ends = (0..=LONGEST.min(message.len())).rev();
        let end = ends.into_iter().find(|at| message.is_char_boundary(*at));
        message.truncate(end.unwrap_or(0));
        let mut frame = format!("{} ", message.len()).into_bytes();
        frame.extend_from_slice(message.as_bytes());
        Some(Self {
            cursor: cursor.to_owned(),
            frame,
        })
    }
}

/// What is no text stands as numbers there.
fn text(message: Option<&Value>) -> Vec<u8> {
    match message {
        Some(Value::String(text)) => text.clone().into_bytes(),
        Some(Value::Array(octets)) => octets
            .iter()
            .filter_map(|octet| octet.as_u64()?.try_into().ok())
            .collect(),
        Some(_) | None => Vec::new(),
    }
}

/// A field of the header: visible ASCII, or `-`.
fn word(value: &str, most: usize, to: &mut String) {
    let before = to.len();
    to.extend(value.chars().filter(char::is_ascii_graphic).take(most));
    if to.len() == before {
        to.push('-');
    }
}

/// RFC 3339, UTC, of microseconds since 1970.
fn time(micros: u64) -> String {
    let at = i64::try_from(micros / 1_000_000).unwrap_or_default();
    let at = OffsetDateTime::from_unix_timestamp(at).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (year, month, day) = at.to_calendar_date();
    let (hour, minute, second) = at.to_hms();
    let (month, micros) = (u8::from(month), micros % 1_000_000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(line: &str) -> String {
        String::from_utf8(Record::parse(line.as_bytes()).unwrap().frame).unwrap()
    }

    #[test]
    fn an_entry_becomes_a_message() {
        let line = r#"{"__CURSOR":"s=1;i=2","__REALTIME_TIMESTAMP":"1800000000123456","PRIORITY":"4","SYSLOG_FACILITY":"10",
            "_HOSTNAME":"front-desk","SYSLOG_IDENTIFIER":"causewayd","_PID":"311","MESSAGE":"trunk pbx: password=hunter2 is refused\n"}"#;
        let message = "<84>1 2027-01-15T08:00:00.123456Z front-desk causewayd 311 - - trunk pbx: password=*** is refused";
        assert_eq!(frame(line), format!("{} {message}", message.len()));
        assert_eq!(Record::parse(line.as_bytes()).unwrap().cursor, "s=1;i=2");
        let bare = r#"{"__CURSOR":"c","MESSAGE":[103,114,195,188,195,159,255]}"#;
        let message = "<30>1 1970-01-01T00:00:00.000000Z - - - - - gr\u{fc}\u{df}\u{fffd}";
        assert_eq!(frame(bare), format!("{} {message}", message.len()));
    }

    #[test]
    fn what_is_no_entry_is_none_and_what_is_too_long_is_cut() {
        for line in [
            "",
            "x",
            "[]",
            "{}",
            r#"{"__CURSOR":""}"#,
            r#"{"__CURSOR":"a\nb"}"#,
        ] {
            assert_eq!(Record::parse(line.as_bytes()), None, "{line}");
        }
        let long = format!(
            r#"{{"__CURSOR":"c","MESSAGE":"{}"}}"#,
            "\u{e4} ".repeat(10_000)
        );
        let frame = frame(&long);
        let (length, message) = frame.split_once(' ').unwrap();
        assert_eq!(length.parse(), Ok(message.len()));
        assert!((LONGEST - 3..=LONGEST).contains(&message.len()));
    }

    #[test]
    fn days_are_counted_as_the_calendar_does() {
        for (seconds, day) in [
            (0, "1970-01-01T00:00:00"),
            (951_782_400, "2000-02-29T00:00:00"),
            (951_868_800, "2000-03-01T00:00:00"),
            (1_709_164_799, "2024-02-28T23:59:59"),
            (4_102_444_800, "2100-01-01T00:00:00"),
        ] {
            assert_eq!(time(seconds * 1_000_000), format!("{day}.000000Z"));
        }
    }
}
