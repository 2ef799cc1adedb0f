//! The preflight page: what of a call works from where its reader is. A support desk sends its address to a caller, so
//! anybody may open it; its token lets nothing be done but tests, and how many there are is bounded.

use super::assets::{self, preflight_asset};
use super::demo::is_own_page;
use super::tokens::{self, TokenAnswer, issue_test};
use super::{ApiError, extract};
use crate::state::Api;
use crate::wire::ErrorCode;
use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};

/// How long a token lasts: a run takes half a minute at most.
const LIFETIME_S: u64 = 60;

fn off() -> ApiError {
    ApiError::new(ErrorCode::NotFound, "The preflight page is switched off.")
}

pub(super) async fn redirect() -> Redirect {
    Redirect::permanent("/preflight")
}

pub(super) async fn index(State(api): State<Api>, request: Request) -> Response {
    page(&api, "index.html", request.headers())
}

pub(super) async fn file(
    State(api): State<Api>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    page(&api, &name, request.headers())
}

fn page(api: &Api, name: &str, request: &HeaderMap) -> Response {
    if !api.directory().config().settings.preflight {
        return off().into_response();
    }
    assets::answer(preflight_asset(name), request)
}

/// A token for tests. Another site's page must not get one, so that it cannot let its visitors test on its behalf.
pub(super) async fn token(
    State(api): State<Api>,
    request: Request,
) -> Result<Json<TokenAnswer>, ApiError> {
    if !api.directory().config().settings.preflight {
        return Err(off());
    }
    if !is_own_page(request.headers()) {
        return Err(ApiError::new(
            ErrorCode::OriginForbidden,
            "Only the preflight page gets this token.",
        ));
    }
    if !api.buckets().test(extract::peer(&request)) {
        return Err(tokens::too_many());
    }
    issue_test(&api, LIFETIME_S).map(Json)
}
