//! What the box keeps for a call: fetched with the token the INVITE brought.

use serde_json::Value;

use crate::secure::{Server, Trust};

/// Where contexts are fetched. The key never shows.
#[derive(Clone)]
pub struct ContextSource {
    server: Server,
    path: String,
    key: String,
}

impl std::fmt::Debug for ContextSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ContextSource")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl ContextSource {
    /// From the URL before the token, such as `https://box/api/v1/contexts/`.
    ///
    /// # Errors
    /// A sentence: no https, no such host, no such file.
    pub async fn new(url: &str, key: &str, trust: &Trust) -> Result<Self, String> {
        let server = Server::new(url, trust).await?;
        let after = url.strip_prefix("https://").unwrap_or(url);
        let path = after.find('/').map_or("", |at| &after[at..]);
        Ok(Self {
            server,
            path: format!("{}/", path.trim_end_matches('/')),
            key: key.trim().to_owned(),
        })
    }

    /// The context behind `token`.
    ///
    /// # Errors
    /// A sentence: the token cannot stand in a URL, or the box refused.
    pub async fn fetch(&self, token: &str) -> Result<Value, String> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~');
        if token.is_empty() || !token.bytes().all(plain) {
            return Err("the token is not one of the box".into());
        }
        let path = format!("{}{token}", self.path);
        let (status, body) = self.server.get(&path, &self.key).await?;
        if status != 200 {
            return Err(format!("no context: HTTP {status}"));
        }
        serde_json::from_str(&body).map_err(|error| format!("the context is not JSON: {error}"))
    }
}
