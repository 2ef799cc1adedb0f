//! What goes wrong while testing, as a sentence for the person who reads the test's output.

use std::fmt;

/// A sentence saying what a part did not do.
#[derive(Clone, PartialEq, Eq)]
pub struct HarnessError(String);

/// The result of everything in this crate.
pub type Result<T> = std::result::Result<T, HarnessError>;

impl HarnessError {
    /// An error with this sentence.
    pub fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}

/// The sentence as it is: a test that unwraps prints this, and a log within it keeps its lines.
impl fmt::Debug for HarnessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for HarnessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for HarnessError {}

/// Says what was being done when a foreign error came.
pub trait Doing<T> {
    /// Prefixes the error with `what`.
    fn doing(self, what: &str) -> Result<T>;
}

impl<T, E: fmt::Display> Doing<T> for std::result::Result<T, E> {
    fn doing(self, what: &str) -> Result<T> {
        self.map_err(|e| HarnessError(format!("{what}: {e}")))
    }
}

impl<T> Doing<T> for Option<T> {
    fn doing(self, what: &str) -> Result<T> {
        self.ok_or_else(|| HarnessError(what.to_owned()))
    }
}
