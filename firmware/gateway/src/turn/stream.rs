//! TURN over TCP and TLS: frames are taken one by one; what goes out waits in a queue that is bounded in octets. Media
//! that finds it full is dropped, the newest first: what waits was promised in order. A stream that holds no allocation,
//! is refused over and over or does not read is closed.

use super::Shared;
use super::client::{Client, DATAGRAM};
use super::counters::Lost;
use crate::relay::queue::{self, Queue};
use crate::relay::with_beginning;
use bytes::{Buf, BytesMut};
use causeway_api::relay::Stream;
use causeway_turn::Drop;
use causeway_turn::frame::{self, MAX_FRAME};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::{MissedTickBehavior, interval};

/// Octets that wait, with replies on top of media; a client that lets more wait does not read.
const MOST: usize = 64 * 1024;
/// How long a stream may be without an allocation.
const IDLE: Duration = Duration::from_secs(15);
/// Between two looks at clocks.
const LOOK: Duration = Duration::from_secs(5);
/// Refusals in a row after which nothing good is to be expected.
const REFUSALS: usize = 16;

/// Serves one stream to its end.
pub async fn carry(
    shared: Arc<Shared>,
    stream: Box<dyn Stream>,
    begun: BytesMut,
    peer: SocketAddr,
    tls: bool,
) {
    let _counted = shared.counters.stream(tls);
    let (reader, writer) = tokio::io::split(stream);
    let (queue, waiting) = queue::queue();
    let client = Client::new(shared.clone(), peer);
    tokio::select! {
        () = read(&shared, client, with_beginning(begun, reader), queue) => {}
        () = waiting.write(writer) => {}
    }
}

async fn read(
    shared: &Shared,
    mut client: Client,
    mut reader: impl AsyncRead + Unpin,
    queue: Queue,
) {
    let mut stream = BytesMut::with_capacity(2 * MAX_FRAME);
    let mut datagram = [0; DATAGRAM];
    let mut out = Vec::new();
    let mut refusals = 0;
    let mut useful = Instant::now();
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        stream.reserve(MAX_FRAME);
        tokio::select! {
            read = reader.read_buf(&mut stream) => {
                if !matches!(read, Ok(1..)) {
                    return;
                }
                loop {
                    let length = match frame::length(&stream) {
                        Ok(Some(length)) if length <= stream.len() => length,
                        Ok(_) => break,
                        Err(_) => {
                            shared.counters.dropped(Drop::Malformed);
                            return;
                        }
                    };
                    let reply = client.take(stream.get(..length).unwrap_or_default()).await;
                    stream.advance(length);
                    if let Some(reply) = reply {
                        refusals = if reply.refused { refusals + 1 } else { 0 };
                        if refusals > REFUSALS || !queue.push(reply.message, MOST) {
                            return;
                        }
                    }
                }
            }
            (peer, length) = client.receive(&mut datagram) => {
                let datagram = datagram.get(..length).unwrap_or_default();
                if client.deliver(peer, datagram, &mut out) && !queue.push(std::mem::take(&mut out), queue::MEDIA) {
                    shared.counters.lost(Lost::Congested);
                }
            }
            _ = look.tick() => {
                let now = Instant::now();
                client.look(now);
                if client.has_allocation() {
                    useful = now;
                } else if now.saturating_duration_since(useful) >= IDLE {
                    return;
                }
            }
        }
    }
}
