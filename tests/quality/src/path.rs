//! The box's path alone, in virtual time: what a PBX's listener gets of a browser's packets.

use crate::chain::{FRAME, PACKET_MS};
use crate::listener::Arrival;
use causeway_harness::impairment::Fate;
use causeway_media::path::{Output, OutputIdentity, Path, PathCounters};
use causeway_media::plan::{AudioCodec, AudioFormat};
use causeway_media::red;
use causeway_media::rtp::Header;
use std::time::{Duration, Instant};

/// Payload type of redundant audio.
const RED: u8 = 63;

fn format(codec: AudioCodec, payload_type: u8) -> AudioFormat {
    AudioFormat {
        codec,
        payload_type,
        ptime_ms: 20,
        dtmf: None,
    }
}

/// When each packet arrives, in the order of arrival: its number and the time since the first was sent.
pub fn arrivals(fates: &[Fate]) -> Vec<(usize, Duration)> {
    let mut last = Duration::ZERO;
    let mut all = Vec::new();
    for (n, fate) in fates.iter().enumerate() {
        let Fate::Delayed { by, overtaken } = *fate else {
            continue;
        };
        let mut at = Duration::from_millis(n as u64 * PACKET_MS) + by;
        if !overtaken {
            at = at.max(last);
            last = at;
        }
        all.push((n, at));
    }
    all.sort_by_key(|(_, at)| *at);
    all
}

/// Sends `packets` of Opus through a path to µ-law; `redundant` puts each into the next as well.
///
/// # Errors
/// A path that cannot be made.
pub fn to_trunk(
    packets: &[Vec<u8>],
    redundant: bool,
    fates: &[Fate],
) -> Result<(Vec<Arrival>, PathCounters), String> {
    let identity = OutputIdentity {
        ssrc: 7,
        first_sequence: 0,
        first_timestamp: 0,
    };
    let mut path = Path::new(
        format(AudioCodec::Opus, 111),
        format(AudioCodec::Pcmu, 0),
        identity,
    )
    .map_err(|e| e.to_string())?;
    path.set_redundancy(redundant.then_some(RED));
    let start = Instant::now();
    let mut out = Output::new();
    let mut sent = Vec::new();
    let mut collect = |out: &mut Output, now: Instant| {
        for packet in out.packets() {
            sent.push(Arrival {
                at: now - start,
                timestamp: packet.header.timestamp,
                payload: packet.payload().to_vec(),
            });
        }
        out.clear();
    };
    for (n, at) in arrivals(fates) {
        let now = start + at;
        while let Some(due) = path.poll_timeout().filter(|due| *due <= now) {
            path.handle_timeout(due, &mut out);
            collect(&mut out, due);
        }
        let header = Header {
            marker: n == 0,
            payload_type: if redundant { RED } else { 111 },
            sequence: n as u16,
            timestamp: (n * FRAME * 6) as u32,
            ssrc: 1,
        };
        let mut datagram = header.to_bytes().to_vec();
        if redundant {
            let before = n.checked_sub(1).map(|n| &packets[n]);
            let heads = before.and_then(|b| red::headers(111, FRAME as u32 * 6, b.len()));
            match (heads, before) {
                (Some(heads), Some(before)) => {
                    datagram.extend_from_slice(&heads);
                    datagram.extend_from_slice(before);
                }
                _ => datagram.push(111),
            }
        }
        datagram.extend_from_slice(&packets[n]);
        path.handle_rtp(&datagram, now, &mut out);
        collect(&mut out, now);
    }
    Ok((sent, *path.counters()))
}
