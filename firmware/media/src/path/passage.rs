//! Which way sound of one codec takes to another, and how much of it is kept.

use crate::opus::Bandwidth;
use crate::plan::AudioCodec;

/// How sound of one codec becomes sound of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Passage {
    /// Packets as they are.
    Whole,
    /// Octet by octet, in packets of our length.
    Octets,
    /// Decoded and encoded.
    Coded,
}

impl Passage {
    pub(super) const fn between(from: AudioCodec, to: AudioCodec) -> Self {
        use AudioCodec::{G722, Opus, Pcma, Pcmu};
        match (from, to) {
            (Opus, Opus) => Self::Whole,
            (Pcmu | Pcma, Pcmu | Pcma) | (G722, G722) => Self::Octets,
            (Opus, Pcmu | Pcma | G722)
            | (Pcmu | Pcma, Opus | G722)
            | (G722, Opus | Pcmu | Pcma) => Self::Coded,
        }
    }
}

/// Whether sound between these two is decoded and coded anew, so that losses are concealed on the way.
pub const fn is_transcoded(from: AudioCodec, to: AudioCodec) -> bool {
    matches!(Passage::between(from, to), Passage::Coded)
}

/// Wide where both sides hear more than a telephone.
pub(super) const fn bandwidth(from: AudioCodec, to: AudioCodec) -> Bandwidth {
    match (from, to) {
        (AudioCodec::Opus, AudioCodec::G722) | (AudioCodec::G722, AudioCodec::Opus) => {
            Bandwidth::Wide
        }
        _ => Bandwidth::Narrow,
    }
}
