//! The box's web protocol, version 1, as far as a caller needs it.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Error as SocketError, Message};

use super::token::Token;
use crate::secure::Server;

/// Why something failed: a stable code and a sentence.
pub type Failure = (String, String);

pub(crate) fn failure(code: &str, message: impl ToString) -> Failure {
    (code.to_owned(), message.to_string())
}

/// One WebSocket with the box.
#[derive(Debug)]
pub(crate) struct Session {
    socket: WebSocketStream<TlsStream<TcpStream>>,
    next_id: u64,
}

impl Session {
    /// Connects and says hello.
    pub(crate) async fn open(
        server: &Server,
        origin: &str,
        token: &Token,
    ) -> Result<Self, Failure> {
        let stream = server
            .connect()
            .await
            .map_err(|message| failure("connect", message))?;
        let url = format!("wss://{}/api/v1/ws", server.authority);
        let mut request = url
            .into_client_request()
            .map_err(|error| failure("connect", error))?;
        let headers = request.headers_mut();
        headers.insert(
            "Sec-WebSocket-Protocol",
            HeaderValue::from_static("causeway.v1"),
        );
        headers.insert(
            "Origin",
            HeaderValue::from_str(origin).map_err(|error| failure("connect", error))?,
        );
        let handshake = tokio_tungstenite::client_async(request, stream);
        let (socket, _) = tokio::time::timeout(Duration::from_secs(10), handshake)
            .await
            .map_err(|_| failure("connect", "no WebSocket within 10 s"))?
            .map_err(|error| failure("connect", explain(&error)))?;
        let mut session = Self { socket, next_id: 0 };
        let hello = json!({"type": "hello", "version": 1, "token": token.0, "client": {"sdk": "causeway-phone"}});
        let id = session.send(hello).await?;
        loop {
            let message = session.receive_within(Duration::from_secs(10)).await?;
            if message["type"] == "welcome" {
                return Ok(session);
            }
            if message["id"] == id && message["type"] == "error" {
                return Err(refusal(&message));
            }
        }
    }

    /// Sends a request under a new id, and returns it.
    pub(crate) async fn send(&mut self, mut message: Value) -> Result<u64, Failure> {
        self.next_id += 1;
        message["id"] = self.next_id.into();
        self.socket
            .send(Message::text(message.to_string()))
            .await
            .map_err(|error| failure("socket", explain(&error)))?;
        Ok(self.next_id)
    }

    /// The next message of the box.
    pub(crate) async fn receive(&mut self) -> Result<Value, Failure> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => {
                    return serde_json::from_str(&text).map_err(|error| failure("protocol", error));
                }
                Some(Ok(Message::Close(frame))) => {
                    let said = frame.map_or_else(String::new, |f| {
                        format!("{} {}", u16::from(f.code), f.reason)
                    });
                    return Err(failure(
                        "socket_closed",
                        format!("the box closed the socket: {said}"),
                    ));
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(failure("socket", explain(&error))),
                None => return Err(failure("socket_closed", "the socket ended")),
            }
        }
    }

    /// The next message, or a failure when none comes in time.
    pub(crate) async fn receive_within(&mut self, patience: Duration) -> Result<Value, Failure> {
        tokio::time::timeout(patience, self.receive())
            .await
            .map_err(|_| failure("timeout", "the box did not answer"))?
    }

    /// Says goodbye.
    pub(crate) async fn close(mut self) {
        let _ = tokio::time::timeout(Duration::from_secs(1), self.socket.close(None)).await;
    }
}

/// The box's own words for an error.
pub(crate) fn refusal(message: &Value) -> Failure {
    let text = |name: &str| message[name].as_str().unwrap_or("unnamed").to_owned();
    (text("code"), text("message"))
}

fn explain(error: &SocketError) -> String {
    match error {
        SocketError::Http(response) => {
            format!("the box refused the WebSocket: HTTP {}", response.status())
        }
        other => other.to_string(),
    }
}
