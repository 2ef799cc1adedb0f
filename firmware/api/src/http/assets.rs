//! Files compiled into the program: the SDK, the preflight page, and the demo's pages. A name is looked up in a list,
//! so there is no path to travel along.

use super::ApiError;
use crate::wire::ErrorCode;
use axum::extract::{Path, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

/// A file under `firmware/web`.
macro_rules! web {
    ($path:literal) => {
        include_bytes!(concat!("../../../web/", $path))
    };
}

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const TYPES: &str = "application/typescript; charset=utf-8";

/// One file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asset {
    kind: &'static str,
    bytes: &'static [u8],
    /// The same packed by gzip, for files that pages of strangers wait for.
    gzip: Option<&'static [u8]>,
}

const fn asset(kind: &'static str, bytes: &'static [u8]) -> Asset {
    Asset {
        kind,
        bytes,
        gzip: None,
    }
}

fn sdk_asset(name: &str) -> Option<Asset> {
    Some(match name {
        "causeway.js" => asset(SCRIPT, web!("sdk/dist/causeway.js")),
        "causeway.d.ts" => asset(TYPES, web!("sdk/dist/causeway.d.ts")),
        "button.js" => Asset {
            gzip: Some(web!("sdk/dist/button.js.gz")),
            ..asset(SCRIPT, web!("sdk/dist/button.js"))
        },
        "button.d.ts" => asset(TYPES, web!("sdk/dist/button.d.ts")),
        _ => return None,
    })
}

/// A file of the demo.
pub(super) fn demo_asset(name: &str) -> Option<Asset> {
    Some(match name {
        "index.html" => asset(HTML, web!("demo/index.html")),
        "agent.html" => asset(HTML, web!("demo/agent.html")),
        "demo.js" => asset(SCRIPT, web!("demo/demo.js")),
        "agent.js" => asset(SCRIPT, web!("demo/agent.js")),
        "demo.css" => asset("text/css; charset=utf-8", web!("demo/demo.css")),
        "icon.svg" => asset("image/svg+xml", web!("demo/icon.svg")),
        _ => return None,
    })
}

/// A file of the preflight page.
pub(super) fn preflight_asset(name: &str) -> Option<Asset> {
    Some(match name {
        "index.html" => asset(HTML, web!("preflight/index.html")),
        "page.js" => asset(SCRIPT, web!("preflight/page.js")),
        "page.css" => asset("text/css; charset=utf-8", web!("preflight/page.css")),
        _ => return None,
    })
}

/// The SDK, for pages of every origin: it holds no secret and asks for nothing.
pub(super) async fn sdk(Path(name): Path<String>, request: Request) -> Response {
    let mut response = answer(sdk_asset(&name), request.headers());
    let headers = response.headers_mut();
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
        HeaderValue::from_static("*"),
    );
    headers.insert(
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("cross-origin"),
    );
    response
}

/// Answers with a file, or 304 when the client has it, or 404.
pub(super) fn answer(asset: Option<Asset>, request: &HeaderMap) -> Response {
    let Some(asset) = asset else {
        return ApiError::new(ErrorCode::NotFound, "There is no such file.").into_response();
    };
    let packed = asset.gzip.filter(|_| takes_gzip(request));
    let bytes = packed.unwrap_or(asset.bytes);
    let tag = entity_tag(bytes);
    let known = request
        .get(header::IF_NONE_MATCH)
        .and_then(|v| v.to_str().ok())
        .is_some_and(|v| {
            v.split(',')
                .map(|t| t.trim().trim_start_matches("W/"))
                .any(|t| t == tag || t == "*")
        });
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, asset.kind)], bytes).into_response()
    };
    let headers = response.headers_mut();
    if asset.gzip.is_some() {
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    }
    if packed.is_some() && !known {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    // A box that was updated must not be spoken to by yesterday's SDK.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// Whether the client unpacks gzip (RFC 9110 section 12.5.3). One that says nothing gets the plain file, and so does one
/// that gives it the weight 0.
fn takes_gzip(request: &HeaderMap) -> bool {
    let listed = request.get_all(header::ACCEPT_ENCODING).iter();
    let mut codings = listed
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    codings.any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = weight.trim().trim_start_matches("q=").trim();
        let refused = !weight.is_empty() && weight.chars().all(|c| matches!(c, '0' | '.'));
        name.trim().eq_ignore_ascii_case("gzip") && !refused
    })
}

fn entity_tag(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    let hex: String = digest.iter().take(8).map(|b| format!("{b:02x}")).collect();
    format!("\"{hex}\"")
}
