//! The seam to the media relay that lives on the HTTPS port: callers whose firewall lets nothing but TCP or TLS pass are
//! heard through it. What it speaks, and what it relays to, the gateway knows.
//!
//! The first octet of a connection tells what it is (RFC 7983, RFC 9443):
//!
//! | first octet | plain | inside TLS |
//! |---|---|---|
//! | 0–3 | the relay | the relay |
//! | anything else | TLS | HTTP |

use serde_json::Value;
use std::fmt::Debug;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A connection, in clear or inside TLS.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// What carries a stream to its end.
pub type Carrying = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The relay.
pub trait MediaRelay: Debug + Send + Sync {
    /// `RTCIceServer`s with fresh credentials, for a page that reached the box at `host` (of its Host header).
    fn servers(&self, host: Option<&str>) -> Value;

    /// Serves a stream whose first octet said that it is the relay's.
    fn carry(&self, stream: Box<dyn Stream>, peer: SocketAddr, tls: bool) -> Carrying;
}

/// Whether a connection that begins so is the relay's.
pub(crate) const fn is_relays(first: u8) -> bool {
    first <= 3
}

/// A stream whose first octet was taken and is given again.
#[derive(Debug)]
pub(crate) struct Replayed<S> {
    first: Option<u8>,
    stream: S,
}

impl<S> Replayed<S> {
    pub(crate) const fn new(first: Option<u8>, stream: S) -> Self {
        Self { first, stream }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Replayed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if buffer.remaining() > 0
            && let Some(first) = self.first.take()
        {
            buffer.put_slice(&[first]);
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Replayed<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
