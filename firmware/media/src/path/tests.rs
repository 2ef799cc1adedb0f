//! One path, or two back to back, in virtual time.

mod comfort;
mod continuity;
mod digits;
mod jitter;
mod noise;
mod sound;
mod tones_in;

use super::*;
use crate::g711::Law;
use crate::g722;
use crate::opus::{Bandwidth, Decoder, Encoded, Encoder, EncoderSettings, MAX_PACKET, MAX_SAMPLES};
use crate::plan::{AudioCodec, DtmfFormat};
use crate::rtp::Header;

pub(super) const OUT: OutputIdentity = OutputIdentity {
    ssrc: 0x0B0E,
    first_sequence: 65_530,
    first_timestamp: 0xFFFF_F000,
};

pub(super) fn format(codec: AudioCodec) -> AudioFormat {
    let (payload_type, dtmf) = match codec {
        AudioCodec::Opus => (111, 110),
        AudioCodec::Pcmu => (0, 101),
        AudioCodec::Pcma => (8, 101),
        AudioCodec::G722 => (9, 101),
    };
    AudioFormat {
        codec,
        payload_type,
        ptime_ms: 20,
        dtmf: Some(DtmfFormat {
            payload_type: dtmf,
            clock_rate: codec.clock_rate(),
        }),
    }
}

/// A packet that left a path.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) at: Duration,
    pub(super) header: Header,
    pub(super) payload: Vec<u8>,
}

/// One path, its time, and all that left it.
pub(super) struct Bench {
    pub(super) path: Path,
    start: Instant,
    pub(super) now: Instant,
    out: Output,
    pub(super) sent: Vec<Sent>,
    pub(super) events: Vec<PathEvent>,
}

impl Bench {
    pub(super) fn new(from: AudioFormat, to: AudioFormat) -> Self {
        let start = Instant::now();
        Self {
            path: Path::new(from, to, OUT).unwrap(),
            start,
            now: start,
            out: Output::new(),
            sent: Vec::new(),
            events: Vec::new(),
        }
    }

    /// Time passes; what falls due meanwhile is done when it is due.
    pub(super) fn wait(&mut self, milliseconds: u64) {
        let end = self.now + Duration::from_millis(milliseconds);
        for turn in 0.. {
            assert!(turn < 100_000, "a timer that never moves on");
            let Some(due) = self.path.poll_timeout().filter(|at| *at <= end) else {
                break;
            };
            self.now = self.now.max(due);
            self.timeout();
        }
        self.now = end;
    }

    pub(super) fn timeout(&mut self) {
        self.path.handle_timeout(self.now, &mut self.out);
        self.collect();
    }

    pub(super) fn rtp(&mut self, header: Header, payload: &[u8]) {
        let mut datagram = header.to_bytes().to_vec();
        datagram.extend_from_slice(payload);
        self.path.handle_rtp(&datagram, self.now, &mut self.out);
        self.collect();
    }

    fn collect(&mut self) {
        for packet in self.out.packets() {
            let read = rtp::read(packet.bytes).unwrap();
            assert_eq!(read.header, packet.header);
            assert_eq!(read.payload, packet.payload());
            self.sent.push(Sent {
                at: self.now - self.start,
                header: packet.header,
                payload: packet.payload().to_vec(),
            });
        }
        self.events.extend_from_slice(self.out.events());
        self.out.clear();
    }

    /// Checks the invariant of every output: one SSRC, numbers without a hole (but for
    /// `holes`), timestamps that never go back and agree with real time.
    pub(super) fn assert_one_line(&self, clock_rate: u32, holes: u16) {
        let mut skipped = 0;
        for pair in self.sent.windows(2) {
            let [a, b] = pair else { unreachable!() };
            assert_eq!(b.header.ssrc, OUT.ssrc);
            let step = b.header.sequence.wrapping_sub(a.header.sequence);
            assert!(step >= 1, "{a:?} {b:?}");
            skipped += step - 1;
            let ahead = b.header.timestamp.wrapping_sub(a.header.timestamp) as i32;
            assert!(ahead >= 0, "back in time: {a:?} {b:?}");
            let passed = (b.at - a.at).as_secs_f64();
            let told = f64::from(ahead) / f64::from(clock_rate);
            assert!(
                (told - passed).abs() < 0.150,
                "{told} s told, {passed} s passed: {a:?} {b:?}"
            );
        }
        assert_eq!(skipped, holes);
    }
}

/// A source of sound in one codec, 20 ms a packet.
pub(super) struct Source {
    codec: AudioCodec,
    pub(super) header: Header,
    encoder: Encoder,
    g722: g722::Encoder,
    hz: f32,
    position: usize,
}

pub(super) const AMPLITUDE: f32 = 8_000.0;

impl Source {
    pub(super) fn new(codec: AudioCodec, hz: f32) -> Self {
        let settings = EncoderSettings {
            expected_loss_percent: 10,
            ..EncoderSettings::default()
        };
        Self {
            codec,
            header: Header {
                marker: true,
                payload_type: format(codec).payload_type,
                sequence: 65_500,
                timestamp: 0xFFFF_0000,
                ssrc: 77,
            },
            encoder: Encoder::new(Bandwidth::Narrow, settings).unwrap(),
            g722: g722::Encoder::default(),
            hz,
            position: 0,
        }
    }

    /// The next packet of `samples` (at 8 kHz).
    pub(super) fn packet_of(&mut self, samples: usize) -> (Header, Vec<u8>) {
        let tone = |rate: usize| -> Vec<i16> {
            let begin = self.position * rate / 8_000;
            (begin..begin + samples * rate / 8_000)
                .map(|n| {
                    let turn = n as f64 * f64::from(self.hz) / rate as f64;
                    ((turn * std::f64::consts::TAU).sin() as f32 * AMPLITUDE) as i16
                })
                .collect()
        };
        let (pcm, wide) = (tone(8_000), tone(16_000));
        self.position += samples;
        let header = self.header;
        self.header.sequence = header.sequence.wrapping_add(1);
        let units = samples as u32 * (self.codec.clock_rate() / 8_000);
        self.header.timestamp = header.timestamp.wrapping_add(units);
        self.header.marker = false;
        let payload = match Law::of(self.codec) {
            Some(law) => pcm.iter().map(|sample| law.encode(*sample)).collect(),
            None if self.codec == AudioCodec::G722 => {
                let mut octets = vec![0; samples];
                self.g722.encode(&wide, &mut octets);
                octets
            }
            None => {
                let mut packet = [0; MAX_PACKET];
                let Encoded::Packet(octets) = self.encoder.encode(&pcm, &mut packet).unwrap()
                else {
                    panic!("a tone is no silence");
                };
                packet[..octets].to_vec()
            }
        };
        (header, payload)
    }

    pub(super) fn packet(&mut self) -> (Header, Vec<u8>) {
        self.packet_of(160)
    }

    /// `count` packets into a bench, one each 20 ms.
    pub(super) fn play(&mut self, bench: &mut Bench, count: usize) {
        for _ in 0..count {
            bench.wait(20);
            let (header, payload) = self.packet();
            bench.rtp(header, &payload);
        }
    }
}

/// What a listener hears of the packets sent.
pub(super) fn listen(codec: AudioCodec, sent: &[Sent]) -> Vec<i16> {
    let mut decoder = Decoder::new(Bandwidth::Narrow).unwrap();
    let mut g722 = g722::Decoder::default();
    let mut pcm = [0; MAX_SAMPLES];
    let mut heard = Vec::new();
    for packet in sent {
        match Law::of(codec) {
            Some(law) => heard.extend(packet.payload.iter().map(|octet| law.decode(*octet))),
            None if codec == AudioCodec::G722 => {
                let samples = g722.decode_narrow(&packet.payload, &mut pcm);
                heard.extend_from_slice(&pcm[..samples]);
            }
            None => {
                let samples = decoder.decode(&packet.payload, &mut pcm).unwrap();
                heard.extend_from_slice(&pcm[..samples]);
            }
        }
    }
    heard
}

/// Amplitude of one frequency in a sound (Goertzel).
pub(super) fn amplitude(sound: &[i16], hz: f64) -> f64 {
    let step = std::f64::consts::TAU * hz / 8_000.0;
    let coefficient = 2.0 * step.cos();
    let (mut last, mut before) = (0.0, 0.0);
    for sample in sound {
        let next = f64::from(*sample) + coefficient * last - before;
        before = last;
        last = next;
    }
    let power = last * last + before * before - coefficient * last * before;
    2.0 * power.max(0.0).sqrt() / sound.len() as f64
}

pub(super) fn rms(sound: &[i16]) -> f64 {
    let energy: f64 = sound.iter().map(|s| f64::from(*s) * f64::from(*s)).sum();
    (energy / sound.len().max(1) as f64).sqrt()
}
