//! Requests for key frames.

use super::{Compound, FULL_INTRA, PAYLOAD_FEEDBACK, PICTURE_LOSS, Packet, u32_at};

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
