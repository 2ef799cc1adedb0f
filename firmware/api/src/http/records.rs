//! `/api/v1/calls` and `/api/v1/contexts`: what was, and what runs.

use super::admin::Admin;
use super::{ApiError, ErrorBody};
use crate::lookup::{CallFilter, CallQuery, ContextRecord, Cursor, Lookup, LookupError};
use crate::request;
use crate::state::Api;
use crate::timestamp::rfc3339;
use crate::wire::ErrorCode;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use causeway_call::record::CallRecord;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::sync::oneshot;
use utoipa::{IntoParams, ToSchema};

/// Which calls.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CallsQuery {
    /// At most so many, 1 to 1000; 100 when absent.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
    /// Only calls behind this place: `next` of the answer before, or a time in ms since 1970.
    before: Option<String>,
    /// `running` or `ended`.
    state: Option<String>,
    /// Called number or account, exactly.
    to: Option<String>,
}

/// Records, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct CallsAnswer {
    pub calls: Vec<CallRecord>,
    /// `before` of the next question, when there may be more.
    pub next: Option<String>,
}

/// One call.
#[derive(Debug, Serialize, ToSchema)]
pub struct CallAnswer {
    /// Its record, when one was written already.
    pub call: Option<CallRecord>,
    /// What the switch knows of it, while it runs: its record so far, `state`, `held_by`, and `levels`, how loud the last
    /// frame was (`from_browser` and `from_pbx`, each `peak_dbov` and `rms_dbov`, looked at every 5 s).
    #[schema(value_type = Option<Object>)]
    pub running: Option<Value>,
}

/// A context the PBX was given a token for.
#[derive(Debug, Serialize, ToSchema)]
pub struct ContextAnswer {
    pub token: String,
    pub call: String,
    pub app: Option<String>,
    #[schema(format = DateTime)]
    pub created_at: String,
    #[schema(format = DateTime)]
    pub expires_at: String,
    #[schema(value_type = Object)]
    pub context: Map<String, Value>,
}

/// Lists calls, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/calls",
    tag = "calls",
    params(CallsQuery),
    responses(
        (status = 200, description = "Records.", body = CallsAnswer),
        (status = 401, description = "`auth_failed`.", body = ErrorBody),
        (status = 422, description = "`bad_request`: the message names the parameter.", body = ErrorBody),
        (status = 429, description = "`rate_limited`.", body = ErrorBody),
    ),
    security(("admin_key" = []))
)]
pub(super) async fn calls(
    _: Admin,
    State(api): State<Api>,
    query: Result<Query<CallsQuery>, QueryRejection>,
) -> Result<Json<CallsAnswer>, ApiError> {
    let Query(asked) =
        query.map_err(|fault| ApiError::new(ErrorCode::BadRequest, fault.body_text()))?;
    let limit = asked.limit.unwrap_or(100);
    if !(1..=1000).contains(&limit) {
        return Err(ApiError::new(
            ErrorCode::BadRequest,
            "`limit`: is 1 to 1000",
        ));
    }
    let state = match asked.state.as_deref() {
        None => None,
        Some("running") => Some(CallFilter::Running),
        Some("ended") => Some(CallFilter::Ended),
        Some(_) => {
            return Err(ApiError::new(
                ErrorCode::BadRequest,
                "`state`: is running or ended",
            ));
        }
    };
    let before = asked
        .before
        .map(|text| {
            Cursor::parse(&text).ok_or_else(|| {
                ApiError::new(
                    ErrorCode::BadRequest,
                    "`before`: is `next` of the answer before, or a time in ms since 1970",
                )
            })
        })
        .transpose()?;
    let query = CallQuery {
        limit,
        before,
        state,
        to: asked.to,
    };
    let calls = look_up(&api, |reply| Lookup::Calls { query, reply }).await?;
    let next = calls
        .last()
        .filter(|_| calls.len() >= usize::try_from(limit).unwrap_or(usize::MAX))
        .map(|call| {
            let cursor = Cursor {
                placed_at: call.placed_at,
                id: call.id.clone(),
            };
            cursor.to_string()
        });
    Ok(Json(CallsAnswer { calls, next }))
}

/// Shows one call, running or ended.
#[utoipa::path(
    get,
    path = "/api/v1/calls/{id}",
    tag = "calls",
    params(("id" = String, Path, description = "The call's id.")),
    responses(
        (status = 200, description = "The call.", body = CallAnswer),
        (status = 401, description = "`auth_failed`.", body = ErrorBody),
        (status = 404, description = "`call_not_found`.", body = ErrorBody),
        (status = 429, description = "`rate_limited`.", body = ErrorBody),
    ),
    security(("admin_key" = []))
)]
pub(super) async fn call(
    _: Admin,
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<Json<CallAnswer>, ApiError> {
    let (reply, answer) = oneshot::channel();
    let running = ask_switch(
        &api,
        request::Request::Call {
            id: id.clone(),
            reply,
        },
        answer,
    )
    .await?;
    let call = look_up(&api, |reply| Lookup::Call { id, reply }).await?;
    if running.is_none() && call.is_none() {
        return Err(ApiError::new(
            ErrorCode::CallNotFound,
            "There is no call with this id.",
        ));
    }
    Ok(Json(CallAnswer { call, running }))
}

/// Shows the context behind the token a PBX got in its User-to-User header.
#[utoipa::path(
    get,
    path = "/api/v1/contexts/{token}",
    tag = "calls",
    params(("token" = String, Path, description = "The opaque token of the User-to-User header.")),
    responses(
        (status = 200, description = "The context.", body = ContextAnswer),
        (status = 401, description = "`auth_failed`.", body = ErrorBody),
        (status = 404, description = "`not_found`: never known, or over.", body = ErrorBody),
        (status = 429, description = "`rate_limited`.", body = ErrorBody),
    ),
    security(("admin_key" = []))
)]
pub(super) async fn context(
    _: Admin,
    State(api): State<Api>,
    Path(token): Path<String>,
) -> Result<Json<ContextAnswer>, ApiError> {
    let found = look_up(&api, |reply| Lookup::Context { token, reply }).await?;
    let Some(record) = found else {
        return Err(ApiError::new(
            ErrorCode::NotFound,
            "There is no context for this token, or not any more.",
        ));
    };
    Ok(Json(record.into()))
}

impl From<ContextRecord> for ContextAnswer {
    fn from(record: ContextRecord) -> Self {
        let time = |ms: i64| rfc3339(u64::try_from(ms / 1000).unwrap_or(0));
        Self {
            created_at: time(record.created_at),
            expires_at: time(record.expires_at),
            token: record.token,
            call: record.call,
            app: record.app,
            context: record.context,
        }
    }
}

/// Asks the store and waits a bounded time.
async fn look_up<T>(
    api: &Api,
    question: impl FnOnce(oneshot::Sender<Result<T, LookupError>>) -> Lookup,
) -> Result<T, ApiError> {
    let (reply, answer) = oneshot::channel();
    if api.records().try_send(question(reply)).is_err() {
        tracing::warn!("the store's queue of questions is full or closed");
        return Err(ApiError::internal());
    }
    match tokio::time::timeout(api.limits().answer, answer).await {
        Ok(Ok(Ok(found))) => Ok(found),
        Ok(Ok(Err(error))) => {
            tracing::error!(%error, "a lookup failed");
            Err(ApiError::internal())
        }
        Ok(Err(_)) => Err(ApiError::internal()),
        Err(_) => Err(late("store")),
    }
}

/// Asks the switch and waits a bounded time.
pub(super) async fn ask_switch<T>(
    api: &Api,
    question: request::Request,
    answer: oneshot::Receiver<T>,
) -> Result<T, ApiError> {
    let asked = async {
        api.switch().send(question).await.ok()?;
        answer.await.ok()
    };
    match tokio::time::timeout(api.limits().answer, asked).await {
        Ok(Some(found)) => Ok(found),
        Ok(None) => {
            tracing::error!("the switch does not answer");
            Err(ApiError::internal())
        }
        Err(_) => Err(late("switch")),
    }
}

fn late(who: &str) -> ApiError {
    tracing::error!("the {who} did not answer in time");
    ApiError::new(ErrorCode::TimedOut, "The box did not answer in time.")
}
