//! The box as a whole: its configuration, what of the machine follows from it, and who may change it.
//!
//! | module | what | pure |
//! |---|---|---|
//! | [`document`] | the typed document and the one check of it | yes |
//! | [`secrets`] | secrets apart from documents | yes |
//! | [`password`] | the administrator's password | yes |
//! | [`service`] | drafts, commits, trials, rollback, the first set-up | yes, a [`causeway_config::Disk`] is handed in |
//! | [`render`] | the files that make a machine do what a document says | yes |
//! | [`wire`] | what is said on the socket | yes |
//! | [`apply`] | which programs have to be told of changed files | yes |
//! | [`shell`] | sockets, files, programs: `causeway-boxd` and `causeway-console` | no |

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

pub mod apply;
pub mod document;
pub mod keep;
pub mod password;
pub mod render;
pub mod secrets;
pub mod service;
pub mod shell;
pub mod wire;
