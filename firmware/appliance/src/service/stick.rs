//! A document on a USB stick.
//!
//! | the box | the stick | what |
//! |---|---|---|
//! | has no administrator | has a document with `[admin] password` | taken |
//! | has no administrator | has one without | refused |
//! | has one | is signed by a key of `[usb] signers` | taken |
//! | has one | is not | refused |
//! | whichever | has the document that was taken last | left alone |
//!
//! A signature is Ed25519 (RFC 8032) of the document's octets: 64 octets, or 128 hexadecimal digits. A stick that stays
//! in its socket does not undo what was changed since.

use super::draft::Draft;
use super::{Moment, Reply, Service};
use crate::document::validate;
use crate::keep;
use crate::secrets::{hex, unhex};
use crate::wire::Refusal;
use causeway_config::{Disk, Note};
use ring::signature::{ED25519, UnparsedPublicKey};
use sha2::{Digest, Sha256};

/// The hash of the document that was taken last.
const TAKEN: &str = "usb-taken";

/// What is on a stick.
#[derive(Clone, Copy)]
pub struct Stick<'a> {
    pub document: &'a [u8],
    pub signature: Option<&'a [u8]>,
}

impl std::fmt::Debug for Stick<'_> {
    /// Not what is in it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stick").finish_non_exhaustive()
    }
}

impl Stick<'_> {
    fn is_signed_by(&self, signers: &[String]) -> bool {
        let Some(signature) = self.signature else {
            return false;
        };
        let digits = std::str::from_utf8(signature)
            .map(str::trim)
            .ok()
            .and_then(unhex);
        let signature = digits.as_deref().unwrap_or(signature);
        signers.iter().filter_map(|key| unhex(key)).any(|key| {
            let key = UnparsedPublicKey::new(&ED25519, key);
            key.verify(self.document, signature).is_ok()
        })
    }
}

impl<D: Disk> Service<D> {
    /// Takes a stick's document, if it may be. None: it was taken before.
    pub fn handle_stick(&mut self, stick: Stick<'_>, moment: Moment<'_>) -> Option<Reply> {
        let hash = hex(&Sha256::digest(stick.document));
        let before = self.private.read(TAKEN, 128).unwrap_or_default();
        if before == hash.as_bytes() {
            return None;
        }
        let taken = self.take(stick, moment);
        if taken.is_ok() {
            // Where that cannot be kept it is taken once more.
            let _ = keep::replace(&mut self.private, TAKEN, hash.as_bytes());
        }
        Some(taken.unwrap_or_else(Reply::from))
    }

    fn take(&mut self, stick: Stick<'_>, mut moment: Moment<'_>) -> Result<Reply, Refusal> {
        let guarded = self.is_guarded();
        if guarded {
            let signers = validate(self.text()).map(|checked| checked.own.usb.signers);
            if !stick.is_signed_by(&signers.unwrap_or_default()) {
                let why = "the box is configured, and this document is not signed by a key that [usb] signers names";
                return Err(Refusal::new("unsigned", why));
            }
        }
        let text = std::str::from_utf8(stick.document)
            .map_err(|_| Refusal::new("invalid", "the document is no text"))?;
        let mut draft = Draft::of(self.text(), self.revision())?;
        draft.import(text, &self.secrets, &mut moment.lots)?;
        if !guarded && draft.password.is_none() {
            let why = "the box has no administrator: the document needs [admin] with a password";
            return Err(Refusal::new("invalid", why));
        }
        self.have_admin_key(&mut draft, &mut moment)?;
        let note = Note {
            at: moment.at,
            author: "usb".to_owned(),
            comment: "from a stick".to_owned(),
        };
        self.put_in_force(draft, note, None, moment)
    }

    /// Somebody should know it.
    pub fn tell(&mut self, line: String) {
        if self.told.len() >= 16 {
            self.told.remove(0);
        }
        self.told.push(line);
    }
}
