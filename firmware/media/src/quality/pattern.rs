//! How losses lie in a stream: alone, or together.

/// Packets received in a row that end a burst (RFC 3611 section 4.7.2, its recommended Gmin).
pub const MIN_GAP: u8 = 16;

/// Counts of a stream from its beginning; each packet costs some additions.
///
/// The transitions are those of RFC 3611 appendix A.2: state 1 is a packet received in a gap, 4 a loss in a gap,
/// 3 a loss in a burst, 2 a packet received in a burst.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LossPattern {
    received: u64,
    lost: u64,
    /// Holes: losses without a packet between them.
    holes: u64,
    /// Since the last loss.
    run: u64,
    /// Losses of the burst under way.
    burst: u64,
    c11: u64,
    c13: u64,
    c14: u64,
    c22: u64,
    c23: u64,
    c33: u64,
}

/// Bursts and gaps (RFC 3611 section 4.7.2): densities in 1/256, lengths in packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LossShape {
    pub burst_density: u8,
    pub gap_density: u8,
    pub burst_packets: u32,
    pub gap_packets: u32,
}

impl LossPattern {
    /// One packet came, and so many before it did not.
    pub fn note(&mut self, lost: u16) {
        if lost > 0 {
            self.holes += 1;
            for _ in 0..lost {
                self.lose();
            }
        }
        self.received += 1;
        self.run += 1;
    }

    fn lose(&mut self) {
        self.lost += 1;
        if self.run >= u64::from(MIN_GAP) {
            if self.burst == 1 {
                self.c14 += 1;
            } else {
                self.c13 += 1;
            }
            self.burst = 1;
            self.c11 += self.run;
        } else {
            self.burst += 1;
            if self.run == 0 {
                self.c33 += 1;
            } else {
                self.c23 += 1;
                self.c22 += self.run - 1;
            }
        }
        self.run = 0;
    }

    pub const fn received(&self) -> u64 {
        self.received
    }

    pub const fn lost(&self) -> u64 {
        self.lost
    }

    pub const fn holes(&self) -> u64 {
        self.holes
    }

    pub fn shape(&self) -> LossShape {
        let Self {
            c11,
            c13,
            c14,
            c22,
            c23,
            c33,
            ..
        } = *self;
        // As many ways lead out of a burst as into it.
        let (c31, c32) = (c13, c23);
        let share = |part: u64, of: u64| {
            let eighths = (part << 8).checked_div(of).unwrap_or(0);
            eighths.min(255) as u8
        };
        let p23 = if c22 + c23 == 0 {
            1.0
        } else {
            1.0 - c22 as f64 / (c22 + c23) as f64
        };
        let p32 = match c31 + c32 + c33 {
            0 => 0.0,
            all => c32 as f64 / all as f64,
        };
        let has_burst = c13 > 0;
        let burst_density = if has_burst && p23 > 0.0 {
            (256.0 * p23 / (p23 + p32)).min(255.0) as u8
        } else {
            0
        };
        let gap = (c11 + c14 + c13).checked_div(c13);
        let all = c11 + c14 + c13 + c22 + c23 + c31 + c32 + c33;
        let length = |packets: u64| u32::try_from(packets).unwrap_or(u32::MAX);
        LossShape {
            burst_density,
            gap_density: share(c14, c11 + c14),
            burst_packets: length(all.checked_div(c13).unwrap_or(0) - gap.unwrap_or(0)),
            gap_packets: length(gap.unwrap_or(self.received)),
        }
    }
}

/// How much longer the holes are than random losses would make them (G.107: BurstR), at least 1.
pub fn burst_ratio(expected: u64, lost: u64, holes: u64) -> f32 {
    if holes == 0 || expected == 0 {
        return 1.0;
    }
    let share = lost as f32 / expected as f32;
    (lost as f32 / holes as f32 * (1.0 - share)).max(1.0)
}
