//! One connection carried out: frames in become datagrams, datagrams become frames in a bounded queue. A browser that does
//! not keep up loses the newest; the media plane never waits for it.

use super::Shared;
use super::counters::Lost;
use super::passage::Passage;
use super::places::Place;
use crate::relay::queue::{self, Queue};
use crate::relay::with_beginning;
use bytes::{Buf, BytesMut};
use causeway_api::relay::Stream;
use causeway_media::framing::{self, First, HEADER, MAX_DATAGRAM};
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::UdpSocket;
use tokio::time::{MissedTickBehavior, interval};

/// Between two looks at clocks.
const LOOK: Duration = Duration::from_secs(2);
/// Datagrams of the box taken in one go.
const BATCH: usize = 16;

/// Serves a connection to its end.
pub async fn carry(shared: &Shared, stream: Box<dyn Stream>, begun: BytesMut, peer: SocketAddr) {
    let Some(place) = shared.places.take(peer) else {
        shared.counters.refused();
        return;
    };
    let socket = match shared.media_for(peer).map(socket) {
        Some(Ok(socket)) => socket,
        Some(Err(error)) => {
            tracing::warn!(%error, "no socket for a browser's TCP connection");
            return;
        }
        None => return,
    };
    let _counted = shared.counters.enter();
    let (reader, writer) = tokio::io::split(stream);
    let (queue, waiting) = queue::queue();
    let connection = Connection {
        shared,
        socket,
        queue,
        place,
        passage: Passage::new(Instant::now()),
    };
    tokio::select! {
        () = connection.serve(with_beginning(begun, reader)) => {}
        () = waiting.write(writer) => {}
    }
}

/// A socket that speaks to the media port and is spoken to by it alone.
fn socket(media: SocketAddr) -> io::Result<UdpSocket> {
    let socket = std::net::UdpSocket::bind((media.ip(), 0))?;
    socket.connect(media)?;
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket)
}

struct Connection<'a> {
    shared: &'a Shared,
    socket: UdpSocket,
    queue: Queue,
    place: Place,
    passage: Passage,
}

impl Connection<'_> {
    async fn serve(mut self, mut reader: impl AsyncRead + Unpin) {
        let mut stream = BytesMut::new();
        let mut datagram = [0; MAX_DATAGRAM];
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            stream.reserve(HEADER + MAX_DATAGRAM);
            tokio::select! {
                read = reader.read_buf(&mut stream) => {
                    if !matches!(read, Ok(1..)) || !self.take(&mut stream).await {
                        return;
                    }
                }
                received = self.socket.recv(&mut datagram) => {
                    // An error is an ICMP one of an earlier send: nobody at the media port, the box is about to stop.
                    let Ok(length) = received else { continue };
                    self.give(datagram.get(..length).unwrap_or_default());
                    for _ in 1..BATCH {
                        let Ok(length) = self.socket.try_recv(&mut datagram) else { break };
                        self.give(datagram.get(..length).unwrap_or_default());
                    }
                }
                _ = look.tick() => {
                    if self.passage.is_over(Instant::now()) {
                        return;
                    }
                }
            }
        }
    }

    /// Passes on every whole frame; false when the stream cannot go on.
    async fn take(&self, stream: &mut BytesMut) -> bool {
        loop {
            let octets = match framing::first(stream) {
                Ok(First::Frame { datagram, octets }) => {
                    if self.passage.admits(datagram) {
                        // What the media port has no room for is lost, as on any network.
                        if self.socket.send(datagram).await.is_ok() {
                            self.shared.counters.passed_to_box(datagram.len());
                        }
                    } else if !datagram.is_empty() {
                        self.shared.counters.lost(Lost::Unproven);
                    }
                    octets
                }
                Ok(First::Partial) => return true,
                Err(_) => {
                    self.shared.counters.lost(Lost::Malformed);
                    return false;
                }
            };
            stream.advance(octets);
        }
    }

    /// Lets the browser have a datagram of the box.
    fn give(&mut self, datagram: &[u8]) {
        if self.passage.heard(datagram, Instant::now()) {
            self.place.prove();
            self.shared.counters.proven();
        }
        let mut frame = Vec::with_capacity(HEADER + datagram.len());
        if framing::write(datagram, &mut frame) && self.queue.push(frame, queue::MEDIA) {
            self.shared.counters.passed_from_box(datagram.len());
        } else {
            self.shared.counters.lost(Lost::Congested);
        }
    }
}
