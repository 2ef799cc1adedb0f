//! How the two sides hear each other is told every five seconds, and to a PBX that asks for it by RTCP XR.

use crate::call::*;
use crate::pbx::Pbx;
use causeway_gateway::media::{Event, LegKey, QualitySample, WebCodecPolicy};
use causeway_media::plan::Direction;
use causeway_media::rtcp::{self, ReportBlock, VoipMetrics, Writer};
use std::time::Duration;

fn samples(call: &Call, of: LegKey) -> Vec<QualitySample> {
    let of_leg = |event: &Event| match event {
        Event::Quality { leg, sample } if *leg == of => Some(*sample),
        _ => None,
    };
    call.told.iter().filter_map(of_leg).collect()
}

/// Lets the call go on until the leg has been judged so often.
fn judged(call: &mut Call, leg: LegKey, times: usize) -> QualitySample {
    let enough = |call: &Call| samples(call, leg).len() >= times;
    assert!(call.run_until(Duration::from_secs(7), enough), "not judged");
    samples(call, leg)[times - 1]
}

/// The PBX says how it hears: this many of all packets so far were lost, and of those that came this share (of 256)
/// was of no use.
fn report(pbx: &Pbx, to: std::net::SocketAddr, lost: i32, discarded: u8) {
    let last = pbx.heard.last().unwrap().1;
    let block = ReportBlock {
        ssrc: last.ssrc,
        cumulative_lost: lost,
        highest_sequence: last.sequence.into(),
        ..ReportBlock::default()
    };
    let metrics = VoipMetrics {
        discard_rate: discarded,
        buffer_ms: 100,
        ..VoipMetrics::unknown(last.ssrc)
    };
    let mut compound = Vec::new();
    let mut writer = Writer::new(&mut compound);
    writer.receiver_report(pbx.ssrc, &[block]);
    writer.canonical_name(pbx.ssrc, "pbx");
    if discarded > 0 {
        writer.voip_metrics(pbx.ssrc, &metrics);
    }
    pbx.rtp.send_to(&compound, to).unwrap();
}

#[test]
fn what_is_lost_on_either_leg_is_heard_by_the_far_side_alone() {
    let _alone = alone();
    let mut call = Call::open(WebCodecPolicy::Opus);
    call.voip_metrics = true;
    call.browser_loses = 10;
    call.plan(Direction::SendRecv);
    call.connect();

    let heard = judged(&mut call, TRUNK, 1);
    let share = heard.lost as f32 / heard.expected as f32;
    assert!((0.08..0.12).contains(&share), "{heard:?}");
    // Every loss alone, and every one but the last filled.
    assert!((heard.burst_ratio - 1.0).abs() < 0.01, "{heard:?}");
    assert!(heard.concealed.abs_diff(heard.lost) <= 1, "{heard:?}");
    // 93.2 − (3 + 92 · 10 / 30) − 0.024 · 71 = 57.8 → 2.99; a loss more or less is 0.05.
    assert!((2.8..3.2).contains(&heard.mos), "{heard:?}");
    assert!((60.0..100.0).contains(&heard.delay_ms), "{heard:?}");
    assert_eq!((heard.mos_after, heard.loss_after), (None, None));
    let level = heard.level.unwrap();
    assert!(level.rms_dbov > -30.0 && level.peak_dbov >= level.rms_dbov);

    // The other way: 93.2 − 3 − 0.024 · 66.5 = 88.6 → 4.30.
    let clean = judged(&mut call, WEB, 1);
    assert!(clean.mos >= 4.2, "{clean:?}");
    assert_eq!((clean.lost, clean.concealed), (0, 0), "{clean:?}");

    // The PBX hears 20 % less than was sent, and keeps 100 ms.
    call.browser_loses = 0;
    let lost = call.pbx.heard.len() as i32 / 5;
    report(&call.pbx, call.box_rtp, lost, 1);
    let heard = judged(&mut call, TRUNK, 2);
    assert!((heard.loss_after.unwrap() - 0.2).abs() < 0.02, "{heard:?}");
    assert!(
        heard.mos_before > 4.0 && heard.mos_after.unwrap() < 2.8,
        "{heard:?}"
    );
    assert!(heard.mos < 2.5 && heard.delay_ms > 120.0, "{heard:?}");

    // What it was told: all of its own stream came.
    let told = call.pbx.reports.iter().find_map(|report| {
        let compound = rtcp::read(report).unwrap();
        rtcp::voip_metrics(&compound).next()
    });
    let told = told.expect("an extended report");
    assert_eq!(told.ssrc, call.pbx.ssrc);
    assert_eq!(
        (told.loss_rate, told.burst_density, told.min_gap),
        (0, 0, 16)
    );
    assert_eq!((told.r_factor, told.mos_lq, told.mos_cq), (93, 44, 44));

    // Held, nobody is judged.
    let before = samples(&call, TRUNK).len();
    call.plan(Direction::Inactive);
    call.run(5_500);
    assert!(samples(&call, TRUNK).len() <= before + 1);
    call.close();
}

#[test]
fn a_short_call_is_judged_when_it_ends() {
    let _alone = alone();
    let mut call = Call::open(WebCodecPolicy::Opus);
    call.plan(Direction::SendRecv);
    call.connect();
    call.run(2_000);
    let told = call.close();
    let of = |wanted: LegKey| {
        told.iter()
            .position(|event| matches!(event, Event::Quality { leg, .. } if *leg == wanted))
    };
    let closed = told
        .iter()
        .position(|event| matches!(event, Event::Closed { .. }));
    assert!(of(TRUNK).is_some() && of(TRUNK) < closed, "{told:?}");
    assert!(of(WEB).is_some() && of(WEB) < closed, "{told:?}");
}
