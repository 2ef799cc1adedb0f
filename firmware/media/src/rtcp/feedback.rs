//! What a receiver of pictures asks for.

use super::{
    APPLICATION_LAYER, Compound, FULL_INTRA, GENERIC_NACK, PAYLOAD_FEEDBACK, PICTURE_LOSS, Packet,
    TRANSPORT_FEEDBACK, u32_at,
};

/// Sender and media SSRC.
const FEEDBACK_HEADER: usize = 8;
/// SSRC, sequence number and three octets of nothing.
const FULL_INTRA_ENTRY: usize = 8;

/// Whether a PLI (RFC 4585 section 6.3.1) or a FIR (RFC 5104 section 4.3.1) asks the sender of `ssrc` for a key frame.
/// An SSRC of 0 means whoever sends: seen of phones that do not know it.
pub fn wants_key_frame(compound: &Compound<'_>, ssrc: u32) -> bool {
    let meant = |named: u32| named == ssrc || named == 0;
    compound.packets().any(|packet| {
        let Packet::Other {
            packet_type: PAYLOAD_FEEDBACK,
            count,
            body,
        } = packet
        else {
            return false;
        };
        let Some(entries) = body.get(FEEDBACK_HEADER..) else {
            return false;
        };
        let media = u32_at(body, 4);
        match count {
            PICTURE_LOSS => meant(media),
            FULL_INTRA => {
                let mut entries = entries.chunks_exact(FULL_INTRA_ENTRY);
                // Without an entry, seen as well, the header must say whom it means.
                match entries.len() {
                    0 => meant(media),
                    _ => entries.any(|entry| meant(u32_at(entry, 0))),
                }
            }
            _ => false,
        }
    })
}

/// Of one request's sources and packets more is not read: whoever means well names a few.
const MOST: usize = 64;
/// `REMB`, the number of sources, and what they may send together.
const ESTIMATE_HEADER: usize = 8;

/// What the far side asks of a source of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// A whole picture: PLI (RFC 4585 section 6.3.1) or FIR (RFC 5104 section 4.3.1).
    KeyFrame { ssrc: u32 },
    /// This packet once more, and those of the sixteen behind it whose bits are set: NACK (RFC 4585 section 6.2.1).
    Lost { ssrc: u32, first: u16, behind: u16 },
    /// No more than so many bits a second, of all sources together: REMB (draft-alvestrand-rmcat-remb-03 section 2.2).
    Estimate { ssrc: u32, bits: u64 },
}

/// Gives what one packet of a compound asks for; nothing where it is none that is understood, or cut short.
pub fn requests(packet: &Packet<'_>, mut ask: impl FnMut(Request)) {
    let Packet::Other {
        packet_type,
        count,
        body,
    } = *packet
    else {
        return;
    };
    let Some(entries) = body.get(FEEDBACK_HEADER..) else {
        return;
    };
    let ssrc = u32_at(body, 4);
    match (packet_type, count) {
        (PAYLOAD_FEEDBACK, PICTURE_LOSS) => ask(Request::KeyFrame { ssrc }),
        (PAYLOAD_FEEDBACK, FULL_INTRA) => {
            for entry in entries.chunks_exact(FULL_INTRA_ENTRY).take(MOST) {
                let ssrc = u32_at(entry, 0);
                ask(Request::KeyFrame { ssrc });
            }
        }
        (TRANSPORT_FEEDBACK, GENERIC_NACK) => {
            for entry in entries.chunks_exact(4).take(MOST) {
                let pair = u32_at(entry, 0);
                let (first, behind) = ((pair >> 16) as u16, pair as u16);
                ask(Request::Lost {
                    ssrc,
                    first,
                    behind,
                });
            }
        }
        (PAYLOAD_FEEDBACK, APPLICATION_LAYER) if entries.starts_with(b"REMB") => {
            let Some(sources) = entries.get(ESTIMATE_HEADER..) else {
                return;
            };
            let estimate = u32_at(entries, 4);
            let (exponent, mantissa) = ((estimate >> 18) & 0x3F, u64::from(estimate & 0x3_FFFF));
            // What does not fit is more than anybody sends.
            let bits = match exponent <= mantissa.leading_zeros() {
                true => mantissa << exponent,
                false => u64::MAX,
            };
            let named = (estimate >> 24) as usize;
            for source in sources.chunks_exact(4).take(named.min(MOST)) {
                let ssrc = u32_at(source, 0);
                ask(Request::Estimate { ssrc, bits });
            }
        }
        _ => {}
    }
}
