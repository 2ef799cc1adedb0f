//! Packets of a stranger into an SRTP receiver, between packets of the far side: none of the
//! stranger's is taken, and none of the far side's is lost to them.
#![no_main]

use causeway_media::srtp::{SrtpKey, SrtpReceiver, SrtpSender, SrtpSuite};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [choice, data @ ..] = data else {
        return;
    };
    let suite = SrtpSuite::ALL[usize::from(*choice) % SrtpSuite::ALL.len()];
    let keying: Vec<u8> = (0..suite.keying_octets() as u8).collect();
    let key = SrtpKey::new(suite, &keying).expect("of the right length");
    let mut sender = SrtpSender::new(key).expect("a cipher");
    let mut receiver = SrtpReceiver::new(key).expect("a cipher");
    for (n, piece) in data.chunks(64).enumerate() {
        assert!(receiver.unprotect_rtp(piece).is_err());
        assert!(receiver.unprotect_rtcp(piece).is_err());
        let [high, low] = (n as u16).to_be_bytes();
        let mut packet = vec![0x80, 0, high, low, 0, 0, 0, 0, 0, 0, 0, 7];
        packet.extend_from_slice(piece);
        let sealed = sender.protect_rtp(&packet).expect("a packet");
        let opened = receiver.unprotect_rtp(&sealed).expect("authentic");
        assert_eq!(*opened, packet);
    }
});
