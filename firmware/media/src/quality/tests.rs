//! The model against numbers worked out by hand, and the meter against what an interval was.

use super::*;
use crate::path::PathCounters;

const MS: Duration = Duration::from_millis(1);

#[track_caller]
fn about(found: f32, wanted: f32) {
    assert!((found - wanted).abs() < 0.01, "{found}, not {wanted}");
}

fn stretch(codec: AudioCodec, loss: f32) -> Stretch {
    Stretch {
        codec,
        loss,
        burst_ratio: 1.0,
        delay: Duration::ZERO,
    }
}

#[test]
fn the_model_gives_what_its_formulas_give() {
    // Id: 0.024 · 100 = 2.4; 0.024 · 277.3 + 0.11 · 100 = 17.655.
    about(delay_impairment(100 * MS), 2.4);
    about(delay_impairment(277 * MS + MS * 3 / 10), 17.655);
    // Ie,eff of G.711 at 10 %: 95 · 10 / (10 + 25.1) = 27.066; in bursts twice as long 95 · 10 / (5 + 25.1) = 31.561.
    about(equipment_impairment(AudioCodec::Pcma, 0.1, 1.0), 27.066);
    about(equipment_impairment(AudioCodec::Pcma, 0.1, 2.0), 31.561);
    // Of Opus at 10 %: 3 + 92 · 10 / (10 + 20) = 33.667.
    about(equipment_impairment(AudioCodec::Opus, 0.1, 1.0), 33.667);
    // MOS: 93.2 → 1 + 3.262 + 93.2 · 33.2 · 6.8 · 7e-6 = 4.409; 50 → 1 + 1.75 − 50 · 10 · 50 · 7e-6 = 2.575.
    about(opinion_score(93.2), 4.409);
    about(opinion_score(50.0), 2.575);
    about(opinion_score(0.0), 1.0);
    about(opinion_score(3.0), 1.0);
    about(rating(10_000 * MS, 0.0), 0.0);
}

#[test]
fn clean_calls_are_good_and_a_tenth_lost_is_heard() {
    let way = |before, after, transcoded| Way {
        before,
        after,
        transcoded,
        inside: 60 * MS,
    };
    let (g711, opus) = (
        stretch(AudioCodec::Pcmu, 0.0),
        stretch(AudioCodec::Opus, 0.0),
    );
    // 93.2 − 0.024 · 60 = 91.76 → 4.374
    about(way(g711, g711, false).opinion().mos, 4.374);
    // 91.76 − 3 = 88.76 → 4.307
    let clean = way(opus, g711, true).opinion();
    about(clean.mos, 4.307);
    about(clean.after, 4.409);
    // 91.76 − 27.066 = 64.694 → 1 + 2.264 + 64.694 · 4.694 · 35.306 · 7e-6 = 3.339
    let lossy = stretch(AudioCodec::Pcmu, 0.1);
    let heard = way(lossy, g711, false).opinion();
    about(heard.mos, 3.339);
    assert!(heard.before < 3.6 && heard.after > 4.3, "{heard:?}");
    // Losses of both stretches come to one decoder: 1 − 0.9² = 19 % → 95 · 19 / 44.1 = 40.930; R 50.830 → 2.618
    about(way(lossy, lossy, false).opinion().mos, 2.618);
    // … or to two: 91.76 − 33.667 − 27.066 = 31.027 → 1 + 1.086 − 31.027 · 28.973 · 68.973 · 7e-6 = 1.652
    let both = way(stretch(AudioCodec::Opus, 0.1), lossy, true).opinion();
    about(both.mos, 1.652);
}

#[test]
fn no_figure_makes_an_opinion_that_is_none() {
    for loss in [0.0, 0.5, 1.0, 7.0, -1.0] {
        for burst_ratio in [0.0, 1.0, 1e9] {
            for delay in [Duration::ZERO, Duration::from_secs(1 << 40)] {
                let some = Stretch {
                    codec: AudioCodec::Opus,
                    loss,
                    burst_ratio,
                    delay,
                };
                let way = Way {
                    before: some,
                    after: some,
                    transcoded: false,
                    inside: MS,
                };
                let mos = way.opinion().mos;
                assert!((1.0..=4.5).contains(&mos), "{way:?}: {mos}");
            }
        }
    }
}

#[test]
fn the_burst_ratio_says_whether_losses_fall_together() {
    // Ten holes of one in a hundred are what chance makes; two of five are four and a half times as long.
    about(pattern::burst_ratio(100, 10, 10), 1.0);
    about(pattern::burst_ratio(100, 10, 2), 4.5);
    about(pattern::burst_ratio(0, 0, 0), 1.0);
}

#[test]
fn a_stream_of_lone_losses_is_one_gap_and_one_in_bursts_is_not() {
    // A loss after every 24 packets: 1 of 25 is lost, and none of it in a burst but the first, which appendix A.2
    // takes for the beginning of one.
    let mut lone = LossPattern::default();
    for _ in 0..200 {
        (0..23).for_each(|_| lone.note(0));
        lone.note(1);
    }
    let shape = lone.shape();
    assert_eq!(
        (lone.received(), lone.lost(), lone.holes()),
        (4_800, 200, 200)
    );
    assert_eq!(shape.gap_density, 10, "256 / 25, cut: {shape:?}");

    // 200 packets come, then ten times every second of two is lost.
    let mut bursts = LossPattern::default();
    for _ in 0..20 {
        (0..199).for_each(|_| bursts.note(0));
        (0..10).for_each(|_| bursts.note(1));
    }
    let shape = bursts.shape();
    assert!((120..=136).contains(&shape.burst_density), "{shape:?}");
    assert_eq!(shape.gap_density, 0, "{shape:?}");
    assert!((198..=202).contains(&shape.gap_packets), "{shape:?}");
    assert!((17..=21).contains(&shape.burst_packets), "{shape:?}");
    assert_eq!(LossPattern::default().shape(), LossShape::default());
}

#[test]
fn an_interval_is_what_came_since_the_last() {
    let mut meter = Meter::default();
    let mut counters = PathCounters {
        delivered: 225,
        lost: 25,
        holes: 5,
        concealed: 20,
        waited: 450 * MS,
        ..PathCounters::default()
    };
    let first = meter.take(&counters, None, 0).unwrap();
    assert_eq!((first.expected, first.lost, first.concealed), (250, 25, 20));
    about(first.loss(), 0.1);
    about(first.burst_ratio, 4.5);
    assert_eq!(first.waited, 2 * MS);
    assert_eq!(first.loss_after, None);

    // Too little to be judged: it waits for the next.
    counters.delivered += 30;
    assert_eq!(meter.take(&counters, None, 0), None);
    counters.delivered += 30;
    let second = meter.take(&counters, None, 0).unwrap();
    assert_eq!((second.expected, second.lost), (60, 0));
    about(second.burst_ratio, 1.0);

    counters.lost += 1_000;
    meter.skip(&counters);
    counters.delivered += 50;
    assert_eq!(meter.take(&counters, None, 0).unwrap().lost, 0);
}

#[test]
fn what_the_far_side_lost_is_its_own_loss_alone() {
    let mut meter = Meter::default();
    let mut counters = PathCounters::default();
    let mut take = |remote| {
        counters.delivered += 250;
        meter
            .take(&counters, Some(remote), 1_001)
            .unwrap()
            .loss_after
    };
    // Numbers 1001 to 1200; 30 are missed, ten of which the box itself had left out.
    let mut report = RemoteReception {
        cumulative_lost: 30,
        highest_sequence: 1_200,
        passed_on: 10,
    };
    assert_eq!(take(report), Some(0.1));
    // Another 250; it lost none of them, the box left out 20.
    report.highest_sequence += 250;
    report.cumulative_lost += 20;
    report.passed_on += 20;
    assert_eq!(take(report), Some(0.0));
    // No new report speaks for two intervals more, then nobody knows.
    report.highest_sequence += 100;
    report.cumulative_lost += 50;
    assert_eq!(take(report), Some(0.5));
    assert_eq!(take(report), Some(0.5));
    assert_eq!(take(report), Some(0.5));
    assert_eq!(take(report), None);
    // A far side that begins anew is no loss.
    report.highest_sequence = 7;
    report.cumulative_lost = 0;
    assert_eq!(take(report), None);
    report.highest_sequence = 107;
    assert_eq!(take(report), Some(0.0));
}

#[test]
fn an_extended_report_says_the_same_as_the_model() {
    let mut pattern = LossPattern::default();
    for _ in 0..100 {
        (0..8).for_each(|_| pattern.note(0));
        pattern.note(1);
    }
    let metrics = voip_metrics(
        &pattern,
        &StreamFacts {
            ssrc: 7,
            stretch: Stretch {
                delay: 100 * MS,
                ..stretch(AudioCodec::Pcma, 0.1)
            },
            packet_time: 20 * MS,
            waited: 3 * MS,
            late: 40,
            concealed: true,
        },
    );
    // A tenth of 256, of which four tenths came late; 93.2 − 27.066 = 66.134 → 3.41; less 2.4 → 63.734 → 3.29.
    assert_eq!((metrics.loss_rate, metrics.discard_rate), (15, 10));
    assert_eq!((metrics.mos_lq, metrics.mos_cq), (34, 33));
    assert_eq!(metrics.r_factor, 64);
    assert_eq!((metrics.round_trip_ms, metrics.end_system_ms), (200, 23));
    assert_eq!(metrics.ssrc, 7);
}
