//! The section of an answer to a browser that holds its picture.
//!
//! The WebRTC stack knows of the sound alone: it can neither begin nor end a picture on a connection that stands. What
//! carries both is one transport (RFC 9143), so all that the picture needs is a section of its own in what the browser
//! is told; its packets pass the stack by (`keying`).

use causeway_media::sdp::browser::{OfferedVideo, PictureCoding};
use causeway_media::sdp::direction_name;
use std::fmt::Write as _;

/// The feedback of a picture that the box takes and gives.
const FEEDBACK: [&str; 4] = ["nack", "nack pli", "ccm fir", "goog-remb"];

/// What every bundled section may say of the common transport.
const TRANSPORT: [&str; 5] = [
    "a=ice-ufrag:",
    "a=ice-pwd:",
    "a=ice-options:",
    "a=fingerprint:",
    "a=setup:",
];

/// A picture that was taken, and what it is to the browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    pub video: OfferedVideo,
    /// Of what the box sends.
    pub ssrc: u32,
}

/// Appends the section. `sound` are the lines of the sound's, whose transport carries it; `names_candidates` when no other
/// section stands before it. `stream` is that of the sound, so that both are played in step.
pub fn write(
    sdp: &mut String,
    protocol: &str,
    shown: &Shown,
    stream: &str,
    sound: &[&str],
    names_candidates: bool,
) {
    let (video, ssrc) = (&shown.video, shown.ssrc);
    let pt = video.payload_type;
    // Writing to a string does not fail.
    let _ = write!(sdp, "m=video 9 {protocol} {pt}\r\nc=IN IP4 0.0.0.0\r\n");
    for line in sound {
        let is_candidate = line.starts_with("a=candidate:") || *line == "a=end-of-candidates";
        let is_transport = TRANSPORT.iter().any(|name| line.starts_with(name));
        if is_transport || (names_candidates && is_candidate) {
            let _ = write!(sdp, "{line}\r\n");
        }
    }
    let _ = write!(sdp, "a=mid:{}\r\na=rtcp-mux\r\n", video.mid);
    let (name, parameters) = coding(video);
    let _ = write!(sdp, "a=rtpmap:{pt} {name}/90000\r\n");
    if let Some(parameters) = parameters {
        let _ = write!(sdp, "a=fmtp:{pt} {parameters}\r\n");
    }
    for feedback in FEEDBACK {
        let _ = write!(sdp, "a=rtcp-fb:{pt} {feedback}\r\n");
    }
    let _ = write!(sdp, "a={}\r\n", direction_name(video.direction.reversed()));
    if video.direction.receives() {
        let _ = write!(
            sdp,
            "a=msid:{stream} video\r\na=ssrc:{ssrc} cname:{stream}\r\na=ssrc:{ssrc} msid:{stream} video\r\n"
        );
    }
}

/// The encoding name of a picture and its parameters, of which there are none for VP8.
fn coding(video: &OfferedVideo) -> (&'static str, Option<String>) {
    match video.coding {
        PictureCoding::H264(level) => {
            let parameters =
                format!("level-asymmetry-allowed=1;packetization-mode=1;profile-level-id={level}");
            ("H264", Some(parameters))
        }
        PictureCoding::Vp8 => ("VP8", None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use causeway_media::plan::{Direction, Feedback};
    use causeway_media::sdp::h264::ProfileLevel;

    const SOUND: [&str; 6] = [
        "m=audio 9 UDP/TLS/RTP/SAVPF 111",
        "a=ice-ufrag:frag",
        "a=ice-pwd:pwd",
        "a=setup:passive",
        "a=candidate:1 1 udp 1 192.0.2.1 7000 typ host",
        "a=ssrc:1 cname:stream",
    ];

    fn written(coding: PictureCoding, direction: Direction, first: bool) -> String {
        let video = OfferedVideo {
            section: 1,
            mid: "v0".to_owned(),
            payload_type: 103,
            coding,
            feedback: Feedback::default(),
            direction,
        };
        let shown = Shown { video, ssrc: 7 };
        let mut sdp = String::new();
        write(
            &mut sdp,
            "UDP/TLS/RTP/SAVPF",
            &shown,
            "stream",
            &SOUND,
            first,
        );
        sdp
    }

    #[test]
    fn a_picture_goes_the_way_of_the_sound() {
        let h264 = PictureCoding::H264(ProfileLevel::BROWSER);
        assert_eq!(
            written(h264, Direction::SendRecv, false),
            "m=video 9 UDP/TLS/RTP/SAVPF 103\r\nc=IN IP4 0.0.0.0\r\n\
             a=ice-ufrag:frag\r\na=ice-pwd:pwd\r\na=setup:passive\r\na=mid:v0\r\na=rtcp-mux\r\n\
             a=rtpmap:103 H264/90000\r\n\
             a=fmtp:103 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n\
             a=rtcp-fb:103 nack\r\na=rtcp-fb:103 nack pli\r\na=rtcp-fb:103 ccm fir\r\na=rtcp-fb:103 goog-remb\r\n\
             a=sendrecv\r\na=msid:stream video\r\na=ssrc:7 cname:stream\r\na=ssrc:7 msid:stream video\r\n"
        );
    }

    #[test]
    fn one_that_looks_on_is_sent_to_and_one_that_is_shown_is_not() {
        let looks = written(PictureCoding::Vp8, Direction::RecvOnly, true);
        assert!(looks.contains("a=sendonly\r\na=msid:"), "{looks}");
        assert!(looks.contains("a=candidate:1 "), "{looks}");
        assert!(!looks.contains("a=fmtp:"), "{looks}");
        let shows = written(PictureCoding::Vp8, Direction::SendOnly, true);
        assert!(shows.ends_with("a=recvonly\r\n"), "{shows}");
    }
}
