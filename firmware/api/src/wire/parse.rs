//! The one reader of what clients send: a typed message, or an error that names the field.

use super::{ClientMessage, ErrorCode, RequestNumber};
use serde::Deserialize;
use serde_json::{Map, Value};
use serde_path_to_error::Segment;

/// Bytes of `context` as compact JSON.
pub const MAX_CONTEXT: usize = 8 * 1024;
/// Bytes of `to` and `from`.
const MAX_DESTINATION: usize = 255;
/// Bytes of `call` and `resume`.
const MAX_HANDLE: usize = 128;
/// Digits and pauses of one `call.dtmf`.
const MAX_DIGITS: usize = 64;
/// Bytes of the number and the name of who wants to be called.
const MAX_NUMBER: usize = 64;
const MAX_NAME: usize = 128;
/// Characters of an error's sentence: it may quote the client.
const MAX_SENTENCE: usize = 300;

const TYPES: [&str; 18] = [
    "hello",
    "token.refresh",
    "ping",
    "call.place",
    "call.candidate",
    "call.accept",
    "call.reject",
    "call.hangup",
    "call.hold",
    "call.resume",
    "call.video",
    "call.dtmf",
    "call.transfer",
    "call.restart",
    "call.reattach",
    "callback.request",
    "media.test",
    "call.report",
];

/// Why a text is no message, and as much of it as could be read to answer by.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct WireError {
    pub code: ErrorCode,
    /// The request's number, when it could be read.
    pub id: Option<RequestNumber>,
    /// The call it was about, when it could be read.
    pub call: Option<String>,
    /// A sentence for the client's developer.
    pub message: String,
}

impl WireError {
    fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        let message: String = message.into();
        Self {
            code,
            id: None,
            call: None,
            message: message.chars().take(MAX_SENTENCE).collect(),
        }
    }

    fn field(name: &str, fault: impl std::fmt::Display) -> Self {
        Self::new(ErrorCode::BadRequest, format!("`{name}`: {fault}"))
    }
}

/// Reads one text frame.
///
/// # Errors
/// `bad_request` naming the field; `unsupported` for a `type` this version does not know;
/// `too_large` for a context above 8 KiB.
pub fn parse_client(text: &str) -> Result<ClientMessage, WireError> {
    let value: Value = serde_json::from_str(text).map_err(|fault| {
        WireError::new(ErrorCode::BadRequest, format!("this is no JSON: {fault}"))
    })?;
    let Value::Object(fields) = value else {
        return Err(WireError::new(
            ErrorCode::BadRequest,
            "a message is one JSON object",
        ));
    };
    let id = fields.get("id").and_then(Value::as_u64);
    let call = fields
        .get("call")
        .and_then(Value::as_str)
        .filter(|call| call.len() <= MAX_HANDLE)
        .map(str::to_owned);
    read(fields)
        .and_then(|message| check(&message).map(|()| message))
        .map_err(|error| WireError { id, call, ..error })
}

fn read(mut fields: Map<String, Value>) -> Result<ClientMessage, WireError> {
    let kind = match fields.remove("type") {
        Some(Value::String(kind)) => kind,
        Some(_) => return Err(WireError::field("type", "a message's type is a string")),
        None => return Err(WireError::field("type", "is missing")),
    };
    if !TYPES.contains(&kind.as_str()) {
        let shown: String = kind.chars().take(64).collect();
        return Err(WireError::new(
            ErrorCode::Unsupported,
            format!("`{shown}` is no message type of protocol version 1"),
        ));
    }
    let mut outside = Map::new();
    outside.insert(kind, Value::Object(fields));
    let mut track = serde_path_to_error::Track::new();
    let reader = serde_path_to_error::Deserializer::new(Value::Object(outside), &mut track);
    ClientMessage::deserialize(reader).map_err(|fault| {
        let path: Vec<String> = track
            .path()
            .iter()
            .filter_map(|segment| match segment {
                Segment::Map { key } => Some(key.clone()),
                Segment::Seq { index } => Some(index.to_string()),
                Segment::Enum { .. } | Segment::Unknown => None,
            })
            .collect();
        if path.is_empty() {
            WireError::new(ErrorCode::BadRequest, fault.to_string())
        } else {
            WireError::field(&path.join("."), fault)
        }
    })
}

/// What the types cannot say.
fn check(message: &ClientMessage) -> Result<(), WireError> {
    match message {
        ClientMessage::Place {
            to, from, context, ..
        } => {
            length("to", to, MAX_DESTINATION)?;
            if let Some(from) = from {
                length("from", from, MAX_DESTINATION)?;
            }
            context_fits(context.as_ref())
        }
        ClientMessage::Callback {
            number,
            name,
            to,
            call,
            context,
            ..
        } => {
            length("number", number, MAX_NUMBER)?;
            optional("name", name.as_deref(), MAX_NAME)?;
            optional("to", to.as_deref(), MAX_DESTINATION)?;
            optional("call", call.as_deref(), MAX_HANDLE)?;
            context_fits(context.as_ref())
        }
        ClientMessage::Dtmf {
            call,
            digits,
            duration_ms,
            gap_ms,
            ..
        } => {
            length("call", call, MAX_HANDLE)?;
            length("digits", digits, MAX_DIGITS)?;
            if let Some(bad) = digits
                .chars()
                .find(|c| !matches!(c, '0'..='9' | 'A'..='D' | '*' | '#' | ','))
            {
                return Err(WireError::field(
                    "digits",
                    format!("`{bad}` is none of 0-9 A-D * # and the pause `,`"),
                ));
            }
            if !(40..=2000).contains(duration_ms) {
                return Err(WireError::field("duration_ms", "is 40 to 2000"));
            }
            if !(30..=2000).contains(gap_ms) {
                return Err(WireError::field("gap_ms", "is 30 to 2000"));
            }
            Ok(())
        }
        ClientMessage::Transfer { call, to, with, .. } => {
            length("call", call, MAX_HANDLE)?;
            match (to, with) {
                (Some(to), None) => length("to", to, MAX_DESTINATION),
                (None, Some(with)) if with == call => {
                    Err(WireError::field("with", "is the call itself"))
                }
                (None, Some(with)) => length("with", with, MAX_HANDLE),
                (None, None) | (Some(_), Some(_)) => Err(WireError::field(
                    "to",
                    "a transfer names either `to` or `with`",
                )),
            }
        }
        ClientMessage::Reattach { call, resume, .. } => {
            length("call", call, MAX_HANDLE)?;
            length("resume", resume, MAX_HANDLE)
        }
        ClientMessage::Candidate { call, .. }
        | ClientMessage::Accept { call, .. }
        | ClientMessage::Reject { call, .. }
        | ClientMessage::Hangup { call, .. }
        | ClientMessage::Hold { call, .. }
        | ClientMessage::Resume { call, .. }
        | ClientMessage::Restart { call, .. }
        | ClientMessage::Video { call, .. }
        | ClientMessage::Report { call, .. } => length("call", call, MAX_HANDLE),
        ClientMessage::Hello { .. }
        | ClientMessage::TokenRefresh { .. }
        | ClientMessage::MediaTest { .. }
        | ClientMessage::Ping { .. } => Ok(()),
    }
}

fn context_fits(context: Option<&Map<String, Value>>) -> Result<(), WireError> {
    let size = context.map_or(0, |c| serde_json::to_vec(c).map_or(usize::MAX, |c| c.len()));
    if size > MAX_CONTEXT {
        return Err(WireError::new(
            ErrorCode::TooLarge,
            format!("`context` is {size} bytes of JSON; at most {MAX_CONTEXT} are kept"),
        ));
    }
    Ok(())
}

fn optional(name: &str, text: Option<&str>, most: usize) -> Result<(), WireError> {
    text.map_or(Ok(()), |text| length(name, text, most))
}

fn length(name: &str, text: &str, most: usize) -> Result<(), WireError> {
    if text.is_empty() {
        return Err(WireError::field(name, "is empty"));
    }
    if text.len() > most {
        return Err(WireError::field(
            name,
            format!("is longer than {most} bytes"),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fault(value: &Value) -> WireError {
        parse_client(&value.to_string()).unwrap_err()
    }

    #[test]
    fn every_type_of_the_protocol_is_read() {
        for text in [
            r#"{"type":"hello","id":1,"version":1,"token":"t","client":{"sdk":"1"}}"#,
            r#"{"type":"token.refresh","id":1,"token":"t"}"#,
            r#"{"type":"ping","id":1}"#,
            r#"{"type":"call.place","id":1,"to":"100","sdp":"v=0"}"#,
            r#"{"type":"media.test","id":1,"sdp":"v=0"}"#,
            r#"{"type":"callback.request","id":1,"number":"+4930123","context":{"cart":3}}"#,
            r#"{"type":"call.reattach","id":1,"call":"c","resume":"r","sdp":"v=0"}"#,
            r#"{"type":"call.candidate","call":"c","candidate":null}"#,
            r#"{"type":"call.candidate","call":"c","candidate":{"candidate":"x","sdpMid":"0","sdpMLineIndex":0}}"#,
            r#"{"type":"call.accept","id":1,"call":"c","sdp":"v=0"}"#,
            r#"{"type":"call.reject","id":1,"call":"c","reason":"busy"}"#,
            r#"{"type":"call.hangup","id":1,"call":"c"}"#,
            r#"{"type":"call.hold","id":1,"call":"c"}"#,
            r#"{"type":"call.resume","id":1,"call":"c"}"#,
            r#"{"type":"call.video","id":1,"call":"c","video":true}"#,
            r#"{"type":"call.dtmf","id":1,"call":"c","digits":"1,2#"}"#,
            r#"{"type":"call.transfer","id":1,"call":"c","to":"600"}"#,
            r#"{"type":"call.transfer","id":1,"call":"c","with":"d"}"#,
            r#"{"type":"call.restart","id":1,"call":"c","sdp":"v=0"}"#,
            r#"{"type":"call.reattach","id":1,"call":"c","resume":"r"}"#,
            r#"{"type":"call.report","call":"c","stats":{"rtt":1}}"#,
        ] {
            parse_client(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        }
    }

    #[test]
    fn defaults_are_the_protocols() {
        let text = r#"{"type":"call.place","id":7,"to":"100","sdp":"v=0"}"#;
        let ClientMessage::Place { audio, video, .. } = parse_client(text).unwrap() else {
            panic!("not a call.place");
        };
        assert!(audio && !video);
    }

    #[test]
    fn a_fault_names_its_field_and_keeps_the_number() {
        let base = json!({"type": "call.dtmf", "id": 9, "call": "c", "digits": "1"});
        for (key, value, sentence) in [
            ("digits", json!("1x"), "`digits`: `x` is none of"),
            ("digits", json!(""), "`digits`: is empty"),
            ("digits", json!(1), "`digits`: invalid type: integer `1`"),
            ("duration_ms", json!(39), "`duration_ms`: is 40 to 2000"),
            ("duration_ms", json!(70000), "`duration_ms`: invalid value"),
            ("gap_ms", json!("a"), "`gap_ms`: invalid type"),
            ("call", json!(""), "`call`: is empty"),
            ("extra", json!(1), "`extra`: unknown field `extra`"),
        ] {
            let mut message = base.clone();
            message[key] = value;
            let fault = fault(&message);
            assert_eq!(fault.code, ErrorCode::BadRequest, "{key}");
            assert_eq!(fault.id, Some(9), "{key}");
            assert!(fault.message.starts_with(sentence), "{}", fault.message);
        }
        let missing = fault(&json!({"type": "call.place", "id": 2, "to": "1"}));
        assert_eq!(missing.message, "missing field `sdp`");
        let inner = fault(&json!({"type": "call.candidate", "call": "c", "candidate": {"x": 1}}));
        assert!(inner.message.contains("`candidate`"), "{}", inner.message);
        assert_eq!(inner.call.as_deref(), Some("c"));
    }

    #[test]
    fn a_transfer_has_one_target() {
        for (fields, sentence) in [
            (json!({}), "`to`: a transfer names either"),
            (
                json!({"to": "1", "with": "d"}),
                "`to`: a transfer names either",
            ),
            (json!({"to": ""}), "`to`: is empty"),
            (json!({"with": "c"}), "`with`: is the call itself"),
        ] {
            let mut message = json!({"type": "call.transfer", "id": 1, "call": "c"});
            message
                .as_object_mut()
                .unwrap()
                .extend(fields.as_object().unwrap().clone());
            let fault = fault(&message);
            assert!(fault.message.starts_with(sentence), "{}", fault.message);
        }
    }

    #[test]
    fn an_unknown_type_is_unsupported() {
        let fault = fault(&json!({"type": "call.teleport", "id": 4}));
        assert_eq!((fault.code, fault.id), (ErrorCode::Unsupported, Some(4)));
    }

    #[test]
    fn nonsense_is_told_apart() {
        for (text, start) in [
            ("", "this is no JSON"),
            ("{", "this is no JSON"),
            ("[]", "a message is one JSON object"),
            ("{}", "`type`: is missing"),
            (r#"{"type":1}"#, "`type`: a message's type"),
            (r#"{"type":"ping","id":-1}"#, "`id`"),
            (r#"{"type":"ping"}"#, "missing field `id`"),
        ] {
            let fault = parse_client(text).unwrap_err();
            assert!(fault.message.starts_with(start), "{text}: {fault}");
            assert_eq!(fault.code, ErrorCode::BadRequest);
        }
        let deep = "[".repeat(10_000);
        assert!(parse_client(&deep).is_err());
    }

    #[test]
    fn a_large_context_is_too_large() {
        let fault = fault(&json!({
            "type": "call.place", "id": 1, "to": "1", "sdp": "v=0",
            "context": {"note": "x".repeat(MAX_CONTEXT)}
        }));
        assert_eq!(fault.code, ErrorCode::TooLarge);
    }

    #[test]
    fn sentences_are_bounded() {
        let fault = fault(&json!({"type": "ping", "id": 1, "y".repeat(5000): 1}));
        assert!(fault.message.chars().count() <= MAX_SENTENCE);
    }
}
