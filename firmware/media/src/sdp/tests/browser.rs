//! Browsers' offers, and the answers they get.

use crate::plan::{AudioCodec, AudioFormat, Direction, DtmfFormat};
use crate::sdp::SdpError;
use crate::sdp::browser::{
    PictureCoding, WebCodecPolicy, add_tcp_candidates, alternative, ask_for_dtx,
    ask_for_redundancy, choose, finish_answer, inspect, opus_of,
};
use crate::sdp::h264::ProfileLevel;
use proptest::prelude::*;

const CHROME_AUDIO: &str = "m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126\r\n\
    c=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n\
    a=candidate:1 1 udp 2122260223 192.0.2.50 51000 typ host generation 0\r\n\
    a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n\
    a=fingerprint:sha-256 00:11\r\na=setup:actpass\r\na=mid:0\r\n\
    a=sendrecv\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\n\
    a=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n\
    a=rtpmap:9 G722/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:13 CN/8000\r\n\
    a=rtpmap:110 telephone-event/48000\r\na=rtpmap:126 telephone-event/8000\r\n";

const SESSION: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n";

fn chrome() -> String {
    format!(
        "{SESSION}{CHROME_AUDIO}m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\n\
         a=mid:1\r\na=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack\r\n"
    )
}

#[test]
fn what_matters_of_an_offer() {
    let offer = inspect(&chrome()).unwrap();
    let codecs: Vec<_> = offer
        .codecs
        .iter()
        .map(|c| (c.codec, c.payload_type))
        .collect();
    assert_eq!(
        codecs,
        [
            (AudioCodec::Opus, 111),
            (AudioCodec::Pcmu, 0),
            (AudioCodec::Pcma, 8)
        ]
    );
    let dtmf: Vec<_> = offer
        .dtmf
        .iter()
        .map(|d| (d.payload_type, d.clock_rate))
        .collect();
    assert_eq!(dtmf, [(110, 48_000), (126, 8_000)]);
    assert_eq!(offer.direction, Direction::SendRecv);
    assert!(offer.bundle && offer.rtcp_mux && offer.has_fingerprint);
    assert_eq!(offer.mid.as_deref(), Some("0"));
    assert_eq!(offer.setup.as_deref(), Some("actpass"));
    assert_eq!(
        (offer.candidates, offer.video_sections, offer.sections),
        (1, 1, 2)
    );
}

fn dtmf(payload_type: u8, clock_rate: u32) -> Option<DtmfFormat> {
    Some(DtmfFormat {
        payload_type,
        clock_rate,
    })
}

#[test]
fn the_event_has_the_clock_of_the_codec() {
    let offer = inspect(&chrome()).unwrap();
    let opus = choose(&offer, WebCodecPolicy::Opus).unwrap();
    assert_eq!(
        (opus.codec, opus.payload_type, opus.dtmf),
        (AudioCodec::Opus, 111, dtmf(110, 48_000))
    );
    let g711 = choose(&offer, WebCodecPolicy::G711).unwrap();
    assert_eq!(
        (g711.codec, g711.payload_type, g711.dtmf),
        (AudioCodec::Pcmu, 0, dtmf(126, 8_000))
    );
    assert_eq!(choose(&offer, WebCodecPolicy::Preferred).unwrap(), opus);
    // Firefox has events at 8 kHz only.
    let firefox = chrome().replace("a=rtpmap:110 telephone-event/48000\r\n", "");
    let offer = inspect(&firefox).unwrap();
    assert_eq!(
        choose(&offer, WebCodecPolicy::Opus).unwrap().dtmf,
        dtmf(126, 8_000)
    );
    let none = firefox.replace("a=rtpmap:126 telephone-event/8000\r\n", "");
    let offer = inspect(&none).unwrap();
    assert_eq!(choose(&offer, WebCodecPolicy::Opus).unwrap().dtmf, None);
}

#[test]
fn a_picture_is_h264_where_it_passes_as_it_is_and_else_vp8() {
    let offered = |formats: &str, maps: &str| {
        let offer = inspect(&format!(
            "{SESSION}{CHROME_AUDIO}m=video 9 UDP/TLS/RTP/SAVPF {formats}\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\n{maps}"
        ))
        .unwrap();
        let video = offer.video?;
        Some((video.payload_type, video.coding, video.feedback.nack))
    };
    let vp8 = "a=rtpmap:120 VP8/90000\r\na=rtcp-fb:120 nack\r\n";
    let h264 = |profile: &str, mode: u8| {
        format!(
            "a=rtpmap:126 H264/90000\r\na=fmtp:126 profile-level-id={profile};packetization-mode={mode}\r\n"
        )
    };
    assert_eq!(offered("120", vp8), Some((120, PictureCoding::Vp8, true)));
    let level = ProfileLevel::BROWSER;
    let both = format!("{vp8}{}", h264("42e01f", 1));
    assert_eq!(
        offered("120 126", &both),
        Some((126, PictureCoding::H264(level), false))
    );
    // High, and a mode without fragments, do not pass to every phone.
    for (profile, mode) in [("64001f", 1), ("42e01f", 0)] {
        let both = format!("{vp8}{}", h264(profile, mode));
        assert_eq!(offered("126 120", &both).unwrap().0, 120);
    }
    assert_eq!(offered("98", "a=rtpmap:98 VP9/90000\r\n"), None);
}

#[test]
fn policy_falls_back_to_what_there_is() {
    let no_opus = chrome().replace("opus", "lyra");
    let offer = inspect(&no_opus).unwrap();
    assert_eq!(
        choose(&offer, WebCodecPolicy::Opus).unwrap().codec,
        AudioCodec::Pcmu
    );
    let nothing = no_opus.replace("PCM", "XCM");
    let offer = inspect(&nothing).unwrap();
    assert!(matches!(
        choose(&offer, WebCodecPolicy::G711),
        Err(SdpError::NoCommonCodec { .. })
    ));
}

#[test]
fn what_webrtc_needs_is_missed_by_name() {
    for (line, missing) in [
        ("a=ice-ufrag:abcd\r\n", SdpError::NotWebRtc("a=ice-ufrag")),
        (
            "a=ice-pwd:0123456789012345678901\r\n",
            SdpError::NotWebRtc("a=ice-pwd"),
        ),
        (
            "a=fingerprint:sha-256 00:11\r\n",
            SdpError::NotWebRtc("a=fingerprint"),
        ),
    ] {
        assert_eq!(inspect(&chrome().replace(line, "")), Err(missing));
        // At session level it is as good.
        let moved = chrome()
            .replace(line, "")
            .replace("t=0 0\r\n", &format!("t=0 0\r\n{line}"));
        assert!(inspect(&moved).is_ok(), "{line}");
    }
    let plain = chrome().replace("UDP/TLS/RTP/SAVPF", "RTP/AVP");
    assert!(matches!(
        inspect(&plain),
        Err(SdpError::Profile { line: 6, .. })
    ));
    let refused = chrome().replace("m=audio 9 ", "m=audio 0 ");
    assert_eq!(inspect(&refused), Err(SdpError::AudioRefused { line: 6 }));
    assert_eq!(inspect(SESSION), Err(SdpError::NoAudio));
    let large = format!("{}{}", chrome(), "a=x\r\n".repeat(14_000));
    assert!(matches!(inspect(&large), Err(SdpError::TooLarge { .. })));
}

#[test]
fn an_answer_says_one_codec_and_one_event_and_keeps_the_rest() {
    // What `rtc` answers to Chrome: the event twice, the second time with the wrong clock.
    let answer = format!(
        "{SESSION}m=audio 9 UDP/TLS/RTP/SAVPF 111 0 110 110\r\nc=IN IP4 0.0.0.0\r\na=setup:passive\r\n\
         a=mid:0\r\na=ice-ufrag:x\r\na=ice-pwd:y\r\na=fingerprint:sha-256 00\r\n\
         a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\na=rtcp-fb:111 transport-cc\r\n\
         a=rtpmap:0 PCMU/8000\r\na=rtcp-fb:0 transport-cc\r\n\
         a=rtpmap:110 telephone-event/8000\r\na=rtpmap:110 telephone-event/48000\r\na=odd line : kept\r\n\
         m=video 0 UDP/TLS/RTP/SAVPF 96 97\r\na=rtpmap:97 rtx/90000\r\na=rtpmap:96 VP8/90000"
    );
    let format = AudioFormat {
        codec: AudioCodec::Opus,
        payload_type: 111,
        ptime_ms: 20,
        dtmf: dtmf(110, 48_000),
    };
    let expected = answer
        .replace("SAVPF 111 0 110 110", "SAVPF 111 110")
        .replace("a=rtpmap:0 PCMU/8000\r\na=rtcp-fb:0 transport-cc\r\n", "")
        .replace("a=rtpmap:110 telephone-event/8000\r\n", "");
    assert_eq!(finish_answer(&answer, (format, None)), expected);
    assert_eq!(finish_answer(&expected, (format, None)), expected);
}

#[test]
fn an_event_that_the_answer_lacks_is_added_in_its_section() {
    let answer = format!(
        "{SESSION}m=audio 9 UDP/TLS/RTP/SAVPF 0 8\r\na=mid:0\r\na=rtpmap:0 PCMU/8000\r\nm=video 0 X 96\r\na=mid:1\r\n"
    );
    let format = AudioFormat {
        codec: AudioCodec::Pcmu,
        payload_type: 0,
        ptime_ms: 20,
        dtmf: dtmf(126, 8_000),
    };
    let expected = format!(
        "{SESSION}m=audio 9 UDP/TLS/RTP/SAVPF 0 126\r\na=mid:0\r\na=rtpmap:0 PCMU/8000\r\n\
         a=rtpmap:126 telephone-event/8000\r\nm=video 0 X 96\r\na=mid:1\r\n"
    );
    assert_eq!(finish_answer(&answer, (format, None)), expected);
}

#[test]
fn tcp_candidates_stand_behind_those_of_udp_and_below_them() {
    let section = |kind: &str, tcp: &str| {
        format!(
            "m={kind} 9 UDP/TLS/RTP/SAVPF 0\r\na=candidate:1 1 udp 2130706431 203.0.113.10 8444 typ host\r\n{tcp}\
             a=end-of-candidates\r\na=mid:{kind}\r\n"
        )
    };
    let rejected = "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:2\r\n";
    let answer = [
        SESSION,
        &section("audio", ""),
        &section("video", ""),
        rejected,
    ]
    .concat();
    let both = ["203.0.113.10:443", "[2001:db8::1]:443"].map(|text| text.parse().unwrap());
    let added = "a=candidate:tcp1 1 tcp 1520434943 203.0.113.10 443 typ host tcptype passive\r\n\
                 a=candidate:tcp2 1 tcp 1520434687 2001:db8::1 443 typ host tcptype passive\r\n";
    let expected = [
        SESSION,
        &section("audio", added),
        &section("video", added),
        rejected,
    ]
    .concat();
    assert_eq!(add_tcp_candidates(&answer, &both), expected);
    assert_eq!(add_tcp_candidates(&answer, &[]), answer);
    assert_eq!(add_tcp_candidates(rejected, &both), rejected);
}

proptest! {
    #[test]
    fn any_text_is_inspected_or_refused(text in "\\PC{0,300}") {
        let _ = inspect(&text);
    }

    #[test]
    fn an_offer_with_a_damaged_line_is_inspected_or_refused(at in 0_usize..40, with in "[ -~]{0,30}") {
        let damaged: Vec<_> = chrome()
            .lines()
            .enumerate()
            .map(|(n, line)| if n == at { with.clone() } else { line.to_owned() })
            .collect();
        if let Ok(offer) = inspect(&damaged.join("\r\n")) {
            let _ = choose(&offer, WebCodecPolicy::Opus);
        }
    }
}

#[test]
fn two_codecs_are_answered_in_the_order_in_which_they_are_wanted() {
    let offer = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 110 126\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\n\
        a=ice-ufrag:u\r\na=ice-pwd:p\r\na=fingerprint:sha-256 00\r\na=rtpmap:111 opus/48000/2\r\n\
        a=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n\
        a=rtpmap:9 G722/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n\
        a=rtpmap:110 telephone-event/48000\r\na=rtpmap:126 telephone-event/8000\r\n";
    let inspected = inspect(offer).unwrap();
    let law = choose(&inspected, WebCodecPolicy::First(AudioCodec::Pcma)).unwrap();
    let opus = alternative(&inspected, &law).unwrap();
    assert_eq!((law.payload_type, opus.payload_type), (8, 111));
    assert_eq!(alternative(&inspected, &opus), None);
    for (formats, line) in [
        ((law, Some(opus)), "SAVPF 8 63 111 126 110\r\n"),
        ((opus, Some(law)), "SAVPF 63 111 8 110 126\r\n"),
    ] {
        let answer = finish_answer(offer, formats);
        let opus = opus_of(formats).unwrap();
        let answer = ask_for_dtx(&ask_for_redundancy(&answer, &opus, 63));
        assert!(answer.contains(line), "{answer}");
        assert!(answer.contains("useinbandfec=1;usedtx=1\r\n"), "{answer}");
        for map in [
            "8 PCMA/8000",
            "111 opus/48000/2",
            "63 red/48000/2",
            "110 ",
            "126 ",
        ] {
            assert_eq!(
                answer.matches(&format!("a=rtpmap:{map}")).count(),
                1,
                "{answer}"
            );
        }
        assert!(
            !answer.contains("rtpmap:0 ") && !answer.contains("G722"),
            "{answer}"
        );
    }
}
