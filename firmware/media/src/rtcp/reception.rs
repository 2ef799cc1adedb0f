use super::{ReportBlock, SenderInfo};
use crate::rtp::Header;
use std::time::{Duration, Instant};

/// What RFC 3550 appendix A.3 and A.8 keep about one source.
#[derive(Clone, Debug)]
pub struct ReceptionStats {
    clock_rate: u32,
}

impl ReceptionStats {
    /// `clock_rate` of the stream's timestamps in Hz.
    pub fn new(clock_rate: u32) -> Self {
        Self { clock_rate }
    }

    /// Counts one packet that arrived.
    pub fn on_packet(&mut self, header: &Header, now: Instant) {
        let _ = (header, now, self.clock_rate);
    }

    /// Notes an SR of the source.
    pub fn on_sender_report(&mut self, info: &SenderInfo, now: Instant) {
        let _ = (info, now);
    }

    /// The block for the next RR or SR, and the start of the next interval; `None` before the
    /// first packet.
    pub fn report(&mut self, now: Instant) -> Option<ReportBlock> {
        let _ = now;
        None
    }

    /// Interarrival jitter.
    pub fn jitter(&self) -> Duration {
        Duration::ZERO
    }

    /// Packets expected and not received, over all sources so far.
    pub fn lost(&self) -> u64 {
        0
    }

    /// Packets received, over all sources so far.
    pub fn received(&self) -> u64 {
        0
    }
}

/// Round-trip time from a report block about our stream (RFC 3550 section 6.4.1), where
/// `ntp_now` is our wall clock at its arrival as a 64-bit NTP timestamp; `None` when the far
/// side has not seen an SR of ours, or clocks make it negative.
pub fn round_trip(block: &ReportBlock, ntp_now: u64) -> Option<Duration> {
    let _ = (block, ntp_now);
    None
}
