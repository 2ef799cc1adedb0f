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
    #[error("no trunk leads to {0}")]
    NoTrunk(Destination),
    #[error("nothing has the number {0}")]
    UnknownNumber(String),
}

/// Routes a browser's call. Nothing is allowed that neither the app's destinations nor, when the
/// token names some, the token's allow.
///
/// # Errors
/// [`RouteError`], with a sentence for the page's developer.
pub fn from_browser<'a>(
    directory: &'a Directory,
    app: &AppKey,
    account: Option<&AccountId>,
    token_allows: &[DialPattern],
    to: &str,
) -> Result<TrunkRoute<'a>, RouteError> {
    let app = directory
        .app(app)
        .ok_or_else(|| RouteError::UnknownApp(app.clone()))?;
    let destination = Destination::parse(to)?;
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
    let person = account.and_then(|id| directory.account(id));
    let own_number = person
        .and_then(|p| p.caller_id.as_ref())
        .map(|n| n.get_ref().as_str());
    Ok(TrunkRoute {
        trunk,
        app,
        number: number.clone(),
        caller_number: plain(own_number.unwrap_or(app.caller_id.get_ref())),
        caller_name: person
            .and_then(|p| p.name.clone())
            .or_else(|| app.caller_name.clone()),
    })
}

/// Routes a PBX's call by the number it dialled.
///
/// # Errors
/// [`RouteError::UnknownNumber`] when nothing has it.
pub fn from_trunk<'a>(
    directory: &'a Directory,
    dialled: &str,
) -> Result<&'a AccountId, RouteError> {
    match directory.number(dialled) {
        Some(NumberTarget::Account(account)) => Ok(account),
        None => Err(RouteError::UnknownNumber(
            dialled.chars().take(64).collect(),
        )),
    }
}

/// A number without its visual separators.
fn plain(number: &str) -> String {
    match Destination::parse(number) {
        Ok(Destination::Number(digits)) => digits,
        Ok(Destination::Account(_)) | Err(_) => number.to_owned(),
    }
}
