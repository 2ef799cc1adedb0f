//! A capture file of kept SIP messages: classic pcap of raw IP packets (link type 101).
//!
//! The packets are made here, one for each message. Over UDP they are what was on the wire, but for
//! the struck-out secrets and for fragments. Over TCP the sequence numbers are made up so that a
//! reader can follow the stream; a message over TLS is shown in clear as TCP, with 5060 in place of
//! port 5061, because a reader would look for TLS records there.

use crate::ladder::{Carrier, SipMessage};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// Of the file format: microseconds, version 2.4.
const MAGIC: u32 = 0xa1b2_c3d4;
const LINKTYPE_RAW: u32 = 101;
/// No packet is larger, so that every length fits into its 16 bits.
const LARGEST_PAYLOAD: usize = 65_000;
const PROTOCOL_UDP: u8 = 17;
const PROTOCOL_TCP: u8 = 6;

/// The file.
pub fn pcap(messages: &[SipMessage]) -> Vec<u8> {
    let size: usize = messages.iter().map(|m| m.bytes.len() + 96).sum();
    let mut file = Vec::with_capacity(24 + size);
    file.extend(MAGIC.to_le_bytes());
    file.extend(2_u16.to_le_bytes());
    file.extend(4_u16.to_le_bytes());
    file.extend([0; 8]);
    file.extend(65_535_u32.to_le_bytes());
    file.extend(LINKTYPE_RAW.to_le_bytes());
    // The next sequence number of each direction of each stream.
    let mut next: HashMap<(SocketAddr, SocketAddr), u32> = HashMap::new();
    for message in messages {
        let (from, to) = ends(message);
        let payload = &message.bytes[..message.bytes.len().min(LARGEST_PAYLOAD)];
        let packet = match message.carrier {
            Carrier::Udp => ip(from, to, PROTOCOL_UDP, udp(from, to, payload)),
            Carrier::Tcp | Carrier::Tls => {
                let acknowledged = *next.entry((to, from)).or_insert(1);
                let sequence = next.entry((from, to)).or_insert(1);
                let segment = tcp(from, to, *sequence, acknowledged, payload);
                *sequence = sequence.wrapping_add(u32::try_from(payload.len()).unwrap_or(0));
                ip(from, to, PROTOCOL_TCP, segment)
            }
        };
        let seconds = message.at_us.div_euclid(1_000_000);
        let micros = message.at_us.rem_euclid(1_000_000);
        let length = u32::try_from(packet.len()).unwrap_or(0);
        file.extend(u32::try_from(seconds).unwrap_or(0).to_le_bytes());
        file.extend(u32::try_from(micros).unwrap_or(0).to_le_bytes());
        file.extend(length.to_le_bytes());
        file.extend(length.to_le_bytes());
        file.extend(packet);
    }
    file
}

/// Source and destination, of one address family.
fn ends(message: &SipMessage) -> (SocketAddr, SocketAddr) {
    let (mut local, mut remote) = (message.local, message.remote);
    remote.set_ip(remote.ip().to_canonical());
    local.set_ip(local.ip().to_canonical());
    if local.is_ipv4() != remote.is_ipv4() {
        local.set_ip(match remote.ip() {
            IpAddr::V4(_) => IpAddr::from([0, 0, 0, 0]),
            IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        });
    }
    if message.carrier == Carrier::Tls {
        for end in [&mut local, &mut remote] {
            if end.port() == 5061 {
                end.set_port(5060);
            }
        }
    }
    if message.sent {
        (local, remote)
    } else {
        (remote, local)
    }
}

fn udp(from: SocketAddr, to: SocketAddr, payload: &[u8]) -> Vec<u8> {
    let mut datagram = Vec::with_capacity(8 + payload.len());
    datagram.extend(from.port().to_be_bytes());
    datagram.extend(to.port().to_be_bytes());
    datagram.extend(length_of(8 + payload.len()));
    datagram.extend([0, 0]);
    datagram.extend(payload);
    // Zero would say that there is none (RFC 768).
    let sum = match checksum(from, to, PROTOCOL_UDP, &datagram) {
        0 => 0xffff,
        sum => sum,
    };
    datagram[6..8].copy_from_slice(&sum.to_be_bytes());
    datagram
}

fn tcp(from: SocketAddr, to: SocketAddr, sequence: u32, ack: u32, payload: &[u8]) -> Vec<u8> {
    /// Header length of five words; PSH and ACK.
    const OFFSET_AND_FLAGS: u16 = 0x5018;
    let mut segment = Vec::with_capacity(20 + payload.len());
    segment.extend(from.port().to_be_bytes());
    segment.extend(to.port().to_be_bytes());
    segment.extend(sequence.to_be_bytes());
    segment.extend(ack.to_be_bytes());
    segment.extend(OFFSET_AND_FLAGS.to_be_bytes());
    segment.extend(0xffff_u16.to_be_bytes());
    segment.extend([0; 4]);
    segment.extend(payload);
    let sum = checksum(from, to, PROTOCOL_TCP, &segment);
    segment[16..18].copy_from_slice(&sum.to_be_bytes());
    segment
}

fn ip(from: SocketAddr, to: SocketAddr, protocol: u8, payload: Vec<u8>) -> Vec<u8> {
    const HOPS: u8 = 64;
    let mut packet = Vec::with_capacity(40 + payload.len());
    match (from.ip(), to.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            packet.extend([0x45, 0]);
            packet.extend(length_of(20 + payload.len()));
            packet.extend([0, 0, 0, 0, HOPS, protocol, 0, 0]);
            packet.extend(from.octets());
            packet.extend(to.octets());
            let sum = !folded(sum_of(&packet, 0));
            packet[10..12].copy_from_slice(&sum.to_be_bytes());
        }
        (from, to) => {
            packet.extend([0x60, 0, 0, 0]);
            packet.extend(length_of(payload.len()));
            packet.extend([protocol, HOPS]);
            packet.extend(octets(from));
            packet.extend(octets(to));
        }
    }
    packet.extend(payload);
    packet
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}

fn length_of(length: usize) -> [u8; 2] {
    u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes()
}

/// Over the pseudo header and the segment (RFC 9293 section 3.1, RFC 8200 section 8.1).
fn checksum(from: SocketAddr, to: SocketAddr, protocol: u8, segment: &[u8]) -> u16 {
    let mut sum = sum_of(&octets(from.ip()), 0);
    sum = sum_of(&octets(to.ip()), sum);
    sum += u32::from(protocol) + u32::try_from(segment.len()).unwrap_or(0);
    !folded(sum_of(segment, sum))
}

fn sum_of(bytes: &[u8], start: u32) -> u32 {
    bytes.chunks(2).fold(start, |sum, pair| {
        let high = pair.first().copied().unwrap_or(0);
        let low = pair.get(1).copied().unwrap_or(0);
        sum + u32::from(u16::from_be_bytes([high, low]))
    })
}

fn folded(mut sum: u32) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    u16::try_from(sum).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(sent: bool, carrier: Carrier, local: &str, remote: &str, text: &str) -> SipMessage {
        SipMessage {
            at_us: 1_700_000_000_250_000,
            sent,
            carrier,
            local: local.parse().unwrap(),
            remote: remote.parse().unwrap(),
            bytes: text.as_bytes().into(),
            cut: 0,
        }
    }

    /// The packets of a file, and that the file is what it says.
    fn packets(file: &[u8]) -> Vec<&[u8]> {
        let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
        assert_eq!((word(0), word(20)), (MAGIC, 101));
        let (mut at, mut found) = (24, Vec::new());
        while at < file.len() {
            assert_eq!((word(at), word(at + 4)), (1_700_000_000, 250_000));
            assert_eq!(word(at + 8), word(at + 12));
            let length = word(at + 8) as usize;
            found.push(&file[at + 16..at + 16 + length]);
            at += 16 + length;
        }
        found
    }

    #[test]
    fn a_datagram_has_good_checksums_and_its_direction() {
        let (a, b) = ("192.0.2.1:5060", "198.51.100.7:5080");
        let file = pcap(&[
            message(true, Carrier::Udp, a, b, "OPTIONS x"),
            message(false, Carrier::Udp, a, b, "SIP/2.0 200 OK"),
        ]);
        let found = packets(&file);
        let [out, back] = found.as_slice() else {
            panic!("{found:?}")
        };
        assert_eq!(folded(sum_of(&out[..20], 0)), 0xffff);
        assert_eq!(&out[12..20], [192, 0, 2, 1, 198, 51, 100, 7]);
        assert_eq!(&back[12..20], [198, 51, 100, 7, 192, 0, 2, 1]);
        assert_eq!(&out[28..], b"OPTIONS x");
        let with_pseudo = sum_of(&out[20..], sum_of(&out[12..20], 17 + 17));
        assert_eq!(folded(with_pseudo), 0xffff);
    }

    #[test]
    fn a_stream_is_numbered_through() {
        let (a, b) = ("192.0.2.1:5060", "198.51.100.7:5061");
        let file = pcap(&[
            message(true, Carrier::Tls, a, b, "12345"),
            message(false, Carrier::Tls, a, b, "123"),
            message(true, Carrier::Tls, a, b, "1"),
        ]);
        let numbers: Vec<(u32, u32)> = packets(&file)
            .iter()
            .map(|p| {
                let word = |at: usize| u32::from_be_bytes(p[at..at + 4].try_into().unwrap());
                (word(24), word(28))
            })
            .collect();
        assert_eq!(numbers, [(1, 1), (1, 6), (6, 4)]);
        // The port where a reader would expect TLS records is not used.
        assert_eq!(packets(&file)[0][22..24], 5060_u16.to_be_bytes());
    }

    #[test]
    fn ipv6_and_a_local_address_of_the_other_family() {
        let remote = "[2001:db8::7]:5060";
        let file = pcap(&[
            message(true, Carrier::Udp, "[2001:db8::1]:5060", remote, "x"),
            message(true, Carrier::Udp, "192.0.2.1:5060", remote, "x"),
        ]);
        for packet in packets(&file) {
            assert_eq!(packet[0] >> 4, 6);
            assert_eq!(packet.len(), 40 + 8 + 1);
            let with_pseudo = sum_of(&packet[40..], sum_of(&packet[8..40], 17 + 9));
            assert_eq!(folded(with_pseudo), 0xffff);
        }
    }
}
