//! The PROTOS INVITE cases: whatever comes, the box lives, keeps nothing, and an ordinary call works afterwards.

use causeway_sip::Transport;
use causeway_sip::message::stream::StreamReader;
use causeway_vectors::{AnsweringBox, corpus, files};

#[test]
fn the_box_survives_every_case() {
    let Some(folder) = corpus("protos-sample") else {
        return;
    };
    let cases = files(&folder, ".sip");
    assert!(cases.len() > 400, "only {} cases", cases.len());
    let mut gateway = AnsweringBox::new();
    for (number, (name, bytes)) in cases.iter().enumerate() {
        for transport in [Transport::Udp, Transport::Tcp] {
            gateway.receive(transport, bytes);
        }
        assert!(
            gateway.is_alive(&number.to_string()),
            "no call after {name}"
        );
    }
    gateway.assert_comes_to_rest();
}

#[test]
fn a_stream_survives_every_case() {
    let Some(folder) = corpus("protos-sample") else {
        return;
    };
    for (name, bytes) in files(&folder, ".sip") {
        let mut gateway = AnsweringBox::new();
        let mut reader = StreamReader::new();
        for part in bytes.chunks(1_000) {
            reader.push(part);
            while let Ok(Some(frame)) = reader.next_frame() {
                if let causeway_sip::message::stream::Frame::Message(message) = frame {
                    gateway.receive(Transport::Tcp, &message);
                }
            }
        }
        assert!(gateway.is_alive("after"), "no call after {name}");
    }
}

#[test]
fn the_ordinary_case_is_an_ordinary_call() {
    let Some(folder) = corpus("protos-sample") else {
        return;
    };
    let bytes = std::fs::read(folder.join("0000000.sip")).expect("0000000.sip");
    assert_eq!(
        AnsweringBox::new().receive(Transport::Udp, &bytes).status(),
        Some(200)
    );
}
