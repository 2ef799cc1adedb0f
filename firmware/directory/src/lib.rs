//! The nouns of the configuration and the questions asked of them.
//!
//! One typed document ([`Config`]) is read, checked and frozen into a [`Directory`]: an immutable
//! snapshot that calls look things up in. This crate never opens a file or a socket, never reads a
//! clock and never draws a random number; the shell hands it text and gets a snapshot or a list of
//! [`ConfigError`]s with line and column.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod account;
mod address;
mod check;
pub mod config;
mod dial;
mod host;
mod lookup;
mod numbering;
mod origin;
mod redirects;
mod secret;

pub use account::AccountId;
pub use address::{SipAddress, SipHost, is_host_name};
pub use config::{
    App, AppKey, BoxSettings, CallerIdHeader, Config, ConfigError, DtmfMode, IpFamily, Number,
    NumberTarget, PortRange, Reliable, RtpListen, RtpSettings, SessionTimer, SipListen,
    SipSettings, SipTransport, Srtp, Trunk, TrunkHeader, TrunkName, UserToUser, Video, WebCodec,
};
pub use dial::{Destination, DestinationError, DialPattern};
pub use host::WebHost;
pub use lookup::{Directory, Located, Retired};
pub use numbering::{NumberFormat, Numbering};
pub use origin::OriginPattern;
pub use redirects::Redirects;
pub use secret::{Secret, SecretHash};
