//! SIP over TCP: connections that are reused, bounded in number, in waiting messages and in patience.
//!
//! | state | event | next |
//! |---|---|---|
//! | none | message to send | dialling, the message waits |
//! | none | peer connects | open |
//! | dialling | connected | open |
//! | dialling | refused, too slow | none, `TransportFailed` |
//! | open | framed message in | open, to the switch |
//! | open | framing lost, end, write too slow, idle | none (`TransportFailed` when something waited) |

use super::sip::SipInput;
use causeway_sip::endpoint::{Transmit, Transport};
use causeway_sip::message::stream::{Frame, PONG, StreamReader};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Bounds of the stream transport.
#[derive(Clone, Copy, Debug)]
pub struct StreamSettings {
    pub most_connections: usize,
    pub queue: usize,
    pub dial: Duration,
    pub write: Duration,
    /// How long a peer that connected may take to its first whole message or keep-alive.
    pub first: Duration,
    /// RFC 5626 keep-alives come at least every 14 minutes.
    pub idle: Duration,
}

impl Default for StreamSettings {
    fn default() -> Self {
        Self {
            most_connections: 256,
            queue: 64,
            dial: Duration::from_secs(4),
            write: Duration::from_secs(5),
            first: Duration::from_secs(20),
            idle: Duration::from_secs(15 * 60),
        }
    }
}

/// A connection's end, reported by its task.
struct Closed {
    remote: SocketAddr,
    reason: String,
    lost: bool,
    serial: u64,
}

struct Connection {
    out: mpsc::Sender<Vec<u8>>,
    serial: u64,
}

/// Accepts, dials and writes until `outgoing` closes; then lets the connections write what they have.
pub async fn serve(
    listener: TcpListener,
    mut outgoing: mpsc::Receiver<Transmit>,
    to_switch: mpsc::Sender<SipInput>,
    settings: StreamSettings,
    dropped: Arc<AtomicU64>,
) {
    let mut connections: HashMap<SocketAddr, Connection> = HashMap::new();
    let mut tasks: JoinSet<Closed> = JoinSet::new();
    let mut serial = 0;
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, remote)) if connections.len() < settings.most_connections => {
                    serial += 1;
                    let (out, queue) = mpsc::channel(settings.queue);
                    tasks.spawn(open(stream, remote, queue, to_switch.clone(), settings, serial, false));
                    connections.insert(remote, Connection { out, serial });
                }
                Ok(_) => {
                    dropped.fetch_add(1, Ordering::Relaxed);
                }
                Err(fault) => {
                    tracing::warn!(%fault, "SIP over TCP: accept");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
            message = outgoing.recv() => {
                let Some(Transmit { remote, bytes, .. }) = message else {
                    break;
                };
                if !connections.contains_key(&remote) {
                    if connections.len() >= settings.most_connections {
                        dropped.fetch_add(1, Ordering::Relaxed);
                        continue;
                    }
                    serial += 1;
                    let (out, queue) = mpsc::channel(settings.queue);
                    tasks.spawn(dial(remote, queue, to_switch.clone(), settings, serial));
                    connections.insert(remote, Connection { out, serial });
                }
                let taken = connections.get(&remote).is_some_and(|c| c.out.try_send(bytes).is_ok());
                if !taken {
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
                        transport: Transport::Tcp,
                        remote: closed.remote,
                        reason: closed.reason,
                    };
                    if to_switch.send(failed).await.is_err() {
                        break;
                    }
                }
            }
        }
    }
    // Closing the queues lets each connection write the rest and end.
    connections.clear();
    while tasks.join_next().await.is_some() {}
}

async fn dial(
    remote: SocketAddr,
    queue: mpsc::Receiver<Vec<u8>>,
    to_switch: mpsc::Sender<SipInput>,
    settings: StreamSettings,
    serial: u64,
) -> Closed {
    let failed = |reason: String| Closed {
        remote,
        reason,
        lost: true,
        serial,
    };
    match tokio::time::timeout(settings.dial, TcpStream::connect(remote)).await {
        Ok(Ok(stream)) => open(stream, remote, queue, to_switch, settings, serial, true).await,
        Ok(Err(fault)) => failed(fault.to_string()),
        Err(_) => failed("no connection in time".to_owned()),
    }
}

async fn open(
    stream: TcpStream,
    remote: SocketAddr,
    mut queue: mpsc::Receiver<Vec<u8>>,
    to_switch: mpsc::Sender<SipInput>,
    settings: StreamSettings,
    serial: u64,
    mut has_spoken: bool,
) -> Closed {
    let closed = |reason: &str, lost| Closed {
        remote,
        reason: reason.to_owned(),
        lost,
        serial,
    };
    let _ = stream.set_nodelay(true);
    let Ok(local) = stream.local_addr() else {
        return closed("the connection has no address", true);
    };
    let (mut input, mut output) = stream.into_split();
    let mut frames = StreamReader::new();
    let mut buffer = vec![0; 16 * 1024];
    let opened = tokio::time::Instant::now();
    loop {
        // Who connects and says nothing, or says it an octet at a time, holds a place only so long.
        let patience = if has_spoken {
            settings.idle
        } else {
            settings.first.saturating_sub(opened.elapsed())
        };
        tokio::select! {
            read = tokio::time::timeout(patience, input.read(&mut buffer)) => {
                let length = match read {
                    Err(_) => return closed("idle", false),
                    Ok(Ok(0)) => return closed("closed by the peer", true),
                    Ok(Ok(length)) => length,
                    Ok(Err(_)) => return closed("the connection broke", true),
                };
                frames.push(&buffer[..length]);
                loop {
                    match frames.next_frame() {
                        Ok(None) => break,
                        Ok(Some(Frame::Pong)) => {}
                        Ok(Some(Frame::Ping)) => {
                            has_spoken = true;
                            if !write(&mut output, PONG, settings.write).await {
                                return closed("the peer does not read", true);
                            }
                        }
                        Ok(Some(Frame::Message(bytes))) => {
                            has_spoken = true;
                            let input = SipInput::Message { transport: Transport::Tcp, local, remote, bytes };
                            if to_switch.send(input).await.is_err() {
                                return closed("the box stops", false);
                            }
                        }
                        Err(fault) => {
                            tracing::info!(%remote, %fault, "SIP stream lost its framing");
                            if let Some(bytes) = fault.head {
                                let input = SipInput::Message { transport: Transport::Tcp, local, remote, bytes };
                                let _ = to_switch.send(input).await;
                                // The refusal of that head is still written, then the stream ends.
                                let last = tokio::time::timeout(Duration::from_millis(200), queue.recv()).await;
                                if let Ok(Some(bytes)) = last {
                                    write(&mut output, &bytes, settings.write).await;
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
                        return closed("the peer does not read", true);
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
    matches!(
        tokio::time::timeout(patience, output.write_all(bytes)).await,
        Ok(Ok(()))
    )
}
