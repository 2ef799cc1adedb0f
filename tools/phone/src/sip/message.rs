//! SIP messages. The only module that touches `rsip`: it reads and prints them, names methods and
//! computes digests; the rest of the phone sees the plain types below.

use rsip::Header;
use rsip::headers::auth::{Algorithm, AuthQop};
use rsip::services::DigestGenerator;
use std::borrow::Cow;

pub use rsip::Method;

/// The headers of a message, in order, under their full names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// The first header of this name.
    pub fn first(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// All headers of this name, one by one as they stand.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Adds a header at the end.
    pub fn push(&mut self, name: &str, value: impl Into<String>) {
        self.0.push((name.to_owned(), value.into()));
    }

    /// Replaces every header of this name by one.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.remove(name);
        self.push(name, value);
    }

    /// Removes every header of this name.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
    }

    /// All headers in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether a comma-separated header such as Supported holds `token`.
    pub fn lists(&self, name: &str, token: &str) -> bool {
        self.all(name)
            .flat_map(|value| value.split(','))
            .any(|part| part.trim().eq_ignore_ascii_case(token))
    }

    /// Number and method of CSeq.
    pub fn cseq(&self) -> Option<(u32, Method)> {
        let (number, method) = self.first("CSeq")?.trim().split_once(char::is_whitespace)?;
        Some((number.parse().ok()?, method.trim().parse().ok()?))
    }

    /// The branch of the topmost Via.
    pub fn branch(&self) -> Option<&str> {
        let top = self.first("Via")?.split(',').next()?;
        super::address::parameter(top, "branch")
    }

    /// Call-ID, empty when there is none.
    pub fn call_id(&self) -> &str {
        self.first("Call-ID").unwrap_or_default()
    }
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What is asked.
    pub method: Method,
    /// Of whom.
    pub uri: String,
    /// Its headers.
    pub headers: Headers,
    /// Its body.
    pub body: Vec<u8>,
}

/// A response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// 100…699.
    pub status: u16,
    /// The words for it.
    pub reason: String,
    /// Its headers.
    pub headers: Headers,
    /// Its body.
    pub body: Vec<u8>,
}

/// Either.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// A request.
    Request(Request),
    /// A response.
    Response(Response),
}

/// Why a message could not be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// rsip refused it.
    #[error("not a SIP message: {0}")]
    Syntax(String),
    /// The URI of a request to be sent is none.
    #[error("not a SIP URI: {0}")]
    Uri(String),
}

/// Reads one message. Leading line ends (keep-alives) are skipped; a datagram's surplus after
/// Content-Length is cut off.
///
/// # Errors
/// [`MessageError::Syntax`] with rsip's own words.
pub fn read(bytes: &[u8]) -> Result<Message, MessageError> {
    let start = bytes
        .iter()
        .position(|b| !matches!(b, b'\r' | b'\n'))
        .unwrap_or(bytes.len());
    let parsed = rsip::SipMessage::try_from(&*readable(&bytes[start..]))
        .map_err(|e| MessageError::Syntax(e.to_string()))?;
    let (headers, mut body) = match &parsed {
        rsip::SipMessage::Request(request) => (&request.headers, request.body.clone()),
        rsip::SipMessage::Response(response) => (&response.headers, response.body.clone()),
    };
    let headers = Headers(headers.iter().map(plain).collect());
    if let Some(length) = headers
        .first("Content-Length")
        .and_then(|value| value.trim().parse().ok())
    {
        body.truncate(length);
    }
    Ok(match parsed {
        rsip::SipMessage::Request(request) => Message::Request(Request {
            method: request.method,
            uri: request_uri(&bytes[start..]).unwrap_or_else(|| request.uri.to_string()),
            headers,
            body,
        }),
        rsip::SipMessage::Response(response) => {
            let status = response.status_code.code();
            Message::Response(Response {
                status,
                reason: reason_phrase(status).to_owned(),
                headers,
                body,
            })
        }
    })
}

/// rsip reads no IPv6 address (RFC 3261 section 25.1: in brackets): in the start line a name stands for it.
fn readable(bytes: &[u8]) -> Cow<'_, [u8]> {
    let line = bytes.split(|b| *b == b'\r').next().unwrap_or(bytes);
    let at = |wanted| line.iter().position(|b| *b == wanted);
    match (at(b'['), at(b']')) {
        (Some(open), Some(close)) if open < close => {
            Cow::Owned([&bytes[..open], b"ipv6.invalid", &bytes[close + 1..]].concat())
        }
        _ => Cow::Borrowed(bytes),
    }
}

/// The request-URI as it stood: rsip prints a URI differently from how it came.
fn request_uri(bytes: &[u8]) -> Option<String> {
    let line = bytes.split(|b| *b == b'\r').next()?;
    let mut words = std::str::from_utf8(line).ok()?.split(' ');
    words.nth(1).map(str::to_owned)
}

fn plain(header: &Header) -> (String, String) {
    let text = header.to_string();
    let (name, value) = text.split_once(':').unwrap_or((&text, ""));
    (full_name(name.trim()).to_owned(), value.trim().to_owned())
}

/// rsip knows no compact forms (RFC 3261 section 7.3.3).
fn full_name(name: &str) -> &str {
    match name {
        "i" | "I" => "Call-ID",
        "m" | "M" => "Contact",
        "e" | "E" => "Content-Encoding",
        "l" | "L" => "Content-Length",
        "c" | "C" => "Content-Type",
        "f" | "F" => "From",
        "s" | "S" => "Subject",
        "k" | "K" => "Supported",
        "t" | "T" => "To",
        "v" | "V" => "Via",
        "r" | "R" => "Refer-To",
        "x" | "X" => "Session-Expires",
        other => other,
    }
}

fn to_rsip(headers: &Headers, body: &[u8]) -> rsip::Headers {
    let mut out: Vec<Header> = headers
        .iter()
        .filter(|(name, _)| !name.eq_ignore_ascii_case("Content-Length"))
        .map(|(name, value)| Header::Other(name.to_owned(), value.to_owned()))
        .collect();
    out.push(rsip::headers::ContentLength::from(body.len() as u32).into());
    out.into()
}

/// A URI that rsip accepts and prints as it came: left to itself it writes `transport=udp` in capitals, and a
/// digest over that would be another.
fn exact_uri(text: &str) -> Option<rsip::Uri> {
    let readable = readable(text.as_bytes());
    let readable = std::str::from_utf8(&readable).ok()?;
    let scheme = rsip::Uri::try_from(readable).ok()?.scheme?;
    let (_, rest) = text.split_once(':')?;
    Some(rsip::Uri {
        scheme: Some(scheme),
        host_with_port: rsip::Domain::from(rest).into(),
        ..Default::default()
    })
}

impl Request {
    /// A request without headers.
    pub fn new(method: Method, uri: impl Into<String>) -> Self {
        Self {
            method,
            uri: uri.into(),
            headers: Headers::default(),
            body: Vec::new(),
        }
    }

    /// Prints the request; Content-Length is always written anew.
    ///
    /// # Errors
    /// [`MessageError::Uri`] when rsip cannot hold the request-URI.
    pub fn to_bytes(&self) -> Result<Vec<u8>, MessageError> {
        let uri = exact_uri(&self.uri).ok_or_else(|| MessageError::Uri(self.uri.clone()))?;
        let request = rsip::Request {
            method: self.method,
            uri,
            version: rsip::Version::V2,
            headers: to_rsip(&self.headers, &self.body),
            body: Vec::new(),
        };
        let mut bytes: Vec<u8> = request.into();
        bytes.extend_from_slice(&self.body);
        Ok(bytes)
    }
}

impl Response {
    /// The response to `request` with the headers every response copies (RFC 3261 section 8.2.6).
    pub fn to(request: &Request, status: u16) -> Self {
        let mut headers = Headers::default();
        let copied = ["Via", "Record-Route", "From", "To", "Call-ID", "CSeq"];
        for name in copied {
            if name == "Record-Route" && !(101..300).contains(&status) {
                continue;
            }
            for value in request.headers.all(name) {
                headers.push(name, value);
            }
        }
        Self {
            status,
            reason: reason_phrase(status).to_owned(),
            headers,
            body: Vec::new(),
        }
    }

    /// Prints the response; Content-Length is always written anew.
    pub fn to_bytes(&self) -> Vec<u8> {
        let response = rsip::Response {
            // The named variants would print without spaces: "486 BusyHere".
            status_code: rsip::StatusCode::Other(self.status, self.reason.clone()),
            version: rsip::Version::V2,
            headers: to_rsip(&self.headers, &self.body),
            body: Vec::new(),
        };
        let mut bytes: Vec<u8> = response.into();
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// What a digest is computed from (RFC 2617 section 3.2.2, MD5).
#[derive(Clone, Copy)]
pub struct DigestInput<'a> {
    /// Who.
    pub user: &'a str,
    /// With which password.
    pub password: &'a str,
    /// Where.
    pub realm: &'a str,
    /// The server's nonce.
    pub nonce: &'a str,
    /// The digest URI.
    pub uri: &'a str,
    /// The request's method.
    pub method: Method,
    /// The client nonce, when quality of protection is `auth`; the nonce count is always 1.
    pub cnonce: Option<&'a str>,
}

impl std::fmt::Debug for DigestInput<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DigestInput")
            .field("user", &self.user)
            .field("realm", &self.realm)
            .finish_non_exhaustive()
    }
}

/// The digest response; `None` when rsip cannot hold the URI.
pub fn digest(input: DigestInput<'_>) -> Option<String> {
    let uri = exact_uri(input.uri)?;
    let qop = input.cnonce.map(|cnonce| AuthQop::Auth {
        cnonce: cnonce.to_owned(),
        nc: 1,
    });
    let generator = DigestGenerator {
        username: input.user,
        password: input.password,
        nonce: input.nonce,
        uri: &uri,
        realm: input.realm,
        method: &input.method,
        qop: qop.as_ref(),
        algorithm: Algorithm::Md5,
    };
    Some(generator.compute())
}

/// The words RFC 3261 and its extensions give a status.
pub fn reason_phrase(status: u16) -> &'static str {
    match status {
        100 => "Trying",
        180 => "Ringing",
        181 => "Call Is Being Forwarded",
        182 => "Queued",
        183 => "Session Progress",
        200 => "OK",
        202 => "Accepted",
        302 => "Moved Temporarily",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        410 => "Gone",
        415 => "Unsupported Media Type",
        420 => "Bad Extension",
        421 => "Extension Required",
        422 => "Session Interval Too Small",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        482 => "Loop Detected",
        484 => "Address Incomplete",
        486 => "Busy Here",
        487 => "Request Terminated",
        488 => "Not Acceptable Here",
        491 => "Request Pending",
        500 => "Server Internal Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Server Time-out",
        600 => "Busy Everywhere",
        603 => "Decline",
        604 => "Does Not Exist Anywhere",
        606 => "Not Acceptable",
        other => match other / 100 {
            1 => "Progress",
            2 => "Success",
            3 => "Redirect",
            4 => "Request Failure",
            5 => "Server Failure",
            _ => "Global Failure",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INVITE: &str = "INVITE sip:+4930123@127.0.0.1:5070;user=phone SIP/2.0\r\n\
        v: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKabc;rport\r\nf: \"A B\" <sip:1@b>;tag=x\r\nt: <sip:2@b>\r\n\
        i: id1\r\nCSeq: 7 INVITE\r\nUser-to-User: 6162;encoding=hex\r\nSupported: timer, 100rel\r\nl: 4\r\n\r\nv=0\r\nextra";

    #[test]
    fn a_request_is_read_with_compact_names_and_its_body_cut() {
        let Ok(Message::Request(request)) = read(format!("\r\n\r\n{INVITE}").as_bytes()) else {
            panic!("not read");
        };
        assert_eq!(
            (request.method, request.uri.as_str()),
            (Method::Invite, "sip:+4930123@127.0.0.1:5070;user=phone")
        );
        assert_eq!(request.headers.branch(), Some("z9hG4bKabc"));
        assert_eq!(request.headers.cseq(), Some((7, Method::Invite)));
        assert!(request.headers.lists("supported", "100REL"));
        assert_eq!(
            request.headers.first("User-to-User"),
            Some("6162;encoding=hex")
        );
        assert_eq!(request.body, b"v=0\r");
    }

    #[test]
    fn what_is_written_reads_the_same() {
        let Ok(Message::Request(mut request)) = read(INVITE.as_bytes()) else {
            panic!("not read");
        };
        request.body = b"v=0\r\ns=\xC3\xA9\r\n".to_vec();
        let bytes = request.to_bytes().expect("a good URI");
        let Ok(Message::Request(again)) = read(&bytes) else {
            panic!("not read again");
        };
        request
            .headers
            .set("Content-Length", request.body.len().to_string());
        assert_eq!(again, request);
        let response = Response::to(&request, 486).to_bytes();
        assert!(response.starts_with(b"SIP/2.0 486 Busy Here\r\nVia: SIP/2.0/UDP"));
    }

    #[test]
    fn the_digest_of_rfc_2617() {
        // Section 3.5's example speaks HTTP; this vector uses the same rules with a SIP URI.
        let input = DigestInput {
            user: "demo",
            password: "demo",
            realm: "phone",
            nonce: "n",
            uri: "sip:auth@127.0.0.1",
            method: Method::Invite,
            cnonce: None,
        };
        assert_eq!(digest(input).map(|d| d.len()), Some(32));
        assert_ne!(
            digest(input),
            digest(DigestInput {
                cnonce: Some("c"),
                ..input
            })
        );
        assert_ne!(
            digest(input),
            digest(DigestInput {
                password: "x",
                ..input
            })
        );
        assert!(!format!("{input:?}").contains("password"));
    }

    #[test]
    fn a_request_uri_goes_out_as_it_came() {
        for uri in [
            "sip:100@127.0.0.1:5070",
            "sip:127.0.0.1:5060",
            "sip:box@127.0.0.1:5060;transport=udp",
            "sip:trunk-1@127.0.0.1:5060;transport=tcp;ob",
            "sip:+49301234@box.example.com;user=phone",
            "sip:a.b-c_d@127.0.0.1:5060;x=y",
            "sip:%2349@127.0.0.1",
            "sip:box@[::1]:5060;transport=tcp",
            "sips:a@example.com",
        ] {
            let bytes = Request::new(Method::Bye, uri).to_bytes().expect(uri);
            let Ok(Message::Request(back)) = read(&bytes) else {
                panic!("{uri} does not come back");
            };
            assert_eq!(back.uri, uri);
            let line = String::from_utf8(bytes).expect("text");
            assert!(
                line.starts_with(&format!("BYE {uri} SIP/2.0\r\n")),
                "{uri}: {line}"
            );
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in [
            "",
            "\r\n",
            "INVITE",
            "HTTP/1.1 200 OK\r\n\r\n",
            "INVITE sip:a SIP/2.0\r\n",
        ] {
            assert!(read(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }
}
