//! What has to be done so that the machine follows its files.

use crate::document::Checked;
use crate::render::{ALL, File, GATEWAY, NETWORK, UNGUARDED};
use causeway_directory::Config;
use std::collections::BTreeMap;

/// What a change does to calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The gateway sees nothing of it.
    Nothing,
    /// Calls stand.
    Reload,
    /// Calls end; the settings that bring it about.
    Restart(Vec<String>),
}

impl Effect {
    /// For programs.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Reload => "reload",
            Self::Restart(_) => "restart",
        }
    }

    /// For people; none when there is nothing to say.
    pub fn line(&self) -> Option<String> {
        match self {
            Self::Nothing => None,
            Self::Reload => Some("Calls go on.\n".to_owned()),
            Self::Restart(because) if because.is_empty() => {
                Some("CALLS END: the gateway has to be started anew.\n".to_owned())
            }
            Self::Restart(because) => Some(format!(
                "CALLS END: the gateway has to be started anew for {}.\n",
                because.join(", ")
            )),
        }
    }
}

/// What a commit would do to calls.
pub fn effect(before: &Checked, after: &Checked) -> Effect {
    match before.gateway_text == after.gateway_text {
        true => Effect::Nothing,
        false => of_configs(&before.gateway, &after.gateway),
    }
}

/// The same of the gateway's documents as they are rendered.
fn of_texts(before: &str, after: &str) -> Effect {
    match (Config::parse(before), Config::parse(after)) {
        _ if before == after => Effect::Nothing,
        (Ok(before), Ok(after)) => of_configs(&before, &after),
        (Err(_), _) | (_, Err(_)) => Effect::Restart(Vec::new()),
    }
}

/// Of two that differ.
fn of_configs(before: &Config, after: &Config) -> Effect {
    let because = Config::restart_needed(before, after);
    match because.is_empty() {
        true => Effect::Reload,
        false => Effect::Restart(because.into_iter().map(str::to_owned).collect()),
    }
}

/// One thing to be done, in the order of the variants.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// The page of the first set-up has the gateway's port.
    StopSetUp,
    StopGateway,
    SetHostName(String),
    LoadFirewall,
    ReloadNetwork,
    ReloadTime,
    RestartSyslog,
    StopSyslog,
    StartSsh,
    StopSsh,
    StartGateway,
    ReloadGateway,
    RestartGateway,
    StartSetUp,
}

/// What of the machine differs, by path; `before` is what lies there.
pub fn plan(before: &BTreeMap<&'static str, String>, after: &[File]) -> Vec<Action> {
    let new = |path: &str| {
        after
            .iter()
            .find(|file| file.path == path)
            .map(|file| file.text.as_str())
    };
    let old = |path: &str| before.get(path).map(String::as_str);
    let differs = |path: &str| new(path) != old(path);
    let mut actions = Vec::new();
    match (old(GATEWAY), new(GATEWAY)) {
        (None, None) => {}
        (None, Some(_)) => actions.push(Action::StartGateway),
        (Some(_), None) => actions.push(Action::StopGateway),
        (Some(before), Some(after)) => match of_texts(before, after) {
            Effect::Nothing => {}
            Effect::Reload => actions.push(Action::ReloadGateway),
            Effect::Restart(_) => actions.push(Action::RestartGateway),
        },
    }
    if let Some(name) = new("run/causeway/hostname")
        && differs("run/causeway/hostname")
    {
        actions.push(Action::SetHostName(name.trim().to_owned()));
    }
    if differs("run/causeway/firewall.nft") {
        actions.push(Action::LoadFirewall);
    }
    if NETWORK.into_iter().any(differs) {
        actions.push(Action::ReloadNetwork);
    }
    if differs("run/causeway/chrony/box.sources") {
        actions.push(Action::ReloadTime);
    }
    match new("run/causeway/syslog.toml") {
        Some(_) if differs("run/causeway/syslog.toml") || differs("run/causeway/syslog-ca.pem") => {
            actions.push(Action::RestartSyslog);
        }
        None if differs("run/causeway/syslog.toml") => actions.push(Action::StopSyslog),
        Some(_) | None => {}
    }
    match (old(UNGUARDED), new(UNGUARDED)) {
        (None, Some(_)) => actions.push(Action::StartSetUp),
        (Some(_), None) => actions.push(Action::StopSetUp),
        (Some(_), Some(_)) | (None, None) => {}
    }
    match (
        old("run/causeway/ssh/authorized_keys"),
        new("run/causeway/ssh/authorized_keys"),
    ) {
        (None, Some(_)) => actions.push(Action::StartSsh),
        (Some(_), None) => actions.push(Action::StopSsh),
        (Some(_), Some(_)) | (None, None) => {}
    }
    actions.sort();
    actions
}

/// Paths that lie there and are named no more.
pub fn superfluous<'a>(
    before: &'a BTreeMap<&'static str, String>,
    after: &'a [File],
) -> impl Iterator<Item = &'static str> + 'a {
    ALL.into_iter()
        .filter(|path| before.contains_key(path) && !after.iter().any(|file| file.path == *path))
}
