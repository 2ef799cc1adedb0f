//! How long a frame takes through the engine.
//!
//! The engine numbers its packets itself, so a packet that comes out is one that went in plus an unknown offset. A mark
//! tells the offset: the packet in which it is found, less the frame in which the last one was sent. Every further mark
//! tells it again, so that an engine that drops or makes up a frame is found out and not measured wrongly.

use std::time::{Duration, Instant};

use super::speech::MarkFinder;

/// Frames remembered: more than five seconds.
const REMEMBERED: usize = 256;
/// A mark comes out sooner than this many frames after it went in.
const NEAR: i64 = 90;

/// One direction of one call.
#[derive(Debug)]
pub struct Matcher {
    sent: Vec<Option<(i64, Instant)>>,
    last_mark: Option<i64>,
    offset: Option<i64>,
    finder: MarkFinder,
    highest: Option<i64>,
    /// How often the offset changed after it was known.
    pub slips: u32,
}

impl Default for Matcher {
    fn default() -> Self {
        Self {
            sent: vec![None; REMEMBERED],
            last_mark: None,
            offset: None,
            finder: MarkFinder::default(),
            highest: None,
            slips: 0,
        }
    }
}

impl Matcher {
    /// The `n`th frame went in.
    pub fn sent(&mut self, n: i64, is_mark: bool, now: Instant) {
        self.sent[n as usize % REMEMBERED] = Some((n, now));
        if is_mark {
            self.last_mark = Some(n);
        }
    }

    /// A packet came out; `frame` is its sound at 8 kHz. Tells how long it took, once that is known.
    pub fn received(&mut self, sequence: u16, frame: &[i16], now: Instant) -> Option<Duration> {
        let number = self.extend(sequence);
        if self.finder.take(frame)
            && let Some(mark) = self.last_mark
        {
            let offset = number - mark;
            let sent_lately = self.number_sent().is_some_and(|last| last - mark < NEAR);
            if sent_lately && self.offset != Some(offset) {
                self.slips += u32::from(self.offset.is_some());
                self.offset = Some(offset);
            }
        }
        let n = number - self.offset?;
        let slot = usize::try_from(n).ok()? % REMEMBERED;
        let (sent, at) = self.sent[slot]?;
        (sent == n).then(|| now.saturating_duration_since(at))
    }

    fn number_sent(&self) -> Option<i64> {
        self.sent.iter().flatten().map(|(n, _)| *n).max()
    }

    fn extend(&mut self, sequence: u16) -> i64 {
        let highest = self.highest.unwrap_or(i64::from(sequence));
        let step = i64::from(sequence.wrapping_sub(highest as u16) as i16);
        let number = highest + step;
        self.highest = Some(highest.max(number));
        number
    }
}

/// Latencies of one direction of all calls.
#[derive(Debug, Default, Clone)]
pub struct Latencies(Vec<u32>);

impl Latencies {
    pub fn note(&mut self, latency: Duration) {
        self.0
            .push(u32::try_from(latency.as_micros()).unwrap_or(u32::MAX));
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The latency that `share` of all packets did not exceed, in milliseconds; none when none was measured.
    pub fn at(&self, share: f64) -> Option<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let rank = (share * sorted.len() as f64).ceil() as usize;
        let micros = sorted.get(rank.saturating_sub(1))?;
        Some(f64::from(*micros) / 1000.0)
    }

    /// How many of a hundred took longer than `limit`.
    pub fn percent_over(&self, limit: Duration) -> f64 {
        let over = self
            .0
            .iter()
            .filter(|us| u128::from(**us) > limit.as_micros());
        over.count() as f64 * 100.0 / self.0.len().max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_tells_which_frame_is_which() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mark: Vec<i16> = (0..160)
            .map(|n| ((std::f64::consts::TAU * f64::from(n) / 8.0).sin() * 16_000.0) as i16)
            .collect();
        let silence = vec![0; 160];
        let mut matcher = Matcher::default();
        let mut took = Vec::new();
        // Numbers of the engine begin at 65 530 and wrap; it takes 7 ms, and later it has swallowed a frame.
        for n in 0..30_u64 {
            let is_mark = n == 5 || n == 25;
            matcher.sent(n as i64, is_mark, at(n * 20));
            if n == 15 {
                continue;
            }
            let number = if n > 15 { n - 1 } else { n };
            let frame = if is_mark { &mark } else { &silence };
            took.push(matcher.received(
                65_530_u16.wrapping_add(number as u16),
                frame,
                at(n * 20 + 7),
            ));
        }
        assert!(took[..5].iter().all(Option::is_none));
        assert!(
            took[5..15]
                .iter()
                .all(|t| *t == Some(Duration::from_millis(7)))
        );
        assert!(
            took[24..]
                .iter()
                .all(|t| *t == Some(Duration::from_millis(7)))
        );
        assert_eq!(matcher.slips, 1);
    }

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.at(0.5), None);
        for ms in 1..=100 {
            latencies.note(Duration::from_millis(ms));
        }
        assert_eq!(
            (latencies.at(0.5), latencies.at(0.99)),
            (Some(50.0), Some(99.0))
        );
        assert!((latencies.percent_over(Duration::from_millis(98)) - 2.0).abs() < 1e-9);
    }
}
