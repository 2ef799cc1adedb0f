//! A registration and its registrars, message by message, in virtual time.

mod challenged;
mod kept;
mod refused;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use causeway_sip::credentials::Withheld;
use causeway_sip::registration::{
    Registration, RegistrationChange, RegistrationCommand, RegistrationConfig, RegistrationFault,
    RegistrationState,
};
use causeway_sip::{
    Credentials, Endpoint, EndpointConfig, Event, RequestId, Transport, TrunkHosts,
};
use md5::{Digest, Md5};
use sha2::Sha256;

use crate::net::roll;
use crate::script::{header, local};

pub const PASSWORD: &str = "geheim";

pub fn first() -> SocketAddr {
    "10.0.0.2:5060".parse().unwrap()
}

pub fn second() -> SocketAddr {
    "10.0.0.3:5060".parse().unwrap()
}

/// The box's side: what the gateway does with a registration, without sockets.
pub struct Office {
    pub endpoint: Endpoint,
    pub machine: Registration,
    pub now: Instant,
    open: Option<RequestId>,
    /// REGISTERs, each once: where to and what.
    pub sent: Vec<(SocketAddr, String)>,
    last: String,
    pub changes: Vec<RegistrationChange>,
    pub transport: Transport,
}

impl Office {
    pub fn new() -> Self {
        Self::with([7; 32], Transport::Udp, &[first()])
    }

    pub fn with(seed: [u8; 32], transport: Transport, registrars: &[SocketAddr]) -> Self {
        let now = Instant::now();
        let config = RegistrationConfig {
            registrars: registrars.to_vec(),
            transport,
            request_uri: "sip:carrier.example".to_owned(),
            account: "sip:4930@carrier.example".to_owned(),
            contact_user: "4930".to_owned(),
            expires_s: 300,
            credentials: Some(Credentials {
                username: "box".to_owned(),
                password: PASSWORD.to_owned(),
                realm: None,
                hosts: TrunkHosts {
                    own: registrars.to_vec(),
                    others: Vec::new(),
                    secure: transport.is_secure(),
                },
            }),
            seed,
        };
        let mut office = Self {
            endpoint: Endpoint::new(EndpointConfig::new([5; 32], local(), local()), now),
            machine: Registration::new(config, now),
            now,
            open: None,
            sent: Vec::new(),
            last: String::new(),
            changes: Vec::new(),
            transport,
        };
        office.machine.handle_timeout(now);
        office.drain();
        office
    }

    pub fn drain(&mut self) {
        loop {
            while let Some(command) = self.machine.poll_command() {
                if let Some(old) = self.open.take() {
                    self.endpoint.forget_request(old);
                }
                if let RegistrationCommand::Send(register) = command {
                    self.open = Some(self.endpoint.register(&register, self.now).unwrap());
                }
            }
            while let Some(transmit) = self.endpoint.poll_transmit() {
                assert_eq!(transmit.transport, self.transport);
                let text = String::from_utf8(transmit.bytes).unwrap();
                // Over UDP it is repeated until something answers.
                if self.last != text {
                    self.last.clone_from(&text);
                    self.sent.push((transmit.remote, text));
                }
            }
            self.changes
                .extend(std::iter::from_fn(|| self.machine.poll_change()));
            match self.endpoint.poll_event() {
                None => return,
                Some(Event::RegisterAnswered { request, answer }) => {
                    assert_eq!(self.open.take(), Some(request));
                    self.machine.handle_answer(&answer, self.now);
                }
                Some(Event::RequestFailed { request }) => {
                    assert_eq!(self.open.take(), Some(request));
                    self.machine.handle_failed(self.now);
                }
                Some(other) => panic!("{other:?}"),
            }
        }
    }

    /// Lets time pass, timer by timer.
    pub fn wait(&mut self, span: Duration) {
        let end = self.now + span;
        loop {
            let due = [self.endpoint.poll_timeout(), self.machine.poll_timeout()];
            let Some(at) = due.into_iter().flatten().min().filter(|at| *at <= end) else {
                break;
            };
            self.now = self.now.max(at);
            if self
                .endpoint
                .poll_timeout()
                .is_some_and(|at| at <= self.now)
            {
                self.endpoint.handle_timeout(self.now);
            }
            if self.machine.poll_timeout().is_some_and(|at| at <= self.now) {
                self.machine.handle_timeout(self.now);
            }
            self.drain();
        }
        self.now = end;
    }

    /// The only REGISTER since the last time.
    #[track_caller]
    pub fn only(&mut self) -> String {
        let mut sent = std::mem::take(&mut self.sent);
        assert_eq!(sent.len(), 1, "{sent:#?}");
        sent.remove(0).1
    }

    #[track_caller]
    pub fn silent(&self) {
        assert_eq!(self.sent, []);
    }

    /// Waits for the next REGISTER: how long, and what.
    #[track_caller]
    pub fn next(&mut self) -> (Duration, SocketAddr, String) {
        let begun = self.now;
        self.silent();
        for _ in 0..10_000 {
            let due = [self.endpoint.poll_timeout(), self.machine.poll_timeout()];
            let at = due
                .into_iter()
                .flatten()
                .min()
                .expect("it would never ask again");
            self.wait(at.saturating_duration_since(self.now));
            if let Some((to, text)) = self.sent.pop() {
                self.silent();
                return (self.now - begun, to, text);
            }
        }
        panic!("it does not ask again");
    }

    /// A registrar's answer.
    pub fn answer_from(&mut self, from: SocketAddr, request: &str, status: &str, headers: &str) {
        let text = format!(
            "SIP/2.0 {status}\r\nVia: {}\r\nFrom: {}\r\nTo: {};tag=r\r\nCall-ID: {}\r\nCSeq: {}\r\n{headers}Content-Length: 0\r\n\r\n",
            header(request, "Via"),
            header(request, "From"),
            header(request, "To"),
            header(request, "Call-ID"),
            header(request, "CSeq"),
        );
        let (transport, now) = (self.transport, self.now);
        self.endpoint
            .handle_message(transport, local(), from, text.as_bytes(), now);
        self.drain();
    }

    pub fn answer(&mut self, request: &str, status: &str, headers: &str) {
        self.answer_from(first(), request, status, headers);
    }

    /// The first REGISTER was granted `expires_s` without a challenge.
    pub fn registered(mut self, expires_s: u32) -> Self {
        let request = self.only();
        self.answer(&request, "200 OK", &contact(expires_s));
        assert_eq!(self.machine.view().state, RegistrationState::Registered);
        self.changes.clear();
        self
    }

    pub fn why(&self) -> Option<RegistrationFault> {
        self.machine.view().why.cloned()
    }
}

pub fn contact(expires_s: u32) -> String {
    format!("Contact: <sip:4930@10.0.0.1:5060>;expires={expires_s}\r\n")
}

pub const MD5: &str =
    "WWW-Authenticate: Digest realm=\"c\",nonce=\"n1\",qop=\"auth\",algorithm=MD5\r\n";

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn hash(algorithm: &str, text: &str) -> String {
    if algorithm.starts_with("SHA-256") {
        hex(&Sha256::digest(text.as_bytes()))
    } else {
        hex(&Md5::digest(text.as_bytes()))
    }
}

/// What stands in an answer to a challenge.
pub fn part(answer: &str, name: &str) -> String {
    let text = answer.strip_prefix("Digest ").unwrap();
    let found = text
        .split(',')
        .find_map(|p| p.strip_prefix(&format!("{name}=")));
    found.unwrap_or_default().trim_matches('"').to_owned()
}

/// Whether an answer is the one of our password, computed as RFC 7616 §3.4 writes it.
#[track_caller]
pub fn assert_right(answer: &str) {
    let (algorithm, nonce) = (part(answer, "algorithm"), part(answer, "nonce"));
    let h = |text: String| hash(&algorithm, &text);
    let mut a1 = h(format!("box:{}:{PASSWORD}", part(answer, "realm")));
    if algorithm.ends_with("-sess") {
        a1 = h(format!("{a1}:{nonce}:{}", part(answer, "cnonce")));
    }
    let a2 = h(format!("REGISTER:{}", part(answer, "uri")));
    let expected = if part(answer, "qop").is_empty() {
        h(format!("{a1}:{nonce}:{a2}"))
    } else {
        let (nc, cnonce) = (part(answer, "nc"), part(answer, "cnonce"));
        h(format!("{a1}:{nonce}:{nc}:{cnonce}:auth:{a2}"))
    };
    assert_eq!(part(answer, "response"), expected, "{answer}");
}
