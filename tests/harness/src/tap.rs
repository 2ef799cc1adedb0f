//! Between the box and a PBX over TCP: passes everything on, badly where a test wants it.
//!
//! Towards the PBX there is one connection for good. Towards the box there is one at a time, made by whoever has
//! something to say; it ends by a reset (RST), when the test says so or when something passes that the test waits for.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::error::{Doing, Result};

/// How what the PBX says is passed on to the box.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manners {
    /// As it comes.
    Plain,
    /// In pieces of so many octets.
    Pieces(usize),
    /// Kept for so long, and then in one.
    Glued(Duration),
    /// As it comes, and when this has passed in the direction named the connection is reset; once.
    ResetAfter(Passes),
}

/// What a connection is reset after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passes {
    FromBox(&'static str),
    FromPbx(&'static str),
}

/// A running tap.
#[derive(Debug)]
pub struct Tap {
    address: SocketAddr,
    state: Arc<State>,
    tasks: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct State {
    causeway: SocketAddr,
    manners: Mutex<Manners>,
    /// The connection with the box: where it is written to, and who reads it.
    current: tokio::sync::Mutex<Option<(OwnedWriteHalf, JoinHandle<()>)>>,
    to_pbx: mpsc::UnboundedSender<Vec<u8>>,
    resets: Mutex<u32>,
}

impl Tap {
    /// Stands between the box's SIP address and the PBX's; the trunk leads to [`Tap::address`].
    pub async fn start(causeway: SocketAddr, pbx: SocketAddr, manners: Manners) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.doing("a tap")?;
        let address = listener.local_addr().doing("a tap")?;
        let (to_pbx, from_box) = mpsc::unbounded_channel();
        let state = Arc::new(State {
            causeway,
            manners: Mutex::new(manners),
            current: tokio::sync::Mutex::new(None),
            to_pbx,
            resets: Mutex::new(0),
        });
        let accepting = {
            let state = Arc::clone(&state);
            tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let mut current = state.current.lock().await;
                    *current = State::take(&state, stream);
                }
            })
        };
        let serving = tokio::spawn(serve(Arc::clone(&state), pbx, from_box));
        Ok(Self {
            address,
            state,
            tasks: vec![accepting, serving],
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Resets the connection with the box.
    pub async fn reset(&self) {
        self.state.reset().await;
    }

    /// How often a connection was reset.
    pub fn resets(&self) -> u32 {
        *self
            .state
            .resets
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
        if let Ok(mut current) = self.state.current.try_lock()
            && let Some((_, reading)) = current.take()
        {
            reading.abort();
        }
    }
}

impl State {
    fn take(state: &Arc<Self>, stream: TcpStream) -> Option<(OwnedWriteHalf, JoinHandle<()>)> {
        let _ = stream.set_nodelay(true);
        // Every end of it is a reset.
        let _ = stream.set_zero_linger();
        let (read, write) = stream.into_split();
        let reading = tokio::spawn(from_box(Arc::clone(state), read));
        Some((write, reading))
    }

    async fn reset(&self) {
        if let Some((write, reading)) = self.current.lock().await.take() {
            reading.abort();
            let _ = reading.await;
            // The halves are one socket: it is gone when the second is. Dropped, this one would first say an orderly end.
            write.forget();
            *self.resets.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        }
    }

    fn manners(&self) -> Manners {
        *self.manners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the connection is to be reset now; once.
    fn is_last(&self, bytes: &[u8], from_box: bool) -> bool {
        let Manners::ResetAfter(passes) = self.manners() else {
            return false;
        };
        let wanted = match passes {
            Passes::FromBox(wanted) if from_box => wanted,
            Passes::FromPbx(wanted) if !from_box => wanted,
            Passes::FromBox(_) | Passes::FromPbx(_) => return false,
        };
        let found = bytes
            .windows(wanted.len())
            .any(|part| part == wanted.as_bytes());
        if found {
            *self.manners.lock().unwrap_or_else(PoisonError::into_inner) = Manners::Plain;
        }
        found
    }

    /// Passes on what the PBX said.
    async fn tell_box(self: &Arc<Self>, bytes: &[u8]) {
        let mut current = self.current.lock().await;
        if current.is_none()
            && let Ok(stream) = TcpStream::connect(self.causeway).await
        {
            *current = Self::take(self, stream);
        }
        let Some((write, _)) = current.as_mut() else {
            return;
        };
        let piece = match self.manners() {
            Manners::Pieces(octets) => octets.max(1),
            Manners::Plain | Manners::Glued(_) | Manners::ResetAfter(_) => bytes.len().max(1),
        };
        for part in bytes.chunks(piece) {
            if write.write_all(part).await.is_err() {
                return;
            }
            if part.len() < bytes.len() {
                sleep(Duration::from_millis(1)).await;
            }
        }
    }
}

/// Reads what the box says over one connection.
async fn from_box(state: Arc<State>, mut read: OwnedReadHalf) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = read.read(&mut buffer).await {
        let bytes = buffer[..length].to_vec();
        let last = state.is_last(&bytes, true);
        let _ = state.to_pbx.send(bytes);
        if last {
            let state = Arc::clone(&state);
            tokio::spawn(async move { state.reset().await });
            return;
        }
    }
}

/// Holds the connection with the PBX, made when the box first says something.
async fn serve(state: Arc<State>, pbx: SocketAddr, mut from_box: mpsc::UnboundedReceiver<Vec<u8>>) {
    let Some(first) = from_box.recv().await else {
        return;
    };
    let Ok(stream) = TcpStream::connect(pbx).await else {
        return;
    };
    let _ = stream.set_nodelay(true);
    let (mut read, mut write) = stream.into_split();
    let writing = tokio::spawn(async move {
        let mut next = Some(first);
        while let Some(bytes) = next {
            if write.write_all(&bytes).await.is_err() {
                return;
            }
            next = from_box.recv().await;
        }
    });
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = read.read(&mut buffer).await {
        let mut bytes = buffer[..length].to_vec();
        if let Manners::Glued(during) = state.manners() {
            let end = tokio::time::Instant::now() + during;
            while let Ok(Ok(length @ 1..)) =
                tokio::time::timeout_at(end, read.read(&mut buffer)).await
            {
                bytes.extend_from_slice(&buffer[..length]);
            }
        }
        state.tell_box(&bytes).await;
        if state.is_last(&bytes, false) {
            state.reset().await;
        }
    }
    writing.abort();
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn ends(manners: Manners) -> (Tap, TcpListener, TcpStream, TcpStream) {
        let pbx = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let causeway = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let to = pbx.local_addr().unwrap();
        let tap = Tap::start(causeway.local_addr().unwrap(), to, manners)
            .await
            .unwrap();
        let mut near = TcpStream::connect(tap.address()).await.unwrap();
        near.write_all(b"INVITE").await.unwrap();
        let (mut far, _) = pbx.accept().await.unwrap();
        let mut said = [0; 6];
        far.read_exact(&mut said).await.unwrap();
        assert_eq!(&said, b"INVITE");
        (tap, causeway, near, far)
    }

    #[tokio::test]
    async fn after_a_reset_the_pbx_reaches_the_box_over_a_new_connection() {
        let (tap, causeway, mut near, mut far) =
            ends(Manners::ResetAfter(Passes::FromPbx("180"))).await;
        far.write_all(b"180").await.unwrap();
        let mut said = Vec::new();
        let end = near.read_to_end(&mut said).await;
        assert!(said.is_empty() || said == b"180", "{said:?}");
        assert!(end.is_err(), "a reset is no orderly end");
        assert_eq!(tap.resets(), 1);
        far.write_all(b"200").await.unwrap();
        let (mut again, _) = causeway.accept().await.unwrap();
        let mut said = [0; 3];
        again.read_exact(&mut said).await.unwrap();
        assert_eq!(&said, b"200");
    }

    #[tokio::test]
    async fn what_is_said_at_once_comes_in_one() {
        let (_tap, _causeway, mut near, mut far) =
            ends(Manners::Glued(Duration::from_millis(200))).await;
        far.write_all(b"one").await.unwrap();
        sleep(Duration::from_millis(50)).await;
        far.write_all(b"two").await.unwrap();
        let mut said = [0; 64];
        let length = near.read(&mut said).await.unwrap();
        assert_eq!(&said[..length], b"onetwo");
    }
}
