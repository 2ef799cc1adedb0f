//! A PBX's ear: a small fixed buffer, as gateways and telephones have one.
//!
//! Playing begins [`BUFFER`] after the first packet came, and goes on by the clock. A packet that comes when it should
//! have been played is not heard, and nothing is in its place; when [`GIVE_UP`] in a row come late, or one comes far too
//! early, playing begins anew with it. Nothing is concealed.

use causeway_media::g711::Law;
use std::time::Duration;

/// What is kept.
pub const BUFFER: Duration = Duration::from_millis(40);
const FULL: Duration = Duration::from_millis(200);
/// Late packets in a row.
const GIVE_UP: u32 = 5;

/// One packet of G.711 that came.
#[derive(Debug, Clone)]
pub struct Arrival {
    pub at: Duration,
    pub timestamp: u32,
    pub payload: Vec<u8>,
}

/// What it hears.
#[derive(Debug, Clone, Default)]
pub struct Heard {
    pub sound: Vec<i16>,
    /// Packets that came too late.
    pub late: u32,
}

/// Plays `arrivals` (in the order in which they came) of µ-law.
pub fn listen(arrivals: &[Arrival]) -> Heard {
    let mut heard = Heard::default();
    let Some(first) = arrivals.first() else {
        return heard;
    };
    let samples = |time: Duration| (time.as_micros() * 8 / 1_000) as i64;
    let buffer = samples(BUFFER);
    // Play-out position (samples since the start) of the packet with the first timestamp.
    let mut base = samples(first.at) + buffer;
    let start = base;
    let mut row = 0;
    for arrival in arrivals {
        let ahead = i64::from(arrival.timestamp.wrapping_sub(first.timestamp) as i32);
        let came = samples(arrival.at);
        let mut plays = base + ahead;
        if came > plays && row < GIVE_UP {
            row += 1;
            heard.late += 1;
            continue;
        }
        if came > plays || plays - came > samples(FULL) {
            base += came + buffer - plays;
            plays = base + ahead;
        }
        row = 0;
        let at = usize::try_from(plays - start).unwrap_or(0);
        if heard.sound.len() < at + arrival.payload.len() {
            heard.sound.resize(at + arrival.payload.len(), 0);
        }
        for (sample, octet) in heard.sound[at..].iter_mut().zip(&arrival.payload) {
            *sample = Law::Mu.decode(*octet);
        }
    }
    heard
}

/// How many samples `heard` lags behind `said`, by the likeness of their loudness; the search covers −1 to 4 s.
pub fn lag(said: &[i16], heard: &[i16]) -> i64 {
    const HOP: usize = 40;
    let loudness = |sound: &[i16]| -> Vec<f64> {
        sound
            .chunks(HOP)
            .map(|c| {
                c.iter()
                    .map(|s| f64::from(s.unsigned_abs()))
                    .sum::<f64>()
                    .sqrt()
            })
            .collect()
    };
    let (said, heard) = (loudness(said), loudness(heard));
    let likeness = |lag: i64| -> f64 {
        let pairs = (0_i64..).zip(&said);
        pairs
            .filter_map(|(n, s)| Some(s * heard.get(usize::try_from(n + lag).ok()?)?))
            .sum()
    };
    let best = (-200..800).max_by(|a, b| likeness(*a).total_cmp(&likeness(*b)));
    best.unwrap_or(0) * HOP as i64
}
