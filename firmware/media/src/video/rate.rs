//! How many kilobits a second an encoder may make.
//!
//! | known of the far side | the rate |
//! |---|---|
//! | nothing yet | [`FIRST`], or less where less was agreed |
//! | an estimate (REMB) | at most nine tenths of it |
//! | more than 10 % lost, in a report | falls by half the share that was lost |
//! | less than 2 % lost | grows again by 8 % |
//!
//! and never above what was agreed. Reports count once a second: several within it say the same.

use std::time::{Duration, Instant};

/// Kilobits a second to begin with.
const FIRST: u32 = 600;
/// Below this a picture is not worth sending.
const LEAST: u32 = 60;
const EVERY: Duration = Duration::from_millis(900);

/// See the module.
#[derive(Debug)]
pub(super) struct RateControl {
    agreed: u32,
    estimate: Option<u32>,
    /// Of what would be allowed, for what was lost.
    share: f32,
    counted: Option<Instant>,
}

impl RateControl {
    /// With so many kilobits a second agreed on.
    pub(super) fn new(agreed: u32) -> Self {
        let agreed = agreed.max(LEAST);
        Self {
            agreed,
            estimate: None,
            share: (FIRST as f32 / agreed as f32).min(1.0),
            counted: None,
        }
    }

    pub(super) fn agree(&mut self, kbps: u32) {
        self.agreed = kbps.max(LEAST);
    }

    /// The far side's estimate in bits a second.
    pub(super) fn on_estimate(&mut self, bits: u64) {
        let kbps = u32::try_from(bits / 1_000).unwrap_or(u32::MAX);
        // The first is what growing was for.
        if self.estimate.replace(kbps).is_none() {
            self.share = 1.0;
        }
    }

    /// A report says that so many of 256 packets were lost.
    pub(super) fn on_report(&mut self, fraction_lost: u8, now: Instant) {
        if self.counted.is_some_and(|before| now < before + EVERY) {
            return;
        }
        self.counted = Some(now);
        let lost = f32::from(fraction_lost) / 256.0;
        if lost > 0.10 {
            self.share = (self.share * (1.0 - lost / 2.0)).max(0.05);
        } else if lost < 0.02 {
            self.share = (self.share * 1.08).min(1.0);
        }
    }

    /// Kilobits a second.
    pub(super) fn kbps(&self) -> u32 {
        let estimate = self.estimate.map_or(u32::MAX, |kbps| kbps / 10 * 9);
        let most = self.agreed.min(estimate);
        ((most as f32 * self.share) as u32).clamp(LEAST, self.agreed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn begins_modestly_and_grows_while_nothing_is_lost() {
        let mut rate = RateControl::new(1_500);
        let mut now = Instant::now();
        assert_eq!(rate.kbps(), 600);
        for _ in 0..5 {
            now += Duration::from_secs(1);
            rate.on_report(0, now);
        }
        assert!((870..890).contains(&rate.kbps()), "{}", rate.kbps());
        for _ in 0..20 {
            now += Duration::from_secs(1);
            rate.on_report(0, now);
        }
        assert_eq!(rate.kbps(), 1_500);
        assert_eq!(RateControl::new(300).kbps(), 300);
    }

    #[test]
    fn follows_the_far_side() {
        let mut rate = RateControl::new(1_500);
        rate.on_estimate(1_000_000);
        assert_eq!(rate.kbps(), 900);
        rate.on_estimate(200_000);
        assert_eq!(rate.kbps(), 180);
        rate.on_estimate(u64::MAX);
        assert_eq!(rate.kbps(), 1_500);
        rate.on_estimate(0);
        assert_eq!(rate.kbps(), LEAST);
    }

    #[test]
    fn what_is_lost_makes_it_fall_and_comes_back() {
        let mut rate = RateControl::new(1_000);
        let start = Instant::now();
        rate.on_estimate(2_000_000);
        rate.on_report(51, start);
        assert!((899..=901).contains(&rate.kbps()), "{}", rate.kbps());
        // Of the same second.
        rate.on_report(255, start + Duration::from_millis(500));
        assert!((899..=901).contains(&rate.kbps()));
        // Between the two bounds it stays.
        rate.on_report(15, start + Duration::from_secs(1));
        assert!((899..=901).contains(&rate.kbps()));
        for second in 2..200 {
            rate.on_report(255, start + Duration::from_secs(second));
        }
        assert_eq!(rate.kbps(), LEAST);
        for second in 200..260 {
            rate.on_report(0, start + Duration::from_secs(second));
        }
        assert_eq!(rate.kbps(), 1_000);
    }
}
