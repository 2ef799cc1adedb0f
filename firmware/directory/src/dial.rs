//! What a caller asks for, and the patterns that allow it.

use crate::account::AccountId;
use serde::Deserialize;
use std::fmt;

/// Where a call shall go, as its caller wrote it, normalised.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Destination {
    /// Digits with an optional leading `+`; visual separators are gone. 1 to 32 characters, `*` and `#` allowed.
    Number(String),
    Account(AccountId),
}

/// Why a destination cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DestinationError {
    #[error("the destination is empty")]
    Empty,
    #[error("the destination is longer than 255 characters")]
    TooLong,
    #[error(
        "`{0}` is neither a number (+49 30 1234, 100), a tel: URI nor an account (anna@example.com)"
    )]
    Neither(String),
}

impl Destination {
    /// Reads `+49 30 123-4`, `100`, `tel:+49-30-1234;ext=5` (RFC 3966) or `anna@example.com`.
    pub fn parse(text: &str) -> Result<Self, DestinationError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(DestinationError::Empty);
        }
        if text.len() > 255 {
            return Err(DestinationError::TooLong);
        }
        let neither = || DestinationError::Neither(text.chars().take(64).collect());
        let number = match text.get(..4) {
            Some(scheme) if scheme.eq_ignore_ascii_case("tel:") => {
                text.get(4..).unwrap_or("").split(';').next().unwrap_or("")
            }
            _ => text,
        };
        if number.contains('@') {
            return AccountId::parse(text)
                .map(Self::Account)
                .map_err(|_| neither());
        }
        let mut digits = String::with_capacity(number.len());
        for c in number.chars() {
            match c {
                '+' if digits.is_empty() => digits.push('+'),
                '0'..='9' | '*' | '#' => digits.push(c),
                // RFC 3966 section 3, and the space people write.
                ' ' | '-' | '.' | '(' | ')' | '/' => {}
                _ => return Err(neither()),
            }
        }
        if !digits.contains(|c: char| c.is_ascii_digit()) || digits.len() > 32 {
            return Err(neither());
        }
        Ok(Self::Number(digits))
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => f.write_str(number),
            Self::Account(account) => account.fmt(f),
        }
    }
}

/// A destination that is allowed: `+4930*` (prefix), `100` (exactly), `*@example.com`, `anna@example.com`, or `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialPattern(String);

impl DialPattern {
    /// Reads a pattern; the error is a sentence for the admin.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let fixed = if text.contains('@') {
            text.strip_prefix('*').unwrap_or(text)
        } else {
            text.strip_suffix('*').unwrap_or(text)
        };
        let fits = if text.contains('@') {
            !fixed.contains(['*', ' '])
        } else {
            fixed
                .bytes()
                .enumerate()
                .all(|(at, b)| b.is_ascii_digit() || b == b'#' || (b == b'+' && at == 0))
        };
        if text.is_empty() || !fits {
            return Err(format!(
                "`{text}` is no destination pattern: write a number (100), a prefix (+4930*), an account (anna@example.com), all of a domain (*@example.com) or *"
            ));
        }
        Ok(Self(text.to_owned()))
    }

    /// Whether it allows `destination`.
    pub fn allows(&self, destination: &Destination) -> bool {
        if self.0 == "*" {
            return true;
        }
        match destination {
            Destination::Number(number) => match self.0.strip_suffix('*') {
                Some(prefix) => number.starts_with(prefix),
                None => *number == self.0,
            },
            Destination::Account(account) => match self.0.strip_prefix('*') {
                Some(domain) => account.as_str().ends_with(domain) && domain.starts_with('@'),
                None => account.as_str() == self.0.to_ascii_lowercase(),
            },
        }
    }
}

impl<'de> Deserialize<'de> for DialPattern {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Destination {
        Destination::Number(text.to_owned())
    }

    #[test]
    fn numbers_as_people_write_them() {
        assert_eq!(
            Destination::parse(" +49 (30) 12-34 "),
            Ok(number("+49301234"))
        );
        assert_eq!(
            Destination::parse("tel:+49-30-1234;ext=7"),
            Ok(number("+49301234"))
        );
        assert_eq!(Destination::parse("*43#"), Ok(number("*43#")));
        assert_eq!(
            Destination::parse("Anna@Example.com").unwrap().to_string(),
            "anna@example.com"
        );
    }

    #[test]
    fn what_is_no_destination() {
        assert_eq!(Destination::parse("  "), Err(DestinationError::Empty));
        assert_eq!(
            Destination::parse(&"1".repeat(256)),
            Err(DestinationError::TooLong)
        );
        for bad in [
            "hello", "12+3", "+", "sip:x", "a@", "@b", "a b@c", "12\r\n3", "1;2",
        ] {
            assert!(
                matches!(Destination::parse(bad), Err(DestinationError::Neither(_))),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn patterns() {
        let allows = |p: &str, d: &str| {
            DialPattern::parse(p)
                .unwrap()
                .allows(&Destination::parse(d).unwrap())
        };
        assert!(allows("+4930*", "+49301234") && !allows("+4930*", "+49401234"));
        assert!(allows("100", "100") && !allows("100", "1000"));
        assert!(
            allows("*@example.com", "anna@example.com")
                && !allows("*@example.com", "anna@evil-example.com")
        );
        assert!(allows("*", "anna@example.com") && allows("*", "1"));
        assert!(DialPattern::parse("1*2").is_err() && DialPattern::parse("").is_err());
    }
}
