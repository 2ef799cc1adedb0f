//! A browser as far as the media plane can tell: a full ICE agent that offers, on `rtc`.

use crate::sound::Tone;
use bytes::{Bytes, BytesMut};
use causeway_media::opus;
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
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters,
    RtpCodecKind,
};
use rtc::sansio::Protocol;
use rtc::shared::{TaggedBytesMut, TransportContext, TransportProtocol};
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

pub const OPUS: u8 = 111;
pub const EVENTS: u8 = 110;
const SSRC: u32 = 0x0B0B_0B0B;

/// One RTP packet that the browser got.
#[derive(Clone, Debug)]
pub struct Heard {
    pub header: rtc::rtp::Header,
    pub payload: Bytes,
}

pub struct Browser {
    pub connection: RTCPeerConnection,
    pub socket: UdpSocket,
    local: SocketAddr,
    pub connected: bool,
    pub heard: Vec<Heard>,
    /// RTCP packets that came, by what they are.
    pub reports: usize,
    sequence: u16,
    timestamp: u32,
    encoder: opus::Encoder,
    tone: Tone,
    /// Nothing is read or sent while set: the network is gone.
    pub unplugged: bool,
}

fn codec(name: &str, clock_rate: u32, channels: u16, fmtp: &str) -> RTCRtpCodec {
    RTCRtpCodec {
        mime_type: format!("audio/{name}"),
        clock_rate,
        channels,
        sdp_fmtp_line: fmtp.to_owned(),
        rtcp_feedback: Vec::new(),
    }
}

impl Browser {
    pub fn new(hertz: f64) -> Self {
        let now = Instant::now();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket
            .set_read_timeout(Some(Duration::from_millis(1)))
            .unwrap();
        let local = socket.local_addr().unwrap();
        let opus = codec("opus", 48_000, 2, "minptime=10;useinbandfec=1");
        let mut engine = MediaEngine::default();
        let codecs = [
            (opus.clone(), OPUS),
            (codec("PCMU", 8_000, 0, ""), 0),
            (codec("telephone-event", 48_000, 0, "0-16"), EVENTS),
        ]
        .map(|(rtp_codec, payload_type)| RTCRtpCodecParameters {
            rtp_codec,
            payload_type,
        });
        for codec in codecs.clone() {
            engine.register_codec(codec, RtpCodecKind::Audio).unwrap();
        }
        let mut connection = RTCPeerConnectionBuilder::new()
            .with_configuration(RTCConfigurationBuilder::new().build())
            .with_media_engine(engine)
            .with_interceptor_registry(Registry::new())
            .build(now)
            .unwrap();
        connection
            .add_track(MediaStreamTrack::new(
                "stream".to_owned(),
                "mic".to_owned(),
                "mic".to_owned(),
                RtpCodecKind::Audio,
                vec![RTCRtpEncodingParameters {
                    rtp_coding_parameters: RTCRtpCodingParameters {
                        ssrc: Some(SSRC),
                        ..Default::default()
                    },
                    codec: opus,
                    ..Default::default()
                }],
            ))
            .unwrap();
        let id = connection.get_transceivers().next().unwrap();
        let mut transceiver = connection.rtp_transceiver(id).unwrap();
        transceiver.set_codec_preferences(codecs.to_vec()).unwrap();
        let mut browser = Self {
            connection,
            socket,
            local,
            connected: false,
            heard: Vec::new(),
            reports: 0,
            sequence: 40_000,
            timestamp: 7,
            encoder: opus::Encoder::new(opus::Bandwidth::Narrow, opus::EncoderSettings::default())
                .unwrap(),
            tone: Tone::new(hertz),
            unplugged: false,
        };
        browser.add_candidate();
        browser
    }

    fn add_candidate(&mut self) {
        let candidate = CandidateHostConfig {
            base_config: CandidateConfig {
                network: "udp".to_owned(),
                address: self.local.ip().to_string(),
                port: self.local.port(),
                component: 1,
                ..Default::default()
            },
            ..Default::default()
        }
        .new_candidate_host()
        .unwrap();
        let candidate = RTCIceCandidate::from(&candidate).to_json().unwrap();
        self.connection.add_local_candidate(candidate).unwrap();
    }

    pub fn offer(&mut self) -> String {
        let offer = self.connection.create_offer(None).unwrap();
        self.connection
            .set_local_description(Instant::now(), offer)
            .unwrap();
        self.connection.local_description().unwrap().sdp
    }

    /// An offer that restarts ICE, from a new port: another network.
    pub fn restart_offer(&mut self) -> String {
        self.connection.restart_ice();
        let sdp = self.offer();
        self.move_away();
        self.add_candidate();
        sdp
    }

    /// Takes another port.
    pub fn move_away(&mut self) {
        self.socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        self.socket
            .set_read_timeout(Some(Duration::from_millis(1)))
            .unwrap();
        self.local = self.socket.local_addr().unwrap();
    }

    pub fn take_answer(&mut self, sdp: &str) {
        let answer = RTCSessionDescription::answer(sdp.to_owned()).unwrap();
        self.connection
            .set_remote_description(Instant::now(), answer)
            .unwrap();
    }

    /// Reads and sends for one or two milliseconds.
    pub fn turn(&mut self) {
        let mut buffer = [0; 2048];
        let got = self.socket.recv_from(&mut buffer);
        let now = Instant::now();
        if let Ok((length, from)) = got
            && !self.unplugged
        {
            let _ = self.connection.handle_read(TaggedBytesMut {
                now,
                transport: TransportContext {
                    local_addr: self.local,
                    peer_addr: from,
                    ecn: None,
                    transport_protocol: TransportProtocol::UDP,
                },
                message: BytesMut::from(&buffer[..length]),
            });
        }
        if self.connection.poll_timeout().is_some_and(|due| due <= now) {
            let _ = self.connection.handle_timeout(now);
        }
        while let Some(event) = self.connection.poll_event() {
            if let RTCPeerConnectionEvent::OnConnectionStateChangeEvent(state) = event {
                self.connected = state == RTCPeerConnectionState::Connected;
            }
        }
        while let Some(message) = self.connection.poll_read() {
            match message.message {
                RTCMessage::RtpPacket(_, packet) => self.heard.push(Heard {
                    header: packet.header,
                    payload: packet.payload,
                }),
                RTCMessage::RtcpPacket(..) => self.reports += 1,
                _ => {}
            }
        }
        while let Some(datagram) = self.connection.poll_write() {
            if !self.unplugged {
                let _ = self
                    .socket
                    .send_to(&datagram.message, datagram.transport.peer_addr);
            }
        }
    }

    fn send(&mut self, payload_type: u8, marker: bool, timestamp: u32, payload: &[u8]) {
        let header = rtc::rtp::Header {
            version: 2,
            marker,
            payload_type,
            sequence_number: self.sequence,
            timestamp,
            ssrc: SSRC,
            ..Default::default()
        };
        self.sequence = self.sequence.wrapping_add(1);
        let packet = rtc::rtp::Packet {
            header,
            payload: Bytes::copy_from_slice(payload),
        };
        let message = RTCMessage::RtpPacket(String::new(), packet);
        let now = Instant::now();
        let _ = self
            .connection
            .handle_write(TaggedRTCMessage { now, message });
    }

    /// Sends 20 ms of the tone.
    pub fn speak(&mut self) {
        let frame = self.tone.frame();
        let mut packet = [0; 1500];
        let opus::Encoded::Packet(length) = self.encoder.encode(&frame, &mut packet).unwrap()
        else {
            panic!("a tone is not silence");
        };
        let timestamp = self.timestamp;
        self.timestamp = timestamp.wrapping_add(960);
        self.send(OPUS, false, timestamp, &packet[..length]);
    }

    /// Says 20 ms that are lost on the way.
    pub fn speak_in_vain(&mut self) {
        self.tone.frame();
        self.timestamp = self.timestamp.wrapping_add(960);
        self.sequence = self.sequence.wrapping_add(1);
    }

    /// Sends one packet of a pressed key, the `nth` of `packets`; the last ends it.
    pub fn press(&mut self, code: u8, nth: u16, packets: u16) {
        let end = nth + 1 == packets;
        let duration = (nth + 1) * 960;
        let [d0, d1] = duration.to_be_bytes();
        let payload = [code, if end { 0x8A } else { 0x0A }, d0, d1];
        let timestamp = self.timestamp;
        for _ in 0..if end { 3 } else { 1 } {
            self.send(EVENTS, nth == 0, timestamp, &payload);
        }
        if end {
            self.timestamp = timestamp.wrapping_add(u32::from(packets) * 960);
        }
    }

    /// What was heard since `since` as sound at 8 kHz.
    pub fn sound_since(&self, since: usize) -> Vec<i16> {
        let mut decoder = opus::Decoder::new(opus::Bandwidth::Narrow).unwrap();
        let mut sound = Vec::new();
        // From the very first packet: a decoder that begins in the midst of it takes 100 ms to settle.
        for (nth, heard) in self.heard.iter().enumerate() {
            if heard.header.payload_type != OPUS {
                continue;
            }
            let mut pcm = [0; 960];
            let samples = decoder.decode(&heard.payload, &mut pcm).unwrap();
            if nth >= since {
                sound.extend_from_slice(&pcm[..samples]);
            }
        }
        sound
    }
}
