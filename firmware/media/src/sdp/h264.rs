//! What H.264 formats say of themselves in SDP (RFC 6184 section 8.1).
//!
//! Read tolerantly: phones leave out what the standard makes them write, and write what it does not know.

use std::fmt;

/// Profile, constraints and level of a stream: the three octets of `profile-level-id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProfileLevel {
    pub profile_idc: u8,
    pub profile_iop: u8,
    pub level_idc: u8,
}

/// A profile as RFC 6184 table 5 tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    ConstrainedBaseline,
    Baseline,
    Main,
    Extended,
    High,
    ConstrainedHigh,
    Other,
}

impl ProfileLevel {
    /// Constrained Baseline, level 3.1 (720p at 30 frames): what every browser speaks.
    pub const BROWSER: Self = Self {
        profile_idc: 0x42,
        profile_iop: 0xe0,
        level_idc: 31,
    };
    /// Taken of who says nothing, or nothing readable: Constrained Baseline, level 1.3 (CIF at 30 frames). The
    /// standard's own default, level 1, is smaller than anything a phone that leaves it out means.
    pub const UNSTATED: Self = Self {
        profile_idc: 0x42,
        profile_iop: 0xe0,
        level_idc: 13,
    };

    /// Six hexadecimal digits.
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim().trim_matches('"');
        if text.len() != 6 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        let number = u32::from_str_radix(text, 16).ok()?;
        let [_, profile_idc, profile_iop, level_idc] = number.to_be_bytes();
        (level_idc != 0).then_some(Self {
            profile_idc,
            profile_iop,
            level_idc,
        })
    }

    pub const fn profile(self) -> Profile {
        let iop = self.profile_iop;
        match self.profile_idc {
            0x42 if iop & 0x4f == 0x40 => Profile::ConstrainedBaseline,
            0x4d if iop & 0x8f == 0x80 => Profile::ConstrainedBaseline,
            0x58 if iop & 0xcf == 0xc0 => Profile::ConstrainedBaseline,
            0x42 if iop & 0x4f == 0x00 => Profile::Baseline,
            0x58 if iop & 0xcf == 0x80 => Profile::Baseline,
            0x4d if iop & 0xaf == 0x00 => Profile::Main,
            0x58 if iop & 0xcf == 0x00 => Profile::Extended,
            0x64 if iop == 0x00 => Profile::High,
            0x64 if iop & 0x0f == 0x0c => Profile::ConstrainedHigh,
            _ => Profile::Other,
        }
    }

    /// Grows with the level. 1b, which is written as 1.1 with a bit or as 9, stands between 1 and 1.1.
    pub const fn level_rank(self) -> u16 {
        let has_bit =
            matches!(self.profile_idc, 0x42 | 0x4d | 0x58) && self.profile_iop & 0x10 != 0;
        match self.level_idc {
            9 => 21,
            11 if has_bit => 21,
            level => level as u16 * 2,
        }
    }

    /// The same profile at the lower of two levels.
    #[must_use]
    pub const fn at_most(self, other: Self) -> Self {
        if self.level_rank() <= other.level_rank() {
            return self;
        }
        let is_1b = other.level_rank() == 21;
        let bit = if is_1b && self.profile_idc != 0x64 {
            0x10
        } else {
            0
        };
        Self {
            profile_idc: self.profile_idc,
            profile_iop: (self.profile_iop & !0x10) | bit,
            level_idc: if bit != 0 { 11 } else { other.level_idc },
        }
    }
}

impl fmt::Display for ProfileLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (profile, iop, level) = (self.profile_idc, self.profile_iop, self.level_idc);
        write!(f, "{profile:02x}{iop:02x}{level:02x}")
    }
}

/// An `a=fmtp` of H.264.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters {
    pub profile_level: ProfileLevel,
    /// It was there and could be read.
    pub is_stated: bool,
    /// 0 single NAL units, 1 fragments and aggregates, 2 interleaved; 0 when absent or no number.
    pub packetization_mode: u8,
    /// Each side has a level of its own.
    pub level_asymmetry_allowed: bool,
}

impl Parameters {
    /// Of the value behind the payload type; `None` when there is no `a=fmtp`.
    pub fn read(fmtp: Option<&str>) -> Self {
        let mut read = Self {
            profile_level: ProfileLevel::UNSTATED,
            is_stated: false,
            packetization_mode: 0,
            level_asymmetry_allowed: false,
        };
        // Parameter sets are Base64 and may hold `:`, so only what begins like a parameter is one.
        for part in fmtp.unwrap_or_default().split([';', ':']).take(64) {
            let Some((name, value)) = part.split_once('=') else {
                continue;
            };
            let (name, value) = (name.trim(), value.trim());
            if name.eq_ignore_ascii_case("profile-level-id") {
                if let Some(profile_level) = ProfileLevel::read(value) {
                    read.profile_level = profile_level;
                    read.is_stated = true;
                }
            } else if name.eq_ignore_ascii_case("packetization-mode") {
                read.packetization_mode = value.parse().unwrap_or(0);
            } else if name.eq_ignore_ascii_case("level-asymmetry-allowed") {
                read.level_asymmetry_allowed = value == "1";
            }
        }
        read
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(text: &str) -> ProfileLevel {
        ProfileLevel::read(text).unwrap()
    }

    #[test]
    fn profiles_of_table_5() {
        for (text, profile) in [
            ("42e01f", Profile::ConstrainedBaseline),
            ("42c00b", Profile::ConstrainedBaseline),
            ("4d801f", Profile::ConstrainedBaseline),
            ("42001f", Profile::Baseline),
            ("42800d", Profile::Baseline),
            ("4d001f", Profile::Main),
            ("58001f", Profile::Extended),
            ("64001f", Profile::High),
            ("640c1f", Profile::ConstrainedHigh),
            ("f4001f", Profile::Other),
        ] {
            assert_eq!(level(text).profile(), profile, "{text}");
            assert_eq!(level(text).to_string(), text);
        }
        for bad in ["", "42e0", "42e01f00", "42e0zz", "+42e01", "42e000"] {
            assert_eq!(ProfileLevel::read(bad), None, "{bad}");
        }
    }

    #[test]
    fn levels_have_an_order() {
        let ranks =
            ["42e00a", "42f00b", "42e00b", "42e00d", "42e01f"].map(|t| level(t).level_rank());
        assert!(ranks.is_sorted_by(|a, b| a < b), "{ranks:?}");
        assert_eq!(
            level("42e01f").at_most(level("42000d")).to_string(),
            "42e00d"
        );
        assert_eq!(
            level("42e00d").at_most(level("42e01f")).to_string(),
            "42e00d"
        );
        assert_eq!(
            level("42e01f").at_most(level("42f00b")).to_string(),
            "42f00b"
        );
        assert_eq!(
            level("42f00b").at_most(level("42e00a")).to_string(),
            "42e00a"
        );
    }

    #[test]
    fn parameters_in_every_dress() {
        let read = |text| Parameters::read(Some(text));
        let usual = read("profile-level-id=42e01f;level-asymmetry-allowed=1;packetization-mode=1");
        assert!(usual.is_stated && usual.level_asymmetry_allowed);
        assert_eq!(usual.packetization_mode, 1);
        // Seen: a colon for a semicolon, blanks, capitals, quotes.
        let odd =
            read(" Profile-Level-ID = \"42E01F\" ;level-asymmetry-allowed=1:packetization-mode=0");
        assert_eq!(
            odd,
            Parameters {
                packetization_mode: 0,
                ..usual
            }
        );
        for garbage in [
            "",
            "profile-level-id=",
            "profile-level-id=xyz;packetization-mode=x",
            ";;;=;",
        ] {
            let read = read(garbage);
            assert_eq!(
                (read.is_stated, read.packetization_mode),
                (false, 0),
                "{garbage}"
            );
            assert_eq!(read.profile_level, ProfileLevel::UNSTATED);
        }
        assert_eq!(Parameters::read(None), read(""));
    }
}
