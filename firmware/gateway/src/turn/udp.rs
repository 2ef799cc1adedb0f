//! TURN over UDP: an address that holds an allocation has a task of its own; what others ask is answered on the spot and
//! forgotten, and not more often than the pace of strangers allows.

use super::Shared;
use super::client::{Client, DATAGRAM, Reply};
use super::counters::Lost;
use causeway_turn::frame::MAX_FRAME;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

/// Datagrams that wait for a client's task; further ones are dropped.
const WAITING: usize = 64;
/// Between two looks at clocks.
const LOOK: Duration = Duration::from_secs(5);
/// After an error of the socket, which may come again at once.
const PAUSE: Duration = Duration::from_millis(5);

/// Serves the port until `stopping` turns true.
pub async fn serve(shared: Arc<Shared>, socket: UdpSocket, mut stopping: watch::Receiver<bool>) {
    let socket = Arc::new(socket);
    let mut clients: HashMap<SocketAddr, mpsc::Sender<Vec<u8>>> = HashMap::new();
    let mut tasks = JoinSet::new();
    let mut buffer = [0; MAX_FRAME];
    loop {
        let (length, from) = tokio::select! {
            () = stopped(&mut stopping) => return,
            Some(ended) = tasks.join_next(), if !tasks.is_empty() => {
                // The address may have a new task already.
                if let Ok(address) = ended
                    && clients.get(&address).is_some_and(mpsc::Sender::is_closed)
                {
                    clients.remove(&address);
                }
                continue;
            }
            received = socket.recv_from(&mut buffer) => match received {
                Ok(received) => received,
                Err(_) => {
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            },
        };
        let datagram = buffer.get(..length).unwrap_or_default();
        match clients
            .get(&from)
            .map(|client| client.try_send(datagram.to_vec()))
        {
            Some(Ok(())) => continue,
            Some(Err(mpsc::error::TrySendError::Full(_))) => {
                shared.counters.lost(Lost::Congested);
                continue;
            }
            Some(Err(mpsc::error::TrySendError::Closed(_))) | None => {}
        }
        let mut client = Client::new(shared.clone(), from);
        if let Some(reply) = client.take(datagram).await {
            answer(&shared, &socket, from, reply).await;
        }
        if client.has_allocation() {
            let (to_client, datagrams) = mpsc::channel(WAITING);
            clients.insert(from, to_client);
            tasks.spawn(run(shared.clone(), client, datagrams, socket.clone(), from));
        }
    }
}

/// Resolves when the box stops, or nobody is left to say so.
async fn stopped(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stop| *stop).await;
}

async fn answer(shared: &Shared, socket: &UdpSocket, to: SocketAddr, reply: Reply) {
    if !reply.known && !shared.may_answer(to.ip()) {
        shared.counters.lost(Lost::Unanswered);
        return;
    }
    let _ = socket.send_to(&reply.message, to).await;
}

/// One client, as long as it has its allocation.
async fn run(
    shared: Arc<Shared>,
    mut client: Client,
    mut datagrams: mpsc::Receiver<Vec<u8>>,
    socket: Arc<UdpSocket>,
    address: SocketAddr,
) -> SocketAddr {
    let mut received = [0; DATAGRAM];
    let mut out = Vec::new();
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while client.has_allocation() {
        tokio::select! {
            datagram = datagrams.recv() => {
                let Some(datagram) = datagram else { break };
                if let Some(reply) = client.take(&datagram).await {
                    answer(&shared, &socket, address, reply).await;
                }
            }
            (peer, length) = client.receive(&mut received) => {
                let datagram = received.get(..length).unwrap_or_default();
                if client.deliver(peer, datagram, &mut out) {
                    let _ = socket.send_to(&out, address).await;
                }
            }
            _ = look.tick() => client.look(Instant::now()),
        }
    }
    address
}
