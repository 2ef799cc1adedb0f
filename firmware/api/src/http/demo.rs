//! The demo: its pages, and the token they need, while `demo_app` is set.

use super::assets::{self, demo_asset};
use super::tokens::{self, TokenAnswer, TokenRequest, issue};
use super::{ApiError, extract};
use crate::state::Api;
use crate::wire::ErrorCode;
use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Redirect, Response};
use causeway_directory::{App, AppKey, Directory};
use serde::Deserialize;

/// The app the demo speaks for.
pub(crate) fn app(directory: &Directory) -> Option<&App> {
    let key = directory.config().settings.demo_app.clone()?;
    directory.app(&AppKey(key))
}

/// Whether `origin` is the box itself, as the client reached it.
pub(crate) fn is_own_origin(origin: &str, host: Option<&str>) -> bool {
    host.is_some_and(|host| {
        origin
            .strip_prefix("https://")
            .is_some_and(|own| own.eq_ignore_ascii_case(host))
    })
}

/// Whether a request comes from a page of the box itself, or from a program: browsers name the page in `Origin`.
pub(super) fn is_own_page(headers: &HeaderMap) -> bool {
    let origin = headers
        .get(header::ORIGIN)
        .map(|o| o.to_str().unwrap_or(""));
    let own_page = origin.is_none_or(|origin| is_own_origin(origin, host(headers)));
    let same_site = headers
        .get("sec-fetch-site")
        .is_none_or(|site| site == "same-origin");
    own_page && same_site
}

/// The `Host` a request was sent to.
pub(crate) fn host(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::HOST).and_then(|h| h.to_str().ok())
}

fn off() -> ApiError {
    ApiError::new(ErrorCode::NotFound, "The demo is switched off.")
}

pub(super) async fn redirect(State(api): State<Api>) -> Response {
    match app(&api.directory()) {
        Some(_) => Redirect::permanent("/demo/").into_response(),
        None => off().into_response(),
    }
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
    if app(&api.directory()).is_none() {
        return off().into_response();
    }
    assets::answer(demo_asset(name), request)
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct DemoTokenRequest {
    #[serde(default)]
    account: Option<String>,
}

/// A token for the demo's own pages. No secret is asked for, so another site's page must not get
/// one: a browser names its page in `Origin`, and no answer carries a CORS header.
pub(super) async fn token(
    State(api): State<Api>,
    request: Request,
) -> Result<Json<TokenAnswer>, ApiError> {
    let directory = api.directory();
    let app = app(&directory).ok_or_else(off)?;
    let headers = request.headers();
    if !api.buckets().peer(extract::peer(&request)) {
        return Err(tokens::too_many());
    }
    if !is_own_page(headers) {
        return Err(ApiError::new(
            ErrorCode::OriginForbidden,
            "Only the demo's own pages get this token.",
        ));
    }
    let origin = headers
        .get(header::ORIGIN)
        .map(|o| o.to_str().unwrap_or(""));
    let page = headers
        .get(header::REFERER)
        .and_then(|r| r.to_str().ok())
        .or(origin)
        .map(|page| page.chars().take(500).collect());
    let asked: DemoTokenRequest = extract::json(request, api.limits()).await?;
    let asked = TokenRequest {
        app: app.key.get_ref().0.clone(),
        secret: String::new(),
        account: asked.account,
        to: None,
        page,
        lifetime_s: None,
    };
    issue(&api, &directory, app, asked).map(Json)
}
