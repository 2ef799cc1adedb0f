//! Wall-clock stamps and random identifiers for the phone.

use std::hash::{BuildHasher, Hasher};
use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since 1970, with fractions.
pub fn unix_now() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |since| since.as_secs_f64())
}

/// A random number; good enough for tags, branches and sources, not for keys.
pub fn random() -> u64 {
    // The standard library seeds every RandomState differently.
    let mut hasher = std::hash::RandomState::new().build_hasher();
    hasher.write_u64(
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_nanos() as u64),
    );
    hasher.finish()
}

/// A random token of 16 hexadecimal digits.
pub fn token() -> String {
    format!("{:016x}", random())
}
