//! The phone's own sound: companding, tones, RTP, telephone events and measurement.

pub mod dtmf;
pub mod ears;
pub mod g711;
pub mod measure;
pub mod onset;
pub mod record;
pub mod rtp;
pub mod session;
pub mod tone;
pub mod wav;
