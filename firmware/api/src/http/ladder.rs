//! SIP messages of a call or trunk, as JSON and as a capture file.

use super::admin::Admin;
use super::records::ask_switch;
use super::{ApiError, ErrorBody};
use crate::ladder::{Ladder, SipMessage};
use crate::pcap::pcap;
use crate::request::{LadderOf, Request};
use crate::state::Api;
use crate::wire::ErrorCode;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::IntoResponse;
use serde::Serialize;
use tokio::sync::oneshot;
use utoipa::ToSchema;

/// The SIP messages of a call, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct LadderAnswer {
    pub call: String,
    /// Messages that were not kept because the bound was reached; they are missing after the first ones.
    pub omitted: u64,
    pub messages: Vec<LadderMessage>,
}

/// One SIP message.
#[derive(Debug, Serialize, ToSchema)]
pub struct LadderMessage {
    /// Microseconds since 1970.
    pub at_us: i64,
    /// By the box: `sent` or `received`.
    pub direction: &'static str,
    /// `udp`, `tcp` or `tls`.
    pub transport: &'static str,
    pub local: String,
    pub remote: String,
    /// Request or status line.
    pub first_line: String,
    pub cseq: Option<String>,
    /// The whole message. Secrets are struck out: each of their characters is an `x`.
    pub text: String,
    /// Bytes of its end that were not kept.
    pub cut: usize,
}

impl From<&SipMessage> for LadderMessage {
    fn from(message: &SipMessage) -> Self {
        Self {
            at_us: message.at_us,
            direction: if message.sent { "sent" } else { "received" },
            transport: message.carrier.name(),
            local: message.local.to_string(),
            remote: message.remote.to_string(),
            first_line: message.first_line(),
            cseq: message.header("CSeq"),
            text: message.text(),
            cut: message.cut,
        }
    }
}

/// What tshark, Wireshark and sngrep open.
#[derive(Debug, ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "stands for the bytes in the document")]
pub struct CaptureFile(Vec<u8>);

/// Shows the SIP messages of a running or recently ended call.
#[utoipa::path(
    get,
    path = "/api/v1/calls/{id}/ladder",
    tag = "calls",
    params(("id" = String, Path, description = "The call's id.")),
    responses(
        (status = 200, description = "Its messages.", body = LadderAnswer),
        (status = 401, description = "`auth_failed`.", body = ErrorBody),
        (status = 404, description = "`call_not_found`: no such call, or its messages are not kept any more.", body = ErrorBody),
        (status = 429, description = "`rate_limited`.", body = ErrorBody),
    ),
    security(("admin_key" = []))
)]
pub(super) async fn call_ladder(
    _: Admin,
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<Json<LadderAnswer>, ApiError> {
    let ladder = of_call(&api, id.clone()).await?;
    Ok(Json(LadderAnswer {
        call: id,
        omitted: ladder.omitted,
        messages: ladder.messages.iter().map(LadderMessage::from).collect(),
    }))
}

/// Gives the SIP messages of a call as a capture file.
#[utoipa::path(
    get,
    path = "/api/v1/calls/{id}/pcap",
    tag = "calls",
    params(("id" = String, Path, description = "The call's id.")),
    responses(
        (status = 200, description = "Classic pcap, link type raw IP.", body = CaptureFile, content_type = "application/vnd.tcpdump.pcap"),
        (status = 401, description = "`auth_failed`.", body = ErrorBody),
        (status = 404, description = "`call_not_found`: no such call, or its messages are not kept any more.", body = ErrorBody),
        (status = 429, description = "`rate_limited`.", body = ErrorBody),
    ),
    security(("admin_key" = []))
)]
pub(super) async fn call_pcap(
    _: Admin,
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<impl IntoResponse, ApiError> {
    Ok(capture(&of_call(&api, id).await?))
}

/// Gives what a trunk said outside calls (OPTIONS, REGISTER), and calls it was refused, as a capture file.
#[utoipa::path(
    get,
    path = "/api/v1/trunks/{name}/pcap",
    tag = "box",
    params(("name" = String, Path, description = "The trunk's name.")),
    responses(
        (status = 200, description = "Classic pcap, link type raw IP; without packets when nothing was said.", body = CaptureFile, content_type = "application/vnd.tcpdump.pcap"),
        (status = 401, description = "`auth_failed`.", body = ErrorBody),
        (status = 404, description = "`not_found`: no such trunk.", body = ErrorBody),
        (status = 429, description = "`rate_limited`.", body = ErrorBody),
    ),
    security(("admin_key" = []))
)]
pub(super) async fn trunk_pcap(
    _: Admin,
    State(api): State<Api>,
    Path(name): Path<String>,
) -> Result<impl IntoResponse, ApiError> {
    let found = ask(&api, LadderOf::Trunk(name)).await?;
    let none = || ApiError::new(ErrorCode::NotFound, "There is no trunk of this name.");
    Ok(capture(&found.ok_or_else(none)?))
}

async fn of_call(api: &Api, id: String) -> Result<Ladder, ApiError> {
    ask(api, LadderOf::Call(id)).await?.ok_or_else(|| {
        ApiError::new(
            ErrorCode::CallNotFound,
            "No SIP messages are kept of a call with this id, or not any more.",
        )
    })
}

async fn ask(api: &Api, of: LadderOf) -> Result<Option<Ladder>, ApiError> {
    let (reply, answer) = oneshot::channel();
    ask_switch(api, Request::Ladder { of, reply }, answer).await
}

fn capture(ladder: &Ladder) -> impl IntoResponse + use<> {
    (
        [(header::CONTENT_TYPE, "application/vnd.tcpdump.pcap")],
        pcap(&ladder.messages),
    )
}
