//! Simulated SIP: two of our endpoints, or one of ours and a rude peer, over a link that loses, doubles, delays and
//! reorders, in virtual time. A seed decides everything, so a seed that fails can be looked at again.
//!
//! - [`dice`]: the randomness of a seed.
//! - [`link`]: the network between the two.
//! - [`model`]: what may be seen of a call, event by event, and what must be true in the end.
//! - [`pair`]: two endpoints that do anything at any time.
//! - [`rude`]: one endpoint and a peer that keeps no rule.
//! - [`many`]: many seeds on several threads.
//! - [`ladder`]: what a seed's messages look like.

pub mod dice;
pub mod ladder;
pub mod link;
pub mod many;
pub mod model;
pub mod pair;
pub mod rude;

use ladder::Ladder;

/// What one seed did.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// Calls seen, each side counted.
    pub calls: u64,
    /// Calls that were answered, each side counted.
    pub answered: u64,
    /// Messages sent.
    pub messages: u64,
    /// What must not have been, in the order found; empty when all is well.
    pub findings: Vec<String>,
}

/// Runs one seed; every third is a rude peer's. `ladder` takes down the messages.
pub fn run(seed: u64, ladder: Option<&mut Ladder>) -> Outcome {
    if seed % 3 == 2 {
        rude::run(seed, ladder)
    } else {
        pair::run(seed, ladder)
    }
}
