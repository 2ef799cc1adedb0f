//! What holds for any message: written and read it is the same, and no damage brings anything down.

use causeway_sip::Transport;
use causeway_sip::message::stream::{Frame, StreamReader};
use causeway_sip::message::{HeaderName, Headers, Message, Method, Request, Response, Uri, read};
use causeway_vectors::{AnsweringBox, corpus, files};
use proptest::prelude::*;

fn headers() -> impl Strategy<Value = Headers> {
    let name = prop_oneof![
        Just("Via".to_owned()),
        Just("Contact".to_owned()),
        Just("s".to_owned()),
        "[A-Za-z][A-Za-z0-9.!%*_+`'~-]{0,20}",
    ];
    let value = prop::collection::vec(any::<u8>(), 0..60);
    prop::collection::vec((name, value), 0..30).prop_map(|list| {
        let mut headers = Headers::new();
        for (name, value) in list {
            if let Some(name) = HeaderName::from_bytes(name.as_bytes()) {
                headers.push(name, value);
            }
        }
        headers
    })
}

fn message() -> impl Strategy<Value = Message> {
    let body = prop::collection::vec(any::<u8>(), 0..300);
    let request = ("[A-Z]{3,9}", "[a-z0-9]{0,8}", headers(), body.clone()).prop_map(
        |(method, user, headers, body)| {
            let uri = format!("sip:{user}@[2001:db8::1]:5070;x={user};lr");
            Message::Request(Request {
                method: Method::read(method.as_bytes()).expect("a token"),
                uri: Uri::read(uri.as_bytes()).expect("a URI"),
                headers,
                body,
            })
        },
    );
    let response = (100u16..700, "[ -~]{0,20}", headers(), body).prop_map(
        |(status, reason, headers, body)| {
            Message::Response(Response {
                status,
                reason: reason.trim().as_bytes().to_vec(),
                headers,
                body,
            })
        },
    );
    prop_oneof![request, response]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_reads_back_the_same(message in message()) {
        prop_assert_eq!(read(&message.to_bytes()), Ok(message));
    }

    #[test]
    fn what_is_written_frames_itself(messages in prop::collection::vec(message(), 1..5), size in 1usize..400) {
        let stream: Vec<u8> = messages.iter().flat_map(Message::to_bytes).collect();
        let mut reader = StreamReader::new();
        let mut framed = Vec::new();
        for part in stream.chunks(size) {
            reader.push(part);
            while let Some(frame) = reader.next_frame().expect("a whole stream") {
                if let Frame::Message(bytes) = frame {
                    framed.push(read(&bytes).expect("a whole message"));
                }
            }
        }
        prop_assert_eq!(framed, messages);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        let _ = read(&bytes);
        let mut gateway = AnsweringBox::new();
        gateway.receive(Transport::Udp, &bytes);
        gateway.assert_comes_to_rest();
    }
}

/// Damage of the kinds wires and attackers do, decided by a seed.
fn damage(bytes: &mut Vec<u8>, seed: &mut u64) {
    let mut draw = |below: usize| {
        *seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(*seed >> 33).unwrap_or(0) % below.max(1)
    };
    for _ in 0..=draw(4) {
        let at = draw(bytes.len());
        match draw(6) {
            0 if !bytes.is_empty() => bytes[at] = u8::try_from(draw(256)).unwrap_or(0),
            1 => bytes.truncate(at),
            2 => bytes.insert(at.min(bytes.len()), b"\r\n\0\"<>;,:= %"[draw(12)]),
            3 if !bytes.is_empty() => {
                bytes.remove(at);
            }
            4 => {
                let end = (at + draw(80)).min(bytes.len());
                let piece = bytes[at.min(end)..end].to_vec();
                let to = draw(bytes.len());
                bytes.splice(to..to, piece);
            }
            _ => {
                let digits = b"99999999999999999999";
                bytes.splice(
                    at.min(bytes.len())..at.min(bytes.len()),
                    digits.iter().copied(),
                );
            }
        }
    }
}

#[test]
fn damaged_messages_bring_nothing_down() {
    let (Some(vendor), Some(torture)) = (corpus("sip-vendor"), corpus("torture/rfc4475")) else {
        return;
    };
    let originals = [files(&vendor, ".sip"), files(&torture, ".dat")].concat();
    for seed in 0..8u64 {
        let mut gateway = AnsweringBox::new();
        let mut state = seed;
        for (name, original) in &originals {
            let mut bytes = original.clone();
            damage(&mut bytes, &mut state);
            if let Ok(message) = read(&bytes) {
                assert_eq!(
                    read(&message.to_bytes()),
                    Ok(message),
                    "{name}, seed {seed}"
                );
            }
            gateway.receive(Transport::Udp, &bytes);
        }
        assert!(gateway.is_alive("after"), "seed {seed}");
        gateway.assert_comes_to_rest();
    }
}
