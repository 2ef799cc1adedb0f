//! One WebRTC connection through the `webrtc` crate: offers audio, sends the tone, samples what comes.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rtc::interceptor::Registry;
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::interceptor_registry::configure_rtcp_reports;
use rtc::rtp;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters,
    RtpCodecKind,
};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler,
    RTCIceGatheringState, RTCPeerConnectionState, RTCSessionDescription,
};

use super::signalling::{Failure, failure};
use super::sound::{Codec, Sampler, ToneFrames};
use crate::caller::listen_towards;
use crate::clock::random;
use crate::media::record::Recorder;

/// What a connection tells.
pub(crate) enum PeerEvent {
    Gathered,
    State(RTCPeerConnectionState),
    Track(Arc<dyn TrackRemote>),
}

/// What was received.
#[derive(Debug, Clone, Default)]
pub(crate) struct Received {
    pub(crate) first_at: Option<Instant>,
    pub(crate) packets: u64,
    pub(crate) lost: u64,
    pub(crate) sources: u32,
    pub(crate) hz: f64,
    pub(crate) as_expected: bool,
}

/// How a connection differs from the cheapest.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Manner {
    /// Each packet of Opus also carries the one before (RFC 2198), as Chromium's do.
    pub(crate) redundant: bool,
    /// Reports (RFC 3550) are sent about what comes.
    pub(crate) reports: bool,
}

pub(crate) struct Peer {
    connection: Box<dyn PeerConnection>,
    pub(crate) events: mpsc::UnboundedReceiver<PeerEvent>,
    track: Arc<dyn TrackLocal>,
    ssrc: u32,
    redundant: bool,
    received: Arc<Mutex<Received>>,
    tasks: Vec<JoinHandle<()>>,
}

struct Handler(mpsc::UnboundedSender<PeerEvent>);

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            let _ = self.0.send(PeerEvent::Gathered);
        }
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        let _ = self.0.send(PeerEvent::State(state));
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let _ = self.0.send(PeerEvent::Track(track));
    }
}

fn source(name: &str, kind: RtpCodecKind, ssrc: u32, codec: RTCRtpCodec) -> Arc<dyn TrackLocal> {
    Arc::new(TrackLocalStaticRTP::new(MediaStreamTrack::new(
        "phone".into(),
        name.into(),
        name.into(),
        kind,
        vec![RTCRtpEncodingParameters {
            rtp_coding_parameters: RTCRtpCodingParameters {
                ssrc: Some(ssrc),
                ..Default::default()
            },
            codec,
            ..Default::default()
        }],
    )))
}

/// What every browser with H.264 offers.
fn h264() -> RTCRtpCodec {
    RTCRtpCodec {
        mime_type: "video/H264".to_owned(),
        clock_rate: 90_000,
        channels: 0,
        sdp_fmtp_line: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"
            .to_owned(),
        rtcp_feedback: Vec::new(),
    }
}

fn webrtc_failure(error: impl std::fmt::Display) -> Failure {
    failure("webrtc", error)
}

impl Peer {
    /// Makes the connection and its complete offer; with `video` also of H.264, of which nothing is ever sent.
    pub(crate) async fn offer(
        codec: Codec,
        video: bool,
        server: SocketAddr,
    ) -> Result<(Self, String), Failure> {
        let manner = Manner::default();
        Box::pin(Self::offer_with(codec, manner, video, server)).await
    }

    /// The same in another manner.
    pub(crate) async fn offer_with(
        codec: Codec,
        manner: Manner,
        video: bool,
        server: SocketAddr,
    ) -> Result<(Self, String), Failure> {
        let Manner { redundant, reports } = manner;
        let description = codec_description(codec);
        let mut engine = MediaEngine::default();
        let parameters = RTCRtpCodecParameters {
            rtp_codec: description.clone(),
            payload_type: codec.payload_type(),
        };
        engine
            .register_codec(parameters, RtpCodecKind::Audio)
            .map_err(webrtc_failure)?;
        if redundant {
            let parameters = RTCRtpCodecParameters {
                rtp_codec: RTCRtpCodec {
                    mime_type: "audio/red".to_owned(),
                    sdp_fmtp_line: "111/111".to_owned(),
                    ..description.clone()
                },
                payload_type: RED,
            };
            engine
                .register_codec(parameters, RtpCodecKind::Audio)
                .map_err(webrtc_failure)?;
        }
        if video {
            let parameters = RTCRtpCodecParameters {
                rtp_codec: h264(),
                payload_type: 102,
            };
            engine
                .register_codec(parameters, RtpCodecKind::Video)
                .map_err(webrtc_failure)?;
        }
        let (sender, mut events) = mpsc::unbounded_channel();
        let registry = if reports {
            configure_rtcp_reports(Registry::new())
        } else {
            Registry::new()
        };
        let builder = PeerConnectionBuilder::new()
            .with_interceptor_registry(registry)
            .with_media_engine(engine)
            .with_handler(Arc::new(Handler(sender)))
            .with_udp_addrs(vec![listen_towards(server)]);
        // Boxed: the future holds the whole connection while it is made.
        let connection = Box::pin(builder.build()).await.map_err(webrtc_failure)?;
        let connection: Box<dyn PeerConnection> = Box::new(connection);
        let ssrc = random() as u32 | 1;
        let track = source("tone", RtpCodecKind::Audio, ssrc, description);
        connection
            .add_track(track.clone())
            .await
            .map_err(webrtc_failure)?;
        if video {
            let camera = source("camera", RtpCodecKind::Video, ssrc ^ 2, h264());
            connection.add_track(camera).await.map_err(webrtc_failure)?;
        }
        let offer = connection
            .create_offer(None)
            .await
            .map_err(webrtc_failure)?;
        connection
            .set_local_description(offer)
            .await
            .map_err(webrtc_failure)?;
        let gathered = async {
            while let Some(event) = events.recv().await {
                if matches!(event, PeerEvent::Gathered) {
                    return;
                }
            }
        };
        if tokio::time::timeout(Duration::from_secs(5), gathered)
            .await
            .is_err()
        {
            return Err(failure("webrtc", "no candidates within 5 s"));
        }
        let sdp = connection
            .local_description()
            .await
            .map(|description| description.sdp)
            .ok_or_else(|| failure("webrtc", "no local description"))?;
        let peer = Self {
            connection,
            events,
            track,
            ssrc,
            redundant,
            received: Arc::default(),
            tasks: Vec::new(),
        };
        Ok((peer, sdp))
    }

    /// Takes the box's answer.
    pub(crate) async fn answer(&self, sdp: &str) -> Result<(), Failure> {
        let answer = RTCSessionDescription::answer(sdp.to_owned())
            .map_err(|error| failure("bad_answer", error))?;
        self.connection
            .set_remote_description(answer)
            .await
            .map_err(|error| failure("bad_answer", error))
    }

    /// Starts sending the tone, a frame every 20 ms.
    pub(crate) fn speak(&mut self, codec: Codec, frames: Arc<ToneFrames>) {
        let redundant = self.redundant;
        let (track, ssrc) = (self.track.clone(), self.ssrc);
        self.tasks.push(tokio::spawn(async move {
            let mut clock = tokio::time::interval(Duration::from_millis(20));
            let mut timestamp = random() as u32;
            let mut sequence = random() as u16;
            let mut before = bytes::Bytes::new();
            for n in 0_usize.. {
                clock.tick().await;
                let frame = frames.frame(n);
                let (payload_type, payload) = if redundant {
                    (RED, with_the_one_before(&before, &frame))
                } else {
                    (codec.payload_type(), frame.clone())
                };
                before = frame;
                let header = rtp::Header {
                    version: 2,
                    marker: n == 0,
                    payload_type,
                    sequence_number: sequence,
                    timestamp,
                    ssrc,
                    ..Default::default()
                };
                let packet = rtp::Packet { header, payload };
                if track.write_rtp(packet).await.is_err() {
                    return;
                }
                sequence = sequence.wrapping_add(1);
                timestamp = timestamp.wrapping_add(codec.ticks());
            }
        }));
    }

    /// Starts listening to a track of the box, where `wanted` Hz shall be heard.
    pub(crate) fn listen(
        &mut self,
        track: Arc<dyn TrackRemote>,
        codec: Codec,
        wanted: f64,
        mut recorder: Option<Recorder>,
    ) -> Result<(), Failure> {
        let mut sampler = Sampler::new(codec).map_err(|error| failure("webrtc", error))?;
        let received = self.received.clone();
        self.tasks.push(tokio::spawn(async move {
            let mut last: Option<(u32, u16)> = None;
            while let Some(event) = track.poll().await {
                let TrackRemoteEvent::OnRtpPacket(packet) = event else {
                    continue;
                };
                if let Some(recorder) = &mut recorder {
                    let header = &packet.header;
                    let _ = recorder.packet(
                        header.timestamp,
                        header.sequence_number,
                        header.payload_type,
                        &packet.payload,
                    );
                }
                let (ssrc, sequence) = (packet.header.ssrc, packet.header.sequence_number);
                let mut received = received.lock().unwrap_or_else(PoisonError::into_inner);
                received.first_at.get_or_insert_with(Instant::now);
                received.packets += 1;
                match last {
                    Some((source, before)) if source == ssrc => {
                        let step = sequence.wrapping_sub(before) as i16;
                        received.lost += u64::try_from(step - 1).unwrap_or(0);
                    }
                    _ => received.sources += 1,
                }
                last = Some((ssrc, sequence));
                // Once the right tone was heard nothing more is decoded: load should cost little.
                if received.as_expected {
                    continue;
                }
                if let Some(heard) = sampler.take(&packet.payload) {
                    received.hz = heard.hz;
                    received.as_expected =
                        (heard.hz - wanted).abs() <= wanted * 0.02 && heard.purity > 0.5;
                }
            }
        }));
        Ok(())
    }

    /// What came so far.
    pub(crate) fn received(&self) -> Received {
        self.received
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Ends the connection.
    pub(crate) async fn close(mut self) {
        for task in self.tasks.drain(..) {
            task.abort();
        }
        let _ = tokio::time::timeout(Duration::from_secs(2), self.connection.close()).await;
    }
}

/// Payload type of redundant audio, as Chromium has it.
pub(crate) const RED: u8 = 63;

/// A frame with the one before it (RFC 2198).
fn with_the_one_before(before: &[u8], frame: &[u8]) -> bytes::Bytes {
    let mut payload = Vec::with_capacity(5 + before.len() + frame.len());
    if !before.is_empty() && before.len() < 1_024 {
        let word = 1 << 31 | 111 << 24 | 960 << 10 | before.len() as u32;
        payload.extend_from_slice(&word.to_be_bytes());
        payload.push(111);
        payload.extend_from_slice(before);
    } else {
        payload.push(111);
    }
    payload.extend_from_slice(frame);
    payload.into()
}

pub(crate) fn codec_description(codec: Codec) -> RTCRtpCodec {
    let (mime_type, clock_rate, channels, fmtp) = match codec {
        Codec::Opus => (
            "audio/opus".to_owned(),
            48_000,
            2,
            "minptime=10;useinbandfec=1",
        ),
        Codec::G711(law) => (format!("audio/{}", law.name()), 8000, 1, ""),
    };
    RTCRtpCodec {
        mime_type,
        clock_rate,
        channels,
        sdp_fmtp_line: fmtp.to_owned(),
        rtcp_feedback: Vec::new(),
    }
}
