//! The wire reader (RFC 3261 §7, §25).

use super::headers::Headers;
use super::method::Method;
use super::name::HeaderName;
use super::syntax;
use super::uri::Uri;
use super::{MAX_HEADERS, MAX_MESSAGE, Message, Request, Response};

/// What is wrong with the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadErrorKind {
    /// Nothing but line ends: a keep-alive.
    #[error("empty")]
    Empty,
    /// No request line and no status line: another protocol, or noise.
    #[error("not SIP")]
    NotSip,
    /// Above [`MAX_MESSAGE`].
    #[error("larger than 64 KiB")]
    TooLarge,
    /// More than [`MAX_HEADERS`] lines.
    #[error("more than 256 headers")]
    TooManyHeaders,
    /// The method is no token, or the request line has other than three words.
    #[error("bad request line")]
    BadRequestLine,
    /// The Request-URI.
    #[error("bad Request-URI")]
    BadRequestUri,
    /// Not SIP/2.0.
    #[error("SIP version not supported")]
    BadVersion,
    /// The status is not 100…699.
    #[error("bad status line")]
    BadStatusLine,
    /// A line without a colon, or a name that is no token.
    #[error("bad header line")]
    BadHeaderLine,
    /// The empty line behind the headers is missing.
    #[error("headers do not end")]
    Truncated,
    /// Content-Length is no number, or there are two that differ.
    #[error("bad Content-Length")]
    BadContentLength,
    /// Content-Length says more than there is.
    #[error("body shorter than Content-Length")]
    BodyTruncated,
}

/// A message that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {kind}")]
pub struct ReadError {
    /// What is wrong.
    pub kind: ReadErrorKind,
    /// In which line, the start line being 1.
    pub line: usize,
    /// What a response to it can be made from; `None` when it was no request.
    pub partial: Option<Box<Partial>>,
}

/// What could be read of a broken request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partial {
    /// The first word, when it is a token.
    pub method: Option<Method>,
    /// The good header lines.
    pub headers: Headers,
}

impl ReadError {
    /// The status that answers it; `None`: discard.
    pub fn status(&self) -> Option<u16> {
        let partial = self.partial.as_ref()?;
        if partial.method == Some(Method::Ack) {
            return None;
        }
        match self.kind {
            ReadErrorKind::Empty | ReadErrorKind::NotSip | ReadErrorKind::BadStatusLine => None,
            ReadErrorKind::BadVersion => Some(505),
            ReadErrorKind::TooLarge | ReadErrorKind::TooManyHeaders => Some(513),
            ReadErrorKind::BadRequestLine
            | ReadErrorKind::BadRequestUri
            | ReadErrorKind::BadHeaderLine
            | ReadErrorKind::Truncated
            | ReadErrorKind::BadContentLength
            | ReadErrorKind::BodyTruncated => Some(400),
        }
    }
}

enum Start {
    Request(Method, Uri),
    Response(u16, Vec<u8>),
}

/// Reads one datagram, or one framed message. Bytes behind the body are ignored (§18.3); without Content-Length
/// everything behind the headers is the body.
///
/// # Errors
/// With the line, the status that fits, and what of a request could be read all the same.
pub fn read(bytes: &[u8]) -> Result<Message, ReadError> {
    let fail = |kind, line, partial| ReadError {
        kind,
        line,
        partial,
    };
    if bytes.len() > MAX_MESSAGE {
        return Err(fail(ReadErrorKind::TooLarge, 1, None));
    }
    let mut lines = Lines::new(bytes);
    let start_line = lines
        .first()
        .ok_or_else(|| fail(ReadErrorKind::Empty, 1, None))?;
    let (start, method) = read_start(start_line).map_err(|kind| fail(kind, 1, None))?;

    let mut defect = start.as_ref().err().map(|kind| (*kind, 1));
    let mut headers = Headers::new();
    let mut length = None;
    loop {
        match lines.header() {
            Some((line, _)) if line.is_empty() => break,
            Some((line, number)) => match read_header(&line) {
                // Content-Length is the body's and becomes no header, see `Headers`.
                Some((HeaderName::ContentLength, value)) => {
                    match body_length(length, value.trim_ascii()) {
                        Ok(read) => length = Some(read),
                        Err(kind) => defect = defect.or(Some((kind, number))),
                    }
                }
                _ if headers.len() >= MAX_HEADERS => {
                    defect = defect.or(Some((ReadErrorKind::TooManyHeaders, number)));
                    break;
                }
                Some((name, value)) => headers.push(name, value),
                None => defect = defect.or(Some((ReadErrorKind::BadHeaderLine, number))),
            },
            None => {
                defect = defect.or(Some((ReadErrorKind::Truncated, lines.number)));
                break;
            }
        }
    }
    let body = match length {
        Some(length) => lines
            .rest
            .get(..length)
            .or_else(|| miscounted(lines.rest, length)),
        None => Some(lines.rest),
    };
    if body.is_none() {
        defect = defect.or(Some((ReadErrorKind::BodyTruncated, lines.number)));
    }
    let body = body.unwrap_or_default();

    match (defect, start) {
        (None, Ok(Start::Request(method, uri))) => Ok(Message::Request(Request {
            method,
            uri,
            headers,
            body: body.to_vec(),
        })),
        (None, Ok(Start::Response(status, reason))) => Ok(Message::Response(Response {
            status,
            reason,
            headers,
            body: body.to_vec(),
        })),
        (Some((kind, line)), Ok(Start::Response(..))) => Err(fail(kind, line, None)),
        (Some((kind, line)), _) => {
            let partial = Box::new(Partial { method, headers });
            Err(fail(kind, line, Some(partial)))
        }
        (None, Err(kind)) => Err(fail(kind, 1, None)),
    }
}

/// A body that ends with its line a little before its announced length was miscounted, not cut off: the message of
/// RFC 5118 §4.6 is one. A stream never comes here with less than was announced.
fn miscounted(body: &[u8], length: usize) -> Option<&[u8]> {
    const SLACK: usize = 32;
    (length <= body.len() + SLACK && body.ends_with(b"\n")).then_some(body)
}

/// One more `Content-Length`, which must not contradict an earlier one.
///
/// # Errors
/// No number, or another one than before.
pub(crate) fn body_length(before: Option<usize>, value: &[u8]) -> Result<usize, ReadErrorKind> {
    syntax::number(value)
        .and_then(|number| usize::try_from(number).ok())
        .filter(|read| before.is_none_or(|before| before == *read))
        .ok_or(ReadErrorKind::BadContentLength)
}

type ReadStart = (Result<Start, ReadErrorKind>, Option<Method>);

/// Outer error: not SIP at all. Inner error: a request that has to be refused.
fn read_start(line: &[u8]) -> Result<ReadStart, ReadErrorKind> {
    let line = line.trim_ascii();
    if line
        .get(..4)
        .is_some_and(|v| v.eq_ignore_ascii_case(b"SIP/"))
    {
        return read_status_line(line).map(|start| (Ok(start), None));
    }
    let words: Vec<&[u8]> = line
        .split(|b| matches!(b, b' ' | b'\t'))
        .filter(|word| !word.is_empty())
        .collect();
    let (method, uri, version) = match words.as_slice() {
        [method, uri, version] => (*method, *uri, *version),
        [method, .., version] if version.to_ascii_uppercase().starts_with(b"SIP/") => {
            return Ok((Err(ReadErrorKind::BadRequestLine), Method::read(method)));
        }
        _ => return Err(ReadErrorKind::NotSip),
    };
    if !version.to_ascii_uppercase().starts_with(b"SIP/") {
        return Err(ReadErrorKind::NotSip);
    }
    let Some(method) = Method::read(method) else {
        return Ok((Err(ReadErrorKind::BadRequestLine), None));
    };
    let start = if !version.eq_ignore_ascii_case(b"SIP/2.0") {
        Err(ReadErrorKind::BadVersion)
    } else {
        match Uri::read(uri) {
            // Headers in a Request-URI would be headers of ours (RFC 4475 §3.1.2.11).
            Ok(uri) if uri.sip().is_some_and(|sip| sip.headers.is_some()) => {
                Err(ReadErrorKind::BadRequestUri)
            }
            Ok(uri) => Ok(Start::Request(method.clone(), uri)),
            Err(_) => Err(ReadErrorKind::BadRequestUri),
        }
    };
    Ok((start, Some(method)))
}

fn read_status_line(line: &[u8]) -> Result<Start, ReadErrorKind> {
    let (version, rest) = syntax::split_once(line, b' ').ok_or(ReadErrorKind::BadStatusLine)?;
    if !version.eq_ignore_ascii_case(b"SIP/2.0") {
        return Err(ReadErrorKind::BadVersion);
    }
    let (status, reason) = syntax::take_while(rest.trim_ascii_start(), |b| b != b' ');
    let status = syntax::number(status)
        .filter(|status| status_fits(*status))
        .and_then(|status| u16::try_from(status).ok())
        .ok_or(ReadErrorKind::BadStatusLine)?;
    let mut reason = reason.trim_ascii().to_vec();
    for byte in &mut reason {
        if *byte == b'\r' {
            *byte = b' ';
        }
    }
    Ok(Start::Response(status, reason))
}

fn status_fits(status: u64) -> bool {
    (100..700).contains(&status)
}

fn read_header(line: &[u8]) -> Option<(HeaderName, &[u8])> {
    let (name, value) = syntax::split_once(line, b':')?;
    Some((HeaderName::from_bytes(name.trim_ascii_end())?, value))
}

/// Lines ended by CRLF or a bare LF.
pub(crate) struct Lines<'a> {
    rest: &'a [u8],
    number: usize,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            number: 0,
        }
    }

    /// The first line that is not empty. It need not be terminated.
    pub(crate) fn first(&mut self) -> Option<&'a [u8]> {
        while let [b'\r' | b'\n', rest @ ..] = self.rest {
            self.rest = rest;
        }
        if self.rest.is_empty() {
            return None;
        }
        self.number = 1;
        let (line, rest) = next_line(self.rest).unwrap_or((self.rest, &[]));
        self.rest = rest;
        Some(line)
    }

    /// One header with its continuations joined by single blanks, and its line number. An empty line ends the
    /// section; `None`: the bytes ended first.
    pub(crate) fn header(&mut self) -> Option<(Vec<u8>, usize)> {
        let (line, rest) = next_line(self.rest)?;
        self.rest = rest;
        self.number += 1;
        let number = self.number;
        if line.is_empty() {
            return Some((Vec::new(), number));
        }
        let mut whole = line.to_vec();
        while matches!(self.rest.first(), Some(b' ' | b'\t')) {
            let (more, rest) = next_line(self.rest)?;
            self.rest = rest;
            self.number += 1;
            whole.truncate(whole.trim_ascii_end().len());
            whole.push(b' ');
            whole.extend_from_slice(more.trim_ascii());
        }
        Some((whole, number))
    }
}

fn next_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (line, rest) = syntax::split_once(bytes, b'\n')?;
    Some((line.strip_suffix(b"\r").unwrap_or(line), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(text: &str) -> Request {
        match read(text.as_bytes()) {
            Ok(Message::Request(request)) => request,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn folding_compact_names_and_odd_bytes_survive() {
        let mut bytes = b"\r\n\r\nOPTIONS sip:a@b SIP/2.0\r\nv: SIP/2.0/UDP x\r\ns :\r\nX-Name: one\r\n\t two\r\nX-Latin: caf".to_vec();
        bytes.extend_from_slice(b"\xe9\r\nl: 2\r\n\r\nabc");
        let Ok(Message::Request(request)) = read(&bytes) else {
            panic!("unreadable");
        };
        let folded = HeaderName::Other("x-name".to_owned());
        let latin = HeaderName::Other("X-Latin".to_owned());
        assert_eq!(request.headers.get(&folded), Some(&b"one two"[..]));
        assert_eq!(request.headers.get(&latin), Some(&b"caf\xe9"[..]));
        assert_eq!(request.headers.get(&HeaderName::Subject), Some(&b""[..]));
        assert_eq!(request.body, b"ab");
    }

    #[test]
    fn without_content_length_a_datagram_is_all_body() {
        assert_eq!(
            request("OPTIONS sip:a@b SIP/2.0\nVia: x\n\nbody\r\n").body,
            b"body\r\n"
        );
    }

    #[test]
    fn every_error_names_its_line_and_status() {
        use ReadErrorKind::*;
        for (text, kind, line, status) in [
            ("", Empty, 1, None),
            ("\r\n\r\n", Empty, 1, None),
            ("GET / HTTP/1.1\r\n\r\n", NotSip, 1, None),
            (
                "INVITE sip:a@b; lr SIP/2.0\r\n\r\n",
                BadRequestLine,
                1,
                Some(400),
            ),
            (
                "INVITE <sip:a@b> SIP/2.0\r\n\r\n",
                BadRequestUri,
                1,
                Some(400),
            ),
            (
                "INVITE sip:a@b?x=y SIP/2.0\r\n\r\n",
                BadRequestUri,
                1,
                Some(400),
            ),
            ("INVITE sip:a@b SIP/7.0\r\n\r\n", BadVersion, 1, Some(505)),
            ("ACK sip:a@b SIP/7.0\r\n\r\n", BadVersion, 1, None),
            ("SIP/2.0 4294967301 b\r\n\r\n", BadStatusLine, 1, None),
            ("SIP/2.0 99 b\r\n\r\n", BadStatusLine, 1, None),
            (
                "INVITE sip:a@b SIP/2.0\r\nTo: x\r\nnonsense\r\n\r\n",
                BadHeaderLine,
                3,
                Some(400),
            ),
            (
                "INVITE sip:a@b SIP/2.0\r\nTo: x\r\n",
                Truncated,
                2,
                Some(400),
            ),
            (
                "INVITE sip:a@b SIP/2.0\r\nl: -1\r\n\r\n",
                BadContentLength,
                2,
                Some(400),
            ),
            (
                "INVITE sip:a@b SIP/2.0\r\nl: 1\r\nl: 2\r\n\r\nab",
                BadContentLength,
                3,
                Some(400),
            ),
            (
                "INVITE sip:a@b SIP/2.0\r\nl: 9\r\n\r\nab",
                BodyTruncated,
                3,
                Some(400),
            ),
        ] {
            let error = read(text.as_bytes()).expect_err(text);
            assert_eq!(
                (error.kind, error.line, error.status()),
                (kind, line, status),
                "{text:?}"
            );
        }
    }

    #[test]
    fn bounds_hold() {
        let many = format!("INVITE sip:a@b SIP/2.0\r\n{}\r\n", "a: b\r\n".repeat(257));
        let error = read(many.as_bytes()).unwrap_err();
        assert_eq!(error.kind, ReadErrorKind::TooManyHeaders);
        assert_eq!(error.status(), Some(513));
        assert_eq!(
            read(&[b'a'; MAX_MESSAGE + 1]).unwrap_err().kind,
            ReadErrorKind::TooLarge
        );
    }

    #[test]
    fn a_broken_request_still_gives_what_a_response_needs() {
        let error = read(b"INVITE sip:a b SIP/2.0\r\nCall-ID: x\r\n\r\n").unwrap_err();
        let partial = error.partial.unwrap();
        assert_eq!(partial.method, Some(Method::Invite));
        assert_eq!(partial.headers.get(&HeaderName::CallId), Some(&b"x"[..]));
    }

    #[test]
    fn blanks_around_the_start_line_are_repaired() {
        assert_eq!(
            request("INVITE  sip:a@b  SIP/2.0  \r\n\r\n").method,
            Method::Invite
        );
    }
}
