//! The lines of each trunk: how many calls it carries, and how many begin in a second, in both directions.
//!
//! A call holds a [`Line`] from the moment it is placed or comes in until it ends; dropping it gives it back. What is
//! over a limit never begins, and a call that has begun is never touched.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

/// What a trunk may carry; `None`: as much as the box.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LineLimits {
    /// Calls at once.
    pub max_calls: Option<usize>,
    /// Calls that begin within any second.
    pub per_second: Option<u32>,
}

/// Who asks for a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// The box calls the PBX.
    Out,
    /// The PBX calls the box.
    In,
}

impl Way {
    /// The word in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Out => "out",
            Self::In => "in",
        }
    }
}

/// Why there is no line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum NoLine {
    #[error("every line of the trunk is in use")]
    Full,
    #[error("as many calls as may begin in a second have begun")]
    TooFast,
}

impl NoLine {
    /// The setting that says so, as metrics name it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "max_calls",
            Self::TooFast => "calls_per_second",
        }
    }

    /// Seconds after which a caller may try again (RFC 3261 section 20.33).
    pub const fn retry_after_s(self) -> u32 {
        match self {
            // When a line comes free nobody knows; a PBX that honours this leaves the whole trunk alone meanwhile.
            Self::Full => 2,
            Self::TooFast => 1,
        }
    }
}

/// One line of a trunk; dropping it gives it back.
#[derive(Debug)]
pub struct Line {
    _held: Arc<()>,
}

#[derive(Debug, Default)]
struct TrunkLines {
    /// Every line holds it too.
    held: Arc<()>,
    /// When the calls of the last second began.
    starts: VecDeque<Instant>,
    refused: BTreeMap<(Way, NoLine), u64>,
}

impl TrunkLines {
    fn in_use(&self) -> usize {
        Arc::strong_count(&self.held) - 1
    }

    fn check(&mut self, limits: LineLimits, now: Instant) -> Result<(), NoLine> {
        while let Some(first) = self.starts.front()
            && now.saturating_duration_since(*first) >= SECOND
        {
            self.starts.pop_front();
        }
        if limits.max_calls.is_some_and(|most| self.in_use() >= most) {
            return Err(NoLine::Full);
        }
        let most = limits.per_second.map(|most| most as usize);
        if most.is_some_and(|most| self.starts.len() >= most) {
            return Err(NoLine::TooFast);
        }
        Ok(())
    }
}

/// The lines of all trunks, by the trunks' names.
#[derive(Debug, Default)]
pub struct Lines(BTreeMap<String, TrunkLines>);

impl Lines {
    /// A line for a call that begins now.
    ///
    /// # Errors
    /// [`NoLine`], which is counted.
    pub fn take(
        &mut self,
        trunk: &str,
        way: Way,
        limits: LineLimits,
        now: Instant,
    ) -> Result<Line, NoLine> {
        let lines = match self.0.get_mut(trunk) {
            Some(lines) => lines,
            None => self.0.entry(trunk.to_owned()).or_default(),
        };
        if let Err(why) = lines.check(limits, now) {
            *lines.refused.entry((way, why)).or_default() += 1;
            return Err(why);
        }
        // Only a limit needs the times.
        if limits.per_second.is_some() {
            lines.starts.push_back(now);
        }
        Ok(Line {
            _held: lines.held.clone(),
        })
    }

    /// Lines in use.
    pub fn in_use(&self, trunk: &str) -> usize {
        self.0.get(trunk).map_or(0, TrunkLines::in_use)
    }

    /// Calls that found no line, since the start.
    pub fn refused(&self, trunk: &str) -> Vec<(Way, NoLine, u64)> {
        let refused = self.0.get(trunk).map(|lines| &lines.refused);
        refused
            .into_iter()
            .flatten()
            .map(|((way, why), count)| (*way, *why, *count))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trunk_has_so_many_lines_in_both_directions() {
        let mut lines = Lines::default();
        let now = Instant::now();
        let limits = LineLimits {
            max_calls: Some(2),
            per_second: None,
        };
        let first = lines.take("pbx", Way::Out, limits, now).unwrap();
        let _second = lines.take("pbx", Way::In, limits, now).unwrap();
        for way in [Way::Out, Way::In] {
            let refused = lines.take("pbx", way, limits, now);
            assert_eq!(refused.map(|_| ()), Err(NoLine::Full));
        }
        assert!(lines.take("other", Way::Out, limits, now).is_ok());
        assert_eq!(lines.in_use("pbx"), 2);
        drop(first);
        assert_eq!(lines.in_use("pbx"), 1);
        let again = lines.take("pbx", Way::Out, limits, now);
        assert!(again.is_ok());
        let counted = [(Way::Out, NoLine::Full, 1), (Way::In, NoLine::Full, 1)];
        assert_eq!(lines.refused("pbx"), counted);
        assert_eq!(lines.refused("other"), []);
    }

    #[test]
    fn so_many_calls_begin_in_any_second() {
        let mut lines = Lines::default();
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let limits = LineLimits {
            max_calls: None,
            per_second: Some(2),
        };
        let mut take = |ms| {
            let line = lines.take("pbx", Way::In, limits, at(ms));
            line.map(|_| ()).map_err(|why| why.as_str())
        };
        assert_eq!(take(0), Ok(()));
        assert_eq!(take(600), Ok(()));
        // What was refused does not count against the next second.
        assert_eq!(take(700), Err("calls_per_second"));
        assert_eq!(take(999), Err("calls_per_second"));
        assert_eq!(take(1000), Ok(()));
        assert_eq!(take(1500), Err("calls_per_second"));
        assert_eq!(take(1600), Ok(()));
    }
}
