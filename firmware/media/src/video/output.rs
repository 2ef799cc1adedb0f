//! What a relay produced: packets ready to leave.

use crate::path::{OutPacket, Output};
use crate::rtp::Header;

/// Packets of one or more calls into a [`super::VideoRelay`]. Its buffers are kept by [`Self::clear`], so one
/// `VideoOutput` a thread serves all calls without allocating.
#[derive(Debug, Default)]
pub struct VideoOutput {
    inner: Output,
}

impl VideoOutput {
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets the packets, keeps the buffers.
    pub fn clear(&mut self) {
        self.inner.clear();
    }

    pub fn is_empty(&self) -> bool {
        self.inner.is_empty()
    }

    /// In the order in which they must leave.
    pub fn packets(&self) -> impl ExactSizeIterator<Item = OutPacket<'_>> {
        self.inner.packets()
    }

    /// Appends one packet whose payload is `head` and then `body`.
    pub(super) fn push(&mut self, header: Header, head: &[u8], body: &[u8]) {
        let room = head.len() + body.len();
        self.inner.push_packet(header, room, |payload| {
            let (first, second) = payload.split_at_mut_checked(head.len())?;
            first.copy_from_slice(head);
            second.copy_from_slice(body);
            Some(room)
        });
    }
}
