//! One setting as a person gave it: by the wizard or by `set`.

use core::fmt;
use heapless::Vec;

/// Words of a path at most.
pub const DEPTH: usize = 8;

/// A path into the configuration document and the text that belongs there, both checked as far as the console can.
///
/// Neither `Debug` nor `Display` shows a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Setting<'a> {
    /// `["trunk", "pbx", "address"]`; names of things stand in it as they were given.
    pub path: Vec<&'a str, DEPTH>,
    pub value: &'a str,
    pub secret: bool,
}

impl<'a> Setting<'a> {
    /// Of words with blanks between them; words past [`DEPTH`] are left out.
    pub(crate) fn new(path: &'a str, value: &'a str, secret: bool) -> Self {
        Self {
            path: path.split(' ').take(DEPTH).collect(),
            value,
            secret,
        }
    }
}

impl fmt::Display for Setting<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for word in &self.path {
            write!(f, "{word} ")?;
        }
        f.write_str(if self.secret { "(secret)" } else { self.value })
    }
}

impl fmt::Debug for Setting<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Setting({self})")
    }
}
