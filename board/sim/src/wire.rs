//! A file between two ends of a serial line that may be bad, in virtual time.

use causeway_board::transfer::{Header, Received, Receiver, Sender, Sent, TransferError};
use std::collections::VecDeque;

/// Octets of 115 200 baud in a millisecond, in tenths.
const TENTHS_A_MS: u64 = 115;

/// Which way an octet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    ToReceiver,
    ToSender,
}

/// What became of one transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// What the receiver says; `None`: nothing came.
    pub received: Result<Option<Vec<u8>>, TransferError>,
    pub sent: Result<(), TransferError>,
    /// Milliseconds until both ends knew.
    pub took_ms: u64,
}

/// One direction: what is under way, each octet with the time at which it arrives.
#[derive(Debug, Default)]
struct Lane {
    under_way: VecDeque<(u64, u8)>,
    free_at_tenths: u64,
}

impl Lane {
    fn put(&mut self, now_ms: u64, octet: u8) {
        let begin = self.free_at_tenths.max(now_ms * TENTHS_A_MS);
        self.free_at_tenths = begin + 10;
        let at_ms = self.free_at_tenths / TENTHS_A_MS + 1;
        self.under_way.push_back((at_ms, octet));
    }

    fn take(&mut self, now_ms: u64) -> Option<u8> {
        let due = self.under_way.front().is_some_and(|(at, _)| *at <= now_ms);
        due.then(|| self.under_way.pop_front().map(|(_, octet)| octet))
            .flatten()
    }
}

/// Moves `file`. `fault` is asked of every octet with its place among those of its way and the time, and says what arrives
/// instead.
///
/// # Panics
/// When neither end has come to an end after a day.
pub fn move_file(
    name: &str,
    file: &[u8],
    mut fault: impl FnMut(Way, u64, u64, u8) -> Option<u8>,
) -> Moved {
    let header = Header::new(name, file.len() as u64);
    let mut sender = Sender::new(header.unwrap_or_else(|| panic!("`{name}` is no name")), 0);
    let mut receiver = Receiver::new(0);
    let (mut forth, mut back) = (Lane::default(), Lane::default());
    let (mut forth_count, mut back_count) = (0, 0);
    let mut taken = Vec::new();
    let (mut received, mut sent) = (None, None);
    for now_ms in 0..86_400_000 {
        let mut note = |event: Option<Received<'_>>| match event {
            None | Some(Received::Begin(_)) => {}
            Some(Received::Data(data)) => taken.extend_from_slice(data),
            Some(Received::Whole) => received = Some(Ok(true)),
            Some(Received::Nothing) => received = Some(Ok(false)),
            Some(Received::Failed(why)) => received = Some(Err(why)),
        };
        note(receiver.handle_timeout(now_ms));
        while let Some(octet) = forth.take(now_ms) {
            forth_count += 1;
            if let Some(octet) = fault(Way::ToReceiver, forth_count, now_ms, octet) {
                note(receiver.handle_octet(octet, now_ms));
            }
            // Each as it comes, as one does who reads a line.
            while let Some(answer) = receiver.poll_transmit() {
                back.put(now_ms, answer);
            }
        }
        while let Some(answer) = receiver.poll_transmit() {
            back.put(now_ms, answer);
        }
        sent = sent.or(sender.handle_timeout(now_ms));
        while let Some(octet) = back.take(now_ms) {
            back_count += 1;
            if let Some(octet) = fault(Way::ToSender, back_count, now_ms, octet) {
                sent = sent.or(sender.handle_octet(octet, now_ms));
            }
        }
        if let Some((from, count)) = sender.wants() {
            let from = usize::try_from(from).unwrap_or(usize::MAX);
            let data = file.get(from..from + count).unwrap_or_default();
            sent = sent.or(sender.supply(data));
        }
        while let Some(octets) = sender.poll_transmit(now_ms) {
            octets.iter().for_each(|octet| forth.put(now_ms, *octet));
        }
        // Whatever is under way still has to find both at their end.
        let quiet = forth.under_way.is_empty() && back.under_way.is_empty();
        if received.is_some() && sent.is_some() && quiet {
            let received = match received {
                Some(Ok(true)) => Ok(Some(taken)),
                Some(Ok(false)) | None => Ok(None),
                Some(Err(why)) => Err(why),
            };
            let sent = match sent {
                Some(Sent::Whole) | None => Ok(()),
                Some(Sent::Failed(why)) => Err(why),
            };
            return Moved {
                received,
                sent,
                took_ms: now_ms,
            };
        }
    }
    panic!("neither end came to an end");
}
