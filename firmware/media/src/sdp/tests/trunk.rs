//! Our side of a trunk leg against all that PBXs say.

use crate::plan::{AudioCodec, Direction, DtmfFormat};
use crate::sdp::trunk::{KeySeed, SrtpPolicy, TrunkMediaConfig, TrunkSession, wants_audio_at};
use crate::sdp::{SdpError, SdpHint};
use proptest::prelude::*;

fn config() -> TrunkMediaConfig {
    TrunkMediaConfig {
        address: "192.0.2.1".parse().unwrap(),
        port: 20_000,
        session_id: 42,
        codecs: vec![AudioCodec::Pcmu, AudioCodec::Pcma],
        ptime_ms: 20,
        dtmf_payload_type: Some(101),
        comfort_noise: false,
        srtp: SrtpPolicy::Off,
        key_seed: KeySeed([0; 32]),
    }
}

fn session() -> TrunkSession {
    TrunkSession::new(config())
}

/// A description of theirs; `body` holds everything behind `t=`.
fn theirs(body: &str) -> String {
    format!(
        "v=0\r\no=pbx 1 1 IN IP4 198.51.100.9\r\ns=-\r\nc=IN IP4 198.51.100.9\r\nt=0 0\r\n{body}"
    )
}

const ANSWER: &str = "m=audio 7000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n";

#[test]
fn our_offer_to_the_letter() {
    assert_eq!(
        session().offer(Direction::SendRecv),
        "v=0\r\no=- 42 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
         m=audio 20000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n\
         a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n"
    );
}

#[test]
fn offer_and_answer() {
    let mut session = session();
    session.offer(Direction::SendRecv);
    let plan = session.receive_answer(theirs(ANSWER).as_bytes()).unwrap();
    assert_eq!(plan.remote, "198.51.100.9:7000".parse().unwrap());
    assert_eq!(plan.remote_rtcp, "198.51.100.9:7001".parse().unwrap());
    assert_eq!(plan.format.codec, AudioCodec::Pcmu);
    assert_eq!(
        plan.format.dtmf,
        Some(DtmfFormat {
            payload_type: 101,
            clock_rate: 8_000
        })
    );
    assert_eq!(plan.direction, Direction::SendRecv);
    // 183, then 200, the second from elsewhere.
    let second = theirs("m=audio 7100 RTP/AVP 8\r\n");
    let plan = session.receive_answer(second.as_bytes()).unwrap();
    assert_eq!(
        (plan.remote.port(), plan.format.codec),
        (7_100, AudioCodec::Pcma)
    );
    assert_eq!(plan.format.dtmf, None);
    assert_eq!(session.plan(), Some(&plan));
}

fn version(sdp: &str) -> &str {
    sdp.lines().nth(1).unwrap().split(' ').nth(2).unwrap()
}

#[test]
fn the_version_grows_only_with_a_change() {
    let mut session = session();
    let first = session.offer(Direction::SendRecv);
    session.receive_answer(theirs(ANSWER).as_bytes()).unwrap();
    // What was agreed moves to the front, which here is where it was.
    assert_eq!(session.offer(Direction::SendRecv), first);
    assert_eq!(version(&session.offer(Direction::SendOnly)), "2");
    assert_eq!(version(&session.offer(Direction::SendOnly)), "2");
    assert_eq!(version(&session.offer(Direction::SendRecv)), "3");
    let (answer, _) = session
        .receive_offer(theirs(ANSWER).as_bytes(), Direction::SendRecv)
        .unwrap();
    assert_eq!(version(&answer), "4");
    let (refresh, _) = session
        .receive_offer(theirs(ANSWER).as_bytes(), Direction::SendRecv)
        .unwrap();
    assert_eq!(refresh, answer);
}

#[test]
fn hold_in_all_its_forms() {
    let plain = "m=audio 7000 RTP/AVP 0\r\n";
    for (body, direction, attribute) in [
        ("a=sendonly\r\n", Direction::RecvOnly, "recvonly"),
        ("a=recvonly\r\n", Direction::SendOnly, "sendonly"),
        ("a=inactive\r\n", Direction::Inactive, "inactive"),
        ("c=IN IP4 0.0.0.0\r\n", Direction::RecvOnly, "recvonly"),
        (
            "c=IN IP4 0.0.0.0\r\na=sendonly\r\n",
            Direction::RecvOnly,
            "recvonly",
        ),
        (
            "c=IN IP4 0.0.0.0\r\na=inactive\r\n",
            Direction::Inactive,
            "inactive",
        ),
    ] {
        let mut session = session();
        session.offer(Direction::SendRecv);
        session.receive_answer(theirs(ANSWER).as_bytes()).unwrap();
        let offer = theirs(&format!("{plain}{body}"));
        let (answer, plan) = session
            .receive_offer(offer.as_bytes(), Direction::SendRecv)
            .unwrap();
        assert_eq!(plan.direction, direction, "{body}");
        assert!(
            answer.contains(&format!("a={attribute}\r\n")),
            "{body}: {answer}"
        );
        assert_eq!(plan.remote, "198.51.100.9:7000".parse().unwrap(), "{body}");
        let (answer, plan) = session
            .receive_offer(theirs(plain).as_bytes(), Direction::SendRecv)
            .unwrap();
        assert_eq!(plan.direction, Direction::SendRecv);
        assert!(answer.contains("a=sendrecv\r\n"));
    }
}

#[test]
fn directions_stand_at_either_level() {
    let at_session = "a=sendonly\r\nm=audio 7000 RTP/AVP 0\r\n";
    let (_, plan) = session()
        .receive_offer(theirs(at_session).as_bytes(), Direction::SendRecv)
        .unwrap();
    assert_eq!(plan.direction, Direction::RecvOnly);
    let both = "a=inactive\r\nm=audio 7000 RTP/AVP 0\r\na=sendrecv\r\n";
    let (_, plan) = session()
        .receive_offer(theirs(both).as_bytes(), Direction::SendRecv)
        .unwrap();
    assert_eq!(plan.direction, Direction::SendRecv);
    // We hold: their wish to hear us is not granted.
    let (answer, plan) = session()
        .receive_offer(theirs(both).as_bytes(), Direction::SendOnly)
        .unwrap();
    assert_eq!(plan.direction, Direction::SendOnly);
    assert!(answer.contains("a=sendonly"));
    // Our offer to hold, answered as if nothing had been said.
    let mut session = session();
    session.offer(Direction::SendOnly);
    let plan = session.receive_answer(theirs(ANSWER).as_bytes()).unwrap();
    assert_eq!(plan.direction, Direction::SendOnly);
}

#[test]
fn a_call_that_begins_on_hold_has_an_address_all_the_same() {
    let offer = "v=0\r\no=- 1 1 IN IP4 198.51.100.9\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\nm=audio 7000 RTP/AVP 8\r\n";
    let (_, plan) = session()
        .receive_offer(offer.as_bytes(), Direction::SendRecv)
        .unwrap();
    assert_eq!(plan.remote, "198.51.100.9:7000".parse().unwrap());
    assert!(!plan.direction.sends());
}

#[test]
fn only_one_section_is_taken() {
    let offer = theirs(
        "m=video 8000 RTP/AVP 99\r\na=rtpmap:99 H264/90000\r\nm=audio 7000 RTP/SAVP 0\r\n\
         m=audio 7002 RTP/AVP 18 8\r\nm=audio 7004 RTP/AVP 0\r\nm=image 7006 udptl t38\r\n",
    );
    let mut session = session();
    let (answer, plan) = session
        .receive_offer(offer.as_bytes(), Direction::SendRecv)
        .unwrap();
    assert_eq!(
        (plan.remote.port(), plan.format.codec),
        (7_002, AudioCodec::Pcma)
    );
    let sections: Vec<_> = answer
        .lines()
        .filter(|line| line.starts_with("m="))
        .collect();
    assert_eq!(
        sections,
        [
            "m=video 0 RTP/AVP 99",
            "m=audio 0 RTP/SAVP 0",
            "m=audio 20000 RTP/AVP 8",
            "m=audio 0 RTP/AVP 0",
            "m=image 0 udptl t38",
        ]
    );
    // Our next offer keeps every place (RFC 3264 section 8).
    let offer = session.offer(Direction::SendRecv);
    let sections: Vec<_> = offer
        .lines()
        .filter(|line| line.starts_with("m="))
        .collect();
    assert_eq!(sections.len(), 5);
    assert_eq!(sections[2], "m=audio 20000 RTP/AVP 8 0 101");
    let answer = theirs(
        "m=video 0 RTP/AVP 99\r\nm=audio 0 RTP/SAVP 0\r\nm=audio 7010 RTP/AVP 0\r\n\
         m=audio 0 RTP/AVP 0\r\nm=image 0 udptl t38\r\n",
    );
    let plan = session.receive_answer(answer.as_bytes()).unwrap();
    assert_eq!(plan.remote.port(), 7_010);
}

#[test]
fn payload_types_are_theirs() {
    let offer = theirs(
        "m=audio 7000 RTP/AVP 9 97 8 96\r\na=rtpmap:9 G722/8000\r\na=rtpmap:97 pcmu/8000/1\r\n\
         a=rtpmap:96 telephone-event/8000\r\na=fmtp:96 0-15\r\na=maxptime:40\r\na=ptime:60\r\n",
    );
    let mut session = session();
    let (answer, plan) = session
        .receive_offer(offer.as_bytes(), Direction::SendRecv)
        .unwrap();
    assert_eq!(plan.format.payload_type, 97);
    assert_eq!(plan.format.ptime_ms, 40);
    assert_eq!(plan.format.dtmf.unwrap().payload_type, 96);
    assert!(answer.contains("m=audio 20000 RTP/AVP 97 96\r\na=rtpmap:97 PCMU/8000\r\na=rtpmap:96 telephone-event/8000\r\n"));
    // And stay so in our offers.
    assert!(
        session
            .offer(Direction::SendRecv)
            .contains("m=audio 20000 RTP/AVP 97 8 96\r\n")
    );
}

#[test]
fn a_static_type_can_be_given_another_meaning() {
    let offer = theirs("m=audio 7000 RTP/AVP 0 8\r\na=rtpmap:0 G726-32/8000\r\n");
    let (_, plan) = session()
        .receive_offer(offer.as_bytes(), Direction::SendRecv)
        .unwrap();
    assert_eq!(plan.format.payload_type, 8);
}

#[test]
fn packet_times_we_can_make() {
    for (wanted, expected) in [
        ("20", 20),
        ("30", 30),
        ("60", 60),
        ("50", 40),
        ("100", 60),
        ("5", 10),
        ("20.0", 20),
        ("x", 20),
        ("0", 20),
    ] {
        let answer = theirs(&format!("m=audio 7000 RTP/AVP 0\r\na=ptime:{wanted}\r\n"));
        let mut session = session();
        session.offer(Direction::SendRecv);
        let plan = session.receive_answer(answer.as_bytes()).unwrap();
        assert_eq!(plan.format.ptime_ms, expected, "{wanted}");
    }
}

#[test]
fn rtcp_goes_where_it_is_wanted() {
    for (attribute, expected) in [
        ("", "198.51.100.9:7001"),
        ("a=rtcp:9000\r\n", "198.51.100.9:9000"),
        ("a=rtcp:9000 IN IP4 203.0.113.5\r\n", "203.0.113.5:9000"),
        ("a=rtcp:9000 IN IP4 0.0.0.0\r\n", "198.51.100.9:9000"),
        ("a=rtcp:0\r\n", "198.51.100.9:7001"),
        ("a=rtcp:hello\r\n", "198.51.100.9:7001"),
    ] {
        let answer = theirs(&format!("m=audio 7000 RTP/AVP 0\r\n{attribute}"));
        let mut session = session();
        session.offer(Direction::SendRecv);
        let plan = session.receive_answer(answer.as_bytes()).unwrap();
        assert_eq!(plan.remote_rtcp, expected.parse().unwrap(), "{attribute}");
    }
}

#[test]
fn ipv6_meets_ipv6_only() {
    let offer = "v=0\r\no=- 1 1 IN IP6 2001:db8::9\r\ns=-\r\nc=IN IP6 2001:db8::9\r\nt=0 0\r\nm=audio 7000 RTP/AVP 0\r\n";
    let mut over_six = TrunkSession::new(TrunkMediaConfig {
        address: "2001:db8::1".parse().unwrap(),
        ..config()
    });
    let (answer, plan) = over_six
        .receive_offer(offer.as_bytes(), Direction::SendRecv)
        .unwrap();
    assert_eq!(plan.remote, "[2001:db8::9]:7000".parse().unwrap());
    assert!(answer.contains("c=IN IP6 2001:db8::1\r\n"));
    let refused = session().receive_offer(offer.as_bytes(), Direction::SendRecv);
    assert_eq!(
        refused,
        Err(SdpError::Family {
            line: 4,
            address: "2001:db8::9".parse().unwrap()
        })
    );
    let fault = refused.unwrap_err();
    assert_eq!((fault.sip_status(), fault.warn_code()), (488, 301));
    assert_eq!(
        fault.to_string(),
        "line 4: 2001:db8::9 is IPv6, and the media of this call is IPv4"
    );
    assert_eq!(
        wants_audio_at(offer.as_bytes()),
        Some("2001:db8::9".parse().unwrap())
    );
    // Refused audio says nothing, and a section's own address counts before the session's.
    let mixed = format!("{offer}m=audio 0 RTP/AVP 0\r\nc=IN IP4 192.0.2.9\r\n");
    assert_eq!(
        wants_audio_at(mixed.replace("audio 7000", "audio 0").as_bytes()),
        None
    );
    assert_eq!(
        wants_audio_at(format!("{offer}c=IN IP4 192.0.2.9\r\n").as_bytes()),
        Some("192.0.2.9".parse().unwrap())
    );
}

#[test]
fn refusals_are_precise_and_change_nothing() {
    let mut session = session();
    assert_eq!(
        session.receive_answer(theirs(ANSWER).as_bytes()),
        Err(SdpError::NoOffer)
    );
    session.offer(Direction::SendRecv);
    let plan = session.receive_answer(theirs(ANSWER).as_bytes()).unwrap();
    for (body, expected, status) in [
        (
            "m=audio 7000 RTP/AVP 18 9\r\na=rtpmap:9 G722/8000\r\n",
            SdpError::NoCommonCodec {
                offered: "18, G722/8000".to_owned(),
            },
            488,
        ),
        (
            "m=audio 7000 RTP/SAVP 0\r\n",
            SdpError::Profile {
                line: 6,
                profile: "RTP/SAVP".to_owned(),
            },
            488,
        ),
        (
            "m=audio 7000 RTP/AVPF 0\r\n",
            SdpError::Profile {
                line: 6,
                profile: "RTP/AVPF".to_owned(),
            },
            488,
        ),
        (
            "m=audio 0 RTP/AVP 0\r\n",
            SdpError::AudioRefused { line: 6 },
            488,
        ),
        ("m=video 7000 RTP/AVP 99\r\n", SdpError::NoAudio, 488),
        ("", SdpError::NoAudio, 488),
        (
            "m=audio 7000 RTP/AVP 0\r\nc=IN IP4 pbx.example\r\n",
            SdpError::Address {
                line: 7,
                address: "pbx.example".to_owned(),
            },
            488,
        ),
        (
            "m=audio 7000 RTP/AVP 0\r\nc=IN IP4 224.2.1.1/127\r\n",
            SdpError::Address {
                line: 7,
                address: "224.2.1.1".to_owned(),
            },
            488,
        ),
    ] {
        let error = session
            .receive_offer(theirs(body).as_bytes(), Direction::SendRecv)
            .unwrap_err();
        assert_eq!(error, expected);
        assert_eq!(error.sip_status(), status, "{error}");
        assert!(session.receive_answer(theirs(body).as_bytes()).is_err());
        assert_eq!(session.plan(), Some(&plan));
    }
    let error = session
        .receive_offer(b"v=0\r\nm=audio x RTP/AVP 0\r\n", Direction::SendRecv)
        .unwrap_err();
    assert_eq!((error.hint(), error.line()), (SdpHint::Malformed, Some(2)));
    let no_connection = b"v=0\r\nm=audio 7000 RTP/AVP 0\r\n";
    let error = session
        .receive_offer(no_connection, Direction::SendRecv)
        .unwrap_err();
    assert_eq!(error, SdpError::Missing("c="));
    assert_eq!(session.plan(), Some(&plan));
}

#[test]
fn two_sessions_of_ours_agree() {
    let mut caller = session();
    let mut callee = TrunkSession::new(TrunkMediaConfig {
        address: "192.0.2.2".parse().unwrap(),
        codecs: vec![AudioCodec::Pcma],
        ..config()
    });
    for direction in [
        Direction::SendRecv,
        Direction::SendOnly,
        Direction::Inactive,
        Direction::SendRecv,
    ] {
        let offer = caller.offer(direction);
        let (answer, theirs) = callee
            .receive_offer(offer.as_bytes(), Direction::SendRecv)
            .unwrap();
        let ours = caller.receive_answer(answer.as_bytes()).unwrap();
        assert_eq!(ours.direction, direction);
        assert_eq!(theirs.direction, direction.reversed());
        assert_eq!(ours.format, theirs.format);
        assert_eq!(ours.format.codec, AudioCodec::Pcma);
    }
}

proptest! {
    #[test]
    fn any_audio_section_is_answered_or_refused(
        port in any::<u16>(),
        profile in "RTP/(AVP|AVPF|SAVP)",
        formats in proptest::collection::vec(0_u16..200, 0..8),
        attributes in proptest::collection::vec(
            "(rtpmap:[0-9]{1,3} (PCMU|PCMA|opus|telephone-event)/(8000|48000)|ptime:[0-9]{0,4}|rtcp:[0-9]{1,6}|sendonly|inactive)",
            0..10,
        ),
    ) {
        let formats: Vec<_> = formats.iter().map(u16::to_string).collect();
        let attributes: String = attributes.iter().map(|a| format!("a={a}\r\n")).collect();
        let body = format!("m=audio {port} {profile} {}\r\n{attributes}", formats.join(" "));
        let mut session = session();
        if let Ok((answer, plan)) = session.receive_offer(theirs(&body).as_bytes(), Direction::SendRecv) {
            prop_assert!(port != 0 && profile == "RTP/AVP");
            prop_assert_eq!(plan.remote.port(), port);
            prop_assert!(matches!(plan.format.ptime_ms, 10 | 20 | 30 | 40 | 60));
            let mut peer = TrunkSession::new(config());
            peer.offer(Direction::SendRecv);
            prop_assert!(peer.receive_answer(answer.as_bytes()).is_ok());
        }
    }
}

#[test]
fn voip_metrics_are_sent_to_who_asks_for_them_and_asked_for_in_return() {
    let asked = theirs(&format!(
        "{ANSWER}a=rtcp-xr:rcvr-rtt=all:100 VoIP-metrics\r\n"
    ));
    let mut caller = session();
    let offer = caller.offer(Direction::SendRecv);
    assert!(!offer.contains("rtcp-xr"), "{offer}");
    assert!(
        caller
            .receive_answer(asked.as_bytes())
            .unwrap()
            .voip_metrics
    );
    let offer = caller.offer(Direction::SendOnly);
    assert!(offer.contains("a=rtcp-xr:voip-metrics\r\n"), "{offer}");

    let mut called = session();
    let (answer, plan) = called
        .receive_offer(asked.as_bytes(), Direction::SendRecv)
        .unwrap();
    assert!(plan.voip_metrics && answer.contains("a=rtcp-xr:voip-metrics\r\n"));
    // No longer, of other blocks only, or of none.
    for other in ["", "a=rtcp-xr:stat-summary=loss\r\n", "a=rtcp-xr\r\n"] {
        let asked = theirs(&format!("{ANSWER}{other}"));
        let (answer, plan) = called
            .receive_offer(asked.as_bytes(), Direction::SendRecv)
            .unwrap();
        assert!(
            !plan.voip_metrics && !answer.contains("rtcp-xr"),
            "{answer}"
        );
    }
    // For the whole session.
    let whole = asked.replace("t=0 0\r\n", "t=0 0\r\na=rtcp-xr:voip-metrics\r\n");
    let whole = whole.replace("a=rtcp-xr:rcvr-rtt=all:100 VoIP-metrics\r\n", "");
    let (_, plan) = called
        .receive_offer(whole.as_bytes(), Direction::SendRecv)
        .unwrap();
    assert!(plan.voip_metrics);
}

#[test]
fn g722_and_comfort_noise_are_offered_and_agreed_on() {
    let ours = || {
        TrunkSession::new(TrunkMediaConfig {
            codecs: vec![AudioCodec::G722, AudioCodec::Pcma],
            comfort_noise: true,
            ..config()
        })
    };
    let mut caller = ours();
    let offer = caller.offer(Direction::SendRecv);
    assert!(offer.contains("RTP/AVP 9 8 13 101\r\n"), "{offer}");
    // The clock is 8000 although the sound is of 16 kHz (RFC 3551 section 4.5.2).
    assert!(offer.contains("a=rtpmap:9 G722/8000\r\n"), "{offer}");
    assert!(offer.contains("a=rtpmap:13 CN/8000\r\n"), "{offer}");
    let (answer, theirs) = ours()
        .receive_offer(offer.as_bytes(), Direction::SendRecv)
        .unwrap();
    assert!(answer.contains("RTP/AVP 9 13 101\r\n"), "{answer}");
    let plan = caller.receive_answer(answer.as_bytes()).unwrap();
    for plan in [plan, theirs] {
        assert_eq!(plan.format.codec, AudioCodec::G722);
        assert_eq!(plan.format.dtmf.map(|dtmf| dtmf.clock_rate), Some(8_000));
        assert!(plan.comfort_noise);
    }
    // A static number needs no map, and who does not name 13 has no comfort noise.
    let bare = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 9\r\n";
    let mut callee = ours();
    let (_, plan) = callee
        .receive_offer(bare.as_bytes(), Direction::SendRecv)
        .unwrap();
    assert_eq!(plan.format.codec, AudioCodec::G722);
    assert!(!plan.comfort_noise);
    // A box that was not told to does not agree.
    let mut plain = TrunkSession::new(config());
    let offer = offer.replace(" 9 8 13", " 0 13");
    let (answer, plan) = plain
        .receive_offer(offer.as_bytes(), Direction::SendRecv)
        .unwrap();
    assert!(
        !plan.comfort_noise && !answer.contains("CN/8000"),
        "{answer}"
    );
}
