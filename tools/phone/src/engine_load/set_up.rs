//! Sets a call up through an engine: the offer goes in on one side, the PBX answers on the other.

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::asterisk::Caller;
use super::rtpengine::Control;
use super::{pbx, picture_sdp};
use crate::load::{Failure, Secret, Server, Session, Tokens, failure, refusal};
use crate::media::g711::Law;
use crate::sip::sdp::{self, Direction, Ours};

const PATIENCE: Duration = Duration::from_secs(15);
/// The box closes a socket that is silent for a minute.
const PING: Duration = Duration::from_secs(20);

/// The engine under load.
#[derive(Debug, Clone)]
pub enum Engine {
    /// A box, called through its web protocol; its trunk leads to us.
    Causeway {
        url: String,
        app: String,
        secret: Secret,
    },
    /// rtpengine's control port.
    Rtpengine(SocketAddr),
    /// Where an Asterisk listens for SIP; it dials us.
    Asterisk(SocketAddr),
}

impl Engine {
    /// How rows name it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Causeway { .. } => "causeway",
            Self::Rtpengine(_) => "rtpengine",
            Self::Asterisk(_) => "asterisk",
        }
    }
}

/// A way into the engine, and the calls that stand.
pub enum Way {
    Causeway {
        server: Server,
        tokens: Box<Tokens>,
        answered: mpsc::UnboundedReceiver<(usize, SocketAddr)>,
        /// By the call's place.
        standing: HashMap<usize, (oneshot::Sender<()>, JoinHandle<()>)>,
        picture: pbx::Picture,
    },
    Rtpengine {
        control: Control,
        calls: BTreeSet<usize>,
        transcode: bool,
        picture: pbx::Picture,
    },
    Asterisk {
        caller: Caller,
        answered: mpsc::UnboundedReceiver<(usize, SocketAddr)>,
    },
}

impl Way {
    /// Sets one call up: gives the answer for the browser's end, and where the engine takes the trunk's media.
    ///
    /// # Errors
    /// Why it failed.
    pub async fn place(
        &mut self,
        call: usize,
        offer: &str,
        trunk_port: u16,
    ) -> Result<(String, SocketAddr), Failure> {
        match self {
            Self::Causeway {
                server,
                tokens,
                answered,
                standing,
                picture,
            } => {
                // What was told about an earlier call in this place is stale.
                while answered.try_recv().is_ok() {}
                let token = tokens.get(server).await?;
                let origin = format!("https://{}", server.authority);
                let mut session = Session::open(server, &origin, &token).await?;
                let placing = through_the_box(&mut session, call, offer, picture.is_some());
                let placing = tokio::time::timeout(PATIENCE, placing);
                let (answer, id) = placing
                    .await
                    .map_err(|_| failure("timeout", "not answered in time"))??;
                let (stop, stopped) = oneshot::channel();
                let task = tokio::spawn(stand(session, id, stopped));
                standing.insert(call, (stop, task));
                told(answered, call).await.map(|to| (answer, to))
            }
            Self::Rtpengine {
                control,
                calls,
                transcode,
                picture,
            } => {
                let said = |e: String| failure("rtpengine", e);
                let text = control.offer(call, offer, *transcode).await.map_err(said)?;
                let offered = sdp::read(text.as_bytes()).ok_or_else(|| {
                    failure("rtpengine", format!("no audio in its offer: {text}"))
                })?;
                let sound = picture.unwrap_or(trunk_port);
                let ours = Ours {
                    address: SocketAddr::from(([127, 0, 0, 1], sound)),
                    laws: vec![Law::Pcmu],
                    direction: Direction::SendRecv,
                    session: 1,
                    version: 1,
                };
                let (body, _) = ours
                    .answer(&offered)
                    .ok_or_else(|| failure("rtpengine", "no PCMU in its offer"))?;
                let mut body = String::from_utf8_lossy(&body).into_owned();
                let mut media = offered.address;
                if picture.is_some() {
                    let picture = picture_sdp::offered(&text)
                        .ok_or_else(|| failure("rtpengine", "no H.264 in its offer"))?;
                    media = picture.at(offered.address);
                    body = picture_sdp::taken(&body, picture, trunk_port);
                }
                let answer = control.answer(call, &body).await.map_err(said)?;
                calls.insert(call);
                Ok((answer, media))
            }
            Self::Asterisk { caller, answered } => {
                while answered.try_recv().is_ok() {}
                let placing = caller.call(call, offer).await;
                let answer = placing.map_err(|e| failure("asterisk", e))?;
                told(answered, call).await.map(|to| (answer, to))
            }
        }
    }

    /// Ends one call, from the browser's side.
    pub async fn end(&mut self, call: usize) {
        match self {
            Self::Causeway { standing, .. } => {
                if let Some((stop, task)) = standing.remove(&call) {
                    let _ = stop.send(());
                    let _ = task.await;
                }
            }
            Self::Rtpengine { control, calls, .. } => {
                if calls.remove(&call) {
                    control.delete(call).await;
                }
            }
            Self::Asterisk { caller, .. } => caller.end(call).await,
        }
    }

    /// Ends every call.
    pub async fn close(mut self) {
        let calls: Vec<usize> = match &self {
            Self::Causeway { standing, .. } => standing.keys().copied().collect(),
            Self::Rtpengine { calls, .. } => calls.iter().copied().collect(),
            Self::Asterisk { caller, .. } => caller.standing(),
        };
        for call in calls {
            self.end(call).await;
        }
    }
}

/// Where the engine takes the media of a call that the PBX has answered.
async fn told(
    answered: &mut mpsc::UnboundedReceiver<(usize, SocketAddr)>,
    call: usize,
) -> Result<SocketAddr, Failure> {
    loop {
        match answered.recv().await {
            Some((which, to)) if which == call => return Ok(to),
            Some(_) => {}
            None => return Err(failure("pbx", "the PBX has gone")),
        }
    }
}

/// Places a call and waits until it is answered: the box's SDP and the call's id.
async fn through_the_box(
    session: &mut Session,
    call: usize,
    offer: &str,
    video: bool,
) -> Result<(String, Value), Failure> {
    let place = json!({
        "type": "call.place", "to": pbx::number(call), "sdp": offer, "audio": true, "video": video,
        "context": {"from": "causeway-phone engine"},
    });
    let place = session.send(place).await?;
    let (mut answer, mut id) = (None, Value::Null);
    loop {
        let message = session.receive().await?;
        match message["type"].as_str().unwrap_or_default() {
            "ok" if message["id"] == place => id = message["call"].clone(),
            "error" if message["id"] == place => return Err(refusal(&message)),
            "call.answer" => answer = message["sdp"].as_str().map(str::to_owned),
            "call.state" if message["state"] == "answered" => {
                let answer = answer.ok_or_else(|| failure("protocol", "answered without SDP"))?;
                return Ok((answer, id));
            }
            "call.state" if message["state"] == "ended" => {
                return Err(failure("ended", message["cause"].to_string()));
            }
            _ => {}
        }
    }
}

/// Keeps a call's socket alive until it shall end.
async fn stand(mut session: Session, id: Value, mut stop: oneshot::Receiver<()>) {
    let mut ping = tokio::time::interval(PING);
    ping.reset();
    loop {
        tokio::select! {
            message = session.receive() => if message.is_err() { return },
            _ = ping.tick() => if session.send(json!({"type": "ping"})).await.is_err() { return },
            _ = &mut stop => break,
        }
    }
    let _ = session
        .send(json!({"type": "call.hangup", "call": id}))
        .await;
    session.close().await;
}
