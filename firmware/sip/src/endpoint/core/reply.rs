//! Responses: what is echoed from the request, and what is ours.

use std::net::SocketAddr;

use crate::message::{HeaderName, Headers, NameAddr, Response, Via, check, reason_phrase};

/// A response to be: what is not echoed from the request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// Instead of the usual phrase.
    pub(crate) phrase: Option<String>,
    /// Added to To when the request had none.
    pub(crate) to_tag: Option<Vec<u8>>,
    pub(crate) headers: Headers,
    pub(crate) sdp: Option<Vec<u8>>,
}

impl Reply {
    pub(crate) fn new(status: u16) -> Self {
        Self {
            status,
            ..Self::default()
        }
    }

    pub(crate) fn tag(mut self, tag: &[u8]) -> Self {
        self.to_tag = Some(tag.to_vec());
        self
    }

    pub(crate) fn header(mut self, name: HeaderName, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push(name, value);
        self
    }

    pub(crate) fn phrase(mut self, phrase: impl Into<String>) -> Self {
        self.phrase = Some(phrase.into());
        self
    }

    pub(crate) fn sdp(mut self, sdp: Option<Vec<u8>>) -> Self {
        self.sdp = sdp;
        self
    }

    pub(super) fn build(self, echo: &Headers, user_agent: &str) -> Response {
        let mut headers = Headers::new();
        for header in echo.iter() {
            let mut value = header.value.clone();
            if header.name == HeaderName::To
                && self.status > 100
                && let Some(tag) = &self.to_tag
                && NameAddr::read(&value).is_ok_and(|to| to.tag().is_none())
            {
                value.extend_from_slice(b";tag=");
                value.extend_from_slice(tag);
            }
            headers.push(header.name.clone(), value);
        }
        for header in self.headers.iter() {
            headers.push(header.name.clone(), header.value.clone());
        }
        headers.push(HeaderName::Server, user_agent);
        if self.sdp.is_some() {
            headers.push(HeaderName::ContentType, "application/sdp");
        }
        let reason = match self.phrase {
            Some(phrase) => phrase.into_bytes(),
            None => reason_phrase(self.status).as_bytes().to_vec(),
        };
        Response {
            status: self.status,
            reason,
            headers,
            body: self.sdp.unwrap_or_default(),
        }
    }
}

/// A response without a body in as few octets as there are for it: no phrase (§25.1 allows none), only the headers that
/// must be there (§8.2.6.2), their short names (§7.3.3).
pub(super) fn shortest(response: &Response) -> Vec<u8> {
    let mut bytes = format!("SIP/2.0 {} \r\n", response.status).into_bytes();
    for (name, short) in [
        (HeaderName::Via, "v"),
        (HeaderName::From, "f"),
        (HeaderName::To, "t"),
        (HeaderName::CallId, "i"),
        (HeaderName::CSeq, "CSeq"),
    ] {
        for value in response.headers.all(&name) {
            bytes.extend_from_slice(short.as_bytes());
            bytes.push(b':');
            bytes.extend_from_slice(value);
            bytes.extend_from_slice(b"\r\n");
        }
    }
    bytes.extend_from_slice(b"l:0\r\n\r\n");
    bytes
}

/// The headers every response takes from its request (§8.2.6.2), the top Via completed (§18.2.1, RFC 3581 §4).
/// Of headers that may come once and came twice the first counts.
pub(super) fn echo(headers: &Headers, via: Option<&Via>, remote: SocketAddr) -> Headers {
    let mut echo = Headers::new();
    let rest = check::top_via(headers).and_then(|(_, rest)| rest);
    for (at, line) in headers.all(&HeaderName::Via).enumerate() {
        match (at, via) {
            (0, Some(via)) => {
                let mut via = via.clone();
                let asks_for_port = via.params.has("rport");
                if asks_for_port || via.host.ip() != Some(remote.ip().to_canonical()) {
                    let ip = remote.ip().to_canonical().to_string();
                    via.params.set("received", Some(ip));
                }
                if asks_for_port {
                    via.params.set("rport", Some(remote.port().to_string()));
                }
                let mut value = Vec::new();
                via.write(&mut value);
                echo.push(HeaderName::Via, value);
                if let Some(rest) = rest {
                    echo.push(HeaderName::Via, rest);
                }
            }
            _ => echo.push(HeaderName::Via, line),
        }
    }
    for name in [
        HeaderName::From,
        HeaderName::To,
        HeaderName::CallId,
        HeaderName::CSeq,
        HeaderName::Timestamp,
    ] {
        if let Some(value) = headers.get(&name) {
            echo.push(name, value);
        }
    }
    echo
}
