//! Where the far side of a trunk leg wants its packets.

use super::{Address, Media, SdpError, SessionDescription};
use std::net::{IpAddr, SocketAddr};

/// Their address of a section, and whether it is the unspecified one that holds; `last` is where they were before.
///
/// # Errors
/// [`SdpError::Missing`], [`SdpError::Address`], [`SdpError::Family`].
pub(super) fn remote(
    theirs: &SessionDescription,
    section: &Media,
    ours: IpAddr,
    last: Option<SocketAddr>,
) -> Result<(SocketAddr, bool), SdpError> {
    let connection = theirs
        .connection_of(section)
        .ok_or(SdpError::Missing("c="))?;
    let refuse = || SdpError::Address {
        line: connection.line,
        address: match &connection.address {
            Address::Ip(ip) => ip.to_string(),
            Address::Name(name) => name.clone(),
        },
    };
    let ip = connection.address.ip().ok_or_else(refuse)?;
    if ip.is_unspecified() {
        let stand_in = || stand_in(theirs, section, ours);
        return Ok((last.unwrap_or_else(stand_in), true));
    }
    if ip.is_multicast() {
        return Err(refuse());
    }
    if ip.is_ipv4() != ours.to_canonical().is_ipv4() {
        let line = connection.line;
        return Err(SdpError::Family { line, address: ip });
    }
    Ok((SocketAddr::new(ip, section.port), false))
}

/// Some address for a session that begins on hold: nothing is sent to it, and it is not
/// the unspecified one.
fn stand_in(theirs: &SessionDescription, section: &Media, ours: IpAddr) -> SocketAddr {
    let origin = theirs.origin.address.ip();
    let ip = origin
        .filter(|ip| !ip.is_unspecified() && ip.is_ipv4() == ours.is_ipv4())
        .unwrap_or(ours);
    SocketAddr::new(ip, section.port)
}

/// `a=rtcp:port [IN IP4 address]` (RFC 3605), or the port behind that of RTP.
pub(super) fn remote_rtcp(section: &Media, remote: SocketAddr) -> SocketAddr {
    let next = SocketAddr::new(remote.ip(), remote.port().saturating_add(1));
    let Some(value) = section.value("rtcp") else {
        return next;
    };
    let mut fields = value.split_ascii_whitespace();
    let Some(port) = fields
        .next()
        .and_then(|port| port.parse::<u16>().ok())
        .filter(|port| *port != 0)
    else {
        return next;
    };
    let ip = fields
        .nth(2)
        .and_then(|address| address.parse::<IpAddr>().ok())
        .filter(|ip| !ip.is_unspecified() && ip.is_ipv4() == remote.is_ipv4())
        .unwrap_or(remote.ip());
    SocketAddr::new(ip, port)
}
