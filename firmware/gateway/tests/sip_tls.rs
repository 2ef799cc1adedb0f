//! SIP over TLS with real handshakes: who is believed, and what travels.

use causeway_directory::{Config, Directory};
use causeway_gateway::io::inbox::{SipInbox, inbox};
use causeway_gateway::io::sip::{SipAddresses, SipInput, SipSockets};
use causeway_gateway::io::sip_tls::TlsPeers;
use causeway_gateway::tls::fingerprint;
use causeway_sip::endpoint::{Transmit, Transport};
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, TlsConnector};

const SOON: Duration = Duration::from_secs(10);
const OPTIONS: &[u8] = b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 0\r\n\r\n";

struct Certificate {
    config: Arc<ServerConfig>,
    key: KeyPair,
    der: CertificateDer<'static>,
    pem: String,
}

/// A certificate that vouches for itself.
fn certificate(name: &str, expired: bool) -> Certificate {
    let key = KeyPair::generate().unwrap();
    let mut parameters = CertificateParams::new([name.to_owned()]).unwrap();
    if expired {
        parameters.not_before = rcgen::date_time_ymd(2020, 1, 1);
        parameters.not_after = rcgen::date_time_ymd(2021, 1, 1);
    }
    let certificate = parameters.self_signed(&key).unwrap();
    let der = certificate.der().clone();
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![der.clone()], private)
        .unwrap();
    Certificate {
        config: Arc::new(config),
        key,
        der,
        pem: certificate.pem(),
    }
}

/// The box's sockets with one trunk over TLS at 127.0.0.1 that is believed by `trust`.
async fn sockets(trust: &str, own: &Certificate) -> (SipSockets, SipInbox) {
    let trunk = format!(
        "[[trunk]]\nname = \"pbx\"\naddress = \"127.0.0.1:5071\"\ntransport = \"tls\"\n{trust}\n"
    );
    sockets_with(&trunk, own).await
}

/// The box's sockets with these trunks.
async fn sockets_with(trunks: &str, own: &Certificate) -> (SipSockets, SipInbox) {
    let text = format!(
        "[box]\nhttps = \"127.0.0.1:1\"\nmedia = \"127.0.0.1:2\"\n\
         [sip]\nudp = \"127.0.0.1:5060\"\ntls = \"127.0.0.1:5061\"\nudp6 = \"[::1]:5060\"\n\
         [rtp]\naddress = \"127.0.0.1\"\nports = \"20000-20099\"\n{trunks}"
    );
    let directory = Directory::new(Config::parse(&text).unwrap());
    let (_, directory) = watch::channel(Arc::new(directory));
    let peers = TlsPeers::read(directory, own.config.clone()).unwrap();
    let [four, six] = ["127.0.0.1:0", "[::1]:0"].map(|any| {
        let any: SocketAddr = any.parse().unwrap();
        SipAddresses {
            udp: any,
            tcp: any,
            tls: Some(any),
        }
    });
    let (to_switch, inputs) = inbox(16);
    let sockets = SipSockets::bind(four, Some(six), Some(peers), to_switch).unwrap();
    (sockets, inputs)
}

async fn next(inputs: &mut SipInbox) -> SipInput {
    timeout(SOON, inputs.recv()).await.unwrap().unwrap()
}

/// Sends OPTIONS to a PBX that shows `shown`; what the PBX read, or why nothing got there.
async fn reach(trust: &str, shown: &Certificate) -> Result<Vec<u8>, String> {
    reach_as(trust, shown.config.clone()).await
}

/// The same of a PBX that has further wishes.
async fn reach_as(trust: &str, pbx: Arc<ServerConfig>) -> Result<Vec<u8>, String> {
    let own = certificate("box.example", false);
    let (sockets, mut inputs) = sockets(trust, &own).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let remote = listener.local_addr().unwrap();
    sockets.send(Transmit {
        transport: Transport::Tls,
        remote,
        bytes: OPTIONS.to_vec(),
    });
    let acceptor = TlsAcceptor::from(pbx);
    let pbx = async {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = acceptor.accept(stream).await.ok()?;
        let mut buffer = vec![0; OPTIONS.len()];
        stream.read_exact(&mut buffer).await.ok()?;
        // An answer comes back over the same connection.
        stream.write_all(OPTIONS).await.ok()?;
        stream.flush().await.ok()?;
        Some((buffer, stream))
    };
    let (read, input) = tokio::join!(timeout(SOON, pbx), next(&mut inputs));
    let outcome = match input {
        SipInput::TransportFailed { reason, .. } => Err(reason),
        SipInput::Message {
            transport, bytes, ..
        } => {
            assert_eq!((transport, bytes.as_slice()), (Transport::Tls, OPTIONS));
            Ok(read.unwrap().expect("the PBX read it").0)
        }
    };
    sockets.shutdown().await;
    outcome
}

fn ca_file(certificate: &Certificate, name: &str) -> String {
    let path = std::env::temp_dir().join(format!(
        "causeway-tls-{}-{name}-{}.pem",
        std::process::id(),
        certificate.der.len()
    ));
    std::fs::write(&path, &certificate.pem).unwrap();
    path.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_pbx_is_believed_by_its_authority_and_name() {
    let pbx = certificate("pbx.example", false);
    let file = ca_file(&pbx, "good");
    let trust = format!("tls_ca = \"{file}\"\ntls_name = \"pbx.example\"");
    assert_eq!(reach(&trust, &pbx).await.unwrap(), OPTIONS);

    let other = format!("tls_ca = \"{file}\"\ntls_name = \"other.example\"");
    let fault = reach(&other, &pbx).await.unwrap_err();
    assert!(fault.contains("other.example"), "{fault}");

    let stranger = certificate("pbx.example", false);
    let fault = reach(&trust, &stranger).await.unwrap_err();
    assert!(
        fault.contains("tls_ca") || fault.contains("not believed"),
        "{fault}"
    );

    let old = certificate("pbx.example", true);
    let old_file = ca_file(&old, "old");
    let trust = format!("tls_ca = \"{old_file}\"\ntls_name = \"pbx.example\"");
    let fault = reach(&trust, &old).await.unwrap_err();
    assert!(fault.contains("expired"), "{fault}");
    for file in [file, old_file] {
        let _ = std::fs::remove_file(file);
    }
}

#[tokio::test]
async fn a_wildcard_is_no_name() {
    let pbx = certificate("*.pbx.example", false);
    let file = ca_file(&pbx, "wildcard");
    let trust = format!("tls_ca = \"{file}\"\ntls_name = \"one.pbx.example\"");
    let fault = reach(&trust, &pbx).await.unwrap_err();
    assert!(fault.contains("wildcard"), "{fault}");
    // Who wants that very certificate may have it.
    let pin = format!("tls_pin_sha256 = \"{}\"", fingerprint(&pbx.der));
    assert_eq!(reach(&pin, &pbx).await.unwrap(), OPTIONS);
    let _ = std::fs::remove_file(file);
}

/// What a PBX is configured with that shows `shown`, speaks these versions, and asks for a certificate of `client`.
fn demanding(
    shown: &Certificate,
    versions: &[&'static rustls::SupportedProtocolVersion],
    client: Option<&Certificate>,
) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(versions)
        .unwrap();
    let builder = match client {
        Some(client) => {
            let mut roots = RootCertStore::empty();
            roots.add(client.der.clone()).unwrap();
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.unwrap())
        }
        None => builder.with_no_client_auth(),
    };
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(shown.key.serialize_der()));
    Arc::new(
        builder
            .with_single_cert(vec![shown.der.clone()], private)
            .unwrap(),
    )
}

#[tokio::test]
async fn both_versions_are_spoken() {
    let pbx = certificate("pbx.example", false);
    let pin = format!("tls_pin_sha256 = \"{}\"", fingerprint(&pbx.der));
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let pbx = demanding(&pbx, &[version], None);
        assert_eq!(reach_as(&pin, pbx).await.unwrap(), OPTIONS, "{version:?}");
    }
}

#[tokio::test]
async fn a_pbx_that_asks_is_shown_the_trunks_certificate() {
    let pbx = certificate("pbx.example", false);
    let ours = certificate("box.example", false);
    let pin = format!("tls_pin_sha256 = \"{}\"", fingerprint(&pbx.der));
    let chain = ca_file(&ours, "client");
    let key = format!("{chain}.key");
    std::fs::write(&key, ours.key.serialize_pem()).unwrap();
    let shown = format!("{pin}\ntls_cert = \"{chain}\"\ntls_key = \"{key}\"");
    // TLS 1.2 tells of a refusal at once; with TLS 1.3 it comes after our handshake is done.
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let asks = || demanding(&pbx, &[version], Some(&ours));
        assert_eq!(reach_as(&shown, asks()).await.unwrap(), OPTIONS);
        let nothing_shown = reach_as(&pin, asks()).await;
        assert!(nothing_shown.is_err(), "{version:?}: {nothing_shown:?}");
    }
    // A key that is none is told by its file, not by its content.
    std::fs::write(&key, "-----BEGIN PRIVATE KEY-----\ngeheim\n").unwrap();
    let text = format!(
        "[box]\nhttps = \"127.0.0.1:1\"\nmedia = \"127.0.0.1:2\"\n\
         [sip]\nudp = \"127.0.0.1:5060\"\ntls = \"127.0.0.1:5061\"\n\
         [rtp]\naddress = \"127.0.0.1\"\nports = \"20000-20099\"\n\
         [[trunk]]\nname = \"pbx\"\naddress = \"127.0.0.1:5071\"\ntransport = \"tls\"\n{shown}\n"
    );
    let directory = Directory::new(Config::parse(&text).unwrap());
    let (_, directory) = watch::channel(Arc::new(directory));
    let fault = TlsPeers::read(directory, ours.config.clone()).unwrap_err();
    let told = fault.to_string();
    assert!(
        told.contains(&key) && told.contains("trunk `pbx`") && !told.contains("geheim"),
        "{told}"
    );
    for file in [chain, key] {
        let _ = std::fs::remove_file(file);
    }
}

/// A PBX connects, showing `shown`, and says OPTIONS; whether the switch got to hear it.
async fn is_heard(trust: &str, shown: Option<&Certificate>) -> bool {
    let own = certificate("box.example", false);
    let (sockets, mut inputs) = sockets(trust, &own).await;
    let mut roots = RootCertStore::empty();
    roots.add(own.der.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match shown {
        Some(shown) => {
            let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(shown.key.serialize_der()));
            builder
                .with_client_auth_cert(vec![shown.der.clone()], private)
                .unwrap()
        }
        None => builder.with_no_client_auth(),
    };
    let stream = TcpStream::connect(sockets.tls_addr().unwrap())
        .await
        .unwrap();
    let name = ServerName::try_from("box.example").unwrap();
    let stream = TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await;
    // With TLS 1.3 our side is done before the box has judged.
    let mut stream = stream.ok();
    if let Some(stream) = &mut stream {
        let _ = stream.write_all(OPTIONS).await;
        let _ = stream.flush().await;
    }
    let heard = matches!(next(&mut inputs).await, SipInput::Message { .. });
    sockets.shutdown().await;
    heard
}

#[tokio::test]
async fn a_pbx_that_connects_shows_its_certificate_where_that_is_asked() {
    let pbx = certificate("pbx.example", false);
    let stranger = certificate("pbx.example", false);
    let file = ca_file(&pbx, "mutual");
    let by_name = format!("tls_ca = \"{file}\"\ntls_name = \"pbx.example\"");
    let by_pin = format!("tls_pin_sha256 = \"{}\"", fingerprint(&pbx.der));
    for trust in [by_name, by_pin] {
        assert!(is_heard(&trust, None).await, "nothing is asked for");
        let mutual = format!("{trust}\ntls_mutual = true");
        assert!(is_heard(&mutual, Some(&pbx)).await);
        assert!(!is_heard(&mutual, Some(&stranger)).await, "a stranger");
        assert!(!is_heard(&mutual, None).await, "nothing shown");
    }
    let other = format!("tls_ca = \"{file}\"\ntls_name = \"other.example\"\ntls_mutual = true");
    assert!(!is_heard(&other, Some(&pbx)).await, "another name");
    let _ = std::fs::remove_file(file);
}

#[tokio::test]
async fn two_trunks_at_one_host_have_their_own_trust() {
    let own = certificate("box.example", false);
    let [first, second] = ["one.example", "two.example"].map(|name| certificate(name, false));
    let mut listeners = Vec::new();
    let mut trunks = String::new();
    for certificate in [&first, &second] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        trunks += &format!(
            "[[trunk]]\nname = \"p{}\"\naddress = \"{address}\"\ntransport = \"tls\"\ntls_pin_sha256 = \"{}\"\n",
            address.port(),
            fingerprint(&certificate.der)
        );
        listeners.push(listener);
    }
    // Each shows its own, then the other's.
    for (shown, believed) in [([&first, &second], true), ([&second, &first], false)] {
        let (sockets, mut inputs) = sockets_with(&trunks, &own).await;
        let mut open = Vec::new();
        for (listener, shown) in listeners.iter().zip(shown) {
            sockets.send(Transmit {
                transport: Transport::Tls,
                remote: listener.local_addr().unwrap(),
                bytes: OPTIONS.to_vec(),
            });
            let acceptor = TlsAcceptor::from(shown.config.clone());
            let pbx = async {
                let (stream, _) = listener.accept().await.unwrap();
                let mut stream = acceptor.accept(stream).await.ok()?;
                stream.write_all(OPTIONS).await.ok()?;
                stream.flush().await.ok()?;
                Some(stream)
            };
            let (stream, input) = tokio::join!(timeout(SOON, pbx), next(&mut inputs));
            // It stays, so that its end is not the next thing that is heard.
            open.push(stream);
            let heard = matches!(input, SipInput::Message { .. });
            assert_eq!(heard, believed, "{input:?}");
        }
        sockets.shutdown().await;
    }
}

#[tokio::test]
async fn a_pinned_pbx_is_believed_whatever_it_says() {
    let pbx = certificate("whatever", true);
    let pin = fingerprint(&pbx.der);
    let trust = format!("tls_pin_sha256 = \"{}\"", pin.to_lowercase());
    assert_eq!(reach(&trust, &pbx).await.unwrap(), OPTIONS);
    let fault = reach(&trust, &certificate("whatever", false))
        .await
        .unwrap_err();
    assert!(fault.contains("another certificate"), "{fault}");
}

#[tokio::test]
async fn a_peer_without_tls_is_told_apart() {
    let own = certificate("box.example", false);
    let pin = format!("tls_pin_sha256 = \"{}\"", "ab".repeat(32));
    let (sockets, mut inputs) = sockets(&pin, &own).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    sockets.send(Transmit {
        transport: Transport::Tls,
        remote: listener.local_addr().unwrap(),
        bytes: OPTIONS.to_vec(),
    });
    let (mut plain, _) = timeout(SOON, listener.accept()).await.unwrap().unwrap();
    plain.write_all(b"SIP/2.0 400 Bad\r\n\r\n").await.unwrap();
    let SipInput::TransportFailed {
        transport, reason, ..
    } = next(&mut inputs).await
    else {
        panic!("no failure");
    };
    assert_eq!(transport, Transport::Tls);
    assert!(reason.contains("does not speak TLS"), "{reason}");
    sockets.shutdown().await;
}

#[tokio::test]
async fn a_pbx_that_connects_is_heard_and_answered_on_its_connection() {
    for address in ["127.0.0.1:5071", "[::1]:5071"] {
        connects_from(address.parse().unwrap()).await;
    }
}

async fn connects_from(address: SocketAddr) {
    let own = certificate("box.example", false);
    let trunk = format!(
        "[[trunk]]\nname = \"pbx\"\naddress = \"{address}\"\ntransport = \"tls\"\ntls_pin_sha256 = \"{}\"\n",
        "ab".repeat(32)
    );
    let (sockets, mut inputs) = sockets_with(&trunk, &own).await;
    let reached_at = match address {
        SocketAddr::V4(_) => sockets.tls_addr(),
        SocketAddr::V6(_) => sockets.further().and_then(|further| further.tls),
    };
    let mut roots = RootCertStore::empty();
    roots.add(own.der.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(reached_at.unwrap()).await.unwrap();
    let name = ServerName::try_from("box.example").unwrap();
    let mut pbx = TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .unwrap();
    // In two halves, as a network may bring it.
    for half in OPTIONS.chunks(20) {
        pbx.write_all(half).await.unwrap();
        pbx.flush().await.unwrap();
    }
    let SipInput::Message {
        transport,
        remote,
        bytes,
        ..
    } = next(&mut inputs).await
    else {
        panic!("no message");
    };
    assert_eq!((transport, bytes.as_slice()), (Transport::Tls, OPTIONS));
    let answer = b"SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n";
    sockets.send(Transmit {
        transport,
        remote,
        bytes: answer.to_vec(),
    });
    let mut buffer = vec![0; answer.len()];
    timeout(SOON, pbx.read_exact(&mut buffer))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(buffer, answer);
    sockets.shutdown().await;
}
