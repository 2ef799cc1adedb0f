//! A browser with two codecs: what it speaks is heard, and what is spoken with it changes.

use super::super::leg::End;
use super::super::{Event, LegKey};
use super::Core;
use causeway_media::path::Path;
use std::time::Instant;

impl Core {
    /// What `to` hears comes in another codec from now on.
    pub(super) fn heard_anew(&mut self, to: Option<LegKey>, now: Instant) {
        let Some(to) = to else {
            return;
        };
        if let Some(path) = self.legs.get_mut(&to).and_then(|leg| leg.path.as_mut()) {
            path.drain(now, &mut self.output);
        }
        self.ship(None, to, now);
        self.replan(&[to], now);
    }

    /// Speaks another of two codecs with a browser, where its losses say so.
    pub(super) fn speak_anew(&mut self, key: LegKey, now: Instant) {
        let Some(leg) = self.legs.get_mut(&key) else {
            return;
        };
        let Some(either) = leg.either.as_mut().filter(|either| either.is_pending()) else {
            return;
        };
        let silent = leg.path.as_mut().is_some_and(Path::is_silent);
        let wanted = either.take_wanted(silent, now);
        let Some(format) = wanted.filter(|format| leg.format != Some(*format)) else {
            return;
        };
        leg.format = Some(format);
        if let End::Web(web) = &mut leg.end {
            web.leg.speak(format);
        }
        self.replan(&[key], now);
        self.tell(Event::WebSpoken { leg: key, format });
    }
}
