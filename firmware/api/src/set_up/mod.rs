//! The page of the first set-up: all that a box without an administrator serves.
//!
//! It asks for the code that the console shows and for what the console's wizard asks for, hands it to the box's own service as it is,
//! and shows what came of it. Without a script, so that it works everywhere; everything else is not found.
//!
//! | state | POST | next |
//! |---|---|---|
//! | open | the code is right and the answers are good | done |
//! | open | something is wrong | open: the form again, with the reason, a second later |
//! | open | a wrong code too many | closed until the box is started again |
//! | open | while another is looked at | open: 429 |
//! | done, closed | – | the same |
//!
//! Which codes are right, and how many may be wrong, is the service's to say.

mod form;
mod page;

use crate::box_service::{self, Answered, BoxService, Unreached};
use crate::http::{plain_not_found, secure};
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::server::{Door, House, attend};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::from_fn;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use form::Answers;
use http_body_util::{BodyExt, Limited};
use page::Complaint;
use serde_json::json;
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Mutex, watch};

/// The form goes back to the page, and nowhere else.
const POLICY: &str = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// How long the service may take to put the answers into use.
const PATIENCE: Duration = Duration::from_secs(60);
/// Before a wrong answer is told.
const PAUSE: Duration = Duration::from_secs(1);

/// Serves the page until `stopping` turns true. The certificate is the one that the box shows later, so that its fingerprint can be compared.
pub async fn serve_set_up(
    door: Door,
    tls: Arc<rustls::ServerConfig>,
    service: Arc<dyn BoxService>,
    limits: Limits,
    stopping: watch::Receiver<bool>,
) {
    let house = House {
        limits,
        metrics: Arc::new(Metrics::default()),
        relay: None,
        stopping,
    };
    attend(door, tls, house, router(service)).await;
}

/// The page and its style sheet.
pub fn router(service: Arc<dyn BoxService>) -> Router {
    let desk = Arc::new(Desk {
        service,
        turn: Mutex::new(()),
        end: StdMutex::new(None),
    });
    Router::new()
        .route("/", get(show).post(answered))
        .route("/set-up.css", get(style))
        .fallback(plain_not_found)
        .layer(from_fn(secure))
        .with_state(desk)
}

struct Desk {
    service: Arc<dyn BoxService>,
    /// One form is looked at at a time: nobody tries codes in parallel.
    turn: Mutex<()>,
    end: StdMutex<Option<End>>,
}

/// How it ended.
#[derive(Clone, Debug)]
struct End {
    heading: &'static str,
    text: String,
}

impl Desk {
    fn end(&self) -> Option<End> {
        let end = self.end.lock();
        end.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn ends(&self, heading: &'static str, text: String) -> Response {
        let end = End { heading, text };
        let response = html(page::end(end.heading, &end.text));
        *self.end.lock().unwrap_or_else(PoisonError::into_inner) = Some(end);
        response
    }
}

async fn show(State(desk): State<Arc<Desk>>) -> Response {
    html(match desk.end() {
        Some(end) => page::end(end.heading, &end.text),
        None => page::form(&Answers::default(), Complaint::default()),
    })
}

async fn style() -> Response {
    (
        [(header::CONTENT_TYPE, "text/css; charset=utf-8")],
        page::STYLE,
    )
        .into_response()
}

async fn answered(State(desk): State<Arc<Desk>>, request: Request) -> Response {
    let Some(answers) = read(request).await else {
        let why = "The form came broken; please send it again.";
        return complain(StatusCode::BAD_REQUEST, &Answers::default(), why, "");
    };
    let Ok(_turn) = desk.turn.try_lock() else {
        let why = "Somebody else's answers are looked at; please send yours again.";
        return complain(StatusCode::TOO_MANY_REQUESTS, &answers, why, "");
    };
    if let Some(end) = desk.end() {
        return html(page::end(end.heading, &end.text));
    }
    if !answers.repeats() {
        let why = "The two passwords are not the same.";
        return complain(StatusCode::UNPROCESSABLE_ENTITY, &answers, why, "repeat");
    }
    if !answers.has_address() {
        let why = "Without IPv4 and IPv6 nobody reaches the box.";
        return complain(StatusCode::UNPROCESSABLE_ENTITY, &answers, why, "ipv4");
    }
    match hand_over(&desk, &answers).await {
        Ok(Answered {
            text,
            outcome: Ok(_),
        }) => {
            tracing::info!("the box was set up by its page");
            let text = format!(
                "{text}This page is gone now. Use the box's console, or its address, from here on."
            );
            desk.ends("The box is set up", text)
        }
        Ok(Answered {
            outcome: Err(failure),
            ..
        }) => {
            tokio::time::sleep(PAUSE).await;
            match failure.code.as_str() {
                "closed" => desk.ends("This page is closed", failure.why),
                "wrong_code" => {
                    tracing::warn!("a wrong code was given to the page of the first set-up");
                    complain(StatusCode::FORBIDDEN, &answers, &failure.why, "code")
                }
                _ => complain(StatusCode::UNPROCESSABLE_ENTITY, &answers, &failure.why, ""),
            }
        }
        Err(fault) => {
            tracing::warn!(%fault, "the page of the first set-up");
            let why = "The box does not answer itself. Wait a minute, and send it again.";
            complain(StatusCode::BAD_GATEWAY, &answers, why, "")
        }
    }
}

async fn hand_over(desk: &Desk, answers: &Answers) -> Result<Answered, Unreached> {
    let mut conversation = desk.service.connect("set-up page").await?;
    let order = json!({
        "do": "set_up",
        "settings": answers.settings(),
        "code": answers.code(),
    });
    box_service::ask(&mut *conversation, order, PATIENCE).await
}

async fn read(request: Request) -> Option<Answers> {
    let kind = request.headers().get(header::CONTENT_TYPE)?.as_bytes();
    if !kind.starts_with(b"application/x-www-form-urlencoded") {
        return None;
    }
    let body: Limited<Body> = Limited::new(request.into_body(), form::LONGEST);
    let body = tokio::time::timeout(Limits::default().body, body.collect()).await;
    Answers::read(&body.ok()?.ok()?.to_bytes())
}

fn complain(status: StatusCode, answers: &Answers, why: &str, field: &str) -> Response {
    (status, html(page::form(answers, Complaint { why, field }))).into_response()
}

fn html(page: String) -> Response {
    let mut response = Html(page).into_response();
    response.headers_mut().insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(POLICY),
    );
    response
}
