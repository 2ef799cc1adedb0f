//! What products and RFC examples really send must be read, understood, and written back the same.

use std::path::Path;

use causeway_sip::Transport;
use causeway_sip::message::{Message, check, read};
use causeway_vectors::{AnsweringBox, corpus, files};

/// Messages that are rightly not understood, with what is said of them.
const UNUSABLE: [(&str, &str); 11] = [
    ("heplify__lineproto_test__5cc1e1575a69", "From: missing"),
    // A capture whose addresses were blanked without changing the length.
    (
        "heplify__parser_test__d86bc4ab0ece",
        "line 10: body shorter than Content-Length",
    ),
    ("kamailio__bad_via1", "From: missing"),
    ("kamailio__inv_srv", "To: missing"),
    // `Call-ID; …`
    ("kamailio__invite5-callid", "line 5: bad header line"),
    // A line `text/plain` of its own.
    ("kamailio__message02", "line 8: bad header line"),
    // Headers in the Request-URI.
    ("kamailio__req2", "line 1: bad Request-URI"),
    ("kamailio__short_reply", "From: missing"),
    // The RFC shows only some of the headers.
    ("9.3_incoming_call_and_proxy_crash", "Via: missing"),
    ("9.4_re-registration", "Via: missing"),
    ("9.5_outgoing_call", "Via: missing"),
];

fn problems(messages: &[(String, Vec<u8>)]) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, bytes) in messages {
        let expected = UNUSABLE
            .iter()
            .find(|(unusable, _)| name.contains(unusable));
        let problem = match read(bytes) {
            Ok(message) => {
                if read(&message.to_bytes()).as_ref() != Ok(&message) {
                    problems.push(format!("{name}: written differently"));
                }
                match &message {
                    Message::Request(request) => check::request(request).err(),
                    Message::Response(response) => check::response(response).err(),
                }
                .map(|defect| defect.to_string())
            }
            Err(error) => Some(error.to_string()),
        };
        if problem.as_deref() != expected.map(|(_, problem)| *problem) {
            problems.push(format!("{name}: {problem:?}"));
        }
    }
    problems
}

#[test]
fn messages_of_products_are_understood() {
    let Some(folder) = corpus("sip-vendor") else {
        return;
    };
    let messages = files(&folder, ".sip");
    assert!(messages.len() > 200, "only {}", messages.len());
    let problems = problems(&messages);
    assert!(
        problems.is_empty(),
        "{} of {}:\n{}",
        problems.len(),
        messages.len(),
        problems.join("\n")
    );

    let mut gateway = AnsweringBox::new();
    for (number, (name, bytes)) in messages.iter().enumerate() {
        gateway.receive(Transport::Udp, bytes);
        assert!(
            gateway.is_alive(&number.to_string()),
            "no call after {name}"
        );
    }
    gateway.assert_comes_to_rest();
}

#[test]
fn messages_of_rfc_call_flows_are_understood() {
    let Some(folder) = corpus("rfc-callflows") else {
        return;
    };
    let mut messages = Vec::new();
    collect(&folder, &mut messages);
    assert!(messages.len() > 100, "only {}", messages.len());
    let problems = problems(&messages);
    assert!(
        problems.is_empty(),
        "{} of {}:\n{}",
        problems.len(),
        messages.len(),
        problems.join("\n")
    );
}

/// The messages of every list in the folder and below. A list is YAML: each item a block of lines indented by two.
fn collect(folder: &Path, messages: &mut Vec<(String, Vec<u8>)>) {
    for (name, text) in files(folder, ".yaml") {
        let text = String::from_utf8(text).expect("UTF-8");
        let mut message = String::new();
        let mut number = 0;
        for line in text.lines().chain(["- end"]) {
            if line.starts_with("- ") {
                if !message.is_empty() {
                    // YAML leaves empty lines at the end of a file out.
                    if !message.contains("\r\n\r\n") {
                        message.push_str("\r\n");
                    }
                    let bytes = std::mem::take(&mut message).into_bytes();
                    messages.push((format!("{name} #{number}"), bytes));
                }
                number += 1;
            } else if number > 0 {
                message.push_str(line.strip_prefix("  ").unwrap_or(line));
                message.push_str("\r\n");
            }
        }
    }
    let mut below: Vec<_> = std::fs::read_dir(folder)
        .expect("a readable folder")
        .map(|entry| entry.expect("a readable entry").path())
        .filter(|path| path.is_dir())
        .collect();
    below.sort();
    for path in below {
        collect(&path, messages);
    }
}
