//! Whether a browser is still there.
//!
//! | state | event | next | told |
//! |---|---|---|---|
//! | Connecting | [`Liveness::connected`] | Alive | `Connected` |
//! | Connecting | [`CONNECT_WITHIN`] passed | Failed | `Failed` |
//! | Alive | silent for [`SILENT_AFTER`] | Lost | `Lost` |
//! | Lost | anything arrives | Alive | `Back` |
//! | Lost | silent for [`GONE_AFTER`] | Failed | `Failed` |
//! | any | [`Liveness::fail`] | Failed | `Failed`, once |

use std::time::{Duration, Instant};

/// ICE and DTLS together. A call whose checks find no way would otherwise ring for ever; 30 s lets
/// a slow relay and a permission dialogue through.
pub const CONNECT_WITHIN: Duration = Duration::from_secs(30);
/// Browsers renew their consent at least every 5 s (RFC 7675) whatever the microphone does, so one
/// lost check and a late one still fit into 8 s.
pub const SILENT_AFTER: Duration = Duration::from_secs(8);
/// Long enough for a reload or a change of network to come back by an ICE restart; the switch may
/// give up earlier.
pub const GONE_AFTER: Duration = Duration::from_secs(60);

/// What has just become true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Connected,
    Lost,
    Back,
    Failed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Connecting { since: Instant },
    Alive { heard: Instant },
    Lost { heard: Instant },
    Failed,
}

/// See the module's table.
#[derive(Clone, Copy, Debug)]
pub struct Liveness {
    state: State,
}

impl Liveness {
    pub fn new(now: Instant) -> Self {
        Self {
            state: State::Connecting { since: now },
        }
    }

    pub fn connected(&mut self, now: Instant) -> Option<Change> {
        matches!(self.state, State::Connecting { .. }).then(|| {
            self.state = State::Alive { heard: now };
            Change::Connected
        })
    }

    /// Something came from the browser.
    pub fn heard(&mut self, now: Instant) -> Option<Change> {
        match self.state {
            State::Alive { .. } => {
                self.state = State::Alive { heard: now };
                None
            }
            State::Lost { .. } => {
                self.state = State::Alive { heard: now };
                Some(Change::Back)
            }
            State::Connecting { .. } | State::Failed => None,
        }
    }

    pub fn fail(&mut self) -> Option<Change> {
        (self.state != State::Failed).then(|| {
            self.state = State::Failed;
            Change::Failed
        })
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Connecting { since } => Some(since + CONNECT_WITHIN),
            State::Alive { heard } => Some(heard + SILENT_AFTER),
            State::Lost { heard } => Some(heard + GONE_AFTER),
            State::Failed => None,
        }
    }

    pub fn handle_timeout(&mut self, now: Instant) -> Option<Change> {
        if self.poll_timeout().is_none_or(|due| due > now) {
            return None;
        }
        match self.state {
            State::Alive { heard } => {
                self.state = State::Lost { heard };
                Some(Change::Lost)
            }
            State::Connecting { .. } | State::Lost { .. } => self.fail(),
            State::Failed => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_browser_that_never_connects_fails_once() {
        let start = Instant::now();
        let mut liveness = Liveness::new(start);
        assert_eq!(liveness.heard(start), None);
        assert_eq!(liveness.poll_timeout(), Some(start + CONNECT_WITHIN));
        assert_eq!(
            liveness.handle_timeout(start + CONNECT_WITHIN - SECOND),
            None
        );
        assert_eq!(
            liveness.handle_timeout(start + CONNECT_WITHIN),
            Some(Change::Failed)
        );
        assert_eq!(liveness.poll_timeout(), None);
        assert_eq!(liveness.fail(), None);
        assert_eq!(liveness.connected(start), None);
    }

    #[test]
    fn silence_is_told_once_until_the_browser_is_back() {
        let start = Instant::now();
        let mut liveness = Liveness::new(start);
        assert_eq!(liveness.connected(start), Some(Change::Connected));
        assert_eq!(liveness.connected(start), None);
        let heard = start + 5 * SECOND;
        assert_eq!(liveness.heard(heard), None);
        assert_eq!(liveness.handle_timeout(start + SILENT_AFTER), None);
        let lost = heard + SILENT_AFTER;
        assert_eq!(liveness.handle_timeout(lost), Some(Change::Lost));
        assert_eq!(liveness.handle_timeout(lost + SECOND), None);
        assert_eq!(liveness.heard(lost + 2 * SECOND), Some(Change::Back));
        assert_eq!(liveness.heard(lost + 3 * SECOND), None);
        let again = lost + 3 * SECOND;
        assert_eq!(
            liveness.handle_timeout(again + SILENT_AFTER),
            Some(Change::Lost)
        );
        assert_eq!(
            liveness.handle_timeout(again + GONE_AFTER),
            Some(Change::Failed)
        );
    }
}
