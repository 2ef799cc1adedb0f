//! How calls sound: what the media plane judges goes into the record, to the call and into the totals of its trunk.

use super::Switch;
use super::active::ActiveCall;
use crate::media::{LegKey, QualitySample};
use causeway_call::Event;
use causeway_call::quality::{CallQuality, Judged, Way};
use causeway_media::path::Levels;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Instant;

/// Upper bounds of the histogram's buckets: a call of low quality, many dissatisfied, some, satisfied, as good as it gets.
const BUCKETS: [f32; 6] = [2.0, 2.6, 3.1, 3.6, 4.0, 4.3];

/// Of one trunk and way, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct WayTotals {
    /// Opinions up to each of [`BUCKETS`].
    up_to: [u64; BUCKETS.len()],
    samples: u64,
    mos: f64,
    expected: u64,
    lost: u64,
    concealed: u64,
}

/// By trunk and way: as many entries as the configuration has trunks, twice.
#[derive(Clone, Debug, Default)]
pub struct QualityTotals(BTreeMap<String, [WayTotals; Way::ALL.len()]>);

impl QualityTotals {
    fn note(&mut self, trunk: &str, way: Way, judged: &Judged) {
        if !self.0.contains_key(trunk) {
            self.0.insert(trunk.to_owned(), Default::default());
        }
        let of_trunk = self.0.get_mut(trunk);
        let Some(totals) = of_trunk.and_then(|ways| ways.get_mut(way as usize)) else {
            return;
        };
        for (bound, count) in BUCKETS.iter().zip(&mut totals.up_to) {
            *count += u64::from(judged.mos <= *bound);
        }
        totals.samples += 1;
        totals.mos += f64::from(judged.mos);
        totals.expected += u64::from(judged.expected);
        totals.lost += u64::from(judged.lost);
        totals.concealed += u64::from(judged.concealed);
    }

    fn iter(&self) -> impl Iterator<Item = (&str, Way, &WayTotals)> {
        self.0.iter().flat_map(|(trunk, ways)| {
            Way::ALL
                .into_iter()
                .zip(ways)
                .map(move |(way, totals)| (trunk.as_str(), way, totals))
        })
    }

    /// Appends Prometheus text.
    pub fn write_metrics(&self, out: &mut String) {
        let name = "causeway_call_mos";
        let _ = write!(
            out,
            "# HELP {name} Mean opinion scores of calls (E-model), one each 5 s, by what is heard: to_browser, to_pbx.\n# TYPE {name} histogram\n"
        );
        for (trunk, way, totals) in self.iter() {
            let labels = format!("trunk=\"{trunk}\",way=\"{}\"", way.as_str());
            for (bound, count) in BUCKETS.iter().zip(totals.up_to) {
                let _ = writeln!(out, "{name}_bucket{{{labels},le=\"{bound:.1}\"}} {count}");
            }
            let _ = write!(
                out,
                "{name}_bucket{{{labels},le=\"+Inf\"}} {0}\n{name}_sum{{{labels}}} {1:.2}\n{name}_count{{{labels}}} {0}\n",
                totals.samples, totals.mos
            );
        }
        type Of = fn(&WayTotals) -> u64;
        let counters: [(&str, &str, Of); 3] = [
            (
                "causeway_call_packets_expected_total",
                "Packets of sound that should have come to the box.",
                |totals| totals.expected,
            ),
            (
                "causeway_call_packets_lost_total",
                "Packets of sound that did not come in time.",
                |totals| totals.lost,
            ),
            (
                "causeway_call_frames_concealed_total",
                "Frames of sound that the box made up for lost ones.",
                |totals| totals.concealed,
            ),
        ];
        for (name, help, of) in counters {
            let _ = write!(out, "# HELP {name} {help}\n# TYPE {name} counter\n");
            for (trunk, way, totals) in self.iter() {
                let (way, value) = (way.as_str(), of(totals));
                let _ = writeln!(out, "{name}{{trunk=\"{trunk}\",way=\"{way}\"}} {value}");
            }
        }
    }
}

/// How loud a running call is, of each side the last frame heard.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CallLevels {
    from_browser: Option<Levels>,
    from_pbx: Option<Levels>,
}

impl CallLevels {
    /// As the API shows it, in dBov.
    pub fn to_json(self) -> Value {
        let one = |levels: Option<Levels>| {
            let tenths = |level: f32| (f64::from(level) * 10.0).round() / 10.0;
            levels.map(|levels| {
                json!({
                    "peak_dbov": tenths(levels.peak_dbov),
                    "rms_dbov": tenths(levels.rms_dbov),
                })
            })
        };
        json!({ "from_browser": one(self.from_browser), "from_pbx": one(self.from_pbx) })
    }
}

impl Switch {
    /// What the far side of one of a call's legs heard. A leg that is not, or no longer, one of its two is not judged.
    pub(super) fn quality(&mut self, leg: LegKey, sample: &QualitySample, now: Instant) {
        let key = self.by_leg.get(&leg).copied();
        let Some((key, active)) = key.and_then(|key| Some((key, self.calls.get_mut(&key)?))) else {
            return;
        };
        let Some(way) = way_of(active, leg) else {
            return;
        };
        let judged = Judged {
            mos: sample.mos,
            mos_in: sample.mos_before,
            mos_out: sample.mos_after,
            expected: sample.expected,
            lost: sample.lost,
            concealed: sample.concealed,
            loss_out: sample.loss_after,
            delay_ms: sample.delay_ms,
        };
        active
            .record
            .quality
            .get_or_insert_with(CallQuality::default)
            .note(way, &judged);
        let level = match way {
            Way::ToPbx => &mut active.levels.from_browser,
            Way::ToBrowser => &mut active.levels.from_pbx,
        };
        *level = sample.level;
        self.totals.quality.note(&active.trunk.trunk, way, &judged);
        let mos = sample.mos;
        self.feed(key, Event::Quality { way, mos }, now);
    }
}

fn way_of(active: &ActiveCall, leg: LegKey) -> Option<Way> {
    if active.trunk.media == leg {
        Some(Way::ToPbx)
    } else {
        (active.web.media == Some(leg)).then_some(Way::ToBrowser)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(mos: f32) -> Judged {
        Judged {
            mos,
            mos_in: mos,
            mos_out: None,
            expected: 250,
            lost: 5,
            concealed: 4,
            loss_out: None,
            delay_ms: 60.0,
        }
    }

    #[test]
    fn the_histogram_is_one_by_prometheus() {
        let mut totals = QualityTotals::default();
        for mos in [4.4, 4.3, 3.0] {
            totals.note("pbx", Way::ToPbx, &judged(mos));
        }
        let mut text = String::new();
        totals.write_metrics(&mut text);
        for line in [
            "# TYPE causeway_call_mos histogram",
            "causeway_call_mos_bucket{trunk=\"pbx\",way=\"to_pbx\",le=\"2.6\"} 0",
            "causeway_call_mos_bucket{trunk=\"pbx\",way=\"to_pbx\",le=\"3.1\"} 1",
            "causeway_call_mos_bucket{trunk=\"pbx\",way=\"to_pbx\",le=\"4.3\"} 2",
            "causeway_call_mos_bucket{trunk=\"pbx\",way=\"to_pbx\",le=\"+Inf\"} 3",
            "causeway_call_mos_sum{trunk=\"pbx\",way=\"to_pbx\"} 11.70",
            "causeway_call_mos_count{trunk=\"pbx\",way=\"to_pbx\"} 3",
            "causeway_call_mos_count{trunk=\"pbx\",way=\"to_browser\"} 0",
            "causeway_call_packets_expected_total{trunk=\"pbx\",way=\"to_pbx\"} 750",
            "causeway_call_packets_lost_total{trunk=\"pbx\",way=\"to_pbx\"} 15",
            "causeway_call_frames_concealed_total{trunk=\"pbx\",way=\"to_pbx\"} 12",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} in\n{text}");
        }
    }
}
