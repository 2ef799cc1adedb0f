//! Extended reports (RFC 3611): the VoIP metrics block, of which a PBX's own quality figures are made.

use super::{Compound, EXTENDED_REPORT, Packet, u32_at};

/// Type of the block (RFC 3611 section 4.7).
pub(super) const VOIP_METRICS: u8 = 7;
/// Octets of the block behind its own header of four.
const LENGTH: usize = 32;
/// What stands for a level, rating or score that is not known.
pub const UNKNOWN: u8 = 127;

/// One VoIP metrics block (RFC 3611 section 4.7), figures as they stand there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VoipMetrics {
    /// Whose stream it is about.
    pub ssrc: u32,
    /// Of 256, since the stream began; so are the next three.
    pub loss_rate: u8,
    /// Came, but not in time.
    pub discard_rate: u8,
    pub burst_density: u8,
    pub gap_density: u8,
    /// On average, in milliseconds.
    pub burst_ms: u16,
    pub gap_ms: u16,
    /// In milliseconds; 0 when not known.
    pub round_trip_ms: u16,
    /// Of the reporter, in milliseconds.
    pub end_system_ms: u16,
    /// dBm0, two's complement; [`UNKNOWN`].
    pub signal_level: u8,
    pub noise_level: u8,
    /// Residual echo return loss in dB; [`UNKNOWN`].
    pub echo_return_loss: u8,
    /// Packets in a row that end a burst.
    pub min_gap: u8,
    /// 0…100; [`UNKNOWN`]. Of another network behind the reporter: the next.
    pub r_factor: u8,
    pub external_r_factor: u8,
    /// Mean opinion scores in tenths, 10…50; [`UNKNOWN`]. Of listening, and of a conversation.
    pub mos_lq: u8,
    pub mos_cq: u8,
    /// Concealment and kind of jitter buffer (RFC 3611 section 4.7.6).
    pub receiver_configuration: u8,
    /// Jitter buffer in milliseconds: as it is, at its longest, at the longest it can be.
    pub buffer_ms: u16,
    pub buffer_max_ms: u16,
    pub buffer_limit_ms: u16,
}

impl VoipMetrics {
    /// Nothing known of a stream.
    pub const fn unknown(ssrc: u32) -> Self {
        Self {
            ssrc,
            loss_rate: 0,
            discard_rate: 0,
            burst_density: 0,
            gap_density: 0,
            burst_ms: 0,
            gap_ms: 0,
            round_trip_ms: 0,
            end_system_ms: 0,
            signal_level: UNKNOWN,
            noise_level: UNKNOWN,
            echo_return_loss: UNKNOWN,
            min_gap: 16,
            r_factor: UNKNOWN,
            external_r_factor: UNKNOWN,
            mos_lq: UNKNOWN,
            mos_cq: UNKNOWN,
            receiver_configuration: 0,
            buffer_ms: 0,
            buffer_max_ms: 0,
            buffer_limit_ms: 0,
        }
    }

    pub(super) fn to_bytes(self) -> [u8; LENGTH] {
        let [s0, s1, s2, s3] = self.ssrc.to_be_bytes();
        let [b0, b1] = self.burst_ms.to_be_bytes();
        let [g0, g1] = self.gap_ms.to_be_bytes();
        let [r0, r1] = self.round_trip_ms.to_be_bytes();
        let [e0, e1] = self.end_system_ms.to_be_bytes();
        let [n0, n1] = self.buffer_ms.to_be_bytes();
        let [m0, m1] = self.buffer_max_ms.to_be_bytes();
        let [l0, l1] = self.buffer_limit_ms.to_be_bytes();
        [
            s0,
            s1,
            s2,
            s3,
            self.loss_rate,
            self.discard_rate,
            self.burst_density,
            self.gap_density,
            b0,
            b1,
            g0,
            g1,
            r0,
            r1,
            e0,
            e1,
            self.signal_level,
            self.noise_level,
            self.echo_return_loss,
            self.min_gap,
            self.r_factor,
            self.external_r_factor,
            self.mos_lq,
            self.mos_cq,
            self.receiver_configuration,
            0,
            n0,
            n1,
            m0,
            m1,
            l0,
            l1,
        ]
    }

    fn from_bytes(block: &[u8; LENGTH]) -> Self {
        let [
            _,
            _,
            _,
            _,
            loss_rate,
            discard_rate,
            burst_density,
            gap_density,
            b0,
            b1,
            g0,
            g1,
            r0,
            r1,
            e0,
            e1,
            signal_level,
            noise_level,
            echo_return_loss,
            min_gap,
            r_factor,
            external_r_factor,
            mos_lq,
            mos_cq,
            receiver_configuration,
            _,
            n0,
            n1,
            m0,
            m1,
            l0,
            l1,
        ] = *block;
        Self {
            ssrc: u32_at(block, 0),
            loss_rate,
            discard_rate,
            burst_density,
            gap_density,
            burst_ms: u16::from_be_bytes([b0, b1]),
            gap_ms: u16::from_be_bytes([g0, g1]),
            round_trip_ms: u16::from_be_bytes([r0, r1]),
            end_system_ms: u16::from_be_bytes([e0, e1]),
            signal_level,
            noise_level,
            echo_return_loss,
            min_gap,
            r_factor,
            external_r_factor,
            mos_lq,
            mos_cq,
            receiver_configuration,
            buffer_ms: u16::from_be_bytes([n0, n1]),
            buffer_max_ms: u16::from_be_bytes([m0, m1]),
            buffer_limit_ms: u16::from_be_bytes([l0, l1]),
        }
    }
}

/// The VoIP metrics blocks of a compound's extended reports, in order. Blocks of other types are passed over; what
/// is cut off or of another length ends the packet it is in.
pub fn voip_metrics<'a>(compound: &Compound<'a>) -> impl Iterator<Item = VoipMetrics> + use<'a> {
    compound.packets().flat_map(|packet| {
        let blocks = match packet {
            Packet::Other {
                packet_type: EXTENDED_REPORT,
                body,
                ..
            } => body.get(4..).unwrap_or_default(),
            _ => &[],
        };
        Blocks(blocks)
    })
}

struct Blocks<'a>(&'a [u8]);

impl Iterator for Blocks<'_> {
    type Item = VoipMetrics;

    fn next(&mut self) -> Option<VoipMetrics> {
        loop {
            let (&[kind, _, l0, l1], rest) = self.0.split_first_chunk::<4>()?;
            let length = usize::from(u16::from_be_bytes([l0, l1])) * 4;
            let (block, after) = rest.split_at_checked(length)?;
            self.0 = after;
            if kind == VOIP_METRICS {
                let block = <&[u8; LENGTH]>::try_from(block).ok()?;
                return Some(VoipMetrics::from_bytes(block));
            }
        }
    }
}
