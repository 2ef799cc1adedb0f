//! Tokens: what a page shows instead of a secret.
//!
//! `cw1.` + base64url(claims as JSON) + `.` + base64url(HMAC-SHA256 of everything before the dot).
//! Pure: the time, the nonce and the key are handed in.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use causeway_directory::{AccountId, AppKey, DialPattern};
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use std::fmt;

/// Longest token looked at, in bytes: 32 destinations and a page fit well.
pub const MAX_TOKEN: usize = 8 * 1024;

/// Most destinations a token can be narrowed to.
pub const MAX_DESTINATIONS: usize = 32;

/// Shortest and longest life, and the one given when none is asked for, in seconds.
pub const LIFETIME_S: std::ops::RangeInclusive<u64> = 10..=600;
pub const DEFAULT_LIFETIME_S: u64 = 300;

const PREFIX: &str = "cw1.";

/// The box's own signing key, 256 random bits kept in its state. `Debug` hides it.
#[derive(Clone)]
pub struct TokenKey([u8; 32]);

impl TokenKey {
    pub fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    fn mac(&self) -> Hmac<Sha256> {
        // HMAC takes a key of any length; 32 bytes never fail.
        <Hmac<Sha256> as Mac>::new_from_slice(&self.0)
            .unwrap_or_else(|_| <Hmac<Sha256> as Mac>::new(&Default::default()))
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenKey(…)")
    }
}

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claims {
    pub app: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Destination patterns, normalised. Empty: no further limit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
    /// For tests of the way to the box and nothing else; then `app` is empty.
    #[serde(default, skip_serializing_if = "is_false")]
    pub test: bool,
    /// Minted, in seconds since 1970.
    pub iat: u64,
    /// Over, in seconds since 1970.
    pub exp: u64,
    /// Makes two tokens minted in one second differ, 16 hexadecimal digits.
    pub nonce: String,
}

// serde hands the field over by reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
const fn is_false(value: &bool) -> bool {
    !*value
}

impl Claims {
    /// The app's key.
    pub fn app(&self) -> AppKey {
        AppKey(self.app.clone())
    }

    /// The account and the destinations as types.
    ///
    /// # Errors
    /// [`TokenError::Foreign`] when a field is not what we write.
    pub fn subject(&self) -> Result<(Option<AccountId>, Vec<DialPattern>), TokenError> {
        let account = self
            .account
            .as_deref()
            .map(AccountId::parse)
            .transpose()
            .map_err(|_| TokenError::Foreign)?;
        let to = self
            .to
            .iter()
            .map(|p| DialPattern::parse(p))
            .collect::<Result<_, _>>()
            .map_err(|_| TokenError::Foreign)?;
        Ok((account, to))
    }
}

/// Why a token is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not of our form, or not signed with our key.
    #[error("the token is not one of this box")]
    Foreign,
    /// Signed by us, over since `exp`.
    #[error("the token is too old")]
    Expired,
}

/// Signs claims.
pub fn mint(key: &TokenKey, claims: &Claims) -> String {
    // A struct of strings and numbers always serialises.
    let json = serde_json::to_vec(claims).unwrap_or_default();
    let mut token = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(json));
    let mut mac = key.mac();
    mac.update(token.as_bytes());
    let signature = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
    token.push('.');
    token.push_str(&signature);
    token
}

/// Checks signature, then age (`now` in seconds since 1970).
///
/// # Errors
/// [`TokenError::Foreign`] for anything not signed by `key`; [`TokenError::Expired`] at `exp` and after.
pub fn verify(key: &TokenKey, token: &str, now: u64) -> Result<Claims, TokenError> {
    if token.len() > MAX_TOKEN {
        return Err(TokenError::Foreign);
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::Foreign)?;
    let body = signed.strip_prefix(PREFIX).ok_or(TokenError::Foreign)?;
    let signature = URL_SAFE_NO_PAD
        .decode(signature)
        .map_err(|_| TokenError::Foreign)?;
    let mut mac = key.mac();
    mac.update(signed.as_bytes());
    mac.verify_slice(&signature)
        .map_err(|_| TokenError::Foreign)?;
    let json = URL_SAFE_NO_PAD
        .decode(body)
        .map_err(|_| TokenError::Foreign)?;
    let claims: Claims = serde_json::from_slice(&json).map_err(|_| TokenError::Foreign)?;
    if now >= claims.exp {
        return Err(TokenError::Expired);
    }
    Ok(claims)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> TokenKey {
        TokenKey::new([7; 32])
    }

    fn claims() -> Claims {
        Claims {
            app: "shop".into(),
            account: Some("anna@example.com".into()),
            to: vec!["+4930*".into()],
            page: Some("https://shop.example/help".into()),
            test: false,
            iat: 1000,
            exp: 1300,
            nonce: "00ff00ff00ff00ff".into(),
        }
    }

    #[test]
    fn what_was_minted_is_read_back_until_it_ends() {
        let token = mint(&key(), &claims());
        assert!(token.starts_with("cw1."));
        assert_eq!(verify(&key(), &token, 1000), Ok(claims()));
        assert_eq!(verify(&key(), &token, 1299), Ok(claims()));
        assert_eq!(verify(&key(), &token, 1300), Err(TokenError::Expired));
    }

    #[test]
    fn no_changed_byte_passes() {
        let token = mint(&key(), &claims());
        for at in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert_eq!(
                verify(&key(), &changed, 1000),
                Err(TokenError::Foreign),
                "byte {at}"
            );
        }
    }

    #[test]
    fn another_box_and_nonsense_are_foreign() {
        let token = mint(&TokenKey::new([8; 32]), &claims());
        assert_eq!(verify(&key(), &token, 1000), Err(TokenError::Foreign));
        for nonsense in ["", ".", "cw1.", "cw1..", "cw1.e30.", "ü.ü", "cw2.e30.AAAA"] {
            assert_eq!(verify(&key(), nonsense, 0), Err(TokenError::Foreign));
        }
        let long = format!("cw1.{}.AA", "A".repeat(MAX_TOKEN));
        assert_eq!(verify(&key(), &long, 0), Err(TokenError::Foreign));
    }

    #[test]
    fn an_old_token_of_another_box_is_foreign_not_expired() {
        let token = mint(&TokenKey::new([8; 32]), &claims());
        assert_eq!(verify(&key(), &token, 9999), Err(TokenError::Foreign));
    }
}
