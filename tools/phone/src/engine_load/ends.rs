//! Both ends of every call, on one thread that does nothing else: sends each frame when it is due and notes when what
//! becomes of it comes out on the other side.
//!
//! The thread does not sleep while a frame is due within a millisecond: its own lateness would be taken for the engine's.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use tokio::sync::oneshot::Sender;

use super::latency::{Latencies, Matcher};
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

/// What the thread is asked to do.
pub enum Order {
    /// Makes another call's two ends: the offer, and the port of the trunk's side.
    Add(Sender<Result<(String, u16), String>>),
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
    /// Tells how things stand; latencies begin anew.
    Look(Sender<Standing>),
    Stop,
}

/// How things stand. Counters only grow.
#[derive(Debug, Default, Clone)]
pub struct Standing {
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
    epoll: Epoll,
    calls: Vec<Call>,
    due: BinaryHeap<Reverse<(Instant, usize, Side)>>,
    standing: Standing,
    heard: Vec<(u16, Bytes)>,
}

impl std::fmt::Debug for Ends {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ends").finish_non_exhaustive()
    }
}

impl Ends {
    pub fn new(speech: Arc<Speech>, codec: Codec) -> Result<Self, String> {
        Ok(Self {
            speech,
            codec,
            epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).map_err(|e| e.to_string())?,
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
                    self.due.push(Reverse((due + FRAME, call, side)));
                }
            }
            let soon = Instant::now() + Duration::from_millis(1);
            let busy = self
                .due
                .peek()
                .is_some_and(|Reverse((due, ..))| *due < soon);
            let wait = if busy {
                EpollTimeout::ZERO
            } else {
                EpollTimeout::from(1_u8)
            };
            let count = self.epoll.wait(&mut ready, wait).unwrap_or_default();
            for event in ready.iter().take(count) {
                self.receive(event.data());
            }
            let now = Instant::now();
            if now >= next_look {
                next_look = now + LOOK;
                for call in &mut self.calls {
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

    fn obey(&mut self, order: Order) {
        let now = Instant::now();
        match order {
            Order::Add(reply) => {
                let _ = reply.send(self.add(now));
            }
            Order::Answer { call, sdp, done } => {
                let outcome = match self.calls.get_mut(call) {
                    Some(call) => call.web.answer(&sdp, now),
                    None => Err("no such call".to_owned()),
                };
                // Calls begin where they happen to be connected: their frames are spread over the 20 ms.
                self.due.push(Reverse((now + phase(call), call, Side::Web)));
                let _ = done.send(outcome);
            }
            Order::Trunk { call, to } => {
                if let Some(made) = self.calls.get_mut(call)
                    && made.trunk_to.replace(to).is_none()
                {
                    let first = now + phase(call) + FRAME / 2;
                    self.due.push(Reverse((first, call, Side::Trunk)));
                }
            }
            Order::Look(reply) => {
                let count = |fits: fn(&Call) -> bool| self.calls.iter().filter(|c| fits(c)).count();
                self.standing.connected = count(|c| c.web.connected);
                self.standing.failed = count(|c| c.web.failed);
                self.standing.heard = count(|c| c.heard == (true, true));
                let slips = |of: fn(&Call) -> u32| self.calls.iter().map(of).sum();
                self.standing.web_to_trunk.slips = slips(|c| c.to_trunk.slips);
                self.standing.trunk_to_web.slips = slips(|c| c.to_web.slips);
                let _ = reply.send(self.standing.clone());
                self.standing.web_to_trunk.latencies.clear();
                self.standing.trunk_to_web.latencies.clear();
            }
            Order::Stop => {}
        }
    }

    fn add(&mut self, now: Instant) -> Result<(String, u16), String> {
        let said = |e: std::io::Error| e.to_string();
        let (web, offer) = WebEnd::offer(self.codec, now)?;
        let trunk = UdpSocket::bind("127.0.0.1:0").map_err(said)?;
        trunk.set_nonblocking(true).map_err(said)?;
        let port = trunk.local_addr().map_err(said)?.port();
        let call = self.calls.len();
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
        self.calls.push(Call {
            web,
            trunk,
            trunk_to: None,
            trunk_ssrc: random() as u32,
            from_web: call * 37,
            from_trunk: call * 53,
            to_trunk: Matcher::default(),
            to_web: Matcher::default(),
            decoder,
            heard: (false, false),
        });
        Ok((offer, port))
    }

    fn send(&mut self, call: usize, side: Side) {
        let Some(call) = self.calls.get_mut(call) else {
            return;
        };
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
        let Some(call) = self.calls.get_mut(token as usize / 2) else {
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
                for (sequence, payload) in self.heard.drain(..) {
                    call.heard.1 = true;
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

/// Where in the 20 ms a call's frames lie: neighbours far apart.
fn phase(call: usize) -> Duration {
    Duration::from_micros((call as u64 * 7919) % 20_000)
}
