//! H.264 sections: answered so that our own reader takes the answer, or refused.
#![no_main]

use causeway_media::plan::Direction;
use causeway_media::sdp::h264::ProfileLevel;
use causeway_media::sdp::read;
use causeway_media::sdp::video::{VideoConfig, answer, receive_answer};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let config = VideoConfig {
        port: 20_002,
        payload_type: 97,
        profile_level: ProfileLevel::BROWSER,
        max_kbps: None,
    };
    let Ok(description) = read(data) else {
        return;
    };
    for section in &description.media {
        let direction = description.direction_of(section);
        let _ = receive_answer(&config, section);
        if let Ok((ours, format)) = answer(&config, section, direction, Direction::SendRecv) {
            assert!(format.receive.level_rank() <= config.profile_level.level_rank());
            let understood = receive_answer(&config, &ours);
            assert_eq!(understood.map(|f| f.payload_type), Ok(format.payload_type));
        }
    }
});
