//! A PBX as far as the media plane can tell: two UDP sockets that speak PCMU.

use crate::sound::Tone;
use causeway_media::g711::Law;
use causeway_media::rtp;
use causeway_media::srtp::{SrtpReceiver, SrtpSender};
use std::net::{SocketAddr, UdpSocket};
use std::time::Instant;

pub const EVENTS: u8 = 101;

pub struct Pbx {
    pub rtp: UdpSocket,
    pub rtcp: UdpSocket,
    pub heard: Vec<(Instant, rtp::Header, Vec<u8>)>,
    pub reports: Vec<Vec<u8>>,
    /// Packets that its keys do not open.
    pub unauthentic: usize,
    /// Sound of another source than before.
    pub ssrc: u32,
    pub sequence: u16,
    pub timestamp: u32,
    /// What protects and unprotects its packets, once there are keys.
    pub srtp: Option<(SrtpSender, SrtpReceiver)>,
    tone: Tone,
    /// Milliseconds of sound in a packet of its own; and what does not fill one yet.
    pub packet_ms: usize,
    waiting: Vec<u8>,
}

impl Pbx {
    pub fn new(hertz: f64) -> Self {
        let bind = || {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.set_nonblocking(true).unwrap();
            socket
        };
        Self {
            rtp: bind(),
            rtcp: bind(),
            heard: Vec::new(),
            reports: Vec::new(),
            unauthentic: 0,
            ssrc: 0x0A0A_0A0A,
            sequence: 65_000,
            timestamp: 1_000_000,
            srtp: None,
            tone: Tone::new(hertz),
            packet_ms: 20,
            waiting: Vec::new(),
        }
    }

    pub fn turn(&mut self) {
        let mut buffer = [0; 2048];
        while let Ok((length, _)) = self.rtp.recv_from(&mut buffer) {
            let opened = match &mut self.srtp {
                Some((_, receiver)) => match receiver.unprotect_rtp(&buffer[..length]) {
                    Ok(opened) => opened.to_vec(),
                    Err(_) => {
                        self.unauthentic += 1;
                        continue;
                    }
                },
                None => buffer[..length].to_vec(),
            };
            let packet = rtp::read(&opened).expect("the box sends RTP");
            self.heard
                .push((Instant::now(), packet.header, packet.payload.to_vec()));
        }
        while let Ok((length, _)) = self.rtcp.recv_from(&mut buffer) {
            let report = match &mut self.srtp {
                Some((_, receiver)) => match receiver.unprotect_rtcp(&buffer[..length]) {
                    Ok(opened) => opened.to_vec(),
                    Err(_) => continue,
                },
                None => buffer[..length].to_vec(),
            };
            self.reports.push(report);
        }
    }

    fn packet(
        &mut self,
        payload_type: u8,
        marker: bool,
        timestamp: u32,
        payload: &[u8],
    ) -> Vec<u8> {
        let header = rtp::Header {
            marker,
            payload_type,
            sequence: self.sequence,
            timestamp,
            ssrc: self.ssrc,
        };
        self.sequence = self.sequence.wrapping_add(1);
        let packet = [&header.to_bytes()[..], payload].concat();
        match &mut self.srtp {
            Some((sender, _)) => sender.protect_rtp(&packet).unwrap().to_vec(),
            None => packet,
        }
    }

    /// Says 20 ms of the tone, and sends what fills packets.
    pub fn speak(&mut self, to: SocketAddr) {
        let frame = self.tone.frame().into_iter();
        self.waiting
            .extend(frame.map(|sample| Law::Mu.encode(sample)));
        let octets = self.packet_ms * 8;
        while self.waiting.len() >= octets {
            let payload: Vec<u8> = self.waiting.drain(..octets).collect();
            let timestamp = self.timestamp;
            self.timestamp = timestamp.wrapping_add(octets as u32);
            let packet = self.packet(0, false, timestamp, &payload);
            let _ = self.rtp.send_to(&packet, to);
        }
    }

    /// Says that it is silent, so loud in −dBov (RFC 3389), and that time passes.
    pub fn is_silent(&mut self, to: SocketAddr, level: u8, milliseconds: u32) {
        let timestamp = self.timestamp;
        self.timestamp = timestamp.wrapping_add(milliseconds * 8);
        let packet = self.packet(13, false, timestamp, &[level]);
        let _ = self.rtp.send_to(&packet, to);
    }

    /// Sends one packet of a pressed key, the `nth` of `packets`; the last ends it.
    pub fn press(&mut self, to: SocketAddr, code: u8, nth: u16, packets: u16) {
        let end = nth + 1 == packets;
        let [d0, d1] = ((nth + 1) * 160).to_be_bytes();
        let payload = [code, if end { 0x8A } else { 0x0A }, d0, d1];
        let timestamp = self.timestamp;
        for _ in 0..if end { 3 } else { 1 } {
            let packet = self.packet(EVENTS, nth == 0, timestamp, &payload);
            let _ = self.rtp.send_to(&packet, to);
        }
        if end {
            self.timestamp = timestamp.wrapping_add(u32::from(packets) * 160);
        }
    }

    /// What was heard since `since` as sound.
    pub fn sound_since(&self, since: usize) -> Vec<i16> {
        let sound = self.heard.iter().skip(since);
        sound
            .filter(|(_, header, _)| header.payload_type == 0)
            .flat_map(|(_, _, payload)| payload.iter().map(|octet| Law::Mu.decode(*octet)))
            .collect()
    }

    /// Codes of the events that ended, in their order.
    pub fn digits(&self) -> Vec<u8> {
        let mut digits: Vec<(u32, u8)> = self
            .heard
            .iter()
            .filter(|(_, header, _)| header.payload_type == EVENTS)
            .filter(|(_, _, payload)| payload.get(1).is_some_and(|flags| flags & 0x80 != 0))
            .map(|(_, header, payload)| (header.timestamp, payload[0]))
            .collect();
        digits.dedup();
        digits.into_iter().map(|(_, code)| code).collect()
    }
}
