//! H.264 sections: what is offered, what is answered.

use crate::plan::Direction;
use crate::sdp::h264::ProfileLevel;
use crate::sdp::video::{
    Feedback, PacketizationMode, VideoConfig, VideoFault, VideoFormat, answer, offer,
    receive_answer,
};
use crate::sdp::{Media, read};

fn config() -> VideoConfig {
    VideoConfig {
        port: 20_002,
        payload_type: 97,
        profile_level: ProfileLevel::BROWSER,
        max_kbps: Some(1_500),
    }
}

/// The video section of a phone's description with these lines.
fn section(formats: &str, lines: &str) -> Media {
    let text = format!(
        "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n\
         m=audio 4000 RTP/AVP 0\r\nm=video 4002 RTP/AVP {formats}\r\n{lines}"
    );
    read(text.as_bytes()).unwrap().media[1].clone()
}

fn answered(formats: &str, lines: &str) -> (Vec<String>, VideoFormat) {
    let offered = section(formats, lines);
    let (answer, format) = answer(
        &config(),
        &offered,
        Direction::SendRecv,
        Direction::SendRecv,
    )
    .unwrap();
    (lines_of(&answer), format)
}

/// Its attributes as they are written.
fn lines_of(media: &Media) -> Vec<String> {
    let line = |name: &str, value: Option<&str>| match value {
        Some(value) => format!("{name}:{value}"),
        None => name.to_owned(),
    };
    let attributes = media.attributes.iter();
    attributes
        .map(|a| line(&a.name, a.value.as_deref()))
        .collect()
}

#[test]
fn a_usual_phone() {
    let (lines, format) = answered(
        "109 34",
        "b=AS:768\r\na=rtpmap:109 H264/90000\r\na=fmtp:109 profile-level-id=42800D; packetization-mode=1\r\n\
         a=rtpmap:34 H263/90000\r\na=rtcp-fb:* nack pli\r\na=rtcp-fb:109 ccm fir\r\na=rtcp-fb:34 nack\r\n",
    );
    assert_eq!(
        lines,
        [
            "rtpmap:109 H264/90000",
            "fmtp:109 profile-level-id=42800d;packetization-mode=1",
            "rtcp-fb:109 nack pli",
            "rtcp-fb:109 ccm fir",
            "sendrecv"
        ]
    );
    assert_eq!(format.mode, PacketizationMode::NonInterleaved);
    assert_eq!(format.max_kbps, Some(768));
    let expected = Feedback {
        pli: true,
        fir: true,
        nack: false,
    };
    assert_eq!(format.feedback, expected);
    assert_eq!(format.send.to_string(), "42800d");
}

#[test]
fn levels_are_symmetric_unless_both_say_otherwise() {
    for (parameters, written, send, receive) in [
        ("profile-level-id=42e01f", "42e01f", "42e01f", "42e01f"),
        ("profile-level-id=42e028", "42e01f", "42e01f", "42e01f"),
        ("profile-level-id=42e00b", "42e00b", "42e00b", "42e00b"),
        (
            "profile-level-id=42e028;level-asymmetry-allowed=1",
            "42e01f",
            "42e028",
            "42e01f",
        ),
        (
            "profile-level-id=42e00b;level-asymmetry-allowed=1",
            "42e01f",
            "42e00b",
            "42e01f",
        ),
        // 1b asks for no bit in our own level.
        (
            "profile-level-id=42f00b;level-asymmetry-allowed=1",
            "42e01f",
            "42f00b",
            "42e01f",
        ),
        // Nothing, or nothing readable: CIF.
        ("profile-level-id=nonsense", "42e00d", "42e00d", "42e00d"),
        ("x=y", "42e00d", "42e00d", "42e00d"),
    ] {
        let (lines, format) = answered(
            "99",
            &format!("a=rtpmap:99 H264/90000\r\na=fmtp:99 {parameters}\r\n"),
        );
        assert!(lines[1].contains(written), "{parameters}: {lines:?}");
        assert_eq!(format.send.to_string(), send, "{parameters}");
        assert_eq!(format.receive.to_string(), receive, "{parameters}");
        let asymmetric = lines[1].contains("level-asymmetry-allowed=1");
        assert_eq!(asymmetric, parameters.contains("asymmetry"), "{parameters}");
    }
}

#[test]
fn mode_1_before_mode_0_and_a_profile_that_is_spoken() {
    let both = "a=rtpmap:96 H264/90000\r\na=fmtp:96 profile-level-id=42e01f\r\n\
                a=rtpmap:97 h264/90000\r\na=fmtp:97 profile-level-id=42e01f;packetization-mode=1\r\n";
    assert_eq!(answered("96 97", both).1.payload_type, 97);
    let high = "a=rtpmap:96 H264/90000\r\na=fmtp:96 profile-level-id=640028;packetization-mode=1\r\n\
                a=rtpmap:97 H264/90000\r\n";
    let (lines, format) = answered("96 97", high);
    assert_eq!(
        (format.payload_type, format.mode),
        (97, PacketizationMode::SingleNal)
    );
    assert!(lines[1].ends_with("packetization-mode=0"), "{lines:?}");
}

#[test]
fn what_cannot_be_answered_is_refused() {
    let h264 = "a=rtpmap:96 H264/90000\r\n";
    let interleaved = format!("{h264}a=fmtp:96 profile-level-id=42e01f;packetization-mode=2\r\n");
    let main = format!("{h264}a=fmtp:96 profile-level-id=4d0028\r\n");
    for lines in [
        interleaved.as_str(),
        main.as_str(),
        "a=rtpmap:96 VP8/90000\r\n",
        "",
    ] {
        let fault = answer(
            &config(),
            &section("96", lines),
            Direction::SendRecv,
            Direction::SendRecv,
        );
        assert_eq!(
            fault.err(),
            Some(VideoFault::NoFormat { line: 7 }),
            "{lines}"
        );
    }
    let mut off = section("96", h264);
    off.port = 0;
    assert_eq!(
        receive_answer(&config(), &off),
        Err(VideoFault::Refused { line: 7 })
    );
    let mut secure = section("96", h264);
    // Whether keys fit is for who has them; no keys fit this.
    secure.protocol = "UDP/TLS/RTP/SAVPF".to_owned();
    assert!(matches!(
        receive_answer(&config(), &secure),
        Err(VideoFault::Protocol { .. })
    ));
}

#[test]
fn our_offer_and_their_answer() {
    let offered = offer(&config(), Direction::SendRecv);
    assert_eq!(offered.formats, ["97", "98"]);
    assert_eq!(
        lines_of(&offered)[..2],
        [
            "rtpmap:97 H264/90000",
            "fmtp:97 profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1"
        ]
    );
    // A side like ours answers it.
    let (theirs, at_theirs) = answer(
        &config(),
        &offered,
        Direction::SendRecv,
        Direction::RecvOnly,
    )
    .unwrap();
    let at_ours = receive_answer(&config(), &theirs).unwrap();
    assert_eq!(
        (at_ours.payload_type, at_ours.mode),
        (97, PacketizationMode::NonInterleaved)
    );
    assert_eq!(
        (at_ours.send, at_ours.receive),
        (at_theirs.receive, at_theirs.send)
    );
    assert_eq!(
        lines_of(&theirs).last().map(String::as_str),
        Some("recvonly")
    );
    assert_eq!(at_ours.max_kbps, Some(1_500));
    // An answer without fmtp takes what was offered, in the only mode it can mean.
    let bare = section("98", "a=rtpmap:98 H264/90000\r\n");
    let format = receive_answer(&config(), &bare).unwrap();
    assert_eq!(
        (format.mode, format.send),
        (PacketizationMode::SingleNal, ProfileLevel::BROWSER)
    );
}
