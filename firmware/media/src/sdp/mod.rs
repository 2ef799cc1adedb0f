//! Session descriptions (RFC 8866): a tolerant bounded reader, an exact writer, offer/answer
//! on the trunk and inspection of a browser's offer.

pub mod browser;
mod error;
pub mod trunk;

pub use error::{SdpError, SdpHint};
