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
//! | the box | 8 MiB in 4096 Call-IDs: ended calls go first, the oldest before the others |
//!
//! A call's messages are found by the SIP Call-ID; a call that was placed twice (a second target)
//! has two. From a stranger nothing is kept. Names are known by a keyed hash of 128 bits, so that whatever is kept of a
//! call lies in [`blocks`] and in tables.

mod blocks;
mod log;
mod ring;
mod strike;

use crate::io::sip::SipInput;
use blocks::Blocks;
use causeway_api::ladder::{Carrier, Ladder};
use causeway_directory::Directory;
use causeway_sip::endpoint::{Transmit, Transport};
use log::Entry;
use ring::Ring;
use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::BuildHasher;
use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

const LONGEST_MESSAGE: usize = 16 * 1024;
const LONGEST_CALL_ID: usize = 256;
const MOST_BYTES: usize = 8 * 1024 * 1024;
const MOST_RINGS: usize = 4_096;

/// What stands for a `Call-ID`, or for our name of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Name(u64, u64);

/// Makes names that nobody outside can foresee.
#[derive(Debug, Default)]
struct Naming(RandomState, RandomState);

impl Naming {
    fn of(&self, text: &[u8]) -> Name {
        Name(self.0.hash_one(text), self.1.hash_one(text))
    }
}

#[derive(Debug)]
struct Dialog {
    ring: Ring,
    /// Our call, once there is one.
    call: Option<Name>,
    /// The trunk it began on.
    trunk: Option<Name>,
    /// May be forgotten: the call has ended, or there never was one.
    over: bool,
}

/// See the module.
#[derive(Debug)]
pub struct Ladders {
    naming: Naming,
    blocks: Blocks,
    dialogs: HashMap<Name, Dialog>,
    /// The dialogs of each call that runs.
    of_running: HashMap<Name, Vec<Name>>,
    trunks: BTreeMap<String, Ring>,
    /// What may be forgotten, oldest first; and what runs, oldest first. Names that are gone are skipped.
    over: VecDeque<Name>,
    running: VecDeque<Name>,
    bytes: usize,
    most_bytes: usize,
    /// A message whose secrets are being struck out.
    text: Vec<u8>,
}

impl Default for Ladders {
    fn default() -> Self {
        Self {
            naming: Naming::default(),
            blocks: Blocks::default(),
            dialogs: HashMap::new(),
            of_running: HashMap::new(),
            trunks: BTreeMap::new(),
            over: VecDeque::new(),
            running: VecDeque::new(),
            bytes: 0,
            most_bytes: MOST_BYTES,
            text: Vec::new(),
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
        let name = self.naming.of(sip_call_id.as_bytes());
        let call = self.naming.of(call.as_bytes());
        let dialog = self.dialogs.entry(name).or_default();
        dialog.call = Some(call);
        dialog.over = false;
        self.of_running.entry(call).or_default().push(name);
        self.running.push_back(name);
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
        let call = self.naming.of(call.as_bytes());
        for name in self.of_running.remove(&call).unwrap_or_default() {
            let dialog = self.dialogs.get_mut(&name);
            let dialog = dialog.filter(|d| !d.over && d.call == Some(call));
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
        let call = self.naming.of(call.as_bytes());
        let rings = self
            .dialogs
            .values()
            .filter(|d| d.call == Some(call))
            .map(|d| &d.ring);
        let ladder = merged(rings, &self.blocks);
        (!ladder.messages.is_empty()).then_some(ladder)
    }

    /// What was said on a trunk outside calls, and in calls that never became one of ours.
    pub fn of_trunk(&self, trunk: &str) -> Ladder {
        let name = self.naming.of(trunk.as_bytes());
        let orphans = self
            .dialogs
            .values()
            .filter(|d| d.call.is_none() && d.trunk == Some(name))
            .map(|d| &d.ring);
        let rings = self.trunks.get(trunk).into_iter().chain(orphans);
        merged(rings, &self.blocks)
    }

    /// Octets held.
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
        let name = self.naming.of(call_id);
        let known = self.dialogs.contains_key(&name);
        let trunk = directory
            .trunk_of(passing.remote)
            .map(|t| t.name.get_ref().0.clone());
        // A stranger is nobody's trunk; our answers to one are not kept either.
        if !known && trunk.is_none() {
            return;
        }
        let begins = passing.bytes.starts_with(b"INVITE ");
        let mut text = std::mem::take(&mut self.text);
        let entry = entry(passing, &mut text);
        if known || begins {
            if !known {
                self.over.push_back(name);
            }
            let dialog = self.dialogs.entry(name).or_insert_with(|| Dialog {
                over: true,
                ..Dialog::default()
            });
            let named = |trunk: &String| self.naming.of(trunk.as_bytes());
            dialog.trunk = dialog.trunk.or_else(|| trunk.as_ref().map(named));
            let before = dialog.ring.bytes();
            dialog.ring.push(&entry, &mut self.blocks);
            self.bytes = self.bytes + dialog.ring.bytes() - before;
            self.make_room();
        } else if let Some(trunk) = trunk {
            let ring = self.trunks.entry(trunk).or_insert_with(Ring::of_trunk);
            ring.push(&entry, &mut self.blocks);
        }
        self.text = text;
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
                dialog.ring.clear(&mut self.blocks);
            }
        }
    }
}

impl Default for Dialog {
    fn default() -> Self {
        Self {
            ring: Ring::of_call(),
            call: None,
            trunk: None,
            over: false,
        }
    }
}

fn merged<'a>(rings: impl IntoIterator<Item = &'a Ring>, blocks: &Blocks) -> Ladder {
    let mut ladder = Ladder::default();
    for ring in rings {
        ladder.omitted += ring.omitted();
        ladder.messages.extend(ring.messages(blocks));
    }
    ladder.messages.sort_by_key(|m| m.at_us);
    ladder
}

/// What is kept of a message, its text without secrets in `text`.
fn entry<'a>(passing: Passing<'_>, text: &'a mut Vec<u8>) -> Entry<'a> {
    let kept = passing.bytes.len().min(LONGEST_MESSAGE);
    text.clear();
    text.extend_from_slice(passing.bytes.get(..kept).unwrap_or_default());
    strike::strike(text);
    Entry {
        at_us: unix_us(),
        sent: passing.sent,
        carrier: match passing.transport {
            Transport::Udp => Carrier::Udp,
            Transport::Tcp => Carrier::Tcp,
            Transport::Tls => Carrier::Tls,
        },
        local: passing.local,
        remote: passing.remote,
        bytes: text,
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
