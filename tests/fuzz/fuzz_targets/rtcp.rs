//! RTCP compounds: read to the last report and request; VoIP metrics written as they were read.
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
        let mut asked = 0;
        for packet in compound.packets() {
            rtcp::requests(&packet, |_| asked += 1);
        }
        assert!(asked <= data.len() / 4, "{asked} requests in {} octets", data.len());
        for metrics in rtcp::voip_metrics(&compound) {
            let mut written = Vec::new();
            rtcp::Writer::new(&mut written).voip_metrics(1, &metrics);
            let again = rtcp::read(&written).expect("what was written is read");
            assert!(rtcp::voip_metrics(&again).eq([metrics]));
        }
    }
});
