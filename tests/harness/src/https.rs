//! Just enough of an HTTP client to ask a box with a self-signed certificate.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::error::{Doing, HarnessError, Result};
use crate::network::{self, Namespace};

const PATIENCE: Duration = Duration::from_secs(10);
/// No answer of the box is larger.
const LARGEST: u64 = 16 * 1024 * 1024;

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub body: String,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.body).doing(&format!(
            "the answer {} is no JSON: {}",
            self.status, self.body
        ))
    }
}

/// Asks `address` for `path`; with a body it is a POST of JSON. `bearer` goes into the Authorization header.
pub async fn ask(
    address: SocketAddr,
    path: &str,
    bearer: Option<&str>,
    body: Option<&Value>,
) -> Result<Answer> {
    ask_from(None, address, path, bearer, body).await
}

/// The same from within a namespace, where one is given.
pub async fn ask_from(
    from: Option<&Namespace>,
    address: SocketAddr,
    path: &str,
    bearer: Option<&str>,
    body: Option<&Value>,
) -> Result<Answer> {
    let what = format!("https://{address}{path}");
    timeout(PATIENCE, exchange(from, address, path, bearer, body))
        .await
        .doing(&what)?
        .map_err(|e| HarnessError::new(format!("{what}: {e}")))
}

/// The lines of an answer that has no end, as they come; dropping the receiver closes the connection.
///
/// # Errors
/// When there is no connection.
pub async fn lines(
    address: SocketAddr,
    path: &str,
    bearer: &str,
) -> Result<UnboundedReceiver<String>> {
    lines_from(None, address, path, bearer).await
}

/// The same from within a namespace, where one is given.
///
/// # Errors
/// When there is no connection.
pub async fn lines_from(
    from: Option<&Namespace>,
    address: SocketAddr,
    path: &str,
    bearer: &str,
) -> Result<UnboundedReceiver<String>> {
    let tcp = network::connect(from, address).await?;
    let name = ServerName::from(address.ip());
    let mut stream = TlsConnector::from(Arc::new(trusting()?))
        .connect(name, tcp)
        .await
        .doing("TLS")?;
    let request =
        format!("GET {path} HTTP/1.0\r\nHost: {address}\r\nAuthorization: Bearer {bearer}\r\n\r\n");
    stream
        .write_all(request.as_bytes())
        .await
        .doing("writing")?;
    let (out, lines) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut read = BufReader::new(stream).lines();
        loop {
            tokio::select! {
                line = read.next_line() => {
                    let Ok(Some(line)) = line else { return };
                    if out.send(line).is_err() {
                        return;
                    }
                }
                () = out.closed() => return,
            }
        }
    });
    Ok(lines)
}

async fn exchange(
    from: Option<&Namespace>,
    address: SocketAddr,
    path: &str,
    bearer: Option<&str>,
    body: Option<&Value>,
) -> Result<Answer> {
    let tcp = network::connect(from, address).await?;
    let name = ServerName::from(address.ip());
    let mut stream = TlsConnector::from(Arc::new(trusting()?))
        .connect(name, tcp)
        .await
        .doing("TLS")?;
    let method = if body.is_some() { "POST" } else { "GET" };
    // Version 1.0, because then the answer is neither chunked nor kept open.
    let mut request = format!("{method} {path} HTTP/1.0\r\nHost: {address}\r\n");
    if let Some(key) = bearer {
        request.push_str(&format!("Authorization: Bearer {key}\r\n"));
    }
    let text = body.map(Value::to_string).unwrap_or_default();
    if body.is_some() {
        request.push_str(&format!(
            "Content-Type: application/json\r\nContent-Length: {}\r\n",
            text.len()
        ));
    }
    stream
        .write_all(format!("{request}\r\n{text}").as_bytes())
        .await
        .doing("writing")?;
    let mut bytes = Vec::new();
    // A server that closes without TLS's own goodbye has still said everything.
    if let Err(error) = stream.take(LARGEST).read_to_end(&mut bytes).await
        && bytes.is_empty()
    {
        return Err(HarnessError::new(format!("reading: {error}")));
    }
    parse(&String::from_utf8_lossy(&bytes))
}

fn parse(text: &str) -> Result<Answer> {
    let (head, body) = text
        .split_once("\r\n\r\n")
        .doing(&format!("not HTTP: {text}"))?;
    let status = head
        .split_whitespace()
        .nth(1)
        .and_then(|s| s.parse().ok())
        .doing(&format!("not HTTP: {head}"))?;
    Ok(Answer {
        status,
        body: body.to_owned(),
    })
}

/// A client configuration that takes any certificate: the box makes its own at first start.
pub fn trusting() -> Result<ClientConfig> {
    let provider = Arc::new(ring::default_provider());
    ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .doing("TLS versions")
        .map(|builder| {
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Trusting(provider)))
                .with_no_client_auth()
        })
}

#[derive(Debug)]
struct Trusting(Arc<CryptoProvider>);

impl ServerCertVerifier for Trusting {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            cert,
            dss,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            cert,
            dss,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_taken_apart() {
        let answer =
            parse("HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{\"a\":1}").unwrap();
        assert_eq!(answer.status, 200);
        assert_eq!(answer.json().unwrap()["a"], 1);
        assert!(parse("hello").is_err());
    }
}
