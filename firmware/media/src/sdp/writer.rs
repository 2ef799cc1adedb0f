//! The writer: RFC 8866 section 9, lines in the order it demands, ended by CRLF.

use super::{Address, Attribute, SessionDescription};
use std::fmt::{Display, Formatter, Result};
use std::net::IpAddr;

impl Display for SessionDescription {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "v=0\r\n")?;
        let origin = &self.origin;
        write!(
            f,
            "o={} {} {} {}\r\n",
            origin.username, origin.session_id, origin.version, origin.address
        )?;
        write!(f, "s={}\r\n", self.session_name)?;
        if let Some(connection) = &self.connection {
            write!(f, "c={}\r\n", connection.address)?;
        }
        write!(f, "t=0 0\r\n")?;
        attributes(f, &self.attributes)?;
        for media in &self.media {
            write!(f, "m={} {} {}", media.kind, media.port, media.protocol)?;
            for format in &media.formats {
                write!(f, " {format}")?;
            }
            write!(f, "\r\n")?;
            if let Some(connection) = &media.connection {
                write!(f, "c={}\r\n", connection.address)?;
            }
            if let Some(kbps) = media.bandwidth_kbps {
                write!(f, "b=AS:{kbps}\r\n")?;
            }
            attributes(f, &media.attributes)?;
        }
        Ok(())
    }
}

fn attributes(f: &mut Formatter<'_>, attributes: &[Attribute]) -> Result {
    for attribute in attributes {
        match &attribute.value {
            Some(value) => write!(f, "a={}:{value}\r\n", attribute.name)?,
            None => write!(f, "a={}\r\n", attribute.name)?,
        }
    }
    Ok(())
}

impl Display for Address {
    /// With network and address type: `IN IP4 192.0.2.1`.
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Ip(IpAddr::V4(ip)) => write!(f, "IN IP4 {ip}"),
            Self::Ip(IpAddr::V6(ip)) => write!(f, "IN IP6 {ip}"),
            Self::Name(name) => write!(f, "IN IP4 {name}"),
        }
    }
}
