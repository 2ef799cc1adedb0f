//! What a client says and what it is answered, in virtual time.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod allocations;
mod credentials;
mod media;
mod peers;
mod refusals;
mod support;
