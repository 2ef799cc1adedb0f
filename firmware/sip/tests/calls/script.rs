//! One endpoint against a peer whose messages are written out by hand.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use causeway_sip::{
    CallId, Credentials, Endpoint, EndpointConfig, Event, Identity, Invite, Reliable, Transmit,
    Transport,
};

pub struct Script {
    pub endpoint: Endpoint,
    pub now: Instant,
    pub peer: SocketAddr,
}

pub fn local() -> SocketAddr {
    "10.0.0.1:5060".parse().unwrap()
}

impl Script {
    pub fn new() -> Self {
        Self::with(EndpointConfig::new([5; 32], local(), local()))
    }

    pub fn with(config: EndpointConfig) -> Self {
        let now = Instant::now();
        Self {
            endpoint: Endpoint::new(config, now),
            now,
            peer: "10.0.0.2:5060".parse().unwrap(),
        }
    }

    pub fn receive(&mut self, text: &str) {
        let (peer, now) = (self.peer, self.now);
        self.endpoint
            .handle_message(Transport::Udp, local(), peer, text.as_bytes(), now);
    }

    /// What the endpoint has sent since the last time.
    pub fn sent(&mut self) -> Vec<String> {
        self.transmits()
            .into_iter()
            .map(|transmit| String::from_utf8(transmit.bytes).unwrap())
            .collect()
    }

    pub fn transmits(&mut self) -> Vec<Transmit> {
        std::iter::from_fn(|| self.endpoint.poll_transmit()).collect()
    }

    /// The only message sent since the last time.
    #[track_caller]
    pub fn only(&mut self) -> String {
        let mut sent = self.sent();
        assert_eq!(sent.len(), 1, "{sent:#?}");
        sent.remove(0)
    }

    pub fn event(&mut self) -> Option<Event> {
        self.endpoint.poll_event()
    }

    pub fn wait(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(at) = self.endpoint.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.endpoint.handle_timeout(self.now);
        }
        self.now = end;
    }

    pub fn place(&mut self, credentials: Option<Credentials>) -> (CallId, String) {
        let invite = Invite {
            remote: self.peer,
            transport: Transport::Udp,
            request_uri: "sip:100@pbx.example".to_owned(),
            from: Identity {
                display: None,
                uri: "sip:+4930@box.example".to_owned(),
            },
            to: "sip:100@pbx.example".to_owned(),
            headers: Vec::new(),
            sdp: Some(b"v=0\r\noffer".to_vec()),
            credentials,
            reliable: Reliable::Supported,
            session_timer: causeway_sip::SessionTimer::default(),
        };
        let call = self.endpoint.invite(invite, self.now).unwrap();
        (call, self.only())
    }

    /// A call from the peer, answered and confirmed: its handle and our tag.
    pub fn established(&mut self) -> (CallId, String) {
        self.receive(&request("INVITE", 1, "", "", "v=0\r\noffer"));
        self.sent();
        let Some(Event::Incoming { call, .. }) = self.event() else {
            panic!("no call");
        };
        self.endpoint
            .accept(call, b"v=0\r\nanswer".to_vec(), self.now);
        let tag = tag(&self.only());
        self.receive(&request("ACK", 1, &tag, "", ""));
        assert!(matches!(self.event(), Some(Event::Confirmed { .. })));
        assert_eq!(self.sent(), Vec::<String>::new());
        (call, tag)
    }
}

/// A request of the peer, in the dialog when there is a tag of ours. Its branch is made of method and number.
pub fn request(method: &str, cseq: u32, to_tag: &str, headers: &str, body: &str) -> String {
    let to_tag = if to_tag.is_empty() {
        String::new()
    } else {
        format!(";tag={to_tag}")
    };
    let content = if body.starts_with("v=") {
        "Content-Type: application/sdp\r\n"
    } else {
        ""
    };
    format!(
        "{method} sip:causeway@10.0.0.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bK{method}{cseq};rport\r\n\
         From: <sip:100@pbx.example>;tag=peer\r\nTo: <sip:box@10.0.0.1>{to_tag}\r\nCall-ID: script\r\nCSeq: {cseq} {method}\r\n\
         Contact: <sip:100@10.0.0.2:5060>\r\nMax-Forwards: 70\r\n{headers}{content}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// The peer's response to a request of ours.
pub fn response(request: &str, status: &str, to_tag: &str, headers: &str, body: &str) -> String {
    let content = if body.is_empty() {
        ""
    } else {
        "Content-Type: application/sdp\r\n"
    };
    let mut to = header(request, "To");
    if !to.contains(";tag=") && !to_tag.is_empty() {
        to.push_str(&format!(";tag={to_tag}"));
    }
    format!(
        "SIP/2.0 {status}\r\nVia: {}\r\nFrom: {}\r\nTo: {to}\r\nCall-ID: {}\r\nCSeq: {}\r\n{headers}{content}Content-Length: {}\r\n\r\n{body}",
        header(request, "Via"),
        header(request, "From"),
        header(request, "Call-ID"),
        header(request, "CSeq"),
        body.len()
    )
}

/// The first value of a header, empty when it is missing.
pub fn header(text: &str, name: &str) -> String {
    text.lines()
        .find_map(|line| line.strip_prefix(&format!("{name}: ")))
        .unwrap_or_default()
        .to_owned()
}

pub fn tag(text: &str) -> String {
    header(text, "To").split_once(";tag=").unwrap().1.to_owned()
}

pub fn status(text: &str) -> &str {
    text.strip_prefix("SIP/2.0 ")
        .and_then(|rest| rest.get(..3))
        .unwrap_or(text)
}

/// First words of what was sent: methods and statuses.
pub fn starts(sent: &[String]) -> Vec<&str> {
    sent.iter()
        .map(|text| match text.strip_prefix("SIP/2.0 ") {
            Some(rest) => &rest[..3],
            None => text.split(' ').next().unwrap(),
        })
        .collect()
}
