//! Telephone events: whatever comes in whatever order, no more digits than packets, and none that lasts for ever.
#![no_main]

use std::time::{Duration, Instant};

use causeway_media::dtmf::{self, DtmfReceiver};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = dtmf::read(data);
    let mut now = Instant::now();
    let mut receiver = DtmfReceiver::new(8_000);
    for piece in data.chunks_exact(8) {
        let Ok(event) = dtmf::read(&piece[..4]) else {
            continue;
        };
        assert_eq!(dtmf::read(&event.to_bytes()).as_ref(), Ok(&event));
        let timestamp = u32::from(piece[4]) * 160;
        let _ = receiver.on_event(timestamp, piece[5] & 1 != 0, event, now);
        now += Duration::from_millis(u64::from(piece[6]) * u64::from(piece[7]));
        if receiver.poll_timeout().is_some_and(|at| at <= now) {
            let _ = receiver.handle_timeout(now);
        }
    }
    if receiver.is_pressed() {
        // A key whose end never came is released by time.
        let at = receiver
            .poll_timeout()
            .expect("a pressed key has a deadline");
        let _ = receiver.handle_timeout(at);
        assert!(!receiver.is_pressed());
    }
});
