//! One relay in virtual time, and the packets of a camera.

mod key_frames;
mod order;
mod passing;
mod property;
mod repair;
mod sizes;
mod sources;
mod transcoding;
mod whole_frames;

use super::*;
use std::time::Duration;

const OUT: OutputIdentity = OutputIdentity {
    ssrc: 0x0B0E,
    first_sequence: 65_530,
    first_timestamp: 0xFFFF_F000,
};
const CAMERA: u32 = 0xCA;
/// Units of the clock between two pictures, 40 ms.
const PICTURE: u32 = 3_600;

fn target(mode: PacketizationMode, max_payload: usize) -> VideoTarget {
    VideoTarget {
        payload_type: 97,
        mode,
        max_payload,
    }
}

fn mode_0() -> VideoTarget {
    target(PacketizationMode::SingleNal, 1_200)
}

fn mode_1() -> VideoTarget {
    target(PacketizationMode::NonInterleaved, 1_200)
}

const SPS_0: [u8; 5] = [0x67, 66, 0xE0, 31, 0x80];
const PPS_0: [u8; 3] = [0x68, 0x80, 0x20];

/// The first slice of an IDR picture.
fn idr(octets: usize) -> Vec<u8> {
    slice(0x65, octets)
}

/// The only slice of another picture.
fn picture(octets: usize) -> Vec<u8> {
    slice(0x41, octets)
}

fn slice(header: u8, octets: usize) -> Vec<u8> {
    let body = (0..octets.max(2) - 2).map(|n| n as u8);
    [header, 0x88].into_iter().chain(body).collect()
}

fn stap(units: &[&[u8]]) -> Vec<u8> {
    let mut payload = vec![24];
    for unit in units {
        payload.extend_from_slice(&(unit.len() as u16).to_be_bytes());
        payload.extend_from_slice(unit);
    }
    payload
}

/// FU-A of a NAL unit, `octets` of it in each.
fn fragments(unit: &[u8], octets: usize) -> Vec<Vec<u8>> {
    let chunks: Vec<&[u8]> = unit[1..].chunks(octets).collect();
    let last = chunks.len() - 1;
    let fragment = |(n, chunk): (usize, &&[u8])| {
        let start = if n == 0 { 0x80 } else { 0 };
        let end = if n == last { 0x40 } else { 0 };
        let head = [(unit[0] & 0xE0) | 28, start | end | (unit[0] & 0x1F)];
        [&head[..], chunk].concat()
    };
    chunks.iter().enumerate().map(fragment).collect()
}

/// A packet of the camera.
#[derive(Clone, Debug)]
struct Packet {
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    marker: bool,
    payload: Vec<u8>,
}

/// `n`th picture's packet with number `sequence`; the marker is set.
fn packet(sequence: u16, n: u32, payload: &[u8]) -> Packet {
    Packet {
        ssrc: CAMERA,
        sequence,
        timestamp: n.wrapping_mul(PICTURE),
        marker: true,
        payload: payload.to_vec(),
    }
}

/// The packets of the `n`th picture: the last has the marker.
fn access_unit(first: u16, n: u32, payloads: &[Vec<u8>]) -> Vec<Packet> {
    let last = payloads.len() - 1;
    let of = |(index, payload): (usize, &Vec<u8>)| Packet {
        marker: index == last,
        ..packet(first.wrapping_add(index as u16), n, payload)
    };
    payloads.iter().enumerate().map(of).collect()
}

/// A packet that left.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Sent {
    header: Header,
    payload: Vec<u8>,
}

/// One relay, its time, and all that left it.
struct Bench {
    relay: VideoRelay,
    now: Instant,
    out: VideoOutput,
    sent: Vec<Sent>,
}

impl Bench {
    fn new(to: VideoTarget) -> Self {
        Self {
            relay: VideoRelay::new(to, OUT),
            now: Instant::now(),
            out: VideoOutput::new(),
            sent: Vec::new(),
        }
    }

    /// A relay through which a key frame went as packet 99, the picture before number 0.
    fn running(to: VideoTarget) -> Self {
        let mut bench = Self::new(to);
        bench.take(&Packet {
            timestamp: 0_u32.wrapping_sub(PICTURE),
            ..packet(99, 0, &idr(10))
        });
        assert_eq!(bench.sent.len(), 1);
        bench.sent.clear();
        bench
    }

    fn take(&mut self, packet: &Packet) {
        let header = Header {
            marker: packet.marker,
            payload_type: 109,
            sequence: packet.sequence,
            timestamp: packet.timestamp,
            ssrc: packet.ssrc,
        };
        let datagram = [&header.to_bytes()[..], &packet.payload].concat();
        self.relay.handle_rtp(&datagram, self.now, &mut self.out);
        self.drain();
    }

    fn take_all<'a>(&mut self, packets: impl IntoIterator<Item = &'a Packet>) {
        packets.into_iter().for_each(|packet| self.take(packet));
    }

    /// Time passes; what falls due meanwhile is done when it is due.
    fn wait(&mut self, milliseconds: u64) {
        let end = self.now + Duration::from_millis(milliseconds);
        for turn in 0.. {
            assert!(turn < 1_000, "a timer that never moves on");
            let Some(due) = self.relay.poll_timeout().filter(|due| *due <= end) else {
                break;
            };
            self.now = self.now.max(due);
            self.relay.handle_timeout(self.now, &mut self.out);
            self.drain();
        }
        self.now = end;
    }

    fn drain(&mut self) {
        for packet in self.out.packets() {
            assert_eq!(packet.bytes[..12], packet.header.to_bytes());
            self.sent.push(Sent {
                header: packet.header,
                payload: packet.payload().to_vec(),
            });
        }
        self.out.clear();
    }

    fn asks(&mut self) -> bool {
        self.relay.take_key_frame_request(self.now)
    }

    fn counters(&self) -> VideoCounters {
        *self.relay.counters()
    }

    fn payloads(&self) -> Vec<&[u8]> {
        self.sent.iter().map(|sent| &sent.payload[..]).collect()
    }

    /// Sequence numbers, counted from the first that ever leaves.
    fn numbers(&self) -> Vec<u16> {
        let of = |sent: &Sent| sent.header.sequence.wrapping_sub(OUT.first_sequence);
        self.sent.iter().map(of).collect()
    }

    /// Timestamps, counted from the first that ever leaves.
    fn timestamps(&self) -> Vec<u32> {
        let of = |sent: &Sent| sent.header.timestamp.wrapping_sub(OUT.first_timestamp);
        self.sent.iter().map(of).collect()
    }

    fn markers(&self) -> Vec<bool> {
        self.sent.iter().map(|sent| sent.header.marker).collect()
    }
}

/// The NAL units in packets that have all come, as a strict receiver sees them.
fn units(sent: &[Sent]) -> Vec<Vec<u8>> {
    let mut units = Vec::new();
    let mut open: Option<Vec<u8>> = None;
    for Sent { payload, .. } in sent {
        match payload[0] & 0x1F {
            1..=23 => {
                assert_eq!(open, None);
                units.push(payload.clone());
            }
            24 => {
                assert_eq!(open, None);
                let mut rest = &payload[1..];
                while let [high, low, after @ ..] = rest {
                    let (unit, after) = after.split_at(u16::from_be_bytes([*high, *low]).into());
                    units.push(unit.to_vec());
                    rest = after;
                }
            }
            28 => {
                let (is_start, is_end) = (payload[1] & 0x80 != 0, payload[1] & 0x40 != 0);
                assert!(!(is_start && is_end));
                if is_start {
                    assert_eq!(open, None);
                    open = Some(vec![(payload[0] & 0xE0) | (payload[1] & 0x1F)]);
                }
                let unit = open.as_mut().expect("a start");
                unit.extend_from_slice(&payload[2..]);
                if is_end {
                    units.extend(open.take());
                }
            }
            other => panic!("type {other}"),
        }
    }
    assert_eq!(open, None);
    units
}
