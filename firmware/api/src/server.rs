//! TLS, connections and shutdown: every client is bounded in number, time and bytes before a
//! handler sees it.
//!
//! Where the box relays media, the first octet says whether a connection is the relay's ([`crate::relay`]).
//!
//! Per connection: TLS handshake (5 s) → request heads (10 s each, idle keep-alive included,
//! 16 KiB) → handlers → upgrade to a WebSocket. A write that a client does not read ends the
//! connection after 10 s.

use crate::http::{Audience, PeerAddress, router};
use crate::limits::{Limits, peer_key};
use crate::metrics::Metrics;
use crate::relay::{MediaRelay, Replayed, is_relays};
use crate::state::Api;
use axum::body::Body;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, Sleep};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

/// Between two signs of life.
const TICK: Duration = Duration::from_millis(500);

/// A place where clients come in.
#[derive(Debug)]
pub struct Door {
    pub listener: TcpListener,
    pub audience: Audience,
    /// Grows every half second for as long as the door is looked at.
    pub ticks: Arc<AtomicU64>,
}

impl Door {
    pub fn new(listener: TcpListener, audience: Audience) -> Self {
        Self {
            listener,
            audience,
            ticks: Arc::default(),
        }
    }
}

/// Serves until `stopping` (of the [`Api`]'s settings) turns true, then gives connections
/// [`Limits::drain`](crate::limits::Limits::drain) to finish.
///
/// `tls` needs no ALPN protocols; `http/1.1` is what is spoken. Each listener has places for connections of its own.
pub async fn serve(door: Door, tls: Arc<rustls::ServerConfig>, api: Api) {
    let router = router(api.clone(), door.audience);
    let house = House {
        limits: api.limits().clone(),
        metrics: api.metrics_shared(),
        relay: api.relay().filter(|_| door.audience.has_callers()).cloned(),
        stopping: api.stopping(),
    };
    attend(door, tls, house, router).await;
}

/// What every connection needs of the program.
#[derive(Clone, Debug)]
pub(crate) struct House {
    pub(crate) limits: Limits,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) relay: Option<Arc<dyn MediaRelay>>,
    pub(crate) stopping: watch::Receiver<bool>,
}

/// The same for any `router`.
pub(crate) async fn attend(
    door: Door,
    tls: Arc<rustls::ServerConfig>,
    house: House,
    router: axum::Router,
) {
    let Door {
        listener, ticks, ..
    } = door;
    let acceptor = TlsAcceptor::from(tls);
    let places = Places::new(&house.limits);
    let mut stopping = house.stopping.clone();
    let house = Arc::new(house);
    let mut connections = JoinSet::new();
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = stopped(&mut stopping) => break,
            _ = tick.tick() => {
                ticks.fetch_add(1, Ordering::Relaxed);
            }
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept() => match accepted {
                Ok((tcp, peer)) => {
                    let Some(place) = places.take(peer.ip()) else {
                        house.metrics.connections_refused.increment();
                        continue;
                    };
                    let (house, acceptor, router) =
                        (house.clone(), acceptor.clone(), router.clone());
                    connections.spawn(async move {
                        let _counted = house.metrics.connections.enter();
                        connection(&house, tcp, peer, place, acceptor, router).await;
                    });
                }
                Err(error) => {
                    // Out of descriptors, mostly: waiting is all that helps.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
        }
    }
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    let gone = async {
        drained.await;
        // WebSockets run in tasks of their own; their places tell when they are gone.
        while places.occupied() > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    if tokio::time::timeout(house.limits.drain, gone)
        .await
        .is_err()
    {
        tracing::info!("closing connections that did not finish");
    }
}

/// Resolves when the box stops, or nobody is left to say so.
pub(crate) async fn stopped(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stop| *stop).await;
}

async fn connection(
    house: &House,
    tcp: TcpStream,
    peer: SocketAddr,
    place: Place,
    acceptor: TlsAcceptor,
    router: axum::Router,
) {
    let House {
        limits,
        metrics,
        relay,
        stopping,
    } = house;
    let _ = tcp.set_nodelay(true);
    let mut stopping = stopping.clone();
    let handshaken = Instant::now() + limits.handshake;
    if let Some(relay) = relay {
        let mut first = [0];
        // Whoever says nothing fails in the handshake, as it would without a relay.
        let said = tokio::time::timeout_at(handshaken, tcp.peek(&mut first)).await;
        if matches!(said, Ok(Ok(1))) && is_relays(first[0]) {
            relayed(relay.carry(Box::new(tcp), peer, false), &mut stopping).await;
            return;
        }
    }
    let mut tls = match tokio::time::timeout_at(handshaken, acceptor.accept(tcp)).await {
        Ok(Ok(tls)) => tls,
        Ok(Err(error)) => {
            metrics.handshakes_failed.increment();
            tracing::debug!(%peer, %error, "TLS handshake failed");
            return;
        }
        Err(_) => {
            metrics.handshakes_failed.increment();
            tracing::debug!(%peer, "TLS handshake took too long");
            return;
        }
    };
    let mut first = None;
    if let Some(relay) = relay {
        let octet = tokio::select! {
            octet = tokio::time::timeout(limits.header, tls.read_u8()) => octet,
            () = stopped(&mut stopping) => return,
        };
        let Ok(Ok(octet)) = octet else { return };
        first = Some(octet);
        if is_relays(octet) {
            let stream = Box::new(Replayed::new(first, tls));
            relayed(relay.carry(stream, peer, true), &mut stopping).await;
            return;
        }
    }
    let tls = Replayed::new(first, tls);
    let place = Arc::new(place);
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let (router, place) = (router.clone(), place.clone());
        async move {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(PeerAddress(peer));
            // A handler that upgrades keeps the place: hyper's connection is over then.
            request.extensions_mut().insert(place);
            Ok::<_, Infallible>(match router.oneshot(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            })
        }
    });
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header)
        .max_buf_size(limits.header_bytes.max(8192));
    let io = TokioIo::new(PatientStream::new(tls, limits.write));
    let mut connection = std::pin::pin!(builder.serve_connection(io, service).with_upgrades());
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = stopped(&mut stopping) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%peer, %error, "connection ended");
    }
}

/// Carries a stream of the relay until it ends or the box does: its calls end then anyway.
async fn relayed(carrying: crate::relay::Carrying, stopping: &mut watch::Receiver<bool>) {
    tokio::select! {
        () = carrying => {}
        () = stopped(stopping) => {}
    }
}

/// Counts connections, all and by peer.
#[derive(Clone, Debug)]
struct Places {
    taken: Arc<Mutex<Taken>>,
    all: usize,
    per_peer: usize,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_peer: HashMap<IpAddr, usize>,
}

impl Places {
    fn new(limits: &Limits) -> Self {
        Self {
            taken: Arc::default(),
            all: limits.connections,
            per_peer: limits.connections_per_peer,
        }
    }

    fn occupied(&self) -> usize {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all
    }

    fn take(&self, peer: IpAddr) -> Option<Place> {
        let peer = peer_key(peer);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let of_peer = taken.by_peer.get(&peer).copied().unwrap_or(0);
        if taken.all >= self.all || of_peer >= self.per_peer {
            return None;
        }
        taken.all += 1;
        taken.by_peer.insert(peer, of_peer + 1);
        Some(Place {
            taken: self.taken.clone(),
            peer,
        })
    }
}

/// One connection's place, given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    taken: Arc<Mutex<Taken>>,
    peer: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all = taken.all.saturating_sub(1);
        if let Some(of_peer) = taken.by_peer.get_mut(&self.peer) {
            *of_peer = of_peer.saturating_sub(1);
            if *of_peer == 0 {
                taken.by_peer.remove(&self.peer);
            }
        }
    }
}

/// A stream whose writes fail when the client takes nothing for a while.
struct PatientStream<S> {
    stream: S,
    patience: Duration,
    waiting: Option<Pin<Box<Sleep>>>,
}

impl<S> PatientStream<S> {
    fn new(stream: S, patience: Duration) -> Self {
        Self {
            stream,
            patience,
            waiting: None,
        }
    }

    /// Passes a write's result on, and turns waiting too long into an error.
    fn judge<T>(
        &mut self,
        context: &mut Context<'_>,
        result: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if result.is_ready() {
            self.waiting = None;
            return result;
        }
        let deadline = Instant::now() + self.patience;
        let waiting = self
            .waiting
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        match waiting.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for PatientStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for PatientStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.judge(context, result)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_flush(context);
        self.judge(context, result)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_shutdown(context);
        self.judge(context, result)
    }
}
