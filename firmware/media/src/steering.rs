//! How the encoder towards a browser is set: by what the browser says it loses, and by how busy the thread is that codes.

use crate::opus::EncoderSettings;

/// Loss from which on packets are sent twice, and below which no more.
const TWICE: f32 = 0.03;
const ONCE: f32 = 0.01;
/// Expected loss, in per cent, from which on redundancy is paid for with more bits.
const DEAR: u8 = 3;
const BITS: i32 = 24_000;
const MORE_BITS: i32 = 32_000;
/// More than this is not reckoned with: beyond it redundancy costs more than it repairs.
const MOST_PERCENT: f32 = 30.0;
/// How much of a report is believed when it is worse than those before, and when it is better.
const WORSE: f32 = 0.7;
const BETTER: f32 = 0.2;

/// What a far side loses of our packets.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FarLoss {
    /// 0…1; none before the first report.
    share: Option<f32>,
    twice: bool,
}

impl FarLoss {
    /// The far side lost so much (0…1) since its last report (RFC 3550 section 6.4.1, fraction lost).
    pub fn report(&mut self, lost: f32) {
        let lost = lost.clamp(0.0, 1.0);
        let share = self.share.unwrap_or(lost);
        let weight = if lost > share { WORSE } else { BETTER };
        let share = share + (lost - share) * weight;
        self.share = Some(share);
        self.twice = share >= if self.twice { ONCE } else { TWICE };
    }

    /// Whether packets are worth sending twice (RFC 2198).
    pub const fn wants_redundancy(&self) -> bool {
        self.twice
    }

    /// `settings` with redundancy and bits for this loss; `redundant` says that packets are sent twice, so that only
    /// two in a row are a loss.
    #[must_use]
    pub fn settings(&self, settings: EncoderSettings, redundant: bool) -> EncoderSettings {
        let Some(share) = self.share else {
            return settings;
        };
        let share = if redundant { share * share } else { share };
        let percent = (share * 100.0).ceil().min(MOST_PERCENT) as u8;
        EncoderSettings {
            expected_loss_percent: percent,
            bits_per_second: if percent >= DEAR { MORE_BITS } else { BITS },
            ..settings
        }
    }
}

/// Complexities of the encoder, the best first. At 8 kHz nothing is heard of more than 5.
const COMPLEXITIES: [u8; 3] = [5, 2, 0];
/// Share of its time for which a thread is busy: more than this is one step down, or all …
const BUSY: f32 = 0.70;
const FULL: f32 = 0.85;
/// … and less than this for [`CALM_ROUNDS`] rounds one step up: a step costs a fifth of the work, so that it does not
/// make the thread busy again.
const CALM: f32 = 0.50;
const CALM_ROUNDS: u8 = 5;

/// How much work an encoder may make.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effort {
    step: usize,
    calm: u8,
}

impl Effort {
    /// Notes how busy the thread was (0…1) in the round that ended, a second or so; the complexity from now on.
    pub fn note(&mut self, busy: f32) -> u8 {
        let last = COMPLEXITIES.len() - 1;
        if busy >= FULL {
            self.step = last;
        } else if busy >= BUSY {
            self.step = (self.step + 1).min(last);
        }
        self.calm = if busy < CALM { self.calm + 1 } else { 0 };
        if self.calm >= CALM_ROUNDS {
            self.calm = 0;
            self.step = self.step.saturating_sub(1);
        }
        self.complexity()
    }

    /// 0–10, as libopus counts.
    pub fn complexity(&self) -> u8 {
        COMPLEXITIES.get(self.step).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redundancy_comes_with_losses_at_once_and_goes_slowly() {
        let mut loss = FarLoss::default();
        let untold = EncoderSettings::default();
        assert_eq!(loss.settings(untold, false), untold);
        loss.report(0.0);
        let clean = loss.settings(untold, false);
        assert_eq!(
            (clean.expected_loss_percent, clean.bits_per_second),
            (0, 24_000)
        );
        assert!(!loss.wants_redundancy());
        loss.report(0.10);
        // 0.7 · 10 %
        let lossy = loss.settings(untold, false);
        assert_eq!(
            (lossy.expected_loss_percent, lossy.bits_per_second),
            (7, 32_000)
        );
        assert!(loss.wants_redundancy());
        let twice = loss.settings(untold, true);
        assert_eq!(
            (twice.expected_loss_percent, twice.bits_per_second),
            (1, 24_000)
        );
        // 7 · 0.8ⁿ < 1 from the ninth on.
        let rounds = (1..).find(|_| {
            loss.report(0.0);
            !loss.wants_redundancy()
        });
        assert_eq!(rounds, Some(9));
    }

    #[test]
    fn no_report_makes_a_setting_that_libopus_refuses() {
        for lost in [-1.0, 0.0, 0.5, 1.0, 7.0, f32::INFINITY] {
            let mut loss = FarLoss::default();
            loss.report(lost);
            for redundant in [false, true] {
                let settings = loss.settings(EncoderSettings::default(), redundant);
                assert!(settings.expected_loss_percent <= 30, "{lost}");
            }
        }
    }

    #[test]
    fn effort_falls_before_the_thread_fails_and_comes_back_in_quiet() {
        let mut effort = Effort::default();
        assert_eq!(effort.note(0.4), 5);
        assert_eq!(effort.note(0.75), 2);
        assert_eq!(effort.note(0.75), 0);
        // Between the two limits nothing changes, however long.
        for _ in 0..100 {
            assert_eq!(effort.note(0.6), 0);
        }
        let rounds: Vec<u8> = (0..12).map(|_| effort.note(0.3)).collect();
        assert_eq!(rounds, [0, 0, 0, 0, 2, 2, 2, 2, 2, 5, 5, 5]);
        assert_eq!(effort.note(0.9), 0);
    }
}
