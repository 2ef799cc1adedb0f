//! A web caller under a test's control: signs in, places and takes calls, and says what the box told it.
//!
//! It does nothing by itself: messages of the box are read while one of its functions waits for something. Media is
//! real (ICE, DTLS-SRTP, G.711 from and to the box) and costs little: nothing is decoded.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use webrtc::peer_connection::RTCPeerConnectionState;

use super::peer::{Manner, Peer, PeerEvent};
use super::signalling::{Failure, Session, failure, refusal};
use super::sound::{Codec, ToneFrames};
use super::token::Token;
use crate::media::g711::Law;
use crate::media::record::Recorder;
use crate::secure::Server;

/// What it speaks and says (Hz) unless it is told otherwise.
const CODEC: Codec = Codec::G711(Law::Pcmu);
/// The tone, Hz.
const TONE: f64 = 440.0;
/// How long the box may take to answer a request.
const PATIENCE: Duration = Duration::from_secs(10);

/// A signed-in caller.
pub struct WebCaller {
    server: Server,
    session: Box<Session>,
    codec: Codec,
    /// Calls placed send each packet once more in the next.
    redundant: bool,
    frames: Arc<ToneFrames>,
    /// Where the next call's sound is kept.
    record: Option<PathBuf>,
    calls: Vec<Call>,
    events: mpsc::UnboundedReceiver<(usize, PeerEvent)>,
    tell: mpsc::UnboundedSender<(usize, PeerEvent)>,
    /// Every message of the box that answers no request, oldest first.
    seen: Vec<Value>,
    /// Where media is sent in place of the box's candidates.
    via: Option<SocketAddr>,
}

struct Call {
    id: String,
    /// With which another session may take the call up.
    resume: String,
    peer: Peer,
}

impl std::fmt::Debug for WebCaller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebCaller")
            .field("calls", &self.calls.len())
            .finish_non_exhaustive()
    }
}

/// What one wait brought.
enum Heard {
    Message(Value),
    Media,
}

impl WebCaller {
    /// Signs in with a token; `origin` is the page it pretends to be on.
    ///
    /// # Errors
    /// A code and a sentence, as everywhere here: the box's own, or what failed on the way.
    pub async fn open(server: Server, origin: &str, token: &str) -> Result<Self, Failure> {
        let token = Token(token.to_owned());
        let session = Box::new(Box::pin(Session::open(&server, origin, &token)).await?);
        let frames = ToneFrames::new(CODEC, TONE).map_err(|error| failure("tone", error))?;
        let (tell, events) = mpsc::unbounded_channel();
        Ok(Self {
            server,
            session,
            codec: CODEC,
            redundant: false,
            frames: Arc::new(frames),
            record: None,
            calls: Vec::new(),
            events,
            tell,
            seen: Vec::new(),
            via: None,
        })
    }

    /// Says its tone in this codec from now on.
    ///
    /// # Errors
    /// The codec's.
    pub fn speak_tone(&mut self, codec: Codec) -> Result<(), Failure> {
        let frames = ToneFrames::new(codec, TONE).map_err(|error| failure("tone", error))?;
        self.codec = codec;
        self.frames = Arc::new(frames);
        Ok(())
    }

    /// Speaks these frames of 20 ms from now on, round and round.
    ///
    /// # Errors
    /// There is none.
    pub fn speak(&mut self, codec: Codec, frames: Vec<bytes::Bytes>) -> Result<(), Failure> {
        let frames = ToneFrames::coded(frames).map_err(|error| failure("speech", error))?;
        self.codec = codec;
        self.frames = Arc::new(frames);
        Ok(())
    }

    /// Offers to send each packet of Opus once more in the next one (RFC 2198), in calls placed from now on, and does so:
    /// the box asks for it where it is offered.
    pub fn redundant(&mut self, redundant: bool) {
        self.redundant = redundant;
    }

    /// Keeps what is heard from now on in this file (see [`crate::media::record`]), and reports to the box how it comes.
    pub fn record(&mut self, file: PathBuf) {
        self.record = Some(file);
    }

    /// Sends the media of its calls to `via` from now on, which passes it on to the box.
    pub fn go_through(&mut self, via: SocketAddr) {
        self.via = Some(via);
    }

    /// Calls `to`; the box's name of the call, as soon as it took it.
    ///
    /// # Errors
    /// The box's refusal.
    pub async fn place(&mut self, to: &str) -> Result<String, Failure> {
        self.place_with(to, false).await
    }

    /// The same, with a picture when `video`.
    ///
    /// # Errors
    /// The box's refusal.
    pub async fn place_with(&mut self, to: &str, video: bool) -> Result<String, Failure> {
        let (peer, sdp) = Box::pin(Peer::offer_with(
            self.codec,
            Manner {
                redundant: self.redundant,
                reports: self.record.is_some(),
            },
            video,
            self.server.address,
        ))
        .await?;
        let message = json!({
            "type": "call.place", "to": to, "sdp": sdp, "audio": true, "video": video,
            "context": {"from": "causeway-phone"},
        });
        let id = self.session.send(message).await?;
        // The peer stands before the answer is read: `call.answer` may follow at once.
        let taken = self.answered(id).await?;
        if taken["type"] == "error" {
            Box::pin(peer.close()).await;
            return Err(refusal(&taken));
        }
        let call = taken["call"].as_str().unwrap_or_default().to_owned();
        self.keep(call.clone(), peer);
        if let Some(kept) = self.calls.last_mut() {
            kept.resume = taken["resume"].as_str().unwrap_or_default().to_owned();
        }
        Ok(call)
    }

    /// The secret of a call it placed.
    pub fn secret(&self, call: &str) -> Option<&str> {
        let call = self.calls.iter().find(|c| c.id == call)?;
        Some(&call.resume)
            .filter(|secret| !secret.is_empty())
            .map(String::as_str)
    }

    /// Takes up a call of a page that was loaded anew, on a connection of its own; the call's state.
    ///
    /// # Errors
    /// The box's refusal.
    pub async fn take_up(&mut self, call: &str, resume: &str) -> Result<Value, Failure> {
        let (peer, sdp) = Box::pin(Peer::offer(self.codec, false, self.server.address)).await?;
        let message = json!({"type": "call.reattach", "call": call, "resume": resume, "sdp": sdp});
        let taken = self.ask(message).await?;
        if taken["type"] == "error" {
            Box::pin(peer.close()).await;
            return Err(refusal(&taken));
        }
        let answer = taken["state"]["answer"].as_str().unwrap_or_default();
        Box::pin(peer.answer(answer)).await?;
        self.keep(call.to_owned(), peer);
        Ok(taken["state"].clone())
    }

    /// Asks the box for an echo without a call; from now on `name` stands for it where a call is asked for.
    ///
    /// # Errors
    /// The box's refusal.
    pub async fn test_media(&mut self, name: &str) -> Result<(), Failure> {
        let (peer, sdp) = Box::pin(Peer::offer(self.codec, false, self.server.address)).await?;
        let taken = self.ask(json!({"type": "media.test", "sdp": sdp})).await?;
        if taken["type"] == "error" {
            Box::pin(peer.close()).await;
            return Err(refusal(&taken));
        }
        let answer = taken["sdp"].as_str().unwrap_or_default();
        Box::pin(peer.answer(answer)).await?;
        self.keep(name.to_owned(), peer);
        Ok(())
    }

    /// Leaves as a page does that is loaded anew: without a word.
    pub async fn vanish(self) {
        let Self { calls, session, .. } = self;
        drop(session);
        for call in calls {
            Box::pin(call.peer.close()).await;
        }
    }

    /// Waits for a call of the box: the whole `call.incoming`.
    ///
    /// # Errors
    /// None came in time.
    pub async fn incoming(&mut self, within: Duration) -> Result<Value, Failure> {
        let from = self.seen.len();
        let known = self
            .seen
            .iter()
            .rev()
            .find(|m| m["type"] == "call.incoming" && !self.has(&m["call"]));
        if let Some(message) = known {
            return Ok(message.clone());
        }
        self.message(from, within, "an incoming call", |m| {
            m["type"] == "call.incoming"
        })
        .await
    }

    /// Answers a call of the box.
    ///
    /// # Errors
    /// The box's refusal.
    pub async fn accept(&mut self, call: &str) -> Result<(), Failure> {
        let (peer, sdp) = Box::pin(Peer::offer(self.codec, false, self.server.address)).await?;
        self.keep(call.to_owned(), peer);
        let taken = self
            .ask(json!({"type": "call.accept", "call": call, "sdp": sdp}))
            .await?;
        match taken["type"].as_str() {
            Some("ok") => Ok(()),
            _ => Err(refusal(&taken)),
        }
    }

    /// Makes a request, such as `call.hangup`; the box's `ok` or `error`, whole.
    ///
    /// # Errors
    /// Only when there is no answer.
    pub async fn ask(&mut self, message: Value) -> Result<Value, Failure> {
        let id = self.session.send(message).await?;
        self.answered(id).await
    }

    /// Waits until the call is in `state`; the message that said so.
    ///
    /// # Errors
    /// It is not in time, with all the states it was in.
    pub async fn reaches(
        &mut self,
        call: &str,
        state: &str,
        within: Duration,
    ) -> Result<Value, Failure> {
        let deadline = Instant::now() + within;
        loop {
            let last = self.states(call).last().map(|m| (*m).clone());
            if let Some(last) = last
                && last["state"] == state
            {
                return Ok(last);
            }
            if self.heard(deadline).await?.is_none() {
                let past: Vec<String> = self.states(call).iter().map(|m| m.to_string()).collect();
                return Err(failure(
                    "timeout",
                    format!(
                        "call {call} is not {state} within {within:?}; it was {}",
                        past.join(" ")
                    ),
                ));
            }
        }
    }

    /// Waits for a message of the box after the first `from` that is `wanted`.
    ///
    /// # Errors
    /// None came in time.
    pub async fn message(
        &mut self,
        from: usize,
        within: Duration,
        what: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Result<Value, Failure> {
        let deadline = Instant::now() + within;
        loop {
            if let Some(found) = self.seen.iter().skip(from).find(|m| wanted(m)) {
                return Ok(found.clone());
            }
            if self.heard(deadline).await?.is_none() {
                return Err(failure(
                    "timeout",
                    format!("{what} did not come within {within:?}"),
                ));
            }
        }
    }

    /// Reads what comes for so long.
    ///
    /// # Errors
    /// The socket went away.
    pub async fn listen(&mut self, during: Duration) -> Result<(), Failure> {
        let deadline = Instant::now() + during;
        while self.heard(deadline).await?.is_some() {}
        Ok(())
    }

    /// Every `call.state` of the call so far.
    pub fn states(&self, call: &str) -> Vec<&Value> {
        self.seen
            .iter()
            .filter(|m| m["type"] == "call.state" && m["call"] == call)
            .collect()
    }

    /// Every message so far that answers no request.
    pub fn seen(&self) -> &[Value] {
        &self.seen
    }

    /// Packets of sound of a call so far.
    pub fn packets(&self, call: &str) -> u64 {
        self.peer(call).map_or(0, |peer| peer.received().packets)
    }

    /// Distinct sources (SSRC) heard in a call so far.
    pub fn sources(&self, call: &str) -> u32 {
        self.peer(call).map_or(0, |peer| peer.received().sources)
    }

    /// Ends every connection.
    pub async fn close(self) {
        for call in self.calls {
            Box::pin(call.peer.close()).await;
        }
        self.session.close().await;
    }

    fn peer(&self, call: &str) -> Option<&Peer> {
        self.calls.iter().find(|c| c.id == call).map(|c| &c.peer)
    }

    fn has(&self, call: &Value) -> bool {
        self.calls.iter().any(|c| *call == c.id.as_str())
    }

    fn keep(&mut self, id: String, mut peer: Peer) {
        let number = self.calls.len();
        let (_, nothing) = mpsc::unbounded_channel();
        let mut events = std::mem::replace(&mut peer.events, nothing);
        let tell = self.tell.clone();
        tokio::spawn(async move {
            while let Some(event) = events.recv().await {
                if tell.send((number, event)).is_err() {
                    return;
                }
            }
        });
        self.calls.push(Call {
            id,
            resume: String::new(),
            peer,
        });
    }

    /// The answer to request `id`.
    async fn answered(&mut self, id: u64) -> Result<Value, Failure> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.heard(deadline).await? {
                Some(Heard::Message(message)) if message["id"] == id => return Ok(message),
                Some(_) => {}
                None => return Err(failure("timeout", format!("request {id} has no answer"))),
            }
        }
    }

    /// The next thing that happens; none when the time is up.
    async fn heard(&mut self, deadline: Instant) -> Result<Option<Heard>, Failure> {
        let next = async {
            tokio::select! {
                message = self.session.receive() => message.map(Ok),
                event = self.events.recv() => event
                    .map(Err)
                    .ok_or_else(|| failure("webrtc", "the connections went away")),
            }
        };
        let Ok(next) = timeout_at(deadline, next).await else {
            return Ok(None);
        };
        match next? {
            Ok(message) => {
                if message.get("id").is_none() || message["id"].is_null() {
                    self.seen.push(message.clone());
                }
                if message["type"] == "call.answer" {
                    let sdp = message["sdp"].as_str().unwrap_or_default();
                    let rewritten = self.via.map(|via| candidates_at(sdp, via));
                    let sdp = rewritten.as_deref().unwrap_or(sdp);
                    if let Some(call) = self.calls.iter().find(|c| message["call"] == c.id.as_str())
                    {
                        Box::pin(call.peer.answer(sdp)).await?;
                    }
                }
                Ok(Some(Heard::Message(message)))
            }
            Err((number, event)) => {
                let frames = self.frames.clone();
                if let Some(call) = self.calls.get_mut(number) {
                    match event {
                        PeerEvent::State(RTCPeerConnectionState::Connected) => {
                            call.peer.speak(self.codec, frames);
                        }
                        PeerEvent::Track(track) => {
                            let file = self.record.as_deref().map(Recorder::create);
                            let recorder = file
                                .transpose()
                                .map_err(|error| failure("recording", error))?;
                            call.peer.listen(track, self.codec, TONE, recorder)?;
                        }
                        PeerEvent::State(_) | PeerEvent::Gathered => {}
                    }
                }
                Ok(Some(Heard::Media))
            }
        }
    }
}

/// The description with every candidate (RFC 8839 section 5.1) at `via`.
fn candidates_at(sdp: &str, via: SocketAddr) -> String {
    let moved = |line: &str| {
        let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        if line.starts_with("a=candidate:")
            && let Some([address, port]) = words.get_mut(4..6)
        {
            *address = via.ip().to_string();
            *port = via.port().to_string();
        }
        words.join(" ") + "\r\n"
    };
    sdp.lines().map(moved).collect()
}
