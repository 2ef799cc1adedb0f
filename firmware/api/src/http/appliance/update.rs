//! Updates and the support bundle: files that are larger than memory.

use super::{BoxAnswer, Desk};
use crate::box_service::{Said, Upload};
use crate::http::{ApiError, ErrorBody, extract};
use crate::state::Api;
use crate::wire::ErrorCode;
use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Query, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use http_body_util::BodyExt;
use serde::Deserialize;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::io;
use std::time::Duration;
use tokio::sync::mpsc;
use utoipa::{IntoParams, ToSchema};

/// Octets of an update.
pub const LARGEST_UPDATE: u64 = 512 * 1024 * 1024;
/// Between two pieces of an upload.
const PIECE: Duration = Duration::from_secs(30);
/// Between two lines of an update: a slot is checked as a whole without a word.
const STEP: Duration = Duration::from_secs(600);
/// Lines that wait for a reader of the progress; one that does not read misses some.
const LINES: usize = 64;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Wish {
    /// Why an older version is wanted; without it one is refused.
    force: Option<String>,
}

/// Where the update is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct From {
    /// `https://…`: the box fetches it.
    url: String,
}

/// Updates the box: the body is a signed update, or JSON that says where it is. The answer tells how far it is: Server-Sent
/// Events `say` (text), `progress` (`percent`, `what`), and at last `done` or `failed` (`why`, `code`). The update goes on when nobody reads.
#[utoipa::path(
    post,
    path = "/api/v1/box/update",
    tag = "appliance",
    params(Wish),
    request_body(content(
        (Vec<u8> = "application/octet-stream"),
        (From = "application/json"),
    )),
    responses(
        (status = 200, description = "A stream of events.", body = String, content_type = "text/event-stream"),
        (status = 401, description = "`auth_failed`.", body = ErrorBody),
        (status = 404, description = "`not_found`: this is no box.", body = ErrorBody),
        (status = 408, description = "`timed_out`: the body stood still.", body = ErrorBody),
        (status = 409, description = "`wrong_state`: another update comes in.", body = ErrorBody),
        (status = 413, description = "`too_large`: more than 512 MiB.", body = ErrorBody),
        (status = 507, description = "`refused`: the disk is full.", body = ErrorBody),
    ),
    security(("admin_key" = []))
)]
pub(in crate::http) async fn update(
    desk: Desk,
    State(api): State<Api>,
    Query(wish): Query<Wish>,
    request: Request,
) -> Result<Response, ApiError> {
    let kind = request.headers().get(header::CONTENT_TYPE);
    let is_json = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    let (source, upload) = if is_json {
        let From { url } = extract::json(request, api.limits()).await?;
        if !url.starts_with("https://") {
            return Err(ApiError::new(
                ErrorCode::BadRequest,
                "`url`: begins with https://",
            ));
        }
        (url, None)
    } else {
        let mut upload = desk
            .service
            .upload()
            .await
            .map_err(|fault| stored(&fault))?;
        (take(request, &mut *upload).await?, Some(upload))
    };
    let order = json!({"do": "update", "source": source, "force": wish.force});
    let (out, lines) = mpsc::channel(LINES);
    tokio::spawn(follow(desk, order, upload, out));
    let body = stream::unfold(lines, |mut lines| async {
        let line = lines.recv().await?;
        Some((Ok::<_, Infallible>(Bytes::from(line)), lines))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, Body::from_stream(body)).into_response())
}

/// Takes a body in, piece by piece; where it is.
async fn take(request: Request, upload: &mut dyn Upload) -> Result<String, ApiError> {
    let too_large = || {
        ApiError::new(
            ErrorCode::TooLarge,
            format!("An update has {LARGEST_UPDATE} octets at most."),
        )
    };
    let length = request.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > LARGEST_UPDATE) {
        return Err(too_large());
    }
    let mut body = request.into_body();
    let mut taken: u64 = 0;
    loop {
        let frame = tokio::time::timeout(PIECE, body.frame()).await;
        let frame = frame.map_err(|_| {
            ApiError::new(ErrorCode::TimedOut, "The body stood still.")
                .with_status(StatusCode::REQUEST_TIMEOUT)
        })?;
        let Some(frame) = frame else { break };
        let frame =
            frame.map_err(|_| ApiError::new(ErrorCode::BadRequest, "The body broke off."))?;
        let Ok(piece) = frame.into_data() else {
            continue;
        };
        taken += piece.len() as u64;
        if taken > LARGEST_UPDATE {
            return Err(too_large());
        }
        upload.write(piece).await.map_err(|fault| stored(&fault))?;
    }
    if taken == 0 {
        return Err(ApiError::new(ErrorCode::BadRequest, "The body is empty."));
    }
    upload.finish().await.map_err(|fault| stored(&fault))
}

fn stored(fault: &io::Error) -> ApiError {
    match fault.kind() {
        io::ErrorKind::ResourceBusy => {
            ApiError::new(ErrorCode::WrongState, "Another update comes in.")
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            ApiError::new(ErrorCode::Refused, "The box's disk is full.")
                .with_status(StatusCode::INSUFFICIENT_STORAGE)
        }
        _ => {
            tracing::warn!(%fault, "an upload cannot be kept");
            ApiError::internal()
        }
    }
}

/// Drives an update to its end, whoever listens. The file goes with it.
async fn follow(
    mut desk: Desk,
    order: Value,
    upload: Option<Box<dyn Upload>>,
    out: mpsc::Sender<String>,
) {
    let mut asked = desk.conversation.ask(order).await;
    loop {
        let said = match asked {
            Ok(()) => desk.conversation.next(STEP).await,
            Err(fault) => Err(fault),
        };
        let (text, is_last) = match said {
            Ok(said) => event(&said),
            Err(fault) => {
                tracing::warn!(%fault, "an update");
                let failed = json!({"why": format!("{fault}."), "code": "unreached"});
                (written("failed", &failed), true)
            }
        };
        if is_last {
            // The end is told to whoever still reads.
            let _ = out.send(text).await;
            break;
        }
        let _ = out.try_send(text);
        asked = Ok(());
    }
    drop(upload);
}

/// One line as an event, and whether it is the last.
fn event(said: &Said) -> (String, bool) {
    match said {
        Said::Text(text) => (written("say", &json!({ "text": text })), false),
        Said::Progress { percent, what } => {
            let progress = json!({"percent": percent, "what": what});
            (written("progress", &progress), false)
        }
        Said::Done(value) => (written("done", value), true),
        Said::Failed { why, code } => (written("failed", &json!({"why": why, "code": code})), true),
    }
}

fn written(name: &str, data: &Value) -> String {
    format!("event: {name}\ndata: {data}\n\n")
}

/// Makes a support bundle and gives it: logs, records of the last calls, state and configuration, without secrets.
#[utoipa::path(
    post,
    path = "/api/v1/box/support-bundle",
    tag = "appliance",
    responses(
        (status = 200, description = "The bundle.", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 401, description = "`auth_failed`.", body = ErrorBody),
        (status = 404, description = "`not_found`: this is no box.", body = ErrorBody),
    ),
    security(("admin_key" = []))
)]
pub(in crate::http) async fn support_bundle(mut desk: Desk) -> Result<Response, ApiError> {
    let Json(BoxAnswer { result, .. }) = desk.ask(json!({"do": "support_bundle"})).await?;
    let path = result["path"].as_str().unwrap_or_default();
    let download = desk.service.download(path).await;
    let (length, pieces) = download.map_err(|fault| {
        tracing::warn!(%fault, path, "the support bundle cannot be read");
        ApiError::internal()
    })?;
    let name: String = path
        .rsplit('/')
        .next()
        .unwrap_or_default()
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
        .collect();
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_LENGTH, length.to_string()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{name}\""),
        ),
    ];
    Ok((headers, Body::from_stream(pieces)).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_ends_the_stream() {
        let progress = Said::Progress {
            percent: 42,
            what: "writing slot b".to_owned(),
        };
        let (text, is_last) = event(&progress);
        assert_eq!(
            text,
            "event: progress\ndata: {\"percent\":42,\"what\":\"writing slot b\"}\n\n"
        );
        assert!(!is_last);
        assert!(event(&Said::Done(json!({}))).1);
    }

    #[test]
    fn a_full_disk_is_told_apart() {
        let full = stored(&io::ErrorKind::StorageFull.into());
        assert_eq!(full.code(), ErrorCode::Refused);
        let busy = stored(&io::ErrorKind::ResourceBusy.into());
        assert_eq!(busy.code(), ErrorCode::WrongState);
    }
}
