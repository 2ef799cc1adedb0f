//! Parameters behind a semicolon, of URIs and of headers.

use super::syntax;

/// `;name=value;flag` in order. Names are compared without regard to case.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Params {
    list: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

impl Params {
    /// Reads what is behind the first semicolon. `None` when a name is missing or an unquoted value has white space.
    pub fn read(text: &[u8]) -> Option<Self> {
        let mut list = Vec::new();
        for element in syntax::split_list(text, b';') {
            let (name, value) = match syntax::split_once(element, b'=') {
                Some((name, value)) => (name.trim_ascii(), Some(value.trim_ascii())),
                None => (element, None),
            };
            if name.is_empty() || name.iter().any(|b| *b <= b' ' || matches!(b, b',' | b'"')) {
                return None;
            }
            if let Some(value) = value {
                let whole = match value.first() {
                    Some(b'"') => syntax::quoted(value)?.1.is_empty(),
                    _ => !value.iter().any(|b| matches!(b, b' ' | b'\t' | b',')),
                };
                if !whole {
                    return None;
                }
            }
            list.push((name.to_vec(), value.map(<[u8]>::to_vec)));
        }
        Some(Self { list })
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether there is one of this name, with or without a value.
    pub fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// The value as written, quotes included.
    pub fn raw(&self, name: &str) -> Option<&[u8]> {
        self.find(name)?.1.as_deref()
    }

    /// The value without quotes, bytes that are no UTF-8 replaced.
    pub fn text(&self, name: &str) -> Option<String> {
        self.raw(name)
            .map(|value| syntax::lossy(&syntax::unquote(value)))
    }

    /// The value as a number.
    pub fn number(&self, name: &str) -> Option<u64> {
        syntax::number(&syntax::unquote(self.raw(name)?))
    }

    /// Sets a value in its place, or appends it.
    pub fn set(&mut self, name: &str, value: Option<String>) {
        let value = value.map(String::into_bytes);
        match self
            .list
            .iter_mut()
            .find(|(found, _)| found.eq_ignore_ascii_case(name.as_bytes()))
        {
            Some(entry) => entry.1 = value,
            None => self.list.push((name.as_bytes().to_vec(), value)),
        }
    }

    /// Appends `;name=value…` to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        for (name, value) in &self.list {
            out.push(b';');
            out.extend_from_slice(name);
            if let Some(value) = value {
                out.push(b'=');
                out.extend_from_slice(value);
            }
        }
    }

    fn find(&self, name: &str) -> Option<&(Vec<u8>, Option<Vec<u8>>)> {
        self.list
            .iter()
            .find(|(found, _)| found.eq_ignore_ascii_case(name.as_bytes()))
    }
}
