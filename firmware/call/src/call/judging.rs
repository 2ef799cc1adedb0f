//! What the page is told of how its call sounds.

use super::*;
use crate::quality::Way;

impl Call {
    /// One opinion of one way.
    pub(super) fn quality(&mut self, way: Way, mos: f32) {
        self.watches[way as usize].note(mos);
        self.tell_quality(false);
    }

    /// The page is warned when the first way turns bad, and told when the last is good again; `again` when it may not
    /// know of an earlier warning.
    pub(super) fn tell_quality(&mut self, again: bool) {
        let (Some(device), true) = (self.device, self.attached) else {
            return;
        };
        let bad = Way::ALL
            .into_iter()
            .find(|way| self.watches[*way as usize].is_bad());
        let (code, message) = match bad {
            Some(_) if self.warned_of_quality && !again => return,
            Some(Way::ToBrowser) => ("low_quality", "What this browser hears sounds bad."),
            Some(Way::ToPbx) => ("low_quality", "What the far side hears sounds bad."),
            None if self.warned_of_quality => ("quality_restored", "The call sounds good again."),
            None => return,
        };
        self.warned_of_quality = bad.is_some();
        self.commands.push_back(Command::Warn {
            device,
            code,
            message,
        });
    }
}
