//! Bodies and addresses, read with our limits and our errors.

use super::{ApiError, PeerAddress};
use crate::limits::Limits;
use crate::wire::ErrorCode;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use std::net::{IpAddr, Ipv4Addr};

/// The client's address. A router that runs without [`crate::serve`] (a test) has none: loopback.
pub(super) fn peer(request: &Request) -> IpAddr {
    request
        .extensions()
        .get()
        .map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |PeerAddress(peer)| {
            peer.ip()
        })
}

/// Reads a JSON body; faults name their field.
pub(super) async fn json<T: DeserializeOwned>(
    request: Request,
    limits: &Limits,
) -> Result<T, ApiError> {
    let kind = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|v| v.to_str().ok())
        .and_then(|v| v.split(';').next())
        .unwrap_or("");
    if !kind.trim().eq_ignore_ascii_case("application/json") {
        return Err(ApiError::new(
            ErrorCode::Unsupported,
            "The body must be JSON, with Content-Type: application/json.",
        )
        .with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
    }
    let body = Limited::new(request.into_body(), limits.body_bytes).collect();
    let bytes = tokio::time::timeout(limits.body, body)
        .await
        .map_err(|_| {
            ApiError::new(ErrorCode::TimedOut, "The body did not come in time.")
                .with_status(StatusCode::REQUEST_TIMEOUT)
        })?
        .map_err(|fault| {
            if fault.downcast_ref::<LengthLimitError>().is_some() {
                ApiError::new(
                    ErrorCode::TooLarge,
                    format!("The body is larger than {} bytes.", limits.body_bytes),
                )
            } else {
                ApiError::new(ErrorCode::BadRequest, "The body broke off.")
            }
        })?
        .to_bytes();
    let mut reader = serde_json::Deserializer::from_slice(&bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|fault| {
        let path = fault.path().to_string();
        let inner = fault.into_inner();
        let sentence = if path == "." {
            inner.to_string()
        } else {
            format!("`{path}`: {inner}")
        };
        // It may quote the body, and the body may hold a secret in the wrong place.
        let known = if inner.is_data() && !sentence.contains("invalid type: string") {
            sentence.chars().take(300).collect()
        } else if inner.is_data() {
            format!("`{path}` has the wrong type.")
        } else {
            format!(
                "The body is no JSON (line {}, column {}).",
                inner.line(),
                inner.column()
            )
        };
        ApiError::new(ErrorCode::BadRequest, known)
    })?;
    reader.end().map_err(|_| {
        ApiError::new(
            ErrorCode::BadRequest,
            "Something stands behind the body's JSON.",
        )
    })?;
    Ok(value)
}
