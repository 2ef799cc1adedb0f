//! What a stream of SIP travels in: TCP as it is, or TLS with a PBX that proves who it is.
//!
//! | trunk has | the PBX's certificate is believed when |
//! |---|---|
//! | `tls_ca` | one of these authorities vouches for it and it is for `tls_name`, by name and not by a wildcard (RFC 5922 section 7.2) |
//! | `tls_pin_sha256` | it is this very certificate, whatever it says |
//!
//! A PBX that connects is known by its address, as over TCP. With `tls_mutual` it must show a certificate too, which is
//! believed as if we had connected. Web roots are never believed: a PBX is known, not found.

mod trust;

use causeway_directory::{Config, Directory, SipAddress, SipHost, SipTransport, Trunk, TrunkName};
use causeway_sip::endpoint::Transport;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{CertificateError, ClientConfig, Error, RootCertStore, ServerConfig};
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};
use trust::{Named, Pinned, Shown};

/// Why the trunks' TLS cannot be set up; a sentence for the admin.
#[derive(Debug, thiserror::Error)]
#[error("trunk `{trunk}`: {fault}")]
pub struct TlsPeerError {
    pub trunk: String,
    pub fault: String,
}

/// How a trunk's PBX is met.
#[derive(Clone)]
struct Peer {
    connector: TlsConnector,
    /// The names of the trunk's places, in their order.
    names: Vec<ServerName<'static>>,
    trust: Arc<dyn ServerCertVerifier>,
    /// It shows its certificate when it connects, too.
    mutual: bool,
}

/// How the PBXes of a document's trunks are met, as its files said when it was read.
#[derive(Clone, Default)]
pub struct TlsTrunks(HashMap<TrunkName, Peer>);

impl TlsTrunks {
    /// Reads what the trunks' certificates are judged by.
    ///
    /// # Errors
    /// [`TlsPeerError`] when a file cannot be read or a name cannot be a certificate's.
    pub fn read(config: &Config) -> Result<Self, TlsPeerError> {
        let trunks = config.trunks.iter().map(|trunk| trunk.get_ref());
        let over_tls = trunks.filter(|trunk| trunk.may_use_tls());
        over_tls
            .map(|trunk| {
                let name = trunk.name.get_ref();
                let peer = peer(trunk).map_err(|fault| TlsPeerError {
                    trunk: name.to_string(),
                    fault,
                })?;
                Ok((name.clone(), peer))
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl std::fmt::Debug for TlsTrunks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// The trunks of the document, and those of [`Directory::retired`].
#[derive(Debug, Default)]
struct Known {
    now: TlsTrunks,
    retired: TlsTrunks,
}

impl Known {
    /// Those that are met now before those that were, each with the snapshot that says where it is.
    fn trunks<'a>(
        &'a self,
        directory: &'a Directory,
    ) -> impl Iterator<Item = (&'a Directory, &'a Trunk, &'a Peer)> {
        let now = directory.trunks().filter_map(move |trunk| {
            let peer = self.now.0.get(trunk.name.get_ref())?;
            Some((directory, trunk, peer))
        });
        let retired = directory.retired().iter().filter_map(|retired| {
            let peer = self.retired.0.get(&retired.name)?;
            Some((&*retired.directory, retired.trunk()?, peer))
        });
        now.chain(retired)
    }
}

/// The trunks over TLS.
#[derive(Clone, Debug)]
pub struct TlsPeers {
    own: Arc<ServerConfig>,
    known: Arc<RwLock<Arc<Known>>>,
    /// Where the trunks are now.
    directory: watch::Receiver<Arc<Directory>>,
}

impl TlsPeers {
    /// Reads what the trunks' certificates are judged by. `own` is the certificate the box shows.
    ///
    /// # Errors
    /// [`TlsPeerError`] when a file cannot be read or a name cannot be a certificate's.
    pub fn read(
        directory: watch::Receiver<Arc<Directory>>,
        own: Arc<ServerConfig>,
    ) -> Result<Self, TlsPeerError> {
        let known = Known {
            now: TlsTrunks::read(directory.borrow().config())?,
            retired: TlsTrunks::default(),
        };
        Ok(Self {
            own,
            known: Arc::new(RwLock::new(Arc::new(known))),
            directory,
        })
    }

    /// Another document's trunks, before it is shown. Those that it has not, or otherwise, are met as before for as long as
    /// they are retired; connections that stand go on.
    pub fn follow(&self, config: &Config, trunks: TlsTrunks) {
        let directory = self.directory.borrow().clone();
        let known = self.known();
        let mut retired = known.retired.clone();
        let still = |name: &TrunkName| directory.retired().iter().any(|r| r.name == *name);
        retired.0.retain(|name, _| still(name));
        for trunk in directory.trunks() {
            let name = trunk.name.get_ref();
            if let Some(peer) = known.now.0.get(name)
                && !config.trunks.iter().any(|other| other.get_ref() == trunk)
            {
                retired.0.insert(name.clone(), peer.clone());
            }
        }
        let fresh = Known {
            now: trunks,
            retired,
        };
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(fresh);
    }

    fn known(&self) -> Arc<Known> {
        let known = self.known.read();
        known.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether SIP over TLS may come from there.
    fn knows(&self, remote: SocketAddr) -> bool {
        let directory = self.directory.borrow();
        let from = remote.ip().to_canonical();
        let mut peers = directory.peers();
        peers.any(|(ip, over_tls)| over_tls && ip.to_canonical() == from)
    }

    /// Who is met there, and by which name: the trunk with this address and port, else one with this address.
    fn peer(&self, remote: SocketAddr) -> Option<(Peer, ServerName<'static>)> {
        let (directory, known) = (self.directory.borrow(), self.known());
        let mut of_host = None;
        for (directory, trunk, peer) in known.trunks(&directory) {
            let over_tls = directory
                .known(trunk)
                .filter(|l| l.transport == SipTransport::Tls);
            for located in over_tls {
                let name = peer.names.get(located.place).cloned();
                if located.address == remote {
                    return Some((peer.clone(), name?));
                }
                if located.address.ip().to_canonical() == remote.ip().to_canonical() {
                    of_host = of_host.or(name.map(|name| (peer.clone(), name)));
                }
            }
            if of_host.is_none() && trunk.accept_from.contains(&remote.ip().to_canonical()) {
                let name = peer.names.first().cloned();
                of_host = name.map(|name| (peer.clone(), name));
            }
        }
        of_host
    }
}

impl TlsPeers {
    /// Our side of a connection from there. With one trunk of the address that wants a certificate there must be one,
    /// and a trunk of the address must believe it.
    fn acceptor(&self, remote: SocketAddr) -> Result<TlsAcceptor, Error> {
        let (directory, known) = (self.directory.borrow(), self.known());
        let from = remote.ip().to_canonical();
        let here: Vec<&Peer> = known
            .trunks(&directory)
            .filter(|(directory, trunk, _)| {
                let peers = directory.peers_of(trunk);
                let mut over_tls = peers.iter().filter(|(_, over_tls)| *over_tls);
                over_tls.any(|(ip, _)| ip.to_canonical() == from)
            })
            .map(|(_, _, peer)| peer)
            .collect();
        if !here.iter().any(|peer| peer.mutual) {
            return Ok(TlsAcceptor::from(self.own.clone()));
        }
        let believed = here
            .iter()
            .flat_map(|peer| peer.names.iter().map(|n| (peer.trust.clone(), n.clone())))
            .collect();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(Arc::new(Shown { believed }))
            .with_cert_resolver(self.own.cert_resolver.clone());
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

fn peer(trunk: &Trunk) -> Result<Peer, String> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|fault| fault.to_string())?;
    let trust: Arc<dyn ServerCertVerifier> = if let Some(pin) = &trunk.tls_pin_sha256 {
        let wanted = pin.get_ref().replace(':', "").to_ascii_uppercase();
        Arc::new(Pinned { wanted, provider })
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
        let authorities = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(|fault| format!("{shown}: {fault}"))?;
        Arc::new(Named { authorities })
    };
    let builder = builder
        .dangerous()
        .with_custom_certificate_verifier(trust.clone());
    let config = match (&trunk.tls_cert, &trunk.tls_key) {
        (Some(chain), Some(key)) => {
            let (chain, key) = identity(chain.get_ref(), key.get_ref())?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|fault| format!("`tls_cert` and `tls_key`: {fault}"))?
        }
        _ => builder.with_no_client_auth(),
    };
    let names = trunk
        .places()
        .map(|place| name_at(trunk, place))
        .collect::<Result<_, _>>()?;
    Ok(Peer {
        connector: TlsConnector::from(Arc::new(config)),
        names,
        trust,
        mutual: trunk.tls_mutual,
    })
}

/// What the box shows a PBX that asks. A fault names the file, never what is in it.
fn identity(
    chain: &Path,
    key: &Path,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), String> {
    let certificates = CertificateDer::pem_file_iter(chain)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|fault| format!("{}: {fault}", chain.display()))?;
    if certificates.is_empty() {
        return Err(format!(
            "{}: there is no certificate in it",
            chain.display()
        ));
    }
    // The reader's own fault could quote a line of the file.
    let key = PrivateKeyDer::from_pem_file(key)
        .map_err(|_| format!("{}: there is no usable key in it", key.display()))?;
    Ok((certificates, key))
}

/// The name a PBX's certificate must have: what the configuration calls it, never what the DNS made of that
/// (RFC 5922 section 4).
fn name_at(trunk: &Trunk, place: &SipAddress) -> Result<ServerName<'static>, String> {
    let written = match (&trunk.tls_name, &trunk.domain) {
        (Some(name), _) => name.clone(),
        // A domain is a URI's host part: `pbx.example:5061`, `[2001:db8::1]`.
        (None, Some(domain)) => match SipAddress::parse(domain) {
            Ok(domain) => host_of(&domain),
            Err(_) => domain.clone(),
        },
        (None, None) => host_of(place),
    };
    ServerName::try_from(written.clone())
        .map_err(|_| format!("`{written}` cannot be a certificate's name"))
}

fn host_of(place: &SipAddress) -> String {
    match &place.host {
        SipHost::Ip(ip) => ip.to_string(),
        SipHost::Name(name) => name.clone(),
    }
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
            // For the door to say.
            Self::Tcp => true,
            Self::Tls(peers) => peers.knows(remote),
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
                let (peer, name) = peers
                    .peer(remote)
                    .ok_or_else(|| io::Error::other("no trunk over TLS has this address"))?;
                let stream = peer.connector.connect(name, stream).await?;
                Ok(Stream::Tls(Box::new(stream.into())))
            }
        }
    }

    /// Our side of a connection the PBX opened.
    ///
    /// # Errors
    /// As [`Carrier::connect`].
    pub async fn accept(&self, stream: TcpStream, remote: SocketAddr) -> io::Result<Stream> {
        match self {
            Self::Tcp => Ok(Stream::Tcp(stream)),
            Self::Tls(peers) => {
                let acceptor = peers.acceptor(remote).map_err(io::Error::other)?;
                let stream = acceptor.accept(stream).await?;
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
            Some(Error::NoCertificatesPresented) => {
                "the PBX shows no certificate, and `tls_mutual` wants one".to_owned()
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
