//! `/healthz`, `/metrics` and `/api/v1/status`.

use super::admin::Admin;
use super::records::ask_switch;
use super::{ApiError, ErrorBody};
use crate::request;
use crate::state::Api;
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::sync::oneshot;
use utoipa::ToSchema;

/// Whether the box does its work.
#[derive(Debug, Serialize, ToSchema)]
pub struct HealthAnswer {
    /// `ok` or `unhealthy`.
    status: &'static str,
    #[schema(value_type = Object)]
    detail: Value,
}

/// The box now.
#[derive(Debug, Serialize, ToSchema)]
pub struct StatusAnswer {
    name: String,
    version: &'static str,
    /// Authenticated WebSockets.
    sessions: i64,
    /// Running calls: a call record each, with `state` beside it.
    #[schema(value_type = Vec<Object>)]
    calls: Value,
    #[schema(value_type = Vec<TrunkStatus>)]
    trunks: Value,
    /// Whatever else the switch tells.
    #[serde(flatten)]
    more: Map<String, Value>,
}

/// A trunk as the box last saw it.
#[derive(Debug, Serialize, ToSchema)]
pub struct TrunkStatus {
    name: String,
    /// `up`, `down` or `unknown`.
    state: String,
}

/// Tells whether the box does its work; open to everybody.
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "box",
    responses(
        (status = 200, description = "The box works.", body = HealthAnswer),
        (status = 503, description = "It does not.", body = HealthAnswer),
    )
)]
pub(super) async fn healthz(State(api): State<Api>) -> impl IntoResponse {
    let health = (api.probes().health)();
    let (status, text) = if health.healthy {
        (StatusCode::OK, "ok")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "unhealthy")
    };
    let answer = HealthAnswer {
        status: text,
        detail: health.detail,
    };
    (status, Json(answer))
}

/// Metrics in Prometheus text format.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "box",
    responses(
        (status = 200, description = "Prometheus text format 0.0.4.", body = String, content_type = "text/plain"),
        (status = 401, description = "`auth_failed`.", body = ErrorBody),
        (status = 429, description = "`rate_limited`.", body = ErrorBody),
    ),
    security(("admin_key" = []))
)]
pub(super) async fn metrics(_: Admin, State(api): State<Api>) -> impl IntoResponse {
    let mut text = String::with_capacity(8 * 1024);
    api.metrics().render(&mut text);
    (api.probes().metrics)(&mut text);
    (
        [(
            header::CONTENT_TYPE,
            "text/plain; version=0.0.4; charset=utf-8",
        )],
        text,
    )
}

/// Shows running calls, trunks and the box's state.
#[utoipa::path(
    get,
    path = "/api/v1/status",
    tag = "box",
    responses(
        (status = 200, description = "The state now.", body = StatusAnswer),
        (status = 401, description = "`auth_failed`.", body = ErrorBody),
        (status = 429, description = "`rate_limited`.", body = ErrorBody),
        (status = 504, description = "`timed_out`.", body = ErrorBody),
    ),
    security(("admin_key" = []))
)]
pub(super) async fn status(
    _: Admin,
    State(api): State<Api>,
) -> Result<Json<StatusAnswer>, ApiError> {
    let (reply, answer) = oneshot::channel();
    let told = ask_switch(&api, request::Request::Status { reply }, answer).await?;
    let mut more = match told {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    let mut list = |name: &str| {
        more.remove(name)
            .unwrap_or_else(|| Value::Array(Vec::new()))
    };
    let (calls, trunks) = (list("calls"), list("trunks"));
    more.retain(|name, _| !matches!(name.as_str(), "name" | "version" | "sessions"));
    Ok(Json(StatusAnswer {
        name: api.directory().config().settings.name.clone(),
        version: env!("CARGO_PKG_VERSION"),
        sessions: api.metrics().sessions.value(),
        calls,
        trunks,
        more,
    }))
}
