//! `[[trunk]] redirects`.

use serde::Deserialize;

/// What becomes of a redirection (301, 302 and other 3xx) of the PBX.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Redirects {
    /// The call goes on to where it points, as long as that is this trunk: one of its addresses, or a number of
    /// `numbers`.
    #[default]
    Follow,
    /// The call ends.
    Refuse,
}
