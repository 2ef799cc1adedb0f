//! When a browser's leg leaves G.711 for Opus, and when it goes back.
//!
//! G.711 passes to a trunk without being decoded, which costs nothing and loses nothing; but it has no redundancy, and
//! twice the packets' size. Opus has both, at the price of transcoding.
//!
//! | state | a report says | then |
//! |---|---|---|
//! | plain (G.711) | [`MUCH`] is lost once, or [`SOME`] twice in a row | resilient, at once |
//! | resilient (Opus) | more than [`LITTLE`] is lost | the time of quiet begins anew |
//! | resilient | no more than that, for the time of quiet | plain |
//!
//! A report is of either direction. The time of quiet is [`QUIET`] at first; each time the losses are back soon after a
//! return to plain it is twice as long, up to [`LONGEST`], so that a network that comes and goes is not followed.

use std::time::{Duration, Instant};

/// Share of packets.
pub const MUCH: f32 = 0.04;
pub const SOME: f32 = 0.015;
pub const LITTLE: f32 = 0.005;
pub const QUIET: Duration = Duration::from_secs(30);
pub const LONGEST: Duration = Duration::from_secs(480);

/// What is spoken with the browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spoken {
    Plain,
    Resilient,
}

/// Which way a report is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    FromBrowser,
    ToBrowser,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct CodecSwitch {
    state: State,
    /// How long it must be quiet next time.
    quiet: Duration,
    /// The last report of either way said that something was lost.
    before: [bool; 2],
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Since when, if it was resilient before.
    Plain { since: Option<Instant> },
    /// Since when little was lost.
    Resilient { quiet_since: Instant },
}

impl Default for CodecSwitch {
    fn default() -> Self {
        Self {
            state: State::Plain { since: None },
            quiet: QUIET,
            before: [false; 2],
        }
    }
}

impl CodecSwitch {
    pub const fn spoken(&self) -> Spoken {
        match self.state {
            State::Plain { .. } => Spoken::Plain,
            State::Resilient { .. } => Spoken::Resilient,
        }
    }

    /// So much (0…1) was lost since the report before. Gives what is to be spoken from now on when that is another.
    pub fn report(&mut self, way: Way, lost: f32, now: Instant) -> Option<Spoken> {
        let [from, to] = &mut self.before;
        let before = match way {
            Way::FromBrowser => from,
            Way::ToBrowser => to,
        };
        let again = std::mem::replace(before, lost >= SOME) && lost >= SOME;
        match self.state {
            State::Plain { since } if lost >= MUCH || again => {
                let soon = |since: Instant| now.saturating_duration_since(since) < self.quiet;
                self.quiet = match since {
                    Some(since) if soon(since) => (self.quiet * 2).min(LONGEST),
                    _ => QUIET,
                };
                self.state = State::Resilient { quiet_since: now };
                Some(Spoken::Resilient)
            }
            State::Plain { .. } => None,
            State::Resilient { .. } if lost > LITTLE => {
                self.state = State::Resilient { quiet_since: now };
                None
            }
            State::Resilient { quiet_since }
                if now.saturating_duration_since(quiet_since) >= self.quiet =>
            {
                self.state = State::Plain { since: Some(now) };
                Some(Spoken::Plain)
            }
            State::Resilient { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A call with a report every five seconds each way.
    struct Bench {
        switch: CodecSwitch,
        now: Instant,
    }

    impl Bench {
        fn new() -> Self {
            Self {
                switch: CodecSwitch::default(),
                now: Instant::now(),
            }
        }

        /// Reports of one way, while the other is calm.
        fn report(&mut self, way: Way, lost: f32) -> Option<Spoken> {
            self.now += Duration::from_secs(5);
            let other = match way {
                Way::FromBrowser => Way::ToBrowser,
                Way::ToBrowser => Way::FromBrowser,
            };
            let calm = self.switch.report(other, 0.0, self.now);
            self.switch.report(way, lost, self.now).or(calm)
        }

        /// Seconds of calm until it is plain again.
        fn calm(&mut self) -> u64 {
            (1..1_000)
                .find(|_| self.report(Way::ToBrowser, 0.0) == Some(Spoken::Plain))
                .map(|reports| reports * 5)
                .expect("plain again")
        }
    }

    #[test]
    fn a_calm_network_stays_with_g711() {
        let mut bench = Bench::new();
        for n in 0..1_000 {
            // One packet in fifty, now and then.
            let lost = if n % 2 == 0 { 0.02 } else { 0.0 };
            assert_eq!(bench.report(Way::ToBrowser, lost), None);
        }
        assert_eq!(bench.switch.spoken(), Spoken::Plain);
    }

    #[test]
    fn losses_of_either_way_bring_opus_at_once_or_at_the_second_word() {
        for way in [Way::FromBrowser, Way::ToBrowser] {
            let mut bench = Bench::new();
            assert_eq!(bench.report(way, 0.05), Some(Spoken::Resilient));
            let mut bench = Bench::new();
            assert_eq!(bench.report(way, 0.02), None);
            assert_eq!(bench.report(way, 0.02), Some(Spoken::Resilient));
            assert_eq!(bench.switch.spoken(), Spoken::Resilient);
        }
        // Of each way once is twice of neither.
        let mut bench = Bench::new();
        assert_eq!(bench.switch.report(Way::FromBrowser, 0.02, bench.now), None);
        assert_eq!(bench.switch.report(Way::ToBrowser, 0.02, bench.now), None);
    }

    #[test]
    fn quiet_brings_g711_back_and_any_loss_begins_it_anew() {
        let mut bench = Bench::new();
        bench.report(Way::ToBrowser, 0.10);
        for _ in 0..4 {
            assert_eq!(bench.report(Way::ToBrowser, 0.0), None);
        }
        assert_eq!(bench.report(Way::FromBrowser, 0.01), None);
        assert_eq!(bench.calm(), 30);
    }

    #[test]
    fn a_network_that_comes_and_goes_is_followed_ever_more_slowly() {
        let mut bench = Bench::new();
        let quiet: Vec<u64> = (0..6)
            .map(|_| {
                bench.report(Way::ToBrowser, 0.10);
                bench.calm()
            })
            .collect();
        assert_eq!(quiet, [30, 60, 120, 240, 480, 480]);
        // After a long time without losses nothing is remembered.
        for _ in 0..200 {
            bench.report(Way::ToBrowser, 0.0);
        }
        bench.report(Way::ToBrowser, 0.10);
        assert_eq!(bench.calm(), 30);
    }
}
