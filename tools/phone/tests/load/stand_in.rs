//! A stand-in for the box: just enough of the web protocol, and an echo.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::{SinkExt, StreamExt};
use rtc::media_stream::MediaStreamTrack;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
};
use rustls::ServerConfig;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler,
    RTCIceGatheringState, RTCSessionDescription,
};

pub struct StandIn {
    pub address: SocketAddr,
    pub certificate: PathBuf,
    minted: Arc<AtomicU32>,
}

impl Drop for StandIn {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.certificate);
    }
}

impl StandIn {
    pub async fn start() -> Self {
        let key =
            rcgen::generate_simple_self_signed(vec!["127.0.0.1".into()]).expect("a certificate");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let file = format!(
            "causeway-phone-{}-{}.pem",
            std::process::id(),
            address.port()
        );
        let certificate = std::env::temp_dir().join(file);
        std::fs::write(&certificate, key.cert.pem()).expect("written");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let private = rustls::pki_types::PrivatePkcs8KeyDer::from(key.signing_key.serialize_der());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|b| {
                b.with_no_client_auth()
                    .with_single_cert(vec![key.cert.der().clone()], private.into())
            })
            .expect("TLS");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let minted = Arc::new(AtomicU32::new(0));
        let counter = minted.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, minted) = (acceptor.clone(), counter.clone());
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else {
                        return;
                    };
                    serve(stream, &minted).await;
                });
            }
        });
        Self {
            address,
            certificate,
            minted,
        }
    }

    pub fn tokens_minted(&self) -> u32 {
        self.minted.load(Ordering::SeqCst)
    }
}

async fn serve(mut stream: TlsStream<TcpStream>, minted: &AtomicU32) {
    let mut head = Vec::new();
    while !head.windows(4).any(|w| w == b"\r\n\r\n") {
        if !matches!(stream.read_buf(&mut head).await, Ok(1..)) {
            return;
        }
    }
    if head.starts_with(b"POST /api/v1/tokens ") {
        mint(stream, head, minted).await;
    } else {
        socket(Rewound {
            head,
            at: 0,
            stream,
        })
        .await;
    }
}

async fn mint(mut stream: TlsStream<TcpStream>, mut request: Vec<u8>, minted: &AtomicU32) {
    while !request.ends_with(b"}") {
        if !matches!(stream.read_buf(&mut request).await, Ok(1..)) {
            return;
        }
    }
    let text = String::from_utf8_lossy(&request);
    let good = text.contains(r#""app":"demo""#) && text.contains(r#""secret":"open sesame""#);
    let (status, body) = if good {
        minted.fetch_add(1, Ordering::SeqCst);
        ("200 OK", json!({"token": "t", "expires_in_s": 300}))
    } else {
        (
            "401 Unauthorized",
            json!({"error": {"code": "auth_failed", "message": "No."}}),
        )
    };
    let body = body.to_string();
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}

async fn socket(stream: Rewound) {
    // The callback's error is a whole HTTP response by the library's own design.
    #[allow(clippy::result_large_err)]
    let choose = |request: &Request, mut response: Response| {
        assert_eq!(request.headers()["Sec-WebSocket-Protocol"], "causeway.v1");
        assert!(
            request.headers()["Origin"]
                .to_str()
                .is_ok_and(|o| o.starts_with("https://127.0.0.1:"))
        );
        response.headers_mut().insert(
            "Sec-WebSocket-Protocol",
            "causeway.v1".parse().expect("a value"),
        );
        Ok(response)
    };
    let Ok(mut socket) = tokio_tungstenite::accept_hdr_async(stream, choose).await else {
        return;
    };
    let mut echo = None;
    while let Some(Ok(message)) = socket.next().await {
        let Message::Text(text) = message else {
            continue;
        };
        let request: Value = serde_json::from_str(&text).expect("JSON");
        let id = request["id"].clone();
        let state = |state: &str, seq: u32| json!({"type": "call.state", "call": "c", "state": state, "seq": seq});
        let mut replies = Vec::new();
        match (request["type"].as_str().expect("a type"), request["to"].as_str()) {
            ("hello", _) => {
                assert_eq!(request["token"], "t");
                replies.push(json!({"type": "welcome", "id": id}));
            }
            ("call.place", Some("forbidden")) => replies
                .push(json!({"type": "error", "id": id, "code": "destination_forbidden", "message": "No."})),
            ("call.place", Some("busy")) => {
                replies.push(json!({"type": "ok", "id": id, "call": "c", "resume": "r"}));
                let mut ended = state("ended", 1);
                ended["cause"] = json!({"code": "busy", "message": "Busy.", "by": "remote"});
                replies.push(ended);
            }
            ("call.place", Some("nobody")) => {
                replies.push(json!({"type": "ok", "id": id, "call": "c", "resume": "r"}));
                replies.push(state("trying", 1));
            }
            ("call.place", _) => {
                let (connection, answer) = answer(request["sdp"].as_str().expect("an offer")).await;
                echo = Some(connection);
                replies.push(json!({"type": "ok", "id": id, "call": "c", "resume": "r"}));
                replies.push(state("ringing", 1));
                replies.push(json!({"type": "call.answer", "call": "c", "sdp": answer}));
                replies.push(state("answered", 2));
            }
            ("call.hangup", _) => {
                replies.push(json!({"type": "ok", "id": id}));
                let mut ended = state("ended", 3);
                ended["cause"] = json!({"code": "hangup", "message": "Over.", "by": "local"});
                replies.push(ended);
            }
            (other, _) => panic!("unexpected {other}"),
        }
        for reply in replies {
            let _ = socket.send(Message::text(reply.to_string())).await;
        }
    }
    if let Some(echo) = echo {
        let _ = echo.close().await;
    }
}

struct Echo {
    gathered: mpsc::UnboundedSender<()>,
    out: Arc<dyn TrackLocal>,
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Echo {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            let _ = self.gathered.send(());
        }
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let out = self.out.clone();
        tokio::spawn(async move {
            while let Some(event) = track.poll().await {
                if let TrackRemoteEvent::OnRtpPacket(mut packet) = event {
                    packet.header.ssrc = 77;
                    if out.write_rtp(packet).await.is_err() {
                        return;
                    }
                }
            }
        });
    }
}

/// Answers an offer of Opus or of G.711 with an echo.
async fn answer(offer: &str) -> (Box<dyn PeerConnection>, String) {
    let mut engine = MediaEngine::default();
    engine.register_default_codecs().expect("codecs");
    let offered = ["opus", "PCMU", "PCMA"]
        .into_iter()
        .find(|name| offer.contains(name))
        .expect("a codec");
    let codec = engine_codec(offered);
    let out: Arc<dyn TrackLocal> = Arc::new(TrackLocalStaticRTP::new(MediaStreamTrack::new(
        "box".into(),
        "echo".into(),
        "echo".into(),
        RtpCodecKind::Audio,
        vec![RTCRtpEncodingParameters {
            rtp_coding_parameters: RTCRtpCodingParameters {
                ssrc: Some(77),
                ..Default::default()
            },
            codec,
            ..Default::default()
        }],
    )));
    assert_eq!(out.ssrcs().await, [77]);
    let (gathered, mut done) = mpsc::unbounded_channel();
    let builder = PeerConnectionBuilder::new()
        .with_media_engine(engine)
        .with_handler(Arc::new(Echo {
            gathered,
            out: out.clone(),
        }))
        .with_udp_addrs(vec!["127.0.0.1:0"]);
    let connection = Box::pin(builder.build()).await.expect("a connection");
    connection.add_track(out).await.expect("a track");
    let offer = RTCSessionDescription::offer(offer.to_owned()).expect("an offer");
    connection
        .set_remote_description(offer)
        .await
        .expect("acceptable");
    let answer = connection.create_answer(None).await.expect("an answer");
    connection
        .set_local_description(answer)
        .await
        .expect("acceptable");
    done.recv().await;
    let sdp = connection.local_description().await.expect("described").sdp;
    (Box::new(connection), sdp)
}

fn engine_codec(name: &str) -> rtc::rtp_transceiver::rtp_sender::RTCRtpCodec {
    let (clock_rate, channels) = if name == "opus" {
        (48_000, 2)
    } else {
        (8000, 0)
    };
    rtc::rtp_transceiver::rtp_sender::RTCRtpCodec {
        mime_type: format!("audio/{name}"),
        clock_rate,
        channels,
        ..Default::default()
    }
}

/// A stream whose first bytes were read already.
struct Rewound {
    head: Vec<u8>,
    at: usize,
    stream: TlsStream<TcpStream>,
}

impl tokio::io::AsyncRead for Rewound {
    fn poll_read(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
        buffer: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        if self.at < self.head.len() {
            let count = buffer.remaining().min(self.head.len() - self.at);
            buffer.put_slice(&self.head[self.at..self.at + count]);
            self.at += count;
            return std::task::Poll::Ready(Ok(()));
        }
        std::pin::Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl tokio::io::AsyncWrite for Rewound {
    fn poll_write(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
        bytes: &[u8],
    ) -> std::task::Poll<std::io::Result<usize>> {
        std::pin::Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::pin::Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::pin::Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
