//! `POST /api/v1/tokens`: an app's server shows its secret and gets a token for a page.

use super::{ApiError, ErrorBody, extract};
use crate::state::{Api, unix_now};
use crate::timestamp::rfc3339;
use crate::token::{self, Claims, DEFAULT_LIFETIME_S, LIFETIME_S, MAX_DESTINATIONS};
use crate::wire::ErrorCode;
use axum::Json;
use axum::extract::{Request, State};
use causeway_directory::{AccountId, App, AppKey, Destination, DialPattern, Directory, SecretHash};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::LazyLock;
use utoipa::ToSchema;

/// Bytes of `page`.
const MAX_PAGE: usize = 2048;

/// What an app's server asks for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenRequest {
    /// The app's key.
    pub app: String,
    /// The app's secret.
    #[schema(format = Password)]
    pub secret: String,
    /// Makes it the token of a person who can also be called.
    #[serde(default)]
    pub account: Option<String>,
    /// Narrows the destinations the app allows, at most 32 patterns.
    #[serde(default)]
    pub to: Option<Vec<String>>,
    /// The page the token is for, kept in the call record; at most 2048 bytes.
    #[serde(default)]
    pub page: Option<String>,
    /// Seconds, 10 to 600.
    #[serde(default)]
    #[schema(minimum = 10, maximum = 600, default = 300)]
    pub lifetime_s: Option<u64>,
}

impl fmt::Debug for TokenRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenRequest")
            .field("app", &self.app)
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

/// A token and its end.
#[derive(Serialize, ToSchema)]
pub struct TokenAnswer {
    pub token: String,
    /// RFC 3339, UTC.
    #[schema(format = DateTime)]
    pub expires_at: String,
    pub expires_in_s: u64,
}

impl fmt::Debug for TokenAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenAnswer")
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// Mints a short-lived token from an app's key and secret.
///
/// For servers: a browser's preflight is refused, since the secret must never reach a page.
#[utoipa::path(
    post,
    path = "/api/v1/tokens",
    tag = "tokens",
    request_body = TokenRequest,
    responses(
        (status = 200, description = "A token.", body = TokenAnswer),
        (status = 401, description = "`auth_failed`: unknown app or wrong secret.", body = ErrorBody),
        (status = 403, description = "`account_forbidden`: the app may not speak for this account.", body = ErrorBody),
        (status = 413, description = "`too_large`: more than 16 KiB.", body = ErrorBody),
        (status = 415, description = "`unsupported`: not application/json.", body = ErrorBody),
        (status = 422, description = "`bad_request`: the message names the field.", body = ErrorBody),
        (status = 429, description = "`rate_limited`.", body = ErrorBody),
    )
)]
pub(super) async fn mint_token(
    State(api): State<Api>,
    request: Request,
) -> Result<Json<TokenAnswer>, ApiError> {
    let peer = extract::peer(&request);
    if !api.buckets().peer(peer) {
        return Err(too_many());
    }
    let asked: TokenRequest = extract::json(request, api.limits()).await?;
    let directory = api.directory();
    let Some(app) = authenticate(&directory, &asked) else {
        api.buckets().failure(peer);
        if api.buckets().complaint() {
            tracing::info!(%peer, "a token was asked for with an unknown app or a wrong secret");
        }
        return Err(ApiError::new(
            ErrorCode::AuthFailed,
            "The app is unknown or its secret is wrong.",
        ));
    };
    issue(&api, &directory, app, asked).map(Json)
}

/// Looks up the app and compares the secret. An unknown app costs the same time as a wrong secret.
fn authenticate<'a>(directory: &'a Directory, asked: &TokenRequest) -> Option<&'a App> {
    static NOBODY: LazyLock<SecretHash> = LazyLock::new(|| SecretHash::of(""));
    let app = directory.app(&AppKey(asked.app.clone()));
    let Some(app) = app else {
        let _ = NOBODY.matches(&asked.secret);
        return None;
    };
    // Every hash is compared, so that the time does not tell which one fits.
    let fits = app
        .secret_sha256
        .get_ref()
        .iter()
        .fold(false, |fits, hash| fits | hash.matches(&asked.secret));
    fits.then_some(app)
}

/// Checks what an authenticated app asks for, and signs it.
pub(super) fn issue(
    api: &Api,
    directory: &Directory,
    app: &App,
    asked: TokenRequest,
) -> Result<TokenAnswer, ApiError> {
    let key = app.key.get_ref();
    if !api.buckets().app(&key.0) {
        return Err(too_many());
    }
    let account = asked
        .account
        .map(|account| allowed_account(directory, app, &account))
        .transpose()?;
    let to = destinations(asked.to.unwrap_or_default())?;
    if asked.page.as_ref().is_some_and(|p| p.len() > MAX_PAGE) {
        return Err(bad("page", format!("is longer than {MAX_PAGE} bytes")));
    }
    let lifetime = asked.lifetime_s.unwrap_or(DEFAULT_LIFETIME_S);
    if !LIFETIME_S.contains(&lifetime) {
        return Err(bad("lifetime_s", "is 10 to 600".into()));
    }
    let now = unix_now();
    let claims = Claims {
        app: key.0.clone(),
        account: account.map(|a| a.to_string()),
        to,
        page: asked.page,
        test: false,
        iat: now,
        exp: now + lifetime,
        nonce: nonce()?,
    };
    let answer = sign(api, &claims);
    if answer.token.len() > token::MAX_TOKEN {
        return Err(bad("to", "and `page` together are too long".into()));
    }
    Ok(answer)
}

/// A token that lets its holder test the way to the box, and nothing else, for so many seconds.
pub(super) fn issue_test(api: &Api, lifetime_s: u64) -> Result<TokenAnswer, ApiError> {
    let now = unix_now();
    Ok(sign(
        api,
        &Claims {
            app: String::new(),
            account: None,
            to: Vec::new(),
            page: None,
            test: true,
            iat: now,
            exp: now + lifetime_s,
            nonce: nonce()?,
        },
    ))
}

fn sign(api: &Api, claims: &Claims) -> TokenAnswer {
    api.metrics().tokens_minted.increment();
    TokenAnswer {
        token: token::mint(api.token_key(), claims),
        expires_at: rfc3339(claims.exp),
        expires_in_s: claims.exp.saturating_sub(claims.iat),
    }
}

fn allowed_account(directory: &Directory, app: &App, text: &str) -> Result<AccountId, ApiError> {
    let account = AccountId::parse(text).map_err(|fault| bad("account", fault))?;
    let destination = Destination::Account(account.clone());
    let allowed = app.accounts.iter().any(|p| p.allows(&destination));
    if !allowed || directory.account(&account).is_none() {
        return Err(ApiError::new(
            ErrorCode::AccountForbidden,
            "The app may not speak for this account, or there is no such account.",
        ));
    }
    Ok(account)
}

/// Patterns as they are; numbers as people write them become the digits that are dialled.
fn destinations(asked: Vec<String>) -> Result<Vec<String>, ApiError> {
    if asked.len() > MAX_DESTINATIONS {
        return Err(bad(
            "to",
            format!("holds more than {MAX_DESTINATIONS} destinations"),
        ));
    }
    asked
        .into_iter()
        .map(|text| {
            if text.len() > 255 {
                return Err(bad("to", "holds something longer than 255 bytes".into()));
            }
            match Destination::parse(&text) {
                Ok(plain) if !text.contains('*') => Ok(plain.to_string()),
                _ => DialPattern::parse(&text)
                    .map(|_| text.trim().to_owned())
                    .map_err(|fault| bad("to", fault)),
            }
        })
        .collect()
}

fn nonce() -> Result<String, ApiError> {
    let mut bytes = [0u8; 8];
    getrandom::fill(&mut bytes).map_err(|error| {
        tracing::error!(%error, "no random numbers");
        ApiError::internal()
    })?;
    Ok(format!("{:016x}", u64::from_ne_bytes(bytes)))
}

fn bad(field: &str, fault: String) -> ApiError {
    ApiError::new(ErrorCode::BadRequest, format!("`{field}`: {fault}"))
}

pub(super) fn too_many() -> ApiError {
    ApiError::new(
        ErrorCode::RateLimited,
        "Too many requests: wait a second and ask again.",
    )
}
