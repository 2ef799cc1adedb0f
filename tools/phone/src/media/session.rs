//! The sound of one call: a pair of UDP ports, a 20 ms clock, and ears.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::dtmf::{self, Turn};
use super::g711::Law;
use super::record::Recorder;
use super::rtp::{Figures, Packet, sender_report};
use super::tone::Tone;
use crate::clock::{random, unix_now};
use crate::events::{CallNumber, EventSink};
use crate::media::ears::Ears;

/// Samples in a 20 ms frame at 8 kHz.
pub const FRAME: usize = 160;
const TICK: Duration = Duration::from_millis(20);
const REPORT_TICKS: u64 = 250;

/// What a call plays.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Source {
    /// The test tone of so many Hz.
    Tone(f64),
    /// Speech at 8 kHz, once, then silence.
    Speech(&'static [i16]),
    /// Whatever is heard.
    Echo,
}

/// A pair of sockets: RTP on an even port, RTCP on the next.
#[derive(Debug, Clone)]
pub struct Ports {
    rtp: Arc<UdpSocket>,
    rtcp: Arc<UdpSocket>,
    /// Where RTP is received.
    pub address: SocketAddr,
}

impl Ports {
    /// Takes a free pair on `ip`.
    ///
    /// # Errors
    /// The last bind error when no pair was found in 50 attempts.
    pub async fn bind(ip: IpAddr) -> io::Result<Self> {
        let mut last = io::Error::other("no free pair of ports");
        for _ in 0..50 {
            let first = UdpSocket::bind((ip, 0)).await?;
            let address = first.local_addr()?;
            let (even, odd) = (address.port() & !1, address.port() | 1);
            let other = if address.port() == even { odd } else { even };
            match UdpSocket::bind((ip, other)).await {
                Ok(second) => {
                    let (rtp, rtcp) = if address.port() == even {
                        (first, second)
                    } else {
                        (second, first)
                    };
                    return Ok(Self {
                        rtp: Arc::new(rtp),
                        rtcp: Arc::new(rtcp),
                        address: SocketAddr::new(ip, even),
                    });
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

/// Where and how the far end wants its sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remote {
    /// Its RTP address.
    pub address: SocketAddr,
    /// What it decodes.
    pub law: Law,
    /// The payload type it reads telephone events under.
    pub dtmf: Option<u8>,
}

#[derive(Debug)]
enum Order {
    Remote(Remote),
    Sending(bool),
    Press(String, u32, u32),
    Ports(Ports),
    Stop(oneshot::Sender<Figures>),
}

/// The handle by which a call directs its sound.
#[derive(Debug)]
pub struct MediaSession {
    orders: mpsc::UnboundedSender<Order>,
}

impl MediaSession {
    /// Starts receiving at once; sending begins with [`MediaSession::set_remote`].
    pub fn start(
        call: CallNumber,
        ports: Ports,
        source: Source,
        dtmf_in: u8,
        events: EventSink,
        recorder: Option<Recorder>,
    ) -> Self {
        let (orders, inbox) = mpsc::unbounded_channel();
        let tone = match source {
            Source::Tone(hz) => hz,
            Source::Speech(_) | Source::Echo => 0.0,
        };
        let running = Running {
            ports,
            source,
            tone: Tone::new(tone, 8000),
            ears: Ears::new(call, dtmf_in, events),
            presses: dtmf::Sender::default(),
            remote: None,
            sending: true,
            fresh: true,
            ssrc: random() as u32,
            sequence: random() as u16,
            timestamp: random() as u32,
            sent: 0,
            buffer: Vec::with_capacity(FRAME + 12),
            echoed: None,
            spoken: 0,
            recorder,
        };
        tokio::spawn(running.run(inbox));
        Self { orders }
    }

    /// Says where the sound goes, or goes from now on.
    pub fn set_remote(&self, remote: Remote) {
        let _ = self.orders.send(Order::Remote(remote));
    }

    /// Stops or resumes sending.
    pub fn set_sending(&self, sending: bool) {
        let _ = self.orders.send(Order::Sending(sending));
    }

    /// Presses digits.
    pub fn press(&self, digits: &str, duration_ms: u32, gap_ms: u32) {
        let _ = self
            .orders
            .send(Order::Press(digits.to_owned(), duration_ms, gap_ms));
    }

    /// Moves to other ports.
    pub fn set_ports(&self, ports: Ports) {
        let _ = self.orders.send(Order::Ports(ports));
    }

    /// Ends the session and returns its figures.
    pub async fn stop(self) -> Figures {
        let (reply, figures) = oneshot::channel();
        let _ = self.orders.send(Order::Stop(reply));
        figures.await.unwrap_or_default()
    }
}

struct Running {
    ports: Ports,
    source: Source,
    tone: Tone,
    ears: Ears,
    presses: dtmf::Sender,
    remote: Option<Remote>,
    sending: bool,
    fresh: bool,
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    sent: u64,
    buffer: Vec<u8>,
    echoed: Option<(u32, u32)>,
    /// Samples of the speech so far.
    spoken: usize,
    recorder: Option<Recorder>,
}

impl Running {
    async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Order>) {
        let mut datagram = [0_u8; 1600];
        let mut control = [0_u8; 1600];
        let mut next = Instant::now();
        let mut ticks = 0_u64;
        loop {
            let (rtp, rtcp) = (self.ports.rtp.clone(), self.ports.rtcp.clone());
            tokio::select! {
                biased;
                order = inbox.recv() => match order {
                    Some(Order::Remote(remote)) => {
                        self.fresh |= self.remote.is_none();
                        self.remote = Some(remote);
                    }
                    Some(Order::Sending(sending)) => {
                        if sending && !self.sending {
                            self.fresh = true;
                        }
                        self.sending = sending;
                    }
                    Some(Order::Press(digits, duration, gap)) => self.presses.press(&digits, duration, gap),
                    Some(Order::Ports(ports)) => self.ports = ports,
                    Some(Order::Stop(reply)) => {
                        let _ = reply.send(self.ears.figures(self.sent));
                        return;
                    }
                    None => return,
                },
                () = sleep_until(next) => {
                    next += TICK;
                    // After a stall of more than a second there is nothing left to catch up with.
                    if next + Duration::from_secs(1) < Instant::now() {
                        next = Instant::now() + TICK;
                    }
                    ticks += 1;
                    self.tick().await;
                    if self.remote.is_some() && ticks.is_multiple_of(25) {
                        self.ears.report();
                    }
                    if ticks.is_multiple_of(REPORT_TICKS) {
                        self.report().await;
                    }
                }
                received = rtp.recv_from(&mut datagram) => if let Ok((length, _)) = received {
                    self.receive(&datagram[..length]).await;
                },
                received = rtcp.recv_from(&mut control) => if received.is_ok() {
                    self.ears.rtcp += 1;
                },
            }
        }
    }

    async fn tick(&mut self) {
        self.timestamp = self.timestamp.wrapping_add(FRAME as u32);
        let Some(remote) = self.remote.filter(|_| self.sending) else {
            return;
        };
        match self.presses.tick(self.timestamp) {
            Turn::Pause => {}
            Turn::Event(event) => {
                if let Some(payload_type) = remote.dtmf {
                    self.send(
                        remote,
                        payload_type,
                        event.marker,
                        event.timestamp,
                        &event.payload,
                    )
                    .await;
                }
                self.fresh = true;
            }
            Turn::Idle => {
                if self.source == Source::Echo {
                    return;
                }
                if self.fresh {
                    self.tone.restart();
                }
                let mut samples = [0_i16; FRAME];
                let marker = if let Source::Speech(speech) = self.source {
                    let rest = speech.get(self.spoken..).unwrap_or_default();
                    for (sample, said) in samples.iter_mut().zip(rest) {
                        *sample = *said;
                    }
                    self.spoken += FRAME;
                    None
                } else {
                    self.tone.fill(&mut samples)
                };
                let coded = samples.map(|sample| remote.law.encode(sample));
                let now = unix_now();
                self.send(
                    remote,
                    remote.law.payload_type(),
                    self.fresh,
                    self.timestamp,
                    &coded,
                )
                .await;
                self.fresh = false;
                if let Some(index) = marker {
                    self.ears.emit_marker(now + index as f64 / 8000.0);
                }
            }
        }
    }

    async fn receive(&mut self, datagram: &[u8]) {
        let Some(packet) = Packet::read(datagram) else {
            return;
        };
        let kept = self.recorder.as_mut().map(|recorder| {
            recorder.packet(
                packet.timestamp,
                packet.sequence,
                packet.payload_type,
                packet.payload,
            )
        });
        if let Some(Err(_)) = kept {
            self.recorder = None;
        }
        if !self.ears.hear(&packet, unix_now()) || self.source != Source::Echo || !self.sending {
            return;
        }
        if let Some(remote) = self.remote {
            let marker = self.fresh;
            self.fresh = false;
            // The heard timeline goes on ours: one offset for as long as the same source speaks.
            let (_, offset) = match self.echoed {
                Some(echoed) if echoed.0 == packet.ssrc && !marker => echoed,
                _ => (packet.ssrc, self.timestamp.wrapping_sub(packet.timestamp)),
            };
            self.echoed = Some((packet.ssrc, offset));
            let timestamp = packet.timestamp.wrapping_add(offset);
            self.send(
                remote,
                packet.payload_type,
                marker,
                timestamp,
                packet.payload,
            )
            .await;
        }
    }

    async fn send(
        &mut self,
        remote: Remote,
        payload_type: u8,
        marker: bool,
        timestamp: u32,
        payload: &[u8],
    ) {
        self.sequence = self.sequence.wrapping_add(1);
        Packet {
            marker,
            payload_type,
            sequence: self.sequence,
            timestamp,
            ssrc: self.ssrc,
            payload,
        }
        .write(&mut self.buffer);
        if self
            .ports
            .rtp
            .send_to(&self.buffer, remote.address)
            .await
            .is_ok()
        {
            self.sent += 1;
        }
    }

    async fn report(&mut self) {
        if let Some(remote) = self.remote.filter(|_| self.sent > 0) {
            // NTP counts from 1900.
            let ntp = ((unix_now() + 2_208_988_800.0) * 4_294_967_296.0) as u64;
            let report = sender_report(
                self.ssrc,
                ntp,
                self.timestamp,
                self.sent,
                self.ears.reception(),
            );
            let mut address = remote.address;
            address.set_port(address.port().wrapping_add(1));
            let _ = self.ports.rtcp.send_to(&report, address).await;
        }
    }
}
