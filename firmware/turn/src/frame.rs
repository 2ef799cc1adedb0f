//! What came: a STUN message or ChannelData (RFC 8656 section 12.4), from a datagram or out of a stream.
//!
//! | first octet (RFC 7983) | it is | on a stream it ends |
//! |---|---|---|
//! | 0–3 | STUN | after its head and the length in it |
//! | 64–79 | ChannelData | after its length, padded to four octets |
//! | anything else | nothing of ours | the stream |

/// The longest frame taken, head included: more than a datagram of media ever is.
pub const MAX_FRAME: usize = 4096;
const CHANNEL_HEADER: usize = 4;

/// One frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    Stun(&'a [u8]),
    Channel { number: u16, data: &'a [u8] },
}

/// Why a stream cannot go on: nobody knows where its next frame begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    #[error("neither STUN nor ChannelData")]
    Foreign,
    #[error("a frame is longer than {MAX_FRAME} octets")]
    TooLong,
}

/// Whether a stream that begins so speaks STUN.
pub const fn begins_stun(octet: u8) -> bool {
    octet <= 3
}

/// What a datagram, or a frame of a stream, is. Octets after ChannelData are padding.
pub fn read(octets: &[u8]) -> Option<Frame<'_>> {
    match octets {
        [0..=3, ..] => Some(Frame::Stun(octets)),
        &[c0 @ 0x40..=0x4F, c1, l0, l1, ref rest @ ..] => Some(Frame::Channel {
            number: u16::from_be_bytes([c0, c1]),
            data: rest.get(..usize::from(u16::from_be_bytes([l0, l1])))?,
        }),
        _ => None,
    }
}

/// How long the first frame of a stream is, padding included; none while too little came to tell.
///
/// # Errors
/// [`Broken`]
pub fn length(stream: &[u8]) -> Result<Option<usize>, Broken> {
    let Some(first) = stream.first() else {
        return Ok(None);
    };
    let head = match first {
        0..=3 => crate::message::HEADER,
        0x40..=0x4F => CHANNEL_HEADER,
        _ => return Err(Broken::Foreign),
    };
    let Some(&[_, _, l0, l1]) = stream.first_chunk::<4>() else {
        return Ok(None);
    };
    let length = head + usize::from(u16::from_be_bytes([l0, l1])).next_multiple_of(4);
    if length > MAX_FRAME {
        return Err(Broken::TooLong);
    }
    Ok(Some(length))
}

/// Writes ChannelData into `out`, padded to four octets (a datagram may be, a stream must).
pub fn write_channel(number: u16, data: &[u8], out: &mut Vec<u8>) {
    out.clear();
    let Ok(length) = u16::try_from(data.len()) else {
        return;
    };
    out.extend(number.to_be_bytes());
    out.extend(length.to_be_bytes());
    out.extend(data);
    out.resize(out.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channel_data_is_padded_and_read_back() {
        let mut out = Vec::new();
        for data in [&b""[..], b"x", b"four", b"fiver"] {
            write_channel(0x4001, data, &mut out);
            assert_eq!(out.len() % 4, 0);
            assert_eq!(length(&out), Ok(Some(out.len())));
            let number = 0x4001;
            assert_eq!(read(&out), Some(Frame::Channel { number, data }));
        }
    }

    #[test]
    fn a_stream_tells_its_frames_apart_or_is_broken() {
        assert_eq!(length(&[]), Ok(None));
        assert_eq!(length(&[0, 1, 0]), Ok(None));
        assert_eq!(length(&[0, 1, 0, 8]), Ok(Some(28)));
        assert_eq!(length(&[0x40, 0, 0, 5]), Ok(Some(12)));
        assert_eq!(length(b"POST"), Err(Broken::Foreign));
        assert_eq!(length(&[22]), Err(Broken::Foreign));
        assert_eq!(length(&[0, 1, 0xFF, 0xFC]), Err(Broken::TooLong));
        assert_eq!(length(&[0x40, 0, 0xFF, 0xFF]), Err(Broken::TooLong));
        assert_eq!(read(&[0x40, 0, 0, 9, 1]), None, "longer than it is");
        assert_eq!(read(&[22, 3, 1]), None);
    }
}
