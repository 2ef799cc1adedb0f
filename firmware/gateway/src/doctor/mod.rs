//! The trunk doctor: tries a PBX from the running box and says in plain words what it does.
//!
//! [`Doctor::run`] drives: one probe after the other, each with its own limit, all within
//! [`OVERALL`]. It owns no SIP: it asks the switch ([`Ask`]), which places the calls with the
//! box's own endpoint and hands their events back. [`facts`] reads what was said out of the
//! ladders, [`assess`] says what it means, [`settings`] what would fit; all three are pure.
//!
//! | probe | what it does | limit |
//! |---|---|---|
//! | options udp, options tcp | OPTIONS over each transport | 6 s each |
//! | call | an ordinary call; two seconds of sound; hold and resume by re-INVITE | 20 s to the answer |
//! | reliable | `Require: 100rel` | 15 s |
//! | offerless | an INVITE without SDP | 15 s |
//! | srtp | an offer of RTP/SAVP only | 15 s |
//!
//! Whatever happens, the switch ends what is left of a check when the doctor's task has ended.

pub mod assess;
pub mod facts;
pub mod settings;
mod sound;
#[cfg(test)]
mod tests;

use crate::switch::ports::PortPair;
use assess::{Configured, Facts};
use causeway_api::doctor::{CheckStep, Finding};
use causeway_api::ladder::Ladder;
use causeway_directory::IpFamily;
use causeway_media::plan::{Direction, TrunkPlan};
use causeway_media::sdp::trunk::{KeySeed, SrtpPolicy, TrunkMediaConfig, TrunkSession};
use causeway_sip::endpoint::{AnswerOffer, CallId, Event, Invite, Reliable, RequestId, Transport};
use facts::Exchange;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout, timeout_at};

/// A whole check.
pub const OVERALL: Duration = Duration::from_secs(120);
const OPTIONS: Duration = Duration::from_secs(6);
const ANSWER: Duration = Duration::from_secs(20);
const SHORT_ANSWER: Duration = Duration::from_secs(15);
const LISTEN: Duration = Duration::from_secs(2);
/// A re-INVITE, and the end of a call.
const WITHIN: Duration = Duration::from_secs(6);

/// One check; unique for the life of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CheckId(pub u64);

/// What the doctor asks of the switch.
#[derive(Debug)]
pub enum Ask {
    Options {
        transport: Transport,
        ladder: String,
        reply: oneshot::Sender<RequestId>,
    },
    Invite {
        invite: Box<Invite>,
        ladder: String,
        reply: oneshot::Sender<Result<CallId, String>>,
    },
    Cancel(CallId),
    Bye(CallId),
    Offer {
        call: CallId,
        sdp: Vec<u8>,
    },
    Answer {
        call: CallId,
        answer: AnswerOffer,
    },
    /// Released by the switch after the check.
    Ports {
        family: IpFamily,
        reply: oneshot::Sender<Option<PortPair>>,
    },
    Ladder {
        ladder: String,
        reply: oneshot::Sender<Ladder>,
    },
    /// A probe began, or (of the same name) came to its outcome.
    Step(CheckStep),
    Found {
        findings: Vec<Finding>,
        settings: String,
    },
    /// The doctor's task is gone; sent for it.
    Over,
}

/// What the switch tells it at the start.
#[derive(Debug)]
pub struct Patient {
    pub configured: Configured,
    /// An INVITE to the test number, as the trunk's calls have it, without SDP; `None`: no number is named.
    pub invite: Option<Invite>,
    /// The trunk's, with port 0.
    pub media: TrunkMediaConfig,
}

/// See the module.
#[derive(Debug)]
pub struct Doctor {
    id: CheckId,
    /// Begins the names of its ladders.
    name: String,
    patient: Patient,
    asks: mpsc::Sender<(CheckId, Ask)>,
    events: mpsc::Receiver<Event>,
}

/// A call that is answered.
struct Talking {
    call: CallId,
    session: TrunkSession,
    plan: Option<TrunkPlan>,
}

/// The switch is gone: the box stops.
struct Gone;

impl Doctor {
    pub fn new(
        id: CheckId,
        name: String,
        patient: Patient,
        asks: mpsc::Sender<(CheckId, Ask)>,
        events: mpsc::Receiver<Event>,
    ) -> Self {
        Self {
            id,
            name,
            patient,
            asks,
            events,
        }
    }

    /// The whole check. When its time is up it says what it found until then.
    pub async fn run(mut self) {
        let mut facts = Facts {
            trunk: self.patient.configured.clone(),
            ..Facts::default()
        };
        let in_time = timeout(OVERALL, self.examine(&mut facts)).await;
        if matches!(in_time, Ok(Err(Gone))) {
            return;
        }
        let found = Ask::Found {
            findings: assess::findings(&facts),
            settings: settings::settings(&facts),
        };
        let _ = self.ask(found).await;
    }

    async fn examine(&mut self, facts: &mut Facts) -> Result<(), Gone> {
        facts.udp = Some(self.options(Transport::Udp).await?);
        facts.tcp = Some(self.options(Transport::Tcp).await?);
        let own = if facts.trunk.tcp {
            &facts.tcp
        } else {
            &facts.udp
        };
        let silent = own.as_ref().is_some_and(|e| e.status.is_none());
        let Some(invite) = self.patient.invite.clone() else {
            return Ok(());
        };
        let (call, sound) = self.ordinary(invite.clone()).await?;
        let useless = call.status.is_none() && silent;
        let refused = matches!(call.status, Some(401 | 403 | 404 | 407));
        let answered_reliably = call.provisional.iter().any(|p| p.reliable);
        facts.sound = sound;
        facts.call = Some(call);
        // The other calls would only meet the same refusal.
        if useless || refused {
            return Ok(());
        }
        if !answered_reliably {
            let mut wish = invite.clone();
            wish.reliable = Reliable::Required;
            facts.reliable = Some(self.brief("reliable", wish, Offer::Plain).await?);
        }
        facts.offerless = Some(self.brief("offerless", invite.clone(), Offer::None).await?);
        facts.srtp = Some(self.brief("srtp", invite, Offer::Secret).await?);
        Ok(())
    }

    async fn options(&mut self, transport: Transport) -> Result<Exchange, Gone> {
        let name = match transport {
            Transport::Udp => "options udp",
            Transport::Tcp => "options tcp",
            Transport::Tls => "options tls",
        };
        let ladder = self.begin(name).await?;
        let (reply, sent) = oneshot::channel();
        let ask = Ask::Options {
            transport,
            ladder: ladder.clone(),
            reply,
        };
        self.ask(ask).await?;
        let wanted = sent.await.map_err(|_| Gone)?;
        let until = Instant::now() + OPTIONS;
        while let Some(event) = self.event(until).await? {
            match event {
                Event::RequestAnswered { request, .. } | Event::RequestFailed { request }
                    if request == wanted =>
                {
                    break;
                }
                _ => {}
            }
        }
        self.finish(name, ladder).await
    }

    /// The call that shows most.
    async fn ordinary(
        &mut self,
        invite: Invite,
    ) -> Result<(Exchange, Option<assess::Sound>), Gone> {
        let ladder = self.begin("call").await?;
        let Some(pair) = self.ports().await? else {
            return Ok((Exchange::default(), None));
        };
        let talking = self
            .place(invite, &ladder, pair.port, Offer::Plain, ANSWER)
            .await?;
        let mut heard = None;
        if let Some(mut talking) = talking {
            if let Some(plan) = talking.plan {
                let listening = tokio::spawn(sound::listen(pair.rtp, plan, LISTEN));
                let until = Instant::now() + LISTEN;
                // A PBX may have offers of its own right after the answer.
                while let Some(event) = self.event(until).await? {
                    if let Event::Offer { sdp, .. } = event {
                        self.their_offer(&mut talking, sdp).await?;
                    }
                }
                heard = listening.await.ok().flatten();
            }
            for direction in [Direction::SendOnly, Direction::SendRecv] {
                let sdp = talking.session.offer(direction).into_bytes();
                let call = talking.call;
                self.ask(Ask::Offer { call, sdp }).await?;
                if !self.agreed(&mut talking).await? {
                    break;
                }
            }
            self.hang_up(talking.call).await?;
        }
        drop(pair.rtcp);
        Ok((self.finish("call", ladder).await?, heard))
    }

    /// A call that ends as soon as it is answered.
    async fn brief(
        &mut self,
        name: &'static str,
        invite: Invite,
        offer: Offer,
    ) -> Result<Exchange, Gone> {
        let ladder = self.begin(name).await?;
        let Some(pair) = self.ports().await? else {
            return Ok(Exchange::default());
        };
        let talking = self
            .place(invite, &ladder, pair.port, offer, SHORT_ANSWER)
            .await?;
        if let Some(talking) = talking {
            self.hang_up(talking.call).await?;
        }
        drop(pair);
        self.finish(name, ladder).await
    }

    /// Calls, and waits for the answer; a call that is not answered in time is given up.
    async fn place(
        &mut self,
        mut invite: Invite,
        ladder: &str,
        port: u16,
        offer: Offer,
        patience: Duration,
    ) -> Result<Option<Talking>, Gone> {
        let mut media = TrunkMediaConfig {
            port,
            key_seed: KeySeed(crate::random::bytes()),
            ..self.patient.media.clone()
        };
        if offer == Offer::Secret {
            media.srtp = SrtpPolicy::Required;
        }
        let mut session = TrunkSession::new(media);
        invite.sdp = match offer {
            Offer::Plain | Offer::Secret => Some(session.offer(Direction::SendRecv).into_bytes()),
            Offer::None => None,
        };
        let (reply, placed) = oneshot::channel();
        let ask = Ask::Invite {
            invite: Box::new(invite),
            ladder: ladder.to_owned(),
            reply,
        };
        self.ask(ask).await?;
        let Ok(call) = placed.await.map_err(|_| Gone)? else {
            return Ok(None);
        };
        let mut talking = Talking {
            call,
            session,
            plan: None,
        };
        let until = Instant::now() + patience;
        while let Some(event) = self.event(until).await? {
            match event {
                Event::Progress { sdp: Some(sdp), .. } if offer != Offer::None => {
                    talking.plan = talking.session.receive_answer(&sdp).ok();
                }
                Event::Answered { sdp, .. } => {
                    if let Some(sdp) = sdp {
                        self.answered(&mut talking, &sdp, offer).await?;
                    }
                    return Ok(Some(talking));
                }
                Event::Offer { sdp, .. } => self.their_offer(&mut talking, sdp).await?,
                Event::Failed { .. } | Event::Ended { .. } => return Ok(None),
                _ => {}
            }
        }
        self.ask(Ask::Cancel(call)).await?;
        self.closed().await?;
        Ok(None)
    }

    async fn answered(
        &mut self,
        talking: &mut Talking,
        sdp: &[u8],
        offer: Offer,
    ) -> Result<(), Gone> {
        match offer {
            Offer::Plain | Offer::Secret => {
                talking.plan = talking.session.receive_answer(sdp).ok();
            }
            Offer::None => self.their_offer(talking, Some(sdp.to_vec())).await?,
        }
        Ok(())
    }

    async fn their_offer(
        &mut self,
        talking: &mut Talking,
        sdp: Option<Vec<u8>>,
    ) -> Result<(), Gone> {
        let answer = match sdp {
            None => Ok(talking.session.offer(Direction::SendRecv)),
            Some(sdp) => talking
                .session
                .receive_offer(&sdp, Direction::SendRecv)
                .map(|(answer, plan)| {
                    talking.plan = Some(plan);
                    answer
                }),
        };
        let answer = match answer {
            Ok(sdp) => AnswerOffer::Accept {
                sdp: sdp.into_bytes(),
            },
            Err(fault) => AnswerOffer::Reject {
                status: fault.sip_status(),
                warning: None,
            },
        };
        let call = talking.call;
        self.ask(Ask::Answer { call, answer }).await
    }

    /// Whether our offer within the call was answered.
    async fn agreed(&mut self, talking: &mut Talking) -> Result<bool, Gone> {
        let until = Instant::now() + WITHIN;
        while let Some(event) = self.event(until).await? {
            match event {
                Event::OfferAnswered { sdp, .. } => {
                    return Ok(talking.session.receive_answer(&sdp).is_ok());
                }
                Event::Offer { sdp, .. } => self.their_offer(talking, sdp).await?,
                Event::OfferRejected { .. } | Event::OfferDue { .. } | Event::Ended { .. } => {
                    return Ok(false);
                }
                _ => {}
            }
        }
        Ok(false)
    }

    async fn hang_up(&mut self, call: CallId) -> Result<(), Gone> {
        self.ask(Ask::Bye(call)).await?;
        self.closed().await
    }

    /// Waits for the event that closes a call, but not for ever.
    async fn closed(&mut self) -> Result<(), Gone> {
        let until = Instant::now() + WITHIN;
        while let Some(event) = self.event(until).await? {
            if matches!(event, Event::Failed { .. } | Event::Ended { .. }) {
                break;
            }
        }
        Ok(())
    }

    async fn begin(&mut self, name: &str) -> Result<String, Gone> {
        let ladder = format!("{}-{}", self.name, name.replace(' ', "-"));
        let step = CheckStep {
            name: name.to_owned(),
            outcome: None,
            ladder: Some(ladder.clone()),
        };
        // What belongs to the probe before is of no use any more.
        while self.events.try_recv().is_ok() {}
        self.ask(Ask::Step(step)).await?;
        Ok(ladder)
    }

    /// Reads the ladder of a probe and reports it.
    async fn finish(&mut self, name: &str, ladder: String) -> Result<Exchange, Gone> {
        let (reply, read) = oneshot::channel();
        let ask = Ask::Ladder {
            ladder: ladder.clone(),
            reply,
        };
        self.ask(ask).await?;
        let messages = read.await.map_err(|_| Gone)?.messages;
        let exchange = Exchange::read(&messages);
        let step = CheckStep {
            name: name.to_owned(),
            outcome: Some(exchange.outcome()),
            ladder: Some(ladder),
        };
        self.ask(Ask::Step(step)).await?;
        Ok(exchange)
    }

    async fn ports(&mut self) -> Result<Option<PortPair>, Gone> {
        let (reply, pair) = oneshot::channel();
        let family = IpFamily::of(self.patient.media.address);
        self.ask(Ask::Ports { family, reply }).await?;
        pair.await.map_err(|_| Gone)
    }

    async fn ask(&self, ask: Ask) -> Result<(), Gone> {
        self.asks.send((self.id, ask)).await.map_err(|_| Gone)
    }

    /// The next event of this check; `None` when the time is up.
    async fn event(&mut self, until: Instant) -> Result<Option<Event>, Gone> {
        match timeout_at(until, self.events.recv()).await {
            Ok(Some(event)) => Ok(Some(event)),
            Ok(None) => Err(Gone),
            Err(_) => Ok(None),
        }
    }
}

/// What an INVITE offers: what the trunk's calls do, SRTP only, or nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Offer {
    Plain,
    Secret,
    None,
}
