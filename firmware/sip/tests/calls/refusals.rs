//! What is broken may come from a forged address: over UDP nothing larger goes back than what came.

use causeway_sip::Transport;
use causeway_sip::message::read;

use crate::script::{Script, local, status};

const SHORT: &str = "OPTIONS sip:b SIP/2.0\r\nv: SIP/2.0/UDP h\r\nf: sip:a@h\r\nt: sip:b@h\r\ni: 1\r\nCSeq: 1 INFO\r\n\r\n";

fn answer(transport: Transport, text: &str) -> Option<String> {
    let mut script = Script::new();
    let (peer, now) = (script.peer, script.now);
    script
        .endpoint
        .handle_message(transport, local(), peer, text.as_bytes(), now);
    script.sent().pop()
}

#[test]
fn the_answer_to_what_is_broken_is_no_larger() {
    let mut answered = 0;
    for filling in 0..400 {
        let text = SHORT.replace(
            "\r\n\r\n",
            &format!("\r\ns: {}\r\n\r\n", "x".repeat(filling)),
        );
        let Some(answer) = answer(Transport::Udp, &text) else {
            continue;
        };
        answered += 1;
        assert_eq!(status(&answer), "400");
        assert!(read(answer.as_bytes()).is_ok(), "{answer}");
        assert!(answer.len() <= text.len(), "{} {answer}", text.len());
        // With room enough the fault is named.
        let named = answer.contains("CSeq: method differs");
        assert_eq!(named, answer.contains("Server: "), "{answer}");
        assert!(named || filling < 250, "{answer}");
    }
    assert!((250..400).contains(&answered), "{answered}");
}

#[test]
fn over_a_stream_the_sender_is_who_it_is() {
    let answer = answer(Transport::Tcp, SHORT).expect("an answer");
    assert!(answer.contains("CSeq: method differs"), "{answer}");
}
