//! The header section: names and values in the order of the wire, values as bytes.

use super::name::HeaderName;
use super::syntax;

/// One header line, unfolded and trimmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The name.
    pub name: HeaderName,
    /// The value. Never holds CR or LF.
    pub value: Vec<u8>,
}

/// Headers in order. Duplicates are kept.
///
/// `Content-Length` is never among them: the reader measures the body with it, the writer writes it from the body.
/// So a message cannot disagree with itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Headers {
    list: Vec<Header>,
}

impl Headers {
    /// No headers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a header. CR and LF in `value` become spaces: one header never becomes two.
    /// A Content-Length is left out.
    pub fn push(&mut self, name: HeaderName, value: impl Into<Vec<u8>>) {
        if name == HeaderName::ContentLength {
            return;
        }
        let mut value = value.into();
        for byte in &mut value {
            if matches!(byte, b'\r' | b'\n') {
                *byte = b' ';
            }
        }
        self.list.push(Header {
            name,
            value: value.trim_ascii().to_vec(),
        });
    }

    /// The first value of this name.
    pub fn get(&self, name: &HeaderName) -> Option<&[u8]> {
        self.all(name).next()
    }

    /// Every value of this name, one a line.
    pub fn all(&self, name: &HeaderName) -> impl Iterator<Item = &[u8]> {
        self.list
            .iter()
            .filter(move |header| header.name == *name)
            .map(|header| header.value.as_slice())
    }

    /// Every element of a comma-separated header, over all its lines. Empty elements are left out.
    pub fn elements(&self, name: &HeaderName) -> impl Iterator<Item = &[u8]> {
        self.all(name)
            .flat_map(|value| syntax::split_list(value, b','))
            .filter(|element| !element.is_empty())
    }

    /// Whether a comma-separated header of tokens holds this one, without regard to case.
    pub fn has_token(&self, name: &HeaderName, token: &str) -> bool {
        self.elements(name)
            .any(|element| element.eq_ignore_ascii_case(token.as_bytes()))
    }

    /// How many lines have this name.
    pub fn count(&self, name: &HeaderName) -> usize {
        self.all(name).count()
    }

    /// Takes out every line of this name.
    pub fn remove(&mut self, name: &HeaderName) {
        self.list.retain(|header| header.name != *name);
    }

    /// Replaces the first line of this name in its place and takes out the others; appends when there is none.
    pub fn set(&mut self, name: HeaderName, value: impl Into<Vec<u8>>) {
        let place = self.list.iter().position(|header| header.name == name);
        self.remove(&name);
        self.push(name, value);
        if let Some(place) = place
            && let Some(header) = self.list.pop()
        {
            self.list.insert(place, header);
        }
    }

    /// Header by header.
    pub fn iter(&self) -> impl Iterator<Item = &Header> {
        self.list.iter()
    }

    /// How many lines.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}
