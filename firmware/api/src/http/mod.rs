//! The HTTP end points and what all of them share: errors as JSON, security headers, counting.

mod admin;
mod assets;
mod demo;
mod doctor;
mod error;
mod extract;
mod headers;
mod health;
mod ladder;
mod openapi;
mod preflight;
mod records;
mod tokens;
mod trunks;

pub(crate) use demo::{app as demo_app, host, is_own_origin};
pub use error::{ApiError, ErrorBody, ErrorDetail};
pub use ladder::{LadderAnswer, LadderMessage};
pub use openapi::document;
pub use records::{CallAnswer, CallsAnswer, ContextAnswer};
pub use tokens::{TokenAnswer, TokenRequest};
pub use trunks::{RefusedView, TargetView, TrunkView, TrunksAnswer};

use crate::session;
use crate::state::Api;
use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};
use std::net::SocketAddr;

/// The client's address, set by [`crate::serve`] on every request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddress(pub SocketAddr);

/// Everything the box answers over HTTP.
pub fn router(api: Api) -> Router {
    let router = Router::new()
        .route("/healthz", get(health::healthz))
        .route("/metrics", get(health::metrics))
        .route("/api/v1/tokens", post(tokens::mint_token))
        .route("/api/v1/ws", get(session::upgrade))
        .route("/api/v1/calls", get(records::calls))
        .route("/api/v1/calls/{id}", get(records::call))
        .route("/api/v1/calls/{id}/ladder", get(ladder::call_ladder))
        .route("/api/v1/calls/{id}/pcap", get(ladder::call_pcap))
        .route(
            "/api/v1/trunks/{name}/check",
            get(doctor::show).post(doctor::begin),
        )
        .route("/api/v1/trunks/{name}/pcap", get(ladder::trunk_pcap))
        .route("/api/v1/contexts/{token}", get(records::context))
        .route("/api/v1/status", get(health::status))
        .route("/api/v1/trunks", get(trunks::trunks))
        .route("/api/v1/events", get(trunks::events))
        .route("/api/v1/openapi.json", get(openapi::serve))
        .route("/sdk/v1/{file}", get(assets::sdk))
        .route("/demo", get(demo::redirect))
        .route("/demo/", get(demo::index))
        .route("/demo/token", post(demo::token))
        .route("/demo/{file}", get(demo::file))
        .route("/preflight", get(preflight::index))
        .route("/preflight/", get(preflight::redirect))
        .route("/preflight/token", post(preflight::token))
        .route("/preflight/{file}", get(preflight::file))
        .method_not_allowed_fallback(error::method_not_allowed)
        .fallback(error::not_found);
    router
        .layer(from_fn_with_state(api.clone(), error::count))
        .layer(from_fn(headers::secure))
        .with_state(api)
}
