//! A picture that begins and ends on connections that stand.

use crate::call::*;
use causeway_gateway::media::{Command, Event, WebCodecPolicy};
use causeway_media::plan::Direction;
use std::net::UdpSocket;
use std::time::Duration;

/// A section of video as browsers write it, in the bundle of the sound.
const VIDEO: &str = "m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:v1\r\na=sendrecv\r\na=rtcp-mux\r\n\
    a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack pli\r\n";

/// The offer with a section of video behind the sound.
fn with_picture(offer: &str, video: &str) -> String {
    let (head, rest) = offer.split_once("a=group:BUNDLE").unwrap();
    let (members, rest) = rest.split_once("\r\n").unwrap();
    format!("{head}a=group:BUNDLE{members} v1\r\n{rest}{video}")
}

/// The answer to such an offer: its section of video, and whether the box says that it refused one.
fn answered(call: &mut Call, video: &str, taken: bool) -> (String, bool) {
    let offer = with_picture(&call.browser.offer(), video);
    let command = Command::RestartWeb {
        leg: WEB,
        offer,
        video: taken,
    };
    call.plane.send(command);
    let (sdp, refused) = loop {
        match call.events.recv_timeout(Duration::from_secs(5)).unwrap() {
            Event::WebAnswer {
                sdp,
                video,
                video_refused,
                ..
            } => {
                assert_eq!(video, sdp.contains("m=video 9 "), "{sdp}");
                break (sdp, video_refused);
            }
            other => call.told.push(other),
        }
    };
    let (sound, picture) = sdp.split_once("m=video ").unwrap();
    // This browser has offered sound alone.
    call.browser.take_answer(sound);
    (picture.to_owned(), refused)
}

#[test]
fn a_picture_begins_and_ends_and_the_sound_goes_on() {
    let _alone = alone();
    let mut call = Call::open(WebCodecPolicy::Opus);
    call.plan(Direction::SendRecv);
    call.connect();
    call.run(300);

    let (picture, refused) = answered(&mut call, VIDEO, false);
    assert!(picture.starts_with("0 "), "{picture}");
    assert!(refused);

    let (picture, refused) = answered(&mut call, VIDEO, true);
    let ssrc = |picture: &str| {
        picture
            .split_once("a=ssrc:")
            .map(|(_, ssrc)| ssrc[..6].to_owned())
    };
    assert!(picture.contains("a=sendrecv") && !refused, "{picture}");
    let first = ssrc(&picture);
    // It goes on under the source that it has.
    let (picture, _) = answered(&mut call, VIDEO, true);
    assert_eq!(ssrc(&picture), first);

    let gone = VIDEO.replace("m=video 9 ", "m=video 0 ");
    let (picture, refused) = answered(&mut call, &gone, true);
    assert!(picture.starts_with("0 ") && !refused, "{picture}");
    // Another is another source.
    let looking_on = VIDEO.replace("a=sendrecv", "a=recvonly");
    let (picture, _) = answered(&mut call, &looking_on, true);
    assert!(picture.contains("a=sendonly"), "{picture}");
    assert_ne!(ssrc(&picture), first);

    call.run(1_000);
    let (browser_since, pbx_since) = (call.browser.heard.len(), call.pbx.heard.len());
    call.run(600);
    call.assert_tones(browser_since, pbx_since);
}

#[test]
fn a_trunk_leg_without_its_picture_gives_the_ports_back() {
    let _alone = alone();
    let mut call = Call::open(WebCodecPolicy::Opus);
    call.plan(Direction::SendRecv);
    call.connect();
    for _ in 0..2 {
        let pair = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
        let taken = [0, 1].map(|at| pair[at].local_addr().unwrap());
        let [rtp, rtcp] = pair;
        call.plane.send(Command::OpenTrunkVideo {
            leg: TRUNK,
            rtp,
            rtcp,
        });
        call.run(200);
        assert!(UdpSocket::bind(taken[0]).is_err());
        call.plane.send(Command::CloseTrunkVideo { leg: TRUNK });
        call.run(200);
        for address in taken {
            UdpSocket::bind(address).unwrap();
        }
    }
    let (browser_since, pbx_since) = (call.browser.heard.len(), call.pbx.heard.len());
    call.run(600);
    call.assert_tones(browser_since, pbx_since);
}
