//! The HTTP end points and what all of them share: errors as JSON, security headers, counting.

mod admin;
mod appliance;
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
pub(crate) use headers::secure;
pub use ladder::{LadderAnswer, LadderMessage};
pub use openapi::document;
pub use records::{CallAnswer, CallsAnswer, ContextAnswer};
pub use tokens::{TokenAnswer, TokenRequest};
pub use trunks::{RefusedView, TargetView, TrunkView, TrunksAnswer};

use crate::session;
use crate::state::Api;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};
use std::net::SocketAddr;

/// The client's address, set by [`crate::serve`] on every request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddress(pub SocketAddr);

/// For pages that are no API.
pub(crate) async fn plain_not_found() -> (StatusCode, &'static str) {
    (StatusCode::NOT_FOUND, "There is nothing at this address.\n")
}

/// Whom a listener is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Pages of callers, the servers of apps, and media over TCP.
    Callers,
    /// Administrators, monitoring, the contact centre.
    Administrators,
    Everybody,
}

impl Audience {
    pub(crate) const fn has_callers(self) -> bool {
        matches!(self, Self::Callers | Self::Everybody)
    }

    const fn has_administrators(self) -> bool {
        matches!(self, Self::Administrators | Self::Everybody)
    }
}

/// What the box answers over HTTP to an audience; the rest is not found.
pub fn router(api: Api, audience: Audience) -> Router {
    let mut router = Router::new();
    if audience.has_callers() {
        router = router.merge(for_callers());
    }
    if audience.has_administrators() {
        router = router.merge(for_administrators());
    }
    router
        .method_not_allowed_fallback(error::method_not_allowed)
        .fallback(error::not_found)
        .layer(from_fn_with_state(api.clone(), error::count))
        .layer(from_fn(headers::secure))
        .with_state(api)
}

fn for_callers() -> Router<Api> {
    Router::new()
        .route("/api/v1/tokens", post(tokens::mint_token))
        .route("/api/v1/ws", get(session::upgrade))
        .route("/sdk/v1/{file}", get(assets::sdk))
        .route("/demo", get(demo::redirect))
        .route("/demo/", get(demo::index))
        .route("/demo/token", post(demo::token))
        .route("/demo/{file}", get(demo::file))
        .route("/preflight", get(preflight::index))
        .route("/preflight/", get(preflight::redirect))
        .route("/preflight/token", post(preflight::token))
        .route("/preflight/{file}", get(preflight::file))
}

fn for_administrators() -> Router<Api> {
    Router::new()
        .route("/healthz", get(health::healthz))
        .route("/metrics", get(health::metrics))
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
        .nest("/api/v1/box", of_the_box())
}

/// Configuration, update and restart of the box; not found where there is none.
fn of_the_box() -> Router<Api> {
    use appliance::{configuration, machine, update};
    Router::new()
        .route("/status", get(machine::status))
        .route("/alarms", get(machine::alarms))
        .route("/network", get(machine::network))
        .route("/slots", get(machine::slots))
        .route("/resets", get(machine::resets))
        .route("/reboot", post(machine::reboot))
        .route("/password", post(machine::password))
        .route("/configuration", get(configuration::show))
        .route(
            "/draft",
            get(configuration::draft)
                .put(configuration::import)
                .patch(configuration::change)
                .delete(configuration::discard),
        )
        .route("/draft/changes", get(configuration::compare))
        .route("/commit", post(configuration::commit))
        .route("/confirm", post(configuration::confirm))
        .route("/revert", post(configuration::revert))
        .route("/rollback", post(configuration::rollback))
        .route("/revisions", get(configuration::revisions))
        .route("/update", post(update::update))
        .route("/support-bundle", post(update::support_bundle))
        // Bodies are bounded where they are read.
        .layer(DefaultBodyLimit::disable())
}
