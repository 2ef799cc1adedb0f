//! Boxes that look into connections on their way to port 443.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustls::ServerConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::Namespace;
use crate::certificates;
use crate::error::{Doing, HarnessError, Result};
use crate::https;

/// What such a box lets pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passing {
    /// TLS from the first octet to the last, unopened.
    Tls,
    /// It opens TLS with a certificate of its own and passes HTTP alone.
    Http,
    /// The same, but it knows nothing of WebSockets and refuses to change protocols.
    HttpWithoutWebSocket,
}

/// A running middlebox in `access`.
#[derive(Debug)]
pub struct Middlebox {
    refused: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Middlebox {
    /// Takes what a caller sends to port 443 of `target`, looks at it, and passes on what may pass.
    pub async fn start(access: &Namespace, target: SocketAddr, passing: Passing) -> Result<Self> {
        let any = if target.is_ipv4() {
            "0.0.0.0:8443"
        } else {
            "[::]:8443"
        };
        let listener = access.listen(any.parse().doing(any)?).await?;
        let refused = Arc::new(AtomicU64::new(0));
        let acceptor = TlsAcceptor::from(Arc::new(own_certificate()?));
        let (count, access) = (Arc::clone(&refused), access.clone());
        let task = tokio::spawn(async move {
            serve(listener, access, target, passing, acceptor, count).await;
        });
        Ok(Self { refused, task })
    }

    /// How many connections it did not pass.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

impl Drop for Middlebox {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    listener: TcpListener,
    access: Namespace,
    target: SocketAddr,
    passing: Passing,
    acceptor: TlsAcceptor,
    refused: Arc<AtomicU64>,
) {
    let mut tasks = tokio::task::JoinSet::new();
    while let Ok((near, _)) = listener.accept().await {
        let (access, acceptor, refused) = (access.clone(), acceptor.clone(), Arc::clone(&refused));
        tasks.spawn(async move {
            let passed = match passing {
                Passing::Tls => unopened(near, &access, target).await,
                Passing::Http | Passing::HttpWithoutWebSocket => {
                    opened(near, &access, target, acceptor, passing).await
                }
            };
            if passed.is_err() {
                refused.fetch_add(1, Ordering::Relaxed);
            }
        });
        while tasks.try_join_next().is_some() {}
    }
}

/// A record of TLS: type, version, length (RFC 8446 section 5.1).
fn record(head: [u8; 5]) -> Option<usize> {
    let length = usize::from(u16::from_be_bytes([head[3], head[4]]));
    let known = (20..=23).contains(&head[0]) && head[1] == 3 && head[2] <= 4;
    (known && length > 0 && length <= 16_384 + 256).then_some(length)
}

async fn unopened(mut near: TcpStream, access: &Namespace, target: SocketAddr) -> Result<()> {
    let mut first = vec![0; 5];
    near.read_exact(&mut first)
        .await
        .doing("the first record")?;
    let head: [u8; 5] = first[..].try_into().doing("five octets")?;
    let length = record(head).filter(|_| head[0] == 22);
    first.resize(5 + length.doing("not TLS")?, 0);
    near.read_exact(&mut first[5..])
        .await
        .doing("the first record")?;
    // A handshake that begins with ClientHello.
    if first[5] != 1 {
        return Err(HarnessError::new("not a ClientHello"));
    }
    let mut far = access.connect(target).await?;
    far.write_all(&first).await.doing("passing on")?;
    let (near, far) = (near.into_split(), far.into_split());
    // Whichever side leaves off TLS or ends, both ends are closed.
    tokio::select! {
        done = records(near.0, far.1) => done,
        done = records(far.0, near.1) => done,
    }
}

/// Passes on records for as long as they are TLS.
async fn records(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) -> Result<()> {
    let mut whole = Vec::new();
    loop {
        let mut head = [0; 5];
        if from.read_exact(&mut head).await.is_err() {
            return Ok(());
        }
        let length = record(head).doing("not TLS any more")?;
        whole.clear();
        whole.extend(head);
        whole.resize(5 + length, 0);
        from.read_exact(&mut whole[5..]).await.doing("a record")?;
        to.write_all(&whole).await.doing("passing on")?;
    }
}

async fn opened(
    near: TcpStream,
    access: &Namespace,
    target: SocketAddr,
    acceptor: TlsAcceptor,
    passing: Passing,
) -> Result<()> {
    let mut near = acceptor.accept(near).await.doing("TLS")?;
    let mut first = [0; 4];
    near.read_exact(&mut first)
        .await
        .doing("the first octets")?;
    if ![*b"GET ", *b"POST", *b"HEAD", *b"OPTI"].contains(&first) {
        return Err(HarnessError::new("not HTTP"));
    }
    let mut first = first.to_vec();
    if passing == Passing::HttpWithoutWebSocket {
        // Browsers open a connection of its own for each WebSocket, so its first request tells.
        while !first.ends_with(b"\r\n\r\n") && first.len() < 16_384 {
            first.push(near.read_u8().await.doing("a request")?);
        }
        let head = String::from_utf8_lossy(&first).to_ascii_lowercase();
        if head.contains("\r\nupgrade: websocket") {
            let refusal =
                b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            near.write_all(refusal).await.doing("a refusal")?;
            let _ = near.shutdown().await;
            return Err(HarnessError::new("a WebSocket"));
        }
    }
    let tcp = access.connect(target).await?;
    let mut far = TlsConnector::from(Arc::new(https::trusting()?))
        .connect(ServerName::from(target.ip()), tcp)
        .await
        .doing("TLS")?;
    far.write_all(&first).await.doing("passing on")?;
    let _ = copy_bidirectional(&mut near, &mut far).await;
    Ok(())
}

fn own_certificate() -> Result<ServerConfig> {
    certificates::server("middlebox.example")
}
