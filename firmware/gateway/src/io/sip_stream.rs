//! SIP over TCP and TLS: connections that are reused, bounded in number, in waiting messages and in patience.
//!
//! | state | event | next |
//! |---|---|---|
//! | none | message to send | dialling, the message waits |
//! | none | peer connects | open |
//! | dialling | connected | open |
//! | dialling | refused, too slow | none, `TransportFailed` |
//! | open | framed message in | open, to the switch |
//! | open, dialled | says nothing for `ping` | open, a ping ([`super::keep_alive`]) |
//! | open, dialled | no pong from a peer that sends them; nothing acknowledged | none, `TransportFailed` |
//! | open | framing lost, end, write too slow, idle | none, `TransportFailed`; a last word that was not written yet: dialling |
//!
//! A request that a lost connection takes with it fails, and the endpoint decides what follows. Nobody would repeat the
//! last words: responses, ACK, CANCEL and BYE. They go over a new connection (RFC 3261 sections 18.1.1 and 18.2.2).

use super::door::Door;
use super::inbox::ToSwitch;
use super::keep_alive::{KeepAlive, KeepAliveStep};
use super::sip::SipInput;
use super::sip_tls::{Carrier, Stream};
use causeway_sip::endpoint::{Transmit, Transport};
use causeway_sip::message::stream::{Frame, PING, PONG, StreamReader};
use nix::sys::socket::{setsockopt, sockopt};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Bounds of the stream transport.
#[derive(Clone, Copy, Debug)]
pub struct StreamSettings {
    pub most_connections: usize,
    pub queue: usize,
    /// A TCP connection stands within this: time for two SYN. A PBX that drops TCP silently must not make a call wait.
    pub connect: Duration,
    /// The TLS handshake is done within this.
    pub handshake: Duration,
    pub write: Duration,
    /// How long a peer that connected may take to its first whole message or keep-alive.
    pub first: Duration,
    /// RFC 5626 keep-alives come at least every 14 minutes.
    pub idle: Duration,
    /// A connection that we opened and that says nothing for so long is sent a ping (RFC 5626 section 4.4.1).
    pub ping: Duration,
    /// How long its pong may take, once the peer has shown that it sends them.
    pub pong: Duration,
}

impl Default for StreamSettings {
    fn default() -> Self {
        Self {
            most_connections: 256,
            queue: 64,
            connect: Duration::from_millis(1_800),
            handshake: Duration::from_secs(4),
            write: Duration::from_secs(5),
            first: Duration::from_secs(20),
            idle: Duration::from_secs(15 * 60),
            ping: Duration::from_secs(30),
            pong: Duration::from_secs(10),
        }
    }
}

/// How long a stream that lost its framing stays for the answers that are owed on it.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// How long a peer's kernel may leave data unacknowledged.
const GONE_AFTER: Duration = Duration::from_secs(15);

/// A connection's end, reported by its task.
struct Closed {
    remote: SocketAddr,
    reason: String,
    lost: bool,
    serial: u64,
    /// What was to be written and was not.
    unsent: Vec<Vec<u8>>,
}

struct Connection {
    out: mpsc::Sender<Vec<u8>>,
    serial: u64,
}

/// Accepts, dials and writes until `outgoing` closes; then lets the connections write what they have.
pub async fn serve(
    listener: TcpListener,
    carrier: Carrier,
    mut outgoing: mpsc::Receiver<Transmit>,
    to_switch: ToSwitch,
    settings: StreamSettings,
    dropped: Arc<AtomicU64>,
    door: Door,
) {
    let transport = carrier.transport();
    let mut connections: HashMap<SocketAddr, Connection> = HashMap::new();
    let mut tasks: JoinSet<Closed> = JoinSet::new();
    let mut serial = 0;
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                // A handshake costs more than a look at the address.
                Ok((_, remote)) if !(carrier.may_connect(remote) && door.admits(transport, remote)) => {
                    door.refuse();
                }
                Ok((stream, remote)) if connections.len() < settings.most_connections => {
                    serial += 1;
                    let (out, queue) = mpsc::channel(settings.queue);
                    let line = Line { remote, to_switch: to_switch.clone(), settings, serial };
                    tasks.spawn(secure(stream, carrier.clone(), queue, line));
                    connections.insert(remote, Connection { out, serial });
                }
                Ok(_) => {
                    dropped.fetch_add(1, Ordering::Relaxed);
                }
                Err(fault) => {
                    tracing::warn!(%fault, %transport, "SIP: accept");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
            message = outgoing.recv() => {
                let Some(Transmit { remote, bytes, .. }) = message else {
                    break;
                };
                // A connection whose end is not yet told of takes nothing any more.
                let gone = connections.get(&remote).is_some_and(|c| c.out.is_closed());
                if gone && is_last_word(&bytes) {
                    connections.remove(&remote);
                }
                let mut dialled = |queue| {
                    serial += 1;
                    let line = Line { remote, to_switch: to_switch.clone(), settings, serial };
                    tasks.spawn(dial(carrier.clone(), queue, line));
                    serial
                };
                if !hand_over(&mut connections, &settings, remote, bytes, &mut dialled) {
                    dropped.fetch_add(1, Ordering::Relaxed);
                }
            },
            Some(ended) = tasks.join_next(), if !tasks.is_empty() => {
                let Ok(closed) = ended else {
                    continue;
                };
                // A newer connection with this peer stays.
                if connections.get(&closed.remote).is_some_and(|c| c.serial == closed.serial) {
                    connections.remove(&closed.remote);
                }
                if closed.lost {
                    let failed = SipInput::TransportFailed {
                        transport,
                        remote: closed.remote,
                        reason: closed.reason,
                    };
                    if to_switch.send(failed).await.is_err() {
                        break;
                    }
                }
                let remote = closed.remote;
                for bytes in closed.unsent.into_iter().filter(|bytes| is_last_word(bytes)) {
                    let mut dialled = |queue| {
                        serial += 1;
                        let line = Line { remote, to_switch: to_switch.clone(), settings, serial };
                        tasks.spawn(dial(carrier.clone(), queue, line));
                        serial
                    };
                    if !hand_over(&mut connections, &settings, remote, bytes, &mut dialled) {
                        dropped.fetch_add(1, Ordering::Relaxed);
                    }
                }
            }
        }
    }
    // Closing the queues lets each connection write the rest and end.
    connections.clear();
    while tasks.join_next().await.is_some() {}
}

/// Puts a message into the queue of its connection, which is dialled when there is none. `false` when it is dropped.
fn hand_over(
    connections: &mut HashMap<SocketAddr, Connection>,
    settings: &StreamSettings,
    remote: SocketAddr,
    bytes: Vec<u8>,
    dial: &mut dyn FnMut(mpsc::Receiver<Vec<u8>>) -> u64,
) -> bool {
    if !connections.contains_key(&remote) {
        if connections.len() >= settings.most_connections {
            return false;
        }
        let (out, queue) = mpsc::channel(settings.queue);
        let serial = dial(queue);
        connections.insert(remote, Connection { out, serial });
    }
    connections
        .get(&remote)
        .is_some_and(|c| c.out.try_send(bytes).is_ok())
}

/// What nobody would send again when it is lost with its connection.
fn is_last_word(bytes: &[u8]) -> bool {
    [&b"SIP/2.0 "[..], b"ACK ", b"CANCEL ", b"BYE "]
        .iter()
        .any(|start| bytes.starts_with(start))
}

/// What a connection's task is told.
struct Line {
    remote: SocketAddr,
    to_switch: ToSwitch,
    settings: StreamSettings,
    serial: u64,
}

impl Line {
    fn closed(&self, reason: impl Into<String>, lost: bool) -> Closed {
        Closed {
            remote: self.remote,
            reason: reason.into(),
            lost,
            serial: self.serial,
            unsent: Vec::new(),
        }
    }
}

/// With what waits in the queue of a connection that we had made.
fn with_unsent(mut closed: Closed, mut queue: mpsc::Receiver<Vec<u8>>) -> Closed {
    queue.close();
    while let Ok(bytes) = queue.try_recv() {
        closed.unsent.push(bytes);
    }
    closed
}

async fn dial(carrier: Carrier, mut queue: mpsc::Receiver<Vec<u8>>, line: Line) -> Closed {
    let connected = TcpStream::connect(line.remote);
    let stream = match tokio::time::timeout(line.settings.connect, connected).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(fault)) => return refused(&carrier, &line, &fault),
        Err(_) => return line.closed("no connection in time", true),
    };
    let secured = async {
        let ends = ends_of(&stream)?;
        Ok((carrier.connect(stream, line.remote).await?, ends))
    };
    match tokio::time::timeout(line.settings.handshake, secured).await {
        Ok(Ok((stream, local))) => {
            let closed = open(stream, local, carrier, &mut queue, line, true).await;
            with_unsent(closed, queue)
        }
        Ok(Err(fault)) => refused(&carrier, &line, &fault),
        Err(_) => line.closed("no TLS handshake in time", true),
    }
}

async fn secure(
    stream: TcpStream,
    carrier: Carrier,
    mut queue: mpsc::Receiver<Vec<u8>>,
    line: Line,
) -> Closed {
    let secured = async {
        let ends = ends_of(&stream)?;
        Ok((carrier.accept(stream, line.remote).await?, ends))
    };
    match tokio::time::timeout(line.settings.handshake, secured).await {
        // What it leaves unsaid goes nowhere: who connected is not to be found at the port it came from.
        Ok(Ok((stream, local))) => open(stream, local, carrier, &mut queue, line, false).await,
        Ok(Err(fault)) => refused(&carrier, &line, &fault),
        Err(_) => line.closed("no TLS handshake in time", false),
    }
}

fn refused(carrier: &Carrier, line: &Line, fault: &std::io::Error) -> Closed {
    let reason = carrier.explain(fault);
    if carrier.transport() == Transport::Tls {
        tracing::warn!(remote = %line.remote, reason, "SIP over TLS: no connection");
    }
    line.closed(reason, true)
}

fn ends_of(stream: &TcpStream) -> std::io::Result<SocketAddr> {
    let _ = stream.set_nodelay(true);
    // What the peer's kernel does not acknowledge for so long will not arrive: a peer that is gone without a word is
    // found by the next thing that is sent, pings included, whether or not it knows pongs.
    let unacknowledged = u32::try_from(GONE_AFTER.as_millis()).unwrap_or(u32::MAX);
    let _ = setsockopt(stream, sockopt::TcpUserTimeout, &unacknowledged);
    stream.local_addr()
}

async fn open(
    stream: Stream,
    local: SocketAddr,
    carrier: Carrier,
    queue: &mut mpsc::Receiver<Vec<u8>>,
    line: Line,
    dialled: bool,
) -> Closed {
    let Line {
        remote,
        ref to_switch,
        settings,
        ..
    } = line;
    let transport = carrier.transport();
    let closed = |reason: &str, lost| line.closed(reason, lost);
    let (mut input, mut output) = tokio::io::split(stream);
    let mut frames = StreamReader::new();
    let mut buffer = vec![0; 16 * 1024];
    let opened = Instant::now();
    let mut has_spoken = dialled;
    let mut heard = opened;
    let mut keep_alive = KeepAlive::new(dialled, settings, opened);
    loop {
        // Who connects and says nothing, or says it an octet at a time, holds a place only so long.
        let patience = if has_spoken {
            heard + settings.idle
        } else {
            opened + settings.first
        };
        tokio::select! {
            () = tokio::time::sleep_until(patience) => return closed("idle", false),
            () = keep_alive.due() => match keep_alive.handle_timeout(Instant::now()) {
                KeepAliveStep::Ping => {
                    frames.ping_sent();
                    if !write(&mut output, PING, settings.write).await {
                        return closed("the peer does not read", true);
                    }
                }
                KeepAliveStep::Dead => return closed("no answer to a keep-alive", true),
                KeepAliveStep::Nothing => {}
            },
            read = input.read(&mut buffer) => {
                let length = match read {
                    Ok(0) => return closed("closed by the peer", true),
                    Ok(length) => length,
                    Err(_) => return closed("the connection broke", true),
                };
                heard = Instant::now();
                keep_alive.heard(heard);
                frames.push(&buffer[..length]);
                loop {
                    match frames.next_frame() {
                        Ok(None) => break,
                        Ok(Some(Frame::Pong)) => keep_alive.ponged(),
                        Ok(Some(Frame::Ping)) => {
                            has_spoken = true;
                            if !write(&mut output, PONG, settings.write).await {
                                return closed("the peer does not read", true);
                            }
                        }
                        Ok(Some(Frame::Message(bytes))) => {
                            has_spoken = true;
                            let input = SipInput::Message { transport, local, remote, bytes };
                            if to_switch.send(input).await.is_err() {
                                return closed("the box stops", false);
                            }
                        }
                        Err(fault) => {
                            tracing::info!(%remote, %fault, "SIP stream lost its framing");
                            if let Some(bytes) = fault.head {
                                let input = SipInput::Message { transport, local, remote, bytes };
                                let _ = to_switch.send(input).await;
                            }
                            // The refusal of that head, and the answers to what came before it, are still
                            // written; then the stream ends.
                            let until = Instant::now() + LAST_WORDS;
                            while let Ok(Some(bytes)) = tokio::time::timeout_at(until, queue.recv()).await {
                                if !write(&mut output, &bytes, settings.write).await {
                                    break;
                                }
                            }
                            return closed("framing lost", true);
                        }
                    }
                }
            },
            message = queue.recv() => match message {
                Some(bytes) => {
                    if !write(&mut output, &bytes, settings.write).await {
                        let mut closed = closed("the peer does not read", true);
                        closed.unsent.push(bytes);
                        return closed;
                    }
                }
                None => return closed("the box stops", false),
            },
        }
    }
}

async fn write(
    output: &mut (impl AsyncWriteExt + Unpin),
    bytes: &[u8],
    patience: Duration,
) -> bool {
    let written = async {
        output.write_all(bytes).await?;
        // TLS keeps what it could not write at once.
        output.flush().await
    };
    matches!(tokio::time::timeout(patience, written).await, Ok(Ok(())))
}

#[cfg(test)]
mod tests;
