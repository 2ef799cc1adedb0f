//! `sdp/`: real offers and answers.

use crate::{files, folder};
use causeway_media::plan::{AudioCodec, Direction};
use causeway_media::sdp::browser::{WebCodecPolicy, choose, finish_answer, inspect};
use causeway_media::sdp::trunk::{KeySeed, SrtpPolicy, TrunkMediaConfig, TrunkSession};
use causeway_media::sdp::{SdpError, read};

fn descriptions() -> Vec<(String, Vec<u8>)> {
    let Some(folder) = folder("sdp") else {
        return Vec::new();
    };
    let mut files = files(folder);
    files.retain(|(name, _)| name.ends_with(".sdp"));
    assert!(files.len() > 150, "{} descriptions", files.len());
    files
}

fn trunk() -> TrunkSession {
    TrunkSession::new(TrunkMediaConfig {
        address: "192.0.2.1".parse().unwrap(),
        port: 20_000,
        session_id: 42,
        codecs: vec![AudioCodec::Pcmu, AudioCodec::Pcma],
        ptime_ms: 20,
        dtmf_payload_type: Some(101),
        comfort_noise: false,
        srtp: SrtpPolicy::Optional,
        key_seed: KeySeed([1; 32]),
    })
}

#[test]
fn all_are_read_or_refused_with_a_line() {
    let mut refused = Vec::new();
    for (name, text) in descriptions() {
        match read(&text) {
            Ok(description) => {
                let written = description.to_string();
                let again = read(written.as_bytes()).unwrap_or_else(|e| panic!("{name}: {e}"));
                assert_eq!(again.to_string(), written, "{name}");
            }
            Err(error @ (SdpError::Line { .. } | SdpError::Missing(_))) => {
                refused.push(format!("{name}: {error}"));
            }
            Err(error) => panic!("{name}: {error}"),
        }
    }
    eprintln!("{} refused:\n{}", refused.len(), refused.join("\n"));
    // Most of the rest were written to be refused.
    assert!(refused.len() <= 12, "{refused:#?}");
}

#[test]
fn what_browsers_offer_is_accepted() {
    let mut accepted = 0;
    for (name, text) in descriptions() {
        let text = String::from_utf8_lossy(&text);
        let Ok(offer) = inspect(&text) else {
            continue;
        };
        accepted += 1;
        for policy in [
            WebCodecPolicy::Opus,
            WebCodecPolicy::G711,
            WebCodecPolicy::Preferred,
        ] {
            let Ok(format) = choose(&offer, policy) else {
                assert!(offer.codecs.is_empty(), "{name}");
                continue;
            };
            let finished = finish_answer(&text, (format, None));
            let seen = inspect(&finished).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert_eq!(seen.codecs.len(), 1, "{name}");
            assert_eq!(seen.codecs[0].codec, format.codec, "{name}");
            assert_eq!(seen.dtmf, Vec::from_iter(format.dtmf), "{name}");
        }
    }
    for browser in [
        "aiortc__test_audio_chrome",
        "aiortc__test_audio_firefox",
        "ex_webrtc__chromium_audio_video_sdp",
        "ex_webrtc__firefox_audio_video_sdp",
    ] {
        for (name, text) in descriptions() {
            if name.starts_with(browser) {
                let offer = inspect(&String::from_utf8_lossy(&text));
                let offer = offer.unwrap_or_else(|e| panic!("{name}: {e}"));
                assert_eq!(offer.codecs[0].codec, AudioCodec::Opus, "{name}");
                assert!(!offer.dtmf.is_empty(), "{name}");
            }
        }
    }
    if folder("sdp").is_some() {
        // The others lack audio, ICE, a fingerprint or the profile of WebRTC.
        assert!(accepted >= 18, "{accepted} browser offers");
    }
}

#[test]
fn every_h264_section_is_answered_or_refused() {
    use causeway_media::sdp::h264::ProfileLevel;
    use causeway_media::sdp::video::{VideoConfig, answer, offer, receive_answer};
    let config = VideoConfig {
        port: 20_002,
        payload_type: 97,
        profile_level: ProfileLevel::BROWSER,
        max_kbps: None,
    };
    let (mut sections, mut answered) = (0, 0);
    for (name, text) in descriptions() {
        let Ok(description) = read(&text) else {
            continue;
        };
        for section in description.media.iter().filter(|media| media.is("video")) {
            // What browsers send over DTLS is looked at as if it came from a phone.
            let mut section = section.clone();
            section.protocol = "RTP/AVP".to_owned();
            section.port = section.port.max(1);
            let h264 = section
                .payload_types()
                .any(|pt| section.rtp_maps(pt).any(|map| map.is("H264", 90_000)));
            sections += usize::from(h264);
            let direction = description.direction_of(&section);
            match answer(&config, &section, direction, Direction::SendRecv) {
                Ok((ours, format)) => {
                    answered += 1;
                    assert!(h264, "{name}");
                    assert!(format.receive.level_rank() <= config.profile_level.level_rank());
                    // Who offered understands what both agreed on.
                    let theirs = receive_answer(&config, &ours).unwrap();
                    assert_eq!(theirs.payload_type, format.payload_type, "{name}");
                    assert_eq!(theirs.mode, format.mode, "{name}");
                }
                Err(fault) => assert!(!fault.to_string().is_empty(), "{name}"),
            }
            let _ = receive_answer(&config, &section);
        }
    }
    assert_eq!(offer(&config, Direction::SendRecv).formats.len(), 2);
    if folder("sdp").is_some() {
        assert!(sections >= 8 && answered >= 6, "{answered} of {sections}");
    }
}

#[test]
fn a_trunk_answers_each_or_says_why_not() {
    let mut answered = 0;
    for (name, text) in descriptions() {
        let mut session = trunk();
        match session.receive_offer(&text, Direction::SendRecv) {
            Ok((answer, plan)) => {
                answered += 1;
                assert!(!plan.remote.ip().is_unspecified(), "{name}");
                let offer = read(&text).unwrap();
                let answer = read(answer.as_bytes()).unwrap();
                assert_eq!(answer.media.len(), offer.media.len(), "{name}");
                let open = answer.media.iter().filter(|media| media.port != 0).count();
                assert_eq!(open, 1, "{name}");
                // Our own answer would be understood by a session like ours; keys only by who offered them.
                let mut peer = trunk();
                peer.offer(Direction::SendRecv);
                let keyed = answer.to_string().contains("a=crypto:");
                if answer.media[0].port != 0 && !keyed {
                    let understood = peer.receive_answer(answer.to_string().as_bytes());
                    assert!(understood.is_ok(), "{name}: {understood:?}");
                }
            }
            Err(error) => {
                assert!(matches!(error.sip_status(), 400 | 488), "{name}: {error}");
                assert_eq!(session.plan(), None, "{name}");
            }
        }
        let mut session = trunk();
        session.offer(Direction::SendRecv);
        if session.receive_answer(&text).is_err() {
            assert_eq!(session.plan(), None, "{name}");
        }
    }
    if folder("sdp").is_some() {
        assert!(answered > 25, "{answered} answered");
    }
}
