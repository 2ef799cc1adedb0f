//! The sound of a check: silence out, and whether anything comes back.

use super::assess::Sound;
use causeway_media::plan::{AudioCodec, TrunkPlan};
use std::net::UdpSocket;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};

/// Sends silence as the plan says and listens for so long. `None` when the socket does not work.
pub async fn listen(socket: UdpSocket, plan: TrunkPlan, time: Duration) -> Option<Sound> {
    socket.set_nonblocking(true).ok()?;
    let socket = tokio::net::UdpSocket::from_std(socket).ok()?;
    let begun = Instant::now();
    let until = begun + time;
    let mut packets = Silence::new(&plan);
    let mut tick = interval(Duration::from_millis(u64::from(plan.format.ptime_ms)));
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut sound = Sound::default();
    let mut buffer = [0; 2048];
    loop {
        let heard = tokio::select! {
            _ = tick.tick() => {
                // What is encrypted is only counted.
                if plan.direction.sends() && plan.srtp.is_none() {
                    // An ICMP error of an earlier packet shows here; the next one is sent all the same.
                    let _ = socket.send_to(&packets.next(), plan.remote).await;
                }
                None
            }
            heard = timeout_at(until, socket.recv_from(&mut buffer)) => match heard {
                Ok(Ok(heard)) => Some(heard),
                Ok(Err(_)) => None,
                Err(_) => return Some(sound),
            },
        };
        if Instant::now() >= until {
            return Some(sound);
        }
        // Version 2 (RFC 3550 section 5.1).
        if let Some((length, from)) = heard
            && length >= 12
            && buffer[0] >> 6 == 2
        {
            sound.packets += 1;
            if sound.first_ms.is_none() {
                sound.first_ms = u64::try_from(begun.elapsed().as_millis()).ok();
                sound.as_negotiated = from == plan.remote;
                sound.from = Some(from.to_string());
            }
        }
    }
}

struct Silence {
    sequence: u16,
    timestamp: u32,
    source: [u8; 4],
    payload_type: u8,
    payload: Vec<u8>,
}

impl Silence {
    fn new(plan: &TrunkPlan) -> Self {
        let level = match plan.format.codec {
            AudioCodec::Pcma => 0xd5,
            AudioCodec::Pcmu | AudioCodec::Opus | AudioCodec::G722 => 0xff,
        };
        Self {
            sequence: u16::from_be_bytes(crate::random::bytes()),
            timestamp: u32::from_be_bytes(crate::random::bytes()),
            source: crate::random::bytes(),
            payload_type: plan.format.payload_type & 0x7f,
            payload: vec![level; usize::from(plan.format.ptime_ms) * 8],
        }
    }

    fn next(&mut self) -> Vec<u8> {
        let mut packet = vec![0x80, self.payload_type];
        packet.extend(self.sequence.to_be_bytes());
        packet.extend(self.timestamp.to_be_bytes());
        packet.extend(self.source);
        packet.extend(&self.payload);
        self.sequence = self.sequence.wrapping_add(1);
        let samples = u32::try_from(self.payload.len()).unwrap_or(0);
        self.timestamp = self.timestamp.wrapping_add(samples);
        packet
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn sound_is_heard_and_its_sender_known() {
        use causeway_media::plan::{AudioFormat, Direction};
        let ours = UdpSocket::bind("127.0.0.1:0").unwrap();
        let theirs = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let remote = theirs.local_addr().unwrap();
        let to = ours.local_addr().unwrap();
        let plan = TrunkPlan {
            remote,
            remote_rtcp: remote,
            format: AudioFormat {
                codec: AudioCodec::Pcma,
                payload_type: 8,
                ptime_ms: 20,
                dtmf: None,
            },
            direction: Direction::SendRecv,
            srtp: None,
            comfort_noise: false,
            voip_metrics: false,
            video: None,
        };
        let peer = tokio::spawn(async move {
            let mut buffer = [0; 2048];
            let (length, _) = theirs.recv_from(&mut buffer).await.unwrap();
            let _ = theirs.send_to(b"no RTP", to).await;
            let _ = theirs.send_to(&buffer[..length], to).await;
            length
        });
        let sound = listen(ours, plan, Duration::from_secs(1)).await.unwrap();
        assert_eq!(peer.await.unwrap(), 12 + 160);
        assert_eq!(sound.packets, 1);
        assert!(sound.as_negotiated && sound.from == Some(remote.to_string()));
    }
}
