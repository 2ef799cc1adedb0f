//! Pictures between VP8 and H.264, each job run where the test wants it.

use super::*;
use crate::sdp::h264::ProfileLevel;
use crate::video::codec::{CodedFrame, H264Decoder, Planes, Vp8Decoder, Vp8Encoder, is_key_frame};

const RED: [u8; 3] = [81, 90, 240];
const BLUE: [u8; 3] = [41, 240, 110];

fn to_h264(level: &str) -> TranscodeTarget {
    TranscodeTarget {
        packets: mode_1(),
        profile_level: ProfileLevel::read(level),
        max_kbps: Some(800),
    }
}

fn to_vp8() -> TranscodeTarget {
    TranscodeTarget {
        packets: mode_1(),
        profile_level: None,
        max_kbps: None,
    }
}

fn way(from: VideoCodec, to: TranscodeTarget) -> VideoWay {
    VideoWay::new(from, to, OUT)
}

/// A camera with VP8, whose picture is one colour.
struct Camera {
    encoder: Vp8Encoder,
    size: (usize, usize),
    sequence: u16,
    timestamp: u32,
    wants_key: bool,
}

impl Camera {
    fn new(width: usize, height: usize) -> Self {
        Self {
            encoder: Vp8Encoder::new(width, height, 600).unwrap(),
            size: (width, height),
            sequence: 65_500,
            timestamp: 0xFFFF_0000,
            wants_key: false,
        }
    }

    /// The packets of the next picture.
    fn picture(&mut self, colour: [u8; 3]) -> Vec<Vec<u8>> {
        let (width, height) = self.size;
        let half = width / 2 * height / 2;
        let made = [
            vec![colour[0]; width * height],
            vec![colour[1]; half],
            vec![colour[2]; half],
        ];
        let [y, u, v] = &made;
        let strides = [width, width / 2, width / 2];
        let picture = Planes::new([y, u, v], strides, width, height).unwrap();
        let mut frame = CodedFrame::default();
        let key = std::mem::take(&mut self.wants_key);
        self.timestamp = self.timestamp.wrapping_add(PICTURE);
        assert!(
            self.encoder
                .encode(&picture, PICTURE, 600, key, &mut frame)
                .unwrap()
        );
        let octets: Vec<u8> = frame.units().flatten().copied().collect();
        let parts: Vec<&[u8]> = octets.chunks(400).collect();
        let last = parts.len() - 1;
        let packets = parts.iter().enumerate().map(|(number, part)| {
            self.sequence = self.sequence.wrapping_add(1);
            let header = Header {
                marker: number == last,
                payload_type: 96,
                sequence: self.sequence,
                timestamp: self.timestamp,
                ssrc: CAMERA,
            };
            let descriptor = if number == 0 { 0x10 } else { 0 };
            [&header.to_bytes()[..], &[descriptor], part].concat()
        });
        packets.collect()
    }
}

/// What is under way is done, and what it made leaves.
fn work(way: &mut VideoWay, now: Instant) -> Vec<Vec<u8>> {
    let mut out = VideoOutput::new();
    while let Some(mut job) = way.poll_job(now) {
        job.run();
        way.finish(job, now, &mut out);
    }
    out.packets().map(|packet| packet.bytes.to_vec()).collect()
}

fn feed(way: &mut VideoWay, packets: &[Vec<u8>], now: Instant) {
    let mut out = VideoOutput::new();
    for packet in packets {
        way.handle_rtp(packet, now, &mut out);
    }
    assert!(out.is_empty());
}

/// A picture goes through.
fn pass(way: &mut VideoWay, packets: &[Vec<u8>], now: Instant) -> Vec<Vec<u8>> {
    feed(way, packets, now);
    work(way, now)
}

fn header(packet: &[u8]) -> Header {
    rtp::read(packet).unwrap().header
}

/// The access unit in these packets, as a decoder takes it.
fn annex_b(packets: &[Vec<u8>]) -> Vec<u8> {
    let payloads: Vec<Vec<u8>> = packets
        .iter()
        .map(|p| rtp::read(p).unwrap().payload.to_vec())
        .collect();
    let mut unit = Vec::new();
    for payload in payloads {
        match payload[0] & 0x1F {
            28 => {
                if payload[1] & 0x80 != 0 {
                    unit.extend([0, 0, 0, 1, (payload[0] & 0xE0) | (payload[1] & 0x1F)]);
                }
                unit.extend(&payload[2..]);
            }
            _ => {
                unit.extend([0, 0, 0, 1]);
                unit.extend(payload);
            }
        }
    }
    unit
}

fn has_idr(packets: &[Vec<u8>]) -> bool {
    let unit = annex_b(packets);
    unit.windows(5)
        .any(|w| w[..4] == [0, 0, 0, 1] && w[4] & 0x1F == 5)
}

fn frame_of(packets: &[Vec<u8>]) -> Vec<u8> {
    // Our descriptor has four octets.
    packets
        .iter()
        .flat_map(|p| rtp::read(p).unwrap().payload[4..].to_vec())
        .collect()
}

fn is_colour(picture: &Planes<'_>, colour: [u8; 3]) {
    for (number, plane) in picture.planes().iter().enumerate() {
        let middle = plane[plane.len() / 2 - picture.strides()[number] / 2];
        assert!(
            middle.abs_diff(colour[number]) < 10,
            "plane {number}: {middle}"
        );
    }
}

#[test]
fn there_and_back_in_colour_and_in_time() {
    let mut camera = Camera::new(320, 240);
    let mut there = way(VideoCodec::Vp8, to_h264("42e01f"));
    let mut back = way(VideoCodec::H264, to_vp8());
    let (mut h264, mut vp8) = (H264Decoder::new().unwrap(), Vp8Decoder::new().unwrap());
    let mut now = Instant::now();
    let mut last: Option<Header> = None;
    for number in 0..30 {
        let colour = if number % 2 == 0 { RED } else { BLUE };
        let packets = camera.picture(colour);
        let to_phone = pass(&mut there, &packets, now);
        assert!(!to_phone.is_empty(), "{number}");
        assert_eq!(has_idr(&to_phone), number == 0);
        h264.decode(&annex_b(&to_phone), |picture| is_colour(picture, colour))
            .unwrap()
            .unwrap();
        let to_page = pass(&mut back, &to_phone, now);
        assert!(!to_page.is_empty(), "{number}");
        let frame = frame_of(&to_page);
        assert_eq!(is_key_frame(&frame), number == 0);
        vp8.decode(&frame, |picture| {
            assert_eq!((picture.width(), picture.height()), (320, 240));
            is_colour(picture, colour);
        })
        .unwrap()
        .unwrap();
        for (place, packet) in to_page.iter().enumerate() {
            let this = header(packet);
            assert_eq!(this.ssrc, OUT.ssrc);
            assert!(packet.len() <= 12 + 1_200);
            assert_eq!(this.marker, place + 1 == to_page.len());
            if let Some(last) = last {
                assert_eq!(this.sequence, last.sequence.wrapping_add(1));
                let step = this.timestamp.wrapping_sub(last.timestamp);
                assert_eq!(step, if place == 0 { PICTURE } else { 0 });
            }
            last = Some(this);
        }
        now += Duration::from_millis(40);
    }
    // The line of the sender reports is that of the packets.
    let info = back.sender_info(now, 7).unwrap();
    assert_eq!(
        info.rtp_timestamp,
        last.unwrap().timestamp.wrapping_add(PICTURE)
    );
    let counters = back.counters();
    assert_eq!(
        (counters.frames_in, counters.frames, counters.frames_dropped),
        (30, 30, 0)
    );
    assert!(!back.take_key_frame_request(now) && !there.take_key_frame_request(now));
}

#[test]
fn behind_a_loss_the_source_is_asked_and_nothing_broken_is_shown() {
    let mut camera = Camera::new(640, 360);
    let mut way = way(VideoCodec::Vp8, to_h264("42e01f"));
    let mut now = Instant::now();
    assert!(!pass(&mut way, &camera.picture(RED), now).is_empty());
    camera.picture(BLUE);
    // Its packets are lost; those of the next wait for them, as long as they may be sent again.
    now += Duration::from_millis(40);
    let next = camera.picture(RED);
    assert!(pass(&mut way, &next, now).is_empty());
    assert!(!way.take_key_frame_request(now));
    let due = way.poll_timeout().unwrap();
    assert_eq!(due, now + Duration::from_millis(120));
    let mut out = VideoOutput::new();
    way.handle_timeout(due, &mut out);
    let shown = work(&mut way, due);
    assert!(shown.is_empty(), "{:?} {:?}", way.counters(), shown.len());
    assert!(way.take_key_frame_request(due));
    // Until a key frame comes nothing leaves.
    assert!(pass(&mut way, &camera.picture(BLUE), due).is_empty());
    camera.wants_key = true;
    let shown = pass(&mut way, &camera.picture(RED), due);
    assert!(has_idr(&shown) || !shown.is_empty());
    let last = due + Duration::from_secs(5);
    assert!(!way.take_key_frame_request(last));
}

#[test]
fn a_packet_that_was_sent_again_costs_no_frame() {
    let mut camera = Camera::new(320, 240);
    let mut way = way(VideoCodec::Vp8, to_h264("42e01f"));
    let mut now = Instant::now();
    assert!(!pass(&mut way, &camera.picture(RED), now).is_empty());
    let (lost, next) = (camera.picture(BLUE), camera.picture(RED));
    now += Duration::from_millis(60);
    assert!(pass(&mut way, &next, now).is_empty());
    now += Duration::from_millis(60);
    assert!(!pass(&mut way, &lost, now).is_empty());
    assert!(!way.take_key_frame_request(now));
    // Both were decoded, and the newer shown.
    let counters = way.counters();
    assert_eq!(
        (counters.frames_in, counters.frames, counters.frames_dropped),
        (3, 2, 1)
    );
}

#[test]
fn the_far_side_gets_a_key_frame_and_the_source_is_left_alone() {
    let mut camera = Camera::new(320, 240);
    let mut way = way(VideoCodec::Vp8, to_h264("42e01f"));
    let mut now = Instant::now();
    let mut keys = 0;
    for _ in 0..25 {
        let shown = pass(&mut way, &camera.picture(RED), now);
        keys += u32::from(has_idr(&shown));
        // However often it asks.
        way.request_key_frame(now);
        assert!(!way.take_key_frame_request(now));
        now += Duration::from_millis(40);
    }
    // One in 300 ms, of one second.
    assert_eq!(keys, 4);
    // One that has stopped is asked for something to show.
    now += Duration::from_secs(2);
    way.request_key_frame(now);
    assert!(way.take_key_frame_request(now));
}

#[test]
fn a_picture_is_as_large_as_the_far_side_takes() {
    for (level, size) in [
        ("42e00d", (416, 234)),
        ("42e01f", (640, 360)),
        ("42e00a", (192, 108)),
    ] {
        let mut camera = Camera::new(640, 360);
        let mut way = way(VideoCodec::Vp8, to_h264(level));
        let shown = pass(&mut way, &camera.picture(BLUE), Instant::now());
        let unit = annex_b(&shown);
        assert_eq!(
            unit[4..8],
            [
                0x67,
                0x42,
                0xC0,
                ProfileLevel::read(level).unwrap().level_idc
            ]
        );
        let seen = H264Decoder::new().unwrap().decode(&unit, |picture| {
            is_colour(picture, BLUE);
            (picture.width(), picture.height())
        });
        assert_eq!(seen.unwrap(), Some(size), "{level}");
    }
}

#[test]
fn no_more_frames_than_the_level_takes() {
    let mut camera = Camera::new(352, 288);
    // 1.1: 3,000 macroblocks a second, of which CIF has 396.
    let target = TranscodeTarget {
        max_kbps: None,
        ..to_h264("42e00b")
    };
    let mut way = way(VideoCodec::Vp8, target);
    let mut now = Instant::now();
    let mut shown = 0;
    for _ in 0..50 {
        shown += u32::from(!pass(&mut way, &camera.picture(RED), now).is_empty());
        now += Duration::from_millis(40);
    }
    assert!((12..=18).contains(&shown), "{shown} in two seconds");
}

#[test]
fn when_there_is_no_time_frames_are_dropped_and_then_all_begins_again() {
    let mut camera = Camera::new(320, 240);
    let mut way = way(VideoCodec::Vp8, to_h264("42e01f"));
    let now = Instant::now();
    feed(&mut way, &camera.picture(RED), now);
    let mut job = way.poll_job(now).unwrap();
    // One is under way: the next wait.
    for _ in 0..3 {
        feed(&mut way, &camera.picture(BLUE), now);
        assert!(way.poll_job(now).is_none());
    }
    job.run();
    let mut out = VideoOutput::new();
    way.finish(job, now, &mut out);
    assert!(out.packets().len() > 0);
    // They are decoded together, and the last is shown.
    let shown = work(&mut way, now);
    assert_eq!(
        header(&shown[0])
            .timestamp
            .wrapping_sub(out.packets().next().unwrap().header.timestamp),
        3 * PICTURE
    );
    assert_eq!(way.counters().frames_dropped, 2);
    feed(&mut way, &camera.picture(RED), now);
    let stuck = way.poll_job(now).unwrap();
    for _ in 0..20 {
        feed(&mut way, &camera.picture(RED), now);
    }
    assert!(way.take_key_frame_request(now));
    out.clear();
    let mut job = stuck;
    job.run();
    way.finish(job, now, &mut out);
    assert!(out.packets().len() > 0, "what was under way is still good");
    assert!(way.poll_job(now).is_none());
    camera.wants_key = true;
    assert!(!pass(&mut way, &camera.picture(BLUE), now).is_empty());
}

#[test]
fn work_of_before_another_source_is_of_no_use() {
    let mut camera = Camera::new(320, 240);
    let mut way = way(VideoCodec::Vp8, to_h264("42e01f"));
    let mut now = Instant::now();
    assert!(!pass(&mut way, &camera.picture(RED), now).is_empty());
    feed(&mut way, &camera.picture(RED), now);
    let mut job = way.poll_job(now).unwrap();
    job.run();
    way.restart();
    assert!(way.take_key_frame_request(now));
    let mut out = VideoOutput::new();
    way.finish(job, now, &mut out);
    assert!(out.is_empty());
    now += Duration::from_secs(1);
    let mut other = Camera::new(640, 480);
    let shown = pass(&mut way, &other.picture(BLUE), now);
    assert!(has_idr(&shown));
    // A job of an older way finds its place taken, and changes nothing.
    feed(&mut way, &other.picture(BLUE), now);
    let job = way.poll_job(now).unwrap();
    way.replan(VideoCodec::H264, to_h264("42e01f"));
    way.replan(VideoCodec::Vp8, to_h264("42e01f"));
    way.finish(job, now, &mut out);
    assert!(out.is_empty() && way.poll_job(now).is_none());
}

#[test]
fn closed_it_does_nothing_and_opened_it_asks() {
    let mut camera = Camera::new(320, 240);
    let mut way = way(VideoCodec::Vp8, to_h264("42e01f"));
    let mut now = Instant::now();
    way.set_open(false);
    assert!(pass(&mut way, &camera.picture(RED), now).is_empty());
    assert_eq!(way.counters().frames_in, 0);
    way.set_open(true);
    assert!(way.take_key_frame_request(now));
    assert!(pass(&mut way, &camera.picture(RED), now).is_empty());
    // Asked again while none has come.
    let soon = Duration::from_millis(250);
    assert_eq!(way.key_frame_due(), Some(now + soon));
    now += soon;
    assert!(way.take_key_frame_request(now));
    camera.wants_key = true;
    assert!(has_idr(&pass(&mut way, &camera.picture(RED), now)));
    assert_eq!(way.key_frame_due(), None);
}

#[test]
fn from_a_relay_to_a_transcoder_the_line_goes_on() {
    let mut way = way(VideoCodec::H264, to_h264("42e01f"));
    assert!(!way.is_transcoded());
    let mut now = Instant::now();
    let mut out = VideoOutput::new();
    let sent = Header {
        marker: true,
        payload_type: 97,
        sequence: 7,
        timestamp: 1,
        ssrc: CAMERA,
    };
    let packet = [&sent.to_bytes()[..], &idr(100)].concat();
    way.handle_rtp(&packet, now, &mut out);
    let last = out.packets().last().unwrap().header;
    way.replan(VideoCodec::Vp8, to_h264("42e01f"));
    assert!(way.is_transcoded());
    now += Duration::from_millis(500);
    let shown = pass(&mut way, &Camera::new(320, 240).picture(RED), now);
    let first = header(&shown[0]);
    assert_eq!(first.ssrc, last.ssrc);
    assert_eq!(first.sequence, last.sequence.wrapping_add(1));
    assert_eq!(first.timestamp.wrapping_sub(last.timestamp), 45_000);
}
