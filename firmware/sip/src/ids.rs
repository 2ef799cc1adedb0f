//! Tags, branches, Call-IDs and jitter, all from the seed that was handed in.

use std::ops::Range;

use sha2::{Digest, Sha256};

/// A generator: the hash of seed and counter. Without the seed no value tells anything about another.
pub(crate) struct Ids {
    seed: [u8; 32],
    counter: u64,
}

impl std::fmt::Debug for Ids {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ids")
            .field("counter", &self.counter)
            .finish_non_exhaustive()
    }
}

impl Ids {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        Self { seed, counter: 0 }
    }

    /// A tag for `From` or `To`.
    pub(crate) fn tag(&mut self) -> Vec<u8> {
        hex(&self.draw(), 8).into_bytes()
    }

    /// A branch with the cookie of RFC 3261.
    pub(crate) fn branch(&mut self) -> Vec<u8> {
        format!("z9hG4bK{}", hex(&self.draw(), 12)).into_bytes()
    }

    /// A Call-ID, which tells nothing about the box.
    pub(crate) fn call_id(&mut self) -> Vec<u8> {
        hex(&self.draw(), 16).into_bytes()
    }

    /// A client nonce.
    pub(crate) fn cnonce(&mut self) -> String {
        hex(&self.draw(), 8)
    }

    /// A number of `range`, or its start when it is empty.
    pub(crate) fn number(&mut self, range: Range<u64>) -> u64 {
        let width = range.end.saturating_sub(range.start).max(1);
        let drawn = self
            .draw()
            .iter()
            .take(8)
            .fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
        range.start + drawn % width
    }

    /// The tag of a response for which no state is kept: the same each time the request comes.
    pub(crate) fn stateless_tag(&self, parts: &[&[u8]]) -> Vec<u8> {
        let mut hasher = Sha256::new();
        hasher.update(self.seed);
        hasher.update(b"tag");
        for part in parts {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
        hex(&hasher.finalize(), 8).into_bytes()
    }

    fn draw(&mut self) -> [u8; 32] {
        self.counter += 1;
        let mut hasher = Sha256::new();
        hasher.update(self.seed);
        hasher.update(b"draw");
        hasher.update(self.counter.to_be_bytes());
        hasher.finalize().into()
    }
}

fn hex(bytes: &[u8], length: usize) -> String {
    bytes
        .iter()
        .take(length)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_decides_and_nothing_repeats() {
        let (mut a, mut b) = (Ids::new([1; 32]), Ids::new([2; 32]));
        let tag = a.tag();
        assert_eq!(tag, Ids::new([1; 32]).tag());
        assert_ne!(tag, b.tag());
        assert_ne!(tag, a.tag());
        for _ in 0..100 {
            assert!((5..9).contains(&a.number(5..9)));
        }
    }
}
