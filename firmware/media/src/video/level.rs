//! What a level of H.264 allows (ITU-T H.264 table A-1), and the size a picture must have for it.

use crate::sdp::h264::ProfileLevel;

/// Bounds of a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Level {
    /// As an encoder is told it; 9 is level 1b.
    pub(super) level_idc: u8,
    /// Macroblocks of a frame.
    pub(super) frame: usize,
    /// Macroblocks a second.
    pub(super) second: usize,
    /// Kilobits a second.
    pub(super) kbps: u32,
}

const fn row(level_idc: u8, second: usize, frame: usize, kbps: u32) -> Level {
    Level {
        level_idc,
        frame,
        second,
        kbps,
    }
}

/// Lowest first; more than 720p at 30 frames a second is not made for anybody.
const LEVELS: [Level; 10] = [
    row(10, 1_485, 99, 64),
    row(9, 1_485, 99, 128),
    row(11, 3_000, 396, 192),
    row(12, 6_000, 396, 384),
    row(13, 11_880, 396, 768),
    row(20, 11_880, 396, 2_000),
    row(21, 19_800, 792, 4_000),
    row(22, 20_250, 1_620, 4_000),
    row(30, 40_500, 1_620, 10_000),
    row(31, 108_000, 3_600, 14_000),
];

impl Level {
    /// The bounds of what a far side takes.
    pub(super) fn of(stated: ProfileLevel) -> Self {
        let rank = |idc: u8| match idc {
            9 => 21,
            idc => u16::from(idc) * 2,
        };
        let [lowest, ..] = LEVELS;
        let mut fitting = LEVELS.iter().rev();
        let fits = fitting.find(|level| rank(level.level_idc) <= stated.level_rank());
        *fits.unwrap_or(&lowest)
    }
}

/// The largest size of this shape, both sides even, with no more than so many macroblocks; never larger than it is.
pub(super) fn fit(width: usize, height: usize, blocks: usize) -> (usize, usize) {
    let covered = |width: usize, height: usize| width.div_ceil(16) * height.div_ceil(16);
    // No side may be longer than the root of eight times the frame (section A.3.1).
    let longest = (blocks * 8).isqrt() * 16;
    let fits = |width: usize, height: usize| {
        covered(width, height) <= blocks && width <= longest && height <= longest
    };
    let even = |size: usize| (size & !1).max(2);
    let (mut wide, mut high) = (even(width), even(height));
    while !fits(wide, high) && wide > 16 {
        // Whole macroblocks side by side.
        wide = (wide - 1) & !15;
        high = even(height * wide / width);
    }
    (wide, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_that_phones_state() {
        let of = |text| Level::of(ProfileLevel::read(text).unwrap()).level_idc;
        assert_eq!(of("42e00a"), 10);
        assert_eq!(of("42f00b"), 9);
        assert_eq!(of("42e00b"), 11);
        assert_eq!(of("42e00d"), 13);
        assert_eq!(of("42e01e"), 30);
        assert_eq!(of("42e01f"), 31);
        assert_eq!(of("428034"), 31);
        assert_eq!(of("42e001"), 10);
    }

    #[test]
    fn sizes_keep_their_shape() {
        // CIF: what is 16:9 is as wide as fits 396 macroblocks.
        let (width, height) = fit(640, 360, 396);
        assert_eq!((width, height), (416, 234));
        assert_eq!(fit(640, 480, 396), (352, 264));
        assert_eq!(fit(352, 288, 396), (352, 288));
        assert_eq!(fit(1_280, 720, 3_600), (1_280, 720));
        assert_eq!(fit(321, 241, 396), (320, 240));
        assert_eq!(fit(176, 144, 99), (176, 144));
        for (width, height) in [(1_920, 1_080), (360, 640), (16_000, 16), (2, 9_000), (1, 1)] {
            for blocks in [99, 396, 3_600] {
                let (wide, high) = fit(width, height, blocks);
                assert!(wide <= width.max(2) && high <= height.max(2));
                assert!(wide <= 16 || wide.div_ceil(16) * high.div_ceil(16) <= blocks);
            }
        }
    }
}
