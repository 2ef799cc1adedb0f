//! How large pictures of a sequence parameter set are (ITU-T H.264 section 7.3.2.1.1).

/// Octets of a set that are looked at: the size stands near its beginning, behind at most twelve scaling lists.
const LOOKED_AT: usize = 512;

/// Width and height in pixels before cropping, of a whole NAL unit; `None` when it is cut short or not to be believed.
pub fn picture_size(sps: &[u8]) -> Option<(usize, usize)> {
    let body = without_emulation(sps.get(1..)?);
    let mut bits = Bits { body: &body, at: 0 };
    let profile = bits.fixed(8)?;
    // Constraints and level.
    bits.fixed(16)?;
    bits.number()?;
    if matches!(
        profile,
        100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135
    ) {
        let chroma = bits.number()?;
        if chroma == 3 {
            bits.fixed(1)?;
        }
        // Bit depths and the lossless transform.
        bits.number()?;
        bits.number()?;
        bits.fixed(1)?;
        if bits.fixed(1)? == 1 {
            for list in 0..if chroma == 3 { 12 } else { 8 } {
                if bits.fixed(1)? == 1 {
                    scaling_list(&mut bits, if list < 6 { 16 } else { 64 })?;
                }
            }
        }
    }
    bits.number()?;
    match bits.number()? {
        0 => {
            bits.number()?;
        }
        1 => {
            bits.fixed(1)?;
            bits.number()?;
            bits.number()?;
            let cycle = bits.number()?;
            // The standard's own bound.
            for _ in 0..(cycle <= 255).then_some(cycle)? {
                bits.number()?;
            }
        }
        _ => {}
    }
    // Reference frames, and whether there are gaps.
    bits.number()?;
    bits.fixed(1)?;
    let columns = bits.number()?.checked_add(1)?;
    let rows = bits.number()?.checked_add(1)?;
    let fields = 2 - bits.fixed(1)?;
    let pixels = |blocks: u32| usize::try_from(blocks).ok()?.checked_mul(16);
    Some((pixels(columns)?, pixels(rows.checked_mul(fields)?)?))
}

fn scaling_list(bits: &mut Bits<'_>, entries: usize) -> Option<()> {
    let (mut last, mut next) = (8i64, 8i64);
    for _ in 0..entries {
        if next != 0 {
            next = (last + bits.signed()?).rem_euclid(256);
        }
        last = if next == 0 { last } else { next };
    }
    Some(())
}

/// A 3 behind two zeros stands there so that no start code does.
fn without_emulation(unit: &[u8]) -> Vec<u8> {
    let mut body = Vec::with_capacity(unit.len().min(LOOKED_AT));
    let mut zeros = 0;
    for octet in unit.iter().take(LOOKED_AT) {
        if zeros >= 2 && *octet == 3 {
            zeros = 0;
            continue;
        }
        zeros = if *octet == 0 { zeros + 1 } else { 0 };
        body.push(*octet);
    }
    body
}

struct Bits<'a> {
    body: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn fixed(&mut self, count: usize) -> Option<u32> {
        let mut value = 0;
        for _ in 0..count {
            let octet = self.body.get(self.at / 8)?;
            value = (value << 1) | u32::from((octet >> (7 - self.at % 8)) & 1);
            self.at += 1;
        }
        Some(value)
    }

    /// Exp-Golomb without sign (section 9.1).
    fn number(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while self.fixed(1)? == 0 {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        let rest = self.fixed(zeros)?;
        Some((1u32 << zeros) - 1 + rest)
    }

    fn signed(&mut self) -> Option<i64> {
        let number = i64::from(self.number()?);
        Some(if number % 2 == 0 {
            -(number / 2)
        } else {
            (number + 1) / 2
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_that_encoders_wrote() {
        // x264 High 640 × 360 (368 before cropping), and OpenH264 Baseline 320 × 240.
        let high = [
            0x67, 0x64, 0x00, 0x1E, 0xAC, 0xD9, 0x40, 0xA0, 0x2F, 0xF9, 0x70, 0x16, 0xC8,
        ];
        assert_eq!(picture_size(&high), Some((640, 368)));
        let baseline = [0x67, 0x42, 0xC0, 0x0D, 0x8C, 0x8D, 0x40, 0xA0, 0xFC];
        assert_eq!(picture_size(&baseline), Some((320, 240)));
    }

    #[test]
    fn what_is_cut_short_has_no_size() {
        let baseline = [0x67, 0x42, 0xC0, 0x0D, 0x8C, 0x8D, 0x40, 0xA0];
        for length in 0..7 {
            assert_eq!(picture_size(&baseline[..length]), None, "{length}");
        }
        assert_eq!(picture_size(&[0x67, 66, 0, 30, 0, 0, 0, 0, 0, 0]), None);
        assert_eq!(picture_size(&[0xFF; 600]), Some((16, 16)));
    }
}
