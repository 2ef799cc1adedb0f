//! Who may call whom, and over which trunk.

use causeway_directory::{
    AccountId, App, AppKey, Destination, DestinationError, DialPattern, Directory, NumberTarget,
    Trunk,
};

/// Where a browser's call goes.
#[derive(Debug)]
pub struct TrunkRoute<'a> {
    pub trunk: &'a Trunk,
    pub app: &'a App,
    pub number: String,
    /// The virtual number shown to the PBX.
    pub caller_number: String,
    pub caller_name: Option<String>,
}

/// Why a call has nowhere to go.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    #[error(transparent)]
    Destination(#[from] DestinationError),
    #[error("the app `{0}` is not known any more")]
    UnknownApp(AppKey),
    #[error("this app may not call {0}")]
    Forbidden(Destination),
    #[error("this session may not show {0} as its number")]
    CallerForbidden(String),
    #[error("no trunk leads to {0}")]
    NoTrunk(Destination),
    #[error("nothing has the number {0}")]
    UnknownNumber(String),
}

/// What a browser's call asks for.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    pub app: &'a AppKey,
    pub account: Option<&'a AccountId>,
    /// The token's own limit; empty: none.
    pub token_allows: &'a [DialPattern],
    pub to: &'a str,
    /// The number to show; the account's own, or else the app's, when absent.
    pub from: Option<&'a str>,
}

/// Routes a browser's call. Nothing is allowed that the app's destinations do not, nor, when the
/// token names some, the token's.
///
/// # Errors
/// [`RouteError`], with a sentence for the page's developer.
pub fn from_browser<'a>(
    directory: &'a Directory,
    wish: Wish<'_>,
) -> Result<TrunkRoute<'a>, RouteError> {
    let token_allows = wish.token_allows;
    let app = directory
        .app(wish.app)
        .ok_or_else(|| RouteError::UnknownApp(wish.app.clone()))?;
    let destination = Destination::parse(wish.to)?;
    let allowed = app.destinations.iter().any(|p| p.allows(&destination))
        && (token_allows.is_empty() || token_allows.iter().any(|p| p.allows(&destination)));
    if !allowed {
        return Err(RouteError::Forbidden(destination));
    }
    let Destination::Number(number) = &destination else {
        return Err(RouteError::NoTrunk(destination));
    };
    let trunk = directory
        .trunk_towards(&destination)
        .ok_or_else(|| RouteError::NoTrunk(destination.clone()))?;
    let person = wish.account.and_then(|id| directory.account(id));
    let own_number = person
        .and_then(|p| p.caller_id.as_ref())
        .map(|n| plain(n.get_ref()));
    let app_number = plain(app.caller_id.get_ref());
    let caller_number = match wish.from.map(plain) {
        None => own_number.unwrap_or(app_number),
        Some(from) if from == app_number || own_number.as_ref() == Some(&from) => from,
        Some(from) => {
            let from = from.chars().take(64).collect();
            return Err(RouteError::CallerForbidden(from));
        }
    };
    Ok(TrunkRoute {
        trunk,
        app,
        number: number.clone(),
        caller_number,
        caller_name: person
            .and_then(|p| p.name.clone())
            .or_else(|| app.caller_name.clone()),
    })
}

/// The trunks a routed call may take, its own first: when one has no line free the next that serves the number is
/// tried.
pub fn trunks<'a>(
    directory: &'a Directory,
    route: &TrunkRoute<'_>,
) -> impl Iterator<Item = &'a Trunk> {
    let destination = Destination::Number(route.number.clone());
    directory.trunks_towards(&destination)
}

/// Routes a PBX's call by the number it dialled.
///
/// # Errors
/// [`RouteError::UnknownNumber`] when nothing has it.
pub fn from_trunk<'a>(
    directory: &'a Directory,
    dialled: &str,
) -> Result<&'a NumberTarget, RouteError> {
    directory
        .number(dialled)
        .ok_or_else(|| RouteError::UnknownNumber(dialled.chars().take(64).collect()))
}

/// A number without its visual separators.
fn plain(number: &str) -> String {
    match Destination::parse(number) {
        Ok(Destination::Number(digits)) => digits,
        Ok(Destination::Account(_)) | Err(_) => number.to_owned(),
    }
}
