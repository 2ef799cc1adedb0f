//! Both sides may hold, independently.
//!
//! | local | remote | told | browser hears | PBX hears |
//! |---|---|---|---|---|
//! | – | – | answered | PBX | browser |
//! | – | held | held by remote | whatever the PBX plays | nothing |
//! | held | – | held by local | nothing | nothing |
//! | held | held | held by both | nothing | nothing |

use causeway_media::plan::Direction;

/// Who holds the call, seen from the browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HeldBy {
    Local,
    Remote,
    Both,
}

impl HeldBy {
    /// As PROTOCOL.md writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Remote => "remote",
            Self::Both => "both",
        }
    }
}

/// The two independent holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hold {
    pub local: bool,
    pub remote: bool,
}

impl Hold {
    pub const fn held_by(self) -> Option<HeldBy> {
        match (self.local, self.remote) {
            (false, false) => None,
            (true, false) => Some(HeldBy::Local),
            (false, true) => Some(HeldBy::Remote),
            (true, true) => Some(HeldBy::Both),
        }
    }

    /// What the trunk leg offers or answers: a holder still sends (RFC 3264 section 8.4), the far side's wish is its own.
    pub const fn trunk_direction(self) -> Direction {
        if self.local {
            Direction::SendOnly
        } else {
            Direction::SendRecv
        }
    }

    /// What flows on the browser's leg.
    pub const fn web_direction(self) -> Direction {
        if self.local {
            Direction::Inactive
        } else {
            Direction::SendRecv
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_the_module() {
        let hold = |local, remote| Hold { local, remote };
        assert_eq!(hold(false, false).held_by(), None);
        assert_eq!(hold(false, true).held_by(), Some(HeldBy::Remote));
        assert_eq!(hold(true, false).held_by(), Some(HeldBy::Local));
        assert_eq!(hold(true, true).held_by(), Some(HeldBy::Both));
        assert_eq!(hold(true, false).web_direction(), Direction::Inactive);
        assert_eq!(hold(false, true).web_direction(), Direction::SendRecv);
    }
}
