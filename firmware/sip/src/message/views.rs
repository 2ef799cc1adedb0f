//! Typed views of header values: addresses, Via, sequence numbers, Reason, bodies.

use std::fmt;

use super::method::Method;
use super::params::Params;
use super::syntax;
use super::uri::{Host, Uri, read_host_port};

/// A value does not follow its header's grammar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the value does not follow the header's grammar")]
pub struct BadValue;

/// `"Display" <uri>;params` or `uri;params` (RFC 3261 §20.10).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameAddr {
    /// Unquoted, bytes that are no UTF-8 replaced; `None` when there is none or it is empty.
    pub display: Option<String>,
    /// The address.
    pub uri: Uri,
    /// Header parameters, such as `tag`.
    pub params: Params,
}

impl NameAddr {
    /// Reads one value.
    ///
    /// # Errors
    /// Unbalanced quotes or brackets, no URI, or broken parameters. Without brackets the URI must not hold `?`
    /// or `,` (§20).
    pub fn read(value: &[u8]) -> Result<Self, BadValue> {
        let value = value.trim_ascii();
        let (display, rest) = if value.starts_with(b"\"") {
            let (inner, rest) = syntax::quoted(value).ok_or(BadValue)?;
            let rest = rest.trim_ascii_start();
            if !rest.starts_with(b"<") {
                return Err(BadValue);
            }
            (syntax::unescape(inner), rest)
        } else {
            match value.iter().position(|byte| *byte == b'<') {
                Some(at) => {
                    let (display, rest) = value.split_at_checked(at).ok_or(BadValue)?;
                    if display.contains(&b'"') {
                        return Err(BadValue);
                    }
                    (display.trim_ascii().to_vec(), rest)
                }
                None => return Self::read_addr_spec(value),
            }
        };
        let inside = rest.strip_prefix(b"<").ok_or(BadValue)?;
        let (uri, after) = syntax::split_once(inside, b'>').ok_or(BadValue)?;
        // Blanks inside the brackets are wrong and common (RFC 4475 §3.1.2.14).
        let uri = Uri::read(uri.trim_ascii()).map_err(|_| BadValue)?;
        let display = syntax::lossy(&display);
        Ok(Self {
            display: (!display.is_empty()).then_some(display),
            uri,
            params: read_params(after)?,
        })
    }

    fn read_addr_spec(value: &[u8]) -> Result<Self, BadValue> {
        let (uri, after) = syntax::take_while(value, |b| !matches!(b, b';' | b' ' | b'\t'));
        if uri.iter().any(|b| matches!(b, b'?' | b',')) {
            return Err(BadValue);
        }
        Ok(Self {
            display: None,
            uri: Uri::read(uri).map_err(|_| BadValue)?,
            params: read_params(after)?,
        })
    }

    /// The `tag` parameter; empty ones count as none.
    pub fn tag(&self) -> Option<&[u8]> {
        self.params.raw("tag").filter(|tag| !tag.is_empty())
    }
}

/// Parameters that are introduced by a semicolon, or nothing.
fn read_params(text: &[u8]) -> Result<Params, BadValue> {
    match text.trim_ascii() {
        [] => Ok(Params::default()),
        [b';', rest @ ..] => Params::read(rest).ok_or(BadValue),
        _ => Err(BadValue),
    }
}

/// One Via value (RFC 3261 §20.42).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Via {
    /// `SIP/2.0/UDP` without blanks.
    pub protocol: Vec<u8>,
    /// Host of sent-by.
    pub host: Host,
    /// Port of sent-by.
    pub port: Option<u16>,
    /// branch, received, rport, …
    pub params: Params,
}

impl Via {
    /// Reads one value.
    ///
    /// # Errors
    /// Not `protocol/version/transport host[:port][;params]`.
    pub fn read(value: &[u8]) -> Result<Self, BadValue> {
        let mut protocol = Vec::new();
        let mut rest = value.trim_ascii();
        for part in 0..3 {
            let (token, after) = syntax::take_while(rest, syntax::is_token_byte);
            if token.is_empty() {
                return Err(BadValue);
            }
            protocol.extend_from_slice(token);
            rest = after;
            if part < 2 {
                protocol.push(b'/');
                rest = rest.trim_ascii_start().strip_prefix(b"/").ok_or(BadValue)?;
                rest = rest.trim_ascii_start();
            }
        }
        if !rest.starts_with(b" ") && !rest.starts_with(b"\t") {
            return Err(BadValue);
        }
        let (sent_by, params) = match syntax::split_once(rest, b';') {
            Some((sent_by, params)) => (sent_by, Params::read(params).ok_or(BadValue)?),
            None => (rest, Params::default()),
        };
        let (host, port) = read_host_port(sent_by).ok_or(BadValue)?;
        Ok(Self {
            protocol,
            host,
            port,
            params,
        })
    }

    /// The branch, when it has one.
    pub fn branch(&self) -> Option<&[u8]> {
        self.params.raw("branch").filter(|value| !value.is_empty())
    }

    /// The branch when it is one of RFC 3261: the magic cookie and something behind it.
    pub fn unique_branch(&self) -> Option<&[u8]> {
        self.branch().filter(|branch| {
            branch.len() > 7
                && branch
                    .get(..7)
                    .is_some_and(|c| c.eq_ignore_ascii_case(b"z9hG4bK"))
        })
    }

    /// Appends the value to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.protocol);
        out.push(b' ');
        out.extend_from_slice(self.host.to_string().as_bytes());
        if let Some(port) = self.port {
            out.extend_from_slice(format!(":{port}").as_bytes());
        }
        self.params.write(out);
    }
}

/// `CSeq` (RFC 3261 §20.16).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CSeq {
    /// Below 2³¹.
    pub number: u32,
    /// The method.
    pub method: Method,
}

impl CSeq {
    /// Reads the value.
    ///
    /// # Errors
    /// No number below 2³¹, or no method.
    pub fn read(value: &[u8]) -> Result<Self, BadValue> {
        let mut words = words(value);
        let number = sequence_number(words.next())?;
        let method = words.next().and_then(Method::read).ok_or(BadValue)?;
        match words.next() {
            None => Ok(Self { number, method }),
            Some(_) => Err(BadValue),
        }
    }
}

impl fmt::Display for CSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number, self.method)
    }
}

/// `RAck` (RFC 3262 §7.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RAck {
    /// The `RSeq` of the response it acknowledges.
    pub response: u32,
    /// The `CSeq` of that response.
    pub cseq: CSeq,
}

impl RAck {
    /// Reads the value.
    ///
    /// # Errors
    /// Not two numbers and a method.
    pub fn read(value: &[u8]) -> Result<Self, BadValue> {
        let (first, rest) = syntax::take_while(value.trim_ascii(), |b| b.is_ascii_digit());
        Ok(Self {
            response: sequence_number(Some(first))?,
            cseq: CSeq::read(rest)?,
        })
    }
}

fn words(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value
        .split(|b| matches!(b, b' ' | b'\t'))
        .filter(|word| !word.is_empty())
}

fn sequence_number(word: Option<&[u8]>) -> Result<u32, BadValue> {
    word.and_then(syntax::number)
        .filter(|number| *number < 1 << 31)
        .and_then(|number| u32::try_from(number).ok())
        .ok_or(BadValue)
}

/// One `Reason` value (RFC 3326).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// `Q.850`, `SIP`, …
    pub protocol: String,
    /// cause.
    pub cause: Option<u16>,
    /// text, unquoted.
    pub text: Option<String>,
}

impl Reason {
    /// Reads one value.
    ///
    /// # Errors
    /// No protocol, or broken parameters.
    pub fn read(value: &[u8]) -> Result<Self, BadValue> {
        let value = value.trim_ascii();
        let (protocol, rest) = syntax::take_while(value, syntax::is_token_byte);
        if protocol.is_empty() {
            return Err(BadValue);
        }
        let params = read_params(rest)?;
        Ok(Self {
            protocol: syntax::lossy(protocol),
            cause: params
                .number("cause")
                .and_then(|cause| u16::try_from(cause).ok()),
            text: params.text("text"),
        })
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.protocol)?;
        if let Some(cause) = self.cause {
            write!(f, ";cause={cause}")?;
        }
        match &self.text {
            Some(text) => write!(f, ";text={}", syntax::quote(text)),
            None => Ok(()),
        }
    }
}

/// A media type such as `application/sdp;charset=x`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaType {
    /// `application/sdp`, in lower case, without blanks.
    pub essence: String,
    /// boundary, …
    pub params: Params,
}

impl MediaType {
    /// Reads the value of `Content-Type`, or one of `Accept`.
    ///
    /// # Errors
    /// Not `type/subtype`.
    pub fn read(value: &[u8]) -> Result<Self, BadValue> {
        let (essence, params) = match syntax::split_once(value, b';') {
            Some((essence, params)) => (essence, Params::read(params).ok_or(BadValue)?),
            None => (value, Params::default()),
        };
        let (kind, subtype) = syntax::split_once(essence, b'/').ok_or(BadValue)?;
        let (kind, subtype) = (kind.trim_ascii(), subtype.trim_ascii());
        if !syntax::is_token(kind) || !syntax::is_token(subtype) {
            return Err(BadValue);
        }
        let essence = format!("{}/{}", syntax::lossy(kind), syntax::lossy(subtype));
        Ok(Self {
            essence: essence.to_ascii_lowercase(),
            params,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_in_every_dress() {
        for (text, display, user, tag) in [
            (
                "caller<sip:caller@b>;tag=323",
                Some("caller"),
                "caller",
                Some("323"),
            ),
            ("sip:a@b;tag=1", None, "a", Some("1")),
            (r#""Bell, \"A\"" <sip:a@b>"#, Some("Bell, \"A\""), "a", None),
            (
                "Bell, Alexander <sip:a@b>;tag=43",
                Some("Bell, Alexander"),
                "a",
                Some("43"),
            ),
            ("\"W\" < sip:a@b >", Some("W"), "a", None),
            ("<tel:+4930>;tag=x", None, "+4930", Some("x")),
        ] {
            let read = NameAddr::read(text.as_bytes()).expect(text);
            assert_eq!(read.display.as_deref(), display, "{text}");
            assert_eq!(read.uri.user(), user, "{text}");
            assert_eq!(read.tag(), tag.map(str::as_bytes), "{text}");
        }
        for bad in [
            "\"Mr. J. User <sip:j@b>",
            "sip:user@example.com?Route=%3Csip:x%3E",
            "<sip:a@b>;;;;",
            "<sip:a@b",
            "",
            "<sip:a@b> x",
        ] {
            assert!(NameAddr::read(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn via_with_blanks_everywhere() {
        let via =
            Via::read(b"SIP  / 2.0  / TCP     spindle.example.com   ;  branch  =   z9hG4bK9ikj8")
                .unwrap();
        assert_eq!(via.protocol, b"SIP/2.0/TCP");
        assert_eq!(via.unique_branch(), Some(&b"z9hG4bK9ikj8"[..]));
        let mut out = Vec::new();
        via.write(&mut out);
        assert_eq!(out, b"SIP/2.0/TCP spindle.example.com;branch=z9hG4bK9ikj8");
        assert!(Via::read(b"SIP/2.0/UDP 192.0.2.15;;").is_err());
        assert!(Via::read(b";").is_err());
        let v6 = Via::read(b"SIP/2.0/UDP [2001:db8::9:1]:6050;received=2001:db8::9;rport").unwrap();
        assert_eq!(v6.port, Some(6050));
        assert!(v6.params.has("rport") && v6.params.raw("rport").is_none());
    }

    #[test]
    fn a_branch_of_only_the_cookie_is_none_of_rfc_3261() {
        let via = Via::read(b"SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK").unwrap();
        assert_eq!(via.unique_branch(), None);
    }

    #[test]
    fn sequence_numbers_end_below_two_to_the_31() {
        assert_eq!(CSeq::read(b"0009  INVITE").unwrap().number, 9);
        assert!(CSeq::read(b"2147483648 INVITE").is_err());
        assert!(CSeq::read(b"36893488147419103232 REGISTER").is_err());
        assert!(CSeq::read(b"1 INVITE x").is_err());
        let rack = RAck::read(b"776656 1 INVITE").unwrap();
        assert_eq!((rack.response, rack.cseq.number), (776_656, 1));
    }

    #[test]
    fn reason_there_and_back() {
        let reason = Reason::read(br#"Q.850 ;cause=16 ;text="Normal call clearing""#).unwrap();
        assert_eq!(reason.cause, Some(16));
        assert_eq!(
            reason.to_string(),
            r#"Q.850;cause=16;text="Normal call clearing""#
        );
    }
}
