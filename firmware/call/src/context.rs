//! The context that travels with a call: kept on the box, known outside by an opaque token.

use serde_json::{Map, Value};

/// Bytes of a context as JSON.
pub const MAX_BYTES: usize = 8 * 1024;
/// Objects and lists in each other.
pub const MAX_DEPTH: usize = 8;

/// Why a context is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContextError {
    #[error("the context has {0} bytes; at most {MAX_BYTES} are kept")]
    TooLarge(usize),
    #[error("the context is nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
}

/// Checks the bounds of a context and returns it as JSON text.
///
/// # Errors
/// [`ContextError`].
pub fn check(context: &Map<String, Value>) -> Result<String, ContextError> {
    if context.values().any(|v| depth(v) >= MAX_DEPTH) {
        return Err(ContextError::TooDeep);
    }
    let text = Value::Object(context.clone()).to_string();
    if text.len() > MAX_BYTES {
        Err(ContextError::TooLarge(text.len()))
    } else {
        Ok(text)
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

/// The token of a context: 24 hexadecimal digits of randomness that the shell draws.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ContextToken(String);

impl ContextToken {
    pub fn from_random(bytes: [u8; 12]) -> Self {
        use std::fmt::Write;
        Self(bytes.iter().fold(String::with_capacity(24), |mut s, b| {
            let _ = write!(s, "{b:02x}");
            s
        }))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads 24 hexadecimal digits of any case.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = text.len() == 24 && text.bytes().all(|b| b.is_ascii_hexdigit());
        fits.then(|| Self(text.to_ascii_lowercase()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contexts_are_bounded() {
        let ok = serde_json::json!({"page": "/pricing", "cart": {"items": [1, 2]}});
        assert!(check(ok.as_object().unwrap()).is_ok());
        let big = serde_json::json!({"page": "x".repeat(MAX_BYTES)});
        assert!(matches!(
            check(big.as_object().unwrap()),
            Err(ContextError::TooLarge(_))
        ));
        let mut deep = serde_json::json!(1);
        for _ in 0..MAX_DEPTH + 1 {
            deep = serde_json::json!([deep]);
        }
        let deep = serde_json::json!({ "deep": deep });
        assert_eq!(check(deep.as_object().unwrap()), Err(ContextError::TooDeep));
    }
}
