//! TURN over TCP and TLS: frames are taken one by one; what goes out waits in a queue that is bounded in octets. Media
//! that finds it full is dropped, the newest first: what waits was promised in order. A stream that holds no allocation,
//! is refused over and over or does not read is closed.

use super::Shared;
use super::client::{Client, DATAGRAM};
use super::counters::Lost;
use bytes::{Buf, BytesMut};
use causeway_api::relay::Stream;
use causeway_turn::Drop;
use causeway_turn::frame::{self, MAX_FRAME};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// Octets of media that wait for a stream: two and a half seconds of a call's sound, a fifth of one's picture.
const WAITING: usize = 32 * 1024;
/// With replies on top; a client that lets more wait does not read.
const MOST: usize = 64 * 1024;
/// How long a stream may be without an allocation.
const IDLE: Duration = Duration::from_secs(15);
/// How long a write may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two looks at clocks.
const LOOK: Duration = Duration::from_secs(5);
/// Refusals in a row after which nothing good is to be expected.
const REFUSALS: usize = 16;

/// What waits to be written.
#[derive(Clone, Debug)]
struct Queue {
    frames: mpsc::UnboundedSender<Vec<u8>>,
    /// Octets in it.
    waiting: Arc<AtomicUsize>,
}

impl Queue {
    /// False when there is no room, or nobody writes any more.
    fn push(&self, frame: Vec<u8>, most: usize) -> bool {
        let length = frame.len();
        if self.waiting.load(Ordering::Relaxed) + length > most {
            return false;
        }
        self.waiting.fetch_add(length, Ordering::Relaxed);
        self.frames.send(frame).is_ok()
    }
}

/// Serves one stream to its end.
pub async fn carry(shared: Arc<Shared>, stream: Box<dyn Stream>, peer: SocketAddr, tls: bool) {
    let _counted = shared.counters.stream(tls);
    let (reader, writer) = tokio::io::split(stream);
    let (frames, queued) = mpsc::unbounded_channel();
    let queue = Queue {
        frames,
        waiting: Arc::default(),
    };
    let waiting = queue.waiting.clone();
    let client = Client::new(shared.clone(), peer);
    tokio::select! {
        () = read(&shared, client, reader, queue) => {}
        () = write(writer, queued, waiting) => {}
    }
}

async fn write(
    mut writer: WriteHalf<Box<dyn Stream>>,
    mut queued: mpsc::UnboundedReceiver<Vec<u8>>,
    waiting: Arc<AtomicUsize>,
) {
    let mut batch = Vec::new();
    while let Some(frame) = queued.recv().await {
        batch.clear();
        batch.extend(frame);
        while batch.len() < MAX_FRAME
            && let Ok(frame) = queued.try_recv()
        {
            batch.extend(frame);
        }
        let written = async {
            writer.write_all(&batch).await?;
            writer.flush().await
        };
        if !matches!(timeout(PATIENCE, written).await, Ok(Ok(()))) {
            return;
        }
        waiting.fetch_sub(batch.len(), Ordering::Relaxed);
    }
}

async fn read(
    shared: &Shared,
    mut client: Client,
    mut reader: ReadHalf<Box<dyn Stream>>,
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
                if client.deliver(peer, datagram, &mut out) && !queue.push(std::mem::take(&mut out), WAITING) {
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
