//! Finding the SDP in a body, alone or as a part of a multipart one (RFC 5621).

use super::headers::Headers;
use super::name::HeaderName;
use super::views::MediaType;

/// What a body holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body<'a> {
    /// Nothing.
    Empty,
    /// SDP.
    Sdp(&'a [u8]),
    /// Something else, with its media type in lower case.
    Other(String),
}

/// The most parts of a multipart body that are looked at.
const MAX_PARTS: usize = 16;

/// Looks at a body. Without a Content-Type a body that begins like SDP is taken for it: some phones forget the type.
pub fn look<'a>(headers: &Headers, body: &'a [u8]) -> Body<'a> {
    if body.is_empty() {
        return Body::Empty;
    }
    let Some(value) = headers.get(&HeaderName::ContentType) else {
        return if body.starts_with(b"v=") {
            Body::Sdp(body)
        } else {
            Body::Other(String::new())
        };
    };
    let Ok(media_type) = MediaType::read(value) else {
        return Body::Other(super::syntax::lossy(value));
    };
    match media_type.essence.as_str() {
        "application/sdp" => Body::Sdp(body),
        "multipart/mixed" | "multipart/alternative" | "multipart/related" => {
            let part = media_type
                .params
                .text("boundary")
                .and_then(|boundary| sdp_part(body, &boundary));
            match part {
                Some(sdp) => Body::Sdp(sdp),
                None => Body::Other(media_type.essence),
            }
        }
        _ => Body::Other(media_type.essence),
    }
}

fn sdp_part<'a>(body: &'a [u8], boundary: &str) -> Option<&'a [u8]> {
    if boundary.is_empty() || boundary.len() > 70 {
        return None;
    }
    let delimiter = format!("--{boundary}");
    let delimiter = delimiter.as_bytes();
    let mut rest = body;
    let mut start = find(rest, delimiter)? + delimiter.len();
    for _ in 0..MAX_PARTS {
        rest = rest.get(start..)?;
        if rest.starts_with(b"--") {
            return None;
        }
        let end = find(rest, delimiter)?;
        let part = rest.get(..end)?;
        if let Some(content) = part_content(part, "application/sdp") {
            return Some(content);
        }
        start = end + delimiter.len();
    }
    None
}

fn part_content<'a>(part: &'a [u8], essence: &str) -> Option<&'a [u8]> {
    let (head, content) = match find(part, b"\r\n\r\n") {
        Some(at) => (part.get(..at)?, part.get(at + 4..)?),
        None => {
            let at = find(part, b"\n\n")?;
            (part.get(..at)?, part.get(at + 2..)?)
        }
    };
    let fits = head.split(|byte| *byte == b'\n').any(|line| {
        super::syntax::split_once(line, b':').is_some_and(|(name, value)| {
            HeaderName::from_bytes(name.trim_ascii()) == Some(HeaderName::ContentType)
                && MediaType::read(value.trim_ascii()).is_ok_and(|found| found.essence == essence)
        })
    });
    fits.then_some(content)
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(value: &str) -> Headers {
        let mut headers = Headers::new();
        headers.push(HeaderName::ContentType, value);
        headers
    }

    #[test]
    fn sdp_is_found_among_other_parts() {
        let body = b"--b\r\nContent-Type: application/isup\r\n\r\n\x00\x01\r\n--b\r\nc: application/SDP\r\n\r\nv=0\r\n--b--\r\n";
        assert_eq!(
            look(&headers("multipart/mixed; boundary=\"b\""), body),
            Body::Sdp(b"v=0\r\n")
        );
    }

    #[test]
    fn without_sdp_the_type_is_reported() {
        assert_eq!(
            look(
                &headers("Multipart/Mixed;boundary=b"),
                b"--b\r\n\r\nx\r\n--b--"
            ),
            Body::Other("multipart/mixed".to_owned())
        );
        assert_eq!(
            look(&headers("application/unknownformat"), b"<audio>"),
            Body::Other("application/unknownformat".to_owned())
        );
        assert_eq!(look(&Headers::new(), b"v=0\r\n"), Body::Sdp(b"v=0\r\n"));
        assert_eq!(look(&Headers::new(), b""), Body::Empty);
    }
}
