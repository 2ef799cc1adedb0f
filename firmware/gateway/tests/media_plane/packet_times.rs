//! Packets of 10 to 60 ms, both ways and in every pair.

use crate::call::*;
use causeway_gateway::media::WebCodecPolicy;
use causeway_media::plan::Direction;

#[test]
fn each_side_gets_packets_as_long_as_it_wants_them() {
    let _alone = alone();
    for (theirs, wanted) in [
        (10, 10),
        (10, 60),
        (20, 30),
        (30, 20),
        (40, 10),
        (60, 40),
        (60, 60),
    ] {
        let mut call = Call::open(WebCodecPolicy::Opus);
        call.pbx.packet_ms = theirs;
        let mut format = pcmu(true);
        format.ptime_ms = wanted;
        call.plan_as(format, Direction::SendRecv);
        call.connect();
        call.run(300);
        let (browser_since, pbx_since) = (call.browser.heard.len(), call.pbx.heard.len());
        call.run(720);
        call.assert_tones(browser_since, pbx_since);
        let heard = &call.pbx.heard[pbx_since..];
        let octets = usize::from(wanted) * 8;
        assert!(
            heard.iter().all(|(_, _, payload)| payload.len() == octets),
            "{theirs} ms in, {wanted} ms wanted"
        );
        for pair in heard.windows(2) {
            let ahead = pair[1].1.timestamp.wrapping_sub(pair[0].1.timestamp);
            assert_eq!(ahead as usize, octets, "{theirs} ms in, {wanted} ms wanted");
        }
        // The browser gets frames of 20 ms whatever the PBX sends.
        let heard = &call.browser.heard[browser_since..];
        for pair in heard.windows(2) {
            let (a, b) = (pair[0].header.timestamp, pair[1].header.timestamp);
            assert_eq!(b.wrapping_sub(a), 960, "{theirs} ms in, {wanted} ms wanted");
        }
        call.assert_unbroken_at_browser();
        call.assert_unbroken_at_pbx();
        call.close();
    }
}
