//! The phone: a SIP caller, a demo contact centre, and a WebRTC load generator.
//!
//! It stands at the far ends of the box and therefore shares no code with it: SIP is read and built
//! through `rsip`, WebRTC comes from `webrtc`, and RTP, G.711, telephone events and SDP are written
//! here once more. What [`media::measure`] and [`media::onset`] hear is what the tests believe.

pub mod acd;
pub mod call;
pub mod caller;
pub mod clock;
pub mod engine_load;
pub mod events;
pub mod load;
pub mod media;
pub mod secure;
pub mod sip;

pub use media::measure;
