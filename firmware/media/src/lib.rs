//! Media cores of Causeway: what happens to a packet between the browser and the PBX, and the
//! SDP in which both sides agree on it.
//!
//! This crate is pure. It never opens a socket, reads a clock, draws a random number, takes a
//! lock, spawns a thread or logs. Whoever drives it hands in packets and the time
//! (`handle_*(…, now)`), asks when it wants to be woken (`poll_timeout`) and carries away what
//! it produced. Identifiers that must be unpredictable (SSRC, first sequence number, first
//! timestamp, SDP session id) are handed in as well.
//!
//! - [`plan`]: the words in which signalling tells a media thread what to do
//! - [`path`]: one direction of one call's sound, from packet to packet
//! - [`video`]: one direction of one call's H.264, from packet to packet
//! - [`rtp`], [`red`], [`rtcp`], [`dtmf`], [`g711`], [`opus`], [`jitter`]: the parts a path is made of
//! - [`codec_switch`]: when a call leaves G.711 for Opus
//! - [`steering`]: how hard the encoder works, and against which losses
//! - [`quality`]: how good it sounds, from what is counted
//! - [`srtp`]: packets protected and unprotected
//! - [`framing`]: datagrams inside a TCP stream
//! - [`sdp`]: reader and writer; offer/answer on the trunk; inspection of a browser's offer
//!
//! Bad input is a typed error or a counted drop, never a panic; every buffer has a bound.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![deny(clippy::indexing_slicing)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

pub mod codec_switch;
pub mod dtmf;
pub mod framing;
pub mod g711;
pub mod g722;
pub mod jitter;
pub mod opus;
pub mod path;
pub mod plan;
pub mod quality;
pub mod red;
pub mod rtcp;
pub mod rtp;
pub mod sdp;
pub mod srtp;
pub mod steering;
pub mod video;
