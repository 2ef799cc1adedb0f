//! The box's own service, which has the configuration and may restart the machine, as the gateway reaches it.
//!
//! This crate opens neither sockets nor files: the gateway implements [`BoxService`], and end points under `/api/v1/box/` and
//! the page of the first set-up ask through it. A program that runs on no box has none.

use bytes::Bytes;
use futures_util::stream::BoxStream;
use serde_json::Value;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::time::Duration;

/// What takes a while.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The service cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum Unreached {
    #[error("the box's service does not listen: {0}")]
    Away(io::Error),
    #[error("the box's service did not answer in time")]
    Late,
    #[error("the box's service broke off")]
    BrokeOff,
    #[error("the box's service says what cannot be read")]
    Garbled,
}

/// One line of an answer.
#[derive(Clone, PartialEq)]
pub enum Said {
    /// For people, with its line breaks.
    Text(String),
    Progress {
        percent: u8,
        what: String,
    },
    /// The last: it was done, with this for programs.
    Done(Value),
    /// The last: it was not.
    Failed {
        why: String,
        /// For programs.
        code: String,
    },
}

impl fmt::Debug for Said {
    /// What is said may be a document.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text(_) => "Text",
            Self::Progress { .. } => "Progress",
            Self::Done(_) => "Done",
            Self::Failed { .. } => "Failed",
        })
    }
}

/// Requests one after the other, under one author's name.
pub trait Conversation: Send {
    /// Asks; every line of the answer is taken by [`Conversation::next`] before the next request.
    fn ask(&mut self, request: Value) -> Later<'_, Result<(), Unreached>>;

    /// The next line, which has to come within this time.
    fn next(&mut self, within: Duration) -> Later<'_, Result<Said, Unreached>>;
}

/// A file that comes in. It is gone when this is dropped.
pub trait Upload: Send {
    fn write(&mut self, piece: Bytes) -> Later<'_, io::Result<()>>;

    /// All of it is there, on the disk; where.
    fn finish(&mut self) -> Later<'_, io::Result<String>>;
}

/// See the module.
pub trait BoxService: fmt::Debug + Send + Sync {
    fn connect(&self, author: &str) -> Later<'_, Result<Box<dyn Conversation>, Unreached>>;

    /// A place for a file of this many octets at most.
    ///
    /// # Errors
    /// `ResourceBusy` while another comes in, `StorageFull`, and whatever the disk says.
    fn upload(&self) -> Later<'_, io::Result<Box<dyn Upload>>>;

    /// The octets of a file that the service has made, and how many there are.
    fn download(
        &self,
        path: &str,
    ) -> Later<'_, io::Result<(u64, BoxStream<'static, io::Result<Bytes>>)>>;
}

/// An answer from its first line to its last.
#[derive(Clone, Debug, PartialEq)]
pub struct Answered {
    /// All that was for people.
    pub text: String,
    pub outcome: Result<Value, Failure>,
}

/// Why it was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub code: String,
    pub why: String,
}

/// Octets of text kept of one answer; what is beyond is left out.
const LONGEST_TEXT: usize = 512 * 1024;

/// Asks one thing and waits for all of the answer.
///
/// # Errors
/// [`Unreached`].
pub async fn ask(
    conversation: &mut dyn Conversation,
    request: Value,
    within: Duration,
) -> Result<Answered, Unreached> {
    conversation.ask(request).await?;
    let mut text = String::new();
    loop {
        match conversation.next(within).await? {
            Said::Text(said) if text.len() + said.len() <= LONGEST_TEXT => text.push_str(&said),
            Said::Text(_) | Said::Progress { .. } => {}
            Said::Done(value) => {
                return Ok(Answered {
                    text,
                    outcome: Ok(value),
                });
            }
            Said::Failed { why, code } => {
                return Ok(Answered {
                    text,
                    outcome: Err(Failure { code, why }),
                });
            }
        }
    }
}
