//! The box's document: the gateway's, and beside it what makes a machine of it.
//!
//! | table | what | whose |
//! |---|---|---|
//! | `[box]` `[sip]` `[rtp]` `[[trunk]]` `[[number]]` `[[app]]` `[[account]]` | calls | the gateway's (`causeway_directory`); addresses may be left out |
//! | `[network]` | addresses, name servers, an interface for management | the box's |
//! | `[time]` `[test]` `[syslog]` `[ssh]` `[update]` `[usb]` | as they say | the box's |
//!
//! An empty document is a whole one: a box in its network, without a trunk. There is one check for every way in,
//! [`validate`]; secrets do not stand in a document but by reference ([`crate::secrets`]).

mod check;
mod own;
mod places;

use causeway_config::Shape;
pub use causeway_config::Verdict;
use causeway_directory::Config;
use std::fmt;

pub use own::{Address, Ipv4, Ipv6, Management, Network, Own, Ssh, Syslog, TABLES, Time, Usb};
pub use places::Places;

/// Octets of a document at most.
pub const LARGEST: usize = 512 * 1024;

/// How the document's paths lead through it.
pub const SHAPE: Shape = Shape {
    many: &[
        ("trunk", "name"),
        ("number", "number"),
        ("app", "key"),
        ("account", "id"),
    ],
    secrets: &["password"],
};

/// What is in force when nothing that was ever committed can be used: whoever is beside the box, or on the same cable,
/// reaches it; no PBX and no caller does.
pub const FAIL_SAFE: &str =
    "[network.ipv4]\naddress = \"none\"\n\n[network.ipv6]\naddress = \"none\"\n";

/// One fault of a document: where it stands, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Fault {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// The setting, its words separated by blanks; empty where there is none.
    pub path: String,
    pub message: String,
    /// A value is a text where a number is wanted, and the like.
    pub wrong_kind: bool,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}", self.line)?;
        if !self.path.is_empty() {
            write!(f, " ({})", self.path)?;
        }
        write!(f, ": {}", self.message)
    }
}

/// A document nothing is wrong with.
#[derive(Clone, Debug)]
pub struct Checked {
    pub own: Own,
    /// The gateway's part, with placeholders for addresses that are not known yet.
    pub gateway: Config,
    /// The same as text, with references for secrets.
    pub gateway_text: String,
}

/// Reads and checks a document.
///
/// # Errors
/// Every fault that was found, in the order of lines; one of syntax or of a table's shape hides others.
pub fn validate(text: &str) -> Result<Checked, Vec<Fault>> {
    check::validate(text)
}

/// What [`causeway_config::Document::set`] asks of a value's readings.
pub fn verdict(text: &str) -> Verdict {
    match validate(text) {
        Ok(_) => Verdict::Good,
        Err(faults) if faults.iter().any(|fault| fault.wrong_kind) => Verdict::WrongKind,
        Err(_) => Verdict::Incomplete,
    }
}

/// A document without anybody to call or to be called.
pub fn without_calls(text: &str) -> String {
    let Ok(mut document) = text.parse::<toml_edit::DocumentMut>() else {
        return text.to_owned();
    };
    for name in ["trunk", "number", "app", "account"] {
        document.remove(name);
    }
    if let Some(settings) = document
        .get_mut("box")
        .and_then(|item| item.as_table_like_mut())
    {
        settings.remove("demo_app");
    }
    document.to_string()
}

/// A host's name out of what people call the box.
pub fn host_name(name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '-'
            }
        })
        .collect();
    let plain: String = plain.trim_matches('-').chars().take(63).collect();
    match plain.trim_matches('-') {
        "" => "causeway".to_owned(),
        plain => plain.to_owned(),
    }
}
