//! One of our endpoints and a peer that keeps no rule: it answers requests with anything, or not, or twice, sends
//! requests inside and outside of dialogs with wrong tags, numbers and bodies, and breaks its own messages.
//!
//! Whatever it does, every call of ours closes once and nothing is left when time has run out.

mod words;

use std::time::{Duration, Instant};

use causeway_sip::message::Headers;
use causeway_sip::message::stream::{Frame, StreamReader};
use causeway_sip::message::{self, HeaderName, Message, Request};
use causeway_sip::{
    AnswerOffer, CallId, Credentials, Endpoint, Event, Identity, Info, Invite, ReferId, Reliable,
    Transport, TrunkHosts,
};

use self::words::{CONTACTS, METHODS, STATUSES};
use crate::Outcome;
use crate::dice::Dice;
use crate::ladder::Ladder;
use crate::link::{End, pieces};
use crate::model::{Model, name};
use crate::pair::{address, endpoint, session_timer};

const MAX_STEPS: u32 = 200_000;
/// Our endpoint must not be talked into sending without end.
const MAX_MESSAGES: u64 = 20_000;
const ALL_OVER: Duration = Duration::from_secs(100_000);

struct World<'l> {
    dice: Dice,
    start: Instant,
    now: Instant,
    endpoint: Endpoint,
    model: Model,
    ladder: Option<&'l mut Ladder>,
    /// Requests of ours that the peer has seen, newest last.
    requests: Vec<Request>,
    /// Calls of its own: Call-ID, From tag and our To tag once known.
    own: Vec<Own>,
    transport: Transport,
    steps: u32,
    messages: u64,
    branch: u64,
    /// What has come over TCP and is no whole message yet.
    stream: StreamReader,
    /// The number of our last reliable response that the peer saw, and the number of its INVITE.
    reliable: (u32, u32),
    /// The number of the peer's last reliable response.
    rseq: u32,
    /// The body it sent last.
    last_body: String,
    refers: Vec<(CallId, ReferId)>,
}

#[derive(Debug, Clone)]
struct Own {
    call_id: String,
    our_tag: String,
    cseq: u32,
}

/// Runs one seed.
pub fn run(seed: u64, ladder: Option<&mut Ladder>) -> Outcome {
    let mut dice = Dice::new(seed);
    let now = Instant::now();
    let mut world = World {
        endpoint: endpoint(seed, End::A, &mut dice, now),
        transport: dice.pick(&[Transport::Udp, Transport::Udp, Transport::Tcp]),
        dice,
        start: now,
        now,
        model: Model::default(),
        ladder,
        requests: Vec::new(),
        own: Vec::new(),
        steps: 0,
        messages: 0,
        branch: 0,
        stream: StreamReader::new(),
        reliable: (7, 1),
        rseq: 7,
        last_body: String::new(),
        refers: Vec::new(),
    };
    for _ in 0..60 {
        world.act();
        let pause = world.dice.pick(&[0, 1, 20, 200, 900, 4_000]);
        world.pass(Duration::from_millis(pause));
    }
    // The peer is gone.
    world.hang_up();
    world.pass(Duration::from_secs(60));
    world.hang_up();
    world.pass(ALL_OVER);
    world.finish()
}

impl World<'_> {
    fn act(&mut self) {
        match self.dice.below(10) {
            0 => self.place(),
            1..5 => self.answer_a_request(),
            5..8 => self.send_a_request(),
            8 => {
                if let Some(call) = self.some_call() {
                    self.command(call);
                }
            }
            _ if self.transport == Transport::Tcp && self.dice.percent(20) => {
                self.break_off();
            }
            _ => {}
        }
        self.drain();
    }

    fn break_off(&mut self) {
        self.stream = StreamReader::new();
        let now = self.now;
        self.endpoint
            .handle_transport_failed(Transport::Tcp, address(End::B), now);
    }

    fn some_call(&mut self) -> Option<CallId> {
        let open = self.model.open(End::A);
        (!open.is_empty()).then(|| self.dice.pick(&open))
    }

    fn place(&mut self) {
        let peer = address(End::B);
        let invite = Invite {
            remote: peer,
            transport: self.transport,
            request_uri: format!("sip:100@{peer}"),
            from: Identity {
                display: None,
                uri: "sip:+4930@box.example".to_owned(),
            },
            to: format!("sip:100@{peer}"),
            headers: Vec::new(),
            sdp: (!self.dice.percent(20)).then(|| self.model.offer().1),
            credentials: self.dice.percent(50).then(|| Credentials {
                username: "box".to_owned(),
                password: "secret".to_owned(),
                realm: None,
                hosts: TrunkHosts::one(peer, self.transport),
            }),
            reliable: self
                .dice
                .pick(&[Reliable::Off, Reliable::Supported, Reliable::Required]),
            session_timer: session_timer(&mut self.dice),
        };
        match self.endpoint.invite(invite, self.now) {
            Ok(call) => self.model.placed(End::A, call, None),
            Err(fault) => self.model.find(format!("cannot place: {fault}")),
        }
    }

    fn command(&mut self, call: CallId) {
        let now = self.now;
        let sdp = self.model.offer().1;
        match self.dice.below(13) {
            8 => drop(self.endpoint.update(call, sdp, now)),
            9 => drop(self.endpoint.ask_offer(call, now)),
            10 => drop(self.endpoint.info(call, Info::PictureFastUpdate, now)),
            11 => {
                if let Ok(refer) = self.endpoint.refer(call, "tel:+4930", None, now) {
                    self.model.referred(End::A, refer);
                }
            }
            12 if !self.refers.is_empty() => {
                let (call, refer) = self.dice.pick(&self.refers);
                match self.dice.below(3) {
                    0 => self.endpoint.accept_refer(call, refer, now),
                    1 => self.endpoint.reject_refer(call, refer, 603, now),
                    _ => {
                        let status = self.dice.pick(&[100, 180, 200, 486]);
                        self.endpoint.notify_refer(call, refer, status, now);
                    }
                }
            }
            0 => self.endpoint.cancel(call, None, now),
            1 => self.endpoint.bye(call, None, now),
            2 => self.endpoint.reject(call, 486, None, now),
            3 => self.endpoint.progress(call, 183, Some(sdp), now),
            4 | 5 => self.endpoint.accept(call, sdp, now),
            6 => drop(self.endpoint.offer(call, sdp, now)),
            _ => self
                .endpoint
                .answer_offer(call, AnswerOffer::Accept { sdp }, now),
        }
    }

    /// Any status to any request that came so far.
    fn answer_a_request(&mut self) {
        if self.requests.is_empty() {
            return;
        }
        let newest = self.requests.len() - 1;
        let back = self.dice.pick(&[0, 0, 0, 1, 2]);
        let request = self.requests[newest.saturating_sub(back)].clone();
        let status = self.dice.pick(&STATUSES);
        let tag = self.dice.pick(&["one", "one", "one", "two", "three", ""]);
        self.rseq += u32::from(self.dice.percent(60));
        let reliable = format!("Require: 100rel\r\nRSeq: {}", self.rseq);
        let contact = self.dice.pick(&CONTACTS);
        let mut text = format!("SIP/2.0 {status}\r\n");
        for (name, key) in [
            ("Via", HeaderName::Via),
            ("From", HeaderName::From),
            ("To", HeaderName::To),
            ("Call-ID", HeaderName::CallId),
            ("CSeq", HeaderName::CSeq),
        ] {
            let value = lossy(&request.headers, &key);
            let tagged = key == HeaderName::To && !value.contains(";tag=") && !tag.is_empty();
            let tag = if tagged {
                format!(";tag={tag}")
            } else {
                String::new()
            };
            text.push_str(&format!("{name}: {value}{tag}\r\n"));
        }
        for (chance, header) in [
            (85, contact),
            (25, reliable.as_str()),
            (10, "RSeq: 8"),
            (20, "Session-Expires: 90;refresher=uas\r\nRequire: timer"),
            (20, "Session-Expires: 90;refresher=uac"),
            (10, "Session-Expires: 1"),
            (10, "Min-SE: 300"),
            (10, "Min-SE: 4000000000"),
            (15, "Record-Route: <sip:proxy.example;lr>"),
            (
                5,
                "Record-Route: sip:bare;lr, <sip:p x>, <sip:strict|{router}>",
            ),
            (10, "Retry-After: 1"),
            (10, "Contact: *"),
            (
                30,
                "WWW-Authenticate: Digest realm=\"pbx\", nonce=\"n1\", algorithm=MD5, qop=\"auth\"",
            ),
            (
                30,
                "Proxy-Authenticate: Digest realm=\"pbx\", nonce=\"n2\", stale=true, algorithm=SHA-256",
            ),
            (10, "Allow: INVITE, ACK, BYE, UPDATE"),
        ] {
            if self.dice.percent(chance) {
                text.push_str(header);
                text.push_str("\r\n");
            }
        }
        self.finish_message(text);
    }

    /// Any request, in one of our dialogs, in one of its own, or in none.
    fn send_a_request(&mut self) {
        let method = self.dice.pick(&METHODS);
        self.branch += u64::from(!self.dice.percent(10));
        let (from, to, call_id, cseq) = match self.dice.below(3) {
            0 if !self.requests.is_empty() => {
                let request = self.dice.pick(&self.requests);
                let tag = self.dice.pick(&[";tag=one", ";tag=one", ";tag=two", ""]);
                let to = lossy(&request.headers, &HeaderName::To);
                let from = if to.contains(";tag=") {
                    to
                } else {
                    format!("{to}{tag}")
                };
                (
                    from,
                    lossy(&request.headers, &HeaderName::From),
                    lossy(&request.headers, &HeaderName::CallId),
                    u32::try_from(self.dice.below(40)).unwrap_or(0),
                )
            }
            1 if !self.own.is_empty() => {
                let at = usize::try_from(self.dice.below(self.own.len() as u64)).unwrap_or(0);
                let step = self.dice.pick(&[0, 1, 1, 1, 2]);
                let own = &mut self.own[at];
                own.cseq += step;
                let tag = match own.our_tag.as_str() {
                    "" => String::new(),
                    tag => format!(";tag={tag}"),
                };
                (
                    "<sip:100@10.0.0.2>;tag=peer".to_owned(),
                    format!("<sip:box@10.0.0.1>{tag}"),
                    own.call_id.clone(),
                    own.cseq,
                )
            }
            _ => {
                let call_id = format!("rude{}", self.own.len());
                if method == "INVITE" {
                    self.own.push(Own {
                        call_id: call_id.clone(),
                        our_tag: String::new(),
                        cseq: 1,
                    });
                }
                (
                    "<sip:100@10.0.0.2>;tag=peer".to_owned(),
                    "<sip:box@10.0.0.1>".to_owned(),
                    call_id,
                    1,
                )
            }
        };
        // A dialog of ours, as the peer could know it; or none.
        let replaces = match self.own.last() {
            Some(own) => format!(
                "Replaces: {};to-tag={};from-tag=peer",
                own.call_id, own.our_tag
            ),
            None => "Replaces: rude0;to-tag=x;from-tag=y".to_owned(),
        };
        let mut text = format!(
            "{method} sip:causeway@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bK{}\r\n\
             Max-Forwards: 70\r\nFrom: {from}\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n",
            self.branch
        );
        let rack = format!("RAck: {} {} INVITE", self.reliable.0, self.reliable.1);
        let often = |of: &str| if method == of { 80 } else { 5 };
        let contact = self.dice.pick(&CONTACTS);
        for (chance, header) in [
            (90, contact),
            (20, "Supported: timer, 100rel"),
            (10, "Require: 100rel"),
            (10, "Require: foo"),
            (20, "Session-Expires: 90;refresher=uac"),
            (10, "Session-Expires: 20"),
            (often("PRACK"), rack.as_str()),
            (often("REFER"), "Refer-To: <tel:+4930>"),
            (
                2,
                "Refer-To: <sip:3@10.0.0.3?Replaces=rude1%3Bto-tag%3Dx%3Bfrom-tag%3Dy>",
            ),
            (5, "Refer-Sub: false"),
            (10, replaces.as_str()),
            (often("NOTIFY"), "Event: refer"),
            (often("NOTIFY"), "Subscription-State: active;expires=60"),
            (10, "Subscription-State: terminated"),
            (5, "Record-Route: <sip:p?x=y;lr>, sip:bare"),
            (30, "Allow: INVITE, ACK, BYE, UPDATE, PRACK, REFER, NOTIFY"),
            (5, "Max-Forwards: 0"),
            (5, "Expires: 3"),
        ] {
            if self.dice.percent(chance) {
                text.push_str(header);
                text.push_str("\r\n");
            }
        }
        self.finish_message(text);
    }

    fn finish_message(&mut self, mut text: String) {
        let body = match self.dice.below(8) {
            0..3 => String::from_utf8_lossy(&self.model.offer().1).into_owned(),
            3 => "Signal=5\r\nDuration=160\r\n".to_owned(),
            // The same again refreshes.
            4 => self.last_body.clone(),
            5 => "SIP/2.0 180 Ringing\r\n".to_owned(),
            _ => String::new(),
        };
        if body.starts_with("v=") {
            self.last_body.clone_from(&body);
        }
        if body.starts_with("v=") {
            text.push_str("Content-Type: application/sdp\r\n");
        } else if body.starts_with("SIP/2.0") {
            text.push_str("Content-Type: message/sipfrag\r\n");
        } else if !body.is_empty() {
            text.push_str("Content-Type: application/dtmf-relay\r\n");
        }
        text.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
        let mut bytes = text.into_bytes();
        if self.dice.percent(5) {
            let at = usize::try_from(self.dice.below(bytes.len() as u64)).unwrap_or(0);
            match self.dice.below(3) {
                0 => bytes.truncate(at),
                1 => bytes[at] = u8::try_from(self.dice.below(256)).unwrap_or(0),
                _ => drop(bytes.drain(..at)),
            }
        }
        for _ in 0..self.dice.pick(&[1, 1, 1, 1, 2, 3]) {
            let at = self.now - self.start;
            if let Some(ladder) = &mut self.ladder {
                ladder.sent(at, End::B, &bytes, 1);
            }
            if self.transport == Transport::Tcp {
                self.arrives(&bytes);
            } else {
                self.message(&bytes);
            }
        }
    }

    fn message(&mut self, bytes: &[u8]) {
        let (local, remote) = (address(End::A), address(End::B));
        self.endpoint
            .handle_message(self.transport, local, remote, bytes, self.now);
        self.drain();
    }

    /// Octets of a stream, in pieces; what it loses its framing by is refused, and ends it.
    fn arrives(&mut self, bytes: &[u8]) {
        for piece in pieces(bytes, &mut self.dice) {
            self.stream.push(&piece);
            loop {
                match self.stream.next_frame() {
                    Ok(Some(Frame::Message(message))) => self.message(&message),
                    Ok(Some(Frame::Ping | Frame::Pong)) => {}
                    Ok(None) => break,
                    Err(fault) => {
                        if let Some(head) = fault.head {
                            self.message(&head);
                        }
                        self.break_off();
                        self.drain();
                        return;
                    }
                }
            }
        }
    }

    fn drain(&mut self) {
        let at = self.now - self.start;
        for _ in 0..1_000 {
            let mut quiet = true;
            while let Some(transmit) = self.endpoint.poll_transmit() {
                quiet = false;
                self.messages += 1;
                if let Some(ladder) = &mut self.ladder {
                    ladder.sent(at, End::A, &transmit.bytes, 1);
                }
                self.heard(&transmit.bytes);
            }
            while let Some(event) = self.endpoint.poll_event() {
                quiet = false;
                if let Some(ladder) = &mut self.ladder {
                    ladder.note(at, End::A, &name(&event));
                }
                self.model.rude_event(&event);
                if let Event::Incoming { call, .. } = event
                    && self.dice.percent(40)
                {
                    self.endpoint.prefer_reliable(call, self.now);
                }
                if let Event::Referred { call, refer, .. } = event {
                    self.refers.push((call, refer));
                }
                if let Event::Incoming { call, .. } = event
                    && self.dice.percent(60)
                {
                    let (sdp, now) = (self.model.offer().1, self.now);
                    self.endpoint.accept(call, sdp, now);
                }
            }
            if quiet {
                return;
            }
        }
        self.model
            .find("the endpoint never stops talking".to_owned());
    }

    /// The peer remembers what it saw.
    fn heard(&mut self, bytes: &[u8]) {
        match message::read(bytes) {
            Ok(Message::Request(request)) => {
                if let Err(defect) = message::check::request(&request) {
                    let line = String::from_utf8_lossy(bytes);
                    let line = line.lines().next().unwrap_or_default();
                    self.model.find(format!("we wrote {line}: {defect}"));
                }
                if self.requests.len() > 30 {
                    self.requests.remove(0);
                }
                self.requests.push(request);
            }
            Ok(Message::Response(response)) => {
                // What refuses a broken request repeats what was broken.
                let repeats = matches!(response.status, 400 | 505 | 513);
                if let Err(defect) = message::check::response(&response)
                    && !repeats
                {
                    self.model
                        .find(format!("we wrote {}: {defect}", response.status));
                }
                let number = |name| {
                    let value = lossy(&response.headers, name);
                    value.split(' ').next().and_then(|n| n.parse().ok())
                };
                if let (Some(rseq), Some(cseq)) =
                    (number(&HeaderName::RSeq), number(&HeaderName::CSeq))
                {
                    self.reliable = (rseq, cseq);
                }
                let call_id = lossy(&response.headers, &HeaderName::CallId);
                let to = lossy(&response.headers, &HeaderName::To);
                if let Some((_, tag)) = to.split_once(";tag=")
                    && let Some(own) = self.own.iter_mut().find(|own| own.call_id == call_id)
                    && own.our_tag.is_empty()
                {
                    own.our_tag = tag.to_owned();
                }
            }
            Err(fault) => self
                .model
                .find(format!("we wrote what we cannot read: {fault:?}")),
        }
    }

    fn pass(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(at) = self.endpoint.poll_timeout().filter(|at| *at <= end) {
            self.steps += 1;
            if self.steps > MAX_STEPS {
                self.model.find("it never comes to rest".to_owned());
                break;
            }
            self.now = self.now.max(at);
            self.endpoint.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    fn hang_up(&mut self) {
        for call in self.model.open(End::A) {
            self.endpoint.bye(call, None, self.now);
        }
        self.drain();
    }

    fn finish(mut self) -> Outcome {
        for call in self.model.open(End::A) {
            self.model.find(format!("{call} never closed"));
        }
        let counts = self.endpoint.counts();
        let left = (
            counts.dialogs,
            counts.client_transactions,
            counts.server_transactions,
        );
        if left != (0, 0, 0) || self.endpoint.poll_timeout().is_some() {
            self.model
                .find(format!("left behind (dialogs, client, server): {left:?}"));
        }
        if self.messages > MAX_MESSAGES {
            self.model.find(format!("{} messages sent", self.messages));
        }
        Outcome {
            calls: self.model.seen.len() as u64,
            answered: self.model.seen.values().filter(|s| s.answered).count() as u64,
            messages: self.messages,
            findings: self.model.findings,
        }
    }
}

fn lossy(headers: &Headers, name: &HeaderName) -> String {
    let value = headers.get(name).unwrap_or_default();
    String::from_utf8_lossy(value).into_owned()
}
