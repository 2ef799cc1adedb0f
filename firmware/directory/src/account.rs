//! Who somebody is on the box.

use serde::Deserialize;
use std::fmt;

/// `name@domain`, lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountId(String);

impl AccountId {
    /// Reads and lowers an account's name; the error is a sentence for its writer.
    pub fn parse(text: &str) -> Result<Self, String> {
        let part = |s: &str| {
            !s.is_empty()
                && s.bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'+'))
        };
        match text.split_once('@') {
            Some((name, domain)) if part(name) && part(domain) && text.len() <= 128 => {
                Ok(Self(text.to_ascii_lowercase()))
            }
            _ => Err(format!(
                "`{}` is no account: write name@domain with letters, digits, `.`, `-`, `_`",
                text.chars().take(64).collect::<String>()
            )),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for AccountId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}
