//! Strikes the secrets of a SIP message out, so that what is kept can be shown to anybody who may
//! see calls. Each character of a secret becomes an `x`: every length in the message stays true.
//!
//! | where | what |
//! |---|---|
//! | `Authorization`, `Proxy-Authorization`, `Authentication-Info` of Digest | `response`, `cnonce`, `rspauth`, `nextnonce` |
//! | the same of any other scheme, and any without one | all behind the scheme |
//! | `User-to-User`, as a header and as a header within a URI | the value, not its parameters |
//! | SDP `a=crypto` (RFC 4568), `a=key-mgmt`, `k=`, `a=ice-pwd` | the keys |
//! | bodies of INFO that carry a digit (`Signal=5`, `application/dtmf`) | the digit: it may be part of a PIN |
//! | `sip:user:password@host` | the password |
//!
//! The message is looked at line by line, headers and bodies alike, whether or not it is well
//! formed: what a lenient reader might take for a secret must not be kept. Pure.

use std::ops::Range;

/// Strikes out in place.
pub fn strike(message: &mut [u8]) {
    let mut kind = Line::Other;
    let mut digits_follow = false;
    let mut in_body = false;
    for line in lines(message) {
        let Some(text) = message.get_mut(line) else {
            continue;
        };
        if text.is_empty() {
            in_body = true;
            kind = Line::Other;
            continue;
        }
        let folded = text.first().is_some_and(|b| matches!(b, b' ' | b'\t'));
        let value = if folded && kind != Line::Other {
            text
        } else {
            let (name, value) = split(text);
            let is_sdp = text.get(name.len()) == Some(&b'=');
            kind = Line::of(name, is_sdp);
            digits_follow |= kind == Line::ContentType && is_digit_body(value);
            if in_body && digits_follow && kind == Line::Other {
                fill(text);
                continue;
            }
            if kind == Line::Other {
                within_uris(text);
                continue;
            }
            split_mut(text)
        };
        match kind {
            Line::Credentials => credentials(value),
            Line::UserToUser => user_to_user(value),
            Line::Key => key(value),
            Line::Digit => fill(value),
            Line::ContentType | Line::Other => {}
        }
    }
}

/// What a line's name says of its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    Credentials,
    UserToUser,
    /// Of an SDP line: all of it but what says which it is.
    Key,
    Digit,
    ContentType,
    Other,
}

impl Line {
    /// `equals`: the name stands before an equals sign rather than a colon.
    fn of(name: &[u8], equals: bool) -> Self {
        const NAMES: [(&str, Line); 12] = [
            ("authorization", Line::Credentials),
            ("proxy-authorization", Line::Credentials),
            ("authentication-info", Line::Credentials),
            ("proxy-authentication-info", Line::Credentials),
            ("user-to-user", Line::UserToUser),
            ("content-type", Line::ContentType),
            ("c", Line::ContentType),
            ("a=crypto", Line::Key),
            ("a=key-mgmt", Line::Key),
            ("k", Line::Key),
            ("a=ice-pwd", Line::Key),
            ("signal", Line::Digit),
        ];
        let name = name.trim_ascii();
        // `k:` is a compact Supported, `c=` an SDP connection.
        let other = if equals { "c" } else { "k" };
        NAMES
            .iter()
            .filter(|(known, _)| *known != other)
            .find(|(known, _)| name.eq_ignore_ascii_case(known.as_bytes()))
            .map_or(Self::Other, |(_, kind)| *kind)
    }
}

/// Lines without their ends, which are CRLF, LF or CR.
fn lines(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::with_capacity(32);
    let mut begin = 0;
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\r' | b'\n' => {
                found.push(begin..at);
                at += 1;
                if *byte == b'\r' && bytes.get(at) == Some(&b'\n') {
                    at += 1;
                }
                begin = at;
            }
            _ => at += 1,
        }
    }
    found.push(begin..bytes.len());
    found
}

/// Where the name ends: at the first colon; for `k=…` and `Signal=…` at the equals sign.
fn name_end(line: &[u8]) -> Option<usize> {
    let colon = line.iter().position(|b| *b == b':');
    let equals = line.iter().position(|b| *b == b'=');
    match (colon, equals) {
        (colon, Some(equals))
            if colon.is_none_or(|colon| equals < colon)
                && matches!(
                    Line::of(line.get(..equals).unwrap_or(&[]), true),
                    Line::Key | Line::Digit
                ) =>
        {
            Some(equals)
        }
        (colon, _) => colon,
    }
}

fn split(line: &[u8]) -> (&[u8], &[u8]) {
    let end = name_end(line).unwrap_or(line.len());
    (
        line.get(..end).unwrap_or(&[]),
        line.get(end + 1..).unwrap_or(&[]),
    )
}

fn split_mut(line: &mut [u8]) -> &mut [u8] {
    let end = name_end(line).unwrap_or(line.len());
    line.get_mut(end + 1..).unwrap_or(&mut [])
}

fn fill(bytes: &mut [u8]) {
    for byte in bytes {
        if !matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
            *byte = b'x';
        }
    }
}

fn is_digit_body(content_type: &[u8]) -> bool {
    let value = content_type.trim_ascii().to_ascii_lowercase();
    // `application/dtmf-relay` names its digit by `Signal=`.
    value.starts_with(b"application/dtmf") && !value.starts_with(b"application/dtmf-relay")
        || value.starts_with(b"audio/telephone-event")
}

/// Parameters of a Digest that are no secret; everything else is struck out.
const SHOWN: [&str; 10] = [
    "username",
    "realm",
    "nonce",
    "uri",
    "algorithm",
    "opaque",
    "qop",
    "nc",
    "stale",
    "userhash",
];

fn credentials(value: &mut [u8]) {
    let scheme = value.trim_ascii_start();
    let indent = value.len() - scheme.len();
    let is_digest = scheme
        .get(..6)
        .is_some_and(|s| s.eq_ignore_ascii_case(b"digest"));
    let first = scheme.first().copied();
    let begin = match first {
        Some(_) if is_digest => indent + 6,
        // Authentication-Info and folded lines have parameters only.
        Some(_) if value.contains(&b'=') && !has_scheme(scheme) => indent,
        _ => {
            let word = scheme
                .iter()
                .position(|b| matches!(b, b' ' | b'\t'))
                .unwrap_or(0);
            return fill(value.get_mut(indent + word..).unwrap_or(&mut []));
        }
    };
    for part in parts(value, begin, b',') {
        let Some(part) = value.get_mut(part) else {
            continue;
        };
        let equals = part.iter().position(|b| *b == b'=').unwrap_or(0);
        let name = part.get(..equals).unwrap_or(&[]).trim_ascii();
        let shown = SHOWN
            .iter()
            .any(|known| name.eq_ignore_ascii_case(known.as_bytes()));
        if !shown {
            let from = if equals == 0 { 0 } else { equals + 1 };
            fill_inside_quotes(part.get_mut(from..).unwrap_or(&mut []));
        }
    }
}

/// Whether a value begins with a word and a space, such as `Basic …`, rather than with `name=`.
fn has_scheme(value: &[u8]) -> bool {
    let word = value
        .iter()
        .position(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')))
        .unwrap_or(value.len());
    let rest = value.get(word..).unwrap_or(&[]);
    word > 0 && rest.trim_ascii_start().first() != Some(&b'=')
}

fn user_to_user(value: &mut [u8]) {
    for one in parts(value, 0, b',') {
        let end = one.end;
        let text = parts(value.get(..end).unwrap_or(&[]), one.start, b';')
            .into_iter()
            .next();
        if let Some(text) = text.and_then(|range| value.get_mut(range)) {
            fill_inside_quotes(text);
        }
    }
}

/// `a=crypto:1 SUITE inline:KEY|…;inline:…`: all behind each `inline:`; without one, all but the first two words.
fn key(value: &mut [u8]) {
    let inline = value
        .windows(7)
        .position(|w| w.eq_ignore_ascii_case(b"inline:"));
    let begin = match inline {
        Some(at) => at + 7,
        None => 0,
    };
    fill(value.get_mut(begin..).unwrap_or(&mut []));
}

/// `User-to-User=` among the headers of a URI, and a password before the host.
fn within_uris(line: &mut [u8]) {
    const HEADER: &[u8] = b"user-to-user=";
    let mut from = 0;
    while let Some(found) = line.get(from..).and_then(|rest| {
        rest.windows(HEADER.len())
            .position(|w| w.eq_ignore_ascii_case(HEADER))
    }) {
        let begin = from + found + HEADER.len();
        let rest = line.get_mut(begin..).unwrap_or(&mut []);
        let end = rest
            .iter()
            .position(|b| matches!(b, b'&' | b'>' | b' ' | b'\t' | b'"' | b';'))
            .unwrap_or(rest.len());
        fill(rest.get_mut(..end).unwrap_or(&mut []));
        from = begin + end;
    }
    password(line);
}

fn password(line: &mut [u8]) {
    let mut from = 0;
    while let Some(at) = line.get(from..).and_then(|rest| {
        rest.windows(3)
            .position(|w| w.eq_ignore_ascii_case(b"ip:") || w.eq_ignore_ascii_case(b"ps:"))
    }) {
        let begin = from + at + 3;
        from = begin;
        let rest = line.get_mut(begin..).unwrap_or(&mut []);
        let user_end = rest
            .iter()
            .position(|b| matches!(b, b'@' | b'>' | b'<' | b' ' | b'\t' | b'"'))
            .unwrap_or(rest.len());
        if rest.get(user_end) != Some(&b'@') {
            continue;
        }
        if let Some(colon) = rest.iter().take(user_end).position(|b| *b == b':') {
            fill(rest.get_mut(colon + 1..user_end).unwrap_or(&mut []));
        }
    }
}

/// The ranges between separators, from `begin` on; a separator within quotes is none.
fn parts(value: &[u8], begin: usize, separator: u8) -> Vec<Range<usize>> {
    let mut found = Vec::with_capacity(12);
    let (mut start, mut quoted, mut escaped) = (begin, false, false);
    for (at, byte) in value.iter().enumerate().skip(begin) {
        if escaped {
            escaped = false;
            continue;
        }
        match byte {
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b if *b == separator && !quoted => {
                found.push(start..at);
                start = at + 1;
            }
            _ => {}
        }
    }
    if start <= value.len() {
        found.push(start..value.len());
    }
    found
}

/// All but space and the quotes around it.
fn fill_inside_quotes(bytes: &mut [u8]) {
    let begin = bytes.iter().take_while(|b| b.is_ascii_whitespace()).count();
    let end = bytes.len()
        - bytes
            .iter()
            .rev()
            .take_while(|b| b.is_ascii_whitespace())
            .count();
    let quoted =
        bytes.get(begin) == Some(&b'"') && end > begin + 1 && bytes.get(end - 1) == Some(&b'"');
    let range = if quoted {
        begin + 1..end - 1
    } else {
        begin..end
    };
    if let Some(inner) = bytes.get_mut(range) {
        inner.fill(b'x');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn struck(text: &str) -> String {
        let mut bytes = text.as_bytes().to_vec();
        strike(&mut bytes);
        assert_eq!(bytes.len(), text.len());
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_digest_keeps_what_explains_and_loses_what_proves() {
        assert_eq!(
            struck(
                "INVITE sip:1@x SIP/2.0\r\nAuthorization: Digest username=\"u,r\", realm=\"a\", nonce=\"n\", uri=\"sip:1@x\", \
                 response=\"0a1b\", cnonce=\"se,c\", nc=00000001, qop=auth\r\nMax-Forwards: 70\r\n\r\n"
            ),
            "INVITE sip:1@x SIP/2.0\r\nAuthorization: Digest username=\"u,r\", realm=\"a\", nonce=\"n\", uri=\"sip:1@x\", \
             response=\"xxxx\", cnonce=\"xxxx\", nc=00000001, qop=auth\r\nMax-Forwards: 70\r\n\r\n"
        );
    }

    #[test]
    fn credentials_in_odd_shapes() {
        for (given, left) in [
            // Folded, spaced, upper case, bare LF, bare CR.
            (
                "PROXY-AUTHORIZATION : DIGEST realm=a,\r\n RESPONSE = \"abc\"\r\n",
                "PROXY-AUTHORIZATION : DIGEST realm=a,\r\n RESPONSE = \"xxx\"\r\n",
            ),
            (
                "Authorization:Digest response=abc\nX: y\n",
                "Authorization:Digest response=xxx\nX: y\n",
            ),
            (
                "A: b\rAuthorization: Digest response=abc",
                "A: b\rAuthorization: Digest response=xxx",
            ),
            // Parameters nobody has heard of may be secrets.
            (
                "Authorization: Digest realm=\"r\", token=abc",
                "Authorization: Digest realm=\"r\", token=xxx",
            ),
            // Other schemes have no parameters that we know.
            ("Authorization: Basic dTpw", "Authorization: Basic xxxx"),
            ("Authorization: Bearer a.b=c", "Authorization: Bearer xxxxx"),
            ("Authorization: abc", "Authorization: xxx"),
            (
                "Authentication-Info: nextnonce=\"abc\", rspauth=\"ab\", nc=1",
                "Authentication-Info: nextnonce=\"xxx\", rspauth=\"xx\", nc=1",
            ),
            // An unclosed quote hides nothing.
            (
                "Authorization: Digest response=\"abc, realm=\"r\"",
                "Authorization: Digest response=\"xxxxxxxxxxxxx\"",
            ),
        ] {
            assert_eq!(struck(given), left);
        }
    }

    #[test]
    fn user_to_user_loses_its_values() {
        for (given, left) in [
            (
                "User-to-User: 00c8;encoding=hex",
                "User-to-User: xxxx;encoding=hex",
            ),
            (
                "user-to-user: \"a;b\";purpose=x, c;d=e",
                "user-to-user: \"xxx\";purpose=x, x;d=e",
            ),
            (
                "Refer-To: <sip:1@x?User-to-User=00c8%3Bencoding%3Dhex&Replaces=1>",
                "Refer-To: <sip:1@x?User-to-User=xxxxxxxxxxxxxxxxxxxxx&Replaces=1>",
            ),
        ] {
            assert_eq!(struck(given), left);
        }
    }

    #[test]
    fn media_keys_go_wherever_they_stand() {
        let body = "v=0\r\nc=IN IP4 192.0.2.1\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNf+a/=|2^20\r\nk=clear:abc\r\n\
                    a=ice-pwd:pass\r\na=sendrecv\r\n";
        assert_eq!(
            struck(body),
            "v=0\r\nc=IN IP4 192.0.2.1\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:xxxxxxxxxxxxx\r\nk=xxxxxxxxx\r\n\
             a=ice-pwd:xxxx\r\na=sendrecv\r\n"
        );
        assert_eq!(struck("a=key-mgmt:mikey AbC="), "a=key-mgmt:xxxxx xxxx");
        assert_eq!(struck("a=crypto:1 NEW key:abc"), "a=crypto:x xxx xxxxxxx");
    }

    #[test]
    fn digits_and_passwords() {
        assert_eq!(
            struck(
                "INFO x SIP/2.0\r\nContent-Type: application/dtmf-relay\r\n\r\nSignal=5\r\nDuration=160\r\n"
            ),
            "INFO x SIP/2.0\r\nContent-Type: application/dtmf-relay\r\n\r\nSignal=x\r\nDuration=160\r\n"
        );
        assert_eq!(
            struck("INFO x SIP/2.0\r\nc: application/dtmf\r\n\r\n7"),
            "INFO x SIP/2.0\r\nc: application/dtmf\r\n\r\nx"
        );
        assert_eq!(
            struck("Contact: <sips:u:geheim@h:5061>, <sip:u@h:5060>"),
            "Contact: <sips:u:xxxxxx@h:5061>, <sip:u@h:5060>"
        );
    }

    #[test]
    fn an_ordinary_message_stays_as_it_is() {
        let text = "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9\r\nWWW-Authenticate: Digest realm=\"a\", nonce=\"b\"\r\nk: 100rel\r\n\
                    Contact: \"k=v\" <sip:a@[2001:db8::1]:5060;transport=udp>\r\nContent-Type: application/sdp\r\n\r\n\
                    v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n";
        assert_eq!(struck(text), text);
    }

    /// Whatever stands around it, the secret is gone and the length is kept.
    #[test]
    fn noise_around_a_secret_does_not_save_it() {
        let mut seed = 7_u64;
        let mut draw = |n: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) % n
        };
        let noise = [
            "\r\n", "\n", "\r", " ", ",", ";", "\"", "=", "a: b", "\t", ":",
        ];
        for _ in 0..20_000 {
            let mut text = String::from("X: y");
            for _ in 0..draw(6) {
                text.push_str(noise[draw(11) as usize]);
            }
            text.push_str("\r\nAuthorization: Digest ");
            for _ in 0..draw(4) {
                text.push_str(
                    ["realm=\"r\", ", "nc=1,", "qop=auth , ", "opaque=\"o\","][draw(4) as usize],
                );
            }
            text.push_str("response=\"S3CRET\"");
            for _ in 0..draw(4) {
                text.push_str(noise[draw(11) as usize]);
            }
            assert!(!struck(&text).contains("S3CRET"), "{text:?}");
        }
    }
}
