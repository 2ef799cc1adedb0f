//! A browser's end of a call, driven by hand: one socket, one connection, no task of its own.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use rtc::interceptor::Registry;
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::RTCConfigurationBuilder;
use rtc::peer_connection::configuration::media_engine::MediaEngine;
use rtc::peer_connection::event::RTCPeerConnectionEvent;
use rtc::peer_connection::message::{RTCMessage, TaggedRTCMessage};
use rtc::peer_connection::sdp::RTCSessionDescription;
use rtc::peer_connection::state::RTCPeerConnectionState;
use rtc::peer_connection::transport::{CandidateConfig, CandidateHostConfig, RTCIceCandidate};
use rtc::peer_connection::{RTCPeerConnection, RTCPeerConnectionBuilder};
use rtc::rtcp::payload_feedbacks::receiver_estimated_maximum_bitrate::ReceiverEstimatedMaximumBitrate;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters,
    RtpCodecKind,
};
use rtc::sansio::Protocol;
use rtc::shared::{TaggedBytesMut, TransportContext, TransportProtocol};

use super::pictures::{Coding, STEP};
use crate::clock::random;
use crate::load::Codec;

/// One browser.
pub struct WebEnd {
    connection: RTCPeerConnection,
    pub socket: UdpSocket,
    local: SocketAddr,
    codec: Codec,
    /// Source and payload type of the picture.
    camera: Option<(u32, u8)>,
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    pub connected: bool,
    pub failed: bool,
    deadline: Option<Instant>,
    /// Source and highest number of what is heard.
    heard: Option<(u32, u16)>,
    next_report: Instant,
    /// Something other than media happened since the deadline was asked for.
    stirred: bool,
}

impl std::fmt::Debug for WebEnd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebEnd")
            .field("local", &self.local)
            .field("connected", &self.connected)
            .finish_non_exhaustive()
    }
}

/// Between two receiver reports.
const REPORT: Duration = Duration::from_secs(2);
/// What a browser's end says it can take of a picture, in bits a second.
const PICTURE_BITS: f32 = 600_000.0;

type Outcome<T> = Result<T, String>;

fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}

impl WebEnd {
    /// Opens a socket of its own and makes the complete offer, with a picture of this coding where one is named.
    pub fn offer(codec: Codec, picture: Option<Coding>, now: Instant) -> Outcome<(Self, String)> {
        let socket = UdpSocket::bind("127.0.0.1:0").map_err(said)?;
        socket.set_nonblocking(true).map_err(said)?;
        let local = socket.local_addr().map_err(said)?;
        let description = crate::load::codec_description(codec);
        let mut engine = MediaEngine::default();
        engine
            .register_codec(
                RTCRtpCodecParameters {
                    rtp_codec: description.clone(),
                    payload_type: codec.payload_type(),
                },
                RtpCodecKind::Audio,
            )
            .map_err(said)?;
        let picture = picture.map(camera_codec);
        if let Some((payload_type, rtp_codec)) = &picture {
            let parameters = RTCRtpCodecParameters {
                rtp_codec: rtp_codec.clone(),
                payload_type: *payload_type,
            };
            engine
                .register_codec(parameters, RtpCodecKind::Video)
                .map_err(said)?;
        }
        let mut connection = RTCPeerConnectionBuilder::new()
            .with_configuration(RTCConfigurationBuilder::new().build())
            .with_media_engine(engine)
            .with_interceptor_registry(Registry::new())
            .build(now)
            .map_err(said)?;
        let ssrc = random() as u32 | 1;
        connection
            .add_track(track(RtpCodecKind::Audio, "voice", ssrc, description))
            .map_err(said)?;
        let mut camera = None;
        if let Some((payload_type, codec)) = picture {
            let ssrc = random() as u32 | 1;
            connection
                .add_track(track(RtpCodecKind::Video, "camera", ssrc, codec))
                .map_err(said)?;
            camera = Some((ssrc, payload_type));
        }
        let candidate = CandidateHostConfig {
            base_config: CandidateConfig {
                network: "udp".to_owned(),
                address: local.ip().to_string(),
                port: local.port(),
                component: 1,
                ..Default::default()
            },
            ..Default::default()
        }
        .new_candidate_host()
        .and_then(|candidate| RTCIceCandidate::from(&candidate).to_json())
        .map_err(said)?;
        connection.add_local_candidate(candidate).map_err(said)?;
        let offer = connection.create_offer(None).map_err(said)?;
        connection.set_local_description(now, offer).map_err(said)?;
        let sdp = connection
            .local_description()
            .map(|description| description.sdp)
            .ok_or("no local description")?;
        let end = Self {
            connection,
            socket,
            local,
            codec,
            camera,
            ssrc,
            sequence: random() as u16,
            timestamp: random() as u32,
            connected: false,
            failed: false,
            deadline: None,
            heard: None,
            next_report: now + REPORT,
            stirred: true,
        };
        Ok((end, sdp))
    }

    /// Takes the engine's answer.
    pub fn answer(&mut self, sdp: &str, now: Instant) -> Outcome<()> {
        self.stirred = true;
        // Asterisk writes the hash's name in capitals, which is as good (RFC 8122 section 5), and which the stack does not know.
        let sdp = sdp.replace("a=fingerprint:SHA-", "a=fingerprint:sha-");
        let answer = RTCSessionDescription::answer(sdp).map_err(said)?;
        self.connection
            .set_remote_description(now, answer)
            .map_err(said)
    }

    /// Sends one frame.
    pub fn speak(&mut self, payload: Bytes, now: Instant) {
        let header = rtc::rtp::Header {
            version: 2,
            payload_type: self.codec.payload_type(),
            sequence_number: self.sequence,
            timestamp: self.timestamp,
            ssrc: self.ssrc,
            ..Default::default()
        };
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(self.codec.ticks());
        let message = RTCMessage::RtpPacket(String::new(), rtc::rtp::Packet { header, payload });
        let _ = self
            .connection
            .handle_write(TaggedRTCMessage { now, message });
        self.flush();
    }

    /// Sends one frame of the picture.
    pub fn show(&mut self, payloads: &[Bytes], now: Instant) {
        let Some((ssrc, payload_type)) = self.camera else {
            return;
        };
        for (number, payload) in payloads.iter().enumerate() {
            let header = rtc::rtp::Header {
                version: 2,
                marker: number + 1 == payloads.len(),
                payload_type,
                sequence_number: self.sequence,
                timestamp: self.timestamp,
                ssrc,
                ..Default::default()
            };
            self.sequence = self.sequence.wrapping_add(1);
            let payload = payload.clone();
            let message =
                RTCMessage::RtpPacket(String::new(), rtc::rtp::Packet { header, payload });
            let _ = self
                .connection
                .handle_write(TaggedRTCMessage { now, message });
        }
        self.timestamp = self.timestamp.wrapping_add(STEP);
        self.flush();
    }

    /// Takes one datagram; what it holds of sound or picture goes to `heard`.
    pub fn receive(
        &mut self,
        from: SocketAddr,
        datagram: &[u8],
        now: Instant,
        heard: &mut Vec<rtc::rtp::Packet>,
    ) {
        // STUN and DTLS begin below 64 (RFC 7983); the rest is media.
        let is_media = datagram.first().is_some_and(|first| *first >= 128);
        let _ = self.connection.handle_read(TaggedBytesMut {
            now,
            transport: TransportContext {
                local_addr: self.local,
                peer_addr: from,
                ecn: None,
                transport_protocol: TransportProtocol::UDP,
            },
            message: BytesMut::from(datagram),
        });
        while let Some(message) = self.connection.poll_media_read() {
            if let RTCMessage::RtpPacket(_, packet) = message.message {
                self.heard = Some((packet.header.ssrc, packet.header.sequence_number));
                heard.push(packet);
            }
        }
        if !is_media {
            self.stirred = true;
            self.settle();
        }
    }

    /// Does what is due. Cheap to call often.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.deadline.is_some_and(|due| due <= now) {
            let _ = self.connection.handle_timeout(now);
            self.stirred = true;
        }
        if self.connected && now >= self.next_report {
            self.next_report = now + REPORT;
            self.report(now);
        }
        if self.stirred {
            self.settle();
        }
    }

    /// Says that nothing was lost, as a browser on a clean network does (RFC 3550 section 6.4.2): engines steer by it.
    fn report(&mut self, now: Instant) {
        let Some((ssrc, highest)) = self.heard else {
            return;
        };
        let report = rtc::rtcp::receiver_report::ReceiverReport {
            ssrc: self.ssrc,
            reports: vec![rtc::rtcp::reception_report::ReceptionReport {
                ssrc,
                last_sequence_number: u32::from(highest),
                ..Default::default()
            }],
            ..Default::default()
        };
        let mut packets: Vec<Box<dyn rtc::rtcp::Packet>> = vec![Box::new(report)];
        if self.camera.is_some() {
            packets.push(Box::new(ReceiverEstimatedMaximumBitrate {
                sender_ssrc: self.ssrc,
                bitrate: PICTURE_BITS,
                ssrcs: vec![ssrc],
            }));
        }
        let message = RTCMessage::RtcpPacket(String::new(), packets);
        let _ = self
            .connection
            .handle_write(TaggedRTCMessage { now, message });
        self.flush();
    }

    fn settle(&mut self) {
        self.stirred = false;
        while let Some(event) = self.connection.poll_event() {
            if let RTCPeerConnectionEvent::OnConnectionStateChangeEvent(state) = event {
                self.connected |= state == RTCPeerConnectionState::Connected;
                self.failed |= state == RTCPeerConnectionState::Failed;
            }
        }
        self.flush();
        self.deadline = self.connection.poll_timeout();
    }

    fn flush(&mut self) {
        while let Some(datagram) = self.connection.poll_write() {
            let _ = self
                .socket
                .send_to(&datagram.message, datagram.transport.peer_addr);
        }
    }
}

/// As browsers offer it, and under which payload type.
fn camera_codec(coding: Coding) -> (u8, RTCRtpCodec) {
    let (payload_type, name, format) = match coding {
        Coding::Vp8 => (96, "VP8", ""),
        Coding::H264 => (
            97,
            "H264",
            "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
        ),
    };
    let codec = RTCRtpCodec {
        mime_type: format!("video/{name}"),
        clock_rate: 90_000,
        channels: 0,
        sdp_fmtp_line: format.to_owned(),
        rtcp_feedback: Vec::new(),
    };
    (payload_type, codec)
}

fn track(kind: RtpCodecKind, name: &str, ssrc: u32, codec: RTCRtpCodec) -> MediaStreamTrack {
    MediaStreamTrack::new(
        format!("{name}{ssrc}"),
        name.to_owned(),
        name.to_owned(),
        kind,
        vec![RTCRtpEncodingParameters {
            rtp_coding_parameters: RTCRtpCodingParameters {
                ssrc: Some(ssrc),
                ..Default::default()
            },
            codec,
            ..Default::default()
        }],
    )
}
