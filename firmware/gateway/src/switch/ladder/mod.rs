//! The SIP messages of calls and trunks, kept for whoever asks what was said.
//!
//! Every message that goes to or comes from the endpoint passes here once: its secrets are struck
//! out ([`strike`]) in the copy that is kept, so no question, dump or capture can give them away.
//! That is a copy and one pass over its bytes a message.
//!
//! | what | bound |
//! |---|---|
//! | one message | 16 KiB, the rest is cut off and counted |
//! | one call (one SIP Call-ID) | 64 messages, 128 KiB: the first 16 and the newest are kept |
//! | one trunk, outside calls | 256 messages, 128 KiB, the newest |
//! | the box | 16 MiB in 4096 Call-IDs: ended calls go first, the oldest before the others |
//!
//! A call's messages are found by the SIP Call-ID; a call that was placed twice (a second target)
//! has two. From a stranger nothing is kept.

mod ring;
mod strike;

use crate::io::sip::SipInput;
use causeway_api::ladder::{Carrier, Ladder, SipMessage};
use causeway_directory::Directory;
use causeway_sip::endpoint::{Transmit, Transport};
use ring::Ring;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

const LONGEST_MESSAGE: usize = 16 * 1024;
const LONGEST_CALL_ID: usize = 256;
const MOST_BYTES: usize = 16 * 1024 * 1024;
const MOST_RINGS: usize = 4_096;

/// A `Call-ID` as it is on the wire.
type SipCallId = Arc<[u8]>;

#[derive(Debug)]
struct Dialog {
    ring: Ring,
    /// Our call, once there is one.
    call: Option<String>,
    /// The trunk it began on.
    trunk: Option<String>,
    /// May be forgotten: the call has ended, or there never was one.
    over: bool,
}

/// See the module.
#[derive(Debug)]
pub struct Ladders {
    dialogs: HashMap<SipCallId, Dialog>,
    /// The dialogs of each call that runs.
    of_running: HashMap<String, Vec<SipCallId>>,
    trunks: BTreeMap<String, Ring>,
    /// What may be forgotten, oldest first; and what runs, oldest first. Names that are gone are skipped.
    over: VecDeque<SipCallId>,
    running: VecDeque<SipCallId>,
    bytes: usize,
    most_bytes: usize,
}

impl Default for Ladders {
    fn default() -> Self {
        Self {
            dialogs: HashMap::new(),
            of_running: HashMap::new(),
            trunks: BTreeMap::new(),
            over: VecDeque::new(),
            running: VecDeque::new(),
            bytes: 0,
            most_bytes: MOST_BYTES,
        }
    }
}

/// One message on its way in or out.
#[derive(Clone, Copy, Debug)]
struct Passing<'a> {
    sent: bool,
    transport: Transport,
    local: SocketAddr,
    remote: SocketAddr,
    bytes: &'a [u8],
}

impl Ladders {
    /// A message that the endpoint is about to be given.
    pub fn received(&mut self, directory: &Directory, input: &SipInput) {
        if let SipInput::Message {
            transport,
            local,
            remote,
            bytes,
        } = input
        {
            let passing = Passing {
                sent: false,
                transport: *transport,
                local: *local,
                remote: *remote,
                bytes,
            };
            self.keep(directory, passing);
        }
    }

    /// A message of the endpoint, on its way to the sockets.
    pub fn sent(&mut self, directory: &Directory, local: SocketAddr, transmit: &Transmit) {
        let passing = Passing {
            sent: true,
            transport: transmit.transport,
            local,
            remote: transmit.remote,
            bytes: &transmit.bytes,
        };
        self.keep(directory, passing);
    }

    /// This SIP Call-ID belongs to this call.
    pub fn assign(&mut self, sip_call_id: &str, call: &str) {
        let (name, dialog) = match self.dialogs.get_key_value(sip_call_id.as_bytes()) {
            Some((name, _)) => (name.clone(), self.dialogs.get_mut(sip_call_id.as_bytes())),
            None => {
                let name: SipCallId = sip_call_id.as_bytes().into();
                self.insert(name.clone(), None);
                let dialog = self.dialogs.get_mut(&name);
                (name, dialog)
            }
        };
        if let Some(dialog) = dialog {
            dialog.call = Some(call.to_owned());
            dialog.over = false;
            let of_call = self.of_running.entry(call.to_owned()).or_default();
            of_call.push(name.clone());
            self.running.push_back(name);
        }
    }

    /// An OPTIONS on its way out has a ladder of its own rather than the trunk's.
    pub fn assign_options(&mut self, transmit: &Transmit, ladder: &str) {
        if !transmit.bytes.starts_with(b"OPTIONS ") {
            return;
        }
        let name = header(&transmit.bytes, b"call-id", b"i").map(String::from_utf8_lossy);
        if let Some(name) = name {
            self.assign(&name, ladder);
        }
    }

    /// The call has ended; what was said stays until room is needed.
    pub fn ended(&mut self, call: &str) {
        for name in self.of_running.remove(call).unwrap_or_default() {
            let dialog = self.dialogs.get_mut(&name);
            let dialog = dialog.filter(|d| !d.over && d.call.as_deref() == Some(call));
            if let Some(dialog) = dialog {
                dialog.over = true;
                self.over.push_back(name);
            }
        }
        // The names of ended calls in `running` are skipped when they are met; here they are kept few.
        if self.running.len() > 2 * MOST_RINGS {
            let dialogs = &self.dialogs;
            self.running
                .retain(|name| dialogs.get(name).is_some_and(|d| !d.over));
        }
    }

    /// What was said in a call; `None` when nothing is kept of it.
    pub fn of_call(&self, call: &str) -> Option<Ladder> {
        let rings = self
            .dialogs
            .values()
            .filter(|d| d.call.as_deref() == Some(call))
            .map(|d| &d.ring);
        let ladder = merged(rings);
        (!ladder.messages.is_empty()).then_some(ladder)
    }

    /// What was said on a trunk outside calls, and in calls that never became one of ours.
    pub fn of_trunk(&self, trunk: &str) -> Ladder {
        let orphans = self
            .dialogs
            .values()
            .filter(|d| d.call.is_none() && d.trunk.as_deref() == Some(trunk))
            .map(|d| &d.ring);
        merged(self.trunks.get(trunk).into_iter().chain(orphans))
    }

    /// Bytes held, with what the messages cost beside their text.
    pub fn bytes(&self) -> usize {
        self.bytes + self.trunks.values().map(Ring::bytes).sum::<usize>()
    }

    fn keep(&mut self, directory: &Directory, passing: Passing<'_>) {
        let Some(call_id) = header(passing.bytes, b"call-id", b"i") else {
            return;
        };
        if call_id.is_empty() || call_id.len() > LONGEST_CALL_ID {
            return;
        }
        let known = self.dialogs.contains_key(call_id);
        let trunk = directory
            .trunk_of(passing.remote)
            .map(|t| t.name.get_ref().0.clone());
        // A stranger is nobody's trunk; our answers to one are not kept either.
        if !known && trunk.is_none() {
            return;
        }
        let begins = passing.bytes.starts_with(b"INVITE ");
        if known || begins {
            let name: SipCallId = call_id.into();
            if !known {
                self.insert(name.clone(), trunk);
                self.over.push_back(name.clone());
                if let Some(dialog) = self.dialogs.get_mut(&name) {
                    dialog.over = true;
                }
            }
            if let Some(dialog) = self.dialogs.get_mut(&name) {
                if dialog.trunk.is_none() {
                    dialog.trunk = directory
                        .trunk_of(passing.remote)
                        .map(|t| t.name.get_ref().0.clone());
                }
                let before = dialog.ring.bytes();
                dialog.ring.push(message(passing));
                self.bytes = self.bytes + dialog.ring.bytes() - before;
            }
            self.make_room();
        } else if let Some(trunk) = trunk {
            self.trunks
                .entry(trunk)
                .or_insert_with(Ring::of_trunk)
                .push(message(passing));
        }
    }

    fn insert(&mut self, name: SipCallId, trunk: Option<String>) {
        let dialog = Dialog {
            ring: Ring::of_call(),
            call: None,
            trunk,
            over: false,
        };
        self.dialogs.insert(name, dialog);
    }

    fn make_room(&mut self) {
        while self.bytes > self.most_bytes || self.dialogs.len() > MOST_RINGS {
            let (name, of_over) = match self.over.pop_front() {
                Some(name) => (name, true),
                None => match self.running.pop_front() {
                    Some(name) => (name, false),
                    None => return,
                },
            };
            // A name may stand in a list it has left.
            if self.dialogs.get(&name).is_some_and(|d| d.over == of_over)
                && let Some(dialog) = self.dialogs.remove(&name)
            {
                self.bytes = self.bytes.saturating_sub(dialog.ring.bytes());
            }
        }
    }
}

fn merged<'a>(rings: impl IntoIterator<Item = &'a Ring>) -> Ladder {
    let mut ladder = Ladder::default();
    for ring in rings {
        ladder.omitted += ring.omitted();
        ladder.messages.extend(ring.messages().cloned());
    }
    ladder.messages.sort_by_key(|m| m.at_us);
    ladder
}

fn message(passing: Passing<'_>) -> SipMessage {
    let kept = passing.bytes.len().min(LONGEST_MESSAGE);
    let mut bytes = passing.bytes.get(..kept).unwrap_or_default().to_vec();
    strike::strike(&mut bytes);
    SipMessage {
        at_us: unix_us(),
        sent: passing.sent,
        carrier: match passing.transport {
            Transport::Udp => Carrier::Udp,
            Transport::Tcp => Carrier::Tcp,
            Transport::Tls => Carrier::Tls,
        },
        local: passing.local,
        remote: passing.remote,
        bytes: bytes.into(),
        cut: passing.bytes.len() - kept,
    }
}

/// Microseconds since 1970 by the system's clock.
fn unix_us() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| i64::try_from(d.as_micros()).unwrap_or(i64::MAX))
}

/// The value of the first header of this name, without a parser: the endpoint judges the message.
fn header<'a>(bytes: &'a [u8], name: &[u8], compact: &[u8]) -> Option<&'a [u8]> {
    for line in bytes.split(|b| *b == b'\n').skip(1) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            return None;
        }
        let Some(colon) = line.iter().position(|b| *b == b':') else {
            continue;
        };
        let (key, value) = line.split_at(colon);
        let key = key.trim_ascii_end();
        if key.eq_ignore_ascii_case(name) || key.eq_ignore_ascii_case(compact) {
            return Some(value.get(1..).unwrap_or_default().trim_ascii());
        }
    }
    None
}

#[cfg(test)]
mod tests;
