//! The media plane as the rest of the program holds it.

use super::counters::{CounterValues, Counters};
use super::engine::{Engine, Order, Parts};
use super::transcoders::Transcoders;
use super::{Command, Event, MediaSettings};
use crate::io::bind;
use nix::sys::eventfd::{EfdFlags, EventFd};
use rtc::crypto::{SignatureScheme, default_provider};
use rtc::peer_connection::certificate::{CertificateParams, RTCCertificate};
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// A media thread and the way to speak to it. Dropping it stops the thread.
#[derive(Debug)]
pub struct MediaPlane {
    orders: Sender<Order>,
    wake: Arc<EventFd>,
    counters: Arc<Counters>,
    local: SocketAddr,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// Whether the media thread turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaHealth {
    /// Grows at least every half second while the thread lives; compare two readings.
    pub ticks: u64,
    pub running: bool,
}

impl MediaPlane {
    /// Binds the browsers' port and starts the thread.
    ///
    /// `events` is called on the media thread for every [`Event`]; it must not block. There is at
    /// most a handful of events for each command and each press of a key, so an unbounded channel
    /// behind it stays short.
    ///
    /// # Errors
    /// When the port cannot be bound, or no key for DTLS can be made.
    pub fn start(
        settings: MediaSettings,
        events: impl FnMut(Event) + Send + 'static,
    ) -> io::Result<Self> {
        let web = UdpSocket::bind(settings.bind)?;
        bind::let_wait(&web);
        let local = web.local_addr()?;
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let wake = Arc::new(EventFd::from_flags(flags)?);
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
        let counters = Arc::new(Counters::default());
        let (orders, receiver) = channel();
        let parts = Parts {
            web,
            wake: Arc::clone(&wake),
            orders: receiver,
            events: Box::new(events),
            settings,
            counters: Arc::clone(&counters),
            certificate,
            crypto,
            transcoders: Transcoders::start(&orders, &wake)?,
        };
        // The engine holds what may not change threads, so it is made on its own.
        let (started, outcome) = channel();
        let thread = std::thread::Builder::new()
            .name("media-0".to_owned())
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
        Ok(Self {
            orders,
            wake,
            counters,
            local,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Hands a command to the thread; never blocks. Commands after [`Self::stop`] are dropped.
    pub fn send(&self, command: Command) {
        self.order(Order::Carry(command));
    }

    fn order(&self, order: Order) {
        if self.orders.send(order).is_ok() {
            // Full means that it is already awake.
            let _ = self.wake.write(1);
        }
    }

    /// Where browsers' datagrams come in.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    pub fn health(&self) -> MediaHealth {
        let running = self
            .thread
            .lock()
            .is_ok_and(|thread| thread.as_ref().is_some_and(|thread| !thread.is_finished()));
        MediaHealth {
            ticks: self.counters.values().ticks,
            running,
        }
    }

    pub fn counters(&self) -> CounterValues {
        self.counters.values()
    }

    /// Closes every leg (each with its [`Event::Closed`]) and ends the thread. Idempotent.
    pub fn stop(&self) {
        self.order(Order::Stop);
        let thread = self.thread.lock().ok().and_then(|mut held| held.take());
        if let Some(thread) = thread {
            // A thread that panicked has nothing more to say.
            let _ = thread.join();
        }
    }
}

impl Drop for MediaPlane {
    fn drop(&mut self) {
        self.stop();
    }
}
