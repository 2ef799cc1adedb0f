//! One media thread: its sockets, its legs and the loop over them.
//!
//! A turn of the loop, in this order:
//!
//! 1. wait for a socket, a command or a deadline, at most [`TICK`], and then for more to gather (`pace`);
//! 2. datagrams, at most one batch from each ready socket, and what other threads hand on (`neighbours`);
//! 3. commands;
//! 4. deadlines that have come;
//! 5. whatever the WebRTC stacks that were touched have to say;
//! 6. what was learnt of browsers' addresses goes to the other threads, then one send of everything for browsers.
//!
//! Nothing is locked, logged or allocated for a packet beyond what the WebRTC stack insists on.

use super::batch::{FEW, Inbound, SLOTS};
use super::core::Core;
use super::counters::Counters;
use super::demux::Demux;
use super::either::Either;
use super::leg::{End, Leg, WebEnd};
use super::liveness::Liveness;
use super::neighbours::Neighbours;
use super::pace::Pace;
use super::priority::Priority;
use super::transcoders::Transcoders;
use super::trunk::TrunkLeg;
use super::video::{Picture, PictureEnd, PictureFormat};
use super::web::{Answer, Opening, WebLeg};
use super::{Command, Event, LegKey, Listening, MediaSettings, Table, WebCodecPolicy, WebRefusal};
use causeway_media::path::OutputIdentity;
use causeway_media::video::TranscodeJob;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::EventFd;
use rtc::crypto::RTCCryptoProvider;
use rtc::peer_connection::certificate::RTCCertificate;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

/// Longest wait: the watchdog wants to see the thread turn.
pub const TICK: Duration = Duration::from_millis(500);
/// Commands carried out in one turn.
const COMMANDS_A_TURN: usize = 32;
/// Sockets served in one turn.
const EVENTS_A_TURN: usize = 256;

const WAKE: u64 = 0;
const WEB: u64 = 1;
const FIRST_TRUNK: u64 = 2;

/// Which of a trunk leg's sockets.
#[derive(Clone, Copy, Debug)]
struct TrunkSocket {
    video: bool,
    rtcp: bool,
}

/// How events leave.
pub type Events = Box<dyn FnMut(Event) + Send>;

/// What the thread is handed.
pub enum Order {
    Carry(Command),
    /// Work on a picture was done.
    Transcoded(LegKey, Box<TranscodeJob>),
    /// Browsers are told other candidates.
    Show {
        udp: Vec<SocketAddr>,
        tcp: Vec<SocketAddr>,
    },
    /// Legs at once.
    Bound(usize),
    Stop,
}

/// What a thread starts with.
pub struct Parts {
    pub web: UdpSocket,
    pub wake: Arc<EventFd>,
    pub orders: Receiver<Order>,
    pub events: Events,
    pub settings: MediaSettings,
    pub counters: Arc<Counters>,
    pub certificate: RTCCertificate,
    pub crypto: Arc<dyn RTCCryptoProvider>,
    pub transcoders: Arc<Transcoders>,
    pub neighbours: Neighbours,
    /// What every thread has counted, this one's among them.
    pub all: Arc<[Arc<Counters>]>,
}

/// One media thread's state. Made and run on its own thread.
pub struct Engine {
    epoll: Epoll,
    wake: Arc<EventFd>,
    orders: Receiver<Order>,
    web: UdpSocket,
    ipv6: bool,
    inbound: Inbound,
    /// Trunk sockets by what epoll calls them.
    tokens: Table<u64, (LegKey, TrunkSocket)>,
    next_token: u64,
    certificate: RTCCertificate,
    crypto: Arc<dyn RTCCryptoProvider>,
    candidates: Vec<SocketAddr>,
    tcp_candidates: Vec<SocketAddr>,
    max_legs: usize,
    neighbours: Neighbours,
    all: Arc<[Arc<Counters>]>,
    core: Core,
}

impl Engine {
    /// # Errors
    /// When the kernel has no descriptors left.
    pub fn new(parts: Parts) -> std::io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        epoll.add(&*parts.wake, EpollEvent::new(EpollFlags::EPOLLIN, WAKE))?;
        parts.web.set_nonblocking(true)?;
        epoll.add(&parts.web, EpollEvent::new(EpollFlags::EPOLLIN, WEB))?;
        let bound = parts.web.local_addr()?;
        let candidates = parts.settings.candidates(bound);
        let demux = if parts.neighbours.is_alone() {
            Demux::default()
        } else {
            Demux::shared()
        };
        Ok(Self {
            epoll,
            wake: parts.wake,
            orders: parts.orders,
            web: parts.web,
            ipv6: bound.is_ipv6(),
            inbound: Inbound::default(),
            tokens: Table::default(),
            next_token: FIRST_TRUNK,
            certificate: parts.certificate,
            crypto: parts.crypto,
            candidates,
            tcp_candidates: parts.settings.tcp,
            max_legs: parts.settings.max_legs,
            neighbours: parts.neighbours,
            all: parts.all,
            core: Core::new(parts.events, parts.counters, parts.transcoders, demux),
        })
    }

    /// Runs until told to stop, or until nobody is left to give commands.
    pub fn run(mut self) {
        let mut ready = [EpollEvent::empty(); EVENTS_A_TURN];
        let mut now = Instant::now();
        let mut pace = Pace::new(now);
        let mut priority = Priority::prompt();
        loop {
            // 1.
            let gather = pace.wait(now, Instant::now());
            let patience = if gather.is_zero() {
                self.patience()
            } else {
                // Where many come, something has come by then: one sleep a turn, not two.
                std::thread::sleep(gather);
                EpollTimeout::ZERO
            };
            let count = self.epoll.wait(&mut ready, patience).unwrap_or_default();
            Counters::add(&self.core.counters.ticks, 1);
            now = Instant::now();
            let mut datagrams = 0;
            // 2.
            for event in ready.iter().take(count) {
                match event.data() {
                    WAKE => {
                        let _ = self.wake.read();
                    }
                    WEB => datagrams += self.serve_web(now),
                    token => datagrams += self.serve_trunk(token, now),
                }
            }
            datagrams += self.serve_neighbours(now);
            pace.served(u32::try_from(datagrams).unwrap_or(u32::MAX), now);
            // 3.
            let running = self.carry_out(now);
            // 4.
            while let Some(leg) = self.core.timers.pop(now) {
                self.core.on_deadline(leg, now);
            }
            // 5.
            self.core.settle(now);
            // 6.
            self.neighbours.tell(&self.core.demux.take_changes());
            self.flush();
            if let Some(busy) = self.core.turn_over(now) {
                priority.note(busy);
            }
            if !running {
                return;
            }
        }
    }

    fn patience(&self) -> EpollTimeout {
        let wait = self.core.timers.next().map_or(TICK, |due| {
            due.saturating_duration_since(Instant::now()).min(TICK)
        });
        // Rounded up: waking a little early would only turn the loop in vain.
        let milliseconds = wait.as_micros().div_ceil(1000);
        EpollTimeout::from(u16::try_from(milliseconds).unwrap_or(u16::MAX))
    }

    /// Takes a batch of the browsers' datagrams: how many.
    fn serve_web(&mut self, now: Instant) -> usize {
        let received = self.inbound.receive::<SLOTS>(self.web.as_fd());
        let counters = &self.core.counters;
        Counters::add(&counters.web_datagrams_in, received.datagrams);
        Counters::add(&counters.dropped_malformed, received.unusable);
        for slot in 0..received.datagrams.min(SLOTS) {
            let Some((source, datagram)) = self.inbound.datagram(slot) else {
                continue;
            };
            let (neighbours, core) = (&mut self.neighbours, &mut self.core);
            let mut whose = core.demux.route(source, datagram);
            if whose.1.is_none() && !neighbours.is_alone() && neighbours.learn(&mut core.demux) {
                whose = core.demux.route(source, datagram);
            }
            match whose.1.map(|key| key.thread(neighbours.count())) {
                Some(thread) if thread != neighbours.own() => {
                    neighbours.hand_on(thread, source, datagram);
                }
                _ => core.on_web(whose, source, datagram, now),
            }
        }
        if !self.neighbours.is_alone() {
            self.neighbours.dispatch(&self.core.counters);
        }
        received.datagrams
    }

    /// Takes what other threads have learnt and handed on: how many datagrams.
    fn serve_neighbours(&mut self, now: Instant) -> usize {
        if self.neighbours.is_alone() {
            return 0;
        }
        self.neighbours.learn(&mut self.core.demux);
        let mut datagrams = 0;
        while let Some(parcel) = self.neighbours.parcel() {
            datagrams += parcel.len();
            for (source, datagram) in parcel.datagrams() {
                let whose = self.core.demux.route(source, datagram);
                self.core.on_web(whose, source, datagram, now);
            }
        }
        if self.neighbours.is_behind() {
            let _ = self.wake.write(1);
        }
        datagrams
    }

    /// Legs of all threads.
    fn legs(&self) -> usize {
        let legs = self.all.iter().map(|thread| thread.values().legs as usize);
        legs.sum()
    }

    /// Takes what a trunk leg's socket has: how many datagrams.
    fn serve_trunk(&mut self, token: u64, now: Instant) -> usize {
        let Some(&(key, which)) = self.tokens.get(&token) else {
            return 0;
        };
        let Some(leg) = self.core.legs.get(&key) else {
            return 0;
        };
        let stream = match (which.video, &leg.end, &leg.picture) {
            (false, End::Trunk(trunk), _) => trunk,
            (true, _, Some(picture)) => match &picture.end {
                PictureEnd::Trunk(trunk) => trunk,
                PictureEnd::Web => return 0,
            },
            _ => return 0,
        };
        let socket = if which.rtcp {
            &stream.rtcp
        } else {
            &stream.rtp
        };
        // Of sound there is one at a time, and to lay out many slots costs more than to take it.
        let received = if which.video {
            self.inbound.receive::<SLOTS>(socket.as_fd())
        } else {
            self.inbound.receive::<FEW>(socket.as_fd())
        };
        Counters::add(&self.core.counters.trunk_datagrams_in, received.datagrams);
        for slot in 0..received.datagrams.min(SLOTS) {
            match self.inbound.datagram(slot) {
                Some((source, datagram)) if which.video => {
                    self.core
                        .on_trunk_video(key, which.rtcp, source, datagram, now);
                }
                Some((source, datagram)) => {
                    self.core.on_trunk(key, which.rtcp, source, datagram, now);
                }
                None => self.core.drop_not_rtp(key),
            }
        }
        received.datagrams
    }

    fn flush(&mut self) {
        if self.core.outbound.is_empty() {
            return;
        }
        let sent = self.core.outbound.flush(&self.web, self.ipv6);
        let counters = &self.core.counters;
        Counters::add(&counters.web_datagrams_out, sent.datagrams);
        Counters::add(&counters.send_refused, sent.refused);
    }

    /// False when the thread shall end.
    fn carry_out(&mut self, now: Instant) -> bool {
        for _ in 0..COMMANDS_A_TURN {
            match self.orders.try_recv() {
                Ok(Order::Carry(command)) => self.on_command(command, now),
                Ok(Order::Transcoded(leg, job)) => self.core.transcoded(leg, *job, now),
                Ok(Order::Show { udp, tcp }) => {
                    self.core.show_candidates(&udp, &tcp);
                    (self.candidates, self.tcp_candidates) = (udp, tcp);
                }
                Ok(Order::Bound(max_legs)) => self.max_legs = max_legs,
                Ok(Order::Stop) | Err(TryRecvError::Disconnected) => {
                    self.close_all(now);
                    return false;
                }
                Err(TryRecvError::Empty) => return true,
            }
        }
        // There may be more; come back without waiting.
        let _ = self.wake.write(1);
        true
    }

    fn close_all(&mut self, now: Instant) {
        let keys: Vec<LegKey> = self.core.legs.keys().copied().collect();
        for key in keys {
            self.core.close(key, now);
        }
        self.tokens.clear();
    }

    fn on_command(&mut self, command: Command, now: Instant) {
        match command {
            Command::OpenWeb {
                leg,
                offer,
                policy,
                dtx,
                video,
            } => self.open_web(leg, &offer, (policy, dtx), video, now),
            Command::RejoinWeb {
                leg,
                offer,
                policy,
                dtx,
                video,
            } => self.rejoin_web(leg, &offer, (policy, dtx), video, now),
            Command::OpenTrunkVideo { leg, rtp, rtcp } => {
                if let Err(error) = self.open_trunk_video(leg, rtp, rtcp) {
                    tracing::error!(leg = leg.0, %error, "sockets of a picture cannot be used");
                }
            }
            Command::CloseTrunkVideo { leg } => {
                let is_its = |(key, which): &(LegKey, TrunkSocket)| *key == leg && which.video;
                self.tokens.retain(|_, socket| !is_its(socket));
                self.core.close_trunk_video(leg, now);
            }
            Command::KeyFrame { leg } => self.core.key_frame(leg, now),
            Command::OpenTrunk {
                leg,
                rtp,
                rtcp,
                listening,
            } => {
                if let Err(error) = self.open_trunk(leg, rtp, rtcp, listening) {
                    tracing::error!(leg = leg.0, %error, "trunk sockets cannot be used");
                }
            }
            Command::Close { leg } => {
                self.tokens.retain(|_, (key, _)| *key != leg);
                self.core.close(leg, now);
            }
            Command::RestartWeb { leg, offer, video } => {
                let picture = video.then(|| self.identity()).flatten();
                // As of trunks: a browser may not be ready yet for the first packets.
                let picture = picture.map(|(identity, _)| OutputIdentity {
                    first_sequence: identity.first_sequence & 0x7FFF,
                    ..identity
                });
                self.core.restart_web(leg, &offer, picture, now);
            }
            Command::WebCandidate { leg, candidate } => self.core.on_candidate(leg, &candidate),
            Command::PlanTrunk { leg, plan } => self.core.plan_trunk(leg, *plan, now),
            Command::DirectWeb { leg, direction } => self.core.direct_web(leg, direction, now),
            Command::Bridge { a, b } => self.core.bridge(a, b, now),
            Command::Echo { leg } => self.core.echo(leg, now),
            Command::SendDigits {
                leg,
                digits,
                duration_ms,
                gap_ms,
            } => {
                let milliseconds = |ms: u16| Duration::from_millis(u64::from(ms));
                let (duration, gap) = (milliseconds(duration_ms), milliseconds(gap_ms));
                self.core.send_digits(leg, &digits, duration, gap, now);
            }
            Command::Report { leg } => self.core.report(leg),
        }
    }

    fn random<const N: usize>(&self) -> Option<[u8; N]> {
        let mut octets = [0; N];
        self.crypto.random().fill(&mut octets).ok()?;
        Some(octets)
    }

    /// What a leg is to its far side, drawn at random (RFC 3550 section 5.1).
    fn identity(&self) -> Option<(OutputIdentity, String)> {
        let [a, b, c, d, e, f, g, h, i, j, name @ ..] = self.random::<22>()?;
        let identity = OutputIdentity {
            ssrc: u32::from_be_bytes([a, b, c, d]),
            first_sequence: u16::from_be_bytes([e, f]),
            first_timestamp: u32::from_be_bytes([g, h, i, j]),
        };
        let name = name.iter().map(|octet| format!("{octet:02x}")).collect();
        Some((identity, name))
    }

    fn open_web(
        &mut self,
        key: LegKey,
        offer: &str,
        sound: (WebCodecPolicy, bool),
        video: bool,
        now: Instant,
    ) {
        let opened = if self.core.legs.contains_key(&key) {
            Err(WebRefusal::Internal("the leg is already open".to_owned()))
        } else if self.legs() >= self.max_legs {
            Err(WebRefusal::Full)
        } else {
            self.connect_web(offer, sound, video, now)
        };
        match opened {
            Err(reason) => self.core.tell(Event::WebRefused { leg: key, reason }),
            Ok((leg, answer)) => {
                self.core.insert(key, leg);
                self.answer_web(key, answer, now);
            }
        }
    }

    fn rejoin_web(
        &mut self,
        key: LegKey,
        offer: &str,
        sound: (WebCodecPolicy, bool),
        video: bool,
        now: Instant,
    ) {
        match self.connect_web(offer, sound, video, now) {
            Err(reason) => self.core.tell(Event::WebRefused { leg: key, reason }),
            Ok((leg, answer)) => {
                if self.core.renew_web(key, leg, now) {
                    self.answer_web(key, answer, now);
                }
            }
        }
    }

    fn answer_web(&mut self, key: LegKey, answer: Answer, now: Instant) {
        self.core.admit_web(key, &answer.sdp, now);
        let Some(leg) = self.core.legs.get(&key) else {
            return;
        };
        if let Some(format) = leg.format {
            let video = leg.picture.is_some();
            self.core.tell(Event::WebAnswer {
                leg: key,
                sdp: answer.sdp,
                format,
                video,
                video_refused: answer.video_refused,
            });
        }
    }

    /// A browser's leg and the answer to its offer.
    fn connect_web(
        &self,
        offer: &str,
        sound: (WebCodecPolicy, bool),
        video: bool,
        now: Instant,
    ) -> Result<(Leg, Answer), WebRefusal> {
        if self.candidates.is_empty() {
            let reason = "the box has no address of the family its media port is bound to";
            return Err(WebRefusal::Internal(reason.to_owned()));
        }
        let (policy, dtx) = sound;
        let (Some((identity, name)), Some((picture, _))) = (self.identity(), self.identity())
        else {
            return Err(WebRefusal::Internal("no randomness to be had".to_owned()));
        };
        let opening = Opening {
            crypto: &self.crypto,
            certificate: &self.certificate,
            candidates: &self.candidates,
            tcp_candidates: &self.tcp_candidates,
            ssrc: identity.ssrc,
            video_ssrc: video.then_some(picture.ssrc),
            dtx,
            stream: name.clone(),
        };
        let (web, answer) = WebLeg::open(now, offer, policy, opening)?;
        let (format, shown) = (web.format(), web.picture().cloned());
        let either = web.alternative().map(|opus| Either::new(format, opus));
        let end = End::Web(Box::new(WebEnd {
            leg: web,
            liveness: Liveness::new(now),
        }));
        let mut leg = Leg::new(end, identity, name);
        leg.speak(format);
        leg.dtx = dtx;
        leg.either = either.map(Box::new);
        leg.picture = shown.map(|shown| {
            let format = PictureFormat::of(&shown.video);
            let mut picture = Picture::new(PictureEnd::Web, picture, Some(format));
            picture.direction = shown.video.direction.reversed();
            Box::new(picture)
        });
        Ok((leg, answer))
    }

    fn open_trunk(
        &mut self,
        key: LegKey,
        rtp: UdpSocket,
        rtcp: UdpSocket,
        listening: Listening,
    ) -> std::io::Result<()> {
        if self.core.legs.contains_key(&key) {
            return Err(std::io::Error::other("the leg is already open"));
        }
        let (mut identity, name) = self
            .identity()
            .ok_or_else(|| std::io::Error::other("no randomness to be had"))?;
        // A first packet that is lost next to a wrap would leave a receiver of SRTP with a wrong
        // roll-over counter for ever (RFC 3711 section 3.3.1).
        identity.first_sequence &= 0x7FFF;
        let trunk = TrunkLeg::new(rtp, rtcp, listening)?;
        self.watch(key, &trunk, false)?;
        self.core
            .insert(key, Leg::new(End::Trunk(Box::new(trunk)), identity, name));
        Ok(())
    }

    /// Gives an open trunk leg the sockets of a picture, of which nothing is agreed yet.
    fn open_trunk_video(
        &mut self,
        key: LegKey,
        rtp: UdpSocket,
        rtcp: UdpSocket,
    ) -> std::io::Result<()> {
        let (mut identity, _) = self
            .identity()
            .ok_or_else(|| std::io::Error::other("no randomness to be had"))?;
        identity.first_sequence &= 0x7FFF;
        let stream = TrunkLeg::new(rtp, rtcp, Listening::default())?;
        if !self.core.legs.contains_key(&key) {
            return Err(std::io::Error::other("the leg is not open"));
        }
        self.watch(key, &stream, true)?;
        if let Some(leg) = self.core.legs.get_mut(&key) {
            let end = PictureEnd::Trunk(Box::new(stream));
            leg.put_picture(Some(Box::new(Picture::new(end, identity, None))));
        }
        Ok(())
    }

    fn watch(&mut self, key: LegKey, stream: &TrunkLeg, video: bool) -> std::io::Result<()> {
        for (socket, rtcp) in [(&stream.rtp, false), (&stream.rtcp, true)] {
            let token = self.next_token;
            self.next_token += 1;
            self.epoll
                .add(socket, EpollEvent::new(EpollFlags::EPOLLIN, token))?;
            self.tokens
                .insert(token, (key, TrunkSocket { video, rtcp }));
        }
        Ok(())
    }
}
