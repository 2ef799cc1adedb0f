//! The HTTP part's own description: generated here, committed as `openapi.json`, compared by a test.

use super::{ErrorBody, ErrorDetail, appliance, doctor, health, ladder, records, tokens, trunks};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use std::sync::LazyLock;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Causeway",
        description = "Calls between browsers and a SIP trunk. The WebSocket protocol at /api/v1/ws is described in PROTOCOL.md.",
        license(name = "Apache-2.0 OR MIT", identifier = "Apache-2.0 OR MIT"),
    ),
    paths(
        tokens::mint_token,
        records::calls,
        records::call,
        records::context,
        ladder::call_ladder,
        ladder::call_pcap,
        ladder::trunk_pcap,
        doctor::begin,
        doctor::show,
        trunks::trunks,
        trunks::events,
        health::status,
        health::healthz,
        health::metrics,
        appliance::machine::status,
        appliance::machine::alarms,
        appliance::machine::network,
        appliance::machine::slots,
        appliance::machine::resets,
        appliance::machine::reboot,
        appliance::machine::password,
        appliance::configuration::show,
        appliance::configuration::draft,
        appliance::configuration::import,
        appliance::configuration::change,
        appliance::configuration::discard,
        appliance::configuration::compare,
        appliance::configuration::commit,
        appliance::configuration::confirm,
        appliance::configuration::revert,
        appliance::configuration::rollback,
        appliance::configuration::revisions,
        appliance::update::update,
        appliance::update::support_bundle,
    ),
    components(schemas(ErrorBody, ErrorDetail)),
    tags(
        (name = "tokens", description = "For the servers of apps."),
        (name = "calls", description = "For the admin and the contact centre."),
        (name = "box", description = "For monitoring."),
        (name = "appliance", description = "Configuration, update and restart of the machine; with `management` in [box] on that listener alone, as everything that needs the admin key."),
    ),
    modifiers(&AdminKey)
)]
#[derive(Debug)]
struct Document;

struct AdminKey;

impl Modify for AdminKey {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        components.add_security_scheme(
            "admin_key",
            SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)),
        );
    }
}

/// The document as indented JSON with a final newline.
pub fn document() -> String {
    let mut text = Document::openapi().to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}

pub(super) async fn serve() -> Response {
    static TEXT: LazyLock<String> = LazyLock::new(document);
    let mut response = TEXT.as_str().into_response();
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response
}
