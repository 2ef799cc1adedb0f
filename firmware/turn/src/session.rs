//! One client, that is one 5-tuple (RFC 8656 section 5): what each of its frames leads to.
//!
//! | request | refused with |
//! |---|---|
//! | any but Binding | 401 without a good credential, 400 with half of one, 438 with an old nonce, 420 |
//! | Allocate | 437 there is one, 442 not UDP, 440 no such family, 508 a reserved port, 486 and 508 no room |
//! | Refresh | 437 there is none, 441 another's credential, 443 another family |
//! | CreatePermission, ChannelBind | the same, and 403 a peer that is not the box's media port, 400 |
//!
//! Send indications and ChannelData that may not pass are dropped and told as a [`Drop`]. DONT-FRAGMENT is taken and
//! means nothing: between here and the media port nothing is fragmented.

use crate::allocation::{Allocation, Beginning, LIFETIME};
use crate::asked::{Asked, authenticate};
use crate::credential::Secret;
use crate::frame::{self, Frame};
use crate::message::{Class, Message, Transaction, Writer, attribute, method, read_address};
use crate::peers::{Family, Peers};
use crate::refusal::{Refusal, error, refuse_unknown, unknown_attributes};
use std::net::SocketAddr;
use std::time::Instant;

/// UDP, as REQUESTED-TRANSPORT names it.
const UDP: u8 = 17;

/// What all sessions share.
#[derive(Clone, Debug)]
pub struct Desk {
    pub secret: Secret,
    pub peers: Peers,
}

/// The time, by the clock that never jumps and by the calendar.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    pub clock: Instant,
    /// Seconds since 1970.
    pub unix: u64,
}

/// Why a frame came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drop {
    /// Not STUN, not ChannelData, or neither request nor a known indication.
    Malformed,
    /// Names a peer that is not the box's media port.
    Forbidden,
    /// No allocation, permission or channel for it.
    NotPermitted,
}

/// What a frame leads to.
#[derive(Debug, PartialEq, Eq)]
pub enum Step<'a> {
    Dropped(Drop),
    /// To be sent to the client.
    Reply {
        message: Vec<u8>,
        refused: Option<Refusal>,
        /// The client has shown a good credential: the address is its own.
        known: bool,
    },
    /// To be sent to the media port.
    Relay {
        peer: usize,
        datagram: &'a [u8],
    },
    /// A relayed address is wanted: [`Session::opened`] or [`Session::not_opened`] must be called next.
    Open(Opening),
    /// The client gave its allocation back.
    Freed(Vec<u8>),
}

/// A wanted allocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    pub username: String,
    /// The peer whose family it is for.
    pub peer: usize,
    /// Its port has to be even.
    pub even: bool,
}

/// One client.
#[derive(Debug)]
pub struct Session {
    client: SocketAddr,
    opening: Option<Beginning>,
    allocation: Option<Allocation>,
    /// Of the last indication.
    indications: u64,
}

impl Session {
    /// A client at this address, with nothing yet.
    pub const fn new(client: SocketAddr) -> Self {
        Self {
            client,
            opening: None,
            allocation: None,
            indications: 0,
        }
    }

    pub const fn has_allocation(&self) -> bool {
        self.allocation.is_some()
    }

    /// When the allocation ends, unless it is refreshed and used.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.allocation.as_ref().map(Allocation::ends)
    }

    /// Whether the allocation has just come to its end.
    pub fn handle_timeout(&mut self, now: Instant) -> bool {
        let over = self
            .allocation
            .as_ref()
            .is_some_and(|allocation| allocation.ends() <= now);
        if over {
            self.allocation = None;
        }
        over
    }

    /// Takes one datagram, or one frame of a stream.
    pub fn handle<'a>(&mut self, octets: &'a [u8], desk: &Desk, now: Now) -> Step<'a> {
        self.handle_timeout(now.clock);
        match frame::read(octets) {
            Some(Frame::Channel { number, data }) => self.channel_data(number, data, now.clock),
            Some(Frame::Stun(octets)) => match Message::parse(octets) {
                Ok(message) => match (message.class, message.method) {
                    (Class::Request, method::BINDING) => self.binding(&message),
                    (Class::Request, _) => self.request(&message, desk, now),
                    (Class::Indication, method::SEND) => self.send(&message, desk, now.clock),
                    _ => Step::Dropped(Drop::Malformed),
                },
                Err(_) => Step::Dropped(Drop::Malformed),
            },
            None => Step::Dropped(Drop::Malformed),
        }
    }

    fn binding<'s>(&self, message: &Message<'_>) -> Step<'s> {
        if let Some(unknown) = unknown_attributes(message) {
            return Step::Reply {
                message: refuse_unknown(message, &unknown).finish(None),
                refused: Some(Refusal::UnknownAttribute),
                known: false,
            };
        }
        Step::Reply {
            message: Writer::new(Class::Success, method::BINDING, message.transaction)
                .address(attribute::XOR_MAPPED_ADDRESS, self.client)
                .finish(None),
            refused: None,
            known: false,
        }
    }

    fn request<'s>(&mut self, message: &Message<'_>, desk: &Desk, now: Now) -> Step<'s> {
        let asked = match authenticate(message, self.client, self.has_allocation(), desk, now) {
            Ok(asked) => asked,
            Err(refusal) => return self.challenge(message, refusal, desk, now.unix),
        };
        if let Some(unknown) = unknown_attributes(message) {
            return Step::Reply {
                message: refuse_unknown(message, &unknown).finish(asked.key()),
                refused: Some(Refusal::UnknownAttribute),
                known: true,
            };
        }
        let done = match message.method {
            method::ALLOCATE => self.allocate(&asked, desk, now),
            method::REFRESH => self.refresh(&asked, now.clock),
            method::CREATE_PERMISSION => self.create_permission(&asked, desk, now.clock),
            method::CHANNEL_BIND => self.channel_bind(&asked, desk, now.clock),
            _ => Err(Refusal::BadRequest),
        };
        done.unwrap_or_else(|refusal| asked.refuse(refusal))
    }

    fn challenge<'s>(
        &self,
        message: &Message<'_>,
        refusal: Refusal,
        desk: &Desk,
        unix: u64,
    ) -> Step<'s> {
        let mut writer = error(message.method, message.transaction, refusal);
        if refusal != Refusal::BadRequest {
            let nonce = desk.secret.nonce(self.client, unix);
            writer = writer
                .attribute(attribute::REALM, desk.secret.realm().as_bytes())
                .attribute(attribute::NONCE, nonce.as_bytes());
        }
        Step::Reply {
            message: writer.finish(None),
            refused: Some(refusal),
            known: false,
        }
    }

    fn allocate<'s>(
        &mut self,
        asked: &Asked<'_, '_>,
        desk: &Desk,
        now: Now,
    ) -> Result<Step<'s>, Refusal> {
        let message = asked.message;
        if let Some(allocation) = &self.allocation {
            let again = allocation.transaction == message.transaction
                && allocation.username == asked.credential.username;
            return if again {
                Ok(self.allocated(allocation, now.clock))
            } else {
                Err(Refusal::AllocationMismatch)
            };
        }
        let transport = message
            .attribute(attribute::REQUESTED_TRANSPORT)
            .and_then(<[u8]>::first)
            .ok_or(Refusal::BadRequest)?;
        if *transport != UDP {
            return Err(Refusal::TransportNotSupported);
        }
        let even = message.attribute(attribute::EVEN_PORT);
        let reserves = even.and_then(<[u8]>::first).is_some_and(|r| r & 0x80 != 0);
        if reserves || message.attribute(attribute::RESERVATION_TOKEN).is_some() {
            return Err(Refusal::InsufficientCapacity);
        }
        let family = match message.attribute(attribute::REQUESTED_ADDRESS_FAMILY) {
            // Who asks for none gets IPv6 where the box has nothing else: nobody can use the other.
            None => desk.peers.usual_family(),
            Some([1, ..]) => Some(Family::V4),
            Some([2, ..]) => Some(Family::V6),
            Some(_) => None,
        };
        let (family, peer) = family
            .and_then(|family| Some((family, desk.peers.first(family)?)))
            .ok_or(Refusal::FamilyNotSupported)?;
        self.opening = Some(Beginning {
            username: asked.credential.username.clone(),
            family,
            transaction: message.transaction,
            key: asked.credential.key.clone(),
            integrity: asked.integrity,
        });
        Ok(Step::Open(Opening {
            username: asked.credential.username.clone(),
            peer,
            even: even.is_some(),
        }))
    }

    /// The relayed address that was wanted; the reply to the client. Empty when none was wanted.
    pub fn opened(&mut self, relayed: SocketAddr, desk: &Desk, now: Instant) -> Vec<u8> {
        let Some(beginning) = self.opening.take() else {
            return Vec::new();
        };
        let allocation = Allocation::new(beginning, relayed, desk.peers.count(), now);
        let reply = self.allocated_message(&allocation, now);
        self.allocation = Some(allocation);
        reply
    }

    /// There is no relayed address to be had; the reply to the client. Empty when none was wanted.
    pub fn not_opened(&mut self, refusal: Refusal) -> Vec<u8> {
        let Some(beginning) = self.opening.take() else {
            return Vec::new();
        };
        error(method::ALLOCATE, beginning.transaction, refusal)
            .finish(Some((&beginning.key, beginning.integrity)))
    }

    fn allocated<'s>(&self, allocation: &Allocation, now: Instant) -> Step<'s> {
        Step::Reply {
            message: self.allocated_message(allocation, now),
            refused: None,
            known: true,
        }
    }

    fn allocated_message(&self, allocation: &Allocation, now: Instant) -> Vec<u8> {
        let left = allocation.ends().saturating_duration_since(now).as_secs();
        Writer::new(Class::Success, method::ALLOCATE, allocation.transaction)
            .address(attribute::XOR_RELAYED_ADDRESS, allocation.relayed)
            .attribute(attribute::LIFETIME, &seconds(left))
            .address(attribute::XOR_MAPPED_ADDRESS, self.client)
            .finish(Some((&allocation.key, allocation.integrity)))
    }

    /// The allocation, when this is who made it.
    fn own(&mut self, asked: &Asked<'_, '_>) -> Result<&mut Allocation, Refusal> {
        let allocation = self
            .allocation
            .as_mut()
            .ok_or(Refusal::AllocationMismatch)?;
        if allocation.username != asked.credential.username {
            return Err(Refusal::WrongCredentials);
        }
        Ok(allocation)
    }

    fn refresh<'s>(&mut self, asked: &Asked<'_, '_>, now: Instant) -> Result<Step<'s>, Refusal> {
        let allocation = self.own(asked)?;
        let message = asked.message;
        let other = match message.attribute(attribute::REQUESTED_ADDRESS_FAMILY) {
            None => false,
            Some([1, ..]) => allocation.family != Family::V4,
            Some([2, ..]) => allocation.family != Family::V6,
            Some(_) => true,
        };
        if other {
            return Err(Refusal::FamilyMismatch);
        }
        if message.number(attribute::LIFETIME) == Some(0) {
            self.allocation = None;
            let reply = asked
                .reply()
                .attribute(attribute::LIFETIME, &seconds(0))
                .finish(asked.key());
            return Ok(Step::Freed(reply));
        }
        allocation.refresh(now);
        Ok(asked.agree(
            asked
                .reply()
                .attribute(attribute::LIFETIME, &seconds(LIFETIME.as_secs())),
        ))
    }

    fn create_permission<'s>(
        &mut self,
        asked: &Asked<'_, '_>,
        desk: &Desk,
        now: Instant,
    ) -> Result<Step<'s>, Refusal> {
        let allocation = self.own(asked)?;
        let message = asked.message;
        let mut peers = Vec::new();
        for (kind, value) in message.attributes() {
            if kind == attribute::XOR_PEER_ADDRESS {
                peers.push(judge(value, message.transaction, allocation.family, desk)?);
            }
        }
        if peers.is_empty() {
            return Err(Refusal::BadRequest);
        }
        for peer in peers {
            allocation.permit(peer, now);
        }
        Ok(asked.agree(asked.reply()))
    }

    fn channel_bind<'s>(
        &mut self,
        asked: &Asked<'_, '_>,
        desk: &Desk,
        now: Instant,
    ) -> Result<Step<'s>, Refusal> {
        let allocation = self.own(asked)?;
        let message = asked.message;
        let (Some(&[n0, n1, _, _]), Some(peer)) = (
            message.attribute(attribute::CHANNEL_NUMBER),
            message.attribute(attribute::XOR_PEER_ADDRESS),
        ) else {
            return Err(Refusal::BadRequest);
        };
        let number = u16::from_be_bytes([n0, n1]);
        let peer = judge(peer, message.transaction, allocation.family, desk)?;
        if !(0x4000..=0x4FFF).contains(&number) || !allocation.bind(number, peer, now) {
            return Err(Refusal::BadRequest);
        }
        Ok(asked.agree(asked.reply()))
    }

    fn send<'a>(&self, message: &Message<'a>, desk: &Desk, now: Instant) -> Step<'a> {
        let (Some(allocation), Some(peer), Some(datagram)) = (
            &self.allocation,
            message.attribute(attribute::XOR_PEER_ADDRESS),
            message.attribute(attribute::DATA),
        ) else {
            return Step::Dropped(Drop::NotPermitted);
        };
        match judge(peer, message.transaction, allocation.family, desk) {
            Ok(peer) if allocation.permits(peer, now) => Step::Relay { peer, datagram },
            Ok(_) => Step::Dropped(Drop::NotPermitted),
            Err(Refusal::Forbidden) => Step::Dropped(Drop::Forbidden),
            Err(_) => Step::Dropped(Drop::Malformed),
        }
    }

    fn channel_data<'a>(&self, number: u16, datagram: &'a [u8], now: Instant) -> Step<'a> {
        self.allocation
            .as_ref()
            .and_then(|allocation| allocation.peer_of(number, now))
            .map_or(Step::Dropped(Drop::NotPermitted), |peer| Step::Relay {
                peer,
                datagram,
            })
    }

    /// Puts a datagram of a peer into `out` as the client is to get it; false when it may not have it.
    pub fn relayed(
        &mut self,
        peer: usize,
        datagram: &[u8],
        desk: &Desk,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> bool {
        let Some(allocation) = self
            .allocation
            .as_mut()
            .filter(|allocation| allocation.ends() > now)
        else {
            return false;
        };
        if let Some(number) = allocation.channel_to(peer, now) {
            allocation.hear(now);
            frame::write_channel(number, datagram, out);
            return true;
        }
        let Some(address) = desk
            .peers
            .get(peer)
            .filter(|_| allocation.permits(peer, now))
        else {
            return false;
        };
        allocation.hear(now);
        self.indications = self.indications.wrapping_add(1);
        let mut transaction = [0; 12];
        if let Some(tail) = transaction.last_chunk_mut() {
            *tail = self.indications.to_be_bytes();
        }
        let buffer = std::mem::take(out);
        *out = Writer::on(buffer, Class::Indication, method::DATA, transaction)
            .address(attribute::XOR_PEER_ADDRESS, address)
            .attribute(attribute::DATA, datagram)
            .finish(None);
        true
    }
}

/// Which of the box's candidates a peer is.
fn judge(
    value: &[u8],
    transaction: Transaction,
    family: Family,
    desk: &Desk,
) -> Result<usize, Refusal> {
    let peer = read_address(value, &transaction).ok_or(Refusal::BadRequest)?;
    let index = desk.peers.find(peer).ok_or(Refusal::Forbidden)?;
    if Family::of(peer) == family {
        Ok(index)
    } else {
        Err(Refusal::FamilyMismatch)
    }
}

fn seconds(seconds: u64) -> [u8; 4] {
    u32::try_from(seconds).unwrap_or(u32::MAX).to_be_bytes()
}
