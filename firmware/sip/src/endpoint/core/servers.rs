//! Requests of the far side: their transactions and our responses.

use std::net::SocketAddr;
use std::time::Instant;

use super::reply::{Reply, echo, shortest};
use super::{Core, Owner, Source};
use crate::endpoint::command::{CallId, Transmit, Transport};
use crate::message::check::Essentials;
use crate::message::{HeaderName, Headers, Method, Request, Via};
use crate::transaction::{Server, ServerAction, ServerInvite};

/// A server transaction is found by branch, sent-by and method (RFC 3261 §17.2.3), or what RFC 2543 had for it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ServerKey(Vec<u8>);

#[derive(Debug)]
enum ServerMachine {
    Invite(ServerInvite),
    Other(Server),
}

#[derive(Debug)]
pub(super) struct ServerTransaction {
    machine: ServerMachine,
    transport: Transport,
    remote: SocketAddr,
    /// Via, From, To, Call-ID, CSeq, Timestamp of every response.
    echo: Headers,
    last: Vec<u8>,
    user: Option<CallId>,
    merge: Option<MergeKey>,
}

/// Call-ID, From tag, CSeq with its method: the same request over two paths has the same (§8.2.2.2).
pub(super) type MergeKey = (Vec<u8>, Vec<u8>, u32, Method);

impl Core {
    /// The key of the transaction a request belongs to; ACK and CANCEL can ask for that of their INVITE.
    pub(crate) fn server_key(
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
    pub(crate) fn retransmitted_request(&mut self, key: &ServerKey) -> bool {
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
    pub(crate) fn is_merged(&self, essentials: &Essentials) -> bool {
        self.merges.contains_key(&merge_key(essentials))
    }

    /// Whether no further request can be taken. Requests inside dialogs may use the double.
    pub(crate) fn is_full(&self, in_dialog: bool) -> bool {
        let bound = self.config.max_transactions;
        self.servers.len()
            >= if in_dialog {
                bound.saturating_mul(2)
            } else {
                bound
            }
    }

    /// Makes a transaction for a request.
    pub(crate) fn open_server(
        &mut self,
        key: &ServerKey,
        request: &Request,
        essentials: &Essentials,
        source: Source,
    ) {
        let reliable = source.transport.is_reliable();
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
    pub(crate) fn assign_server(&mut self, key: &ServerKey, call: CallId) {
        if let Some(transaction) = self.servers.get_mut(key) {
            transaction.user = Some(call);
        }
    }

    /// The call of a transaction.
    pub(crate) fn server_user(&self, key: &ServerKey) -> Option<CallId> {
        self.servers.get(key)?.user
    }

    /// Whether the transaction exists and has no final response yet.
    pub(crate) fn is_unanswered(&self, key: &ServerKey) -> bool {
        self.servers
            .get(key)
            .is_some_and(|transaction| match &transaction.machine {
                ServerMachine::Invite(machine) => machine.is_proceeding(),
                ServerMachine::Other(machine) => machine.is_pending(),
            })
    }

    /// Whether the transaction exists.
    pub(crate) fn has_server(&self, key: &ServerKey) -> bool {
        self.servers.contains_key(key)
    }

    /// Sends a response in its transaction. Returns the bytes, for those who repeat them themselves.
    pub(crate) fn respond(
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
    pub(crate) fn respond_stateless(
        &mut self,
        headers: &Headers,
        via: Option<&Via>,
        source: Source,
        reply: Reply,
    ) {
        self.respond_within(usize::MAX, headers, via, source, reply);
    }

    /// The same in at most `most` octets: in its shortest form where it is longer. `false` when even that is too long;
    /// nothing is sent then.
    pub(crate) fn respond_within(
        &mut self,
        most: usize,
        headers: &Headers,
        via: Option<&Via>,
        source: Source,
        mut reply: Reply,
    ) -> bool {
        let part = |name| headers.get(name).unwrap_or_default();
        let tag = self.ids.stateless_tag(&[
            part(&HeaderName::CallId),
            part(&HeaderName::CSeq),
            part(&HeaderName::Via),
        ]);
        reply.to_tag.get_or_insert(tag);
        let echo = echo(headers, via, source.remote);
        let response = reply.build(&echo, &self.config.user_agent);
        let mut bytes = response.to_bytes();
        if bytes.len() > most {
            bytes = shortest(&response);
        }
        if bytes.len() > most {
            return false;
        }
        self.transmit(Transmit {
            transport: source.transport,
            remote: source.remote,
            bytes,
        });
        true
    }

    /// The ACK of a failure response. `false` when it belongs to no such transaction.
    pub(crate) fn handle_ack(&mut self, key: &ServerKey, now: Instant) -> bool {
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
    pub(crate) fn server_timeout(&mut self, key: &ServerKey, now: Instant) {
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

fn merge_key(essentials: &Essentials) -> MergeKey {
    (
        essentials.call_id.clone(),
        essentials.from_tag().to_vec(),
        essentials.cseq.number,
        essentials.cseq.method.clone(),
    )
}
