//! The machine: how it is, and what it is told to do.

use super::{BoxAnswer, Desk};
use crate::http::{ApiError, ErrorBody, extract};
use crate::state::Api;
use axum::Json;
use axum::extract::{Request, State};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

/// Tells how the box is: version, slot, addresses, what is in force.
#[utoipa::path(
    get,
    path = "/api/v1/box/status",
    tag = "appliance",
    responses(
        (status = 200, description = "The box's answer.", body = BoxAnswer),
        (status = 401, description = "`auth_failed`.", body = ErrorBody),
        (status = 404, description = "`not_found`: this is no box.", body = ErrorBody),
    ),
    security(("admin_key" = []))
)]
pub(in crate::http) async fn status(mut desk: Desk) -> Result<Json<BoxAnswer>, ApiError> {
    desk.ask(json!({"do": "status"})).await
}

/// Lists what somebody should look after.
#[utoipa::path(
    get,
    path = "/api/v1/box/alarms",
    tag = "appliance",
    responses(
        (status = 200, description = "The box's answer.", body = BoxAnswer),
        (status = 401, description = "`auth_failed`.", body = ErrorBody),
        (status = 404, description = "`not_found`: this is no box.", body = ErrorBody),
    ),
    security(("admin_key" = []))
)]
pub(in crate::http) async fn alarms(mut desk: Desk) -> Result<Json<BoxAnswer>, ApiError> {
    desk.ask(json!({"do": "alarms"})).await
}

/// Tells addresses, routes and names of its interfaces.
#[utoipa::path(
    get,
    path = "/api/v1/box/network",
    tag = "appliance",
    responses(
        (status = 200, description = "The box's answer.", body = BoxAnswer),
        (status = 401, description = "`auth_failed`.", body = ErrorBody),
        (status = 404, description = "`not_found`: this is no box.", body = ErrorBody),
    ),
    security(("admin_key" = []))
)]
pub(in crate::http) async fn network(mut desk: Desk) -> Result<Json<BoxAnswer>, ApiError> {
    desk.ask(json!({"do": "network"})).await
}

/// Tells what is in the two slots of the system, and which one runs.
#[utoipa::path(
    get,
    path = "/api/v1/box/slots",
    tag = "appliance",
    responses(
        (status = 200, description = "The box's answer.", body = BoxAnswer),
        (status = 401, description = "`auth_failed`.", body = ErrorBody),
        (status = 404, description = "`not_found`: this is no box.", body = ErrorBody),
    ),
    security(("admin_key" = []))
)]
pub(in crate::http) async fn slots(mut desk: Desk) -> Result<Json<BoxAnswer>, ApiError> {
    desk.ask(json!({"do": "slots"})).await
}

/// Tells why the box was started, the last times.
#[utoipa::path(
    get,
    path = "/api/v1/box/resets",
    tag = "appliance",
    responses(
        (status = 200, description = "The box's answer.", body = BoxAnswer),
        (status = 401, description = "`auth_failed`.", body = ErrorBody),
        (status = 404, description = "`not_found`: this is no box.", body = ErrorBody),
    ),
    security(("admin_key" = []))
)]
pub(in crate::http) async fn resets(mut desk: Desk) -> Result<Json<BoxAnswer>, ApiError> {
    desk.ask(json!({"do": "resets"})).await
}

/// Restarts the box. Calls end.
#[utoipa::path(
    post,
    path = "/api/v1/box/reboot",
    tag = "appliance",
    responses(
        (status = 200, description = "The box's answer.", body = BoxAnswer),
        (status = 401, description = "`auth_failed`.", body = ErrorBody),
        (status = 404, description = "`not_found`: this is no box.", body = ErrorBody),
    ),
    security(("admin_key" = []))
)]
pub(in crate::http) async fn reboot(mut desk: Desk) -> Result<Json<BoxAnswer>, ApiError> {
    desk.ask(json!({"do": "reboot"})).await
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct NewPassword {
    /// The one that counts now.
    old: String,
    new: String,
}

/// Changes the administrator's password, of the console and SSH.
#[utoipa::path(
    post,
    path = "/api/v1/box/password",
    tag = "appliance",
    request_body = NewPassword,
    responses(
        (status = 200, description = "The box's answer.", body = BoxAnswer),
        (status = 401, description = "`auth_failed`.", body = ErrorBody),
        (status = 404, description = "`not_found`: this is no box.", body = ErrorBody),
        (status = 422, description = "`bad_request`: what is wrong, line by line.", body = ErrorBody),
        (status = 403, description = "`refused`: the old one is wrong.", body = ErrorBody),
    ),
    security(("admin_key" = []))
)]
pub(in crate::http) async fn password(
    mut desk: Desk,
    State(api): State<Api>,
    request: Request,
) -> Result<Json<BoxAnswer>, ApiError> {
    let NewPassword { old, new } = extract::json(request, api.limits()).await?;
    let check = json!({"do": "check_password", "password": old});
    let Json(_) = desk.ask(check).await?;
    desk.ask(json!({"do": "password", "password": new})).await
}
