//! Strangers, junk, and offers nobody can take.

use crate::browser::Browser;
use crate::call::*;
use causeway_gateway::media::{Command, Event, LegKey, WebCodecPolicy, WebRefusal};
use causeway_media::plan::Direction;
use std::net::UdpSocket;
use std::time::Duration;

#[test]
fn strangers_and_junk_change_nothing() {
    let _alone = alone();
    let mut call = Call::open(WebCodecPolicy::Opus);
    // Before the plan, the PBX has no right to be heard.
    call.pbx_talks = false;
    call.pbx.speak(call.box_rtp);
    call.run(50);
    call.plan(Direction::SendRecv);
    call.pbx_talks = true;
    call.connect();
    call.run(200);
    let before = call.figures(WEB);

    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    let web = call.plane.local_addr();
    let mut seed = 1_u32;
    for round in 0..2000_usize {
        let mut junk = vec![0; round % 200];
        for octet in &mut junk {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *octet = (seed >> 24) as u8;
        }
        // Half of it looks like RTP or DTLS.
        if let Some(first) = junk.first_mut() {
            *first = match round % 4 {
                0 => 0x80,
                1 => 22,
                _ => *first,
            };
        }
        let _ = stranger.send_to(&junk, web);
        // The same from the browser's own address, which is trusted to carry SRTP and DTLS.
        let _ = call.browser.socket.send_to(&junk, web);
        // And from another host than the PBX.
        if let Ok(other) = UdpSocket::bind("127.0.0.2:0")
            && round % 50 == 0
        {
            let _ = other.send_to(&[0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 1], call.box_rtp);
        }
        if round % 20 == 0 {
            call.run(5);
        }
    }
    let _ = call.pbx.rtp.send_to(b"not RTP at all", call.box_rtp);
    call.run(200);
    let (browser_since, pbx_since) = (call.browser.heard.len(), call.pbx.heard.len());
    call.run(600);
    call.assert_tones(browser_since, pbx_since);
    call.assert_unbroken_at_browser();
    call.assert_unbroken_at_pbx();

    let counters = call.plane.counters();
    assert!(counters.dropped_foreign >= 500, "{counters:?}");
    assert!(counters.dropped_malformed >= 100, "{counters:?}");
    assert_eq!(counters.dropped_source, 40, "{counters:?}");
    assert_eq!(counters.dropped_unplanned, 1, "{counters:?}");
    assert_eq!(counters.dropped_not_rtp, 1, "{counters:?}");
    let after = call.figures(WEB);
    assert!(after.packets_dropped > before.packets_dropped);
    call.close();
}

#[test]
fn offers_that_cannot_be_taken_are_refused_and_leave_nothing() {
    let _alone = alone();
    let (plane, events) = start(1);
    let refusal = |offer: &str| {
        plane.send(Command::OpenWeb {
            leg: WEB,
            offer: offer.to_owned(),
            policy: WebCodecPolicy::Preferred,
            dtx: false,
            video: false,
        });
        match events.recv_timeout(Duration::from_secs(5)).unwrap() {
            Event::WebRefused { leg: WEB, reason } => reason,
            other => panic!("{other:?}"),
        }
    };
    assert!(matches!(refusal(""), WebRefusal::BadSdp(_)));
    assert!(matches!(refusal("v=0\r\n"), WebRefusal::BadSdp(_)));
    let offer = Browser::new(BROWSER_HZ).offer();
    let only_g722: String = offer
        .replace("opus/48000", "G722/8000")
        .replace("PCMU/8000", "GSM/8000");
    assert_eq!(refusal(&only_g722), WebRefusal::NoCodec);
    for cut in (0..offer.len()).step_by(97) {
        // Whatever the answer, the thread lives.
        plane.send(Command::OpenWeb {
            leg: LegKey(100 + cut as u64),
            offer: offer[..cut].to_owned(),
            policy: WebCodecPolicy::Preferred,
            dtx: false,
            video: false,
        });
        let key = LegKey(100 + cut as u64);
        if let Event::WebAnswer { .. } = events.recv_timeout(Duration::from_secs(5)).unwrap() {
            plane.send(Command::Close { leg: key });
            events.recv_timeout(Duration::from_secs(5)).unwrap();
        }
    }
    plane.send(Command::OpenWeb {
        leg: LegKey(7),
        offer: offer.clone(),
        policy: WebCodecPolicy::Preferred,
        dtx: false,
        video: false,
    });
    assert!(matches!(
        events.recv_timeout(Duration::from_secs(5)).unwrap(),
        Event::WebAnswer { .. }
    ));
    assert_eq!(refusal(&offer), WebRefusal::Full);

    // Legs that are not there are nobody's error.
    plane.send(Command::Bridge {
        a: LegKey(50),
        b: LegKey(51),
    });
    plane.send(Command::Close { leg: LegKey(50) });
    plane.send(Command::Report { leg: LegKey(7) });
    assert!(matches!(
        events.recv_timeout(Duration::from_secs(5)).unwrap(),
        Event::Figures { .. }
    ));
    assert_eq!(plane.counters().unknown_legs, 2);
    let health = plane.health();
    assert!(
        health
            .iter()
            .all(|thread| thread.running && thread.ticks > 0)
    );
    plane.stop();
    assert!(plane.health().iter().all(|thread| !thread.running));
    assert!(matches!(
        events.try_recv(),
        Ok(Event::Closed { leg: LegKey(7), .. })
    ));
}

/// Every real and broken description we have, as an offer: each is answered section by section or
/// refused, and the WebRTC stack never loses its footing.
#[test]
fn any_description_is_answered_or_refused() {
    let _alone = alone();
    let Some(corpora) = std::env::var_os("CAUSEWAY_CORPORA") else {
        eprintln!("SKIPPED loudly: CAUSEWAY_CORPORA is not set, no descriptions to offer");
        return;
    };
    let folder = std::path::Path::new(&corpora).join("sdp");
    let Ok(files) = std::fs::read_dir(&folder) else {
        eprintln!("SKIPPED loudly: CAUSEWAY_CORPORA has no sdp folder");
        return;
    };
    let (plane, events) = start(1);
    let (mut answered, mut refused) = (0, 0);
    for file in files {
        let path = file.unwrap().path();
        let Ok(octets) = std::fs::read(&path) else {
            continue;
        };
        let offer = String::from_utf8_lossy(&octets).into_owned();
        plane.send(Command::OpenWeb {
            leg: WEB,
            offer: offer.clone(),
            policy: WebCodecPolicy::Preferred,
            dtx: false,
            video: false,
        });
        match events.recv_timeout(Duration::from_secs(5)).unwrap() {
            Event::WebAnswer { sdp, format, .. } => {
                answered += 1;
                let sections = |sdp: &str| sdp.lines().filter(|l| l.starts_with("m=")).count();
                assert_eq!(sections(&sdp), sections(&offer), "{path:?}");
                assert_eq!(sdp.matches("a=ice-lite").count(), 1, "{path:?}\n{sdp}");
                assert!(sdp.contains("a=candidate:"), "{path:?}\n{sdp}");
                assert!(sdp.contains("a=end-of-candidates"), "{path:?}\n{sdp}");
                assert!(sdp.contains("a=fingerprint:sha-256"), "{path:?}\n{sdp}");
                assert!(sdp.contains("a=rtcp-mux"), "{path:?}\n{sdp}");
                let map = format!("a=rtpmap:{} {}/", format.payload_type, format.codec.name());
                assert!(sdp.contains(&map), "{path:?}\n{sdp}");
                plane.send(Command::Close { leg: WEB });
                let closed = events.recv_timeout(Duration::from_secs(5)).unwrap();
                assert!(matches!(closed, Event::Closed { .. }));
            }
            Event::WebRefused { reason, .. } => {
                refused += 1;
                assert!(
                    !matches!(reason, WebRefusal::Internal(_)),
                    "{path:?}: {reason}"
                );
            }
            other => panic!("{path:?}: {other:?}"),
        }
    }
    eprintln!("{answered} answered, {refused} refused");
    assert!(answered > 0 && refused > 0);
    assert_eq!(plane.counters().leg_faults, 0);
    assert_eq!(plane.counters().legs, 0);
}
