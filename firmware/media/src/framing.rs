//! Datagrams inside a TCP stream: each behind its length in two octets, the more significant one first (RFC 4571
//! section 2). So ICE over TCP carries STUN, DTLS, RTP and RTCP alike (RFC 6544 section 3).
//!
//! An empty frame means nothing (RFC 4571 section 2) and is passed over.

/// Octets of a frame's length.
pub const HEADER: usize = 2;
/// The longest datagram taken: as at the UDP port, an Ethernet frame and then some.
pub const MAX_DATAGRAM: usize = 2048;

/// A frame is longer than [`MAX_DATAGRAM`]; the stream cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a frame of {octets} octets, more than {MAX_DATAGRAM}")]
pub struct TooLong {
    pub octets: usize,
}

/// What a stream begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum First<'a> {
    /// Not yet a whole frame.
    Partial,
    Frame {
        /// Empty in an empty frame.
        datagram: &'a [u8],
        /// Octets of the stream it takes, length included.
        octets: usize,
    },
}

/// The first frame of a stream.
///
/// # Errors
/// [`TooLong`], as soon as the length has come.
pub fn first(stream: &[u8]) -> Result<First<'_>, TooLong> {
    let Some((length, rest)) = stream.split_first_chunk::<HEADER>() else {
        return Ok(First::Partial);
    };
    let octets = usize::from(u16::from_be_bytes(*length));
    if octets > MAX_DATAGRAM {
        return Err(TooLong { octets });
    }
    Ok(match rest.get(..octets) {
        Some(datagram) => First::Frame {
            datagram,
            octets: HEADER + octets,
        },
        None => First::Partial,
    })
}

/// Appends a datagram's frame; false, and nothing appended, when it is longer than a length can say.
pub fn write(datagram: &[u8], out: &mut Vec<u8>) -> bool {
    let Ok(length) = u16::try_from(datagram.len()) else {
        return false;
    };
    out.extend(length.to_be_bytes());
    out.extend(datagram);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_whatever_the_pieces() {
        let said: [&[u8]; 4] = [b"check", b"", &[0x80; MAX_DATAGRAM], b"x"];
        let mut stream = Vec::new();
        for datagram in said {
            assert!(write(datagram, &mut stream));
        }
        for piece in [1, 2, 3, 1000, stream.len()] {
            let (mut come, mut heard) = (Vec::new(), Vec::new());
            for chunk in stream.chunks(piece) {
                come.extend(chunk);
                while let First::Frame { datagram, octets } = first(&come).unwrap() {
                    heard.push(datagram.to_vec());
                    come.drain(..octets);
                }
            }
            assert_eq!(heard, said, "in pieces of {piece}");
            assert!(come.is_empty());
        }
    }

    #[test]
    fn too_long_is_known_from_the_length_alone() {
        let octets = MAX_DATAGRAM + 1;
        let length = u16::try_from(octets).unwrap().to_be_bytes();
        assert_eq!(first(&length), Err(TooLong { octets }));
        assert_eq!(first(&length[..1]), Ok(First::Partial));
        let mut out = Vec::new();
        assert!(!write(&[0; 65_536], &mut out));
        assert!(out.is_empty());
    }
}
