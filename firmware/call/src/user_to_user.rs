//! The context's token in the dialects of the User-to-User header.
//!
//! | dialect | value for the token `0123456789abcdef01234567` |
//! |---|---|
//! | `rfc7433` | the token itself as hexadecimal data, `;encoding=hex` |
//! | `isdn` | `04`, the token's characters in hexadecimal, `;encoding=hex;purpose=isdn-uui;content=isdn-uui` (RFC 7434) |
//! | `pd-parameter` | the token's characters in hexadecimal, `;pd=04;encoding=hex` |
//! | `avaya` | `04`, `C8` and the length, the token's characters in hexadecimal, perhaps `FA08` and a Universal Call ID, `;encoding=hex` |
//!
//! 04 is the protocol discriminator for IA5 characters (ITU-T Q.931 section 4.5.30). A PBX may return the
//! data in another dialect than it got, cut off or with its own data around it, so reading looks for the
//! token wherever it can stand.

use crate::context::ContextToken;
use causeway_directory::UserToUser;
use std::fmt::Write;

/// What a header can hold that is looked at; the longest legal one has 128 octets as hexadecimal digits.
const MAX_VALUE: usize = 512;

/// An Avaya Universal Call ID: node, sequence number, seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ucid {
    pub node: u16,
    pub sequence: u16,
    pub seconds: u32,
}

/// The header's value; `None` when the dialect is off.
pub fn write(token: &ContextToken, dialect: UserToUser, ucid: Option<Ucid>) -> Option<String> {
    let characters = || {
        token
            .as_str()
            .bytes()
            .fold(String::with_capacity(48), |mut hex, b| {
                let _ = write!(hex, "{b:02X}");
                hex
            })
    };
    match dialect {
        UserToUser::Off => None,
        UserToUser::Rfc7433 => Some(format!("{};encoding=hex", token.as_str())),
        UserToUser::Isdn => Some(format!(
            "04{};encoding=hex;purpose=isdn-uui;content=isdn-uui",
            characters()
        )),
        UserToUser::PdParameter => Some(format!("{};pd=04;encoding=hex", characters())),
        UserToUser::Avaya => {
            let ucid = ucid.map_or_else(String::new, |ucid| {
                let Ucid {
                    node,
                    sequence,
                    seconds,
                } = ucid;
                format!("FA08{node:04X}{sequence:04X}{seconds:08X}")
            });
            let length = token.as_str().len();
            Some(format!(
                "04C8{length:02X}{}{ucid};encoding=hex",
                characters()
            ))
        }
    }
}

/// The token in a header that came, if one is there.
pub fn read(value: &str) -> Option<ContextToken> {
    let value = value.get(..MAX_VALUE).unwrap_or(value);
    let data = value
        .split(';')
        .next()
        .unwrap_or("")
        .trim()
        .trim_matches('"');
    // As it is, or behind a protocol discriminator.
    let bare = [Some(data), data.get(2..)];
    if let Some(token) = bare.into_iter().flatten().find_map(ContextToken::parse) {
        return Some(token);
    }
    let digits: Option<Vec<u8>> = data
        .as_bytes()
        .chunks(2)
        .map(|pair| {
            let pair = std::str::from_utf8(pair)
                .ok()
                .filter(|pair| pair.len() == 2)?;
            u8::from_str_radix(pair, 16).ok()
        })
        .collect();
    let text = digits.unwrap_or_else(|| data.as_bytes().to_vec());
    text.split(|b| !b.is_ascii_hexdigit())
        .filter_map(|run| std::str::from_utf8(run).ok())
        .find_map(ContextToken::parse)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> ContextToken {
        ContextToken::parse("0123456789abcdef01234567").unwrap()
    }

    const UCID: Ucid = Ucid {
        node: 1,
        sequence: 2,
        seconds: 3,
    };

    #[test]
    fn every_dialect_is_written_to_the_letter() {
        let hex = "303132333435363738396162636465663031323334353637";
        for (dialect, expected) in [
            (UserToUser::Off, None),
            (
                UserToUser::Rfc7433,
                Some("0123456789abcdef01234567;encoding=hex".to_owned()),
            ),
            (
                UserToUser::Isdn,
                Some(format!(
                    "04{hex};encoding=hex;purpose=isdn-uui;content=isdn-uui"
                )),
            ),
            (
                UserToUser::PdParameter,
                Some(format!("{hex};pd=04;encoding=hex")),
            ),
            (
                UserToUser::Avaya,
                Some(format!("04C818{hex}FA080001000200000003;encoding=hex")),
            ),
        ] {
            assert_eq!(write(&token(), dialect, Some(UCID)), expected);
        }
    }

    #[test]
    fn every_dialect_is_read_back() {
        for dialect in [
            UserToUser::Rfc7433,
            UserToUser::Isdn,
            UserToUser::PdParameter,
            UserToUser::Avaya,
        ] {
            for ucid in [None, Some(UCID)] {
                let value = write(&token(), dialect, ucid).unwrap();
                assert_eq!(read(&value), Some(token()), "{value}");
                assert_eq!(read(&value.to_lowercase()), Some(token()), "{value}");
            }
        }
        // With a discriminator before raw data, in other hands, and as text.
        for value in [
            "000123456789ABCDEF01234567;encoding=hex",
            "\"0123456789abcdef01234567\";encoding=ascii",
            "id:0123456789abcdef01234567:x",
        ] {
            assert_eq!(read(value), Some(token()), "{value}");
        }
    }

    #[test]
    fn others_data_is_no_token() {
        for value in [
            "",
            ";encoding=hex",
            "00FA080019001038F725B3;encoding=hex",
            "0123456789abcdef0123456;encoding=hex",
            "\u{e9}\u{e9}",
            "0123456789abcdef0123456789abcdef0123456789abcdef01234567",
        ] {
            assert_eq!(read(value), None, "{value}");
        }
        assert_eq!(read(&"4".repeat(10_000)), None);
    }
}
