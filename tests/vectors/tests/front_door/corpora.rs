//! The messages, and those of them that reach deeper when they call a number that exists.

use std::path::Path;

use causeway_harness::config::ECHO;
use causeway_sip::message::{HeaderName, Message, Method, Uri, Via, check, read};
use causeway_vectors::files;

use crate::wire::TRUNK;

pub type Messages = Vec<(String, Vec<u8>)>;

/// Every message of the examples in RFCs. A list is YAML: each item a block of lines indented by two.
pub fn call_flows(folder: &Path) -> Messages {
    let mut messages = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for (name, text) in files(&folder, ".yaml") {
            let text = String::from_utf8_lossy(&text).into_owned();
            for (number, item) in text.split("\n- ").skip(1).enumerate() {
                let lines: Vec<&str> = item
                    .lines()
                    .skip(1)
                    .map(|line| line.strip_prefix("  ").unwrap_or(line))
                    .collect();
                let mut message = lines.join("\r\n");
                message.push_str("\r\n");
                if !message.contains("\r\n\r\n") {
                    message.push_str("\r\n");
                }
                messages.push((format!("{name} #{number}"), message.into_bytes()));
            }
        }
        let below = std::fs::read_dir(&folder).expect("a readable folder");
        folders.extend(below.flatten().map(|e| e.path()).filter(|p| p.is_dir()));
    }
    messages
}

/// The INVITEs among them with the test number in the request line, as new requests (another Call-ID and branch): the
/// box answers these, so that the rest of them is looked at as well.
pub fn answered(messages: &Messages) -> Messages {
    let mut deeper = Vec::new();
    for (name, bytes) in messages {
        let Ok(Message::Request(mut request)) = read(bytes) else {
            continue;
        };
        let in_dialog = request
            .headers
            .get(&HeaderName::To)
            .is_none_or(|to| to.windows(4).any(|part| part == b"tag="));
        if request.method != Method::Invite || in_dialog {
            continue;
        }
        let number = format!("sip:{ECHO}@127.0.0.1");
        request.uri = Uri::read(number.as_bytes()).expect("a URI");
        let name_of_its_own = format!("deeper-{}", deeper.len());
        let top = check::top_via(&request.headers).and_then(|(top, _)| Via::read(top).ok());
        let Some(mut via) = top else { continue };
        let branch = format!("z9hG4bK{name_of_its_own}");
        via.params.set("branch", Some(branch));
        let mut top = Vec::new();
        via.write(&mut top);
        request.headers.set(HeaderName::Via, top);
        request.headers.set(HeaderName::CallId, name_of_its_own);
        request.body = at_home(&request.body);
        deeper.push((format!("{name}, answered"), request.to_bytes()));
    }
    deeper
}

/// A session description whose sound goes nowhere but to the trunk of the test: what is sent stays on the machine.
pub fn at_home(sdp: &[u8]) -> Vec<u8> {
    let mut home = Vec::with_capacity(sdp.len());
    for line in sdp.split_inclusive(|byte| *byte == b'\n') {
        let text = line.trim_ascii();
        let elsewhere = text.starts_with(b"c=IN IP4 ")
            && !text.starts_with(b"c=IN IP4 127.")
            && !text.starts_with(b"c=IN IP4 0.0.0.0");
        if elsewhere {
            home.extend_from_slice(format!("c=IN IP4 {TRUNK}\r\n").as_bytes());
        } else if text.starts_with(b"c=IN IP6 ") {
            home.extend_from_slice(b"c=IN IP6 ::1\r\n");
        } else {
            home.extend_from_slice(line);
        }
    }
    home
}
