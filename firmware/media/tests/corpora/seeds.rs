//! `fuzz-seeds/`: packets that broke others.

use crate::{files, folder};
use causeway_media::path::{Output, OutputIdentity, Path};
use causeway_media::plan::{AudioCodec, AudioFormat, DtmfFormat};
use causeway_media::{dtmf, rtcp, rtp, sdp};
use std::time::{Duration, Instant};

fn seeds() -> Vec<(String, Vec<u8>)> {
    let kinds = ["rtp", "rtcp", "stun", "aiortc-bin"];
    kinds
        .into_iter()
        .filter_map(|kind| folder(&format!("fuzz-seeds/{kind}")))
        .flat_map(files)
        .collect()
}

/// Everything that reads octets, on anything.
fn read_all(octets: &[u8]) {
    if let Ok(packet) = rtp::read(octets) {
        let whole = rtp::HEADER_LEN + packet.contributors.len() + packet.payload.len();
        assert!(whole <= octets.len());
    }
    if let Ok(compound) = rtcp::read(octets) {
        for packet in compound.packets() {
            match packet {
                rtcp::Packet::SenderReport { reports, .. }
                | rtcp::Packet::ReceiverReport { reports, .. } => {
                    assert!(reports.iter().count() <= 31);
                }
                rtcp::Packet::SourceDescription(names) => assert!(names.chunks().count() <= 31),
                rtcp::Packet::Goodbye(bye) => assert!(bye.sources().count() <= 31),
                rtcp::Packet::Other { .. } => {}
            }
        }
    }
    let _ = dtmf::read(octets);
    let _ = sdp::read(octets);
}

#[test]
fn seeds_and_what_grows_from_them_are_read_without_harm() {
    let format = |codec, payload_type| AudioFormat {
        codec,
        payload_type,
        ptime_ms: 20,
        dtmf: Some(DtmfFormat {
            payload_type: 101,
            clock_rate: 8_000,
        }),
    };
    let out_identity = OutputIdentity {
        ssrc: 1,
        first_sequence: 1,
        first_timestamp: 1,
    };
    let mut random = 0x2545_F491_4F6C_DD1D_u64;
    for (_, seed) in seeds() {
        let mut path = Path::new(
            format(AudioCodec::Opus, 111),
            format(AudioCodec::Pcmu, 0),
            out_identity,
        )
        .unwrap();
        let mut out = Output::new();
        let mut now = Instant::now();
        read_all(&seed);
        for _ in 0..50 {
            let mut mutant = seed[..seed.len().min(1_500)].to_vec();
            for _ in 0..3 {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                let at = (random >> 8) as usize % mutant.len().max(1);
                if let Some(octet) = mutant.get_mut(at) {
                    *octet = random as u8;
                }
            }
            read_all(&mutant);
            now += Duration::from_millis(20);
            path.handle_rtp(&mutant, now, &mut out);
            path.handle_timeout(now, &mut out);
            out.clear();
        }
    }
}

#[test]
fn well_formed_seeds_are_told_from_broken_ones() {
    for (name, octets) in seeds() {
        match name.as_str() {
            "rtp.bin"
            | "rtp_dtmf.bin"
            | "rtp_with_csrc.bin"
            | "rtp_with_sdes_mid.bin"
            | "rtp_only_padding.bin"
            | "rtp_only_padding_with_header_extensions.bin" => {
                assert!(rtp::read(&octets).is_ok(), "{name}");
                assert!(!rtp::is_rtcp(&octets), "{name}");
            }
            "rtcp_bye.bin"
            | "rtcp_bye_no_sources.bin"
            | "rtcp_bye_padding.bin"
            | "rtcp_sr.bin"
            | "rtcp_rr.bin"
            | "rtcp_sdes.bin"
            | "rtcp_psfb_pli.bin"
            | "rtcp_rtpfb.bin" => {
                let read = rtcp::read(&octets);
                assert!(read.is_ok(), "{name}: {read:?}");
                assert!(rtp::is_rtcp(&octets), "{name}");
            }
            "rtcp_bye_invalid.bin"
            | "rtcp_rr_invalid.bin"
            | "rtcp_sr_invalid.bin"
            | "rtcp_sdes_item_truncated.bin"
            | "rtcp_sdes_source_truncated.bin" => {
                assert!(rtcp::read(&octets).is_err(), "{name}");
            }
            _ => {}
        }
    }
}
