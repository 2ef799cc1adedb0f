//! The files that make a machine do what a document says. Pure: what is known of the machine is handed in as [`Facts`].

mod facts;
mod gateway;
mod machine;

pub use facts::{Facts, Interface};
pub use gateway::{Unready, gateway_document};
pub use machine::{ALL, File, GATEWAY, Group, NETWORK, Rendered, UNGUARDED, render};
