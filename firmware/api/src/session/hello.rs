//! The first message: who speaks, from where, and for how long.

use super::socket::{Incoming, Socket};
use super::{Close, End, Opening, error};
use crate::http::{demo_app, is_own_origin};
use crate::request::Identity;
use crate::state::{Api, unix_now};
use crate::timestamp::rfc3339;
use crate::token::{self, Claims, TokenError};
use crate::wire::{
    AboutBox, ClientMessage, ErrorCode, RequestNumber, Token, Welcome, parse_client,
};
use causeway_directory::{App, Destination, Directory};
use serde_json::Value;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// Bytes of the page's address as the SDK names it.
const MAX_PAGE: usize = 2048;

/// A session that may run.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) identity: Identity,
    /// When the token ends.
    pub(super) ends: Instant,
    /// What the page reached the box at.
    pub(super) host: Option<String>,
    /// Answers the `hello`; its `session` is filled in by the run.
    pub(super) welcome: Welcome,
}

/// A refusal: what the client is told, and how the socket is closed.
struct Refused {
    code: ErrorCode,
    message: String,
    close: Close,
}

impl Refused {
    fn new(code: ErrorCode, message: impl Into<String>, close: Close) -> Self {
        Self {
            code,
            message: message.into(),
            close,
        }
    }
}

/// Waits for `hello` and judges it.
pub(super) async fn hello(
    api: &Api,
    socket: &mut Socket,
    opening: &Opening,
) -> Result<Opened, End> {
    let mut stopping = api.stopping();
    let first = tokio::select! {
        first = timeout(api.limits().hello, first_text(socket)) => first,
        () = crate::server::stopped(&mut stopping) => return Err(End::Close(Close::Stopping)),
    };
    let text = first.map_err(|_| End::Close(Close::Authentication))??;
    api.metrics().messages_received.increment();
    let (id, refused) = match parse_client(&text) {
        Ok(ClientMessage::Hello {
            id,
            version,
            token,
            client,
        }) => match judge(api, opening, id, version, &token, client.as_ref()) {
            Ok(opened) => return Ok(opened),
            Err(refused) => (Some(id), refused),
        },
        Ok(other) => {
            let message = "The first message must be hello.";
            let refused = Refused::new(ErrorCode::BadRequest, message, Close::Protocol);
            (other.id(), refused)
        }
        Err(fault) => (
            fault.id,
            Refused::new(fault.code, fault.message, Close::Protocol),
        ),
    };
    if api.buckets().complaint() {
        tracing::info!(
            peer = ?opening.peer,
            origin = opening.origin,
            code = refused.code.as_str(),
            "a WebSocket was refused"
        );
    }
    socket
        .send(&error(id, refused.code, refused.message))
        .await?;
    Err(End::Close(refused.close))
}

async fn first_text(socket: &mut Socket) -> Result<axum::extract::ws::Utf8Bytes, End> {
    loop {
        match socket.receive().await? {
            Incoming::Text(text) => return Ok(text),
            Incoming::Life => {}
        }
    }
}

fn judge(
    api: &Api,
    opening: &Opening,
    id: RequestNumber,
    version: u32,
    token: &Token,
    client: Option<&Value>,
) -> Result<Opened, Refused> {
    if version != 1 {
        return Err(Refused::new(
            ErrorCode::Unsupported,
            "This box speaks version 1 of the protocol.",
            Close::Protocol,
        ));
    }
    let directory = api.directory();
    let checked = check_token(api, &directory, token)
        .map_err(|(code, message)| Refused::new(code, message, Close::Authentication))?;
    let allowed = match checked.app {
        Some(app) => origin_allowed(&directory, app, opening),
        // The box's own page alone, or a program.
        None => opening
            .origin
            .as_deref()
            .is_none_or(|origin| is_own_origin(origin, opening.host.as_deref())),
    };
    if !allowed {
        return Err(Refused::new(
            ErrorCode::OriginForbidden,
            "Pages of this origin may not use this app.",
            Close::Origin,
        ));
    }
    let page = client
        .and_then(|c| c.get("page"))
        .and_then(Value::as_str)
        .filter(|page| page.len() <= MAX_PAGE)
        .map(str::to_owned);
    let settings = &directory.config().settings;
    let whole_seconds = |d: Duration| u32::try_from(d.as_secs()).unwrap_or(u32::MAX).max(1);
    let welcome = Welcome {
        id,
        session: String::new(),
        about: AboutBox {
            name: settings.name.clone(),
            version: env!("CARGO_PKG_VERSION").into(),
        },
        account: checked.identity.account.as_ref().map(ToString::to_string),
        expires_at: rfc3339(checked.claims.exp),
        resume_s: api.limits().resume_s,
        ping_s: whole_seconds(api.limits().ping),
        ice: api.ice(opening.host.as_deref()),
    };
    let identity = Identity {
        origin: opening.origin.clone(),
        // The app's server knows better than the page.
        page: checked.claims.page.clone().or(page),
        ..checked.identity
    };
    Ok(Opened {
        identity,
        ends: end_of(&checked.claims),
        host: opening.host.clone(),
        welcome,
    })
}

/// A token that is ours, live, and whose app and account, or the page it is for, still are in the configuration.
pub(super) struct CheckedToken<'a> {
    pub(super) claims: Claims,
    /// None of a token for tests alone.
    pub(super) app: Option<&'a App>,
    pub(super) identity: Identity,
}

/// Verifies a token against key, clock and configuration.
pub(super) fn check_token<'a>(
    api: &Api,
    directory: &'a Directory,
    token: &Token,
) -> Result<CheckedToken<'a>, (ErrorCode, &'static str)> {
    let foreign = (ErrorCode::AuthFailed, "The token is not one of this box.");
    let claims = token::verify(api.token_key(), &token.0, unix_now()).map_err(|e| match e {
        TokenError::Foreign => foreign,
        TokenError::Expired => (ErrorCode::TokenExpired, "The token is too old."),
    })?;
    if claims.test {
        if !directory.config().settings.preflight {
            return Err(foreign);
        }
        let identity = Identity {
            app: claims.app(),
            account: None,
            to: Vec::new(),
            origin: None,
            page: None,
            only_tests: true,
        };
        return Ok(CheckedToken {
            claims,
            app: None,
            identity,
        });
    }
    let (account, to) = claims.subject().map_err(|_| foreign)?;
    let app = directory
        .app(&claims.app())
        .ok_or((ErrorCode::AuthFailed, "The token's app is gone."))?;
    if let Some(account) = &account {
        let destination = Destination::Account(account.clone());
        let allowed = app.accounts.iter().any(|p| p.allows(&destination))
            && directory.account(account).is_some();
        if !allowed {
            return Err((
                ErrorCode::AccountForbidden,
                "The token's account is gone, or no longer the app's.",
            ));
        }
    }
    let identity = Identity {
        app: claims.app(),
        account,
        to,
        origin: None,
        page: None,
        only_tests: false,
    };
    Ok(CheckedToken {
        claims,
        app: Some(app),
        identity,
    })
}

/// The end of a token on the clock that never jumps.
pub(super) fn end_of(claims: &Claims) -> Instant {
    Instant::now() + Duration::from_secs(claims.exp.saturating_sub(unix_now()))
}

/// Browsers always name the page's origin; a program that names none could name any, so it is let
/// through with its token alone.
fn origin_allowed(directory: &Directory, app: &App, opening: &Opening) -> bool {
    let Some(origin) = opening.origin.as_deref() else {
        return true;
    };
    let of_demo = demo_app(directory).is_some_and(|demo| demo.key.get_ref() == app.key.get_ref());
    app.origins.iter().any(|pattern| pattern.matches(origin))
        || (of_demo && is_own_origin(origin, opening.host.as_deref()))
}
