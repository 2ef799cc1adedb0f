//! Opus at 8 kHz mono over libopus: all a trunk in G.711 needs.

use thiserror::Error;

/// What libopus said.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{operation}: {description}")]
pub struct OpusError {
    pub operation: &'static str,
    pub description: &'static str,
}
