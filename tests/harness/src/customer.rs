//! A customer's own web page: another origin than the box, with nothing on it.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::error::{Doing, Result};

const PAGE: &str = "<!doctype html><meta charset=utf-8><title>A customer's page</title>";

/// A web server with one page, over HTTP: loopback counts as a secure context.
#[derive(Debug)]
pub struct CustomerSite {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl CustomerSite {
    /// Serves on this address; port 0 takes a free one.
    pub async fn start(address: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind(address)
            .await
            .doing("the customer's page")?;
        let address = listener.local_addr().doing("the customer's page")?;
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut request = [0u8; 4096];
                    let _ = stream.read(&mut request).await;
                    let head =
                        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n";
                    let answer = format!("{head}Content-Length: {}\r\n\r\n{PAGE}", PAGE.len());
                    let _ = stream.write_all(answer.as_bytes()).await;
                });
            }
        });
        Ok(Self { address, task })
    }

    /// The page.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }
}

impl Drop for CustomerSite {
    fn drop(&mut self) {
        self.task.abort();
    }
}
