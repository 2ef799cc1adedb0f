//! The IPv6 torture messages of RFC 5118.

use causeway_sip::Transport;
use causeway_vectors::{AnsweringBox, corpus, expectations};

#[test]
fn every_message_is_treated_as_expected() {
    let Some(folder) = corpus("torture/rfc5118") else {
        return;
    };
    let mut wrong = Vec::new();
    let mut tested = 0;
    for expectation in expectations(&folder) {
        // The archive has bare line feeds; `.wire` is what goes on a wire.
        let path = folder.join(format!("{}.wire", expectation.file));
        let bytes = std::fs::read(&path).expect("the file of the line");
        let mut gateway = AnsweringBox::new();
        let outcome = gateway.receive(Transport::Udp, &bytes);
        assert!(gateway.is_alive("after"), "{}", expectation.file);
        gateway.assert_comes_to_rest();
        tested += 1;
        if !expectation.allows(&outcome) {
            wrong.push(format!("{expectation:?}\n    {outcome:?}"));
        }
    }
    assert_eq!(tested, 12);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
