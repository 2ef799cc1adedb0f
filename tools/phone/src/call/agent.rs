//! The user agent: takes calls in, places calls, and passes orders to them.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;

use super::context::ContextSource;
use super::run::{Call, Input};
use super::script::{HoldStyle, Step, script};
use crate::clock::token;
use crate::events::{CallNumber, Event, EventSink};
use crate::media::g711::Law;
use crate::sip::address::{host_port, name_addr, user};
use crate::sip::digest::{Challenger, Credentials};
use crate::sip::message::{Method, Request, Response};
use crate::sip::transaction::{Endpoint, Incoming};
use crate::sip::transport::{Peer, Protocol};

/// How the phone is set up.
#[derive(Debug, Clone)]
pub struct AgentConfig {
    /// Where SIP is received, over UDP and TCP.
    pub listen: SocketAddr,
    /// Where calls this phone places are sent; otherwise to the URI's own address.
    pub trunk: Option<SocketAddr>,
    /// What carries them, unless the URI says otherwise.
    pub protocol: Protocol,
    /// The laws taken, best first.
    pub laws: Vec<Law>,
    /// The tone played, Hz.
    pub tone: f64,
    /// Speech at 8 kHz instead of the tone.
    pub speech: Option<&'static [i16]>,
    /// A folder for what each call hears: `<call>.rtp`, see [`crate::media::record`].
    pub record: Option<PathBuf>,
    /// Every call hears 183 with SDP before the answer.
    pub early_media: bool,
    /// Provisional responses are reliable whenever the caller supports it.
    pub prack: bool,
    /// What `auth` calls must show, and what this phone shows when it is asked.
    pub credentials: Credentials,
    /// Where the context of a call is fetched, if anywhere.
    pub contexts: Option<ContextSource>,
}

impl AgentConfig {
    /// The defaults of the demo contact centre, listening on `listen`.
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            trunk: None,
            protocol: Protocol::Udp,
            laws: vec![Law::Pcmu, Law::Pcma],
            tone: 1004.0,
            speech: None,
            record: None,
            early_media: false,
            prack: false,
            credentials: Credentials {
                user: "demo".into(),
                password: "demo".into(),
            },
            contexts: None,
        }
    }
}

#[derive(Debug)]
struct Entry {
    number: CallNumber,
    inbox: mpsc::UnboundedSender<Input>,
}

/// The phone.
#[derive(Debug)]
pub struct Agent {
    /// Its transactions.
    pub(super) endpoint: Arc<Endpoint>,
    /// Its set-up.
    pub config: AgentConfig,
    /// Where it tells what happens.
    pub events: EventSink,
    calls: Mutex<HashMap<String, Entry>>,
    numbers: AtomicU32,
    challenger: Challenger,
}

impl Agent {
    /// Opens the sockets and begins to take calls.
    ///
    /// # Errors
    /// The bind error.
    pub async fn start(config: AgentConfig, events: EventSink) -> io::Result<Arc<Self>> {
        let (endpoint, mut requests) = Endpoint::start(config.listen).await?;
        let local = endpoint.local().to_string();
        events.emit(Event::Listening {
            udp: local.clone(),
            tcp: local,
        });
        let challenger = Challenger::new(config.credentials.clone());
        let agent = Arc::new(Self {
            endpoint,
            config,
            events,
            calls: Mutex::default(),
            numbers: AtomicU32::new(0),
            challenger,
        });
        let taking = agent.clone();
        tokio::spawn(async move {
            while let Some(incoming) = requests.recv().await {
                taking.take(incoming).await;
            }
        });
        Ok(agent)
    }

    /// The address SIP is received at.
    pub fn local(&self) -> SocketAddr {
        self.endpoint.local()
    }

    /// The numbers of the calls that stand.
    pub fn live(&self) -> Vec<CallNumber> {
        let mut numbers: Vec<_> = self.calls().values().map(|entry| entry.number).collect();
        numbers.sort_unstable();
        numbers
    }

    /// Tells a call to do something after `delay`; false when there is no such call.
    pub fn order(&self, number: CallNumber, delay: Duration, step: Step) -> bool {
        let calls = self.calls();
        let Some(entry) = calls.values().find(|entry| entry.number == number) else {
            return false;
        };
        entry.inbox.send(Input::Order(delay, step)).is_ok()
    }

    /// Holds and resumes a call `cycles` times, each state lasting `period`.
    pub fn hold_cycle(
        &self,
        number: CallNumber,
        cycles: u32,
        period: Duration,
        style: HoldStyle,
    ) -> bool {
        (0..cycles).all(|cycle| {
            self.order(number, period * (2 * cycle), Step::Hold(style))
                && self.order(number, period * (2 * cycle + 1), Step::Resume)
        })
    }

    /// Places a call to a SIP URI; `from` is a number, or a URI.
    ///
    /// # Errors
    /// A sentence when the URI names no IP address and there is no trunk.
    pub async fn dial(
        self: &Arc<Self>,
        to: &str,
        from: Option<&str>,
    ) -> Result<CallNumber, String> {
        let to = name_addr(to).uri;
        let (host, port, transport) =
            host_port(to).ok_or_else(|| format!("not a SIP URI: {to}"))?;
        let address = match self.config.trunk {
            Some(trunk) => trunk,
            None => tokio::net::lookup_host((host, port))
                .await
                .map_err(|error| format!("{host}: {error}"))?
                .next()
                .ok_or_else(|| format!("{host} has no address"))?,
        };
        let protocol = match transport {
            Some(name) if name.eq_ignore_ascii_case("tcp") => Protocol::Tcp,
            _ => self.config.protocol,
        };
        let peer = Peer { protocol, address };
        let from = match from {
            Some(uri) if uri.contains(':') => format!("<{uri}>"),
            Some(number) => format!("<sip:{number}@{}>", self.local()),
            None => format!("<sip:phone@{}>", self.local()),
        };
        let number = self.next_number();
        let (sender, receiver) = mpsc::unbounded_channel();
        let call = Call::outgoing(self.clone(), number, &from, to, peer, sender.clone());
        self.calls().insert(
            call.call_id().to_owned(),
            Entry {
                number,
                inbox: sender,
            },
        );
        tokio::spawn(call.run(receiver));
        Ok(number)
    }

    /// Hangs up every call and waits up to `patience` for the far ends to agree.
    pub async fn close(&self, patience: Duration) {
        for number in self.live() {
            self.order(number, Duration::ZERO, Step::Hangup);
        }
        let end = tokio::time::Instant::now() + patience;
        while !self.calls().is_empty() && tokio::time::Instant::now() < end {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(super) fn forget(&self, call_id: &str) {
        self.calls().remove(call_id);
    }

    pub(super) fn contact(&self, protocol: Protocol) -> String {
        let parameter = match protocol {
            Protocol::Udp => "",
            Protocol::Tcp => ";transport=tcp",
        };
        format!("<sip:phone@{}{parameter}>", self.local())
    }

    fn calls(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_number(&self) -> CallNumber {
        self.numbers.fetch_add(1, Ordering::Relaxed) + 1
    }

    async fn take(self: &Arc<Self>, incoming: Incoming) {
        let call_id = incoming.request.headers.call_id().to_owned();
        let known = self.calls().get(&call_id).map(|entry| entry.inbox.clone());
        if let Some(inbox) = known {
            let _ = inbox.send(Input::Request(incoming));
            return;
        }
        let Incoming { peer, request } = &incoming;
        let in_dialog = request
            .headers
            .first("To")
            .is_some_and(|to| crate::sip::address::parameter(to, "tag").is_some());
        let status = match request.method {
            Method::Ack => return,
            Method::Invite if !in_dialog => return self.take_call(incoming).await,
            Method::Options if !in_dialog => 200,
            Method::Invite | Method::Bye | Method::Cancel | Method::Update | Method::PRack => 481,
            Method::Info | Method::Options | Method::Refer | Method::Notify => 481,
            Method::Message | Method::Publish | Method::Register | Method::Subscribe => 405,
        };
        self.answer(*peer, request, status).await;
    }

    /// A plain response outside any call.
    pub(super) async fn answer(self: &Arc<Self>, peer: Peer, request: &Request, status: u16) {
        let mut response = Response::to(request, status);
        let to = response.headers.first("To").unwrap_or_default().to_owned();
        if crate::sip::address::parameter(&to, "tag").is_none() {
            response.headers.set("To", format!("{to};tag={}", token()));
        }
        response.headers.push("Allow", super::run::ALLOW);
        self.endpoint.respond(peer, request, response).await;
    }

    /// Asks the box for the call's context; what comes is told whenever it comes.
    fn fetch_context(&self, call: CallNumber, request: &Request) {
        let token = request.headers.first("User-to-User").map(uui);
        let (Some(source), Some(token)) = (self.config.contexts.clone(), token) else {
            return;
        };
        let events = self.events.clone();
        tokio::spawn(async move {
            events.emit(match source.fetch(&token).await {
                Ok(context) => Event::Context { call, context },
                Err(message) => Event::Failed {
                    call: Some(call),
                    message,
                },
            });
        });
    }

    async fn take_call(self: &Arc<Self>, incoming: Incoming) {
        let request = &incoming.request;
        let dialled = user(&request.uri).to_owned();
        let script = script(&dialled, self.config.early_media, self.config.prack);
        if let Some(proxy) = script.challenge
            && !self.challenger.accepts(request, proxy)
        {
            let challenge = self.challenger.challenge(request, proxy);
            let call_id = request.headers.call_id().to_owned();
            self.events.emit(Event::Challenged {
                call_id,
                status: challenge.status,
            });
            self.endpoint
                .respond(incoming.peer, request, challenge)
                .await;
            return;
        }
        let number = self.next_number();
        self.events.emit(invite_event(number, "in", request));
        self.fetch_context(number, request);
        if script.silent {
            return;
        }
        let (sender, receiver) = mpsc::unbounded_channel();
        let call_id = request.headers.call_id().to_owned();
        let call = Call::incoming(self.clone(), number, incoming, script, sender.clone());
        self.calls().insert(
            call_id,
            Entry {
                number,
                inbox: sender,
            },
        );
        tokio::spawn(call.run(receiver));
    }
}

/// What an INVITE says of itself.
pub(super) fn invite_event(call: CallNumber, direction: &'static str, request: &Request) -> Event {
    let mut headers: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in request.headers.iter() {
        // Credentials are nobody's business.
        if name.to_ascii_lowercase().ends_with("authorization") {
            continue;
        }
        headers
            .entry(name.to_owned())
            .and_modify(|all| {
                all.push_str(", ");
                all.push_str(value);
            })
            .or_insert_with(|| value.to_owned());
    }
    let from = name_addr(request.headers.first("From").unwrap_or_default());
    Event::Invite {
        call,
        direction,
        call_id: request.headers.call_id().to_owned(),
        from: user(from.uri).to_owned(),
        display: from.display.to_owned(),
        pai: request
            .headers
            .first("P-Asserted-Identity")
            .map(|value| user(name_addr(value).uri).to_owned()),
        to: user(&request.uri).to_owned(),
        uui: request.headers.first("User-to-User").map(uui),
        headers,
    }
}

/// The token in a User-to-User header (RFC 7433): decoded when it is hexadecimal text, else as it stands.
pub fn uui(value: &str) -> String {
    let mut parts = value.split(';');
    let data = parts.next().unwrap_or_default().trim().trim_matches('"');
    let hex =
        parts.all(|part| !part.trim().starts_with("encoding=") || part.trim() == "encoding=hex");
    let bytes: Option<Vec<u8>> = (hex && data.len().is_multiple_of(2))
        .then(|| {
            (0..data.len())
                .step_by(2)
                .map(|i| u8::from_str_radix(data.get(i..i + 2)?, 16).ok())
                .collect()
        })
        .flatten();
    match bytes.map(String::from_utf8) {
        Some(Ok(text)) if !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic()) => text,
        _ => data.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::uui;

    #[test]
    fn user_to_user_is_decoded_when_it_is_text() {
        assert_eq!(uui("746f6b656e2d31;encoding=hex;purpose=x"), "token-1");
        assert_eq!(uui("746f6b656e"), "token");
        assert_eq!(uui("00ff;encoding=hex"), "00ff");
        assert_eq!(uui("\"abc\";encoding=text"), "abc");
        assert_eq!(uui("é;encoding=hex"), "é");
    }
}
