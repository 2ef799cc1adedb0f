//! RTCP compounds: read to the last report.
#![no_main]

use causeway_media::rtcp;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(compound) = rtcp::read(data) {
        let packets = compound
            .packets()
            .inspect(|packet| drop(format!("{packet:?}")))
            .count();
        assert!(
            packets <= data.len() / 4,
            "{packets} packets in {} octets",
            data.len()
        );
    }
});
