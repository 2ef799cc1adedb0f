//! What a stream of SIP travels in: TCP as it is, or TLS with a PBX that proves who it is.
//!
//! | trunk has | the PBX's certificate is believed when |
//! |---|---|
//! | `tls_ca` | one of these authorities vouches for it and it is for `tls_name` |
//! | `tls_pin_sha256` | it is this very certificate, whatever it says |
//!
//! A PBX that connects is not asked for a certificate: it is known by its address, as over TCP, and proves
//! nothing more. Web roots are never believed: a PBX is known, not found.

use crate::tls::fingerprint;
use causeway_directory::{Directory, SipTransport, Trunk};
use causeway_sip::endpoint::Transport;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, ServerConfig,
    SignatureScheme,
};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

/// Why the trunks' TLS cannot be set up; a sentence for the admin.
#[derive(Debug, thiserror::Error)]
#[error("trunk `{trunk}`: {fault}")]
pub struct TlsPeerError {
    pub trunk: String,
    pub fault: String,
}

/// How a PBX over TLS is met.
#[derive(Clone)]
struct Peer {
    connector: TlsConnector,
    name: ServerName<'static>,
}

/// The trunks over TLS.
#[derive(Clone)]
pub struct TlsPeers {
    acceptor: TlsAcceptor,
    peers: HashMap<IpAddr, Peer>,
}

impl std::fmt::Debug for TlsPeers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.peers.keys()).finish()
    }
}

impl TlsPeers {
    /// Reads what the trunks' certificates are judged by. `own` is the certificate the box shows.
    ///
    /// # Errors
    /// [`TlsPeerError`] when a file cannot be read or a name cannot be a certificate's.
    pub fn read(directory: &Directory, own: Arc<ServerConfig>) -> Result<Self, TlsPeerError> {
        let mut peers = HashMap::new();
        let of_tls = directory
            .trunks()
            .filter(|trunk| trunk.transport == SipTransport::Tls);
        for trunk in of_tls {
            let peer = peer(trunk).map_err(|fault| TlsPeerError {
                trunk: trunk.name.get_ref().to_string(),
                fault,
            })?;
            for address in trunk.peers() {
                peers.insert(address.to_canonical(), peer.clone());
            }
        }
        Ok(Self {
            acceptor: TlsAcceptor::from(own),
            peers,
        })
    }

    fn peer(&self, remote: SocketAddr) -> Option<&Peer> {
        self.peers.get(&remote.ip().to_canonical())
    }
}

fn peer(trunk: &Trunk) -> Result<Peer, String> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|fault| fault.to_string())?;
    let config = if let Some(pin) = &trunk.tls_pin_sha256 {
        let wanted = pin.get_ref().replace(':', "").to_ascii_uppercase();
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Pinned { wanted, provider }))
            .with_no_client_auth()
    } else {
        let file = trunk.tls_ca.as_ref().ok_or("neither tls_ca nor a pin")?;
        let shown = file.display();
        let mut roots = RootCertStore::empty();
        for certificate in
            CertificateDer::pem_file_iter(file).map_err(|fault| format!("{shown}: {fault}"))?
        {
            let certificate = certificate.map_err(|fault| format!("{shown}: {fault}"))?;
            roots
                .add(certificate)
                .map_err(|fault| format!("{shown}: {fault}"))?;
        }
        if roots.is_empty() {
            return Err(format!("{shown}: there is no certificate in it"));
        }
        builder.with_root_certificates(roots).with_no_client_auth()
    };
    let name = match (&trunk.tls_name, &trunk.domain) {
        (Some(name), _) => name.clone(),
        (None, Some(domain)) => domain.split(':').next().unwrap_or(domain).to_owned(),
        (None, None) => trunk.address.ip().to_string(),
    };
    let name = ServerName::try_from(name.clone())
        .map_err(|_| format!("`{name}` cannot be a certificate's name"))?;
    Ok(Peer {
        connector: TlsConnector::from(Arc::new(config)),
        name,
    })
}

/// What streams travel in.
#[derive(Clone, Debug)]
pub enum Carrier {
    Tcp,
    Tls(Arc<TlsPeers>),
}

impl Carrier {
    pub const fn transport(&self) -> Transport {
        match self {
            Self::Tcp => Transport::Tcp,
            Self::Tls(_) => Transport::Tls,
        }
    }

    /// Whether a connection from there is worth a handshake.
    pub fn may_connect(&self, remote: SocketAddr) -> bool {
        match self {
            // The endpoint looks at each message.
            Self::Tcp => true,
            Self::Tls(peers) => peers.peer(remote).is_some(),
        }
    }

    /// Our side of a connection we opened.
    ///
    /// # Errors
    /// The handshake's; [`Carrier::explain`] says it in words.
    pub async fn connect(&self, stream: TcpStream, remote: SocketAddr) -> io::Result<Stream> {
        match self {
            Self::Tcp => Ok(Stream::Tcp(stream)),
            Self::Tls(peers) => {
                let peer = peers
                    .peer(remote)
                    .ok_or_else(|| io::Error::other("no trunk over TLS has this address"))?;
                let stream = peer.connector.connect(peer.name.clone(), stream).await?;
                Ok(Stream::Tls(Box::new(stream.into())))
            }
        }
    }

    /// Our side of a connection the PBX opened.
    ///
    /// # Errors
    /// As [`Carrier::connect`].
    pub async fn accept(&self, stream: TcpStream) -> io::Result<Stream> {
        match self {
            Self::Tcp => Ok(Stream::Tcp(stream)),
            Self::Tls(peers) => {
                let stream = peers.acceptor.accept(stream).await?;
                Ok(Stream::Tls(Box::new(stream.into())))
            }
        }
    }

    /// A fault in words that say what to do.
    pub fn explain(&self, fault: &io::Error) -> String {
        let tls = fault
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<Error>());
        match tls {
            Some(Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
                "the PBX's certificate comes from none of `tls_ca`".to_owned()
            }
            Some(Error::InvalidCertificate(CertificateError::Other(other))) => other.to_string(),
            Some(Error::InvalidCertificate(certificate)) => {
                format!("the PBX's certificate is not believed: {certificate}")
            }
            Some(Error::InvalidMessage(_)) => "the PBX does not speak TLS here".to_owned(),
            Some(other) => other.to_string(),
            None => fault.to_string(),
        }
    }
}

/// One open stream.
#[derive(Debug)]
pub enum Stream {
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

/// Believes a certificate for being the one that was named; its key is still proven.
#[derive(Debug)]
struct Pinned {
    /// 64 upper-case hexadecimal digits.
    wanted: String,
    provider: Arc<CryptoProvider>,
}

/// Another certificate than the one that was named.
#[derive(Debug, thiserror::Error)]
#[error("the PBX shows another certificate than `tls_pin_sha256`: {0}")]
struct OtherCertificate(String);

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let shown = fingerprint(end_entity);
        if shown.replace(':', "") == self.wanted {
            return Ok(ServerCertVerified::assertion());
        }
        let other = rustls::OtherError(Arc::new(OtherCertificate(shown)));
        Err(Error::InvalidCertificate(CertificateError::Other(other)))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
