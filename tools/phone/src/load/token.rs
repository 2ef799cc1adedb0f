//! One live token for all callers, minted anew before it gets old.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::Secret;
use crate::secure::Server;

/// A token is used for at most this long.
const USE_FOR: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(crate) struct Tokens {
    app: String,
    secret: Secret,
    current: Mutex<Option<(Token, Instant)>>,
}

/// A token; it never shows.
#[derive(Clone)]
pub(crate) struct Token(pub(crate) String);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token")
    }
}

impl Tokens {
    pub(crate) fn of(app: &str, secret: &Secret) -> Self {
        Self {
            app: app.to_owned(),
            secret: secret.clone(),
            current: Mutex::new(None),
        }
    }

    /// The current token. Fails with a code and a sentence.
    pub(crate) async fn get(&self, server: &Server) -> Result<Token, (String, String)> {
        let mut current = self.current.lock().await;
        if let Some((token, since)) = current.as_ref()
            && since.elapsed() < USE_FOR
        {
            return Ok(token.clone());
        }
        let body = json!({"app": self.app, "secret": self.secret.reveal()}).to_string();
        let (status, answer) = server
            .post("/api/v1/tokens", &body)
            .await
            .map_err(|message| ("connect".to_owned(), message))?;
        let answer: Value = serde_json::from_str(&answer).unwrap_or_default();
        match answer["token"].as_str() {
            Some(token) if status == 200 => {
                let token = Token(token.to_owned());
                *current = Some((token.clone(), Instant::now()));
                Ok(token)
            }
            _ => {
                let code = answer["error"]["code"]
                    .as_str()
                    .unwrap_or("token")
                    .to_owned();
                let message = answer["error"]["message"]
                    .as_str()
                    .unwrap_or("no token came");
                Err((code, format!("{message} (HTTP {status})")))
            }
        }
    }
}
