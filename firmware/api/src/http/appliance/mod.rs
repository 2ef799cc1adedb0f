//! `/api/v1/box/`: the box itself, by way of its own service ([`crate::box_service`]). Everything here is a translation:
//! who may do what, what is a good document and what becomes of it is the service's to say.
//!
//! | file | end points |
//! |---|---|
//! | `configuration` | what is in force, a draft, commit, trial, rollback |
//! | `machine` | state, alarms, slots, restart, password |
//! | `update` | an update that is uploaded or fetched, the support bundle |

pub(super) mod configuration;
pub(super) mod machine;
pub(super) mod update;

use super::ApiError;
use crate::box_service::{self, Answered, BoxService, Conversation, Failure, Unreached};
use crate::state::Api;
use crate::wire::ErrorCode;
use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use serde::Serialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use utoipa::ToSchema;

/// How long the service may take for a line of an answer; a commit applies what it commits.
const PATIENCE: Duration = Duration::from_secs(60);
/// Whose changes are told apart: each author has a draft.
const AUTHOR: &str = "causeway-author";
const LONGEST_AUTHOR: usize = 64;

/// What the box's service answered.
#[derive(Debug, Serialize, ToSchema)]
pub struct BoxAnswer {
    /// For people, with line breaks.
    pub text: String,
    /// For programs.
    pub result: Value,
}

/// A conversation with the box's service for one author. An end point that takes it is for administrators and for boxes.
pub(super) struct Desk {
    service: Arc<dyn BoxService>,
    conversation: Box<dyn Conversation>,
}

impl FromRequestParts<Api> for Desk {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        super::admin::Admin::from_request_parts(parts, api).await?;
        let service = api.box_service().ok_or_else(no_box)?.clone();
        let author = author(&parts.headers)?;
        let conversation = service.connect(&author).await.map_err(unreached)?;
        Ok(Self {
            service,
            conversation,
        })
    }
}

impl Desk {
    /// Asks, and gives what came of it.
    async fn ask(&mut self, request: Value) -> Result<Json<BoxAnswer>, ApiError> {
        let Answered { text, outcome } = self.answer(request).await?;
        match outcome {
            Ok(result) => Ok(Json(BoxAnswer { text, result })),
            Err(failure) => Err(refused(&failure)),
        }
    }

    async fn answer(&mut self, request: Value) -> Result<Answered, ApiError> {
        box_service::ask(&mut *self.conversation, request, PATIENCE)
            .await
            .map_err(unreached)
    }

    /// A text that the answer has under `text`, and the revision it is of.
    async fn document(&mut self, request: Value) -> Result<(String, Option<u64>), ApiError> {
        let Json(answer) = self.ask(request).await?;
        let text = answer.result["text"].as_str().unwrap_or_default();
        Ok((text.to_owned(), answer.result["revision"].as_u64()))
    }

    /// The revision in force.
    async fn revision(&mut self) -> Result<Option<u64>, ApiError> {
        let Json(answer) = self.ask(json!({"do": "show", "path": []})).await?;
        Ok(answer.result["revision"].as_u64())
    }

    /// Refuses a change that its author based on another revision than the one in force: two administrators must not
    /// overwrite each other unseen.
    async fn based_on(&mut self, headers: &HeaderMap) -> Result<(), ApiError> {
        let wanted = headers
            .get(header::IF_MATCH)
            .and_then(|value| value.to_str().ok());
        let Some(wanted) = wanted else {
            return Err(ApiError::new(
                ErrorCode::BadRequest,
                "Say with If-Match which revision you change: the ETag of the configuration, or *.",
            )
            .with_status(StatusCode::PRECONDITION_REQUIRED));
        };
        let now = tag(self.revision().await?);
        match wanted
            .split(',')
            .any(|one| matches!(one.trim(), "*") || one.trim() == now)
        {
            true => Ok(()),
            false => Err(ApiError::new(
                ErrorCode::WrongState,
                format!("The configuration in force is another than yours: it has the ETag {now}."),
            )
            .with_status(StatusCode::PRECONDITION_FAILED)),
        }
    }
}

/// The ETag of a revision; a box that was never configured has revision 0.
fn tag(revision: Option<u64>) -> String {
    format!("\"{}\"", revision.unwrap_or(0))
}

fn author(headers: &HeaderMap) -> Result<String, ApiError> {
    let Some(value) = headers.get(AUTHOR) else {
        return Ok("api".to_owned());
    };
    let text = value.to_str().unwrap_or_default().trim();
    match (1..=LONGEST_AUTHOR).contains(&text.len()) {
        true => Ok(text.to_owned()),
        false => Err(ApiError::new(
            ErrorCode::BadRequest,
            format!("Causeway-Author is 1 to {LONGEST_AUTHOR} printable characters."),
        )),
    }
}

pub(super) fn no_box() -> ApiError {
    ApiError::new(
        ErrorCode::NotFound,
        "This is no box: nothing here configures a machine.",
    )
}

pub(super) fn unreached(fault: Unreached) -> ApiError {
    tracing::warn!(%fault, "the box's service");
    match fault {
        Unreached::Late => ApiError::new(ErrorCode::TimedOut, "The box's service does not answer."),
        Unreached::Away(_) | Unreached::BrokeOff | Unreached::Garbled => ApiError::new(
            ErrorCode::Internal,
            "The box's service cannot be asked now.",
        )
        .with_status(StatusCode::BAD_GATEWAY),
    }
}

/// The service's refusal, in its words.
fn refused(failure: &Failure) -> ApiError {
    let (code, status) = match failure.code.as_str() {
        "invalid" => (ErrorCode::BadRequest, StatusCode::UNPROCESSABLE_ENTITY),
        "request" | "trial_length" => (ErrorCode::BadRequest, StatusCode::BAD_REQUEST),
        "moved" => (ErrorCode::WrongState, StatusCode::PRECONDITION_FAILED),
        "unchanged" | "on_trial" | "not_on_trial" | "nothing_before" | "busy" => {
            (ErrorCode::WrongState, StatusCode::CONFLICT)
        }
        "unknown" => (ErrorCode::NotFound, StatusCode::NOT_FOUND),
        "too_large" => (ErrorCode::TooLarge, StatusCode::PAYLOAD_TOO_LARGE),
        "wrong_password" => (ErrorCode::Refused, StatusCode::FORBIDDEN),
        "wait" => (ErrorCode::RateLimited, StatusCode::TOO_MANY_REQUESTS),
        _ => (ErrorCode::Refused, StatusCode::CONFLICT),
    };
    ApiError::new(code, failure.why.trim()).with_status(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_is_its_tag() {
        assert_eq!(tag(Some(7)), "\"7\"");
        assert_eq!(tag(None), "\"0\"");
    }

    #[test]
    fn an_author_is_bounded() {
        let mut headers = HeaderMap::new();
        assert_eq!(author(&headers).unwrap(), "api");
        headers.insert(AUTHOR, " anna ".parse().unwrap());
        assert_eq!(author(&headers).unwrap(), "anna");
        headers.insert(AUTHOR, "a".repeat(65).parse().unwrap());
        assert_eq!(author(&headers).unwrap_err().code(), ErrorCode::BadRequest);
    }
}
