//! The administrator's password: kept as its Argon2id hash, and slow to guess.

use crate::secrets::Lots;
use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use std::time::{Duration, Instant};

/// Wrong ones before anybody has to wait.
const FREE: u32 = 3;
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// RFC 9106 for a machine of little memory: 19 MiB, two passes.
fn argon2() -> Argon2<'static> {
    let params = Params::new(19 * 1024, 2, 1, None).unwrap_or(Params::DEFAULT);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// Whether a text may be the administrator's password.
///
/// # Errors
/// Why not.
pub fn check(password: &str) -> Result<(), &'static str> {
    if !(10..=64).contains(&password.chars().count()) {
        return Err("a password has 10 to 64 characters");
    }
    if password.chars().any(char::is_control) {
        return Err("a password has no control characters");
    }
    let mut characters = password.chars();
    let first = characters.next();
    if characters.all(|c| Some(c) == first) {
        return Err("a password is more than one character");
    }
    Ok(())
}

/// A new hash, in PHC's format.
///
/// # Errors
/// A sentence; nothing of the password is in it.
pub fn hash(password: &str, lots: Lots<'_>) -> Result<String, String> {
    let mut salt = [0; 16];
    lots(&mut salt);
    let salt = SaltString::encode_b64(&salt).map_err(|fault| fault.to_string())?;
    let hash = argon2().hash_password(password.as_bytes(), &salt);
    Ok(hash.map_err(|fault| fault.to_string())?.to_string())
}

/// Whether `password` is the one hashed.
pub fn matches(hash: &str, password: &str) -> bool {
    let parsed = PasswordHash::new(hash);
    parsed.is_ok_and(|hash| argon2().verify_password(password.as_bytes(), &hash).is_ok())
}

/// Makes who guesses wait, longer each time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Guard {
    wrong: u32,
    until: Option<Instant>,
}

impl Guard {
    /// How long the next try has to wait; none: it is let through.
    pub fn wait(&self, now: Instant) -> Option<Duration> {
        let left = self.until?.saturating_duration_since(now);
        (!left.is_zero()).then_some(left)
    }

    /// It was wrong.
    pub fn wrong(&mut self, now: Instant) {
        self.wrong = self.wrong.saturating_add(1);
        if let Some(beyond) = self.wrong.checked_sub(FREE) {
            let wait = Duration::from_secs(1u64 << beyond.min(5));
            self.until = Some(now + wait.min(LONGEST_WAIT));
        }
    }

    /// It was right.
    pub fn right(&mut self) {
        *self = Self::default();
    }
}
