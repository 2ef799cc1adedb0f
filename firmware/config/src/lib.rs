//! The configuration of a box over the years: how somebody changes it setting by setting ([`Document`]), and its revisions
//! on a disk that may fail or lose its power at any moment ([`Revisions`]).
//!
//! A revision is a whole document with who committed it, when and why. What a document means is not known here: the
//! caller brings the check and the shape. Nothing in this crate knows the time, draws lots or opens a socket; a folder of a file system is
//! reached through [`Disk`] alone, which tests make fail at every call in turn.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]
#![warn(missing_docs)]

mod disk;
mod document;
mod revision;
mod revisions;

pub use disk::{Disk, Folder};
pub use document::{Change, Document, EditError, Shape, Verdict};
pub use revision::{Damage, Note, Revision};
pub use revisions::{Back, Opened, PassedOver, Revisions, State, StoreError, Summary};
