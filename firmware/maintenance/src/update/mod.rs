//! Updates: looked at, refused before anything is written, or installed into the slot that does not run.
//!
//! | module | what |
//! |---|---|
//! | [`installer`] | all steps of an installation |
//! | [`source`] | a file, a USB stick, a server |
//! | [`bundle`] | the file and its signed manifest; its contents are checked before RAUC writes |
//! | [`refusal`] | why not |
//! | [`slots`] | both slots and their states |
//! | [`journal`] | who installed what, and why an older one |
//! | [`store`] | the configuration of each version |
//! | [`version`] | which of two versions is older |
//!
//! RAUC's own program is driven, not its D-Bus interface: it comes with the service it speaks to, its lines are what the interface
//! tells, and no second implementation of D-Bus has to be trusted with root. What may be refused is refused here first, with RAUC's
//! verdict on the signature: board, version, room, every block. RAUC checks board and version again by its own configuration, which
//! says `min-bundle-version`; only a forced installation tells it to leave that out, and it can be told so by root alone.
//!
//! An update from a server is streamed into the slot: there its blocks are checked while they are written, by the kernel. One that
//! turns out to be damaged leaves the slot without a boot entry.

pub mod bundle;
pub mod installer;
pub mod journal;
pub mod refusal;
pub mod slots;
pub mod source;
pub mod store;
pub mod version;

pub use refusal::UpdateError;
pub use slots::{Slot, SlotState, slots};
pub use version::Version;

use std::path::Path;
use std::sync::atomic::AtomicBool;

/// What somebody wants installed.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// An absolute path, `usb` or an https address.
    pub source: &'a str,
    /// Who asks.
    pub by: &'a str,
    /// Why even an older one is to be taken; none: it is not.
    pub force: Option<&'a str>,
}

/// How far it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress<'a> {
    /// 0 to 100; never less than before.
    pub percent: u8,
    /// What is being done.
    pub what: &'a str,
}

/// What was installed; it runs from the next start on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installed {
    /// Its version.
    pub version: String,
    /// The slot it is in.
    pub slot: char,
    /// It is older, and was taken all the same.
    pub forced: bool,
}

/// Installs an update on the box whose root is `root`; nothing is restarted. `stop` is heeded until the first octet is
/// written: RAUC finishes what it began.
///
/// # Errors
/// Why it was not installed.
pub fn install(
    root: &Path,
    request: Request<'_>,
    progress: &mut dyn FnMut(Progress<'_>),
    stop: &AtomicBool,
) -> Result<Installed, UpdateError> {
    installer::Installer::new(root).install(request, progress, stop)
}
