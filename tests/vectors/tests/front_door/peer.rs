//! The far side of the trunk: sends what it is given, and is polite about what comes back, so that calls end.
//!
//! A failure is acknowledged, an answered call is acknowledged and ended, a request of the box is answered 200.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use causeway_harness::BoxProcess;
use causeway_vectors::Outcome;
use tokio::time::Instant;

use crate::wire::{Next, Over, TRUNK, Wire, frames_itself};

/// How long an answer may take: far more than any does, on a machine that is busy as well.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a stream that lost its framing may take to be closed.
const BROKEN: Duration = Duration::from_millis(500);

pub struct Peer {
    pub wire: Wire,
    pub over: Over,
    /// Final statuses that came back, how often each.
    pub heard: BTreeMap<u16, u32>,
    /// Calls answered by the box that were acknowledged and ended.
    ended: BTreeSet<String>,
    /// The call that is held: it is not ended by itself.
    pub held: Option<String>,
    number: u32,
}

/// A response of the box.
#[derive(Debug, Clone)]
pub struct Response {
    pub status: u16,
    pub method: String,
    pub call_id: String,
    pub text: String,
}

impl Response {
    fn read(text: &str) -> Option<Self> {
        let status = text.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()?;
        let cseq = header(text, "CSeq");
        Some(Self {
            status,
            method: cseq
                .split_whitespace()
                .nth(1)
                .unwrap_or_default()
                .to_owned(),
            call_id: header(text, "Call-ID").to_owned(),
            text: text.to_owned(),
        })
    }
}

/// The first value of a header, as the box writes it.
pub fn header<'t>(text: &'t str, name: &str) -> &'t str {
    let head = text.split("\r\n\r\n").next().unwrap_or_default();
    head.split("\r\n")
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
        .unwrap_or_default()
}

impl Peer {
    pub async fn of(causeway: &BoxProcess, over: Over) -> Self {
        let plan = causeway.plan();
        let to = match over {
            Over::Udp | Over::Tcp => plan.sip,
            Over::Tls => plan.sip_tls.expect("a plan with TLS"),
        };
        Self {
            wire: Wire::open(over, to).await,
            over,
            heard: BTreeMap::new(),
            ended: BTreeSet::new(),
            held: None,
            number: 0,
        }
    }

    /// A request of ours, in a dialog when `to` has a tag.
    pub fn request(
        &mut self,
        method: &str,
        uri: &str,
        (call_id, cseq): (&str, u32),
        to: &str,
        body: &[u8],
    ) -> Vec<u8> {
        self.number += 1;
        let kind = if body.is_empty() {
            ""
        } else {
            "Content-Type: application/sdp\r\n"
        };
        let via = self.over.name();
        let mut text = format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/{via} {TRUNK}:5060;branch=z9hG4bK{call_id}{method}{cseq}x{};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:+4930555@{TRUNK}>;tag=trunk\r\nTo: {to}\r\nCall-ID: {call_id}\r\n\
             CSeq: {cseq} {method}\r\nContact: <sip:trunk@{TRUNK};transport={via}>\r\n{kind}Content-Length: {}\r\n\r\n",
            self.number,
            body.len()
        )
        .into_bytes();
        text.extend_from_slice(body);
        text
    }

    /// The next response, provisional ones left out. What must be done about it and about requests is done.
    pub async fn response(&mut self, deadline: Instant) -> Result<Response, Next> {
        loop {
            let text = match self.wire.next(deadline).await {
                Next::Message(text) => text,
                other => return Err(other),
            };
            let Some(response) = Response::read(&text) else {
                self.answer(&text).await;
                continue;
            };
            if response.status < 200 {
                continue;
            }
            if response.method == "INVITE" {
                self.settle(&response).await;
            }
            return Ok(response);
        }
    }

    /// The response to one request.
    pub async fn answer_to(&mut self, call_id: &str, method: &str) -> Option<Response> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let response = self.response(deadline).await.ok()?;
            if response.call_id == call_id && response.method == method {
                return Some(response);
            }
        }
    }

    /// Acknowledges the answer to an INVITE, and ends the call unless it is held.
    async fn settle(&mut self, response: &Response) {
        let (from, to) = (header(&response.text, "From"), header(&response.text, "To"));
        let (via, call_id) = (header(&response.text, "Via"), &response.call_id);
        let cseq = header(&response.text, "CSeq");
        let number = cseq.split_whitespace().next().unwrap_or("1");
        let write = |method: &str, via: &str, number: &str| {
            format!(
                "{method} sip:causeway@127.0.0.1 SIP/2.0\r\nVia: {via}\r\nMax-Forwards: 70\r\nFrom: {from}\r\nTo: {to}\r\n\
                 Call-ID: {call_id}\r\nCSeq: {number} {method}\r\nContent-Length: 0\r\n\r\n"
            )
        };
        if response.status >= 300 {
            let ack = write("ACK", via, number);
            self.wire.send(ack.as_bytes()).await;
            return;
        }
        if self.held.as_deref() == Some(call_id) {
            // Whoever holds it has something to put into the ACK.
            return;
        }
        let name = self.over.name();
        self.number += 1;
        let own =
            |what: &str| format!("SIP/2.0/{name} {TRUNK};branch=z9hG4bK{what}{}", self.number);
        let (ack, bye) = (own("ack"), own("bye"));
        self.wire.send(write("ACK", &ack, number).as_bytes()).await;
        // A 200 that is repeated wants its ACK again, not another BYE.
        if self.ended.insert(format!("{call_id} {to}")) {
            let next = number.parse::<u32>().unwrap_or(1).saturating_add(1);
            let bye = write("BYE", &bye, &next.to_string());
            self.wire.send(bye.as_bytes()).await;
        }
    }

    /// Says yes to a request of the box.
    async fn answer(&mut self, request: &str) {
        if request.starts_with("ACK ") {
            return;
        }
        let mut text = String::from("SIP/2.0 200 OK\r\n");
        for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
            text.push_str(&format!("{name}: {}\r\n", header(request, name)));
        }
        text.push_str("Content-Length: 0\r\n\r\n");
        self.wire.send(text.as_bytes()).await;
    }

    /// Asks with OPTIONS and collects what comes before the answer: everything sent earlier has been dealt with then.
    pub async fn catch_up(&mut self) -> Result<Vec<Response>, Next> {
        self.number += 1;
        let call_id = format!("probe{}", self.number);
        let uri = "sip:causeway@127.0.0.1";
        let options = self.request("OPTIONS", uri, (&call_id, 1), &format!("<{uri}>"), b"");
        self.wire.send(&options).await;
        let deadline = Instant::now() + PATIENCE;
        let mut before = Vec::new();
        loop {
            let response = self.response(deadline).await?;
            if response.call_id == call_id {
                assert_eq!(response.status, 200, "{}", response.text);
                return Ok(before);
            }
            *self.heard.entry(response.status).or_default() += 1;
            before.push(response);
        }
    }

    /// One message on its own, and what the box says to it.
    pub async fn put(&mut self, bytes: &[u8]) -> Outcome {
        let mut responses = Vec::new();
        if self.over == Over::Udp || frames_itself(bytes) {
            if !self.wire.is_open() {
                self.wire.reopen().await;
            }
            self.wire.send(bytes).await;
            match self.catch_up().await {
                Ok(before) => responses = before,
                Err(Next::Closed) => {}
                Err(other) => panic!("the box is silent: {other:?}"),
            }
        } else {
            // Nothing can follow it on its connection.
            self.wire.reopen().await;
            self.wire.send(bytes).await;
            let deadline = Instant::now() + BROKEN;
            while let Ok(response) = self.response(deadline).await {
                *self.heard.entry(response.status).or_default() += 1;
                responses.push(response);
            }
            self.wire.reopen().await;
        }
        // A call that rings still has its answer to come; one message makes one transaction.
        let statuses: Vec<u16> = responses.iter().map(|r| r.status).collect();
        Outcome {
            malformed: statuses
                .last()
                .is_some_and(|s| matches!(s, 400 | 505 | 513)),
            statuses,
            responses: responses.into_iter().map(|r| r.text).collect(),
            rang: false,
        }
    }

    /// Many messages, one after the other, none waited for; then the box must still answer.
    pub async fn pour(&mut self, messages: &[(String, Vec<u8>)]) {
        for part in messages.chunks(10) {
            for (_, bytes) in part {
                let alone = self.over != Over::Udp && !frames_itself(bytes);
                if alone || !self.wire.is_open() {
                    self.wire.reopen().await;
                }
                self.wire.send(bytes).await;
                if alone {
                    let deadline = Instant::now() + Duration::from_millis(20);
                    while let Ok(response) = self.response(deadline).await {
                        *self.heard.entry(response.status).or_default() += 1;
                    }
                    self.wire.reopen().await;
                }
            }
            // What one of them did to its connection is its own affair; the box answers on a new one.
            if self.catch_up().await.is_err() {
                self.wire.reopen().await;
                let name = &part[0].0;
                if let Err(why) = self.catch_up().await {
                    panic!("the box is silent after {name}: {why:?}");
                }
            }
        }
    }
}
