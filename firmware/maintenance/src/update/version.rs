//! Versions as RAUC compares them (semantic versions: numbers, then what came before a release).

use std::cmp::Ordering;
use std::fmt;

/// A version: one to three numbers, and what follows a hyphen for one that comes before the release of these numbers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Version {
    numbers: [u64; 3],
    before: Vec<Part>,
    text: String,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Part {
    // A number is less than any word: the order of the variants is the order of the parts.
    Number(u64),
    Word(String),
}

impl Version {
    /// Reads one, of 64 octets at most; none when it is none.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > 64 {
            return None;
        }
        let (rest, build) = match text.split_once('+') {
            Some((rest, build)) => (rest, Some(build)),
            None => (text, None),
        };
        if build.is_some_and(|build| !build.split('.').all(is_word)) {
            return None;
        }
        let (rest, before) = match rest.split_once('-') {
            Some((rest, before)) => (rest, Some(before)),
            None => (rest, None),
        };
        let mut numbers = [0; 3];
        let mut parts = rest.split('.');
        for (at, number) in numbers.iter_mut().enumerate() {
            match parts.next() {
                Some(digits) => *number = digits_of(digits)?,
                None if at > 0 => break,
                None => return None,
            }
        }
        if parts.next().is_some() {
            return None;
        }
        let part = |part: &str| match digits_of(part) {
            Some(number) => Some(Part::Number(number)),
            None => is_word(part).then(|| Part::Word(part.to_owned())),
        };
        let before = match before {
            Some(before) => before.split('.').map(part).collect::<Option<Vec<Part>>>()?,
            None => Vec::new(),
        };
        Some(Self {
            numbers,
            before,
            text: text.to_owned(),
        })
    }

    /// Which of both comes first; versions that differ in what follows a `+` are equal here.
    pub fn order(&self, other: &Self) -> Ordering {
        self.numbers.cmp(&other.numbers).then_with(|| {
            match (self.before.is_empty(), other.before.is_empty()) {
                (true, true) => Ordering::Equal,
                (true, false) => Ordering::Greater,
                (false, true) => Ordering::Less,
                (false, false) => self.before.cmp(&other.before),
            }
        })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn digits_of(text: &str) -> Option<u64> {
    let all = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
    all.then(|| text.parse().ok()).flatten()
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|o| o.is_ascii_alphanumeric() || o == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_in_this_order() {
        let rising = [
            "0.0.9",
            "0.1.0-alpha",
            "0.1.0-alpha.1",
            "0.1.0-alpha.beta",
            "0.1.0-rc.2",
            "0.1.0-rc.11",
            "0.1.0",
            "0.1.1",
            "0.2",
            "0.10.0",
            "1",
        ];
        let versions: Vec<Version> = rising.map(|v| Version::parse(v).unwrap()).into();
        for (at, one) in versions.iter().enumerate() {
            for (other_at, other) in versions.iter().enumerate() {
                assert_eq!(one.order(other), at.cmp(&other_at), "{one} {other}");
            }
        }
        let built = Version::parse("0.1.0+today").unwrap();
        assert_eq!(
            built.order(&Version::parse("0.1").unwrap()),
            Ordering::Equal
        );
    }

    #[test]
    fn what_is_no_version_is_none() {
        let long = "1".repeat(65);
        for text in [
            "",
            "v1",
            "1.2.3.4",
            "1..2",
            "1.2-",
            "-1",
            "1.2.x",
            "1 ",
            "1/2",
            "1+a/b",
            "99999999999999999999",
            &long,
        ] {
            assert_eq!(Version::parse(text), None, "{text}");
        }
    }
}
