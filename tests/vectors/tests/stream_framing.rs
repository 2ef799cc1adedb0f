//! SIP over a stream: real messages in one row come out one by one, and what breaks the framing ends the stream.

use causeway_sip::Transport;
use causeway_sip::message::stream::{Frame, StreamErrorKind, StreamReader};
use causeway_vectors::{AnsweringBox, corpus, files};

/// The messages of a stream, and how its framing broke if it did, with the head at fault.
type Framed = (Vec<Vec<u8>>, Option<(StreamErrorKind, Option<Vec<u8>>)>);

fn frames(stream: &[u8], size: usize) -> Framed {
    let mut reader = StreamReader::new();
    let mut messages = Vec::new();
    for part in stream.chunks(size) {
        reader.push(part);
        loop {
            match reader.next_frame() {
                Ok(Some(Frame::Message(message))) => messages.push(message),
                Ok(Some(Frame::Ping | Frame::Pong)) => {}
                Ok(None) => break,
                Err(error) => return (messages, Some((error.kind, error.head))),
            }
        }
    }
    (messages, None)
}

#[test]
fn torture_messages_in_one_row_come_out_one_by_one() {
    let Some(folder) = corpus("torture/rfc4475") else {
        return;
    };
    // Those whose framing is whole: a length that is right, or none and no body.
    let names = [
        "wsinv",
        "intmeth",
        "esc01",
        "escnull",
        "esc02",
        "lwsdisp",
        "longreq",
        "semiuri",
        "transports",
        "unreason",
        "noreason",
        "unkscm",
        "bext01",
        "zeromf",
        "cparam01",
        "regescrt",
    ];
    let messages: Vec<Vec<u8>> = names
        .iter()
        .map(|name| std::fs::read(folder.join(format!("{name}.dat"))).expect("the file"))
        .collect();
    let stream = messages.join(&b"\r\n\r\n"[..]);
    for size in [1, 7, 100, 1_460, stream.len()] {
        let (found, error) = frames(&stream, size);
        assert_eq!(error, None, "in pieces of {size}");
        assert_eq!(found.len(), messages.len(), "in pieces of {size}");
        assert_eq!(found, messages, "in pieces of {size}");
    }
}

#[test]
fn a_length_that_cannot_be_ends_the_stream_and_is_answered() {
    let Some(folder) = corpus("torture/rfc4475") else {
        return;
    };
    for name in ["ncl", "mcl01"] {
        let bytes = std::fs::read(folder.join(format!("{name}.dat"))).expect("the file");
        let (messages, error) = frames(&bytes, 64);
        assert_eq!(messages.len(), 0, "{name}");
        let (kind, head) = error.expect("the framing is lost");
        assert_eq!(kind, StreamErrorKind::BadContentLength, "{name}");
        let outcome = AnsweringBox::new().receive(Transport::Tcp, &head.expect("the head"));
        assert_eq!(outcome.status(), Some(400), "{name}");
    }
}

#[test]
fn vendor_messages_frame_themselves() {
    let Some(folder) = corpus("sip-vendor") else {
        return;
    };
    for (name, bytes) in files(&folder, ".sip") {
        let whole = frames(&bytes, bytes.len().max(1));
        for size in [1, 13, 500] {
            assert_eq!(frames(&bytes, size), whole, "{name} in pieces of {size}");
        }
    }
}
