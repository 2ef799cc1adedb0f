//! A browser with which two codecs were agreed on: G.711, and Opus for bad times.
//!
//! Either side may speak either at any time. What the box speaks is decided here, at once; the page is asked to follow,
//! and whatever the browser sends is heard.

use causeway_media::codec_switch::{CodecSwitch, Spoken, Way};
use causeway_media::plan::AudioFormat;
use std::time::{Duration, Instant};

/// A browser's buffer begins anew with another clock, which is heard for some milliseconds: what can wait waits so long
/// for a pause.
const PATIENCE: Duration = Duration::from_secs(10);

/// See the module.
#[derive(Debug)]
pub struct Either {
    plain: AudioFormat,
    resilient: AudioFormat,
    /// What the browser speaks.
    pub heard: AudioFormat,
    switch: CodecSwitch,
    /// What the box shall speak from the next pause on, and from when on in any case.
    wanted: Option<(AudioFormat, Instant)>,
}

impl Either {
    /// Begins with `plain`, both ways.
    pub fn new(plain: AudioFormat, resilient: AudioFormat) -> Self {
        Self {
            plain,
            resilient,
            heard: plain,
            switch: CodecSwitch::default(),
            wanted: None,
        }
    }

    /// Notes the payload type of a packet, or that of redundant Opus; true when it is another codec than so far.
    pub fn hears(&mut self, payload_type: u8, redundancy: Option<u8>) -> bool {
        if payload_type == self.heard.payload_type {
            return false;
        }
        let is_resilient =
            payload_type == self.resilient.payload_type || redundancy == Some(payload_type);
        let heard = if is_resilient {
            self.resilient
        } else if payload_type == self.plain.payload_type {
            self.plain
        } else {
            // Digits.
            return false;
        };
        std::mem::replace(&mut self.heard, heard) != heard
    }

    /// So much (0…1) was lost since the report before.
    pub fn report(&mut self, way: Way, lost: f32, now: Instant) {
        match self.switch.report(way, lost, now) {
            Some(Spoken::Plain) => self.wanted = Some((self.plain, now + PATIENCE)),
            Some(Spoken::Resilient) => self.wanted = Some((self.resilient, now)),
            None => {}
        }
    }

    /// Whether [`Self::take_wanted`] may have something.
    pub const fn is_pending(&self) -> bool {
        self.wanted.is_some()
    }

    /// What the box shall speak from now on, when that is another than so far; given once. `silent` says that nobody
    /// speaks on the far side.
    pub fn take_wanted(&mut self, silent: bool, now: Instant) -> Option<AudioFormat> {
        let due = |wanted: &mut (AudioFormat, Instant)| silent || now >= wanted.1;
        self.wanted.take_if(due).map(|(format, _)| format)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use causeway_media::plan::AudioCodec;

    fn format(codec: AudioCodec, payload_type: u8) -> AudioFormat {
        AudioFormat {
            codec,
            payload_type,
            ptime_ms: 20,
            dtmf: None,
        }
    }

    #[test]
    fn what_comes_is_heard_and_losses_change_what_is_spoken_once() {
        let (plain, opus) = (format(AudioCodec::Pcmu, 0), format(AudioCodec::Opus, 111));
        let mut either = Either::new(plain, opus);
        assert!(!either.hears(0, Some(63)));
        // Digits say nothing of the codec.
        assert!(!either.hears(126, Some(63)));
        assert!(either.hears(63, Some(63)));
        assert_eq!(either.heard, opus);
        assert!(!either.hears(111, Some(63)));
        assert!(either.hears(0, Some(63)));
        assert_eq!(either.heard, plain);

        let now = Instant::now();
        assert_eq!(either.take_wanted(true, now), None);
        either.report(Way::ToBrowser, 0.1, now);
        assert_eq!(either.take_wanted(false, now), Some(opus));
        either.report(Way::ToBrowser, 0.1, now);
        assert_eq!(either.take_wanted(true, now), None);

        // Back again in a pause, or when none comes.
        let mut later = now + Duration::from_secs(60);
        either.report(Way::ToBrowser, 0.0, later);
        assert_eq!(either.take_wanted(false, later), None);
        assert!(either.is_pending());
        later += PATIENCE;
        assert_eq!(either.take_wanted(false, later), Some(plain));
        assert!(!either.is_pending());
    }
}
