//! `Authorization: Bearer <admin key>`.

use super::{ApiError, PeerAddress, tokens};
use crate::state::Api;
use crate::wire::ErrorCode;
use axum::extract::FromRequestParts;
use axum::http::{header, request::Parts};
use std::net::{IpAddr, Ipv4Addr};

/// Proof that the request showed the admin key. Handlers that take it are closed to everybody else.
#[derive(Debug)]
pub(super) struct Admin(());

impl FromRequestParts<Api> for Admin {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        let peer = parts
            .extensions
            .get()
            .map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |PeerAddress(peer)| {
                peer.ip()
            });
        if !api.buckets().peer(peer) {
            return Err(tokens::too_many());
        }
        let shown = parts
            .headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, key)| key.trim());
        let Some(shown) = shown else {
            return Err(ApiError::new(
                ErrorCode::AuthFailed,
                "This needs the admin key: Authorization: Bearer <key>.",
            ));
        };
        let directory = api.directory();
        let good = directory
            .config()
            .settings
            .admin_key_sha256
            .as_ref()
            .is_some_and(|hash| hash.matches(shown));
        if good {
            return Ok(Self(()));
        }
        api.buckets().failure(peer);
        if api.buckets().complaint() {
            tracing::warn!(%peer, "a wrong admin key was shown");
        }
        Err(ApiError::new(
            ErrorCode::AuthFailed,
            "The admin key is wrong.",
        ))
    }
}
