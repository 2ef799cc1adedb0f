//! Errors as JSON: `{"error": {"code", "message"}}`, whatever went wrong.

use crate::state::Api;
use crate::wire::ErrorCode;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// The body of every error.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ErrorBody {
    pub error: ErrorDetail,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ErrorDetail {
    pub code: ErrorCode,
    /// One English sentence for people.
    pub message: String,
}

/// An error on its way out. Its status is its code's, unless HTTP has a closer one.
#[derive(Clone, Debug)]
pub struct ApiError {
    status: StatusCode,
    code: ErrorCode,
    message: String,
}

impl ApiError {
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::from_u16(code.http_status())
                .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            code,
            message: message.into(),
        }
    }

    pub fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// Our fault; what happened is in the log, not in the answer.
    pub fn internal() -> Self {
        Self::new(
            ErrorCode::Internal,
            "The box could not do this; its log says why.",
        )
    }
}

/// Marks a response for counting.
#[derive(Clone, Copy, Debug)]
struct Answered(ErrorCode);

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = ErrorBody {
            error: ErrorDetail {
                code: self.code,
                message: self.message,
            },
        };
        let mut response = (self.status, axum::Json(body)).into_response();
        response.extensions_mut().insert(Answered(self.code));
        if self.status == StatusCode::UNAUTHORIZED {
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if self.status == StatusCode::TOO_MANY_REQUESTS {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

pub(super) async fn not_found() -> ApiError {
    ApiError::new(ErrorCode::NotFound, "There is nothing at this address.")
}

pub(super) async fn method_not_allowed() -> ApiError {
    ApiError::new(
        ErrorCode::Unsupported,
        "This address does not take that method.",
    )
    .with_status(StatusCode::METHOD_NOT_ALLOWED)
}

/// Counts requests and the errors they were answered with.
pub(super) async fn count(State(api): State<Api>, request: Request, next: Next) -> Response {
    api.metrics().http_requests.increment();
    let response = next.run(request).await;
    if let Some(Answered(code)) = response.extensions().get() {
        api.metrics().error(*code);
    }
    response
}
