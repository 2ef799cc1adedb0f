//! Who hears whom: calls, holds, early media, digits, transfers.

use crate::browser;
use crate::call::*;
use crate::pbx::Pbx;
use crate::sound::share_at;
use causeway_gateway::media::{Command, Event, LegKey, WebCodecPolicy};
use causeway_media::g711::Law;
use causeway_media::plan::{AudioCodec, Direction, TrunkPlan};
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

#[test]
fn both_hear_each_other_through_five_holds() {
    let _alone = alone();
    let before = descriptors();
    let mut call = Call::open(WebCodecPolicy::Opus);
    call.plan(Direction::SendRecv);
    call.connect();
    call.run(300);
    let (browser_since, pbx_since) = (call.browser.heard.len(), call.pbx.heard.len());
    call.run(1000);
    call.assert_tones(browser_since, pbx_since);

    for round in 0..5 {
        // The PBX holds (a=inactive); its music would come under another SSRC.
        call.plan(Direction::Inactive);
        call.pbx_talks = false;
        call.run(200);
        let held_since = call.pbx.heard.len();
        call.run(200);
        assert_eq!(call.pbx.heard.len(), held_since, "sent while held");
        call.pbx.ssrc = call.pbx.ssrc.wrapping_add(77);
        call.pbx.sequence = call.pbx.sequence.wrapping_mul(3);
        call.pbx.timestamp = call.pbx.timestamp.wrapping_mul(5);
        call.plan(Direction::SendRecv);
        call.pbx_talks = true;
        let resumed = Instant::now();
        let (browser_since, pbx_since) = (call.browser.heard.len(), call.pbx.heard.len());
        assert!(
            call.run_until(Duration::from_millis(200), |call| {
                call.browser.heard.len() > browser_since && call.pbx.heard.len() > pbx_since
            }),
            "round {round}: silent {:?} after the resume",
            resumed.elapsed()
        );
        // A decoder that was left out of the hold takes a moment to settle.
        call.run(150);
        let (browser_since, pbx_since) = (call.browser.heard.len(), call.pbx.heard.len());
        call.run(300);
        call.assert_tones(browser_since, pbx_since);
    }
    call.assert_unbroken_at_browser();
    call.assert_unbroken_at_pbx();

    let web = call.figures(WEB);
    assert_eq!(web.codec, Some(AudioCodec::Opus));
    assert!(
        web.packets_received > 100 && web.packets_sent > 100,
        "{web:?}"
    );
    let trunk = call.figures(TRUNK);
    assert_eq!(trunk.codec, Some(AudioCodec::Pcmu));
    assert!(trunk.packets_received > 100 && trunk.packets_sent > 100);
    assert_eq!(web.packets_dropped + trunk.packets_dropped, 0);
    let heard = |event: &&Event| matches!(event, Event::TrunkHeard { .. });
    let told = call.close();
    assert_eq!(told.iter().filter(heard).count(), 1);
    assert_eq!(descriptors(), before);
}

#[test]
fn early_media_is_heard_before_anything_is_answered_and_the_codec_may_change() {
    let _alone = alone();
    let mut call = Call::open(WebCodecPolicy::Opus);
    call.browser_talks = false;
    call.plan(Direction::SendRecv);
    call.connect();
    call.run(200);
    let since = call.browser.heard.len();
    call.run(400);
    let early = call.browser.sound_since(since);
    assert!(share_at(&early, PBX_HZ) > 0.9, "{}", early.len());

    // The 200 OK agrees on PCMA: what the PBX hears is PCMA, under the same SSRC.
    call.browser_talks = true;
    call.run(100);
    let mut pcma = pcmu(true);
    pcma.codec = AudioCodec::Pcma;
    pcma.payload_type = 8;
    call.plan_as(pcma, Direction::SendRecv);
    call.run(300);
    assert_eq!(call.pbx.heard.last().unwrap().1.payload_type, 8);
    call.assert_unbroken_at_pbx();
    call.assert_unbroken_at_browser();
    call.close();
}

#[test]
fn the_browser_holds_and_the_pbx_gets_silence() {
    let _alone = alone();
    let mut call = Call::open(WebCodecPolicy::Opus);
    call.plan(Direction::SendRecv);
    call.connect();
    call.run(300);
    // The switch holds for the browser: nothing to it, nothing of it.
    call.plane.send(Command::DirectWeb {
        leg: WEB,
        direction: Direction::Inactive,
    });
    call.run(200);
    let (browser_since, pbx_since) = (call.browser.heard.len(), call.pbx.heard.len());
    call.run(400);
    assert_eq!(call.browser.heard.len(), browser_since);
    let silence = call.pbx.sound_since(pbx_since);
    assert!(silence.len() > 2000, "RTP goes on: {}", silence.len());
    assert!(silence.iter().all(|sample| sample.abs() < 16));
    call.plane.send(Command::DirectWeb {
        leg: WEB,
        direction: Direction::SendRecv,
    });
    call.run(200);
    let (browser_since, pbx_since) = (call.browser.heard.len(), call.pbx.heard.len());
    call.run(400);
    call.assert_tones(browser_since, pbx_since);
    call.assert_unbroken_at_browser();
    call.assert_unbroken_at_pbx();
    call.close();
}

#[test]
fn digits_pass_both_ways_and_are_told() {
    let _alone = alone();
    let mut call = Call::open(WebCodecPolicy::Opus);
    call.plan(Direction::SendRecv);
    call.connect();
    call.run(200);

    // The browser presses 5 for 100 ms.
    call.browser_talks = false;
    for nth in 0..5 {
        call.browser.press(5, nth, 5);
        call.run(20);
    }
    call.browser_talks = true;
    call.run(200);
    assert_eq!(call.digits(WEB), "5");
    assert_eq!(call.pbx.digits(), [5]);

    // The PBX presses #.
    call.pbx_talks = false;
    for nth in 0..5 {
        call.pbx.press(call.box_rtp, 11, nth, 5);
        call.run(20);
    }
    call.pbx_talks = true;
    call.run(200);
    assert_eq!(call.digits(TRUNK), "#");
    let relayed = |call: &Call| {
        let events = call.browser.heard.iter();
        events
            .filter(|heard| heard.header.payload_type == browser::EVENTS)
            .map(|heard| heard.payload[0])
            .next_back()
    };
    assert_eq!(relayed(&call), Some(11));

    // The switch plays digits to the PBX.
    call.plane.send(Command::SendDigits {
        leg: TRUNK,
        digits: "19*".to_owned(),
        duration_ms: 80,
        gap_ms: 50,
    });
    assert!(call.run_until(Duration::from_secs(3), |call| {
        let sent = |event: &Event| matches!(event, Event::DigitsSent { leg: TRUNK });
        call.told.iter().any(sent)
    }));
    call.run(100);
    assert_eq!(call.pbx.digits(), [5, 1, 9, 10]);
    call.assert_unbroken_at_pbx();
    call.assert_unbroken_at_browser();
    call.close();
}

#[test]
fn pcmu_passes_untouched_when_the_browser_agrees() {
    let _alone = alone();
    let mut call = Call::open(WebCodecPolicy::G711);
    call.plan(Direction::SendRecv);
    call.browser_talks = false;
    call.connect();
    call.run(300);
    let last = call.browser.heard.last().expect("the PBX is heard");
    assert_eq!(last.header.payload_type, 0);
    assert_eq!(last.payload.len(), 160);
    call.assert_unbroken_at_browser();
    assert_eq!(call.figures(WEB).codec, Some(AudioCodec::Pcmu));
    call.close();
}

#[test]
fn two_trunks_hear_each_other_and_a_third_takes_over() {
    let _alone = alone();
    let (plane, events) = start(10);
    let formats = [AudioCodec::Pcmu, AudioCodec::Pcmu, AudioCodec::Pcma];
    let mut sides: Vec<(LegKey, Pbx, SocketAddr)> = Vec::new();
    for (nth, codec) in formats.into_iter().enumerate() {
        let key = leg(nth as u64);
        let pbx = Pbx::new(500.0 + 300.0 * nth as f64);
        let bind = || UdpSocket::bind("127.0.0.1:0").unwrap();
        let (rtp, rtcp) = (bind(), bind());
        let at = rtp.local_addr().unwrap();
        plane.send(Command::OpenTrunk {
            leg: key,
            rtp,
            rtcp,
            listening: Default::default(),
        });
        let mut format = pcmu(false);
        format.codec = codec;
        format.payload_type = if codec == AudioCodec::Pcma { 8 } else { 0 };
        let plan = TrunkPlan {
            remote: pbx.rtp.local_addr().unwrap(),
            remote_rtcp: pbx.rtcp.local_addr().unwrap(),
            format,
            direction: Direction::SendRecv,
            srtp: None,
            comfort_noise: false,
            voip_metrics: false,
            video: None,
        };
        plane.send(Command::PlanTrunk {
            leg: key,
            plan: Box::new(plan),
        });
        sides.push((key, pbx, at));
    }
    let mut talk = |rounds: usize| {
        for _ in 0..rounds {
            for (_, pbx, at) in &mut sides[..2] {
                pbx.speak(*at);
            }
            std::thread::sleep(TICK);
            sides.iter_mut().for_each(|(_, pbx, _)| pbx.turn());
        }
        sides
            .iter_mut()
            .map(|(_, pbx, _)| std::mem::take(&mut pbx.heard))
            .collect::<Vec<_>>()
    };
    let (first, second, third) = (leg(0), leg(1), leg(2));
    plane.send(Command::Bridge {
        a: first,
        b: second,
    });
    let heard = talk(25);
    let decode = |heard: &[(Instant, causeway_media::rtp::Header, Vec<u8>)], law: Law| {
        let octets = heard.iter().flat_map(|(_, _, payload)| payload);
        octets.map(|octet| law.decode(*octet)).collect::<Vec<_>>()
    };
    assert!(share_at(&decode(&heard[0], Law::Mu), 800.0) > 0.9);
    assert!(share_at(&decode(&heard[1], Law::Mu), 500.0) > 0.9);
    assert_eq!(heard[2].len(), 0);
    let ssrc = heard[0][0].1.ssrc;

    // A transfer: the third takes the second's place.
    plane.send(Command::Bridge { a: first, b: third });
    talk(5);
    let heard = talk(25);
    assert!(share_at(&decode(&heard[2], Law::A), 500.0) > 0.9);
    assert_eq!(heard[1].len(), 0, "the second is out");
    assert!(heard[0].iter().all(|(_, header, _)| header.ssrc == ssrc));
    for leg in [first, second, third] {
        plane.send(Command::Close { leg });
    }
    let closed = |event: &Event| matches!(event, Event::Closed { .. });
    plane.stop();
    assert_eq!(events.try_iter().filter(closed).count(), 3);
}
