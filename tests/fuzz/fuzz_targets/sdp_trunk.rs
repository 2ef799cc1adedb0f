//! SDP of a PBX: as an offer, as the answer to ours, and as text that is written again.
#![no_main]

use std::net::{IpAddr, Ipv4Addr};

use causeway_media::plan::{AudioCodec, Direction};
use causeway_media::sdp::trunk::{KeySeed, SrtpPolicy, TrunkMediaConfig, TrunkSession};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let config = TrunkMediaConfig {
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        port: 20_000,
        session_id: 1,
        codecs: vec![AudioCodec::Pcmu, AudioCodec::Pcma, AudioCodec::G722],
        ptime_ms: 20,
        dtmf_payload_type: Some(101),
        comfort_noise: false,
        srtp: SrtpPolicy::Optional,
        key_seed: KeySeed([1; 32]),
    };
    let mut offering = TrunkSession::new(config.clone());
    offering.offer(Direction::SendRecv);
    if let Ok(plan) = offering.receive_answer(data) {
        assert!(
            !plan.remote.ip().is_unspecified(),
            "sound would go to {}",
            plan.remote
        );
    }
    let mut answering = TrunkSession::new(config.clone());
    if let Ok((answer, plan)) = answering.receive_offer(data, Direction::SendRecv) {
        assert!(
            !plan.remote.ip().is_unspecified(),
            "sound would go to {}",
            plan.remote
        );
        // Our own answer must be one that our own reader takes.
        let mut peer = TrunkSession::new(config);
        peer.offer(Direction::SendRecv);
        let _ = peer.receive_answer(answer.as_bytes());
        // A second offer, as a PBX sends to hold, is taken like the first.
        let _ = answering.receive_offer(data, Direction::RecvOnly);
    }
});
