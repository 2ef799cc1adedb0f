//! The media plane as the rest of the program holds it.

use super::counters::{CounterValues, Counters};
use super::engine::{Engine, Order, Parts};
use super::neighbours::neighbours;
use super::placement::Placement;
use super::transcoders::{Back, Transcoders};
use super::{Command, Event, MOST_THREADS, MediaSettings, candidates};
use crate::io::bind;
use nix::sys::eventfd::{EfdFlags, EventFd};
use rtc::crypto::{SignatureScheme, default_provider};
use rtc::peer_connection::certificate::{CertificateParams, RTCCertificate};
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// The media threads and the way to speak to them. Dropping it stops them.
#[derive(Debug)]
pub struct MediaPlane {
    threads: Vec<MediaThread>,
    placement: Mutex<Placement>,
    local: SocketAddr,
}

#[derive(Debug)]
struct MediaThread {
    orders: Sender<Order>,
    wake: Arc<EventFd>,
    counters: Arc<Counters>,
    handle: Mutex<Option<JoinHandle<()>>>,
}

/// Whether a media thread turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaHealth {
    /// Grows at least every half second while the thread lives; compare two readings.
    pub ticks: u64,
    pub running: bool,
}

impl MediaPlane {
    /// Binds the browsers' port and starts the threads.
    ///
    /// `events` is called on the media threads for every [`Event`]; it must not block. There is at
    /// most a handful of events for each command and each press of a key, so an unbounded channel
    /// behind it stays short.
    ///
    /// # Errors
    /// When the port cannot be bound, or no key for DTLS can be made.
    pub fn start(
        settings: MediaSettings,
        events: impl FnMut(Event) + Send + Clone + 'static,
    ) -> io::Result<Self> {
        let count = settings.threads.clamp(1, MOST_THREADS);
        let sockets = bind::shared_udp(settings.bind, count)?;
        let local = sockets
            .first()
            .map_or(Ok(settings.bind), UdpSocket::local_addr)?;
        let crypto = default_provider().map_err(io::Error::other)?;
        // One certificate for all browsers: its fingerprint tells a page nothing that the address
        // does not, and a call is set up without making a key.
        let parameters =
            CertificateParams::new(vec!["causeway".to_owned()]).map_err(io::Error::other)?;
        let certificate = RTCCertificate::generate(
            crypto.crypto(),
            SignatureScheme::EcdsaP256Sha256,
            parameters,
        )
        .map_err(io::Error::other)?;
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let mut backs = Vec::new();
        let mut receivers = Vec::new();
        for _ in 0..count {
            let (orders, receiver) = channel();
            let wake = Arc::new(EventFd::from_flags(flags)?);
            backs.push(Back { orders, wake });
            receivers.push(receiver);
        }
        let transcoders = Arc::new(Transcoders::start(&backs)?);
        let all: Arc<[Arc<Counters>]> = (0..count).map(|_| Arc::default()).collect();
        let wakes: Vec<_> = backs.iter().map(|back| Arc::clone(&back.wake)).collect();
        let each = sockets
            .into_iter()
            .zip(receivers)
            .zip(neighbours(&wakes))
            .zip(backs)
            .enumerate();
        let mut plane = Self {
            threads: Vec::new(),
            placement: Mutex::default(),
            local,
        };
        for (number, (((web, receiver), neighbours), back)) in each {
            let counters = all.get(number).map(Arc::clone).unwrap_or_default();
            let parts = Parts {
                web,
                wake: Arc::clone(&back.wake),
                orders: receiver,
                events: Box::new(events.clone()),
                settings: settings.clone(),
                counters: Arc::clone(&counters),
                certificate: certificate.clone(),
                crypto: Arc::clone(&crypto),
                transcoders: Arc::clone(&transcoders),
                neighbours,
                all: Arc::clone(&all),
            };
            plane.threads.push(MediaThread {
                orders: back.orders,
                wake: back.wake,
                counters,
                handle: Mutex::new(Some(start(number, parts)?)),
            });
        }
        Ok(plane)
    }

    /// The thread that another call is to be placed on: all its legs are made with [`LegKey::on`] for it.
    pub fn place(&self) -> usize {
        let threads: Vec<_> = self.each().collect();
        self.placement
            .lock()
            .map_or(0, |mut placement| placement.place(&threads))
    }

    /// Hands a command to the thread of its leg; never blocks. Commands after [`Self::stop`] are dropped.
    pub fn send(&self, command: Command) {
        let thread = command.leg().thread(self.threads.len());
        if let Some(thread) = self.threads.get(thread) {
            thread.order(Order::Carry(command));
        }
    }

    /// From now on browsers are told these addresses, and these passive candidates of TCP; those whose connection stands
    /// learn them when they restart ICE.
    pub fn show(&self, public: &[IpAddr], tcp: &[SocketAddr]) {
        for thread in &self.threads {
            thread.order(Order::Show {
                udp: candidates(public, self.local),
                tcp: tcp.to_vec(),
            });
        }
    }

    /// Another bound of legs at once. Legs that stand stay, even when they are more.
    pub fn bound(&self, max_legs: usize) {
        for thread in &self.threads {
            thread.order(Order::Bound(max_legs));
        }
    }

    /// Where browsers' datagrams come in.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Thread by thread.
    pub fn health(&self) -> Vec<MediaHealth> {
        let threads = self.threads.iter();
        threads.map(MediaThread::health).collect()
    }

    /// What all threads have counted.
    pub fn counters(&self) -> CounterValues {
        self.each().sum()
    }

    fn each(&self) -> impl Iterator<Item = CounterValues> {
        self.threads.iter().map(|thread| thread.counters.values())
    }

    /// Closes every leg (each with its [`Event::Closed`]) and ends the threads. Idempotent.
    pub fn stop(&self) {
        for thread in &self.threads {
            thread.order(Order::Stop);
        }
        for thread in &self.threads {
            let handle = thread.handle.lock().ok().and_then(|mut held| held.take());
            if let Some(handle) = handle {
                // A thread that panicked has nothing more to say.
                let _ = handle.join();
            }
        }
    }
}

impl MediaThread {
    fn order(&self, order: Order) {
        if self.orders.send(order).is_ok() {
            // Full means that it is already awake.
            let _ = self.wake.write(1);
        }
    }

    fn health(&self) -> MediaHealth {
        let running = self
            .handle
            .lock()
            .is_ok_and(|handle| handle.as_ref().is_some_and(|handle| !handle.is_finished()));
        MediaHealth {
            ticks: self.counters.values().ticks,
            running,
        }
    }
}

/// The engine holds what may not change threads, so it is made on its own.
fn start(number: usize, parts: Parts) -> io::Result<JoinHandle<()>> {
    let (started, outcome) = channel();
    let handle = std::thread::Builder::new()
        .name(format!("media-{number}"))
        .spawn(move || match Engine::new(parts) {
            Ok(engine) => {
                let _ = started.send(Ok(()));
                engine.run();
            }
            Err(error) => {
                let _ = started.send(Err(error));
            }
        })?;
    outcome
        .recv()
        .unwrap_or_else(|_| Err(io::Error::other("the media thread did not start")))?;
    Ok(handle)
}

impl Drop for MediaPlane {
    fn drop(&mut self) {
        self.stop();
    }
}
