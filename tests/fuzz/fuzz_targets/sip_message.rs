//! SIP messages: what is read and written again reads back the same, and every view of a header holds still.
#![no_main]

use causeway_sip::message::{self, CSeq, Message, NameAddr, Params, RAck, Reason, Uri, Via};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    match message::read(data) {
        Ok(read) => {
            let again = message::read(&read.to_bytes());
            assert_eq!(
                again.as_ref(),
                Ok(&read),
                "written differently from what was read"
            );
            match &read {
                Message::Request(request) => {
                    let _ = message::check::request(request);
                }
                Message::Response(response) => {
                    let _ = message::check::response(response);
                }
            }
            let _ = message::body::look(read.headers(), read.body());
            for header in read.headers().iter() {
                look(&header.value);
            }
        }
        // Where a response is due, the status must be one of a refused request.
        Err(error) => {
            if let Some(status) = error.status() {
                assert!((400..600).contains(&status), "{error:?}");
            }
        }
    }
    look(data);
});

fn look(value: &[u8]) {
    let _ = Uri::read(value);
    let _ = NameAddr::read(value);
    let _ = Via::read(value);
    let _ = CSeq::read(value);
    let _ = RAck::read(value);
    let _ = Reason::read(value);
    let _ = Params::read(value);
}
