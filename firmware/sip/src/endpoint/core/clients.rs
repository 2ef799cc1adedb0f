//! Requests of ours: sending, repeating, and handing their responses on.

use std::net::SocketAddr;
use std::time::Instant;

use super::{ALLOW, ClientUser, Core, Delivery, Owner, Source, Unanswered};
use crate::endpoint::command::{RequestId, Transmit, Transport};
use crate::message::check::Essentials;
use crate::message::{CSeq, HeaderName, Headers, Method, Request, Response};
use crate::transaction::{Client, ClientAction, ClientInvite};

/// Forks of one INVITE whose 2xx we acknowledge.
const MAX_FORKS: usize = 16;

/// A client transaction is found by branch and method: a CANCEL has the branch of its INVITE.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ClientKey {
    pub(super) branch: Vec<u8>,
    pub(crate) method: Method,
}

#[derive(Debug)]
pub(super) enum ClientMachine {
    Invite(ClientInvite),
    Other(Client),
}

#[derive(Debug)]
pub(crate) struct ClientTransaction {
    pub(super) machine: ClientMachine,
    pub(crate) request: Request,
    pub(super) bytes: Vec<u8>,
    pub(crate) transport: Transport,
    pub(crate) remote: SocketAddr,
    pub(crate) user: ClientUser,
    /// Where the last response came from.
    pub(crate) answered_from: Option<(Transport, SocketAddr)>,
    /// For each To tag whose 2xx came: the ACK, and where it went.
    acknowledged: Vec<(Vec<u8>, Transmit)>,
    /// Meant for UDP, sent over TCP because of its size, and nothing has come back yet.
    pub(super) may_fall_back: bool,
}

impl Core {
    /// Sends a request in a new transaction. Via is written here; Contact and User-Agent where they are missing.
    pub(crate) fn send_request(
        &mut self,
        mut request: Request,
        to: Source,
        user: ClientUser,
        now: Instant,
    ) -> ClientKey {
        let branch = self.ids.branch();
        self.prepare(&mut request, &branch, to);
        let bytes = request.to_bytes();
        if to.transport == Transport::Udp && self.wants_stream(bytes.len(), to.remote, now) {
            let over_tcp = Source {
                transport: Transport::Tcp,
                ..to
            };
            return self.send_over_stream(request, branch, over_tcp, user, now);
        }
        let reliable = to.transport.is_reliable();
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
    pub(crate) fn send_cancel(
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
        let to = Source::new(transaction.transport, transaction.remote);
        let mut request = derived(&transaction.request, Method::Cancel);
        if let Some(reason) = reason {
            request.headers.push(HeaderName::Reason, reason);
        }
        request
            .headers
            .push(HeaderName::UserAgent, self.config.user_agent.clone());
        self.abandon_invite(invite, now);
        let key = ClientKey {
            branch: invite.branch.clone(),
            method: Method::Cancel,
        };
        let machine = ClientMachine::Other(Client::new(to.transport.is_reliable(), now));
        let bytes = request.to_bytes();
        self.start(key, machine, request, bytes, to, ClientUser::Nobody);
        true
    }

    /// The same for an INVITE whose call is gone, once.
    pub(crate) fn send_late_cancel(&mut self, invite: &ClientKey, now: Instant) {
        let cancel = ClientKey {
            branch: invite.branch.clone(),
            method: Method::Cancel,
        };
        if !self.clients.contains_key(&cancel) {
            self.send_cancel(invite, None, now);
        }
    }

    /// Nobody waits for the final response of this INVITE any more.
    pub(crate) fn abandon_invite(&mut self, invite: &ClientKey, now: Instant) {
        if let Some(ClientTransaction {
            machine: ClientMachine::Invite(machine),
            ..
        }) = self.clients.get_mut(invite)
        {
            machine.abandon(now);
            self.settle_client(invite);
        }
    }

    /// Drops the transaction of a request outside calls; a response that still comes is a stray one.
    pub(crate) fn forget_request(&mut self, request: RequestId) {
        let found = self
            .clients
            .iter()
            .find(|(_, t)| t.user == ClientUser::Request(request))
            .map(|(key, _)| key.clone());
        if let Some(key) = found {
            self.clients.remove(&key);
            self.settle_client(&key);
        }
    }

    /// Sends the ACK of a 2xx and keeps it for when the 2xx comes again (§13.2.2.4).
    pub(crate) fn send_ack(
        &mut self,
        invite: &ClientKey,
        tag: &[u8],
        mut ack: Request,
        to: Source,
    ) {
        // The answer to a challenge stays between us and who asked, wherever the dialog leads (RFC 3261 §22.1).
        if let Some(transaction) = self.clients.get(invite)
            && transaction.remote.ip() == to.remote.ip()
            && transaction.transport.is_secure() == to.transport.is_secure()
        {
            for name in [HeaderName::Authorization, HeaderName::ProxyAuthorization] {
                for value in transaction.request.headers.all(&name) {
                    ack.headers.push(name.clone(), value);
                }
            }
        }
        let branch = self.ids.branch();
        self.prepare(&mut ack, &branch, to);
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

    /// Our Via (§18.1.1).
    pub(super) fn via(&self, branch: &[u8], to: Source) -> String {
        format!(
            "SIP/2.0/{} {};rport;branch={}",
            to.transport,
            self.advertised(to.transport, to.remote),
            String::from_utf8_lossy(branch)
        )
    }

    fn prepare(&self, request: &mut Request, branch: &[u8], to: Source) {
        let mut headers = Headers::new();
        headers.push(HeaderName::Via, self.via(branch, to));
        for header in request.headers.iter() {
            if header.name != HeaderName::Via {
                headers.push(header.name.clone(), header.value.clone());
            }
        }
        if matches!(
            request.method,
            Method::Invite | Method::Update | Method::Options
        ) {
            headers.set(HeaderName::Contact, self.contact(to));
            headers.set(HeaderName::Allow, ALLOW);
        }
        headers.set(HeaderName::UserAgent, self.config.user_agent.clone());
        request.headers = headers;
    }

    pub(super) fn start(
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
            answered_from: None,
            acknowledged: Vec::new(),
            may_fall_back: false,
        };
        self.deadlines
            .set(&Owner::Client(key.clone()), transaction.poll_timeout());
        self.clients.insert(key.clone(), transaction);
        key
    }

    /// The key of the transaction a response belongs to.
    pub(crate) fn client_key(essentials: &Essentials) -> Option<ClientKey> {
        Some(ClientKey {
            branch: essentials.via.unique_branch()?.to_vec(),
            method: essentials.cseq.method.clone(),
        })
    }

    /// The request a transaction sent.
    pub(crate) fn sent_request(&self, key: &ClientKey) -> Option<&ClientTransaction> {
        self.clients.get(key)
    }

    /// Hands a response to its transaction.
    pub(crate) fn handle_response(
        &mut self,
        key: &ClientKey,
        response: &Response,
        essentials: &Essentials,
        source: Source,
        now: Instant,
    ) -> Delivery {
        let Some(transaction) = self.clients.get_mut(key) else {
            return Delivery::Stray;
        };
        let action = match &mut transaction.machine {
            ClientMachine::Invite(machine) => machine.handle_response(response.status, now),
            ClientMachine::Other(machine) => machine.handle_response(response.status, now),
        };
        transaction.may_fall_back = false;
        transaction.answered_from = Some((source.transport, source.remote));
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
    pub(crate) fn settle_client(&mut self, key: &ClientKey) {
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
    pub(crate) fn client_timeout(&mut self, key: &ClientKey, now: Instant) -> Option<Unanswered> {
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
    pub(crate) fn transport_failed(
        &mut self,
        transport: Transport,
        remote: SocketAddr,
        now: Instant,
    ) -> Vec<Unanswered> {
        let keys: Vec<ClientKey> = self
            .clients
            .iter()
            .filter(|(_, t)| t.transport == transport && t.remote == remote)
            .map(|(key, _)| key.clone())
            .collect();
        let mut failed = Vec::new();
        for key in keys {
            if self.fall_back(&key, now) {
                continue;
            }
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
}

impl ClientTransaction {
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
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
        .and_then(|value| CSeq::read(value).ok())
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
