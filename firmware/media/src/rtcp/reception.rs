use super::{ReportBlock, SenderInfo};
use crate::rtp::Header;
use std::time::{Duration, Instant};

/// Sequence numbers may run ahead by this much before they count as a restart
/// (RFC 3550 appendix A.1, MAX_DROPOUT).
const MAX_DROPOUT: u16 = 3_000;
/// … and lag by this much (MAX_MISORDER).
const MAX_MISORDER: u16 = 100;

/// What RFC 3550 appendices A.1, A.3 and A.8 keep about the source that is heard now. Another
/// SSRC starts afresh; the totals go on.
#[derive(Clone, Debug)]
pub struct ReceptionStats {
    clock_rate: u32,
    source: Option<Source>,
    /// Of sources before the present one.
    earlier_received: u64,
    earlier_lost: u64,
}

#[derive(Clone, Debug)]
struct Source {
    ssrc: u32,
    /// Arrival times are counted from here.
    epoch: Instant,
    base: u32,
    /// Extended: cycles in the upper 16 bits.
    highest: u32,
    /// The number that a restarted source would send next.
    probation: Option<u16>,
    received: u64,
    expected_before: u64,
    received_before: u64,
    transit: Option<u32>,
    timestamp: u32,
    /// Sixteenths of a clock unit.
    jitter: u32,
    last_sr: Option<(u32, Instant)>,
}

impl ReceptionStats {
    /// `clock_rate` of the stream's timestamps in Hz.
    pub const fn new(clock_rate: u32) -> Self {
        Self {
            clock_rate,
            source: None,
            earlier_received: 0,
            earlier_lost: 0,
        }
    }

    /// The stream has another clock from now on.
    /// The source counts another clock from now on.
    pub fn set_clock_rate(&mut self, clock_rate: u32) {
        if self.clock_rate != clock_rate {
            self.clock_rate = clock_rate;
            if let Some(source) = &mut self.source {
                source.transit = None;
                source.jitter = 0;
            }
        }
    }

    /// Counts one packet that arrived.
    pub fn on_packet(&mut self, header: &Header, now: Instant) {
        match &mut self.source {
            Some(source) if source.ssrc == header.ssrc => {
                if !source.count(header.sequence) {
                    return;
                }
                source.update_jitter(header.timestamp, self.clock_rate, now);
            }
            Some(_) | None => {
                self.retire();
                let mut source = Source {
                    ssrc: header.ssrc,
                    epoch: now,
                    base: u32::from(header.sequence),
                    highest: u32::from(header.sequence),
                    probation: None,
                    received: 1,
                    expected_before: 0,
                    received_before: 0,
                    transit: None,
                    timestamp: header.timestamp,
                    jitter: 0,
                    last_sr: None,
                };
                source.update_jitter(header.timestamp, self.clock_rate, now);
                self.source = Some(source);
            }
        }
    }

    /// Notes an SR of the source.
    pub fn on_sender_report(&mut self, info: &SenderInfo, now: Instant) {
        if let Some(source) = &mut self.source {
            source.last_sr = Some(((info.ntp >> 16) as u32, now));
        }
    }

    /// The block for the next RR or SR, and the start of the next interval; `None` before the
    /// first packet.
    pub fn report(&mut self, now: Instant) -> Option<ReportBlock> {
        let source = self.source.as_mut()?;
        let expected = source.expected();
        let lost = expected as i64 - source.received as i64;
        let expected_interval = expected.saturating_sub(source.expected_before);
        let received_interval = source.received - source.received_before;
        source.expected_before = expected;
        source.received_before = source.received;
        let lost_interval = expected_interval.saturating_sub(received_interval);
        let fraction = (lost_interval << 8)
            .checked_div(expected_interval)
            .unwrap_or(0);
        let (last_sr, delay) = source.last_sr.map_or((0, 0), |(sr, at)| {
            let delay = now.saturating_duration_since(at).as_micros() * 65_536 / 1_000_000;
            (sr, u32::try_from(delay).unwrap_or(u32::MAX))
        });
        Some(ReportBlock {
            ssrc: source.ssrc,
            fraction_lost: fraction.min(255) as u8,
            cumulative_lost: lost.clamp(-0x80_0000, 0x7F_FFFF) as i32,
            highest_sequence: source.highest,
            jitter: source.jitter >> 4,
            last_sr,
            delay_since_last_sr: delay,
        })
    }

    /// Interarrival jitter.
    pub fn jitter(&self) -> Duration {
        let units = self.source.as_ref().map_or(0, |source| source.jitter >> 4);
        Duration::from_secs(u64::from(units)) / self.clock_rate.max(1)
    }

    /// Packets expected and not received, over all sources so far.
    pub fn lost(&self) -> u64 {
        self.earlier_lost + self.source.as_ref().map_or(0, Source::lost)
    }

    /// Packets received, over all sources so far.
    pub fn received(&self) -> u64 {
        self.earlier_received + self.source.as_ref().map_or(0, |source| source.received)
    }

    /// SSRC of the source that is heard now.
    pub fn ssrc(&self) -> Option<u32> {
        self.source.as_ref().map(|source| source.ssrc)
    }

    fn retire(&mut self) {
        self.earlier_received = self.received();
        self.earlier_lost = self.lost();
        self.source = None;
    }
}

impl Source {
    /// Whether the packet belongs to the stream (appendix A.1).
    fn count(&mut self, sequence: u16) -> bool {
        let ahead = sequence.wrapping_sub(self.highest as u16);
        if ahead < MAX_DROPOUT {
            self.highest = self.highest.wrapping_add(u32::from(ahead));
        } else if ahead <= u16::MAX - MAX_MISORDER {
            if self.probation != Some(sequence) {
                self.probation = Some(sequence.wrapping_add(1));
                return false;
            }
            // Two in a row: the far side restarted. Everything so far stays expected.
            let expected = self.expected().max(self.received) as u32;
            self.highest = u32::from(sequence);
            self.base = self.highest.wrapping_sub(expected);
            self.transit = None;
        }
        // Else: late or twice, and counted as received, as appendix A.3 wants it.
        self.probation = None;
        self.received += 1;
        true
    }

    fn expected(&self) -> u64 {
        u64::from(self.highest.wrapping_sub(self.base)) + 1
    }

    fn lost(&self) -> u64 {
        self.expected().saturating_sub(self.received)
    }

    fn update_jitter(&mut self, timestamp: u32, clock_rate: u32, now: Instant) {
        let elapsed = now.saturating_duration_since(self.epoch).as_micros();
        let arrival = (elapsed * u128::from(clock_rate) / 1_000_000) as u32;
        let transit = arrival.wrapping_sub(timestamp);
        // Packets of one event or frame share a timestamp and say nothing about the network.
        let same_moment = self.timestamp == timestamp && self.transit.is_some();
        self.timestamp = timestamp;
        if same_moment {
            return;
        }
        if let Some(before) = self.transit {
            let difference = (transit.wrapping_sub(before) as i32).unsigned_abs();
            if difference < clock_rate.saturating_mul(2) {
                let step = difference as i64 - ((i64::from(self.jitter) + 8) >> 4);
                self.jitter = (i64::from(self.jitter) + step).max(0) as u32;
            }
        }
        self.transit = Some(transit);
    }
}

/// Round-trip time from a report block about our stream (RFC 3550 section 6.4.1), where
/// `ntp_now` is our wall clock at its arrival as a 64-bit NTP timestamp; `None` when the far
/// side has not seen an SR of ours, or clocks make it negative.
pub fn round_trip(block: &ReportBlock, ntp_now: u64) -> Option<Duration> {
    if block.last_sr == 0 {
        return None;
    }
    let now = (ntp_now >> 16) as u32;
    let units = now
        .wrapping_sub(block.last_sr)
        .wrapping_sub(block.delay_since_last_sr);
    // More than half the range is a negative difference.
    (units < 1 << 31).then(|| Duration::from_nanos((u64::from(units) * 1_000_000_000) >> 16))
}
