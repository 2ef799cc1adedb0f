//! How a call sounded, as its record keeps it: the last, worst and mean score of each way.
//!
//! Scores are mean opinion scores of the E-model (ITU-T G.107), 1 to 4.5; `causeway_media::quality` makes them, an
//! opinion every five seconds. The mean counts packets, so that a last interval cut short weighs little.

use serde::{Deserialize, Serialize, Serializer};

/// One direction of a call's sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Way {
    /// What the browser's user hears.
    ToBrowser,
    /// What the PBX's user hears.
    ToPbx,
}

impl Way {
    pub const ALL: [Self; 2] = [Self::ToBrowser, Self::ToPbx];

    /// As shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ToBrowser => "to_browser",
            Self::ToPbx => "to_pbx",
        }
    }
}

/// What five seconds of one way were.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judged {
    /// Of the whole way, of the leg it comes from, and of the leg it leaves by.
    pub mos: f32,
    pub mos_in: f32,
    /// `None` while the far side of that leg reports nothing.
    pub mos_out: Option<f32>,
    /// Packets that should have come to the box, those that did not come in time, and frames made up.
    pub expected: u32,
    pub lost: u32,
    pub concealed: u32,
    /// What was lost behind the box, 0…1.
    pub loss_out: Option<f32>,
    pub delay_ms: f32,
}

/// Mean opinion scores, 1 (bad) to 4.5.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Scores {
    #[serde(serialize_with = "hundredths")]
    pub last: f64,
    #[serde(serialize_with = "hundredths")]
    pub worst: f64,
    #[serde(serialize_with = "hundredths")]
    pub mean: f64,
}

/// One way of a call.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WayQuality {
    /// Of the whole way, from mouth to ear.
    pub mos: Scores,
    /// Of the leg that the sound comes from alone.
    pub mos_in: Scores,
    /// Of the leg that it leaves by alone; `null` when its far side never reported (RTCP).
    pub mos_out: Option<Scores>,
    /// Opinions so far, one in five seconds.
    pub samples: u32,
    /// Packets that should have come to the box, and those that did not come in time.
    pub expected: u64,
    pub lost: u64,
    /// Frames that the box made up for lost ones. Where it passes sound on as it comes, the far side does.
    pub concealed: u64,
    /// Lost behind the box in the last interval known, in percent.
    pub lost_out_percent: Option<f64>,
    /// From mouth to ear in the last interval, in milliseconds; what nobody measures is assumed.
    #[serde(serialize_with = "hundredths")]
    pub delay_ms: f64,
}

/// Both ways of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CallQuality {
    /// What the browser's user heard; `null` when nothing could be judged.
    pub to_browser: Option<WayQuality>,
    /// What the PBX's user heard.
    pub to_pbx: Option<WayQuality>,
}

impl CallQuality {
    /// Adds an opinion.
    pub fn note(&mut self, way: Way, judged: &Judged) {
        let kept = match way {
            Way::ToBrowser => &mut self.to_browser,
            Way::ToPbx => &mut self.to_pbx,
        };
        kept.get_or_insert_with(|| WayQuality::none(judged))
            .note(judged);
    }
}

impl WayQuality {
    const fn none(judged: &Judged) -> Self {
        Self {
            mos: Scores::first(judged.mos),
            mos_in: Scores::first(judged.mos_in),
            mos_out: None,
            samples: 0,
            expected: 0,
            lost: 0,
            concealed: 0,
            lost_out_percent: None,
            delay_ms: 0.0,
        }
    }

    fn note(&mut self, judged: &Judged) {
        self.samples = self.samples.saturating_add(1);
        self.expected += u64::from(judged.expected);
        self.lost += u64::from(judged.lost);
        self.concealed += u64::from(judged.concealed);
        let weight = f64::from(judged.expected) / self.expected.max(1) as f64;
        self.mos.note(judged.mos, weight);
        self.mos_in.note(judged.mos_in, weight);
        if let Some(mos) = judged.mos_out {
            self.mos_out
                .get_or_insert_with(|| Scores::first(mos))
                .note(mos, weight);
        }
        if let Some(loss) = judged.loss_out {
            self.lost_out_percent = Some((f64::from(loss) * 10_000.0).round() / 100.0);
        }
        self.delay_ms = f64::from(judged.delay_ms);
    }
}

impl Scores {
    const fn first(mos: f32) -> Self {
        let mos = mos as f64;
        Self {
            last: mos,
            worst: mos,
            mean: mos,
        }
    }

    fn note(&mut self, mos: f32, weight: f64) {
        let mos = f64::from(mos);
        self.last = mos;
        self.worst = self.worst.min(mos);
        self.mean += (mos - self.mean) * weight;
    }
}

// Its shape is serde's.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn hundredths<S: Serializer>(value: &f64, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64((value * 100.0).round() / 100.0)
}

/// Says when a way has become bad, and when it is good again; between the two nothing is said, so that a call on the
/// edge does not flicker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Watch {
    is_bad: bool,
    /// Opinions in a row that speak for the other state; fewer than [`IN_A_ROW`].
    against: u8,
}

/// Below this an opinion is bad: many users are dissatisfied (ITU-T G.107 annex B).
const BAD: f32 = 3.1;
/// Above this it is good again.
const GOOD: f32 = 3.5;
/// Opinions in a row that it takes.
const IN_A_ROW: u8 = 2;

impl Watch {
    /// Takes an opinion.
    pub(crate) fn note(&mut self, mos: f32) {
        let speaks_against = if self.is_bad { mos > GOOD } else { mos < BAD };
        self.against = if speaks_against { self.against + 1 } else { 0 };
        if self.against >= IN_A_ROW {
            self.against = 0;
            self.is_bad = !self.is_bad;
        }
    }

    pub(crate) const fn is_bad(self) -> bool {
        self.is_bad
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(mos: f32, expected: u32) -> Judged {
        Judged {
            mos,
            mos_in: 4.4,
            mos_out: None,
            expected,
            lost: 1,
            concealed: 1,
            loss_out: None,
            delay_ms: 80.0,
        }
    }

    #[test]
    fn the_mean_counts_packets() {
        let mut quality = CallQuality::default();
        quality.note(Way::ToPbx, &judged(4.0, 300));
        quality.note(Way::ToPbx, &judged(2.0, 100));
        let way = quality.to_pbx.unwrap();
        let scores = way.mos;
        assert!((scores.mean - 3.5).abs() < 1e-6, "{scores:?}");
        assert!((scores.worst, scores.last) == (2.0, 2.0), "{scores:?}");
        assert_eq!((way.samples, way.expected, way.lost), (2, 400, 2));
        assert_eq!((way.mos_out, quality.to_browser), (None, None));
        // The far side begins to report late.
        let reported = Judged {
            mos_out: Some(3.0),
            loss_out: Some(0.123_44),
            ..judged(3.0, 100)
        };
        quality.note(Way::ToPbx, &reported);
        let way = quality.to_pbx.unwrap();
        assert_eq!(way.mos_out, Some(Scores::first(3.0)));
        assert_eq!(way.lost_out_percent, Some(12.34));
        let shown = serde_json::to_value(way).unwrap();
        assert_eq!(shown["mos"]["mean"], 3.4);
        assert_eq!(shown["mos_in"]["worst"], 4.4);
    }

    #[test]
    fn two_in_a_row_turn_it_and_the_edge_does_not() {
        let mut watch = Watch::default();
        let said = [
            (2.9, false),
            (3.2, false),
            (3.0, false),
            (2.0, true),
            (1.0, true),
            (3.4, true),
            (3.6, true),
            (3.4, true),
            (3.6, true),
            (4.0, false),
            (2.0, false),
        ];
        for (mos, is_bad) in said {
            watch.note(mos);
            assert_eq!(watch.is_bad(), is_bad, "{mos}");
        }
    }
}
