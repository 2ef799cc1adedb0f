//! A trunk leg whose packets are encrypted, and rekeyed in mid-call.

use crate::call::*;
use causeway_gateway::media::WebCodecPolicy;
use causeway_media::plan::Direction;
use causeway_media::srtp::{SrtpKey, SrtpPlan, SrtpReceiver, SrtpSender, SrtpSuite};
use std::time::Duration;

fn key(suite: SrtpSuite, seed: u8) -> SrtpKey {
    let keying: Vec<u8> = (0..suite.keying_octets() as u8).map(|n| n ^ seed).collect();
    SrtpKey::new(suite, &keying).unwrap()
}

/// Gives both sides keys, as an offer and an answer do.
fn agree(call: &mut Call, suite: SrtpSuite, seed: u8) {
    let (ours, theirs) = (key(suite, seed), key(suite, seed + 1));
    call.srtp = Some(SrtpPlan {
        send: ours,
        receive: theirs,
    });
    let sender = SrtpSender::new(theirs).unwrap();
    let receiver = match call.pbx.srtp.take() {
        Some((_, mut receiver)) => {
            receiver.rekey(ours).unwrap();
            receiver
        }
        None => SrtpReceiver::new(ours).unwrap(),
    };
    call.pbx.srtp = Some((sender, receiver));
    call.plan(Direction::SendRecv);
}

#[test]
fn sound_is_heard_through_srtp_and_nothing_else_is() {
    let _alone = alone();
    let mut call = Call::open(WebCodecPolicy::Opus);
    agree(&mut call, SrtpSuite::AesCm128HmacSha1_80, 10);
    call.connect();
    call.run(400);
    let (browser_since, pbx_since) = (call.browser.heard.len(), call.pbx.heard.len());
    call.run(600);
    call.assert_tones(browser_since, pbx_since);

    // The same PBX in clear, as an attacker with its address would.
    let keys = call.pbx.srtp.take();
    call.pbx.speak(call.box_rtp);
    call.pbx.speak(call.box_rtp);
    call.pbx.srtp = keys;
    let counted = call.run_until(Duration::from_secs(10), |call| {
        call.plane.counters().dropped_unauthentic == 2
    });
    assert!(counted, "{:?}", call.plane.counters());

    // Other keys, and another suite, while both talk.
    agree(&mut call, SrtpSuite::AeadAes256Gcm, 50);
    call.run(400);
    let (browser_since, pbx_since) = (call.browser.heard.len(), call.pbx.heard.len());
    call.run(600);
    call.assert_tones(browser_since, pbx_since);
    call.assert_unbroken_at_pbx();
    let reported = call.run_until(Duration::from_secs(20), |call| !call.pbx.reports.is_empty());
    assert!(reported, "no authentic RTCP");
    assert_eq!(call.plane.counters().dropped_unauthentic, 2);
    call.close();
}
