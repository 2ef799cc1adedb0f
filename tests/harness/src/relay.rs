//! A way between two parts that can be cut and mended: TCP passed on byte by byte.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::error::{Doing, Result};

/// A relay on a port of its own.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    open: Arc<watch::Sender<bool>>,
    task: JoinHandle<()>,
}

impl Relay {
    /// Passes everything on to `target`.
    pub async fn start(target: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.doing("a relay")?;
        let address = listener.local_addr().doing("a relay")?;
        let open = Arc::new(watch::Sender::new(true));
        let states = Arc::clone(&open);
        let task = tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let mut state = states.subscribe();
                if !*state.borrow_and_update() {
                    continue;
                }
                tokio::spawn(async move {
                    let Ok(mut far) = TcpStream::connect(target).await else {
                        return;
                    };
                    tokio::select! {
                        _ = copy_bidirectional(&mut near, &mut far) => {}
                        _ = state.wait_for(|open| !open) => {}
                    }
                });
            }
        });
        Ok(Self {
            address,
            open,
            task,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Drops every connection and takes no new one.
    pub fn cut(&self) {
        self.open.send_replace(false);
    }

    /// Takes connections again.
    pub fn mend(&self) {
        self.open.send_replace(true);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.open.send_replace(false);
        self.task.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn what_is_cut_is_gone_until_it_is_mended() {
        let echo = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let relay = Relay::start(echo.local_addr().unwrap()).await.unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = echo.accept().await {
                tokio::spawn(async move {
                    let (mut r, mut w) = stream.split();
                    let _ = tokio::io::copy(&mut r, &mut w).await;
                });
            }
        });
        let mut byte = [0u8];
        let mut first = TcpStream::connect(relay.address()).await.unwrap();
        first.write_all(b"a").await.unwrap();
        first.read_exact(&mut byte).await.unwrap();
        relay.cut();
        assert_eq!(first.read(&mut byte).await.unwrap_or(0), 0);
        let mut refused = TcpStream::connect(relay.address()).await.unwrap();
        assert_eq!(refused.read(&mut byte).await.unwrap_or(0), 0);
        relay.mend();
        let mut second = TcpStream::connect(relay.address()).await.unwrap();
        second.write_all(b"b").await.unwrap();
        second.read_exact(&mut byte).await.unwrap();
        assert_eq!(byte, *b"b");
    }
}
