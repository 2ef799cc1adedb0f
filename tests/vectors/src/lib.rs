//! Messages nobody on the team wrote, and what the SIP stack has to make of them.
//!
//! The material lies outside the project, where `CAUSEWAY_CORPORA` says. Without it these tests say so loudly and
//! pass; they prove nothing then.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use causeway_sip::{CallId, Endpoint, EndpointConfig, Event, Side, Transport};

/// The folder of test material, or `None` after saying so.
pub fn corpus(name: &str) -> Option<PathBuf> {
    let found = std::env::var_os("CAUSEWAY_CORPORA")
        .map(|root| Path::new(&root).join(name))
        .filter(|path| path.is_dir());
    if found.is_none() {
        eprintln!("SKIPPED loudly: CAUSEWAY_CORPORA does not lead to {name}; nothing was tested");
    }
    found
}

/// Every file of a folder with this ending, in order, with its name.
///
/// # Panics
/// When the folder cannot be read.
pub fn files(folder: &Path, ending: &str) -> Vec<(String, Vec<u8>)> {
    let mut found: Vec<_> = fs::read_dir(folder)
        .expect("a readable folder")
        .map(|entry| entry.expect("a readable entry").path())
        .filter(|path| path.to_string_lossy().ends_with(ending))
        .map(|path| {
            let name = path
                .file_name()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            (name, fs::read(&path).expect("a readable file"))
        })
        .collect();
    found.sort();
    found
}

/// What the box did with one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The status lines of its responses, without 100.
    pub statuses: Vec<u16>,
    /// The responses, whole.
    pub responses: Vec<String>,
    /// It was counted as unreadable.
    pub malformed: bool,
    /// A call came in.
    pub rang: bool,
}

impl Outcome {
    /// The final status; `None` when it was dropped.
    pub fn status(&self) -> Option<u16> {
        self.statuses.last().copied()
    }
}

/// A box that answers every call it can.
#[derive(Debug)]
pub struct AnsweringBox {
    endpoint: Endpoint,
    now: Instant,
    calls: Vec<CallId>,
}

const LOCAL: ([u8; 4], u16) = ([127, 0, 0, 1], 5060);
const REMOTE: ([u8; 4], u16) = ([127, 0, 0, 1], 5062);

impl Default for AnsweringBox {
    fn default() -> Self {
        Self::new()
    }
}

impl AnsweringBox {
    /// A box with nothing under way.
    pub fn new() -> Self {
        let local = SocketAddr::from(LOCAL);
        let now = Instant::now();
        Self {
            endpoint: Endpoint::new(EndpointConfig::new([7; 32], local, local), now),
            now,
            calls: Vec::new(),
        }
    }

    /// Hands it one message and answers 200 if that is a call.
    pub fn receive(&mut self, transport: Transport, bytes: &[u8]) -> Outcome {
        let malformed = self.endpoint.counts().malformed;
        self.endpoint.handle_message(
            transport,
            SocketAddr::from(LOCAL),
            SocketAddr::from(REMOTE),
            bytes,
            self.now,
        );
        let mut outcome = Outcome {
            statuses: Vec::new(),
            responses: Vec::new(),
            malformed: self.endpoint.counts().malformed > malformed,
            rang: false,
        };
        while let Some(event) = self.endpoint.poll_event() {
            if let Event::Incoming { call, .. } = event {
                outcome.rang = true;
                self.calls.push(call);
                self.endpoint.accept(call, b"v=0\r\n".to_vec(), self.now);
            }
        }
        while let Some(transmit) = self.endpoint.poll_transmit() {
            assert_eq!(
                transmit.remote,
                SocketAddr::from(REMOTE),
                "an answer goes astray"
            );
            let text = String::from_utf8_lossy(&transmit.bytes).into_owned();
            let status = text
                .strip_prefix("SIP/2.0 ")
                .and_then(|rest| rest.get(..3))
                .and_then(|status| status.parse().ok());
            if let Some(status) = status.filter(|status| *status > 100) {
                outcome.statuses.push(status);
                outcome.responses.push(text);
            }
        }
        outcome
    }

    /// Whether an ordinary call still works: INVITE, 200, ACK, BYE, 200.
    pub fn is_alive(&mut self, name: &str) -> bool {
        let request = |method: &str, to_tag: &str, branch: &str, cseq: u32| {
            format!(
                "{method} sip:test@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5062;branch=z9hG4bK{name}{branch}\r\n\
                 From: <sip:probe@127.0.0.1>;tag=probe\r\nTo: <sip:test@127.0.0.1>{to_tag}\r\nCall-ID: alive-{name}\r\n\
                 CSeq: {cseq} {method}\r\nContact: <sip:probe@127.0.0.1:5062>\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
            )
        };
        let answered = self.receive(Transport::Udp, request("INVITE", "", "i", 1).as_bytes());
        let Some(tag) = answered.responses.last().and_then(|text| {
            let to = text.lines().find(|line| line.starts_with("To: "))?;
            Some(format!(";tag={}", to.split_once(";tag=")?.1))
        }) else {
            return false;
        };
        self.receive(Transport::Udp, request("ACK", &tag, "a", 1).as_bytes());
        let ended = self.receive(Transport::Udp, request("BYE", &tag, "b", 2).as_bytes());
        answered.statuses == [200] && ended.statuses == [200]
    }

    /// Ends every call and waits out every timer; the box must keep nothing.
    ///
    /// # Panics
    /// When it keeps something.
    pub fn assert_comes_to_rest(&mut self) {
        for call in std::mem::take(&mut self.calls) {
            self.endpoint.bye(call, None, self.now);
        }
        let end = self.now + Duration::from_secs(600);
        while let Some(at) = self.endpoint.poll_timeout() {
            assert!(at <= end, "a timer later than any");
            self.now = self.now.max(at);
            self.endpoint.handle_timeout(self.now);
            while self.endpoint.poll_transmit().is_some() {}
            while let Some(event) = self.endpoint.poll_event() {
                if let Event::Ended {
                    by: Side::Remote,
                    call,
                    ..
                } = event
                {
                    self.calls.retain(|kept| *kept != call);
                }
            }
        }
        let counts = self.endpoint.counts();
        assert_eq!(
            (
                counts.dialogs,
                counts.client_transactions,
                counts.server_transactions
            ),
            (0, 0, 0),
            "something is left: {counts:?}"
        );
    }
}

/// What a line of an `EXPECTED.tsv` demands.
#[derive(Debug, Clone)]
pub struct Expectation {
    /// The file.
    pub file: String,
    /// `valid`, `invalid`, …
    pub class: String,
    /// The sentence.
    pub required: String,
}

/// Reads an `EXPECTED.tsv`.
///
/// # Panics
/// When it cannot be read or lacks its columns.
pub fn expectations(folder: &Path) -> Vec<Expectation> {
    let text = fs::read_to_string(folder.join("EXPECTED.tsv")).expect("EXPECTED.tsv");
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().expect("column names").split('\t').collect();
    let column = |prefix: &str| {
        names
            .iter()
            .position(|name| name.starts_with(prefix))
            .expect("a column of that name")
    };
    let (file, class, required) = (column("file"), column("class"), column("required"));
    lines
        .filter(|line| !line.trim().is_empty())
        .map(|line| {
            let cells: Vec<&str> = line.split('\t').collect();
            Expectation {
                file: cells[file].to_owned(),
                class: cells[class].to_owned(),
                required: cells[required].to_owned(),
            }
        })
        .collect()
}

impl Expectation {
    /// Whether the sentence allows this outcome. Numbers in it are the statuses it allows; `drop`, `discard`
    /// and `reject` allow silence; `accept`, `parse` and `repair` allow everything that shows the message was understood.
    pub fn allows(&self, outcome: &Outcome) -> bool {
        let said = |word: &str| self.required.contains(word);
        // "never send to 255.255.255.255" names no status.
        let numbers: Vec<u16> = self
            .required
            .split(|c: char| !c.is_ascii_digit())
            .filter(|word| word.len() == 3 && !said(&format!("{word}.{word}")))
            .filter_map(|word| word.parse().ok())
            .collect();
        match outcome.status() {
            Some(status) if numbers.contains(&status) => true,
            Some(status) => {
                let understood = !outcome.malformed && ![400, 505, 513].contains(&status);
                understood
                    && (said("accept") || said("repair") || said("parse") && numbers.is_empty())
                    || said("ignore") && understood
            }
            None => {
                said("drop")
                    || said("discard")
                    || said("reject")
                    || said("response") && !outcome.malformed
            }
        }
    }
}
