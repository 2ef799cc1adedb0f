//! One caller: token, socket, offer, answer, talk, goodbye.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::watch;
use webrtc::peer_connection::RTCPeerConnectionState;

use super::Shared;
use super::peer::{Peer, PeerEvent, Received};
use super::signalling::{Failure, Session, failure, refusal};

/// The box closes a socket that is silent for a minute.
const PING: Duration = Duration::from_secs(20);

/// How one call went.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// The click to `answered`.
    pub answered: Option<Duration>,
    /// The click to the first packet of sound.
    pub first_audio: Option<Duration>,
    /// The right tone was heard.
    pub heard: bool,
    /// The tone last measured, Hz.
    pub hz: f64,
    /// Packets received and lost.
    pub packets: (u64, u64),
    /// Sources (SSRC) heard.
    pub sources: u32,
    /// Why it failed, if it did.
    pub failure: Option<(String, String)>,
}

/// Places one call and sees it to its end.
pub(crate) async fn place(shared: &Arc<Shared>) -> Outcome {
    let mut outcome = Outcome::default();
    match prepare(shared).await {
        Ok(mut session) => {
            if let Err(failure) = talk(shared, &mut session, &mut outcome).await {
                outcome.failure = Some(failure);
            }
            session.close().await;
        }
        Err(failure) => outcome.failure = Some(failure),
    }
    outcome
}

async fn prepare(shared: &Shared) -> Result<Session, Failure> {
    let token = shared.tokens.get(&shared.server).await?;
    let own = format!("https://{}", shared.server.authority);
    let origin = shared.options.origin.as_deref().unwrap_or(&own);
    Session::open(&shared.server, origin, &token).await
}

async fn talk(
    shared: &Arc<Shared>,
    session: &mut Session,
    outcome: &mut Outcome,
) -> Result<(), Failure> {
    let clicked = Instant::now();
    let (mut peer, sdp) = Peer::offer(shared.options.codec, false, shared.server.address).await?;
    let result = converse(shared, session, &mut peer, sdp, clicked, outcome).await;
    let received: Received = peer.received();
    outcome.first_audio = received.first_at.map(|at| at - clicked);
    outcome.heard = received.as_expected;
    outcome.hz = received.hz;
    outcome.packets = (received.packets, received.lost);
    outcome.sources = received.sources;
    peer.close().await;
    result?;
    if received.packets == 0 {
        return Err(failure("no_audio", "not one packet of sound came"));
    }
    if !received.as_expected {
        let wanted = shared.options.expect_hz;
        return Err(failure(
            "wrong_tone",
            format!("heard {:.1} Hz, wanted {wanted} Hz", received.hz),
        ));
    }
    Ok(())
}

/// From `call.place` to the end of the call.
async fn converse(
    shared: &Arc<Shared>,
    session: &mut Session,
    peer: &mut Peer,
    sdp: String,
    clicked: Instant,
    outcome: &mut Outcome,
) -> Result<(), Failure> {
    let place = json!({
        "type": "call.place", "to": shared.options.to, "sdp": sdp, "audio": true, "video": false,
        "context": {"from": "causeway-phone load"},
    });
    let place = session.send(place).await?;
    let mut call = Value::Null;
    let mut hang_up_at = None;
    let mut hanging_up = false;
    let mut ping = tokio::time::interval(PING);
    ping.reset();
    let mut stopping = shared.stopping.clone();
    let give_up = tokio::time::Instant::now() + shared.options.patience;
    loop {
        let deadline = hang_up_at.unwrap_or(give_up);
        tokio::select! {
            message = session.receive() => {
                let message = message?;
                match message["type"].as_str().unwrap_or_default() {
                    "ok" if message["id"] == place => call = message["call"].clone(),
                    "error" if message["id"] == place || message["call"] == call => return Err(refusal(&message)),
                    "call.answer" => {
                        peer.answer(message["sdp"].as_str().unwrap_or_default()).await?;
                    }
                    "call.state" => match message["state"].as_str().unwrap_or_default() {
                        "answered" if outcome.answered.is_none() => {
                            outcome.answered = Some(clicked.elapsed());
                            hang_up_at = Some(tokio::time::Instant::now() + shared.options.talk);
                        }
                        "ended" if hanging_up => return Ok(()),
                        "ended" => {
                            let code = message["cause"]["code"].as_str().unwrap_or("unnamed");
                            let text = message["cause"]["message"].as_str().unwrap_or_default();
                            return Err((format!("ended_{code}"), text.to_owned()));
                        }
                        _ => {}
                    },
                    _ => {}
                }
            }
            event = peer.events.recv() => match event {
                Some(PeerEvent::State(RTCPeerConnectionState::Connected)) => peer.speak(shared.options.codec, shared.frames.clone()),
                Some(PeerEvent::State(RTCPeerConnectionState::Failed)) => {
                    return Err(failure("media_failed", "no path for media"));
                }
                Some(PeerEvent::Track(track)) => peer.listen(track, shared.options.codec, shared.options.expect_hz, None)?,
                Some(PeerEvent::State(_) | PeerEvent::Gathered) => {}
                None => return Err(failure("webrtc", "the connection went away")),
            },
            _ = ping.tick() => {
                session.send(json!({"type": "ping"})).await?;
            }
            () = stopped(&mut stopping), if hang_up_at.is_none_or(|at| at > tokio::time::Instant::now()) && !hanging_up => {
                hang_up_at = Some(tokio::time::Instant::now());
            }
            () = tokio::time::sleep_until(deadline) => {
                if outcome.answered.is_none() {
                    let _ = session.send(json!({"type": "call.hangup", "call": call})).await;
                    return Err(failure("timeout", "not answered in time"));
                }
                if hanging_up {
                    return Err(failure("timeout", "the box did not end the call within 5 s"));
                }
                hanging_up = true;
                hang_up_at = Some(tokio::time::Instant::now() + Duration::from_secs(5));
                session.send(json!({"type": "call.hangup", "call": call})).await?;
            }
        }
    }
}

async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // The guard this returns must not be held across an await.
    let _ = stopping.wait_for(|stop| *stop).await;
}
