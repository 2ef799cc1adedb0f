//! Numbers as a PBX writes them, and as the box keeps them.
//!
//! Inside the box a public number is E.164 with its `+` (`+4930123456`); whatever has no `+` is an
//! extension or a service number and is passed on as it is.
//!
//! | `number_format` | `+4930123456`, country 49 | `+33145678900`, country 49 | `600` |
//! |---|---|---|---|
//! | `as-dialled` | `+4930123456` | `+33145678900` | `600` |
//! | `e164` | `+4930123456` | `+33145678900` | `600` |
//! | `digits` | `4930123456` | `33145678900` | `600` |
//! | `international` | `004930123456` | `0033145678900` | `600` |
//! | `national` | `030123456` | `0033145678900` | `600` |
//!
//! `outside_prefix` (the digit that takes an outside line) goes before every public number that is
//! called and is taken off what comes in.

use serde::Deserialize;

/// How a trunk writes public numbers; the table of the module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NumberFormat {
    /// Nothing is changed in either direction.
    #[default]
    AsDialled,
    E164,
    Digits,
    International,
    National,
}

/// `[[trunk]] numbering = { … }`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Numbering {
    #[serde(default)]
    pub format: NumberFormat,
    /// Country code without `+`, 1 to 3 digits; needed by `national`.
    #[serde(default)]
    pub country: String,
    /// What stands before a national number; default `0`.
    #[serde(default = "zero")]
    pub national_prefix: String,
    /// What stands before a country code; default `00`.
    #[serde(default = "double_zero")]
    pub international_prefix: String,
    /// What takes an outside line; default nothing.
    #[serde(default)]
    pub outside_prefix: String,
}

fn zero() -> String {
    "0".into()
}

fn double_zero() -> String {
    "00".into()
}

impl Numbering {
    /// What is wrong with it, as a sentence for the admin.
    ///
    /// # Errors
    /// The sentence.
    pub fn check(&self) -> Result<(), String> {
        let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        if !digits(&self.country) || self.country.len() > 3 || self.country.starts_with('0') {
            return Err("`country` is a country code of 1 to 3 digits, without +".to_owned());
        }
        for (key, prefix) in [
            ("national_prefix", &self.national_prefix),
            ("international_prefix", &self.international_prefix),
            ("outside_prefix", &self.outside_prefix),
        ] {
            if !digits(prefix) || prefix.len() > 5 {
                return Err(format!("`{key}` is up to 5 digits"));
            }
        }
        if self.format == NumberFormat::National && self.country.is_empty() {
            return Err("`national` needs `country`".to_owned());
        }
        Ok(())
    }

    /// A number that is called, as this trunk wants to see it.
    pub fn called(&self, number: &str) -> String {
        let written = self.caller(number);
        if number.starts_with('+') && self.format != NumberFormat::AsDialled {
            format!("{}{written}", self.outside_prefix)
        } else {
            written
        }
    }

    /// The caller's number, as this trunk wants to see it.
    pub fn caller(&self, number: &str) -> String {
        let Some(digits) = number.strip_prefix('+') else {
            return number.to_owned();
        };
        match self.format {
            NumberFormat::AsDialled | NumberFormat::E164 => number.to_owned(),
            NumberFormat::Digits => digits.to_owned(),
            NumberFormat::International => format!("{}{digits}", self.international_prefix),
            NumberFormat::National => match digits.strip_prefix(self.country.as_str()) {
                Some(rest) if !self.country.is_empty() => {
                    format!("{}{rest}", self.national_prefix)
                }
                _ => format!("{}{digits}", self.international_prefix),
            },
        }
    }

    /// A number that this trunk sent, as the box keeps it.
    pub fn inward(&self, number: &str) -> String {
        if self.format == NumberFormat::AsDialled || number.starts_with('+') {
            return number.to_owned();
        }
        let plain = match number.strip_prefix(self.outside_prefix.as_str()) {
            Some(rest) if is_public(rest) => rest,
            _ => number,
        };
        if !is_public(plain) {
            return number.to_owned();
        }
        let prefixed = |prefix: &str| {
            Some(prefix)
                .filter(|prefix| !prefix.is_empty())
                .and_then(|prefix| plain.strip_prefix(prefix))
        };
        if let Some(rest) = prefixed(&self.international_prefix) {
            return format!("+{rest}");
        }
        match self.format {
            NumberFormat::National => match prefixed(&self.national_prefix) {
                Some(rest) => format!("+{}{rest}", self.country),
                None => number.to_owned(),
            },
            NumberFormat::Digits => format!("+{plain}"),
            NumberFormat::AsDialled | NumberFormat::E164 | NumberFormat::International => {
                number.to_owned()
            }
        }
    }
}

/// Long enough for a public number; extensions are shorter.
fn is_public(number: &str) -> bool {
    number.len() >= 7 && number.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbering(format: NumberFormat) -> Numbering {
        Numbering {
            format,
            country: "49".into(),
            national_prefix: "0".into(),
            international_prefix: "00".into(),
            outside_prefix: String::new(),
        }
    }

    #[test]
    fn the_table_of_the_module() {
        use NumberFormat::{AsDialled, Digits, E164, International, National};
        for (format, german, french) in [
            (AsDialled, "+4930123456", "+33145678900"),
            (E164, "+4930123456", "+33145678900"),
            (Digits, "4930123456", "33145678900"),
            (International, "004930123456", "0033145678900"),
            (National, "030123456", "0033145678900"),
        ] {
            let numbering = numbering(format);
            for (kept, written) in [
                ("+4930123456", german),
                ("+33145678900", french),
                ("600", "600"),
                ("*43#", "*43#"),
            ] {
                assert_eq!(numbering.called(kept), written, "{format:?}");
                assert_eq!(numbering.caller(kept), written, "{format:?}");
                assert_eq!(numbering.inward(written), kept, "{format:?}");
            }
        }
    }

    #[test]
    fn the_digit_for_an_outside_line_comes_and_goes() {
        let numbering = Numbering {
            outside_prefix: "9".into(),
            ..numbering(NumberFormat::National)
        };
        assert_eq!(numbering.called("+4930123456"), "9030123456");
        assert_eq!(numbering.caller("+4930123456"), "030123456");
        assert_eq!(numbering.called("600"), "600");
        assert_eq!(numbering.inward("9030123456"), "+4930123456");
        assert_eq!(numbering.inward("900"), "900");
    }

    #[test]
    fn what_is_no_number_is_kept() {
        for format in [NumberFormat::National, NumberFormat::Digits] {
            for odd in [
                "",
                "anonymous",
                "0",
                "00",
                "+",
                "\u{e9}0000000",
                "12ab34567890",
            ] {
                assert_eq!(numbering(format).inward(odd), odd);
            }
        }
    }

    #[test]
    fn faults_are_told() {
        let fault = |change: fn(&mut Numbering)| {
            let mut numbering = numbering(NumberFormat::National);
            change(&mut numbering);
            numbering.check().unwrap_err()
        };
        assert!(fault(|n| n.country = "+49".into()).contains("country"));
        assert!(fault(|n| n.country.clear()).contains("needs `country`"));
        assert!(fault(|n| n.national_prefix = "x".into()).contains("national_prefix"));
        assert!(fault(|n| n.outside_prefix = "123456".into()).contains("outside_prefix"));
    }
}
