//! Framing on a stream: where one message ends and the next begins (RFC 3261 §18.3, RFC 5626 §4.4.1).
//!
//! A stream that lost its framing cannot be trusted again: after an error the connection is to be closed. When
//! the head of the offending message was whole it is handed out with the error, so that the endpoint can
//! answer 400 before.

use super::name::HeaderName;
use super::reader::{Lines, body_length};
use super::{MAX_MESSAGE, syntax};

/// What a stream carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// One whole message.
    Message(Vec<u8>),
    /// A keep-alive ping (two empty lines): answer with [`PONG`].
    Ping,
    /// An empty line: the pong to a ping of ours, or a stray line end.
    Pong,
}

/// What asks a peer whether its connection still lives (RFC 5626 §4.4.1).
pub const PING: &[u8] = b"\r\n\r\n";
/// The answer to [`Frame::Ping`].
pub const PONG: &[u8] = b"\r\n";

/// What broke the framing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StreamErrorKind {
    /// Head or message above [`MAX_MESSAGE`].
    #[error("message too large")]
    TooLarge,
    /// Content-Length is no number, is missing although there is a body, or there are two that differ.
    #[error("Content-Length missing or bad")]
    BadContentLength,
    /// The first line is neither request nor status line.
    #[error("not SIP")]
    NotSip,
}

/// The framing is lost; close the connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct StreamError {
    /// Why.
    pub kind: StreamErrorKind,
    /// The head of the message at fault, to be answered before closing.
    pub head: Option<Vec<u8>>,
}

/// Cuts a stream into messages. Holds at most one message and what one `push` brought.
#[derive(Debug, Default)]
pub struct StreamReader {
    buffer: Vec<u8>,
    /// How far the buffer was searched for the end of the head without finding it.
    searched: usize,
    /// Length of the message at the start of the buffer, once its head was read.
    expected: Option<usize>,
    broken: bool,
    /// A ping of ours is out: a single empty line is its pong.
    asked: bool,
}

impl StreamReader {
    /// A reader at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes bytes as they came. Call [`StreamReader::next_frame`] until `None` before pushing again.
    pub fn push(&mut self, bytes: &[u8]) {
        if !self.broken {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// A ping of ours goes out: a single empty line is its pong from here on, not half a ping of the peer's.
    pub fn ping_sent(&mut self) {
        self.asked = true;
    }

    /// How many bytes wait for their message to be whole.
    pub fn pending(&self) -> usize {
        self.buffer.len()
    }

    /// The next frame, `None` when more bytes are needed.
    ///
    /// # Errors
    /// The framing is lost. Nothing more comes out of this reader.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, StreamError> {
        if self.broken {
            return Ok(None);
        }
        if let Some(frame) = self.empty_lines() {
            return Ok(frame);
        }
        let expected = match self.expected {
            Some(expected) => expected,
            None => match self.measure()? {
                Some(expected) => expected,
                None => return Ok(None),
            },
        };
        self.expected = Some(expected);
        if self.buffer.len() < expected {
            return Ok(None);
        }
        let rest = self.buffer.split_off(expected);
        let message = std::mem::replace(&mut self.buffer, rest);
        self.expected = None;
        self.searched = 0;
        Ok(Some(Frame::Message(message)))
    }

    /// Keep-alives before a message. Outer `None`: there is a message to look at.
    fn empty_lines(&mut self) -> Option<Option<Frame>> {
        let (take, frame) = match self.buffer.as_slice() {
            [b'\r', b'\n', b'\r', b'\n', ..] => (4, Some(Frame::Ping)),
            // One of ours is out, and a ping of the peer's own comes whole.
            [b'\r', b'\n'] if self.asked => (2, Some(Frame::Pong)),
            // The second half of a ping may still be under way.
            [] | [b'\r'] | [b'\r', b'\n'] | [b'\r', b'\n', b'\r'] => (0, None),
            [b'\r', b'\n', ..] => (2, Some(Frame::Pong)),
            [b'\n' | b'\r', ..] => (1, Some(Frame::Pong)),
            _ => return None,
        };
        if frame == Some(Frame::Pong) {
            self.asked = false;
        }
        self.buffer.drain(..take);
        Some(frame)
    }

    fn measure(&mut self) -> Result<Option<usize>, StreamError> {
        let Some(head) = head_end(&self.buffer, self.searched) else {
            if self.buffer.len() > MAX_MESSAGE {
                return Err(self.fail(StreamErrorKind::TooLarge, None));
            }
            if !self.looks_like_sip() {
                return Err(self.fail(StreamErrorKind::NotSip, None));
            }
            self.searched = self.buffer.len().saturating_sub(3);
            return Ok(None);
        };
        if !self.looks_like_sip() {
            return Err(self.fail(StreamErrorKind::NotSip, None));
        }
        match framing_length(self.buffer.get(..head).unwrap_or_default()) {
            Some(body) if head.saturating_add(body) <= MAX_MESSAGE => Ok(Some(head + body)),
            Some(_) => Err(self.fail(StreamErrorKind::TooLarge, Some(head))),
            None => Err(self.fail(StreamErrorKind::BadContentLength, Some(head))),
        }
    }

    /// Whether the first line, as far as it came, could be one of SIP. Sorts out TLS, HTTP and noise early. What
    /// is refused in part is refused whole, so that it does not matter how the stream is cut.
    fn looks_like_sip(&self) -> bool {
        let (line, whole) = match syntax::split_once(&self.buffer, b'\n') {
            Some((line, _)) => (line, true),
            None => (self.buffer.as_slice(), false),
        };
        let odd = |byte: &u8| byte.is_ascii_control() && !matches!(byte, b'\t' | b'\r');
        if line.iter().take(64).any(odd) {
            return false;
        }
        let mut parts = line.windows(4);
        !whole || parts.any(|part| part.eq_ignore_ascii_case(b"SIP/"))
    }

    fn fail(&mut self, kind: StreamErrorKind, head: Option<usize>) -> StreamError {
        self.broken = true;
        let mut buffer = std::mem::take(&mut self.buffer);
        let head = head.map(|end| {
            buffer.truncate(end);
            buffer
        });
        StreamError { kind, head }
    }
}

/// Length of the head with its empty line.
fn head_end(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        let newline = at + bytes.get(at..)?.iter().position(|byte| *byte == b'\n')?;
        match bytes.get(newline + 1..)? {
            [b'\n', ..] => return Some(newline + 2),
            [b'\r', b'\n', ..] => return Some(newline + 3),
            _ => at = newline + 1,
        }
    }
}

/// The body length a head announces, read just as [`super::read`] will read it. Missing means none, unless a
/// Content-Type says there is a body.
fn framing_length(head: &[u8]) -> Option<usize> {
    let (mut length, mut has_type) = (None, false);
    let mut lines = Lines::new(head);
    lines.first()?;
    while let Some((line, _)) = lines.header() {
        if let Some((name, value)) = syntax::split_once(&line, b':') {
            match HeaderName::from_bytes(name.trim_ascii_end()) {
                Some(HeaderName::ContentLength) => {
                    length = Some(body_length(length, value.trim_ascii()).ok()?);
                }
                Some(HeaderName::ContentType) => has_type = true,
                _ => {}
            }
        }
    }
    match length {
        Some(length) => Some(length),
        None if !has_type => Some(0),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &[u8] = b"OPTIONS sip:a@b SIP/2.0\r\nContent-Length: 3\r\n\r\nabc";
    const TWO: &[u8] = b"BYE sip:a@b SIP/2.0\r\nl: 0\r\n\r\n";

    #[test]
    fn messages_come_out_whole_however_they_were_cut() {
        let stream = [ONE, b"\r\n\r\n", TWO, b"\r\n", ONE].concat();
        for size in 1..stream.len() {
            let mut reader = StreamReader::new();
            let mut frames = Vec::new();
            for part in stream.chunks(size) {
                reader.push(part);
                while let Some(frame) = reader.next_frame().unwrap() {
                    frames.push(frame);
                }
            }
            let messages: Vec<_> = frames
                .iter()
                .filter(|frame| matches!(frame, Frame::Message(_)))
                .collect();
            assert_eq!(
                messages,
                [
                    &Frame::Message(ONE.to_vec()),
                    &Frame::Message(TWO.to_vec()),
                    &Frame::Message(ONE.to_vec())
                ],
                "cut into {size}"
            );
            assert_eq!(reader.pending(), 0);
        }
    }

    #[test]
    fn a_pong_is_known_at_once_when_one_is_due() {
        let mut reader = StreamReader::new();
        reader.ping_sent();
        reader.push(b"\r\n\r\n");
        assert_eq!(reader.next_frame(), Ok(Some(Frame::Ping)), "the peer's own");
        reader.push(b"\r\n");
        assert_eq!(reader.next_frame(), Ok(Some(Frame::Pong)));
        reader.push(b"\r\n");
        assert_eq!(reader.next_frame(), Ok(None), "none is due any more");
    }

    #[test]
    fn a_ping_is_told_from_a_stray_line_end() {
        let mut reader = StreamReader::new();
        reader.push(b"\r\n\r\n");
        assert_eq!(reader.next_frame(), Ok(Some(Frame::Ping)));
        reader.push(b"\r\n");
        assert_eq!(reader.next_frame(), Ok(None), "the other half may follow");
        reader.push(b"\r\n");
        assert_eq!(reader.next_frame(), Ok(Some(Frame::Ping)));
        reader.push(b"\r\nBYE");
        assert_eq!(reader.next_frame(), Ok(Some(Frame::Pong)));
        assert_eq!(reader.next_frame(), Ok(None));
    }

    #[test]
    fn lost_framing_ends_the_stream_with_the_head_in_hand() {
        for bad in [
            "Content-Length: -999\r\n",
            "l: 1\r\nl: 2\r\n",
            "c: application/sdp\r\n",
        ] {
            let head = format!("INVITE sip:a@b SIP/2.0\r\n{bad}\r\n");
            let mut reader = StreamReader::new();
            reader.push(head.as_bytes());
            reader.push(b"v=0\r\n");
            let error = reader.next_frame().unwrap_err();
            assert_eq!(error.kind, StreamErrorKind::BadContentLength, "{bad}");
            assert_eq!(error.head.as_deref(), Some(head.as_bytes()));
            assert_eq!(reader.next_frame(), Ok(None));
        }
    }

    #[test]
    fn a_folded_length_is_a_length() {
        let mut reader = StreamReader::new();
        reader.push(b"OPTIONS sip:a@b SIP/2.0\r\nContent-Length:\r\n 3\r\n\r\nabc");
        assert!(matches!(reader.next_frame(), Ok(Some(Frame::Message(m))) if m.ends_with(b"abc")));
    }

    #[test]
    fn neither_noise_nor_size_is_waited_for() {
        for noise in [
            &b"\x16\x03\x01\x02\x00"[..],
            b"GET / HTTP/1.1\r\nHost: x\r\n",
        ] {
            let mut reader = StreamReader::new();
            reader.push(noise);
            assert_eq!(
                reader.next_frame().unwrap_err().kind,
                StreamErrorKind::NotSip
            );
        }
        let mut reader = StreamReader::new();
        reader.push(b"INVITE sip:a@b SIP/2.0\r\nX: ");
        reader.push(&[b'a'; MAX_MESSAGE]);
        assert_eq!(
            reader.next_frame().unwrap_err().kind,
            StreamErrorKind::TooLarge
        );
        let mut reader = StreamReader::new();
        reader.push(b"INVITE sip:a@b SIP/2.0\r\nl: 99999999999\r\n\r\n");
        assert_eq!(
            reader.next_frame().unwrap_err().kind,
            StreamErrorKind::TooLarge
        );
    }
}
