//! The SIP endpoint between a PBX that says anything and a switch that takes, refuses and ends calls.
//!
//! The input is a script of pieces between zero octets. The first octet of a piece decides:
//!
//! | octet | what happens |
//! |---|---|
//! | 0–15 | time passes, then the rest arrives as it is |
//! | 16–23 | the PBX answers our newest request: status from the next octet, the rest is the body |
//! | 24–27 | the PBX sends a request inside the dialog of our newest request: method by the next octet, the rest is its body |
//! | 28–31 | the switch acts on a call: hold, progress, bye or cancel |
//! | others | the piece arrives as it is |
//!
//! Afterwards the switch ends every call and time runs out: no dialog may be left.
#![no_main]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use causeway_sip::endpoint::{
    AnswerOffer, CallId, Endpoint, EndpointConfig, Event, Identity, Invite, Reliable, Transport,
};
use causeway_sip::message::{self, HeaderName, Message, Request};
use libfuzzer_sys::fuzz_target;

const SDP: &[u8] = b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";
const STATUSES: [u16; 24] = [
    100, 180, 183, 199, 200, 202, 300, 302, 400, 401, 404, 407, 408, 415, 420, 481, 486, 487, 488,
    491, 500, 503, 603, 699,
];
const METHODS: [&str; 10] = [
    "BYE", "INVITE", "ACK", "UPDATE", "PRACK", "INFO", "OPTIONS", "CANCEL", "REFER", "NOTIFY",
];

fuzz_target!(|data: &[u8]| {
    let mut stage = Stage::new();
    for piece in data.split(|&octet| octet == 0) {
        stage.act(piece);
        stage.settle();
    }
    for call in stage.calls.clone() {
        stage.endpoint.bye(call, None, stage.now);
    }
    stage.settle();
    // With nobody answering, everything comes to its end by time alone.
    for _ in 0..100_000 {
        let Some(at) = stage.endpoint.poll_timeout() else {
            let counts = stage.endpoint.counts();
            assert_eq!(
                (
                    counts.dialogs,
                    counts.client_transactions,
                    counts.server_transactions
                ),
                (0, 0, 0),
                "left behind"
            );
            return;
        };
        stage.now = stage.now.max(at);
        stage.endpoint.handle_timeout(stage.now);
        stage.settle();
    }
    panic!("the endpoint never comes to rest");
});

struct Stage {
    endpoint: Endpoint,
    now: Instant,
    calls: Vec<CallId>,
    /// Our newest request, as the PBX received it.
    newest: Option<Request>,
    sequence: u32,
}

impl Stage {
    fn new() -> Self {
        let now = Instant::now();
        let local = local();
        let mut endpoint = Endpoint::new(EndpointConfig::new([7; 32], local, local), now);
        let invite = Invite {
            remote: pbx(),
            transport: Transport::Udp,
            request_uri: "sip:100@127.0.0.1:5070".to_owned(),
            from: Identity {
                display: None,
                uri: "sip:+4930@127.0.0.1".to_owned(),
            },
            to: "sip:100@127.0.0.1".to_owned(),
            headers: Vec::new(),
            sdp: Some(SDP.to_vec()),
            credentials: None,
            reliable: Reliable::Supported,
            session_timer: causeway_sip::SessionTimer::default(),
        };
        let calls = endpoint.invite(invite, now).into_iter().collect();
        let mut stage = Self {
            endpoint,
            now,
            calls,
            newest: None,
            sequence: 100,
        };
        stage.settle();
        stage
    }

    fn act(&mut self, piece: &[u8]) {
        match piece.split_first() {
            Some((&pause @ 0..=15, rest)) => {
                self.now += Duration::from_millis(u64::from(pause) * 300);
                while self
                    .endpoint
                    .poll_timeout()
                    .is_some_and(|at| at <= self.now)
                {
                    self.endpoint.handle_timeout(self.now);
                    self.settle();
                }
                self.arrives(rest);
            }
            Some((16..=23, rest)) => {
                if let Some(response) = self.response(rest) {
                    self.arrives(&response);
                }
            }
            Some((24..=27, rest)) => {
                if let Some(request) = self.request(rest) {
                    self.arrives(&request);
                }
            }
            Some((28..=31, rest)) => self.command(rest),
            _ => self.arrives(piece),
        }
    }

    fn arrives(&mut self, bytes: &[u8]) {
        self.endpoint
            .handle_message(Transport::Udp, local(), pbx(), bytes, self.now);
    }

    /// A response to our newest request, with a tag and a contact.
    fn response(&self, rest: &[u8]) -> Option<Vec<u8>> {
        let request = self.newest.as_ref()?;
        let (&choice, body) = rest.split_first()?;
        let status = STATUSES[usize::from(choice) % STATUSES.len()];
        let tag = choice / 64;
        let mut text = format!("SIP/2.0 {status} X\r\n").into_bytes();
        for header in request.headers.iter() {
            let copied = [
                HeaderName::Via,
                HeaderName::From,
                HeaderName::CallId,
                HeaderName::CSeq,
            ];
            if copied.contains(&header.name) {
                line(&mut text, header.name.as_str(), &header.value);
            } else if header.name == HeaderName::To {
                let tagged = [&header.value[..], format!(";tag=peer{tag}").as_bytes()].concat();
                let known = header.value.windows(5).any(|w| w == b";tag=");
                line(&mut text, "To", if known { &header.value } else { &tagged });
            }
        }
        line(&mut text, "Contact", b"<sip:100@127.0.0.1:5070>");
        if choice & 32 != 0 {
            line(&mut text, "Require", b"100rel");
            line(&mut text, "RSeq", choice.to_string().as_bytes());
        }
        Some(with_body(text, body))
    }

    /// A request of the PBX in the dialog of our newest request.
    fn request(&mut self, rest: &[u8]) -> Option<Vec<u8>> {
        let ours = self.newest.as_ref()?;
        let (&choice, body) = rest.split_first()?;
        let method = METHODS[usize::from(choice) % METHODS.len()];
        self.sequence += 1;
        let mut text = format!("{method} sip:causeway@127.0.0.1:5060 SIP/2.0\r\n").into_bytes();
        line(
            &mut text,
            "Via",
            format!("SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK{}", self.sequence).as_bytes(),
        );
        line(&mut text, "Max-Forwards", b"70");
        let to = [
            ours.headers.get(&HeaderName::To)?,
            format!(";tag=peer{}", choice / 64).as_bytes(),
        ]
        .concat();
        let known = ours
            .headers
            .get(&HeaderName::To)?
            .windows(5)
            .any(|w| w == b";tag=");
        line(
            &mut text,
            "From",
            if known {
                ours.headers.get(&HeaderName::To)?
            } else {
                &to
            },
        );
        line(&mut text, "To", ours.headers.get(&HeaderName::From)?);
        line(&mut text, "Call-ID", ours.headers.get(&HeaderName::CallId)?);
        line(
            &mut text,
            "CSeq",
            format!("{} {method}", self.sequence).as_bytes(),
        );
        line(&mut text, "Contact", b"<sip:100@127.0.0.1:5070>");
        Some(with_body(text, body))
    }

    fn command(&mut self, rest: &[u8]) {
        let [choice, which, ..] = *rest else { return };
        let Some(&call) = self.calls.get(usize::from(which) % self.calls.len().max(1)) else {
            return;
        };
        let now = self.now;
        match choice % 6 {
            0 => drop(self.endpoint.offer(call, SDP.to_vec(), now)),
            1 => self.endpoint.progress(call, 183, Some(SDP.to_vec()), now),
            2 => self.endpoint.accept(call, SDP.to_vec(), now),
            3 => self.endpoint.reject(call, 486, None, now),
            4 => self.endpoint.bye(call, None, now),
            _ => self.endpoint.cancel(call, None, now),
        }
    }

    /// Takes out everything there is and answers what must be answered.
    fn settle(&mut self) {
        for _ in 0..1_000 {
            while let Some(transmit) = self.endpoint.poll_transmit() {
                match message::read(&transmit.bytes) {
                    Ok(Message::Request(request)) => self.newest = Some(request),
                    Ok(Message::Response(_)) => {}
                    Err(error) => panic!("we wrote what we cannot read: {error:?}"),
                }
            }
            match self.endpoint.poll_event() {
                Some(event) => self.answer(&event),
                None => return,
            }
        }
        panic!("events without end");
    }

    fn answer(&mut self, event: &Event) {
        let now = self.now;
        match event {
            Event::Incoming {
                call, request_uri, ..
            } => {
                self.calls.push(*call);
                match request_uri.len() % 4 {
                    0 => self.endpoint.accept(*call, SDP.to_vec(), now),
                    1 => self.endpoint.reject(*call, 486, None, now),
                    2 => self.endpoint.progress(*call, 180, None, now),
                    // Left to the script.
                    _ => {}
                }
            }
            Event::Offer { call, sdp } => {
                let answer = match sdp.as_ref().map_or(0, Vec::len) % 3 {
                    0 => AnswerOffer::Accept { sdp: SDP.to_vec() },
                    1 => AnswerOffer::Reject {
                        status: 488,
                        warning: None,
                    },
                    _ => return,
                };
                self.endpoint.answer_offer(*call, answer, now);
            }
            _ => {}
        }
    }
}

fn local() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 5060))
}

fn pbx() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 5070))
}

fn line(text: &mut Vec<u8>, name: &str, value: &[u8]) {
    text.extend_from_slice(name.as_bytes());
    text.extend_from_slice(b": ");
    text.extend_from_slice(value);
    text.extend_from_slice(b"\r\n");
}

fn with_body(mut text: Vec<u8>, body: &[u8]) -> Vec<u8> {
    if !body.is_empty() {
        line(&mut text, "Content-Type", b"application/sdp");
    }
    line(
        &mut text,
        "Content-Length",
        body.len().to_string().as_bytes(),
    );
    text.extend_from_slice(b"\r\n");
    text.extend_from_slice(body);
    text
}
