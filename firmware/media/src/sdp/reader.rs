//! The reader. Accepts what the wild sends and nobody misunderstands: lines ended by LF alone,
//! blank lines, blanks around a line, bytes that are not UTF-8, missing `s=`, `t=` and even
//! `o=`, unknown line types, lines out of order.

use super::{Address, Attribute, Connection, Media, Origin, SdpError, SessionDescription};
use std::net::{IpAddr, Ipv4Addr};

/// Octets of a description.
pub const MAX_SDP: usize = 64 * 1024;
/// m-lines of a description.
pub const MAX_MEDIA: usize = 64;
const MAX_LINES: usize = 4_096;
const MAX_FORMATS: usize = 256;
/// Characters of a line that an error quotes.
const QUOTED: usize = 80;

/// Reads a session description.
///
/// # Errors
/// [`SdpError::TooLarge`], [`SdpError::Line`] with the first line that breaks the grammar, or
/// [`SdpError::Missing`] when there is no `v=`.
pub fn read(bytes: &[u8]) -> Result<SessionDescription, SdpError> {
    if bytes.len() > MAX_SDP {
        return Err(SdpError::TooLarge {
            octets: bytes.len(),
            limit: MAX_SDP,
        });
    }
    let text = String::from_utf8_lossy(bytes);
    let mut description = SessionDescription {
        origin: Origin {
            username: "-".to_owned(),
            session_id: "0".to_owned(),
            version: "0".to_owned(),
            address: Address::Ip(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        },
        session_name: "-".to_owned(),
        connection: None,
        attributes: Vec::new(),
        media: Vec::new(),
    };
    let mut version_seen = false;
    // A bare CR ends no line; it is trimmed off with the blanks.
    for (line, raw) in (1..).zip(text.split('\n')) {
        let content = raw.trim_matches(['\r', ' ', '\t', '\0']);
        if content.is_empty() {
            continue;
        }
        let fault = |reason| fault(line, reason, content);
        if line > MAX_LINES {
            return Err(fault("too many lines"));
        }
        let (kind, value) = content
            .split_once('=')
            .ok_or_else(|| fault("not of the form type=value"))?;
        let value = value.trim_start_matches([' ', '\t']);
        if !version_seen && kind != "v" {
            return Err(fault("the first line is not v="));
        }
        match kind {
            "v" if version_seen => return Err(fault("a second v= line")),
            "v" if value != "0" => return Err(fault("version is not 0")),
            "v" => version_seen = true,
            "o" => description.origin = origin(value).ok_or_else(|| fault("not an origin"))?,
            "s" => description.session_name = value.to_owned(),
            "c" => {
                let address = connection(value).ok_or_else(|| fault("not a connection"))?;
                let connection = Connection { address, line };
                match description.media.last_mut() {
                    // Of several only the first is used: layered multicast is not for us.
                    Some(media) => _ = media.connection.get_or_insert(connection),
                    None => description.connection = Some(connection),
                }
            }
            "a" => {
                let (name, value) = match value.split_once(':') {
                    Some((name, value)) => (name.trim(), Some(value.trim().to_owned())),
                    None => (value, None),
                };
                let attribute = Attribute {
                    name: name.to_owned(),
                    value,
                    line,
                };
                match description.media.last_mut() {
                    Some(media) => media.attributes.push(attribute),
                    None => description.attributes.push(attribute),
                }
            }
            "m" => {
                if description.media.len() == MAX_MEDIA {
                    return Err(fault("too many m-lines"));
                }
                let media = media(value, line).ok_or_else(|| fault("not a media line"))?;
                if media.formats.len() > MAX_FORMATS {
                    return Err(fault("too many formats"));
                }
                description.media.push(media);
            }
            "b" => {
                if let Some(media) = description.media.last_mut() {
                    media.bandwidth_kbps = bandwidth(value).or(media.bandwidth_kbps);
                }
            }
            // Times, keys, information: of no use here. An unknown type is ignored
            // as well (RFC 8866 section 5), as long as it is one.
            kind if kind.len() == 1 && kind.as_bytes().is_ascii() => {}
            _ => return Err(fault("not a line type")),
        }
    }
    if version_seen {
        Ok(description)
    } else {
        Err(SdpError::Missing("v="))
    }
}

fn fault(line: usize, reason: &'static str, content: &str) -> SdpError {
    // What may be a key, however its line is mutilated, is not quoted.
    let secret = content.starts_with("k=") || content.to_ascii_lowercase().contains("inline");
    let text = if secret {
        "…".to_owned()
    } else {
        content.chars().take(QUOTED).collect()
    };
    SdpError::Line { line, reason, text }
}

/// `username id version IN IP4 address`.
fn origin(value: &str) -> Option<Origin> {
    let mut fields = value.split_ascii_whitespace().rev();
    // From behind, because user names with blanks have been seen.
    let address = address(fields.next()?)?;
    let _address_type = fields.next()?;
    let _network_type = fields.next()?;
    let version = fields.next()?;
    let session_id = fields.next()?;
    Some(Origin {
        username: fields.next().unwrap_or("-").to_owned(),
        session_id: session_id.to_owned(),
        version: version.to_owned(),
        address,
    })
}

/// `IN IP4 address[/scope]`.
fn connection(value: &str) -> Option<Address> {
    let mut fields = value.split_ascii_whitespace();
    fields.next().filter(|net| net.eq_ignore_ascii_case("IN"))?;
    fields
        .next()
        .filter(|kind| kind.eq_ignore_ascii_case("IP4") || kind.eq_ignore_ascii_case("IP6"))?;
    address(fields.next()?)
}

/// An address of either family, whatever the field before it claimed.
fn address(text: &str) -> Option<Address> {
    let host = text.split('/').next().unwrap_or(text);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    // An interface index means something on the writer's machine only.
    let unscoped = host.split('%').next().unwrap_or(host);
    if let Ok(ip) = unscoped.parse::<IpAddr>() {
        return Some(Address::Ip(ip.to_canonical()));
    }
    let is_name = !host.is_empty()
        && host.len() <= 255
        && host
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':'));
    is_name.then(|| Address::Name(host.to_owned()))
}

/// `AS:kilobits` or `TIAS:bits`; other kinds and nonsense are no limit.
fn bandwidth(value: &str) -> Option<u32> {
    let (kind, amount) = value.split_once(':')?;
    let amount: u32 = amount.trim().parse().ok()?;
    match kind.trim() {
        kind if kind.eq_ignore_ascii_case("AS") => Some(amount),
        kind if kind.eq_ignore_ascii_case("TIAS") => Some(amount.div_ceil(1_000)),
        _ => None,
    }
}

/// `kind port[/count] protocol format…`.
fn media(value: &str, line: usize) -> Option<Media> {
    let mut fields = value.split_ascii_whitespace();
    let kind = fields.next()?.to_owned();
    let port = fields.next()?;
    let port = port.split('/').next().unwrap_or(port).parse().ok()?;
    Some(Media {
        kind,
        port,
        protocol: fields.next()?.to_owned(),
        formats: fields.map(str::to_owned).collect(),
        connection: None,
        bandwidth_kbps: None,
        attributes: Vec::new(),
        line,
    })
}
