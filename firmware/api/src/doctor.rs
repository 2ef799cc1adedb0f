//! What a check of a trunk found: the words of the trunk doctor.

use serde::Serialize;
use utoipa::ToSchema;

/// A check of a trunk, under way or done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct TrunkCheck {
    pub trunk: String,
    /// The number that was called; without one nothing is called.
    pub number: Option<String>,
    pub running: bool,
    /// What was tried, in order.
    pub steps: Vec<CheckStep>,
    /// Empty while it runs.
    pub findings: Vec<Finding>,
    /// A `[[trunk]]` that fits what was found, as TOML; while it runs there is none.
    pub settings: Option<String>,
}

/// One probe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct CheckStep {
    pub name: String,
    /// What became of it; while it runs there is nothing.
    pub outcome: Option<String>,
    /// What was said is a ladder of this id: `/api/v1/calls/{id}/ladder`.
    pub ladder: Option<String>,
}

/// One thing that was found out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Finding {
    pub about: &'static str,
    pub verdict: Verdict,
    /// For people.
    pub sentence: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// Good to know, or a setting to change.
    Notice,
    /// Calls will suffer.
    Problem,
}

/// Why a check was not begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckRefused {
    UnknownTrunk,
    /// One check at a time for each trunk.
    Running,
    /// Its name leads nowhere yet; why.
    NoAddress(String),
}
