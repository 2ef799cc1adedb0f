//! One WebSocket, from its opening to its end.
//!
//! | state | leaves it by | for |
//! |---|---|---|
//! | opening | a good `hello` within 5 s | running |
//! | | anything else: 4400, 4401, 4403, 4408, 4413 | closed |
//! | running | 60 s of silence 4408, flood or slowness 4429, too large 4413, binary 4400, box stops 1001 | closed |
//! | | the client's close, or a broken connection | closed |
//!
//! A token that ends does not end the session: running calls go on, but no new one is taken until
//! `token.refresh`. Nothing here knows what a call is.

mod hello;
mod run;
mod socket;

use crate::http::{ApiError, PeerAddress};
use crate::server::Place;
use crate::state::Api;
use crate::wire::{ErrorCode, RequestNumber, ServerMessage};
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{State, WebSocketUpgrade};
use axum::http::{Extensions, HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use socket::Socket;
use std::net::SocketAddr;
use std::sync::Arc;

/// The only sub-protocol.
pub const SUBPROTOCOL: &str = "causeway.v1";

/// What the HTTP request told of the page.
#[derive(Debug)]
struct Opening {
    /// `None`: not a browser, which always sends one. An unreadable one is empty and fits nothing.
    origin: Option<String>,
    host: Option<String>,
    peer: Option<SocketAddr>,
    /// Keeps the connection counted.
    _place: Option<Arc<Place>>,
}

/// `GET /api/v1/ws`.
pub(crate) async fn upgrade(
    State(api): State<Api>,
    headers: HeaderMap,
    extensions: Extensions,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(_) => {
            return ApiError::new(
                ErrorCode::Unsupported,
                "This address takes WebSockets of version 13 only.",
            )
            .with_status(StatusCode::UPGRADE_REQUIRED)
            .into_response();
        }
    };
    let upgrade = upgrade.protocols([SUBPROTOCOL]);
    if upgrade.selected_protocol().is_none() {
        return ApiError::new(
            ErrorCode::Unsupported,
            "The WebSocket must offer the sub-protocol causeway.v1.",
        )
        .into_response();
    }
    let opening = Opening {
        origin: headers
            .get(header::ORIGIN)
            .map(|o| o.to_str().unwrap_or("").to_owned()),
        host: crate::http::host(&headers).map(str::to_owned),
        peer: extensions.get().map(|PeerAddress(peer)| *peer),
        _place: extensions.get().cloned(),
    };
    // Messages a little too large are read to their end, so that the client gets its close code
    // and not a reset; beyond twice the limit the connection just ends.
    let most = api.limits().message_bytes * 2;
    upgrade
        .max_message_size(most)
        // The library would set 128 KiB aside for each page, of which a message of ours needs a fraction.
        .read_buffer_size(READ_BUFFER)
        .max_frame_size(most)
        .on_upgrade(move |socket| async move {
            let socket = Socket::new(socket, &api);
            Box::pin(session(api, socket, opening)).await;
        })
}

/// Octets read at once from a page's connection.
const READ_BUFFER: usize = 4096;

/// Why a session ends.
#[derive(Clone, Debug, PartialEq, Eq)]
enum End {
    /// The box closes.
    Close(Close),
    /// The client closed, or the connection broke.
    Gone,
}

/// Close codes of PROTOCOL.md section 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Close {
    Stopping,
    Protocol,
    Authentication,
    Origin,
    Idle,
    TooLarge,
    Pace,
}

impl Close {
    fn code(self) -> u16 {
        match self {
            Self::Stopping => 1001,
            Self::Protocol => 4400,
            Self::Authentication => 4401,
            Self::Origin => 4403,
            Self::Idle => 4408,
            Self::TooLarge => 4413,
            Self::Pace => 4429,
        }
    }

    fn reason(self) -> &'static str {
        match self {
            Self::Stopping => "the box stops",
            Self::Protocol => "not the causeway.v1 protocol",
            Self::Authentication => "not authenticated",
            Self::Origin => "this origin is not allowed",
            Self::Idle => "nothing was sent for too long",
            Self::TooLarge => "a message was too large",
            Self::Pace => "too fast, or too slow in reading",
        }
    }
}

async fn session(api: Api, mut socket: Socket, opening: Opening) {
    let end = match hello::hello(&api, &mut socket, &opening).await {
        Ok(opened) => run::run(&api, &mut socket, opened).await,
        Err(end) => end,
    };
    if let End::Close(close) = end {
        tracing::debug!(peer = ?opening.peer, code = close.code(), "closing a WebSocket: {}", close.reason());
        api.metrics().closed(close.code());
        socket.close(close).await;
    }
}

/// An `error` message.
fn error(id: Option<RequestNumber>, code: ErrorCode, message: impl Into<String>) -> ServerMessage {
    ServerMessage::Error {
        id,
        call: None,
        code,
        message: message.into(),
        sip: None,
    }
}
