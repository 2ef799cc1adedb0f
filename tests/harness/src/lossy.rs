//! A network between a web caller and the box's media port that loses and delays packets of sound.
//!
//! UDP is passed on both ways; checks, handshakes and RTCP always and at once, of RTP as many as a test wants. Which ones
//! is drawn from a seed: losses fall at random, and the same each time.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep_until};

use crate::error::{Doing, Result};
use crate::impairment::{Fate, Fates, Impairment};

/// A running network.
#[derive(Debug)]
pub struct LossyNetwork {
    address: SocketAddr,
    odds: Arc<Odds>,
    fates: Arc<[Mutex<Option<Way>>; 2]>,
    task: JoinHandle<()>,
}

/// One way through an impaired network.
#[derive(Debug)]
struct Way {
    fates: Fates,
    /// What is not overtaken leaves no earlier than this.
    last: Instant,
}

/// What becomes of a datagram.
enum Passage {
    Now,
    At(Instant),
    Never,
}

/// What becomes of a datagram on one way.
fn passage(way: &Mutex<Option<Way>>, datagram: &[u8]) -> Passage {
    let mut way = way.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(way) = way.as_mut().filter(|_| is_rtp(datagram)) else {
        return Passage::Now;
    };
    match way.fates.next() {
        None | Some(Fate::Lost) => Passage::Never,
        Some(Fate::Delayed { by, overtaken }) => {
            let mut at = Instant::now() + by;
            if !overtaken {
                at = at.max(way.last);
                // Timers count milliseconds: what is due in the same one is woken in any order.
                way.last = at + Duration::from_millis(2);
            }
            if at <= Instant::now() {
                Passage::Now
            } else {
                Passage::At(at)
            }
        }
    }
}

/// How much is lost, in per mille: of what the callers send, and of what they get.
#[derive(Debug)]
struct Odds {
    up: AtomicU32,
    down: AtomicU32,
    dice: AtomicU64,
}

impl Odds {
    fn loses(&self, datagram: &[u8], per_mille: &AtomicU32) -> bool {
        let per_mille = per_mille.load(Ordering::Relaxed);
        if per_mille == 0 || !is_rtp(datagram) {
            return false;
        }
        // xorshift64
        let mut dice = self.dice.load(Ordering::Relaxed);
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        self.dice.store(dice, Ordering::Relaxed);
        dice % 1000 < u64::from(per_mille)
    }
}

/// RFC 5761 and RFC 7983: RTP, and not the RTCP beside it.
fn is_rtp(datagram: &[u8]) -> bool {
    match datagram {
        [first, second, ..] => (128..192).contains(first) && !(64..96).contains(&(second & 0x7F)),
        _ => false,
    }
}

impl LossyNetwork {
    /// A network on another port of the box's address, with nothing lost yet.
    pub async fn start(media: SocketAddr) -> Result<Self> {
        let near = UdpSocket::bind((media.ip(), 0)).await.doing("a network")?;
        let address = near.local_addr().doing("a network")?;
        let odds = Arc::new(Odds {
            up: AtomicU32::new(0),
            down: AtomicU32::new(0),
            dice: AtomicU64::new(0x9E37_79B9_7F4A_7C15),
        });
        let fates: Arc<[Mutex<Option<Way>>; 2]> = Arc::default();
        let task = tokio::spawn(pass(
            Arc::new(near),
            media,
            Arc::clone(&odds),
            Arc::clone(&fates),
        ));
        Ok(Self {
            address,
            odds,
            fates,
            task,
        })
    }

    /// Where callers send what is for the box.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on the nth packet to the box and the nth from it meet the fates drawn from these seeds.
    pub fn impair(&self, impairment: Impairment, up_seed: u64, down_seed: u64) {
        for (way, seed) in self.fates.iter().zip([up_seed, down_seed]) {
            *way.lock().unwrap_or_else(PoisonError::into_inner) = Some(Way {
                fates: Fates::new(impairment, seed),
                last: Instant::now(),
            });
        }
    }

    /// From now on so many in a thousand are lost on the way to the box, and on the way from it.
    pub fn lose(&self, up: u32, down: u32) {
        self.odds.up.store(up, Ordering::Relaxed);
        self.odds.down.store(down, Ordering::Relaxed);
    }
}

impl Drop for LossyNetwork {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Each caller has a socket of its own towards the box, as behind a NAT. What serves them ends with this.
async fn pass(
    near: Arc<UdpSocket>,
    media: SocketAddr,
    odds: Arc<Odds>,
    fates: Arc<[Mutex<Option<Way>>; 2]>,
) {
    let mut callers: HashMap<SocketAddr, Arc<UdpSocket>> = HashMap::new();
    let mut serving = JoinSet::new();
    let mut buffer = [0; 2048];
    while let Ok((length, caller)) = near.recv_from(&mut buffer).await {
        let datagram = &buffer[..length];
        if odds.loses(datagram, &odds.up) {
            continue;
        }
        let far = match callers.entry(caller) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let Ok(far) = UdpSocket::bind((media.ip(), 0)).await else {
                    return;
                };
                let far = new.insert(Arc::new(far));
                let (near, odds) = (Arc::clone(&near), Arc::clone(&odds));
                let fates = Arc::clone(&fates);
                serving.spawn(give_back(Arc::clone(far), near, caller, odds, fates));
                far
            }
        };
        send(far, datagram, media, &fates[0]).await;
    }
}

/// Sends a datagram when its time has come.
async fn send(socket: &Arc<UdpSocket>, datagram: &[u8], to: SocketAddr, way: &Mutex<Option<Way>>) {
    match passage(way, datagram) {
        Passage::Now => _ = socket.send_to(datagram, to).await,
        Passage::Never => {}
        Passage::At(at) => {
            let (socket, datagram) = (Arc::clone(socket), datagram.to_vec());
            tokio::spawn(async move {
                sleep_until(at).await;
                let _ = socket.send_to(&datagram, to).await;
            });
        }
    }
}

async fn give_back(
    far: Arc<UdpSocket>,
    near: Arc<UdpSocket>,
    caller: SocketAddr,
    odds: Arc<Odds>,
    fates: Arc<[Mutex<Option<Way>>; 2]>,
) {
    let mut buffer = [0; 2048];
    while let Ok((length, _)) = far.recv_from(&mut buffer).await {
        let datagram = &buffer[..length];
        if !odds.loses(datagram, &odds.down) {
            send(&near, datagram, caller, &fates[1]).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn sound_is_lost_and_the_rest_is_not() {
        let media = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let network = LossyNetwork::start(media.local_addr().unwrap())
            .await
            .unwrap();
        let caller = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let (sound, report) = ([128, 111, 0, 1], [128, 201, 0, 1]);
        network.lose(200, 0);
        let mut buffer = [0; 16];
        let (mut sounds, mut from) = (0, None);
        for _ in 0..500 {
            caller.send_to(&sound, network.address()).await.unwrap();
            caller.send_to(&report, network.address()).await.unwrap();
            loop {
                let (length, source) = media.recv_from(&mut buffer).await.unwrap();
                from = Some(source);
                if buffer[..length] == report {
                    break;
                }
                sounds += 1;
            }
        }
        assert!((370..=430).contains(&sounds), "{sounds} of 500");
        media.send_to(b"back", from.unwrap()).await.unwrap();
        assert_eq!(caller.recv(&mut buffer).await.unwrap(), 4);
    }
}
