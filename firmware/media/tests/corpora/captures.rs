//! `media-pcap/`: digits and speech that other stacks sent.

use crate::{files, folder};
use causeway_media::path::{Output, OutputIdentity, Path, PathEvent};
use causeway_media::plan::{AudioCodec, AudioFormat, DtmfFormat};
use causeway_media::{dtmf, rtp};
use std::time::{Duration, Instant};

/// UDP payloads of a classic capture file (little-endian, Ethernet, IPv4), with their times.
fn datagrams(capture: &[u8]) -> Vec<(Duration, &[u8])> {
    let word = |at: usize| u32::from_le_bytes(capture[at..at + 4].try_into().unwrap());
    assert_eq!(word(0), 0xA1B2_C3D4, "magic number");
    assert_eq!(word(20), 1, "link type");
    let mut found = Vec::new();
    let mut at = 24;
    while at + 16 <= capture.len() {
        let time = Duration::new(word(at).into(), word(at + 4) * 1_000);
        let length = word(at + 8) as usize;
        let frame = &capture[at + 16..at + 16 + length];
        at += 16 + length;
        let is_udp = frame.len() > 42 && frame[12..14] == [8, 0] && frame[23] == 17;
        if !is_udp {
            continue;
        }
        let ip_header = usize::from(frame[14] & 15) * 4;
        let udp = &frame[14 + ip_header..];
        let udp_length = usize::from(u16::from_be_bytes([udp[4], udp[5]]));
        found.push((time, &udp[8..udp_length.min(udp.len())]));
    }
    found
}

fn captures(prefix: &str) -> Vec<(String, Vec<u8>)> {
    let Some(folder) = folder("media-pcap") else {
        return Vec::new();
    };
    let mut files = files(folder);
    files.retain(|(name, _)| name.starts_with(prefix));
    assert!(!files.is_empty(), "no {prefix}");
    files
}

fn format(codec: AudioCodec, payload_type: u8, event: u8) -> AudioFormat {
    AudioFormat {
        codec,
        payload_type,
        ptime_ms: 20,
        dtmf: Some(DtmfFormat {
            payload_type: event,
            clock_rate: codec.clock_rate(),
        }),
    }
}

const OUT: OutputIdentity = OutputIdentity {
    ssrc: 1,
    first_sequence: 0,
    first_timestamp: 0,
};

#[test]
fn every_digit_is_told_once_and_relayed_once() {
    for (name, capture) in captures("sipp-dtmf_2833_") {
        let stem = name
            .trim_start_matches("sipp-dtmf_2833_")
            .trim_end_matches(".pcap");
        let expected = match stem {
            "star" => '*',
            "pound" => '#',
            digit => digit.chars().next().unwrap(),
        };
        let from = format(AudioCodec::Pcmu, 0, 101);
        let mut path = Path::new(from, format(AudioCodec::Opus, 111, 110), OUT).unwrap();
        let mut out = Output::new();
        let start = Instant::now();
        let packets = datagrams(&capture);
        for (time, datagram) in &packets {
            path.handle_rtp(datagram, start + (*time - packets[0].0), &mut out);
        }
        path.handle_timeout(start + Duration::from_secs(5), &mut out);
        // 0x08C0 units of 8 kHz.
        let digit = PathEvent::Digit {
            digit: expected,
            duration_ms: 280,
        };
        assert_eq!(out.events(), [digit], "{name}");
        let last = out.packets().last().unwrap();
        let event = dtmf::read(last.payload()).unwrap();
        assert_eq!(dtmf::digit_of(event.code), Some(expected), "{name}");
        assert!(event.end, "{name}");
        assert_eq!(event.duration, 280 * 48, "{name}");
        assert_eq!(
            out.packets().filter(|p| p.header.marker).count(),
            1,
            "{name}"
        );
    }
}

#[test]
fn captured_speech_passes_in_all_forms() {
    for (name, capture) in captures("sipp-g711a") {
        let packets = datagrams(&capture);
        let from = format(AudioCodec::Pcma, 8, 101);
        for to in [
            format(AudioCodec::Pcma, 8, 101),
            format(AudioCodec::Pcmu, 0, 101),
            format(AudioCodec::Opus, 111, 110),
        ] {
            let mut path = Path::new(from, to, OUT).unwrap();
            let mut out = Output::new();
            let start = Instant::now();
            let mut octets_in = 0;
            for (time, datagram) in &packets {
                octets_in += rtp::read(datagram).unwrap().payload.len();
                path.handle_rtp(datagram, start + (*time - packets[0].0), &mut out);
            }
            // 30 ms packets in, 20 ms packets out.
            let sent = out.packets().len();
            assert!(
                sent.abs_diff(octets_in / 160) <= 1,
                "{name} → {to:?}: {sent}"
            );
            let counters = path.counters();
            assert_eq!((counters.lost, counters.discarded), (0, 0), "{name}");
        }
    }
}
