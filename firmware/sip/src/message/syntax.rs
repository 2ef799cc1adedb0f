//! The lexical rules shared by every header (RFC 3261 §25.1), over bytes: header values need not be UTF-8.

/// Whether `byte` may be in a token.
pub(crate) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&byte)
}

/// Whether `text` is a token.
pub(crate) fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|byte| is_token_byte(*byte))
}

/// Splits where `accept` first says no.
pub(crate) fn take_while(text: &[u8], accept: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    let end = text
        .iter()
        .position(|byte| !accept(*byte))
        .unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, &[]))
}

/// Splits at the first `byte`, which belongs to neither half.
pub(crate) fn split_once(text: &[u8], byte: u8) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|found| *found == byte)?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// Splits at the last `byte`.
pub(crate) fn rsplit_once(text: &[u8], byte: u8) -> Option<(&[u8], &[u8])> {
    let at = text.iter().rposition(|found| *found == byte)?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// Reads a quoted string at the start of `text`: what is between the quotes (escapes untouched), and the rest.
/// `None` when there is no opening or no closing quote.
pub(crate) fn quoted(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let inner = text.strip_prefix(b"\"")?;
    let mut escaped = false;
    for (at, byte) in inner.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some((inner.get(..at)?, inner.get(at + 1..)?)),
            _ => {}
        }
    }
    None
}

/// Takes the backslashes out of what [`quoted`] returned.
pub(crate) fn unescape(inner: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(inner.len());
    let mut escaped = false;
    for byte in inner {
        if !escaped && *byte == b'\\' {
            escaped = true;
        } else {
            escaped = false;
            out.push(*byte);
        }
    }
    out
}

/// The value of a parameter: a quoted string without its quotes, anything else as it is.
pub(crate) fn unquote(value: &[u8]) -> Vec<u8> {
    match quoted(value) {
        Some((inner, _)) => unescape(inner),
        None => value.to_vec(),
    }
}

/// Writes `text` as a quoted string. Control characters become spaces, so nothing can end the line early.
pub(crate) fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Splits at `separator` outside quoted strings and angle brackets; elements are trimmed, empty ones kept.
/// An unclosed quote runs to the end.
pub(crate) fn split_list(text: &[u8], separator: u8) -> Vec<&[u8]> {
    let mut elements = Vec::new();
    let (mut start, mut in_quotes, mut escaped, mut in_angle) = (0, false, false, false);
    for (at, byte) in text.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_quotes => escaped = true,
            b'"' if !in_angle => in_quotes = !in_quotes,
            b'<' if !in_quotes => in_angle = true,
            b'>' if !in_quotes => in_angle = false,
            byte if *byte == separator && !in_quotes && !in_angle => {
                elements.push(text.get(start..at).unwrap_or_default().trim_ascii());
                start = at + 1;
            }
            _ => {}
        }
    }
    elements.push(text.get(start..).unwrap_or_default().trim_ascii());
    elements
}

/// A decimal number of digits only, `None` when it is none or does not fit.
pub(crate) fn number(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0u64, |sum, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    })
}

/// Decodes `%41`; a `%` that is no escape stays.
pub(crate) fn percent_decode(text: &[u8]) -> Vec<u8> {
    let hex = |byte: u8| {
        (byte as char)
            .to_digit(16)
            .and_then(|d| u8::try_from(d).ok())
    };
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, tail)) = rest.split_first() {
        if *first == b'%'
            && let [high, low, after @ ..] = tail
            && let (Some(high), Some(low)) = (hex(*high), hex(*low))
        {
            out.push(high << 4 | low);
            rest = after;
        } else {
            out.push(*first);
            rest = tail;
        }
    }
    out
}

/// For people and for the rest of the box: bytes that are no UTF-8 become U+FFFD.
pub(crate) fn lossy(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comma_inside_quotes_or_brackets_separates_nothing() {
        let value = br#""Bell, A. \", B" <sip:a,b@c>;x=1, <sip:d@e>"#;
        assert_eq!(
            split_list(value, b','),
            [
                br#""Bell, A. \", B" <sip:a,b@c>;x=1"#.as_slice(),
                b"<sip:d@e>"
            ]
        );
    }

    #[test]
    fn numbers_neither_wrap_nor_take_signs() {
        assert_eq!(number(b"0009"), Some(9));
        for bad in [&b""[..], b"-9", b"+9", b"9 ", b"36893488147419103232"] {
            assert_eq!(number(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn escapes_decode_once_and_never_cut() {
        assert_eq!(percent_decode(b"%75se%72"), b"user");
        assert_eq!(percent_decode(b"a%00b%2"), b"a\0b%2");
        assert_eq!(percent_decode(b"%25%34%31"), b"%41");
    }

    #[test]
    fn quoting_cannot_end_the_line() {
        assert_eq!(quote("a\"b\\c\r\nVia: x"), r#""a\"b\\c  Via: x""#);
        assert_eq!(unquote(br#""a\"b""#), b"a\"b");
    }
}
