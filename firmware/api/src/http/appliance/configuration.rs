//! The configuration: what is in force, an author's draft, and the way from one to the other.
//!
//! A draft is an author's (`Causeway-Author`, else `api`) and stays until it is committed or discarded. It begins with what is in
//! force, whose revision is the ETag.

use super::{BoxAnswer, Desk, tag};
use crate::http::{ApiError, ErrorBody, extract};
use crate::state::Api;
use crate::wire::ErrorCode;
use axum::Json;
use axum::extract::{Query, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, Limited};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

/// Octets of a document.
const LONGEST_DOCUMENT: usize = 512 * 1024;
/// Changes in one request.
const MOST_CHANGES: usize = 256;

/// Which document.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Which {
    /// A revision's number; default: what is in force.
    revision: Option<u32>,
}

/// Shows the configuration, without its secrets, as TOML.
#[utoipa::path(
    get,
    path = "/api/v1/box/configuration",
    tag = "appliance",
    params(Which),
    responses(
        (status = 200, description = "The document; its revision is the ETag.", body = String, content_type = "application/toml"),
        (status = 401, description = "`auth_failed`.", body = ErrorBody),
        (status = 404, description = "`not_found`: no such revision, or this is no box.", body = ErrorBody),
    ),
    security(("admin_key" = []))
)]
pub(in crate::http) async fn show(
    mut desk: Desk,
    Query(which): Query<Which>,
) -> Result<Response, ApiError> {
    let document = desk.document(json!({"do": "export", "number": which.revision}));
    let (text, revision) = document.await?;
    Ok(toml(text, revision))
}

/// Shows the author's draft as TOML.
#[utoipa::path(
    get,
    path = "/api/v1/box/draft",
    tag = "appliance",
    responses(
        (status = 200, description = "The draft; the ETag is the revision in force.", body = String, content_type = "application/toml"),
        (status = 401, description = "`auth_failed`.", body = ErrorBody),
        (status = 404, description = "`not_found`: this is no box.", body = ErrorBody),
    ),
    security(("admin_key" = []))
)]
pub(in crate::http) async fn draft(mut desk: Desk) -> Result<Response, ApiError> {
    let (text, revision) = desk
        .document(json!({"do": "export", "draft": true}))
        .await?;
    Ok(toml(text, revision))
}

fn toml(text: String, revision: Option<u64>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/toml".to_owned()),
        (header::ETAG, tag(revision)),
    ];
    (headers, text).into_response()
}

/// One setting of a draft.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Change {
    /// Such as `["trunk", "pbx", "address"]`.
    path: Vec<String>,
    /// Text, number or truth; what is absent is deleted.
    value: Option<Value>,
    /// Whether it is kept with the secrets and never shown.
    #[serde(default)]
    secret: bool,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Changes {
    changes: Vec<Change>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Commit {
    /// Why; kept with the revision.
    comment: Option<String>,
    /// 1 to 1440: goes back by itself unless it is confirmed within so many minutes.
    confirm_minutes: Option<u32>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Rollback {
    /// The revision that becomes the draft.
    number: u32,
}

/// Makes a whole document the draft.
#[utoipa::path(
    put,
    path = "/api/v1/box/draft",
    tag = "appliance",
    params(("If-Match" = String, Header, description = "The ETag of the configuration that is changed, or *.")),
    request_body(content = String, content_type = "application/toml"),
    responses(
        (status = 200, description = "The box's answer.", body = BoxAnswer),
        (status = 401, description = "`auth_failed`.", body = ErrorBody),
        (status = 404, description = "`not_found`: this is no box.", body = ErrorBody),
        (status = 412, description = "`wrong_state`: another revision is in force.", body = ErrorBody),
        (status = 428, description = "`bad_request`: If-Match is missing.", body = ErrorBody),
        (status = 422, description = "`bad_request`: what is wrong, line by line.", body = ErrorBody),
    ),
    security(("admin_key" = []))
)]
pub(in crate::http) async fn import(
    mut desk: Desk,
    request: Request,
) -> Result<Json<BoxAnswer>, ApiError> {
    desk.based_on(request.headers()).await?;
    let text = document(request).await?;
    desk.ask(json!({"do": "import", "text": text})).await
}

/// Changes settings of the draft, one after the other; those before a bad one stay changed.
#[utoipa::path(
    patch,
    path = "/api/v1/box/draft",
    tag = "appliance",
    params(("If-Match" = String, Header, description = "The ETag of the configuration that is changed, or *.")),
    request_body = Changes,
    responses(
        (status = 200, description = "The box's answer.", body = BoxAnswer),
        (status = 401, description = "`auth_failed`.", body = ErrorBody),
        (status = 404, description = "`not_found`: this is no box.", body = ErrorBody),
        (status = 412, description = "`wrong_state`: another revision is in force.", body = ErrorBody),
        (status = 428, description = "`bad_request`: If-Match is missing.", body = ErrorBody),
        (status = 422, description = "`bad_request`: what is wrong, line by line.", body = ErrorBody),
    ),
    security(("admin_key" = []))
)]
pub(in crate::http) async fn change(
    mut desk: Desk,
    State(api): State<Api>,
    request: Request,
) -> Result<Json<BoxAnswer>, ApiError> {
    desk.based_on(request.headers()).await?;
    let wished: Changes = extract::json(request, api.limits()).await?;
    if !(1..=MOST_CHANGES).contains(&wished.changes.len()) {
        return Err(ApiError::new(
            ErrorCode::BadRequest,
            format!("`changes`: are 1 to {MOST_CHANGES}"),
        ));
    }
    for change in wished.changes {
        let Json(_) = desk.ask(order(change)?).await?;
    }
    desk.ask(json!({"do": "compare"})).await
}

/// Throws the draft away.
#[utoipa::path(
    delete,
    path = "/api/v1/box/draft",
    tag = "appliance",
    responses(
        (status = 200, description = "The box's answer.", body = BoxAnswer),
        (status = 401, description = "`auth_failed`.", body = ErrorBody),
        (status = 404, description = "`not_found`: this is no box.", body = ErrorBody),
    ),
    security(("admin_key" = []))
)]
pub(in crate::http) async fn discard(mut desk: Desk) -> Result<Json<BoxAnswer>, ApiError> {
    desk.ask(json!({"do": "discard"})).await
}

/// Tells what the draft changes, and what that does to the box.
#[utoipa::path(
    get,
    path = "/api/v1/box/draft/changes",
    tag = "appliance",
    responses(
        (status = 200, description = "The box's answer.", body = BoxAnswer),
        (status = 401, description = "`auth_failed`.", body = ErrorBody),
        (status = 404, description = "`not_found`: this is no box.", body = ErrorBody),
    ),
    security(("admin_key" = []))
)]
pub(in crate::http) async fn compare(mut desk: Desk) -> Result<Json<BoxAnswer>, ApiError> {
    desk.ask(json!({"do": "compare"})).await
}

/// Puts the draft in force, for good or on trial.
#[utoipa::path(
    post,
    path = "/api/v1/box/commit",
    tag = "appliance",
    params(("If-Match" = String, Header, description = "The ETag of the configuration that is changed, or *.")),
    request_body = Commit,
    responses(
        (status = 200, description = "The box's answer.", body = BoxAnswer),
        (status = 401, description = "`auth_failed`.", body = ErrorBody),
        (status = 404, description = "`not_found`: this is no box.", body = ErrorBody),
        (status = 409, description = "`wrong_state`.", body = ErrorBody),
        (status = 412, description = "`wrong_state`: another revision is in force.", body = ErrorBody),
        (status = 428, description = "`bad_request`: If-Match is missing.", body = ErrorBody),
        (status = 422, description = "`bad_request`: what is wrong, line by line.", body = ErrorBody),
    ),
    security(("admin_key" = []))
)]
pub(in crate::http) async fn commit(
    mut desk: Desk,
    State(api): State<Api>,
    request: Request,
) -> Result<Json<BoxAnswer>, ApiError> {
    desk.based_on(request.headers()).await?;
    let Commit {
        comment,
        confirm_minutes,
    } = extract::json(request, api.limits()).await?;
    let order = json!({"do": "commit", "comment": comment, "confirm_minutes": confirm_minutes});
    desk.ask(order).await
}

/// Keeps what is on trial.
#[utoipa::path(
    post,
    path = "/api/v1/box/confirm",
    tag = "appliance",
    responses(
        (status = 200, description = "The box's answer.", body = BoxAnswer),
        (status = 401, description = "`auth_failed`.", body = ErrorBody),
        (status = 404, description = "`not_found`: this is no box.", body = ErrorBody),
        (status = 409, description = "`wrong_state`.", body = ErrorBody),
    ),
    security(("admin_key" = []))
)]
pub(in crate::http) async fn confirm(mut desk: Desk) -> Result<Json<BoxAnswer>, ApiError> {
    desk.ask(json!({"do": "confirm"})).await
}

/// Ends a trial now: what was before is in force.
#[utoipa::path(
    post,
    path = "/api/v1/box/revert",
    tag = "appliance",
    responses(
        (status = 200, description = "The box's answer.", body = BoxAnswer),
        (status = 401, description = "`auth_failed`.", body = ErrorBody),
        (status = 404, description = "`not_found`: this is no box.", body = ErrorBody),
        (status = 409, description = "`wrong_state`.", body = ErrorBody),
    ),
    security(("admin_key" = []))
)]
pub(in crate::http) async fn revert(mut desk: Desk) -> Result<Json<BoxAnswer>, ApiError> {
    desk.ask(json!({"do": "revert"})).await
}

/// Makes an earlier revision the draft; a commit puts it in force.
#[utoipa::path(
    post,
    path = "/api/v1/box/rollback",
    tag = "appliance",
    request_body = Rollback,
    responses(
        (status = 200, description = "The box's answer.", body = BoxAnswer),
        (status = 401, description = "`auth_failed`.", body = ErrorBody),
        (status = 404, description = "`not_found`: this is no box.", body = ErrorBody),
    ),
    security(("admin_key" = []))
)]
pub(in crate::http) async fn rollback(
    mut desk: Desk,
    State(api): State<Api>,
    request: Request,
) -> Result<Json<BoxAnswer>, ApiError> {
    let Rollback { number } = extract::json(request, api.limits()).await?;
    desk.ask(json!({"do": "rollback", "number": number})).await
}

/// Lists the revisions, newest first: number, time, author, comment, state.
#[utoipa::path(
    get,
    path = "/api/v1/box/revisions",
    tag = "appliance",
    responses(
        (status = 200, description = "The box's answer.", body = BoxAnswer),
        (status = 401, description = "`auth_failed`.", body = ErrorBody),
        (status = 404, description = "`not_found`: this is no box.", body = ErrorBody),
    ),
    security(("admin_key" = []))
)]
pub(in crate::http) async fn revisions(mut desk: Desk) -> Result<Json<BoxAnswer>, ApiError> {
    desk.ask(json!({"do": "revisions"})).await
}

/// A change as the service takes it: texts, whatever they say.
fn order(change: Change) -> Result<Value, ApiError> {
    let Change {
        path,
        value,
        secret,
    } = change;
    let value = match value {
        None => return Ok(json!({"do": "delete", "path": path})),
        Some(Value::String(text)) => text,
        Some(plain @ (Value::Bool(_) | Value::Number(_))) => plain.to_string(),
        Some(Value::Null | Value::Array(_) | Value::Object(_)) => {
            return Err(ApiError::new(
                ErrorCode::BadRequest,
                "`value`: is a text, a number, true or false",
            ));
        }
    };
    Ok(json!({"do": "set", "path": path, "value": value, "secret": secret}))
}

async fn document(request: Request) -> Result<String, ApiError> {
    let body = Limited::new(request.into_body(), LONGEST_DOCUMENT).collect();
    let body = tokio::time::timeout(super::PATIENCE, body).await;
    let body = body.map_err(|_| {
        ApiError::new(ErrorCode::TimedOut, "The body did not come in time.")
            .with_status(StatusCode::REQUEST_TIMEOUT)
    })?;
    let octets = body.map_err(|_| {
        ApiError::new(
            ErrorCode::TooLarge,
            format!("The document is larger than {LONGEST_DOCUMENT} octets, or broke off."),
        )
    })?;
    String::from_utf8(octets.to_bytes().to_vec())
        .map_err(|_| ApiError::new(ErrorCode::BadRequest, "The document is no UTF-8."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_without_a_value_deletes() {
        let change = |text: &str| order(serde_json::from_str(text).unwrap());
        assert_eq!(
            change(r#"{"path": ["a", "b"]}"#).unwrap(),
            json!({"do": "delete", "path": ["a", "b"]})
        );
        assert_eq!(
            change(r#"{"path": ["a"], "value": 5}"#).unwrap(),
            json!({"do": "set", "path": ["a"], "value": "5", "secret": false})
        );
        assert!(change(r#"{"path": ["a"], "value": [1]}"#).is_err());
    }
}
