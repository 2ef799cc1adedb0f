//! What every message must have, whatever it is for (RFC 3261 §8.1.1, §8.2), and the parts every layer needs.

use super::headers::Headers;
use super::method::Method;
use super::name::HeaderName;
use super::views::{CSeq, NameAddr, Via};
use super::{Request, Response, syntax};

/// The parts of a message that transactions and dialogs work with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Essentials {
    /// The topmost Via.
    pub via: Via,
    /// From.
    pub from: NameAddr,
    /// To.
    pub to: NameAddr,
    /// Call-ID.
    pub call_id: Vec<u8>,
    /// CSeq.
    pub cseq: CSeq,
}

impl Essentials {
    /// The tag of From, empty for a peer of RFC 2543.
    pub fn from_tag(&self) -> &[u8] {
        self.from.tag().unwrap_or_default()
    }
}

/// A message that is read but cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{header}: {what}")]
pub struct Defect {
    /// The header at fault.
    pub header: HeaderName,
    /// What is wrong with it.
    pub what: &'static str,
}

const MISSING: &str = "missing";
const TWICE: &str = "more than once";
const UNREADABLE: &str = "unreadable";

/// Checks a request.
///
/// # Errors
/// What makes it a 400.
pub fn request(request: &Request) -> Result<Essentials, Defect> {
    let essentials = essentials(&request.headers)?;
    let defect = |header, what| Err(Defect { header, what });
    if essentials.cseq.method != request.method {
        return defect(HeaderName::CSeq, "method differs from the request line");
    }
    for name in [HeaderName::MaxForwards, HeaderName::ContentType] {
        if request.headers.count(&name) > 1 {
            return defect(name, TWICE);
        }
    }
    if let Some(value) = request.headers.get(&HeaderName::MaxForwards)
        && syntax::number(value).is_none()
    {
        return defect(HeaderName::MaxForwards, UNREADABLE);
    }
    for name in [
        HeaderName::Contact,
        HeaderName::Route,
        HeaderName::RecordRoute,
    ] {
        let star = name == HeaderName::Contact && request.method == Method::Register;
        let broken = request.headers.elements(&name).any(|element| {
            let allowed_star = star && element == b"*";
            !allowed_star && NameAddr::read(element).is_err()
        });
        if broken {
            return defect(name, UNREADABLE);
        }
    }
    if request.method == Method::Invite
        && request.headers.elements(&HeaderName::Contact).count() > 1
    {
        return defect(HeaderName::Contact, TWICE);
    }
    Ok(essentials)
}

/// Checks a response.
///
/// # Errors
/// What makes it a discard.
pub fn response(response: &Response) -> Result<Essentials, Defect> {
    essentials(&response.headers)
}

/// `Max-Forwards`, when there is a number in it.
pub fn max_forwards(headers: &Headers) -> Option<u64> {
    headers
        .get(&HeaderName::MaxForwards)
        .and_then(syntax::number)
}

/// The topmost Via value as text, and the rest of its line behind the comma.
pub fn top_via(headers: &Headers) -> Option<(&[u8], Option<&[u8]>)> {
    let line = headers.get(&HeaderName::Via)?;
    let first = *syntax::split_list(line, b',').first()?;
    // Elements are trimmed slices of the line, so the comma is the first one at or behind the element's end.
    let behind = line.get(first.len()..)?;
    let rest = syntax::split_once(behind, b',').map(|(_, rest)| rest.trim_ascii());
    Some((first, rest))
}

fn essentials(headers: &Headers) -> Result<Essentials, Defect> {
    let single = |name: HeaderName| {
        let mut values = headers.all(&name);
        match (values.next(), values.next()) {
            (Some([]) | None, _) => Err((name.clone(), MISSING)),
            (Some(_), Some(_)) => Err((name.clone(), TWICE)),
            (Some(value), None) => Ok(value.to_vec()),
        }
        .map_err(|(header, what)| Defect { header, what })
    };
    let unreadable = |header| Defect {
        header,
        what: UNREADABLE,
    };
    let via = top_via(headers)
        .ok_or(Defect {
            header: HeaderName::Via,
            what: MISSING,
        })
        .and_then(|(top, _)| Via::read(top).map_err(|_| unreadable(HeaderName::Via)))?;
    Ok(Essentials {
        via,
        from: NameAddr::read(&single(HeaderName::From)?)
            .map_err(|_| unreadable(HeaderName::From))?,
        to: NameAddr::read(&single(HeaderName::To)?).map_err(|_| unreadable(HeaderName::To))?,
        call_id: single(HeaderName::CallId)?,
        cseq: CSeq::read(&single(HeaderName::CSeq)?).map_err(|_| unreadable(HeaderName::CSeq))?,
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Message, read};
    use super::*;

    const GOOD: &str = "INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:c@d>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: i\r\nCSeq: 1 INVITE\r\nContact: <sip:c@h>\r\nMax-Forwards: 70\r\n\r\n";

    fn checked(text: &str) -> Result<Essentials, Defect> {
        match read(text.as_bytes()) {
            Ok(Message::Request(read)) => request(&read),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_header_at_fault_is_named() {
        assert!(checked(GOOD).is_ok());
        for (from, to, header, what) in [
            ("Call-ID: i\r\n", "", HeaderName::CallId, MISSING),
            (
                "Call-ID: i\r\n",
                "Call-ID: i\r\ni: j\r\n",
                HeaderName::CallId,
                TWICE,
            ),
            (
                "CSeq: 1 INVITE",
                "CSeq: 1 OPTIONS",
                HeaderName::CSeq,
                "method differs from the request line",
            ),
            (
                "CSeq: 1 INVITE",
                "CSeq: 2147483648 INVITE",
                HeaderName::CSeq,
                UNREADABLE,
            ),
            (
                "Max-Forwards: 70",
                "Max-Forwards: x",
                HeaderName::MaxForwards,
                UNREADABLE,
            ),
            (
                "<sip:c@h>",
                "<sip:c@h>;;;;",
                HeaderName::Contact,
                UNREADABLE,
            ),
            ("<sip:c@h>", "*", HeaderName::Contact, UNREADABLE),
            (
                "<sip:c@h>",
                "<sip:c@h>, <sip:c@i>",
                HeaderName::Contact,
                TWICE,
            ),
            ("h;branch=z9hG4bK1", "h;;,;,,", HeaderName::Via, UNREADABLE),
        ] {
            let text = GOOD.replace(from, to);
            assert_eq!(checked(&text), Err(Defect { header, what }), "{text}");
        }
    }

    #[test]
    fn the_top_via_is_cut_from_its_line() {
        let mut headers = Headers::new();
        headers.push(
            HeaderName::Via,
            "SIP/2.0/UDP a;x=\"1,2\" , SIP/2.0/TCP b, SIP/2.0/TCP c",
        );
        assert_eq!(
            top_via(&headers),
            Some((
                &b"SIP/2.0/UDP a;x=\"1,2\""[..],
                Some(&b"SIP/2.0/TCP b, SIP/2.0/TCP c"[..])
            ))
        );
    }
}
