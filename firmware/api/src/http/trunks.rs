//! `/api/v1/trunks` and `/api/v1/events`: what the box knows of its PBXes, now and as it changes.

use super::admin::Admin;
use super::records::ask_switch;
use super::{ApiError, ErrorBody};
use crate::event::{BoxEvent, EVENT_QUEUE};
use crate::request;
use crate::state::Api;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use serde::Serialize;
use serde_json::Value;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use utoipa::ToSchema;

/// A comment so often tells both sides that the other is there.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Every trunk.
#[derive(Debug, Serialize, ToSchema)]
pub struct TrunksAnswer {
    pub trunks: Vec<TrunkView>,
}

/// A trunk as the box sees it now.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TrunkView {
    pub name: String,
    /// `up`, `degraded`, `down` or `unknown`: that of the target the next call would go to.
    pub state: &'static str,
    /// For trunks that register: how that stands.
    #[schema(value_type = Option<Object>)]
    pub registration: Option<Value>,
    /// Why a name of the trunk is not known in the DNS; what was known before may still be in use.
    pub dns: Option<String>,
    pub targets: Vec<TargetView>,
    /// Calls now, in both directions.
    pub calls: usize,
    /// Calls at once that the configuration allows; absent: as many as the box.
    pub max_calls: Option<usize>,
    /// Calls that may begin in a second; absent: no limit.
    pub calls_per_second: Option<u32>,
    /// Calls that found no line since the box started.
    pub refused: Vec<RefusedView>,
}

/// Where calls of a trunk go.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TargetView {
    /// Address and port.
    pub address: String,
    /// `up`, `degraded`, `down` or `unknown`.
    pub state: &'static str,
    /// Since when, in milliseconds since 1970.
    pub since: i64,
    /// The last SIP status that came from it.
    pub last_status: Option<u16>,
    /// It asked for a pause until then, in milliseconds since 1970.
    pub avoided_until: Option<i64>,
}

/// Calls that found no line.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RefusedView {
    /// `out` to the PBX or `in` from it.
    pub way: &'static str,
    /// `max_calls` or `calls_per_second`.
    pub limit: &'static str,
    pub count: u64,
}

/// Shows the trunks: state, targets, calls and limits.
#[utoipa::path(
    get,
    path = "/api/v1/trunks",
    tag = "box",
    responses(
        (status = 200, description = "The trunks, in the configuration's order.", body = TrunksAnswer),
        (status = 401, description = "`auth_failed`.", body = ErrorBody),
        (status = 429, description = "`rate_limited`.", body = ErrorBody),
        (status = 504, description = "`timed_out`.", body = ErrorBody),
    ),
    security(("admin_key" = []))
)]
pub(super) async fn trunks(
    _: Admin,
    State(api): State<Api>,
) -> Result<Json<TrunksAnswer>, ApiError> {
    let (reply, answer) = oneshot::channel();
    let trunks = ask_switch(&api, request::Request::Trunks { reply }, answer).await?;
    Ok(Json(TrunksAnswer { trunks }))
}

/// Tells what changes as it changes: Server-Sent Events, each named `trunk`, `target` or `callback`, with a JSON object. At first comes
/// the state of every trunk and target. Who does not read loses the stream and asks again.
#[utoipa::path(
    get,
    path = "/api/v1/events",
    tag = "box",
    responses(
        (status = 200, description = "A stream of events.", body = BoxEvent, content_type = "text/event-stream"),
        (status = 401, description = "`auth_failed`.", body = ErrorBody),
        (status = 429, description = "`rate_limited`: too many listen already, or too many questions.", body = ErrorBody),
    ),
    security(("admin_key" = []))
)]
pub(super) async fn events(_: Admin, State(api): State<Api>) -> Result<Response, ApiError> {
    let (out, events) = mpsc::channel(EVENT_QUEUE);
    let (reply, answer) = oneshot::channel();
    let listening = ask_switch(&api, request::Request::Listen { out, reply }, answer).await?;
    if !listening {
        return Err(ApiError::new(
            crate::wire::ErrorCode::RateLimited,
            "As many listen to events as may.",
        ));
    }
    let body = stream::unfold(
        (events, api.stopping()),
        |(mut events, mut stopping)| async {
            let text = tokio::select! {
                event = events.recv() => written(&event?),
                () = tokio::time::sleep(KEEP_ALIVE) => ": still here\n\n".to_owned(),
                _ = stopping.wait_for(|stop| *stop) => return None,
            };
            Some((Ok::<_, Infallible>(Bytes::from(text)), (events, stopping)))
        },
    );
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, Body::from_stream(body)).into_response())
}

fn written(event: &BoxEvent) -> String {
    let data = serde_json::to_string(event).unwrap_or_default();
    format!("event: {}\ndata: {data}\n\n", event.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_two_lines_and_an_empty_one() {
        let event = BoxEvent::Trunk {
            trunk: "pbx".to_owned(),
            from: None,
            to: "up".to_owned(),
            at: 5,
        };
        assert_eq!(
            written(&event),
            "event: trunk\ndata: {\"type\":\"trunk\",\"trunk\":\"pbx\",\"from\":null,\"to\":\"up\",\"at\":5}\n\n"
        );
    }
}
