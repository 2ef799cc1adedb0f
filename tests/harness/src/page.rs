//! Ears for a page: JavaScript that measures what a stream sounds like, and when.

use serde_json::Value;

use crate::browser::Browser;
use crate::error::{Doing, Result};

/// Defines `window.ears`; see the file for what it measures.
pub const EARS: &str = include_str!("ears.js");

/// Gives the page its ears: `await ears.listen(name, stream)` begins, `ears.heard(name)` tells.
pub async fn give_ears(browser: &Browser) -> Result<()> {
    browser
        .evaluate(&format!("(() => {{ {EARS}\n return true }})()"))
        .await
        .map(|_| ())
}

/// What was heard of one stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    /// Half-second windows, oldest first.
    pub windows: Vec<Window>,
    /// When the sound jumped from quiet to loud, in seconds since 1970.
    pub onsets: Vec<f64>,
}

/// Half a second of a stream.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Window {
    /// When it ended, in seconds since 1970.
    pub at: f64,
    /// The strongest frequency; 0 in silence.
    pub hz: f64,
    /// Level against full scale, in dB.
    pub db: f64,
    /// Share of the energy that is in that frequency, 0…1.
    pub purity: f64,
}

impl Heard {
    /// Reads what the page says it heard.
    pub async fn from(browser: &Browser, name: &str) -> Result<Self> {
        let value = browser.evaluate(&format!("ears.heard('{name}')")).await?;
        let number = |v: &Value| v.as_f64().unwrap_or(0.0);
        let windows = value["windows"]
            .as_array()
            .doing("the ears heard nothing")?;
        let window = |w: &Value| Window {
            at: number(&w["at"]),
            hz: number(&w["hz"]),
            db: number(&w["db"]),
            purity: number(&w["purity"]),
        };
        let onsets = value["onsets"].as_array().doing("the ears heard nothing")?;
        Ok(Self {
            windows: windows.iter().map(window).collect(),
            onsets: onsets.iter().map(number).collect(),
        })
    }

    /// The frequency of the last `count` windows: the median of those with a clear tone.
    pub fn hz(&self, count: usize) -> f64 {
        let skip = self.windows.len().saturating_sub(count);
        let clear = self
            .windows
            .iter()
            .skip(skip)
            .filter(|w| w.purity > 0.5 && w.db > -50.0)
            .map(|w| w.hz);
        median(clear.collect())
    }
}

/// The middle of some numbers; 0 of none.
pub fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(0.0)
}

/// How long after each of `sent` the next of `heard` came, in milliseconds: the median. Moments further apart than
/// `longest_ms` do not belong together.
pub fn delay_ms(sent: &[f64], heard: &[f64], longest_ms: f64) -> Option<f64> {
    let delays: Vec<f64> = heard
        .iter()
        .filter_map(|h| {
            sent.iter()
                .rev()
                .find(|s| *s <= h)
                .map(|s| (h - s) * 1000.0)
        })
        .filter(|ms| *ms <= longest_ms)
        .collect();
    if delays.is_empty() {
        None
    } else {
        Some(median(delays))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_onset_heard_belongs_to_the_last_one_sent() {
        let sent = [1.0, 2.0, 3.0];
        let heard = [0.5, 1.08, 2.09, 3.08];
        let delay = delay_ms(&sent, &heard, 700.0).unwrap();
        assert!((delay - 80.0).abs() < 1.0, "{delay}");
        assert_eq!(delay_ms(&[], &heard, 700.0), None);
    }

    #[test]
    fn only_clear_tones_count() {
        let window = |hz, purity| Window {
            at: 0.0,
            hz,
            db: -10.0,
            purity,
        };
        let heard = Heard {
            windows: vec![window(300.0, 0.9), window(1004.0, 0.99), window(50.0, 0.1)],
            onsets: vec![],
        };
        assert_eq!(heard.hz(2), 1004.0);
    }
}
