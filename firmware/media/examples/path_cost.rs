//! What a transcoded call costs in a path, beside what its bare codec costs.
//!
//! Prints one line of JSON: `bare_us_per_frame` and `path_us_per_frame`, the CPU microseconds
//! of 20 ms of sound both ways (Opus to PCMU and PCMU to Opus), their `ratio`, and how many
//! frames were measured. Build it with `--release`; the argument is the number of seconds of
//! sound (60).

use causeway_media::g711::Law;
use causeway_media::opus::{
    Bandwidth, Decoder, Encoded, Encoder, EncoderSettings, MAX_PACKET, MAX_SAMPLES,
};
use causeway_media::path::{Output, OutputIdentity, Path};
use causeway_media::plan::{AudioCodec, AudioFormat, DtmfFormat};
use causeway_media::rtp::Header;
use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

const FRAME: usize = 160;
/// Turns taken with each; the quickest counts, because others use the machine too.
const TURNS: usize = 5;

/// Something like speech at 8 kHz: syllables of a wandering pitch with its harmonics, a hiss
/// on every third, and pauses.
fn speech(samples: usize) -> Vec<i16> {
    let mut noise = 1_u32;
    let mut phase = 0.0_f32;
    (0..samples)
        .map(|n| {
            let time = n as f32 / 8_000.0;
            let syllable = (time * 4.0).fract();
            let loud = if (time * 0.4).fract() > 0.75 {
                0.0
            } else {
                (syllable * std::f32::consts::PI).sin()
            };
            phase += (120.0 + 40.0 * (time * 1.7).sin()) / 8_000.0;
            let voiced: f32 = (1..12)
                .map(|harmonic| {
                    let harmonic = harmonic as f32;
                    (phase * harmonic * std::f32::consts::TAU).sin() / harmonic
                })
                .sum();
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let hiss = (noise >> 16) as f32 / 32_768.0 - 1.0;
            let hissing = (time * 4.0) as u32 % 3 == 2;
            let sound = if hissing { hiss * 0.4 } else { voiced };
            (sound * loud * 7_000.0 + hiss * 20.0) as i16
        })
        .collect()
}

fn format(codec: AudioCodec, payload_type: u8) -> AudioFormat {
    AudioFormat {
        codec,
        payload_type,
        ptime_ms: 20,
        dtmf: Some(DtmfFormat {
            payload_type: 101,
            clock_rate: codec.clock_rate(),
        }),
    }
}

/// What both ways are fed with: payloads for the bare codec, datagrams for the paths.
struct Material {
    opus: Vec<Vec<u8>>,
    mu_law: Vec<Vec<u8>>,
    opus_packets: Vec<Vec<u8>>,
    mu_law_packets: Vec<Vec<u8>>,
}

impl Material {
    fn new(seconds: usize) -> Result<Self, Box<dyn Error>> {
        let mut encoder = Encoder::new(Bandwidth::Narrow, EncoderSettings::default())?;
        let mut material = Self {
            opus: Vec::new(),
            mu_law: Vec::new(),
            opus_packets: Vec::new(),
            mu_law_packets: Vec::new(),
        };
        for (n, frame) in speech(seconds * 8_000).chunks_exact(FRAME).enumerate() {
            let mut packet = [0; MAX_PACKET];
            let Encoded::Packet(octets) = encoder.encode(frame, &mut packet)? else {
                return Err("silence although DTX is off".into());
            };
            let opus = packet.get(..octets).unwrap_or_default().to_vec();
            let mu_law: Vec<u8> = frame.iter().map(|s| Law::Mu.encode(*s)).collect();
            let datagram = |payload_type, units: usize, payload: &[u8]| {
                let header = Header {
                    marker: n == 0,
                    payload_type,
                    sequence: n as u16,
                    timestamp: (n * units) as u32,
                    ssrc: 1,
                };
                [&header.to_bytes()[..], payload].concat()
            };
            material.opus_packets.push(datagram(111, 960, &opus));
            material.mu_law_packets.push(datagram(0, 160, &mu_law));
            material.opus.push(opus);
            material.mu_law.push(mu_law);
        }
        Ok(material)
    }

    fn bare(&self) -> Result<Duration, Box<dyn Error>> {
        let mut decoder = Decoder::new(Bandwidth::Narrow)?;
        let mut encoder = Encoder::new(Bandwidth::Narrow, EncoderSettings::default())?;
        let mut pcm = [0; MAX_SAMPLES];
        let mut packet = [0; MAX_PACKET];
        let start = Instant::now();
        for (opus, mu_law) in self.opus.iter().zip(&self.mu_law) {
            let samples = decoder.decode(opus, &mut pcm)?;
            Law::Mu.encode_into(pcm.get(..samples).unwrap_or_default(), &mut packet);
            black_box(&packet);
            let samples = Law::Mu.decode_into(mu_law, &mut pcm);
            let sound = pcm.get(..samples).unwrap_or_default();
            black_box(encoder.encode(sound, &mut packet)?);
        }
        Ok(start.elapsed())
    }

    fn through_paths(&self) -> Result<Duration, Box<dyn Error>> {
        let identity = OutputIdentity {
            ssrc: 7,
            first_sequence: 0,
            first_timestamp: 0,
        };
        let web = format(AudioCodec::Opus, 111);
        let trunk = format(AudioCodec::Pcmu, 0);
        let mut to_trunk = Path::new(web, trunk, identity)?;
        let mut to_web = Path::new(trunk, web, identity)?;
        let mut out = Output::new();
        let mut sent = 0;
        let start = Instant::now();
        let mut now = start;
        for (opus, mu_law) in self.opus_packets.iter().zip(&self.mu_law_packets) {
            now += Duration::from_millis(20);
            for (path, packet) in [(&mut to_trunk, opus), (&mut to_web, mu_law)] {
                path.handle_rtp(packet, now, &mut out);
                for packet in out.packets() {
                    sent += 1;
                    black_box(packet.bytes);
                }
                out.clear();
                black_box(path.poll_timeout());
            }
        }
        let elapsed = start.elapsed();
        if sent != self.opus.len() * 2 {
            return Err(format!("{sent} packets left").into());
        }
        Ok(elapsed)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let seconds = match std::env::args().nth(1) {
        Some(seconds) => seconds.parse()?,
        None => 60,
    };
    let material = Material::new(seconds)?;
    let frames = material.opus.len();
    let mut bare = Duration::MAX;
    let mut path = Duration::MAX;
    for _ in 0..TURNS {
        bare = bare.min(material.bare()?);
        path = path.min(material.through_paths()?);
    }
    let per_frame = |time: Duration| time.as_secs_f64() * 1e6 / frames as f64;
    println!(
        "{{\"bare_us_per_frame\": {:.2}, \"path_us_per_frame\": {:.2}, \"ratio\": {:.3}, \"frames\": {frames}}}",
        per_frame(bare),
        per_frame(path),
        per_frame(path) / per_frame(bare),
    );
    Ok(())
}
