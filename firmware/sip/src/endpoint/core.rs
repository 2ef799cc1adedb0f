//! What every call shares: transactions, the queues to the outside, identifiers, counters.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::command::{CallId, RequestId, Transmit, Transport};
use super::config::EndpointConfig;
use super::event::{Counts, Event};
use super::ids::Ids;
use crate::message::check::Essentials;
use crate::message::{HeaderName, Headers, Method, Request, Response, Uri, Via, reason_phrase};
use crate::timers::Deadlines;
use crate::transaction::{Client, ClientAction, ClientInvite, Server, ServerAction, ServerInvite};

/// The methods we take.
pub(super) const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, PRACK, UPDATE, INFO, OPTIONS";
/// The extensions we know.
pub(super) const SUPPORTED: &str = "100rel";
/// Bound of `Event::Refused` a second.
const REFUSED_A_SECOND: u32 = 10;
/// Forks of one INVITE whose 2xx we acknowledge.
const MAX_FORKS: usize = 16;

/// A client transaction is found by branch and method: a CANCEL has the branch of its INVITE.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ClientKey {
    branch: Vec<u8>,
    pub(super) method: Method,
}

/// A server transaction is found by branch, sent-by and method (RFC 3261 §17.2.3), or what RFC 2543 had for it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ServerKey(Vec<u8>);

/// Whose deadline it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Owner {
    Client(ClientKey),
    Server(ServerKey),
    Call(CallId),
}

/// Who waits for the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClientUser {
    Call(CallId),
    Request(RequestId),
    /// A BYE for a fork nobody wants.
    Nobody,
}

#[derive(Debug)]
enum ClientMachine {
    Invite(ClientInvite),
    Other(Client),
}

#[derive(Debug)]
pub(super) struct ClientTransaction {
    machine: ClientMachine,
    pub(super) request: Request,
    bytes: Vec<u8>,
    pub(super) transport: Transport,
    pub(super) remote: SocketAddr,
    pub(super) user: ClientUser,
    /// For each To tag whose 2xx came: the ACK, and where it went.
    acknowledged: Vec<(Vec<u8>, Transmit)>,
}

#[derive(Debug)]
enum ServerMachine {
    Invite(ServerInvite),
    Other(Server),
}

#[derive(Debug)]
struct ServerTransaction {
    machine: ServerMachine,
    transport: Transport,
    remote: SocketAddr,
    /// Via, From, To, Call-ID, CSeq, Timestamp of every response.
    echo: Headers,
    last: Vec<u8>,
    user: Option<CallId>,
    merge: Option<MergeKey>,
}

/// Call-ID, From tag, CSeq: the same request over two paths has the same (§8.2.2.2).
type MergeKey = (Vec<u8>, Vec<u8>, u32);

/// Where a message came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) transport: Transport,
    pub(super) remote: SocketAddr,
}

/// What came of a response that was handed to its transaction.
#[derive(Debug)]
pub(super) enum Delivery {
    /// To be looked at by this user.
    To(ClientUser),
    /// Done with.
    Handled,
    /// No transaction of ours.
    Stray,
}

/// What came of a timer or a failing transport.
#[derive(Debug)]
pub(super) struct Unanswered {
    pub(super) key: ClientKey,
    pub(super) user: ClientUser,
    pub(super) transport_failed: bool,
}

#[derive(Debug)]
pub(super) struct Core {
    pub(super) config: EndpointConfig,
    pub(super) ids: Ids,
    pub(super) counts: Counts,
    pub(super) deadlines: Deadlines<Owner>,
    clients: BTreeMap<ClientKey, ClientTransaction>,
    servers: BTreeMap<ServerKey, ServerTransaction>,
    merges: BTreeMap<MergeKey, ServerKey>,
    transmits: VecDeque<Transmit>,
    events: VecDeque<Event>,
    refused: (Instant, u32),
    next_handle: u64,
}

impl Core {
    pub(super) fn new(config: EndpointConfig, now: Instant) -> Self {
        Self {
            ids: Ids::new(config.seed),
            config,
            counts: Counts::default(),
            deadlines: Deadlines::new(),
            clients: BTreeMap::new(),
            servers: BTreeMap::new(),
            merges: BTreeMap::new(),
            transmits: VecDeque::new(),
            events: VecDeque::new(),
            refused: (now, 0),
            next_handle: 0,
        }
    }

    pub(super) fn handle(&mut self) -> u64 {
        self.next_handle += 1;
        self.next_handle
    }

    pub(super) fn counts(&self, calls: usize) -> Counts {
        Counts {
            dialogs: calls,
            client_transactions: self.clients.len(),
            server_transactions: self.servers.len(),
            ..self.counts
        }
    }

    // The queues to the outside.

    pub(super) fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    pub(super) fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    pub(super) fn event(&mut self, event: Event) {
        self.events.push_back(event);
    }

    pub(super) fn transmit(&mut self, transmit: Transmit) {
        self.counts.sent += 1;
        self.transmits.push_back(transmit);
    }

    /// Reports a refusal, at most ten a second.
    pub(super) fn refused(&mut self, remote: SocketAddr, what: String, now: Instant) {
        let (since, count) = &mut self.refused;
        if now.saturating_duration_since(*since) >= Duration::from_secs(1) {
            *since = now;
            *count = 0;
        }
        if *count < REFUSED_A_SECOND {
            *count += 1;
            self.event(Event::Refused { remote, what });
        }
    }

    // Addresses.

    fn advertised(&self, transport: Transport) -> SocketAddr {
        match transport {
            Transport::Udp => self.config.contact_udp,
            Transport::Tcp => self.config.contact_tcp,
        }
    }

    /// The value of our Contact on this transport.
    pub(super) fn contact(&self, transport: Transport) -> String {
        let address = self.advertised(transport);
        let user = &self.config.contact_user;
        match transport {
            Transport::Udp => format!("<sip:{user}@{address}>"),
            Transport::Tcp => format!("<sip:{user}@{address};transport=tcp>"),
        }
    }

    /// Where a request goes whose next hop is `uri`. Names are not resolved here, and addresses that make no
    /// sense or are not accepted from are not sent to: all those go where the call came from.
    pub(super) fn destination(&self, uri: &Uri, fallback: Source) -> Source {
        let Some(sip) = uri.sip() else {
            return fallback;
        };
        let Some(ip) = sip.host.ip() else {
            return fallback;
        };
        let transport = match sip.params.text("transport").as_deref() {
            None => fallback.transport,
            Some(name) if name.eq_ignore_ascii_case("udp") => Transport::Udp,
            Some(name) if name.eq_ignore_ascii_case("tcp") => Transport::Tcp,
            Some(_) => return fallback,
        };
        if !self.may_send_to(ip) || sip.port == Some(0) {
            return fallback;
        }
        Source {
            transport,
            remote: SocketAddr::new(ip, sip.port.unwrap_or(5060)),
        }
    }

    fn may_send_to(&self, ip: IpAddr) -> bool {
        let broadcast = matches!(ip, IpAddr::V4(v4) if v4.is_broadcast());
        let accepted = self.config.accept_from.is_empty() || self.config.accept_from.contains(&ip);
        accepted && !broadcast && !ip.is_unspecified() && !ip.is_multicast()
    }

    // Client transactions.

    /// Sends a request in a new transaction. Via is written here; Contact and User-Agent where they are missing.
    pub(super) fn send_request(
        &mut self,
        mut request: Request,
        to: Source,
        user: ClientUser,
        now: Instant,
    ) -> ClientKey {
        let branch = self.ids.branch();
        self.prepare(&mut request, &branch, to.transport);
        let bytes = request.to_bytes();
        let reliable = to.transport == Transport::Tcp;
        let machine = if request.method == Method::Invite {
            ClientMachine::Invite(ClientInvite::new(reliable, now))
        } else {
            ClientMachine::Other(Client::new(reliable, now))
        };
        let key = ClientKey {
            branch,
            method: request.method.clone(),
        };
        self.start(key, machine, request, bytes, to, user)
    }

    /// Sends CANCEL for an INVITE that is proceeding (§9.1). `false` when it is not.
    pub(super) fn send_cancel(
        &mut self,
        invite: &ClientKey,
        reason: Option<String>,
        now: Instant,
    ) -> bool {
        let Some(transaction) = self.clients.get(invite) else {
            return false;
        };
        if !matches!(&transaction.machine, ClientMachine::Invite(machine) if machine.is_proceeding())
        {
            return false;
        }
        let to = Source {
            transport: transaction.transport,
            remote: transaction.remote,
        };
        let mut request = derived(&transaction.request, Method::Cancel);
        if let Some(reason) = reason {
            request.headers.push(HeaderName::Reason, reason);
        }
        request
            .headers
            .push(HeaderName::UserAgent, self.config.user_agent.clone());
        let key = ClientKey {
            branch: invite.branch.clone(),
            method: Method::Cancel,
        };
        let machine = ClientMachine::Other(Client::new(to.transport == Transport::Tcp, now));
        let bytes = request.to_bytes();
        self.start(key, machine, request, bytes, to, ClientUser::Nobody);
        true
    }

    /// Sends the ACK of a 2xx and keeps it for when the 2xx comes again (§13.2.2.4).
    pub(super) fn send_ack(
        &mut self,
        invite: &ClientKey,
        tag: &[u8],
        mut ack: Request,
        to: Source,
    ) {
        if let Some(transaction) = self.clients.get(invite) {
            for name in [HeaderName::Authorization, HeaderName::ProxyAuthorization] {
                for value in transaction.request.headers.all(&name) {
                    ack.headers.push(name.clone(), value);
                }
            }
        }
        let branch = self.ids.branch();
        self.prepare(&mut ack, &branch, to.transport);
        let transmit = Transmit {
            transport: to.transport,
            remote: to.remote,
            bytes: ack.to_bytes(),
        };
        if let Some(transaction) = self.clients.get_mut(invite)
            && transaction.acknowledged.len() < MAX_FORKS
        {
            transaction
                .acknowledged
                .push((tag.to_vec(), transmit.clone()));
        }
        self.transmit(transmit);
    }

    fn prepare(&self, request: &mut Request, branch: &[u8], transport: Transport) {
        let name = match transport {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
        };
        let via = format!(
            "SIP/2.0/{name} {};rport;branch={}",
            self.advertised(transport),
            String::from_utf8_lossy(branch)
        );
        let mut headers = Headers::new();
        headers.push(HeaderName::Via, via);
        for header in request.headers.iter() {
            if header.name != HeaderName::Via {
                headers.push(header.name.clone(), header.value.clone());
            }
        }
        if matches!(
            request.method,
            Method::Invite | Method::Update | Method::Options
        ) {
            headers.set(HeaderName::Contact, self.contact(transport));
            headers.set(HeaderName::Allow, ALLOW);
        }
        headers.set(HeaderName::UserAgent, self.config.user_agent.clone());
        request.headers = headers;
    }

    fn start(
        &mut self,
        key: ClientKey,
        machine: ClientMachine,
        request: Request,
        bytes: Vec<u8>,
        to: Source,
        user: ClientUser,
    ) -> ClientKey {
        self.transmit(Transmit {
            transport: to.transport,
            remote: to.remote,
            bytes: bytes.clone(),
        });
        let transaction = ClientTransaction {
            machine,
            request,
            bytes,
            transport: to.transport,
            remote: to.remote,
            user,
            acknowledged: Vec::new(),
        };
        self.deadlines
            .set(&Owner::Client(key.clone()), transaction.poll_timeout());
        self.clients.insert(key.clone(), transaction);
        key
    }

    /// The key of the transaction a response belongs to.
    pub(super) fn client_key(essentials: &Essentials) -> Option<ClientKey> {
        Some(ClientKey {
            branch: essentials.via.unique_branch()?.to_vec(),
            method: essentials.cseq.method.clone(),
        })
    }

    /// The request a transaction sent.
    pub(super) fn sent_request(&self, key: &ClientKey) -> Option<&ClientTransaction> {
        self.clients.get(key)
    }

    /// Hands a response to its transaction.
    pub(super) fn handle_response(
        &mut self,
        key: &ClientKey,
        response: &Response,
        essentials: &Essentials,
        now: Instant,
    ) -> Delivery {
        let Some(transaction) = self.clients.get_mut(key) else {
            return Delivery::Stray;
        };
        let action = match &mut transaction.machine {
            ClientMachine::Invite(machine) => machine.handle_response(response.status, now),
            ClientMachine::Other(machine) => machine.handle_response(response.status, now),
        };
        let user = transaction.user;
        let tag = essentials.to.tag().unwrap_or_default();
        let repeated = transaction
            .acknowledged
            .iter()
            .find(|(acknowledged, _)| acknowledged == tag)
            .map(|(_, ack)| ack.clone());
        let failure_ack = matches!(
            action,
            ClientAction::Acknowledge | ClientAction::AcknowledgeAndDeliver
        )
        .then(|| Transmit {
            transport: transaction.transport,
            remote: transaction.remote,
            bytes: failure_ack(&transaction.request, response).to_bytes(),
        });
        let delivery = match action {
            ClientAction::Deliver
                if repeated.is_some() && (200..300).contains(&response.status) =>
            {
                self.counts.retransmitted += 1;
                Delivery::Handled
            }
            ClientAction::Deliver | ClientAction::AcknowledgeAndDeliver => Delivery::To(user),
            ClientAction::Acknowledge
            | ClientAction::Nothing
            | ClientAction::Resend
            | ClientAction::TimedOut
            | ClientAction::TransportFailed => Delivery::Handled,
        };
        if let Some(ack) = failure_ack {
            self.transmit(ack);
        } else if let (Delivery::Handled, Some(ack), 200..300) =
            (&delivery, repeated, response.status)
        {
            self.transmit(ack);
        }
        delivery
    }

    /// Drops a client transaction that has ended, or sets its next deadline.
    pub(super) fn settle_client(&mut self, key: &ClientKey) {
        let deadline = match self.clients.get(key) {
            Some(transaction) if !transaction.is_terminated() => transaction.poll_timeout(),
            _ => {
                self.clients.remove(key);
                None
            }
        };
        self.deadlines.set(&Owner::Client(key.clone()), deadline);
    }

    /// Fires a client timer.
    pub(super) fn client_timeout(&mut self, key: &ClientKey, now: Instant) -> Option<Unanswered> {
        let transaction = self.clients.get_mut(key)?;
        let action = match &mut transaction.machine {
            ClientMachine::Invite(machine) => machine.handle_timeout(now),
            ClientMachine::Other(machine) => machine.handle_timeout(now),
        };
        let unanswered = match action {
            ClientAction::Resend => {
                let transmit = Transmit {
                    transport: transaction.transport,
                    remote: transaction.remote,
                    bytes: transaction.bytes.clone(),
                };
                self.counts.retransmitted += 1;
                self.transmit(transmit);
                None
            }
            ClientAction::TimedOut => Some(Unanswered {
                key: key.clone(),
                user: transaction.user,
                transport_failed: false,
            }),
            ClientAction::Nothing
            | ClientAction::Deliver
            | ClientAction::AcknowledgeAndDeliver
            | ClientAction::Acknowledge
            | ClientAction::TransportFailed => None,
        };
        self.settle_client(key);
        unanswered
    }

    /// Fails what waits for `remote`.
    pub(super) fn transport_failed(
        &mut self,
        transport: Transport,
        remote: SocketAddr,
    ) -> Vec<Unanswered> {
        let keys: Vec<ClientKey> = self
            .clients
            .iter()
            .filter(|(_, t)| t.transport == transport && t.remote == remote)
            .map(|(key, _)| key.clone())
            .collect();
        let mut failed = Vec::new();
        for key in keys {
            if let Some(transaction) = self.clients.get_mut(&key) {
                let action = match &mut transaction.machine {
                    ClientMachine::Invite(machine) => machine.handle_transport_failed(),
                    ClientMachine::Other(machine) => machine.handle_transport_failed(),
                };
                if action == ClientAction::TransportFailed {
                    failed.push(Unanswered {
                        key: key.clone(),
                        user: transaction.user,
                        transport_failed: true,
                    });
                }
            }
            self.settle_client(&key);
        }
        failed
    }

    // Server transactions.

    /// The key of the transaction a request belongs to; ACK and CANCEL can ask for that of their INVITE.
    pub(super) fn server_key(
        request: &Request,
        essentials: &Essentials,
        method: &Method,
    ) -> ServerKey {
        let via = &essentials.via;
        let mut key = Vec::with_capacity(96);
        if let Some(branch) = via.unique_branch() {
            key.extend_from_slice(branch);
            key.push(0);
        } else {
            // RFC 2543: everything that the INVITE and its ACK or CANCEL have in common.
            for part in [
                b"2543".as_slice(),
                &essentials.call_id,
                essentials.from_tag(),
                essentials.cseq.number.to_string().as_bytes(),
                request.uri.as_bytes(),
                via.branch().unwrap_or_default(),
            ] {
                key.extend_from_slice(part);
                key.push(0);
            }
        }
        let sent_by = format!("{}:{}", via.host, via.port.unwrap_or(5060));
        key.extend_from_slice(sent_by.to_ascii_lowercase().as_bytes());
        key.push(0);
        key.extend_from_slice(method.as_str().as_bytes());
        ServerKey(key)
    }

    /// Whether the transaction exists; if so the last response goes out again.
    pub(super) fn retransmitted_request(&mut self, key: &ServerKey) -> bool {
        let Some(transaction) = self.servers.get_mut(key) else {
            return false;
        };
        let action = match &mut transaction.machine {
            ServerMachine::Invite(machine) => machine.handle_retransmission(),
            ServerMachine::Other(machine) => machine.handle_retransmission(),
        };
        if action == ServerAction::Send && !transaction.last.is_empty() {
            let transmit = transaction.transmit();
            self.counts.retransmitted += 1;
            self.transmit(transmit);
        }
        true
    }

    /// Whether another transaction holds the same request, come over another path.
    pub(super) fn is_merged(&self, essentials: &Essentials) -> bool {
        self.merges.contains_key(&merge_key(essentials))
    }

    /// Whether no further request can be taken. Requests inside dialogs may use the double.
    pub(super) fn is_full(&self, in_dialog: bool) -> bool {
        let bound = self.config.max_transactions;
        self.servers.len()
            >= if in_dialog {
                bound.saturating_mul(2)
            } else {
                bound
            }
    }

    /// Makes a transaction for a request.
    pub(super) fn open_server(
        &mut self,
        key: &ServerKey,
        request: &Request,
        essentials: &Essentials,
        source: Source,
    ) {
        let reliable = source.transport == Transport::Tcp;
        let machine = if request.method == Method::Invite {
            ServerMachine::Invite(ServerInvite::new(reliable))
        } else {
            ServerMachine::Other(Server::new(reliable))
        };
        let merge = essentials.to.tag().is_none().then(|| merge_key(essentials));
        if let Some(merge) = &merge {
            self.merges.insert(merge.clone(), key.clone());
        }
        let transaction = ServerTransaction {
            machine,
            transport: source.transport,
            remote: source.remote,
            echo: echo(&request.headers, Some(&essentials.via), source.remote),
            last: Vec::new(),
            user: None,
            merge,
        };
        self.servers.insert(key.clone(), transaction);
    }

    /// Tells the transaction which call it belongs to.
    pub(super) fn assign_server(&mut self, key: &ServerKey, call: CallId) {
        if let Some(transaction) = self.servers.get_mut(key) {
            transaction.user = Some(call);
        }
    }

    /// The call of a transaction.
    pub(super) fn server_user(&self, key: &ServerKey) -> Option<CallId> {
        self.servers.get(key)?.user
    }

    /// Whether the transaction exists and has no final response yet.
    pub(super) fn is_unanswered(&self, key: &ServerKey) -> bool {
        self.servers
            .get(key)
            .is_some_and(|transaction| match &transaction.machine {
                ServerMachine::Invite(machine) => machine.is_proceeding(),
                ServerMachine::Other(machine) => machine.is_pending(),
            })
    }

    /// Whether the transaction exists.
    pub(super) fn has_server(&self, key: &ServerKey) -> bool {
        self.servers.contains_key(key)
    }

    /// Sends a response in its transaction. Returns the bytes, for those who repeat them themselves.
    pub(super) fn respond(
        &mut self,
        key: &ServerKey,
        reply: Reply,
        now: Instant,
    ) -> Option<Transmit> {
        let transaction = self.servers.get_mut(key)?;
        let action = match &mut transaction.machine {
            ServerMachine::Invite(machine) => machine.respond(reply.status, now),
            ServerMachine::Other(machine) => machine.respond(reply.status, now),
        };
        if action != ServerAction::Send {
            return None;
        }
        let response = reply.build(&transaction.echo, &self.config.user_agent);
        transaction.last = response.to_bytes();
        let transmit = transaction.transmit();
        self.transmit(transmit.clone());
        self.settle_server(key);
        Some(transmit)
    }

    /// Sends a response without keeping anything.
    pub(super) fn respond_stateless(
        &mut self,
        headers: &Headers,
        via: Option<&Via>,
        source: Source,
        mut reply: Reply,
    ) {
        let part = |name| headers.get(name).unwrap_or_default();
        let tag = self.ids.stateless_tag(&[
            part(&HeaderName::CallId),
            part(&HeaderName::CSeq),
            part(&HeaderName::Via),
        ]);
        reply.to_tag.get_or_insert(tag);
        let response = reply.build(&echo(headers, via, source.remote), &self.config.user_agent);
        self.transmit(Transmit {
            transport: source.transport,
            remote: source.remote,
            bytes: response.to_bytes(),
        });
    }

    /// The ACK of a failure response. `false` when it belongs to no such transaction.
    pub(super) fn handle_ack(&mut self, key: &ServerKey, now: Instant) -> bool {
        let Some(ServerTransaction {
            machine: ServerMachine::Invite(machine),
            ..
        }) = self.servers.get_mut(key)
        else {
            return false;
        };
        if !machine.takes_ack() {
            return false;
        }
        let _ = machine.handle_ack(now);
        self.settle_server(key);
        true
    }

    /// Fires a server timer.
    pub(super) fn server_timeout(&mut self, key: &ServerKey, now: Instant) {
        let Some(transaction) = self.servers.get_mut(key) else {
            return;
        };
        let action = match &mut transaction.machine {
            ServerMachine::Invite(machine) => machine.handle_timeout(now),
            ServerMachine::Other(machine) => machine.handle_timeout(now),
        };
        if action == ServerAction::Send {
            let transmit = transaction.transmit();
            self.counts.retransmitted += 1;
            self.transmit(transmit);
        }
        self.settle_server(key);
    }

    fn settle_server(&mut self, key: &ServerKey) {
        let deadline = match self.servers.get(key) {
            Some(transaction) if !transaction.is_terminated() => transaction.poll_timeout(),
            _ => {
                if let Some(ServerTransaction {
                    merge: Some(merge), ..
                }) = self.servers.remove(key)
                    && self.merges.get(&merge) == Some(key)
                {
                    self.merges.remove(&merge);
                }
                None
            }
        };
        self.deadlines.set(&Owner::Server(key.clone()), deadline);
    }
}

impl ClientTransaction {
    fn poll_timeout(&self) -> Option<Instant> {
        match &self.machine {
            ClientMachine::Invite(machine) => machine.poll_timeout(),
            ClientMachine::Other(machine) => machine.poll_timeout(),
        }
    }

    fn is_terminated(&self) -> bool {
        match &self.machine {
            ClientMachine::Invite(machine) => machine.is_terminated(),
            ClientMachine::Other(machine) => machine.is_terminated(),
        }
    }
}

impl ServerTransaction {
    fn transmit(&self) -> Transmit {
        Transmit {
            transport: self.transport,
            remote: self.remote,
            bytes: self.last.clone(),
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match &self.machine {
            ServerMachine::Invite(machine) => machine.poll_timeout(),
            ServerMachine::Other(machine) => machine.poll_timeout(),
        }
    }

    fn is_terminated(&self) -> bool {
        match &self.machine {
            ServerMachine::Invite(machine) => machine.is_terminated(),
            ServerMachine::Other(machine) => machine.is_terminated(),
        }
    }
}

/// A response to be: what is not echoed from the request.
#[derive(Debug, Clone, Default)]
pub(super) struct Reply {
    pub(super) status: u16,
    /// Instead of the usual phrase.
    pub(super) phrase: Option<String>,
    /// Added to To when the request had none.
    pub(super) to_tag: Option<Vec<u8>>,
    pub(super) headers: Headers,
    pub(super) sdp: Option<Vec<u8>>,
}

impl Reply {
    pub(super) fn new(status: u16) -> Self {
        Self {
            status,
            ..Self::default()
        }
    }

    pub(super) fn tag(mut self, tag: &[u8]) -> Self {
        self.to_tag = Some(tag.to_vec());
        self
    }

    pub(super) fn header(mut self, name: HeaderName, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push(name, value);
        self
    }

    pub(super) fn phrase(mut self, phrase: impl Into<String>) -> Self {
        self.phrase = Some(phrase.into());
        self
    }

    pub(super) fn sdp(mut self, sdp: Option<Vec<u8>>) -> Self {
        self.sdp = sdp;
        self
    }

    fn build(self, echo: &Headers, user_agent: &str) -> Response {
        let mut headers = Headers::new();
        for header in echo.iter() {
            let mut value = header.value.clone();
            if header.name == HeaderName::To
                && self.status > 100
                && let Some(tag) = &self.to_tag
                && crate::message::NameAddr::read(&value).is_ok_and(|to| to.tag().is_none())
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

fn merge_key(essentials: &Essentials) -> MergeKey {
    (
        essentials.call_id.clone(),
        essentials.from_tag().to_vec(),
        essentials.cseq.number,
    )
}

/// The headers every response takes from its request (§8.2.6.2), the top Via completed (§18.2.1, RFC 3581 §4).
/// Of headers that may come once and came twice the first counts.
fn echo(headers: &Headers, via: Option<&Via>, remote: SocketAddr) -> Headers {
    let mut echo = Headers::new();
    let rest = crate::message::check::top_via(headers).and_then(|(_, rest)| rest);
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

/// A CANCEL or failure ACK: same Via, route and numbers as the INVITE (§9.1, §17.1.1.3).
fn derived(invite: &Request, method: Method) -> Request {
    let mut headers = Headers::new();
    if let Some(via) = invite.headers.get(&HeaderName::Via) {
        headers.push(HeaderName::Via, via);
    }
    for name in [
        HeaderName::Route,
        HeaderName::MaxForwards,
        HeaderName::From,
        HeaderName::To,
        HeaderName::CallId,
    ] {
        for value in invite.headers.all(&name) {
            headers.push(name.clone(), value);
        }
    }
    let number = invite
        .headers
        .get(&HeaderName::CSeq)
        .and_then(|value| crate::message::CSeq::read(value).ok())
        .map_or(0, |cseq| cseq.number);
    headers.push(HeaderName::CSeq, format!("{number} {method}"));
    Request {
        method,
        uri: invite.uri.clone(),
        headers,
        body: Vec::new(),
    }
}

fn failure_ack(invite: &Request, response: &Response) -> Request {
    let mut ack = derived(invite, Method::Ack);
    if let Some(to) = response.headers.get(&HeaderName::To) {
        ack.headers.set(HeaderName::To, to);
    }
    ack
}
