//! Both ends of every call, on one thread that does nothing else: sends each frame when it is due and notes when what
//! becomes of it comes out on the other side.
//!
//! It wakes by a timer of the kernel's own resolution: epoll's milliseconds would bunch the frames of many calls.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use tokio::sync::oneshot::Sender;

use super::latency::{Latencies, Matcher};
use super::pictures::{self, Films, FrameMatcher};
use super::speech::Speech;
use super::web_end::WebEnd;
use crate::clock::random;
use crate::load::Codec;
use crate::media::g711::Law;
use crate::media::rtp::Packet;

const FRAME: Duration = Duration::from_millis(20);
/// Between two looks at the connections' own deadlines.
const LOOK: Duration = Duration::from_millis(5);
/// Calls whose Opus is decoded to find marks in it; decoding all would cost the thread more than sending.
const DECODED: usize = 16;
/// What epoll calls the timer.
const TIMER: u64 = u64::MAX;

/// What the thread is asked to do.
pub enum Order {
    /// Makes a call's two ends, in a place of its own: the offer, and the port of the trunk's side.
    Add(usize, Sender<Result<(String, u16), String>>),
    Answer {
        call: usize,
        sdp: String,
        done: Sender<Result<(), String>>,
    },
    /// Where the engine takes the trunk's side of a call.
    Trunk {
        call: usize,
        to: SocketAddr,
    },
    /// Neither end of a call speaks any more; both still listen.
    Quiet(usize),
    /// A call's place is free for another.
    Remove(usize),
    /// Tells how things stand; latencies begin anew.
    Look(Sender<Standing>),
    /// From now on the thread does not sleep, or does again: an engine should not pay for waking it.
    Watch(bool),
    Stop,
}

/// How things stand. Counters only grow.
#[derive(Debug, Default, Clone)]
pub struct Standing {
    /// When that was; `None` before anybody looked.
    pub at: Option<Instant>,
    pub connected: usize,
    pub failed: usize,
    /// Calls of which something was heard on both sides.
    pub heard: usize,
    pub web_to_trunk: Way,
    pub trunk_to_web: Way,
}

/// One direction of all calls.
#[derive(Debug, Default, Clone)]
pub struct Way {
    pub sent: u64,
    pub received: u64,
    pub slips: u32,
    /// Since the last look.
    pub latencies: Latencies,
}

impl Way {
    /// A packet of a picture came, perhaps the last of a whole frame.
    fn see(&mut self, whole: Option<Option<Duration>>) {
        if let Some(took) = whole {
            self.received += 1;
            if let Some(took) = took {
                self.latencies.note(took);
            }
        }
    }
}

struct Call {
    web: WebEnd,
    trunk: UdpSocket,
    trunk_to: Option<SocketAddr>,
    trunk_ssrc: u32,
    /// Frames sent, each way.
    from_web: usize,
    from_trunk: usize,
    to_trunk: Matcher,
    to_web: Matcher,
    /// The same of pictures.
    seen_by_trunk: FrameMatcher,
    seen_by_web: FrameMatcher,
    /// Where each side's film is.
    web_place: usize,
    trunk_place: usize,
    trunk_sequence: u16,
    picture_type: Option<u8>,
    decoder: Option<opus::Decoder>,
    heard: (bool, bool),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
    Web,
    Trunk,
}

/// The thread's state.
pub struct Ends {
    speech: Arc<Speech>,
    codec: Codec,
    /// Where there are pictures nobody speaks.
    films: Option<Arc<Films>>,
    frame: Duration,
    epoll: Epoll,
    timer: TimerFd,
    watching: bool,
    calls: Vec<Option<Box<Call>>>,
    due: BinaryHeap<Reverse<(Instant, usize, Side)>>,
    standing: Standing,
    heard: Vec<rtc::rtp::Packet>,
}

impl std::fmt::Debug for Ends {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ends").finish_non_exhaustive()
    }
}

impl Ends {
    pub fn new(
        speech: Arc<Speech>,
        codec: Codec,
        films: Option<Arc<Films>>,
    ) -> Result<Self, String> {
        let said = |e: nix::errno::Errno| e.to_string();
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).map_err(said)?;
        let flags = TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK;
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags).map_err(said)?;
        epoll
            .add(&timer, EpollEvent::new(EpollFlags::EPOLLIN, TIMER))
            .map_err(said)?;
        Ok(Self {
            speech,
            codec,
            frame: films.as_ref().map_or(FRAME, |_| pictures::FRAME),
            films,
            epoll,
            timer,
            watching: false,
            calls: Vec::new(),
            due: BinaryHeap::new(),
            standing: Standing::default(),
            heard: Vec::new(),
        })
    }

    /// Runs until told to stop.
    pub fn run(mut self, orders: &Receiver<Order>) {
        let mut ready = [EpollEvent::empty(); 128];
        let mut next_look = Instant::now();
        loop {
            let now = Instant::now();
            while self
                .due
                .peek()
                .is_some_and(|Reverse((due, ..))| *due <= now)
            {
                if let Some(Reverse((due, call, side))) = self.due.pop() {
                    self.send(call, side);
                    self.due.push(Reverse((due + self.frame, call, side)));
                }
            }
            let next = self
                .due
                .peek()
                .map_or(next_look, |Reverse((due, ..))| (*due).min(next_look));
            let patience = if self.watching {
                EpollTimeout::ZERO
            } else {
                self.wake_at(next);
                EpollTimeout::from(10_u8)
            };
            let count = self.epoll.wait(&mut ready, patience).unwrap_or_default();
            for event in ready.iter().take(count) {
                if event.data() == TIMER {
                    let _ = self.timer.wait();
                } else {
                    self.receive(event.data());
                }
            }
            let now = Instant::now();
            if now >= next_look {
                next_look = now + LOOK;
                for call in self.calls.iter_mut().flatten() {
                    call.web.handle_timeout(now);
                }
                loop {
                    match orders.try_recv() {
                        Ok(Order::Stop) | Err(TryRecvError::Disconnected) => return,
                        Ok(order) => self.obey(order),
                        Err(TryRecvError::Empty) => break,
                    }
                }
            }
        }
    }

    fn wake_at(&self, next: Instant) {
        // A timer of no length at all would be one that never comes.
        let wait = next
            .saturating_duration_since(Instant::now())
            .max(Duration::from_micros(1));
        let once = Expiration::OneShot(TimeSpec::from_duration(wait));
        let _ = self.timer.set(once, TimerSetTimeFlags::empty());
    }

    fn obey(&mut self, order: Order) {
        let now = Instant::now();
        match order {
            Order::Add(call, reply) => {
                let _ = reply.send(self.add(call, now));
            }
            Order::Answer { call, sdp, done } => {
                let outcome = match self.standing_call(call) {
                    Some(call) => call.web.answer(&sdp, now),
                    None => Err("no such call".to_owned()),
                };
                // Calls begin where they happen to be connected: their frames are spread over the time of one.
                let first = now + phase(call, self.frame);
                self.due.push(Reverse((first, call, Side::Web)));
                let _ = done.send(outcome);
            }
            Order::Trunk { call, to } => {
                let frame = self.frame;
                if let Some(made) = self.standing_call(call)
                    && made.trunk_to.replace(to).is_none()
                {
                    let first = now + phase(call, frame) + frame / 2;
                    self.due.push(Reverse((first, call, Side::Trunk)));
                }
            }
            Order::Quiet(call) => self.due.retain(|Reverse((_, other, _))| *other != call),
            Order::Remove(call) => {
                self.due.retain(|Reverse((_, other, _))| *other != call);
                // Epoll forgets a socket that is closed.
                if let Some(place) = self.calls.get_mut(call) {
                    *place = None;
                }
            }
            Order::Look(reply) => {
                let calls = || self.calls.iter().flatten();
                let count = |fits: fn(&Call) -> bool| calls().filter(|c| fits(c)).count();
                self.standing.at = Some(now);
                self.standing.connected = count(|c| c.web.connected);
                self.standing.failed = count(|c| c.web.failed);
                self.standing.heard = count(|c| c.heard == (true, true));
                let slips = |of: fn(&Call) -> u32| calls().map(|c| of(c)).sum();
                self.standing.web_to_trunk.slips = slips(|c| c.to_trunk.slips);
                self.standing.trunk_to_web.slips = slips(|c| c.to_web.slips);
                let _ = reply.send(self.standing.clone());
                self.standing.web_to_trunk.latencies.clear();
                self.standing.trunk_to_web.latencies.clear();
            }
            Order::Watch(on) => self.watching = on,
            Order::Stop => {}
        }
    }

    fn standing_call(&mut self, call: usize) -> Option<&mut Call> {
        self.calls.get_mut(call)?.as_deref_mut()
    }

    fn add(&mut self, call: usize, now: Instant) -> Result<(String, u16), String> {
        let said = |e: std::io::Error| e.to_string();
        let coding = self.films.as_ref().map(|films| films.web.coding);
        let (web, offer) = WebEnd::offer(self.codec, coding, now)?;
        let trunk = UdpSocket::bind("127.0.0.1:0").map_err(said)?;
        trunk.set_nonblocking(true).map_err(said)?;
        let port = trunk.local_addr().map_err(said)?.port();
        for (socket, token) in [
            (web.socket.as_fd(), 2 * call),
            (trunk.as_fd(), 2 * call + 1),
        ] {
            self.epoll
                .add(socket, EpollEvent::new(EpollFlags::EPOLLIN, token as u64))
                .map_err(|e| e.to_string())?;
        }
        let decoder = match self.codec {
            Codec::Opus if call < DECODED => {
                Some(opus::Decoder::new(8000, opus::Channels::Mono).map_err(|e| e.to_string())?)
            }
            _ => None,
        };
        if self.calls.len() <= call {
            self.calls.resize_with(call + 1, || None);
        }
        self.calls[call] = Some(Box::new(Call {
            web,
            trunk,
            trunk_to: None,
            trunk_ssrc: random() as u32,
            from_web: call * 37,
            from_trunk: call * 53,
            to_trunk: Matcher::default(),
            to_web: Matcher::default(),
            seen_by_trunk: FrameMatcher::default(),
            seen_by_web: FrameMatcher::default(),
            web_place: 0,
            trunk_place: 0,
            trunk_sequence: 0,
            picture_type: None,
            decoder,
            heard: (false, false),
        }));
        Ok((offer, port))
    }

    fn send(&mut self, call: usize, side: Side) {
        let Some(call) = self.calls.get_mut(call).and_then(Option::as_deref_mut) else {
            return;
        };
        if let Some(films) = &self.films {
            return show(films, call, side, &mut self.standing);
        }
        match side {
            Side::Web => {
                if !call.web.connected {
                    return;
                }
                let n = call.from_web;
                call.from_web += 1;
                let frames = match self.codec {
                    Codec::Opus => &self.speech.opus,
                    Codec::G711(_) => &self.speech.pcmu,
                };
                let payload = frames[n % frames.len()].clone();
                let now = Instant::now();
                call.to_trunk.sent(n as i64, self.speech.is_mark(n), now);
                call.web.speak(payload, now);
                self.standing.web_to_trunk.sent += 1;
            }
            Side::Trunk => {
                let (Some(to), true) = (call.trunk_to, call.web.connected) else {
                    return;
                };
                let n = call.from_trunk;
                call.from_trunk += 1;
                let mut datagram = Vec::with_capacity(172);
                Packet {
                    payload_type: 0,
                    marker: false,
                    sequence: n as u16,
                    timestamp: (n as u32).wrapping_mul(160),
                    ssrc: call.trunk_ssrc,
                    payload: &self.speech.pcmu[n % self.speech.frames()],
                }
                .write(&mut datagram);
                call.to_web
                    .sent(n as i64, self.speech.is_mark(n), Instant::now());
                let _ = call.trunk.send_to(&datagram, to);
                self.standing.trunk_to_web.sent += 1;
            }
        }
    }

    fn receive(&mut self, token: u64) {
        let call = self.calls.get_mut(token as usize / 2);
        let Some(call) = call.and_then(Option::as_deref_mut) else {
            return;
        };
        let mut datagram = [0; 2048];
        let is_web = token.is_multiple_of(2);
        // Two at most: nobody shall wait for one busy socket.
        for _ in 0..2 {
            let socket = if is_web {
                &call.web.socket
            } else {
                &call.trunk
            };
            let Ok((length, from)) = socket.recv_from(&mut datagram) else {
                return;
            };
            let now = Instant::now();
            let datagram = &datagram[..length];
            if is_web {
                call.web.receive(from, datagram, now, &mut self.heard);
                for packet in self.heard.drain(..) {
                    call.heard.1 = true;
                    let (header, payload) = (packet.header, packet.payload);
                    let sequence = header.sequence_number;
                    if self.films.is_some() {
                        let (stamp, marker) = (header.timestamp, header.marker);
                        let whole = call.seen_by_web.received(sequence, stamp, marker, now);
                        self.standing.trunk_to_web.see(whole);
                        continue;
                    }
                    self.standing.trunk_to_web.received += 1;
                    let mut frame = [0_i16; 960];
                    let count = match (&mut call.decoder, self.codec) {
                        (Some(decoder), _) => {
                            decoder.decode(&payload, &mut frame, false).unwrap_or(0)
                        }
                        (None, Codec::G711(law)) => narrow(law, &payload, &mut frame),
                        (None, Codec::Opus) => continue,
                    };
                    if let Some(took) = call.to_web.received(sequence, &frame[..count], now) {
                        self.standing.trunk_to_web.latencies.note(took);
                    }
                }
            } else if self.films.is_some() {
                // Payload types above 63 with the marker's bit are RTCP's (RFC 5761 section 4).
                let Some(packet) =
                    Packet::read(datagram).filter(|p| !(64..96).contains(&p.payload_type))
                else {
                    continue;
                };
                call.heard.0 = true;
                call.picture_type = Some(packet.payload_type);
                let (sequence, stamp) = (packet.sequence, packet.timestamp);
                let whole = call
                    .seen_by_trunk
                    .received(sequence, stamp, packet.marker, now);
                self.standing.web_to_trunk.see(whole);
            } else if let Some(packet) = Packet::read(datagram)
                && packet.payload_type == 0
            {
                call.heard.0 = true;
                self.standing.web_to_trunk.received += 1;
                let mut frame = [0_i16; 960];
                let count = narrow(Law::Pcmu, packet.payload, &mut frame);
                if let Some(took) = call
                    .to_trunk
                    .received(packet.sequence, &frame[..count], now)
                {
                    self.standing.web_to_trunk.latencies.note(took);
                }
            }
        }
    }
}

fn narrow(law: Law, payload: &[u8], frame: &mut [i16]) -> usize {
    for (sample, code) in frame.iter_mut().zip(payload) {
        *sample = law.decode(*code);
    }
    payload.len().min(frame.len())
}

/// Sends a frame of one side's film.
fn show(films: &Films, call: &mut Call, side: Side, standing: &mut Standing) {
    let now = Instant::now();
    match side {
        Side::Web if call.web.connected => {
            let n = call.from_web;
            call.from_web += 1;
            call.seen_by_trunk.sent(n, now);
            let is_seen = call.seen_by_trunk.is_seen(now);
            let payloads = films.web.frame(&mut call.web_place, is_seen);
            call.web.show(payloads, now);
            standing.web_to_trunk.sent += 1;
        }
        Side::Trunk if call.web.connected => {
            // The engine shows first, and thereby the payload type that was agreed on.
            let (Some(to), Some(payload_type)) = (call.trunk_to, call.picture_type) else {
                return;
            };
            let n = call.from_trunk;
            call.from_trunk += 1;
            call.seen_by_web.sent(n, now);
            let is_seen = call.seen_by_web.is_seen(now);
            let payloads = films.trunk.frame(&mut call.trunk_place, is_seen);
            let mut datagram = Vec::with_capacity(1_300);
            for (number, payload) in payloads.iter().enumerate() {
                Packet {
                    payload_type,
                    marker: number + 1 == payloads.len(),
                    sequence: call.trunk_sequence,
                    timestamp: (n as u32).wrapping_mul(pictures::STEP),
                    ssrc: call.trunk_ssrc,
                    payload,
                }
                .write(&mut datagram);
                call.trunk_sequence = call.trunk_sequence.wrapping_add(1);
                let _ = call.trunk.send_to(&datagram, to);
            }
            standing.trunk_to_web.sent += 1;
        }
        Side::Web | Side::Trunk => {}
    }
}

/// Where in the time of a frame a call's frames lie: neighbours far apart.
fn phase(call: usize, frame: Duration) -> Duration {
    Duration::from_micros((call as u64 * 7919) % frame.as_micros().max(1) as u64)
}
