//! `/api/v1/trunks/{name}/check`: the trunk doctor.

use super::admin::Admin;
use super::records::ask_switch;
use super::{ApiError, ErrorBody};
use crate::doctor::{CheckRefused, TrunkCheck};
use crate::request::Request;
use crate::state::Api;
use crate::wire::ErrorCode;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use tokio::sync::oneshot;
use utoipa::ToSchema;

/// What to try.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckWish {
    /// A number that answers by itself, such as an echo; without one nothing is called.
    #[schema(pattern = "^[+]?[0-9*#]{1,32}$")]
    number: Option<String>,
}

/// Begins a check of a trunk. It takes up to two minutes; ask for its result meanwhile.
#[utoipa::path(
    post,
    path = "/api/v1/trunks/{name}/check",
    tag = "box",
    params(("name" = String, Path, description = "The trunk's name.")),
    request_body = Option<CheckWish>,
    responses(
        (status = 202, description = "It runs.", body = TrunkCheck),
        (status = 401, description = "`auth_failed`.", body = ErrorBody),
        (status = 404, description = "`not_found`: no such trunk.", body = ErrorBody),
        (status = 409, description = "`wrong_state`: a check of this trunk runs already.", body = ErrorBody),
        (status = 422, description = "`bad_request`: the number is none.", body = ErrorBody),
        (status = 429, description = "`rate_limited`.", body = ErrorBody),
    ),
    security(("admin_key" = []))
)]
pub(super) async fn begin(
    _: Admin,
    State(api): State<Api>,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<(StatusCode, Json<TrunkCheck>), ApiError> {
    let wish: CheckWish = if body.iter().all(u8::is_ascii_whitespace) {
        CheckWish::default()
    } else {
        serde_json::from_slice(&body)
            .map_err(|fault| ApiError::new(ErrorCode::BadRequest, fault.to_string()))?
    };
    if !wish.number.as_deref().is_none_or(is_number) {
        return Err(ApiError::new(
            ErrorCode::BadRequest,
            "`number`: has up to 32 digits, * and #, and may begin with +",
        ));
    }
    let (reply, answer) = oneshot::channel();
    let question = Request::CheckTrunk {
        trunk: name.clone(),
        number: wish.number,
        reply,
    };
    match ask_switch(&api, question, answer).await? {
        Ok(()) => {}
        Err(CheckRefused::UnknownTrunk) => return Err(unknown()),
        Err(CheckRefused::NoAddress(fault)) => {
            return Err(ApiError::new(
                ErrorCode::WrongState,
                format!("The trunk has no address: {fault}"),
            ));
        }
        Err(CheckRefused::Running) => {
            return Err(ApiError::new(
                ErrorCode::WrongState,
                "A check of this trunk runs already.",
            ));
        }
    }
    let Json(check) = report(&api, name).await?;
    Ok((StatusCode::ACCEPTED, Json(check)))
}

/// Shows the check of a trunk that runs, or the last one since the box started.
#[utoipa::path(
    get,
    path = "/api/v1/trunks/{name}/check",
    tag = "box",
    params(("name" = String, Path, description = "The trunk's name.")),
    responses(
        (status = 200, description = "The check.", body = TrunkCheck),
        (status = 401, description = "`auth_failed`.", body = ErrorBody),
        (status = 404, description = "`not_found`: no such trunk, or it was never checked.", body = ErrorBody),
        (status = 429, description = "`rate_limited`.", body = ErrorBody),
    ),
    security(("admin_key" = []))
)]
pub(super) async fn show(
    _: Admin,
    State(api): State<Api>,
    Path(name): Path<String>,
) -> Result<Json<TrunkCheck>, ApiError> {
    report(&api, name).await
}

async fn report(api: &Api, trunk: String) -> Result<Json<TrunkCheck>, ApiError> {
    let (reply, answer) = oneshot::channel();
    let found = ask_switch(api, Request::TrunkCheck { trunk, reply }, answer).await?;
    found.map(Json).ok_or_else(unknown)
}

fn unknown() -> ApiError {
    ApiError::new(
        ErrorCode::NotFound,
        "There is no trunk of this name, or it was not checked since the box started.",
    )
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or(text);
    (1..=32).contains(&digits.len())
        && digits
            .bytes()
            .all(|b| b.is_ascii_digit() || matches!(b, b'*' | b'#'))
}
