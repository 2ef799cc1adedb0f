//! What goes wrong at a cable, with what was seen last.

use causeway_board::transfer::TransferError;
use std::fmt;
use std::io;

/// The last lines of the screen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen(pub Vec<String>);

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("; nothing was printed");
        }
        f.write_str("; the last lines were:")?;
        self.0.iter().try_for_each(|line| write!(f, "\n  | {line}"))
    }
}

/// See the module.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum CableError {
    #[error("the line: {0}")]
    Line(#[from] io::Error),
    #[error("waited for {wanted} in vain{seen}")]
    Silent { wanted: String, seen: Seen },
    #[error("the password is wrong{seen}")]
    WrongPassword { seen: Seen },
    #[error("the box is locked: log in first")]
    Locked,
    #[error("the box has no password yet: set it up first")]
    NotSetUp,
    /// The console asked for something nobody had an answer to; it was left.
    #[error("`{command}` asked `{prompt}`")]
    Asked { command: String, prompt: String },
    #[error("`{question}` was answered, and refused: {why}")]
    Refused { question: String, why: String },
    #[error("`{question}` needs an answer, and there is none")]
    Unanswered { question: String },
    /// A command said that it failed.
    #[error("`{command}`: {why}")]
    Failed { command: String, why: String },
    #[error("the file: {0}")]
    File(io::Error),
    #[error("the transfer failed: {why}{seen}")]
    Transfer { why: TransferError, seen: Seen },
    #[error("the file did not arrive as it was sent: SHA-256 here {here}, there {there}")]
    Differs { here: String, there: String },
}
