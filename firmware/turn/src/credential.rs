//! Credentials and nonces that the box need not remember: each carries what it says, and proof of it by the secret of
//! this run.
//!
//! | | form | good for |
//! |---|---|---|
//! | user name | `expiry:id`, expiry in seconds since 1970 | making allocations until [`LIFETIME_S`] after it was issued |
//! | password | base64(HMAC-SHA256(secret, user name)) | the same |
//! | nonce | time and HMAC-SHA256(secret, time, client's address), as hexadecimal | [`NONCE_S`], from that address |
//!
//! An allocation stands as long as it is refreshed, with the credential it was made with: calls are longer than ten
//! minutes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use md5::{Digest, Md5};
use sha2::Sha256;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// Seconds a credential makes allocations.
pub const LIFETIME_S: u64 = 600;
/// Seconds a nonce is good; then 438 gives a new one.
pub const NONCE_S: u64 = 600;
/// Octets of the longest user name that is looked at.
const MAX_USERNAME: usize = 64;
const REALM: &str = "causeway";

/// The secret of one run of the box; everything here ends with it.
#[derive(Clone)]
pub struct Secret([u8; 32]);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What a page is handed.
#[derive(Clone, PartialEq, Eq)]
pub struct Issued {
    pub username: String,
    pub password: String,
}

impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issued")
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// What protects messages (RFC 8489 section 18.5.1.1).
#[derive(Clone, PartialEq, Eq)]
pub struct Key([u8; 16]);

impl Key {
    pub(crate) const fn octets(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

/// The key of a long-term credential.
pub fn long_term_key(username: &str, realm: &str, password: &str) -> Key {
    let mut md5 = Md5::new();
    for part in [username, ":", realm, ":", password] {
        md5.update(part.as_bytes());
    }
    Key(md5.finalize().into())
}

/// What a user name says.
#[derive(Clone, Debug)]
pub struct Credential {
    pub username: String,
    /// Seconds since 1970.
    pub expires: u64,
    pub key: Key,
}

impl Secret {
    /// From 32 unpredictable octets.
    pub const fn new(octets: [u8; 32]) -> Self {
        Self(octets)
    }

    /// The realm of every credential.
    pub const fn realm(&self) -> &'static str {
        REALM
    }

    /// A credential for `id`, which should be unpredictable, from `unix` (seconds since 1970) on.
    pub fn issue(&self, id: &str, unix: u64) -> Issued {
        let username = format!("{}:{id}", unix.saturating_add(LIFETIME_S));
        let password = self.password(&username);
        Issued { username, password }
    }

    /// Reads a user name; whether it is one of ours the integrity of the message tells.
    pub fn credential(&self, username: &[u8]) -> Option<Credential> {
        let username = std::str::from_utf8(username).ok()?;
        let (expires, id) = username.split_once(':')?;
        let good = username.len() <= MAX_USERNAME
            && id.bytes().all(|octet| octet.is_ascii_alphanumeric())
            && expires.bytes().all(|octet| octet.is_ascii_digit());
        Some(Credential {
            username: username.to_owned(),
            expires: expires.parse().ok().filter(|_| good)?,
            key: long_term_key(username, REALM, &self.password(username)),
        })
    }

    fn password(&self, username: &str) -> String {
        STANDARD.encode(self.code(&[b"password", username.as_bytes()]))
    }

    /// A nonce for a client, from `unix` on.
    pub fn nonce(&self, client: SocketAddr, unix: u64) -> String {
        let code = self.nonce_code(client, unix);
        format!("{unix:x}.{}", hex(&code))
    }

    /// Whether a nonce is ours, of this client and not too old.
    pub fn is_fresh(&self, nonce: &[u8], client: SocketAddr, unix: u64) -> bool {
        let Some((time, code)) = std::str::from_utf8(nonce)
            .ok()
            .and_then(|nonce| nonce.split_once('.'))
        else {
            return false;
        };
        let Ok(issued) = u64::from_str_radix(time, 16) else {
            return false;
        };
        issued <= unix
            && unix - issued <= NONCE_S
            // What is compared is public to its owner and bound to his address: time tells him nothing.
            && hex(&self.nonce_code(client, issued)) == code
    }

    fn nonce_code(&self, client: SocketAddr, unix: u64) -> [u8; 8] {
        let ip = match client.ip() {
            IpAddr::V4(v4) => v4.octets().to_vec(),
            IpAddr::V6(v6) => v6.octets().to_vec(),
        };
        let code = self.code(&[
            b"nonce",
            &unix.to_be_bytes(),
            &client.port().to_be_bytes(),
            &ip,
        ]);
        let [a, b, c, d, e, f, g, h, ..] = code;
        [a, b, c, d, e, f, g, h]
    }

    fn code(&self, parts: &[&[u8]]) -> [u8; 32] {
        let Ok(mut mac) = <Hmac<Sha256> as Mac>::new_from_slice(&self.0) else {
            // HMAC takes keys of any length.
            return [0; 32];
        };
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

fn hex(octets: &[u8]) -> String {
    use fmt::Write;
    octets.iter().fold(String::new(), |mut text, octet| {
        let _ = write!(text, "{octet:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_read_back_and_a_changed_one_has_another_key() {
        let secret = Secret::new([1; 32]);
        let issued = secret.issue("abc", 1_000);
        assert_eq!(issued.username, "1600:abc");
        let key = long_term_key(&issued.username, REALM, &issued.password);
        let read = secret.credential(issued.username.as_bytes()).unwrap();
        assert_eq!((read.expires, &read.key), (1_600, &key));
        assert_ne!(secret.credential(b"9999:abc").unwrap().key, key);
        let next_run = Secret::new([2; 32]);
        assert_ne!(
            next_run.credential(issued.username.as_bytes()).unwrap().key,
            key
        );
        for bad in [
            &b""[..],
            b"abc",
            b":abc",
            b"+5:abc",
            b"5:a\"c",
            b"99999999999999999999:a",
            b"\xFF:a",
            &[b'1'; 80],
        ] {
            assert!(secret.credential(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn a_nonce_is_of_one_address_and_ten_minutes() {
        let secret = Secret::new([1; 32]);
        let client: SocketAddr = "192.0.2.1:5000".parse().unwrap();
        let nonce = secret.nonce(client, 1_000);
        assert!(secret.is_fresh(nonce.as_bytes(), client, 1_000));
        assert!(secret.is_fresh(nonce.as_bytes(), client, 1_600));
        assert!(!secret.is_fresh(nonce.as_bytes(), client, 1_601));
        assert!(!secret.is_fresh(nonce.as_bytes(), client, 999));
        let other: SocketAddr = "192.0.2.1:5001".parse().unwrap();
        assert!(!secret.is_fresh(nonce.as_bytes(), other, 1_000));
        for bad in [&b""[..], b".", b"3e8.", b"zz.00", b"\xFF"] {
            assert!(!secret.is_fresh(bad, client, 1_000));
        }
    }

    #[test]
    fn nothing_secret_is_printed() {
        let secret = Secret::new([1; 32]);
        let issued = secret.issue("abc", 1_000);
        let printed = format!("{issued:?} {secret:?}");
        assert!(!printed.contains(&issued.password));
    }
}
