//! The box's HTTPS and WebSocket face: who may speak, what they may say, and how they are told off.
//!
//! The crate authenticates, checks shapes and bounds every client; it owns no call. What it admits
//! goes to the switch as [`request::Request`]s; what it reads of the past it asks of the store as
//! [`lookup::Lookup`]s. It never opens a file, never speaks SIP, never touches media, and never
//! writes a token, secret or key into a log. `PROTOCOL.md` beside it is the contract.
//!
//! | module | holds |
//! |---|---|
//! | [`wire`] | the WebSocket messages as types, and their one parser |
//! | [`request`] | the seam to the switch |
//! | [`doctor`] | what a check of a trunk found |
//! | [`lookup`] | the seam to the store |
//! | [`ladder`] | kept SIP messages; [`pcap`] writes them as a capture |
//! | [`token`] | minting and verifying tokens, pure |
//! | [`limits`] | every bound in one table, and the token buckets that keep rates |
//! | [`box_service`] | the seam to the box's own service: configuration, update, restart |
//! | [`relay`] | the seam to the media relay on the HTTPS port |
//! | [`state`] | what handlers share |
//! | [`server`] | TLS, connections, shutdown |
//! | [`http`] | the HTTP end points |
//! | [`session`] | one WebSocket |
//! | [`set_up`] | the page of the first set-up |
//! | [`metrics`] | counters |

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod box_service;
pub mod doctor;
pub mod event;
pub mod http;
pub mod ladder;
pub mod limits;
pub mod lookup;
pub mod metrics;
pub mod pcap;
pub mod relay;
pub mod request;
pub mod server;
pub mod session;
pub mod set_up;
pub mod state;
pub mod timestamp;
pub mod token;
pub mod wire;

pub use http::{Audience, router};
pub use server::{Door, serve};
pub use set_up::serve_set_up;
pub use state::{Api, ApiSettings, Health, Probes};
pub use token::TokenKey;
