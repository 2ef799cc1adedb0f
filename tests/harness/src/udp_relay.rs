//! A way for datagrams that can be cut and mended: what comes from a client leaves from a socket of its own.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

use crate::error::{Doing, Result};

/// A relay on an address of its own.
#[derive(Debug)]
pub struct UdpRelay {
    open: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl UdpRelay {
    /// Passes on to `target` what comes to `at`, and back.
    pub async fn start(at: SocketAddr, target: SocketAddr) -> Result<Self> {
        let near = Arc::new(UdpSocket::bind(at).await.doing("a relay")?);
        let open = Arc::new(AtomicBool::new(true));
        let state = open.clone();
        let task = tokio::spawn(async move {
            let mut far: HashMap<SocketAddr, Arc<UdpSocket>> = HashMap::new();
            let mut tasks = tokio::task::JoinSet::new();
            let mut buffer = [0; 4096];
            loop {
                let Ok((length, client)) = near.recv_from(&mut buffer).await else {
                    continue;
                };
                if !state.load(Ordering::Relaxed) {
                    continue;
                }
                if let Entry::Vacant(place) = far.entry(client) {
                    let Ok(socket) = UdpSocket::bind((target.ip(), 0)).await else {
                        continue;
                    };
                    let socket = Arc::new(socket);
                    place.insert(socket.clone());
                    let (near, state) = (near.clone(), state.clone());
                    tasks.spawn(async move {
                        let mut buffer = [0; 4096];
                        while let Ok((length, _)) = socket.recv_from(&mut buffer).await {
                            if state.load(Ordering::Relaxed) {
                                let _ = near.send_to(&buffer[..length], client).await;
                            }
                        }
                    });
                }
                if let Some(socket) = far.get(&client) {
                    let _ = socket.send_to(&buffer[..length], target).await;
                }
            }
        });
        Ok(Self { open, task })
    }

    /// Nothing passes from now on.
    pub fn cut(&self) {
        self.open.store(false, Ordering::Relaxed);
    }
}

impl Drop for UdpRelay {
    fn drop(&mut self) {
        self.task.abort();
    }
}
