//! The WebSocket itself: typed messages out, texts in, and every wait bounded.

use super::{Close, End};
use crate::state::Api;
use crate::wire::ServerMessage;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use std::time::Duration;

/// How long a client has to answer a close.
const FAREWELL: Duration = Duration::from_secs(2);

pub(super) struct Socket {
    socket: WebSocket,
    api: Api,
}

/// What came in.
#[derive(Debug)]
pub(super) enum Incoming {
    Text(Utf8Bytes),
    /// A ping or a pong: the client lives.
    Life,
}

impl Socket {
    pub(super) fn new(socket: WebSocket, api: &Api) -> Self {
        Self {
            socket,
            api: api.clone(),
        }
    }

    /// Waits for the next message. Safe to drop while it waits.
    pub(super) async fn receive(&mut self) -> Result<Incoming, End> {
        match self.socket.recv().await {
            Some(Ok(Message::Text(text))) if text.len() > self.api.limits().message_bytes => {
                Err(End::Close(Close::TooLarge))
            }
            Some(Ok(Message::Text(text))) => Ok(Incoming::Text(text)),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(Incoming::Life),
            Some(Ok(Message::Binary(_))) => Err(End::Close(Close::Protocol)),
            Some(Ok(Message::Close(_))) | None => Err(End::Gone),
            Some(Err(fault)) => Err(judge(fault)),
        }
    }

    /// Sends, or gives up on a client that does not read.
    pub(super) async fn send(&mut self, message: &ServerMessage) -> Result<(), End> {
        match serde_json::to_string(message) {
            Ok(text) => {
                if let ServerMessage::Error { code, .. } = message {
                    self.api.metrics().error(*code);
                }
                self.api.metrics().messages_sent.increment();
                self.write(Message::Text(text.into())).await
            }
            Err(error) => {
                tracing::error!(%error, "a message cannot be written as JSON");
                Ok(())
            }
        }
    }

    pub(super) async fn ping(&mut self) -> Result<(), End> {
        self.write(Message::Ping(Default::default())).await
    }

    async fn write(&mut self, message: Message) -> Result<(), End> {
        match tokio::time::timeout(self.api.limits().write, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Gone),
            Err(_) => Err(End::Close(Close::Pace)),
        }
    }

    /// Says why and waits a little for the answer, so that the client reads the reason before the
    /// connection goes.
    pub(super) async fn close(mut self, close: Close) {
        let frame = CloseFrame {
            code: close.code(),
            reason: Utf8Bytes::from_static(close.reason()),
        };
        let farewell = async {
            if self.socket.send(Message::Close(Some(frame))).await.is_ok() {
                while let Some(Ok(_)) = self.socket.recv().await {}
            }
        };
        let _ = tokio::time::timeout(FAREWELL, farewell).await;
    }
}

/// What a read error means.
fn judge(fault: axum::Error) -> End {
    match fault.into_inner().downcast_ref() {
        Some(tungstenite::Error::Capacity(_)) => End::Close(Close::TooLarge),
        Some(tungstenite::Error::Protocol(
            tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
        )) => End::Gone,
        Some(tungstenite::Error::Protocol(_) | tungstenite::Error::Utf8(_)) => {
            End::Close(Close::Protocol)
        }
        Some(_) | None => End::Gone,
    }
}
