//! Why a request is refused, and how that is written.

use crate::message::{Class, Message, Transaction, Writer, attribute};

/// Error codes (RFC 8489 section 18.4, RFC 8656 section 19).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    BadRequest,
    Unauthorized,
    Forbidden,
    UnknownAttribute,
    AllocationMismatch,
    StaleNonce,
    FamilyNotSupported,
    WrongCredentials,
    TransportNotSupported,
    FamilyMismatch,
    QuotaReached,
    InsufficientCapacity,
}

impl Refusal {
    /// All of them, for who counts.
    pub const ALL: [Self; 12] = [
        Self::BadRequest,
        Self::Unauthorized,
        Self::Forbidden,
        Self::UnknownAttribute,
        Self::AllocationMismatch,
        Self::StaleNonce,
        Self::FamilyNotSupported,
        Self::WrongCredentials,
        Self::TransportNotSupported,
        Self::FamilyMismatch,
        Self::QuotaReached,
        Self::InsufficientCapacity,
    ];

    pub const fn code(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::Unauthorized => 401,
            Self::Forbidden => 403,
            Self::UnknownAttribute => 420,
            Self::AllocationMismatch => 437,
            Self::StaleNonce => 438,
            Self::FamilyNotSupported => 440,
            Self::WrongCredentials => 441,
            Self::TransportNotSupported => 442,
            Self::FamilyMismatch => 443,
            Self::QuotaReached => 486,
            Self::InsufficientCapacity => 508,
        }
    }

    /// Short: a refusal may go to somebody who has asked for nothing.
    const fn reason(self) -> &'static str {
        match self {
            Self::BadRequest => "Bad Request",
            Self::Unauthorized => "Unauthorized",
            Self::Forbidden => "Forbidden",
            Self::UnknownAttribute => "Unknown Attribute",
            Self::AllocationMismatch => "Allocation Mismatch",
            Self::StaleNonce => "Stale Nonce",
            Self::FamilyNotSupported => "Address Family not Supported",
            Self::WrongCredentials => "Wrong Credentials",
            Self::TransportNotSupported => "Unsupported Transport Protocol",
            Self::FamilyMismatch => "Peer Address Family Mismatch",
            Self::QuotaReached => "Allocation Quota Reached",
            Self::InsufficientCapacity => "Insufficient Capacity",
        }
    }
}

/// The error response to a request, to be finished.
pub fn error(method: u16, transaction: Transaction, refusal: Refusal) -> Writer {
    let code = refusal.code();
    let [_, class] = (code / 100).to_be_bytes();
    let [_, number] = (code % 100).to_be_bytes();
    let mut value = vec![0, 0, class, number];
    value.extend(refusal.reason().as_bytes());
    Writer::new(Class::Error, method, transaction).attribute(attribute::ERROR_CODE, &value)
}

/// The same for attributes that [`unknown_attributes`] found.
pub fn refuse_unknown(message: &Message<'_>, unknown: &[u8]) -> Writer {
    error(
        message.method,
        message.transaction,
        Refusal::UnknownAttribute,
    )
    .attribute(attribute::UNKNOWN_ATTRIBUTES, unknown)
}

/// Most attributes that are named to who sent them.
const NAMED: usize = 8;

/// Attributes that must be understood and are not, as UNKNOWN-ATTRIBUTES lists them.
pub fn unknown_attributes(message: &Message<'_>) -> Option<Vec<u8>> {
    let unknown: Vec<u8> = message
        .attributes()
        .map(|(kind, _)| kind)
        .filter(|kind| *kind < 0x8000 && !is_known(*kind))
        .take(NAMED)
        .flat_map(u16::to_be_bytes)
        .collect();
    (!unknown.is_empty()).then_some(unknown)
}

const fn is_known(kind: u16) -> bool {
    matches!(
        kind,
        attribute::USERNAME
            | attribute::REALM
            | attribute::NONCE
            | attribute::CHANNEL_NUMBER
            | attribute::LIFETIME
            | attribute::XOR_PEER_ADDRESS
            | attribute::DATA
            | attribute::REQUESTED_ADDRESS_FAMILY
            | attribute::EVEN_PORT
            | attribute::REQUESTED_TRANSPORT
            | attribute::DONT_FRAGMENT
            | attribute::RESERVATION_TOKEN
    )
}
