//! RTP packets and reception statistics (RFC 3550 sections 5.1, 6.4.1, A.3 and A.8).

use std::time::Duration;

/// A received RTP packet, borrowing its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// The marker bit.
    pub marker: bool,
    /// Payload type, 0…127.
    pub payload_type: u8,
    /// Sequence number.
    pub sequence: u16,
    /// Media timestamp.
    pub timestamp: u32,
    /// Synchronisation source.
    pub ssrc: u32,
    /// What is carried, without padding.
    pub payload: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads a datagram; `None` when it is not a well-formed RTP packet of version 2.
    pub fn read(data: &'a [u8]) -> Option<Self> {
        let (head, mut rest) = data.split_at_checked(12)?;
        if head[0] >> 6 != 2 {
            return None;
        }
        rest = rest.get(usize::from(head[0] & 0x0F) * 4..)?;
        if head[0] & 0x10 != 0 {
            let words = u16::from_be_bytes([*rest.get(2)?, *rest.get(3)?]);
            rest = rest.get(4 + usize::from(words) * 4..)?;
        }
        if head[0] & 0x20 != 0 {
            let padding = usize::from(*rest.last()?);
            if padding == 0 || padding > rest.len() {
                return None;
            }
            rest = &rest[..rest.len() - padding];
        }
        Some(Self {
            marker: head[1] & 0x80 != 0,
            payload_type: head[1] & 0x7F,
            sequence: u16::from_be_bytes([head[2], head[3]]),
            timestamp: u32::from_be_bytes([head[4], head[5], head[6], head[7]]),
            ssrc: u32::from_be_bytes([head[8], head[9], head[10], head[11]]),
            payload: rest,
        })
    }

    /// Writes the packet into `out`, replacing what it held.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.clear();
        out.push(0x80);
        out.push(u8::from(self.marker) << 7 | self.payload_type);
        out.extend_from_slice(&self.sequence.to_be_bytes());
        out.extend_from_slice(&self.timestamp.to_be_bytes());
        out.extend_from_slice(&self.ssrc.to_be_bytes());
        out.extend_from_slice(self.payload);
    }
}

/// What one call's RTP came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize)]
pub struct Figures {
    /// Packets sent.
    pub sent: u64,
    /// Packets received.
    pub received: u64,
    /// Packets expected and never seen.
    pub lost: u64,
    /// Interarrival jitter of the last source, milliseconds.
    pub jitter_ms: f64,
    /// RTCP packets received.
    pub rtcp: u64,
    /// How many different sources (SSRC) were heard.
    pub sources: u64,
}

/// Reception of one source after another.
#[derive(Debug, Default)]
pub struct Reception {
    ssrc: Option<u32>,
    first: i64,
    highest: i64,
    of_source: u64,
    received: u64,
    lost_before: u64,
    sources: u64,
    transit: Option<f64>,
    jitter: f64,
}

/// Where a packet stands among those already seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The next one, or the first of a source.
    Next,
    /// This many were skipped before it.
    After(u64),
    /// Late or twice: its turn has passed.
    Late,
}

impl Reception {
    /// Counts a packet that arrived at `now` (since any fixed instant). The clock rate is 8 kHz.
    pub fn packet(&mut self, packet: &Packet<'_>, now: Duration) -> Place {
        self.received += 1;
        let arrival = now.as_secs_f64() * 8000.0;
        if self.ssrc != Some(packet.ssrc) {
            self.lost_before = self.lost();
            self.ssrc = Some(packet.ssrc);
            self.first = i64::from(packet.sequence);
            self.highest = self.first;
            self.of_source = 1;
            self.sources += 1;
            self.transit = Some(arrival - f64::from(packet.timestamp));
            return Place::Next;
        }
        self.of_source += 1;
        let transit = arrival - f64::from(packet.timestamp);
        if let Some(last) = self.transit.replace(transit) {
            let difference = (transit - last).abs();
            // A jump of more than ten seconds is a wrapped or reset timestamp.
            if difference < 80_000.0 {
                self.jitter += (difference - self.jitter) / 16.0;
            }
        }
        let step = i64::from(packet.sequence.wrapping_sub(self.highest as u16) as i16);
        if step <= 0 {
            return Place::Late;
        }
        self.highest += step;
        if step == 1 {
            Place::Next
        } else {
            Place::After(step as u64 - 1)
        }
    }

    /// Packets received from all sources.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Packets expected but not received, over all sources.
    pub fn lost(&self) -> u64 {
        if self.ssrc.is_none() {
            return 0;
        }
        let expected = (self.highest - self.first + 1).max(0) as u64;
        self.lost_before + expected.saturating_sub(self.of_source)
    }

    /// Interarrival jitter in milliseconds.
    pub fn jitter_ms(&self) -> f64 {
        self.jitter / 8.0
    }

    /// Distinct sources heard so far.
    pub fn sources(&self) -> u64 {
        self.sources
    }

    /// The source heard last.
    pub fn ssrc(&self) -> Option<u32> {
        self.ssrc
    }

    /// The extended highest sequence number, for report blocks.
    pub fn highest(&self) -> u32 {
        self.highest as u32
    }
}

/// A sender report with one report block when something was heard (RFC 3550 section 6.4.1) and the CNAME.
pub fn sender_report(
    ssrc: u32,
    ntp: u64,
    timestamp: u32,
    packets: u64,
    reception: &Reception,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(72);
    let blocks = u8::from(reception.ssrc().is_some());
    out.extend_from_slice(&[0x80 | blocks, 200, 0, 6 + 6 * blocks]);
    out.extend_from_slice(&ssrc.to_be_bytes());
    out.extend_from_slice(&ntp.to_be_bytes());
    out.extend_from_slice(&timestamp.to_be_bytes());
    out.extend_from_slice(&(packets as u32).to_be_bytes());
    out.extend_from_slice(&((packets * 160) as u32).to_be_bytes());
    if let Some(heard) = reception.ssrc() {
        out.extend_from_slice(&heard.to_be_bytes());
        out.extend_from_slice(&(reception.lost().min(0x7F_FFFF) as u32).to_be_bytes());
        out.extend_from_slice(&reception.highest().to_be_bytes());
        out.extend_from_slice(&((reception.jitter_ms() * 8.0) as u32).to_be_bytes());
        out.extend_from_slice(&[0; 8]);
    }
    // SDES with a CNAME of seven characters: 8 + 2 + 7 + padding to a word.
    out.extend_from_slice(&[0x81, 202, 0, 4]);
    out.extend_from_slice(&ssrc.to_be_bytes());
    out.extend_from_slice(&[1, 7]);
    out.extend_from_slice(b"a-phone");
    out.extend_from_slice(&[0; 3]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(sequence: u16, ssrc: u32) -> Packet<'static> {
        Packet {
            marker: false,
            payload_type: 0,
            sequence,
            timestamp: u32::from(sequence) * 160,
            ssrc,
            payload: b"x",
        }
    }

    #[test]
    fn a_packet_reads_as_it_was_written() {
        let mut bytes = Vec::new();
        let sent = Packet {
            marker: true,
            payload_type: 101,
            sequence: 65_535,
            timestamp: 7,
            ssrc: 9,
            payload: b"abc",
        };
        sent.write(&mut bytes);
        assert_eq!(Packet::read(&bytes), Some(sent));
    }

    #[test]
    fn extensions_sources_and_padding_are_skipped_and_nonsense_refused() {
        let mut bytes = vec![
            0xB1, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 1, 1, 1, 1, 0xBE, 0xDE, 0, 1, 9, 9, 9, 9,
        ];
        bytes.extend_from_slice(&[7, 7, 0, 2]);
        assert_eq!(
            Packet::read(&bytes).map(|p| p.payload.to_vec()),
            Some(vec![7, 7])
        );
        assert_eq!(Packet::read(&bytes[..20]), None);
        assert_eq!(Packet::read(&[0x40; 20]), None);
        for length in 0..bytes.len() {
            let _ = Packet::read(&bytes[..length]);
        }
    }

    #[test]
    fn loss_is_counted_over_wrap_and_change_of_source() {
        let mut reception = Reception::default();
        let ms = Duration::from_millis;
        assert_eq!(reception.packet(&packet(65_534, 1), ms(0)), Place::Next);
        assert_eq!(reception.packet(&packet(65_535, 1), ms(20)), Place::Next);
        assert_eq!(reception.packet(&packet(1, 1), ms(60)), Place::After(1));
        assert_eq!(reception.packet(&packet(1, 1), ms(61)), Place::Late);
        // The copy of packet 1 stands in for the lost one, as RFC 3550 counts.
        assert_eq!(reception.lost(), 0);
        assert_eq!(reception.packet(&packet(4, 1), ms(120)), Place::After(2));
        assert_eq!(reception.lost(), 2);
        assert_eq!(reception.packet(&packet(500, 2), ms(140)), Place::Next);
        assert_eq!(
            (reception.lost(), reception.sources(), reception.received()),
            (2, 2, 6)
        );
    }

    #[test]
    fn reports_have_the_length_they_state() {
        let mut reception = Reception::default();
        for blocks in 0..2 {
            let report = sender_report(1, 2, 3, 4, &reception);
            let first = (usize::from(report[3]) + 1) * 4;
            let second = (usize::from(report[first + 3]) + 1) * 4;
            assert_eq!(first + second, report.len(), "{blocks} blocks");
            reception.packet(&packet(1, 1), Duration::ZERO);
        }
    }
}
