//! Offer/answer of sound and picture together on a trunk leg.

use crate::plan::{AudioCodec, Direction, PacketizationMode, TrunkPlan};
use crate::sdp::h264::ProfileLevel;
use crate::sdp::read;
use crate::sdp::trunk::{KeySeed, SrtpPolicy, TrunkMediaConfig, TrunkSession, TrunkVideo};
use crate::sdp::video::VideoConfig;

fn session(srtp: SrtpPolicy) -> TrunkSession {
    let mut session = TrunkSession::new(TrunkMediaConfig {
        address: "192.0.2.1".parse().unwrap(),
        port: 20_000,
        session_id: 7,
        codecs: vec![AudioCodec::Pcma],
        ptime_ms: 20,
        dtmf_payload_type: Some(101),
        comfort_noise: false,
        srtp,
        key_seed: KeySeed([1; 32]),
    });
    session.set_video(Some(picture()));
    session
}

fn picture() -> TrunkVideo {
    TrunkVideo {
        config: VideoConfig {
            port: 20_002,
            payload_type: 105,
            profile_level: ProfileLevel::BROWSER,
            max_kbps: Some(1_500),
        },
        key_seed: KeySeed([2; 32]),
    }
}

/// A phone's description with this video section.
fn phone(video: &str) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n\
         m=audio 4000 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n{video}"
    )
}

const H264: &str = "m=video 4002 RTP/AVP 105\r\na=rtpmap:105 H264/90000\r\n\
    a=fmtp:105 profile-level-id=42e00d;packetization-mode=1\r\na=rtcp-fb:* ccm fir\r\n";

/// Kind and port of each section.
fn sections(sdp: &str) -> Vec<(String, u16)> {
    let described = read(sdp.as_bytes()).unwrap();
    let sections = described.media.iter();
    sections.map(|m| (m.kind.clone(), m.port)).collect()
}

fn named(sections: &[(String, u16)]) -> Vec<(&str, u16)> {
    sections.iter().map(|(k, p)| (k.as_str(), *p)).collect()
}

fn answered(session: &mut TrunkSession, video: &str) -> TrunkPlan {
    session.receive_answer(phone(video).as_bytes()).unwrap()
}

#[test]
fn a_phone_takes_the_picture() {
    let mut session = session(SrtpPolicy::Off);
    let offer = session.offer(Direction::SendRecv);
    assert_eq!(
        named(&sections(&offer)),
        [("audio", 20_000), ("video", 20_002)]
    );
    assert!(
        offer.contains("m=video 20002 RTP/AVP 105 106\r\nb=AS:1500"),
        "{offer}"
    );
    let plan = answered(&mut session, H264);
    let video = plan.video.unwrap();
    assert_eq!(video.remote, "192.0.2.9:4002".parse().unwrap());
    assert_eq!(video.remote_rtcp, "192.0.2.9:4003".parse().unwrap());
    assert_eq!(video.format.mode, PacketizationMode::NonInterleaved);
    assert_eq!(video.format.send.to_string(), "42e00d");
    assert!(video.format.feedback.fir && !video.format.feedback.pli);
    assert_eq!(video.direction, Direction::SendRecv);

    // A hold says the same of it, under the number it has.
    let held = session.offer(Direction::SendOnly);
    let video = held.split("m=video").nth(1).unwrap();
    assert!(video.starts_with(" 20002 RTP/AVP 105\r\n"), "{held}");
    assert!(video.ends_with("a=sendonly\r\n"), "{held}");
    // A refresh is the same offer.
    assert_eq!(session.offer(Direction::SendOnly), held);
}

#[test]
fn a_phone_without_a_picture_is_heard() {
    for refusal in [
        "",
        "m=video 0 RTP/AVP 105\r\n",
        "m=video 4002 RTP/AVP 34\r\na=rtpmap:34 H263/90000\r\n",
        "m=video 4002 RTP/SAVP 105\r\na=rtpmap:105 H264/90000\r\n",
        "m=application 4002 RTP/AVP 105\r\na=rtpmap:105 H264/90000\r\n",
        "m=video 4002 RTP/AVP 105\r\nc=IN IP6 ::1\r\na=rtpmap:105 H264/90000\r\n",
    ] {
        let mut session = session(SrtpPolicy::Off);
        session.offer(Direction::SendRecv);
        let plan = answered(&mut session, refusal);
        assert_eq!((plan.video, plan.remote.port()), (None, 4000), "{refusal}");
        // Its place stays, refused (RFC 3264 section 8).
        let again = session.offer(Direction::SendRecv);
        assert_eq!(named(&sections(&again)), [("audio", 20_000), ("video", 0)]);
        assert_eq!(
            answered(&mut session, "m=video 0 RTP/AVP 105\r\n").video,
            None
        );
    }
}

#[test]
fn who_refuses_it_altogether_is_offered_sound_alone() {
    let mut session = session(SrtpPolicy::Off);
    session.offer(Direction::SendRecv);
    assert!(session.give_up_video());
    let offer = session.offer(Direction::SendRecv);
    assert_eq!(named(&sections(&offer)), [("audio", 20_000)]);
    assert!(!session.give_up_video());
}

#[test]
fn their_offer_is_answered_section_for_section() {
    let mut session = session(SrtpPolicy::Off);
    let offer = phone(&format!("m=image 0 udptl t38\r\n{H264}{H264}"));
    let (answer, plan) = session
        .receive_offer(offer.as_bytes(), Direction::SendRecv)
        .unwrap();
    assert_eq!(
        named(&sections(&answer)),
        [
            ("audio", 20_000),
            ("image", 0),
            ("video", 20_002),
            ("video", 0)
        ]
    );
    let video = plan.video.unwrap();
    assert_eq!(video.format.receive.to_string(), "42e00d");
    // It leaves the picture, and comes back with it.
    let (answer, plan) = session
        .receive_offer(
            phone("m=video 0 RTP/AVP 105\r\n").as_bytes(),
            Direction::SendRecv,
        )
        .unwrap();
    assert_eq!(named(&sections(&answer)), [("audio", 20_000), ("video", 0)]);
    assert_eq!(plan.video, None);
    let (_, plan) = session
        .receive_offer(phone(H264).as_bytes(), Direction::SendRecv)
        .unwrap();
    assert!(plan.video.is_some());
    // The old hold: it may send, nothing goes there (RFC 3264 section 8.4).
    let held = phone(H264).replace("c=IN IP4 192.0.2.9", "c=IN IP4 0.0.0.0");
    let (_, plan) = session
        .receive_offer(held.as_bytes(), Direction::SendRecv)
        .unwrap();
    let video = plan.video.unwrap();
    assert_eq!(video.direction, Direction::RecvOnly);
    assert_eq!(video.remote, "192.0.2.9:4002".parse().unwrap());
}

#[test]
fn what_the_box_does_not_do_it_does_not_agree_to() {
    let mut session = session(SrtpPolicy::Off);
    let offer = phone(&format!("{H264}a=rtcp-fb:105 nack\r\n"));
    let (answer, plan) = session
        .receive_offer(offer.as_bytes(), Direction::SendRecv)
        .unwrap();
    assert!(!answer.contains("nack"), "{answer}");
    let feedback = plan.video.unwrap().format.feedback;
    assert!(feedback.fir && !feedback.nack, "{feedback:?}");
}

#[test]
fn a_session_that_began_without_a_picture_stays_so() {
    let mut session = session(SrtpPolicy::Off);
    session
        .receive_offer(phone("").as_bytes(), Direction::SendRecv)
        .unwrap();
    let offer = session.offer(Direction::SendOnly);
    assert_eq!(named(&sections(&offer)), [("audio", 20_000)]);
}

#[test]
fn sound_and_picture_have_keys_of_their_own() {
    let mut ours = session(SrtpPolicy::Required);
    let mut theirs = session(SrtpPolicy::Required);
    let offer = ours.offer(Direction::SendRecv);
    let keys: Vec<&str> = offer
        .lines()
        .filter(|l| l.starts_with("a=crypto:"))
        .collect();
    assert_eq!(keys.len(), 6, "{offer}");
    assert!(keys.iter().zip(keys.iter().skip(3)).all(|(a, b)| a != b));
    let (answer, their_plan) = theirs
        .receive_offer(offer.as_bytes(), Direction::SendRecv)
        .unwrap();
    let plan = ours.receive_answer(answer.as_bytes()).unwrap();
    let (ours, theirs) = (plan.video.unwrap().srtp, their_plan.video.unwrap().srtp);
    assert_eq!(ours.unwrap().send, theirs.unwrap().receive);
    assert_ne!(ours.unwrap().send, plan.srtp.unwrap().send);
    // Without keys of its own there is no picture; the sound goes on.
    let plain = answer.split("m=video").next().unwrap().to_owned()
        + "m=video 4002 RTP/SAVP 105\r\na=rtpmap:105 H264/90000\r\n";
    let mut ours = session(SrtpPolicy::Required);
    ours.offer(Direction::SendRecv);
    let plan = ours.receive_answer(plain.as_bytes()).unwrap();
    assert!(plan.video.is_none() && plan.srtp.is_some());
}

/// A session of sound alone that stands.
fn sound() -> TrunkSession {
    let mut session = session(SrtpPolicy::Off);
    session.set_video(None);
    session.offer(Direction::SendRecv);
    answered(&mut session, "");
    session
}

#[test]
fn we_begin_a_picture_in_a_session_that_stands_and_end_it() {
    let mut session = sound();
    session.begin_video(picture(), Direction::SendRecv, true);
    let offer = session.offer(Direction::SendRecv);
    assert_eq!(
        named(&sections(&offer)),
        [("audio", 20_000), ("video", 20_002)]
    );
    let plan = answered(&mut session, H264);
    assert_eq!(
        plan.video.map(|video| video.direction),
        Some(Direction::SendRecv)
    );

    session.end_video();
    let offer = session.offer(Direction::SendRecv);
    assert_eq!(named(&sections(&offer)), [("audio", 20_000), ("video", 0)]);
    let plan = answered(&mut session, "m=video 0 RTP/AVP 105\r\n");
    assert_eq!(plan.video, None);

    // Another takes the place of the one that was ended.
    session.begin_video(picture(), Direction::SendRecv, true);
    let offer = session.offer(Direction::SendRecv);
    assert_eq!(
        named(&sections(&offer)),
        [("audio", 20_000), ("video", 20_002)]
    );
}

#[test]
fn a_picture_that_is_refused_altogether_leaves_nothing_behind() {
    let mut session = sound();
    let before = session.offer(Direction::SendRecv);
    session.begin_video(picture(), Direction::SendRecv, true);
    session.offer(Direction::SendRecv);
    // 488.
    session.end_video();
    let after = session.offer(Direction::SendRecv);
    let media = |sdp: &str| sdp.split_once("m=").map(|(_, media)| media.to_owned());
    assert_eq!(media(&after), media(&before));
}

#[test]
fn a_picture_that_is_refused_in_its_place_is_not_asked_for_again() {
    let mut session = sound();
    session.begin_video(picture(), Direction::SendRecv, true);
    session.offer(Direction::SendRecv);
    let plan = answered(&mut session, "m=video 0 RTP/AVP 105\r\n");
    assert_eq!(plan.video, None);
    let offer = session.offer(Direction::SendOnly);
    assert_eq!(named(&sections(&offer)), [("audio", 20_000), ("video", 0)]);
}

#[test]
fn a_picture_we_ask_for_outlives_an_offer_of_theirs() {
    let mut session = sound();
    session.begin_video(picture(), Direction::SendRecv, true);
    session.offer(Direction::SendRecv);
    // Glare: theirs, of sound alone, is first.
    let (answer, plan) = session
        .receive_offer(phone("").as_bytes(), Direction::SendRecv)
        .unwrap();
    assert_eq!(named(&sections(&answer)), [("audio", 20_000)]);
    assert_eq!(plan.video, None);
    let offer = session.offer(Direction::SendRecv);
    assert_eq!(
        named(&sections(&offer)),
        [("audio", 20_000), ("video", 20_002)]
    );
}

#[test]
fn they_begin_a_picture_and_end_it() {
    let mut session = sound();
    // Whoever cannot show it refuses it.
    let (answer, plan) = session
        .receive_offer(phone(H264).as_bytes(), Direction::SendRecv)
        .unwrap();
    assert_eq!(named(&sections(&answer)), [("audio", 20_000), ("video", 0)]);
    assert_eq!(plan.video, None);

    // Nobody sends one here yet.
    session.begin_video(picture(), Direction::RecvOnly, false);
    let (answer, plan) = session
        .receive_offer(phone(H264).as_bytes(), Direction::SendRecv)
        .unwrap();
    assert_eq!(
        named(&sections(&answer)),
        [("audio", 20_000), ("video", 20_002)]
    );
    assert!(answer.trim_end().ends_with("a=recvonly"), "{answer}");
    assert_eq!(
        plan.video.map(|video| video.direction),
        Some(Direction::RecvOnly)
    );

    // Now somebody does.
    session.direct_video(Direction::SendRecv);
    let offer = session.offer(Direction::SendRecv);
    assert!(offer.trim_end().ends_with("a=sendrecv"), "{offer}");
    let plan = answered(&mut session, H264);
    assert_eq!(
        plan.video.map(|video| video.direction),
        Some(Direction::SendRecv)
    );

    let without = phone("m=video 0 RTP/AVP 105\r\n");
    let (answer, plan) = session
        .receive_offer(without.as_bytes(), Direction::SendRecv)
        .unwrap();
    assert_eq!(named(&sections(&answer)), [("audio", 20_000), ("video", 0)]);
    assert_eq!(plan.video, None);
}
