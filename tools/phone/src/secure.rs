//! TLS to the box, and single HTTP requests over it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Whose certificate is believed.
#[derive(Debug, Clone)]
pub enum Trust {
    /// The system's authorities.
    System,
    /// Those in a PEM file.
    File(PathBuf),
    /// Anybody's: the box signs its own certificate at first start.
    Anybody,
}

/// The box as a client sees it.
#[derive(Clone)]
pub struct Server {
    /// `host:port` as the URL wrote it.
    pub authority: String,
    /// Where it is.
    pub address: SocketAddr,
    name: ServerName<'static>,
    connector: TlsConnector,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("authority", &self.authority)
            .finish_non_exhaustive()
    }
}

const PATIENCE: Duration = Duration::from_secs(10);

impl Server {
    /// Reads the URL and prepares TLS.
    ///
    /// # Errors
    /// A sentence: not https, no such host, no certificate in the file.
    pub async fn new(url: &str, trust: &Trust) -> Result<Self, String> {
        let authority = url
            .strip_prefix("https://")
            .ok_or_else(|| format!("{url} does not begin with https://"))?
            .split('/')
            .next()
            .unwrap_or_default()
            .to_owned();
        let with_port = if authority
            .rsplit_once(':')
            .is_some_and(|(_, port)| port.parse::<u16>().is_ok())
        {
            authority.clone()
        } else {
            format!("{authority}:443")
        };
        let address = tokio::net::lookup_host(&with_port)
            .await
            .map_err(|error| format!("{with_port}: {error}"))?
            .next()
            .ok_or_else(|| format!("{with_port} has no address"))?;
        let host = with_port
            .rsplit_once(':')
            .map_or(with_port.as_str(), |(host, _)| host);
        let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())
            .map_err(|error| format!("{host}: {error}"))?;
        Ok(Self {
            authority,
            address,
            name,
            connector: TlsConnector::from(Arc::new(tls(trust)?)),
        })
    }

    /// A TLS connection.
    ///
    /// # Errors
    /// A sentence: refused, timed out, certificate not believed.
    pub async fn connect(&self) -> Result<TlsStream<TcpStream>, String> {
        let connecting = async {
            let stream = TcpStream::connect(self.address).await?;
            stream.set_nodelay(true)?;
            self.connector.connect(self.name.clone(), stream).await
        };
        tokio::time::timeout(PATIENCE, connecting)
            .await
            .map_err(|_| format!("{}: no connection within 10 s", self.authority))?
            .map_err(|error| format!("{}: {error}", self.authority))
    }

    /// POSTs JSON and returns status and body.
    ///
    /// # Errors
    /// A sentence; an HTTP status is no error here.
    pub async fn post(&self, path: &str, json: &str) -> Result<(u16, String), String> {
        let headers = format!(
            "Content-Type: application/json\r\nContent-Length: {}\r\n",
            json.len()
        );
        self.exchange("POST", path, &headers, json).await
    }

    /// GETs with a bearer key and returns status and body.
    ///
    /// # Errors
    /// A sentence; an HTTP status is no error here.
    pub async fn get(&self, path: &str, key: &str) -> Result<(u16, String), String> {
        let headers = format!("Authorization: Bearer {key}\r\n");
        self.exchange("GET", path, &headers, "").await
    }

    async fn exchange(
        &self,
        method: &str,
        path: &str,
        headers: &str,
        body: &str,
    ) -> Result<(u16, String), String> {
        let mut stream = self.connect().await?;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\n{headers}Connection: close\r\n\r\n{body}",
            self.authority
        );
        let exchange = async {
            stream.write_all(request.as_bytes()).await?;
            let mut answer = Vec::new();
            // Some servers close without the TLS goodbye; what came is judged by its own length.
            match (&mut stream).take(1 << 20).read_to_end(&mut answer).await {
                Err(error) if answer.is_empty() => Err(error),
                _ => Ok(answer),
            }
        };
        let answer = tokio::time::timeout(PATIENCE, exchange)
            .await
            .map_err(|_| format!("{path}: no answer within 10 s"))?
            .map_err(|error| format!("{path}: {error}"))?;
        parse(&answer).ok_or_else(|| format!("{path}: the answer is not HTTP"))
    }
}

/// Status and body of an HTTP/1.1 answer that came whole.
fn parse(answer: &[u8]) -> Option<(u16, String)> {
    let split = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..split]).ok()?;
    let mut lines = head.split("\r\n");
    let status = lines
        .next()?
        .strip_prefix("HTTP/1.1 ")?
        .get(..3)?
        .parse()
        .ok()?;
    let length = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse::<usize>().ok());
    let body = &answer[split + 4..];
    let body = match length {
        Some(length) => body.get(..length)?,
        None => body,
    };
    Some((status, String::from_utf8_lossy(body).into_owned()))
}

fn tls(trust: &Trust) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let mut roots = RootCertStore::empty();
    match trust {
        Trust::Anybody => {
            let believer = Arc::new(Believer(provider));
            return Ok(builder
                .dangerous()
                .with_custom_certificate_verifier(believer)
                .with_no_client_auth());
        }
        Trust::System => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        Trust::File(file) => {
            let certificates = CertificateDer::pem_file_iter(file)
                .and_then(Iterator::collect::<Result<Vec<_>, _>>)
                .map_err(|error| format!("{}: {error}", file.display()))?;
            roots.add_parsable_certificates(certificates);
            if roots.is_empty() {
                return Err(format!("{} holds no certificate", file.display()));
            }
        }
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// Believes any certificate, but still checks that its owner signs the handshake.
#[derive(Debug)]
struct Believer(Arc<CryptoProvider>);

impl ServerCertVerifier for Believer {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
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
    fn an_answer_is_cut_by_its_length_and_refused_when_short() {
        let answer = b"HTTP/1.1 422 Unprocessable\r\nContent-Length: 2\r\n\r\n{}x";
        assert_eq!(parse(answer), Some((422, "{}".to_owned())));
        assert_eq!(
            parse(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}"),
            None
        );
        assert_eq!(parse(b"nonsense"), None);
    }

    #[tokio::test]
    async fn a_url_must_be_https() {
        assert!(
            Server::new("http://127.0.0.1", &Trust::Anybody)
                .await
                .is_err()
        );
        let server = Server::new("https://127.0.0.1:8443/x", &Trust::Anybody)
            .await
            .expect("good");
        assert_eq!(
            (server.authority.as_str(), server.address.port()),
            ("127.0.0.1:8443", 8443)
        );
        let server = Server::new("https://127.0.0.1", &Trust::Anybody)
            .await
            .expect("good");
        assert_eq!(server.address.port(), 443);
    }
}
