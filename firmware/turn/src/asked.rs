//! A request whose sender has shown his credential, and what he is told.

use crate::credential::{Credential, Key};
use crate::message::{Class, Integrity, Message, Writer, attribute};
use crate::refusal::{Refusal, error};
use crate::session::{Desk, Now, Step};
use std::net::SocketAddr;

/// Whom a request came from, as far as it was shown.
pub struct Asked<'m, 'a> {
    pub message: &'m Message<'a>,
    pub credential: Credential,
    pub integrity: Integrity,
}

impl Asked<'_, '_> {
    pub fn reply(&self) -> Writer {
        let message = self.message;
        Writer::new(Class::Success, message.method, message.transaction)
    }

    pub const fn key(&self) -> Option<(&Key, Integrity)> {
        Some((&self.credential.key, self.integrity))
    }

    pub fn agree<'s>(&self, writer: Writer) -> Step<'s> {
        Step::Reply {
            message: writer.finish(self.key()),
            refused: None,
            known: true,
        }
    }

    pub fn refuse<'s>(&self, refusal: Refusal) -> Step<'s> {
        Step::Reply {
            message: error(self.message.method, self.message.transaction, refusal)
                .finish(self.key()),
            refused: Some(refusal),
            known: true,
        }
    }
}

/// RFC 8489 section 9.2.4, with the cheap questions first. `stands` when the client holds an allocation.
///
/// # Errors
/// What the client is told.
pub fn authenticate<'m, 'a>(
    message: &'m Message<'a>,
    client: SocketAddr,
    stands: bool,
    desk: &Desk,
    now: Now,
) -> Result<Asked<'m, 'a>, Refusal> {
    let integrity = message.integrity().ok_or(Refusal::Unauthorized)?;
    let (Some(username), Some(realm), Some(nonce)) = (
        message.attribute(attribute::USERNAME),
        message.attribute(attribute::REALM),
        message.attribute(attribute::NONCE),
    ) else {
        return Err(Refusal::BadRequest);
    };
    if !desk.secret.is_fresh(nonce, client, now.unix) {
        return Err(Refusal::StaleNonce);
    }
    desk.secret
        .credential(username)
        .filter(|_| realm == desk.secret.realm().as_bytes())
        // What stands is refreshed however old its credential is: calls are longer than ten minutes.
        .filter(|credential| stands || credential.expires >= now.unix)
        .filter(|credential| message.is_whole(&credential.key))
        .map(|credential| Asked {
            message,
            credential,
            integrity,
        })
        .ok_or(Refusal::Unauthorized)
}
