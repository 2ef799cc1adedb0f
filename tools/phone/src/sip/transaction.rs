//! Transactions (RFC 3261 section 17): repeats are sent, and repeats are swallowed.
//!
//! | timer | value | use |
//! |---|---|---|
//! | T1 | 500 ms | first repeat over UDP |
//! | T2 | 4 s | longest interval of non-INVITE requests and of responses to INVITE |
//! | B, F, H | 32 s | giving up |
//!
//! Final responses to INVITE are repeated here until the ACK comes, 2xx included; every ACK is also handed on.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::message::{Message, Method, Request, Response, read, reason_phrase};
use super::transport::{Peer, Protocol, Transport};
use crate::clock::token;

const T1: Duration = Duration::from_millis(500);
const T2: Duration = Duration::from_secs(4);
const GIVE_UP: Duration = Duration::from_secs(32);
const REMEMBER: Duration = Duration::from_secs(40);

/// A request that is new to the phone.
#[derive(Debug)]
pub struct Incoming {
    /// Whence it came, and where its responses go.
    pub peer: Peer,
    /// The request.
    pub request: Request,
}

#[derive(Debug, Default)]
struct Tables {
    clients: HashMap<(String, String), mpsc::UnboundedSender<Response>>,
    servers: HashMap<(String, String), Served>,
    unacknowledged: HashMap<(String, u32), AbortHandle>,
    swept: Option<Instant>,
}

#[derive(Debug)]
struct Served {
    last: Option<Vec<u8>>,
    since: Instant,
}

/// Both ends of every transaction over one pair of sockets.
#[derive(Debug)]
pub struct Endpoint {
    transport: Arc<Transport>,
    tables: Mutex<Tables>,
}

impl Endpoint {
    /// Opens the sockets; new requests come out of the receiver.
    ///
    /// # Errors
    /// The bind error.
    pub async fn start(
        listen: SocketAddr,
    ) -> io::Result<(Arc<Self>, mpsc::UnboundedReceiver<Incoming>)> {
        let (transport, mut datagrams) = Transport::bind(listen).await?;
        let endpoint = Arc::new(Self {
            transport,
            tables: Mutex::default(),
        });
        let (sender, receiver) = mpsc::unbounded_channel();
        let reading = endpoint.clone();
        tokio::spawn(async move {
            while let Some((peer, bytes)) = datagrams.recv().await {
                if let Some(incoming) = reading.absorb(peer, &bytes).await
                    && sender.send(incoming).is_err()
                {
                    return;
                }
            }
        });
        Ok((endpoint, receiver))
    }

    /// The address messages are received at.
    pub fn local(&self) -> SocketAddr {
        self.transport.local()
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn absorb(self: &Arc<Self>, peer: Peer, bytes: &[u8]) -> Option<Incoming> {
        if bytes.iter().all(|b| matches!(b, b'\r' | b'\n' | 0)) {
            return None;
        }
        match read(bytes) {
            Ok(Message::Response(response)) => {
                let key = (
                    response.headers.branch()?.to_owned(),
                    response.headers.cseq()?.1.to_string(),
                );
                if let Some(client) = self.tables().clients.get(&key) {
                    let _ = client.send(response);
                }
                None
            }
            Ok(Message::Request(request)) => self.absorb_request(peer, request).await,
            Err(error) => {
                tracing::warn!(peer = %peer.address, %error, start = %String::from_utf8_lossy(&bytes[..bytes.len().min(60)]), "unreadable message");
                None
            }
        }
    }

    async fn absorb_request(self: &Arc<Self>, peer: Peer, request: Request) -> Option<Incoming> {
        let (number, _) = request.headers.cseq()?;
        if request.method == Method::Ack {
            let key = (request.headers.call_id().to_owned(), number);
            if let Some(repeats) = self.tables().unacknowledged.remove(&key) {
                repeats.abort();
            }
            return Some(Incoming { peer, request });
        }
        let key = server_key(&request)?;
        let repeat = {
            let mut tables = self.tables();
            tables.sweep();
            match tables.servers.get(&key) {
                Some(served) => Some(served.last.clone()),
                None => {
                    tables.servers.insert(
                        key,
                        Served {
                            last: None,
                            since: Instant::now(),
                        },
                    );
                    None
                }
            }
        };
        match repeat {
            None => return Some(Incoming { peer, request }),
            Some(Some(bytes)) => {
                let _ = self.transport.send(peer, bytes).await;
            }
            Some(None) => {}
        }
        None
    }

    /// Answers a request. A final response to INVITE is repeated until its ACK comes.
    pub async fn respond(self: &Arc<Self>, peer: Peer, request: &Request, mut response: Response) {
        fill_rport(&mut response, peer);
        let bytes = response.to_bytes();
        if let Some(key) = server_key(request)
            && let Some(served) = self.tables().servers.get_mut(&key)
        {
            served.last = Some(bytes.clone());
        }
        if let Err(error) = self.transport.send(peer, bytes.clone()).await {
            tracing::debug!(%error, "response not sent");
        }
        let success = (200..300).contains(&response.status);
        if request.method != Method::Invite || response.status < 200 {
            return;
        }
        if peer.protocol == Protocol::Tcp && !success {
            return;
        }
        let Some((number, _)) = request.headers.cseq() else {
            return;
        };
        let transport = self.transport.clone();
        let repeats = tokio::spawn(async move {
            let end = Instant::now() + GIVE_UP;
            let mut interval = T1;
            let mut next = Instant::now() + interval;
            while next < end {
                sleep_until(next).await;
                let _ = transport.send(peer, bytes.clone()).await;
                interval = (interval * 2).min(T2);
                next += interval;
            }
        });
        let key = (request.headers.call_id().to_owned(), number);
        if let Some(old) = self
            .tables()
            .unacknowledged
            .insert(key, repeats.abort_handle())
        {
            old.abort();
        }
    }

    /// Sends a request that is answered by nothing: the ACK of a 2xx.
    pub async fn send(&self, peer: Peer, mut request: Request) {
        self.add_via(peer, &mut request);
        if let Ok(bytes) = request.to_bytes() {
            let _ = self.transport.send(peer, bytes).await;
        }
    }

    /// Sends a request and hands every response to `answered`: provisional ones, the final one, and for
    /// INVITE also each repeat of a 2xx. When none comes in 32 s a 408 is made up; when the message cannot
    /// be sent, a 503. A made-up response has no Via.
    pub fn request(
        self: &Arc<Self>,
        peer: Peer,
        mut request: Request,
        answered: impl Fn(Response) + Send + 'static,
    ) {
        // An INVITE brings its Via along when it may be cancelled; a CANCEL carries the INVITE's.
        if request.headers.first("Via").is_none() {
            self.add_via(peer, &mut request);
        }
        let Some(branch) = request.headers.branch().map(str::to_owned) else {
            return;
        };
        let key = (branch, request.method.to_string());
        let (sender, responses) = mpsc::unbounded_channel();
        self.tables().clients.insert(key.clone(), sender);
        let endpoint = self.clone();
        tokio::spawn(async move {
            endpoint
                .run_client(peer, request, responses, answered)
                .await;
            endpoint.tables().clients.remove(&key);
        });
    }

    async fn run_client(
        &self,
        peer: Peer,
        request: Request,
        mut responses: mpsc::UnboundedReceiver<Response>,
        answered: impl Fn(Response),
    ) {
        let invite = request.method == Method::Invite;
        let bytes = match request.to_bytes() {
            Ok(bytes) => bytes,
            Err(error) => return answered(made_up(503, &error.to_string())),
        };
        if let Err(error) = self.transport.send(peer, bytes.clone()).await {
            return answered(made_up(503, &format!("cannot be reached: {error}")));
        }
        let mut give_up = Instant::now() + GIVE_UP;
        let mut interval = T1;
        let mut repeat = (peer.protocol == Protocol::Udp).then(|| Instant::now() + T1);
        let mut done = false;
        loop {
            let until = repeat.map_or(give_up, |at| at.min(give_up));
            match timeout_at(until, responses.recv()).await {
                Ok(None) => return,
                Ok(Some(response)) if response.status < 200 => {
                    if invite {
                        repeat = None;
                        // A callee may take as long as it likes once it has said something.
                        give_up = Instant::now() + Duration::from_secs(3600);
                    }
                    if !done {
                        answered(response);
                    }
                }
                Ok(Some(response)) => {
                    repeat = None;
                    let success = response.status < 300;
                    if invite && !success {
                        let _ = self
                            .transport
                            .send(peer, ack_of_failure(&request, &response))
                            .await;
                    }
                    if !invite {
                        return answered(response);
                    }
                    if !done {
                        give_up = Instant::now() + if success { GIVE_UP } else { T2 + T1 };
                    }
                    if !done || success {
                        answered(response);
                    }
                    done = true;
                }
                Err(_) if Instant::now() >= give_up => {
                    if !done {
                        answered(made_up(408, "nobody answered"));
                    }
                    return;
                }
                Err(_) => {
                    let _ = self.transport.send(peer, bytes.clone()).await;
                    interval = if invite {
                        interval * 2
                    } else {
                        (interval * 2).min(T2)
                    };
                    repeat = Some(Instant::now() + interval);
                }
            }
        }
    }

    /// Puts a Via with a new branch on top, in the place of any other.
    pub fn add_via(&self, peer: Peer, request: &mut Request) {
        let via = format!(
            "SIP/2.0/{} {};branch=z9hG4bK{};rport",
            peer.protocol.name(),
            self.local(),
            token()
        );
        let mut headers = super::message::Headers::default();
        headers.push("Via", via);
        for (name, value) in request
            .headers
            .iter()
            .filter(|(name, _)| !name.eq_ignore_ascii_case("Via"))
        {
            headers.push(name, value);
        }
        request.headers = headers;
    }
}

impl Tables {
    fn sweep(&mut self) {
        let now = Instant::now();
        if self
            .swept
            .is_some_and(|at| now - at < Duration::from_secs(5))
        {
            return;
        }
        self.swept = Some(now);
        self.servers
            .retain(|_, served| now - served.since < REMEMBER);
        self.unacknowledged
            .retain(|_, repeats| !repeats.is_finished());
    }
}

fn server_key(request: &Request) -> Option<(String, String)> {
    let top = request.headers.first("Via")?;
    let sent_by = top.split(';').next().unwrap_or(top);
    Some((
        format!("{}|{sent_by}", request.headers.branch()?),
        request.method.to_string(),
    ))
}

fn made_up(status: u16, reason: &str) -> Response {
    Response {
        status,
        reason: if reason.is_empty() {
            reason_phrase(status).to_owned()
        } else {
            reason.to_owned()
        },
        headers: super::message::Headers::default(),
        body: Vec::new(),
    }
}

/// The ACK that belongs to the INVITE's own transaction (section 17.1.1.3).
fn ack_of_failure(invite: &Request, response: &Response) -> Vec<u8> {
    let mut ack = Request::new(Method::Ack, invite.uri.clone());
    for (name, value) in invite.headers.iter() {
        match name {
            "Via" | "From" | "Call-ID" | "Route" | "Max-Forwards" => ack.headers.push(name, value),
            "To" => ack
                .headers
                .push("To", response.headers.first("To").unwrap_or(value)),
            "CSeq" => ack.headers.push("CSeq", value.replace("INVITE", "ACK")),
            _ => {}
        }
    }
    ack.to_bytes().unwrap_or_default()
}

/// RFC 3581: the source goes into the topmost Via when it asks for it.
fn fill_rport(response: &mut Response, peer: Peer) {
    let vias: Vec<String> = response.headers.all("Via").map(str::to_owned).collect();
    let mut headers = super::message::Headers::default();
    for (index, via) in vias.into_iter().enumerate() {
        let asked = via.split(';').any(|part| part.trim() == "rport");
        if index == 0 && asked {
            let filled = format!(
                "rport={};received={}",
                peer.address.port(),
                peer.address.ip()
            );
            let parts: Vec<&str> = via
                .split(';')
                .map(|part| {
                    if part.trim() == "rport" {
                        filled.as_str()
                    } else {
                        part
                    }
                })
                .collect();
            headers.push("Via", parts.join(";"));
        } else {
            headers.push("Via", via);
        }
    }
    for (name, value) in response
        .headers
        .iter()
        .filter(|(name, _)| !name.eq_ignore_ascii_case("Via"))
    {
        headers.push(name, value);
    }
    response.headers = headers;
}
