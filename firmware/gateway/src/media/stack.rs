//! Sets up the WebRTC stack for one browser: an ICE-lite answerer with one audio stream. Of a picture it knows nothing
//! (`picture_section`).

use super::keying::Keying;
use super::offer;
use super::web::Opening;
use causeway_media::plan::AudioCodec;
use causeway_media::sdp::browser::{self, Formats};
use rtc::dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc::interceptor::Registry;
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::RTCConfigurationBuilder;
use rtc::peer_connection::configuration::media_engine::MediaEngine;
use rtc::peer_connection::configuration::setting_engine::SettingEngineBuilder;
use rtc::peer_connection::transport::{CandidateConfig, CandidateHostConfig, RTCIceCandidate};
use rtc::peer_connection::{RTCPeerConnection, RTCPeerConnectionBuilder};
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters,
    RtpCodecKind,
};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// All that browsers have but the one with a short tag.
const PROFILES: [SrtpProtectionProfile; 3] = [
    SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
    SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm,
    SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
];

/// A connection that speaks `formats` and nothing else.
///
/// # Errors
/// What the stack says.
pub fn build(
    now: Instant,
    formats: Formats,
    redundancy: Option<u8>,
    opening: &Opening<'_>,
    crypto: Arc<Keying>,
) -> rtc::shared::error::Result<RTCPeerConnection> {
    let codec = codec_of(formats.0.codec);
    let mut engine = MediaEngine::default();
    for format in browser::each(formats) {
        engine.register_codec(
            RTCRtpCodecParameters {
                rtp_codec: codec_of(format.codec),
                payload_type: format.payload_type,
            },
            RtpCodecKind::Audio,
        )?;
    }
    if let (Some(payload_type), Some(opus)) = (redundancy, browser::opus_of(formats)) {
        engine.register_codec(
            RTCRtpCodecParameters {
                rtp_codec: RTCRtpCodec {
                    mime_type: "audio/red".to_owned(),
                    sdp_fmtp_line: offer::redundancy_fmtp(&opus),
                    ..codec_of(opus.codec)
                },
                payload_type,
            },
            RtpCodecKind::Audio,
        )?;
    }
    for dtmf in browser::events(formats) {
        engine.register_codec(
            RTCRtpCodecParameters {
                rtp_codec: RTCRtpCodec {
                    mime_type: "audio/telephone-event".to_owned(),
                    clock_rate: dtmf.clock_rate,
                    channels: 0,
                    sdp_fmtp_line: "0-16".to_owned(),
                    rtcp_feedback: Vec::new(),
                },
                payload_type: dtmf.payload_type,
            },
            RtpCodecKind::Audio,
        )?;
    }
    let never = Some(Duration::ZERO);
    let mut connection = RTCPeerConnectionBuilder::new()
        .with_configuration(
            RTCConfigurationBuilder::new()
                .with_certificates(vec![opening.certificate.clone()])
                .build(),
        )
        .with_setting_engine(
            SettingEngineBuilder::new()
                .with_lite(true)
                // Whether the browser is there is `liveness`'s to say: the stack counts checks
                // alone, and forgets its candidates when it gives up.
                .with_ice_timeouts(never, never, None)
                .with_crypto_provider(crypto)
                .with_srtp_protection_profiles(PROFILES.to_vec())
                .build(),
        )
        .with_media_engine(engine)
        .with_interceptor_registry(Registry::new().with(
            super::feedback::SLOT.into(),
            super::feedback::Deliver::default(),
        ))
        .build(now)?;
    connection.add_track(MediaStreamTrack::new(
        opening.stream.clone(),
        "audio".to_owned(),
        "audio".to_owned(),
        RtpCodecKind::Audio,
        vec![RTCRtpEncodingParameters {
            rtp_coding_parameters: RTCRtpCodingParameters {
                ssrc: Some(opening.ssrc),
                ..Default::default()
            },
            codec,
            ..Default::default()
        }],
    ))?;
    Ok(connection)
}

fn codec_of(codec: AudioCodec) -> RTCRtpCodec {
    let (channels, fmtp) = match codec {
        AudioCodec::Opus => (2, offer::OPUS_FMTP),
        AudioCodec::Pcmu | AudioCodec::Pcma | AudioCodec::G722 => (0, ""),
    };
    RTCRtpCodec {
        mime_type: format!("audio/{}", codec.name()),
        clock_rate: codec.clock_rate(),
        channels,
        sdp_fmtp_line: fmtp.to_owned(),
        rtcp_feedback: Vec::new(),
    }
}

/// The stack neither gathers nor translates addresses: it is told each one.
pub fn add_candidate(
    connection: &mut RTCPeerConnection,
    address: SocketAddr,
) -> rtc::shared::error::Result<()> {
    let candidate = CandidateHostConfig {
        base_config: CandidateConfig {
            network: "udp".to_owned(),
            address: address.ip().to_string(),
            port: address.port(),
            component: 1,
            ..Default::default()
        },
        ..Default::default()
    }
    .new_candidate_host()?;
    connection.add_local_candidate(RTCIceCandidate::from(&candidate).to_json()?)
}
