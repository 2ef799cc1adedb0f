//! What the SIP sockets hand the switch: two bounded queues, so that a flood of new calls cannot push out what belongs
//! to calls that stand.
//!
//! | message | queue | when it is full |
//! |---|---|---|
//! | INVITE without a tag in To | new calls | dropped and counted: over UDP it comes again; a stream loses it |
//! | everything else | calls that stand | a datagram is dropped and counted, a stream waits |
//!
//! While the box keeps up, messages are served in the order they came: nobody's CANCEL overtakes its INVITE. A new call
//! that has waited for [`IN_ORDER`] stands back behind everything of calls that stand.
//!
//! The look at a message is cheap and may err: the endpoint reads it in earnest. An INVITE that is sent again waits with
//! the new calls though its call stands already; nothing depends on its speed.

use super::sip::SipInput;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// How long a new call keeps its place among the messages.
pub const IN_ORDER: Duration = Duration::from_millis(50);

/// A new call and when it came.
#[derive(Debug)]
pub struct NewCall {
    pub input: SipInput,
    pub came: Instant,
    place: u64,
}

/// What belongs to calls that stand.
#[derive(Debug)]
pub struct Standing {
    pub input: SipInput,
    place: u64,
}

/// The sockets' end.
#[derive(Clone, Debug)]
pub struct ToSwitch {
    standing: mpsc::Sender<Standing>,
    new_calls: mpsc::Sender<NewCall>,
    dropped: Arc<AtomicU64>,
    /// Places given out.
    places: Arc<AtomicU64>,
}

/// The switch's end.
#[derive(Debug)]
pub struct SipInbox {
    pub standing: mpsc::Receiver<Standing>,
    pub new_calls: NewCalls,
}

/// The queue of new calls.
#[derive(Debug)]
pub struct NewCalls {
    queue: mpsc::Receiver<NewCall>,
    /// The first, when it was looked at and left.
    first: Option<NewCall>,
}

impl NewCalls {
    /// The next one.
    pub async fn recv(&mut self) -> Option<NewCall> {
        match self.first.take() {
            Some(first) => Some(first),
            None => self.queue.recv().await,
        }
    }

    /// The next one if it came before `other` and still keeps its place.
    pub fn before(&mut self, other: &Standing, now: Instant) -> Option<NewCall> {
        let first = self.first.take().or_else(|| self.queue.try_recv().ok())?;
        let waited = now.saturating_duration_since(first.came);
        if first.place < other.place && waited < IN_ORDER {
            return Some(first);
        }
        self.first = Some(first);
        None
    }
}

/// The switch is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed;

/// Two queues of `bound` messages each.
pub fn inbox(bound: usize) -> (ToSwitch, SipInbox) {
    let (standing_in, standing) = mpsc::channel(bound);
    let (calls_in, new_calls) = mpsc::channel(bound);
    let to_switch = ToSwitch {
        standing: standing_in,
        new_calls: calls_in,
        dropped: Arc::default(),
        places: Arc::default(),
    };
    let new_calls = NewCalls {
        queue: new_calls,
        first: None,
    };
    (
        to_switch,
        SipInbox {
            standing,
            new_calls,
        },
    )
}

impl ToSwitch {
    /// Hands over, or drops and counts; never waits.
    ///
    /// # Errors
    /// [`Closed`].
    pub fn offer(&self, input: SipInput) -> Result<(), Closed> {
        let place = self.place();
        let full = if is_new_call(&input) {
            let came = Instant::now();
            match self.new_calls.try_send(NewCall { input, came, place }) {
                Ok(()) => false,
                Err(mpsc::error::TrySendError::Full(_)) => true,
                Err(mpsc::error::TrySendError::Closed(_)) => return Err(Closed),
            }
        } else {
            match self.standing.try_send(Standing { input, place }) {
                Ok(()) => false,
                Err(mpsc::error::TrySendError::Full(_)) => true,
                Err(mpsc::error::TrySendError::Closed(_)) => return Err(Closed),
            }
        };
        if full {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Hands over what a stream carried; waits for room, except for a new call.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn send(&self, input: SipInput) -> Result<(), Closed> {
        if is_new_call(&input) {
            return self.offer(input);
        }
        let place = self.place();
        let sent = self.standing.send(Standing { input, place }).await;
        sent.map_err(|_| Closed)
    }

    fn place(&self) -> u64 {
        self.places.fetch_add(1, Ordering::Relaxed)
    }

    /// Where what is dropped is counted.
    pub fn dropped(&self) -> Arc<AtomicU64> {
        self.dropped.clone()
    }
}

impl SipInbox {
    /// The next message of either queue, those of calls that stand first.
    pub async fn recv(&mut self) -> Option<SipInput> {
        tokio::select! {
            biased;
            standing = self.standing.recv() => standing.map(|standing| standing.input),
            new_call = self.new_calls.recv() => new_call.map(|call| call.input),
        }
    }
}

fn is_new_call(input: &SipInput) -> bool {
    match input {
        SipInput::Message { bytes, .. } => begins_a_call(bytes),
        SipInput::TransportFailed { .. } => false,
    }
}

/// Whether this is an INVITE outside any dialog: its To has no tag (RFC 3261 section 12.1). No parser: one pass over the
/// header section, up to the first To.
pub fn begins_a_call(message: &[u8]) -> bool {
    let message = message.trim_ascii_start();
    if !message.starts_with(b"INVITE ") {
        return false;
    }
    for line in message.split(|b| *b == b'\n').skip(1) {
        let Some(colon) = line.iter().position(|b| *b == b':') else {
            continue;
        };
        let (name, value) = line.split_at(colon);
        let name = name.trim_ascii();
        if name.eq_ignore_ascii_case(b"to") || name.eq_ignore_ascii_case(b"t") {
            // A tag stands behind the URI, whose own parameters are inside the brackets.
            let after = value.iter().rposition(|b| *b == b'>').unwrap_or(0);
            let parameters = value.get(after..).unwrap_or_default();
            return !parameters.split(|b| *b == b';').any(|p| {
                p.trim_ascii()
                    .get(..4)
                    .is_some_and(|p| p.eq_ignore_ascii_case(b"tag="))
            });
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use causeway_sip::endpoint::Transport;

    fn invite(to: &str) -> Vec<u8> {
        format!("INVITE sip:a@b SIP/2.0\r\nVia: x\r\n{to}\r\nCall-ID: 1\r\n\r\n").into_bytes()
    }

    #[test]
    fn a_new_call_is_told_by_its_to() {
        for to in [
            "To: <sip:a@b>",
            "t:<sip:a@b;tag=x>",
            "TO : \"tag=1\" <sip:a@b>;x=tag",
            "From: <sip:a>;tag=1",
        ] {
            assert!(begins_a_call(&invite(to)), "{to}");
        }
        for to in [
            "To: <sip:a@b>;tag=1",
            "t: sip:a@b ;Tag=1",
            "To: <sip:a>; x ; tag=2",
        ] {
            assert!(!begins_a_call(&invite(to)), "{to}");
        }
        assert!(!begins_a_call(b"ACK sip:a SIP/2.0\r\nTo: <sip:a>\r\n\r\n"));
        assert!(!begins_a_call(b"SIP/2.0 200 OK\r\nTo: <sip:a>\r\n\r\n"));
        assert!(!begins_a_call(b""));
    }

    fn message(bytes: Vec<u8>) -> SipInput {
        SipInput::Message {
            transport: Transport::Udp,
            local: ([127, 0, 0, 1], 1).into(),
            remote: ([127, 0, 0, 1], 2).into(),
            bytes,
        }
    }

    #[tokio::test]
    async fn a_fresh_new_call_keeps_its_place_and_one_that_waited_does_not() {
        let (to_switch, mut inbox) = inbox(4);
        let cancel = || message(b"CANCEL sip:a SIP/2.0\r\n\r\n".to_vec());
        to_switch.offer(message(invite("To: <sip:a>"))).unwrap();
        to_switch.offer(cancel()).unwrap();
        to_switch.offer(message(invite("To: <sip:b>"))).unwrap();
        let standing = inbox.standing.recv().await.unwrap();
        let now = Instant::now();
        assert!(inbox.new_calls.before(&standing, now).is_some());
        // The second came after it.
        assert!(inbox.new_calls.before(&standing, now).is_none());
        to_switch.offer(cancel()).unwrap();
        let standing = inbox.standing.recv().await.unwrap();
        let late = Instant::now() + IN_ORDER;
        assert!(inbox.new_calls.before(&standing, late).is_none());
        assert!(inbox.new_calls.recv().await.is_some());
    }

    #[tokio::test]
    async fn a_flood_of_new_calls_leaves_room_for_those_that_stand() {
        let (to_switch, mut inbox) = inbox(2);
        for _ in 0..10 {
            to_switch.offer(message(invite("To: <sip:a>"))).unwrap();
        }
        to_switch
            .offer(message(b"BYE sip:a SIP/2.0\r\n\r\n".to_vec()))
            .unwrap();
        assert_eq!(to_switch.dropped().load(Ordering::Relaxed), 8);
        let first = inbox.recv().await.unwrap();
        assert!(matches!(first, SipInput::Message { bytes, .. } if bytes.starts_with(b"BYE")));
        for _ in 0..2 {
            assert!(is_new_call(&inbox.recv().await.unwrap()));
        }
        drop(inbox);
        assert_eq!(to_switch.send(message(Vec::new())).await, Err(Closed));
    }
}
