//! What is said on the box's socket: one JSON object a line, both ways.
//!
//! ```text
//! → {"hello":{"author":"console"}}
//! → {"do":"set","path":["box","name"],"value":"lobby"}
//! ← {"done":{}}
//! → {"do":"commit","confirm_minutes":5}
//! ← {"say":"causewayd is restarted.\n"}
//! ← {"done":{"revision":3}}
//! ```
//!
//! The hello comes once and first, and is not answered. Each request is answered by any number of `say` and `progress` lines and one `done` or
//! `failed`; the next is read after that.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;

/// Octets of a line at most.
pub const LONGEST_LINE: usize = 1024 * 1024;
/// Characters of an author.
const LONGEST_AUTHOR: usize = 64;

/// A text that does not print.
#[derive(Clone, Default, Deserialize, PartialEq, Eq)]
#[serde(transparent)]
pub struct Hidden(pub String);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hidden")
    }
}

/// One setting of `set_up`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct SetUpSetting {
    pub path: Vec<String>,
    pub value: Hidden,
    /// Said by who asks; what is a secret is known here as well.
    #[serde(default)]
    pub secret: bool,
}

/// Everything that can be asked.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Request {
    /// How the box is.
    Status,
    /// What a console shows before anybody is let in.
    Banner,
    Alarms,
    /// In the author's draft.
    Set {
        path: Vec<String>,
        value: Hidden,
        #[serde(default)]
        secret: bool,
    },
    /// From the draft: a setting, a group of them, or with `value` one of a list.
    Delete {
        path: Vec<String>,
        #[serde(default)]
        value: Option<String>,
    },
    /// Draft against what is in force.
    Compare,
    Discard,
    /// Settings below a path, one a line.
    Show {
        #[serde(default)]
        path: Vec<String>,
        #[serde(default)]
        draft: bool,
    },
    Commit {
        #[serde(default)]
        comment: Option<String>,
        /// 1 to 1440: a trial.
        #[serde(default)]
        confirm_minutes: Option<u32>,
        /// The revision that must be in force still; else that of the draft's beginning.
        #[serde(default)]
        base: Option<u32>,
    },
    Confirm,
    /// Ends a trial now.
    Revert,
    /// A revision by its `number`, or that many `back`, becomes the draft.
    Rollback {
        #[serde(default)]
        number: Option<u32>,
        #[serde(default)]
        back: Option<u32>,
    },
    Revisions,
    /// The document without secrets: in force, or a revision's.
    Export {
        #[serde(default)]
        number: Option<u32>,
        #[serde(default)]
        draft: bool,
    },
    /// A whole document becomes the draft.
    Import {
        text: Hidden,
    },
    SetUp {
        settings: Vec<SetUpSetting>,
        #[serde(default)]
        code: Option<Hidden>,
        /// Of a box that has one, from who is not at its console.
        #[serde(default)]
        password: Option<Hidden>,
    },
    CheckPassword {
        password: Hidden,
    },
    /// A new one.
    Password {
        password: Hidden,
    },
    Resets,
    Logs {
        #[serde(default)]
        lines: Option<u32>,
    },
    Network,
    Version,
    Ping {
        host: String,
        #[serde(default)]
        count: Option<u32>,
    },
    Update {
        source: String,
        /// The reason for an older version.
        #[serde(default)]
        force: Option<String>,
    },
    Slots,
    SupportBundle,
    Reboot,
    FactoryReset,
    /// One more key for SSH, in force at once.
    SshKey {
        text: String,
    },
    /// Whoever had the draft has gone.
    Left,
}

/// A line that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Misread(pub String);

#[derive(Deserialize)]
struct FirstLine {
    hello: Hello,
}

#[derive(Deserialize)]
struct Hello {
    author: String,
}

/// Whose connection this is.
///
/// # Errors
/// What is no hello.
pub fn read_hello(line: &str) -> Result<String, Misread> {
    let first: FirstLine =
        serde_json::from_str(line).map_err(|fault| Misread(format!("no hello: {}", at(&fault))))?;
    let clean = first.hello.author.chars().filter(|c| !c.is_control());
    let author: String = clean.take(LONGEST_AUTHOR).collect();
    match author.trim() {
        "" => Err(Misread("the hello names no author".to_owned())),
        author => Ok(author.to_owned()),
    }
}

/// A request.
///
/// # Errors
/// What is none; what was in it is not said, it may be a secret.
pub fn read_request(line: &str) -> Result<Request, Misread> {
    let value: Value =
        serde_json::from_str(line).map_err(|fault| Misread(format!("no JSON: {}", at(&fault))))?;
    let verb = value.get("do").and_then(Value::as_str).unwrap_or_default();
    let verb: String = verb
        .chars()
        .filter(|c| c.is_ascii_lowercase() || *c == '_')
        .take(24)
        .collect();
    Request::deserialize(value).map_err(|_| {
        Misread(format!(
            "`{verb}` is no request, or lacks something or has it in another kind"
        ))
    })
}

/// Without the words of the fault, which may quote the line.
fn at(fault: &serde_json::Error) -> String {
    format!("line {}, column {}", fault.line(), fault.column())
}

/// A line of an answer.
#[derive(Clone, Debug, Serialize, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Text for people, with its line breaks.
    Say(String),
    Progress {
        percent: u8,
        what: String,
    },
    Done(Value),
    Failed {
        why: String,
        code: &'static str,
    },
}

impl Answer {
    /// The line, with its end.
    pub fn to_line(&self) -> String {
        // Texts and numbers: nothing that JSON does not have.
        let line = serde_json::to_string(self);
        line.unwrap_or_else(|_| "{\"failed\":{\"why\":\"\",\"code\":\"fault\"}}".to_owned()) + "\n"
    }
}

/// Why a request came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// For programs.
    pub code: &'static str,
    /// For people: a sentence, or several lines.
    pub why: String,
}

impl Refusal {
    /// Of a code and a sentence.
    pub fn new(code: &'static str, why: impl Into<String>) -> Self {
        Self {
            code,
            why: why.into(),
        }
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        Self::Failed {
            why: refusal.why,
            code: refusal.code,
        }
    }
}
