//! The box's certificate: made at first start, kept, and replaceable.
//!
//! `<state>/tls/key.pem` (mode 0600) and `<state>/tls/cert.pem`. An admin who has a certificate of
//! his own puts key and chain there; nothing here ever overwrites a file that exists.
//!
//! The box's own certificate is self-signed and good for ten years. Nobody vouches for it, so its
//! end would protect nothing: whoever trusts it trusts its fingerprint. Running out after one or
//! two years would only turn off boxes that nobody visits. Where a browser must not warn, a
//! certificate of a real authority goes here instead.

use causeway_directory::BoxSettings;
use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Ten years: see above.
const LIFETIME: Duration = Duration::from_secs(3650 * 24 * 3600);
/// The certificate is good from yesterday on, for boxes and browsers whose clocks disagree.
const BACKDATED: Duration = Duration::from_secs(24 * 3600);

const KEY: &str = "key.pem";
const CERTIFICATE: &str = "cert.pem";

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("{path}: {fault}")]
    File { path: PathBuf, fault: io::Error },
    #[error("{path}: {fault}")]
    Pem { path: PathBuf, fault: String },
    #[error(
        "{there} is there and {missing} is not: put both there, or neither and the box makes its own"
    )]
    Half { there: PathBuf, missing: PathBuf },
    #[error("key and certificate cannot be used together: {0}")]
    Unusable(rustls::Error),
    #[error("cannot make a certificate: {0}")]
    Making(#[from] rcgen::Error),
}

/// Loads the certificate, making it first when there is none, and logs its fingerprint.
///
/// # Errors
/// [`TlsError`]; files that exist are never touched.
pub fn server_config(state: &Path, settings: &BoxSettings) -> Result<Arc<ServerConfig>, TlsError> {
    let folder = state.join("tls");
    let (key, certificate) = (folder.join(KEY), folder.join(CERTIFICATE));
    match (key.exists(), certificate.exists()) {
        (true, true) => {}
        (false, false) => make(&folder, settings)?,
        (true, false) => {
            return Err(TlsError::Half {
                there: key,
                missing: certificate,
            });
        }
        (false, true) => {
            return Err(TlsError::Half {
                there: certificate,
                missing: key,
            });
        }
    }
    load(&key, &certificate)
}

/// SHA-256 of a certificate, as browsers and `causeway --fingerprint` show it: upper-case
/// hexadecimal pairs with colons.
pub fn fingerprint(certificate: &CertificateDer<'_>) -> String {
    let pairs: Vec<String> = Sha256::digest(certificate)
        .iter()
        .map(|byte| format!("{byte:02X}"))
        .collect();
    pairs.join(":")
}

fn load(key_path: &Path, certificate_path: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let pem = |path: &Path| {
        let path = path.to_owned();
        move |fault: rustls::pki_types::pem::Error| TlsError::Pem {
            path,
            fault: fault.to_string(),
        }
    };
    let mode = fs::metadata(key_path)
        .map_err(|fault| TlsError::File {
            path: key_path.to_owned(),
            fault,
        })?
        .permissions()
        .mode();
    if mode & 0o077 != 0 {
        tracing::warn!(
            path = %key_path.display(),
            mode = format!("{:o}", mode & 0o777),
            "others than the box may read its key"
        );
    }
    let chain = CertificateDer::pem_file_iter(certificate_path)
        .map_err(pem(certificate_path))?
        .collect::<Result<Vec<_>, _>>()
        .map_err(pem(certificate_path))?;
    let key = PrivateKeyDer::from_pem_file(key_path).map_err(pem(key_path))?;
    let Some(own) = chain.first() else {
        return Err(TlsError::Pem {
            path: certificate_path.to_owned(),
            fault: "there is no certificate in it".into(),
        });
    };
    let fingerprint = fingerprint(own);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Unusable)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(TlsError::Unusable)?;
    // Browsers name none for TURN; other clients may (RFC 7443), and would be refused.
    let protocols: [&[u8]; 3] = [b"http/1.1", b"stun.turn", b"stun.nat-discovery"];
    config.alpn_protocols = protocols.map(<[u8]>::to_vec).to_vec();
    tracing::info!(fingerprint, "TLS certificate");
    Ok(Arc::new(config))
}

fn make(folder: &Path, settings: &BoxSettings) -> Result<(), TlsError> {
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
    let mut parameters = CertificateParams::new(names(settings))?;
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, settings.name.as_str());
    parameters.distinguished_name = subject;
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let now = SystemTime::now();
    parameters.not_before = (now - BACKDATED).into();
    parameters.not_after = (now + LIFETIME).into();
    let certificate = parameters.self_signed(&key)?;
    let file = |path: &Path| {
        let path = path.to_owned();
        move |fault| TlsError::File { path, fault }
    };
    // Both files are put in place by one rename, so that no loss of power leaves half of them.
    let fresh = folder.with_extension("new");
    fs::create_dir_all(&fresh).map_err(file(&fresh))?;
    fs::set_permissions(&fresh, fs::Permissions::from_mode(0o700)).map_err(file(&fresh))?;
    for (name, text, mode) in [
        (CERTIFICATE, certificate.pem(), 0o644),
        (KEY, key.serialize_pem(), 0o600),
    ] {
        let path = fresh.join(name);
        write(&path, &text, mode).map_err(file(&path))?;
    }
    sync(&fresh).map_err(file(&fresh))?;
    // Takes the place of an empty folder, too.
    fs::rename(&fresh, folder).map_err(file(folder))?;
    sync(folder.parent().unwrap_or(folder)).map_err(file(folder))?;
    tracing::info!(folder = %folder.display(), "made a self-signed certificate");
    Ok(())
}

/// Puts a folder's entries onto the disk.
fn sync(folder: &Path) -> io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

/// Writes a file whole and onto the disk, in place of one left by an earlier attempt.
fn write(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(fault) if fault.kind() != io::ErrorKind::NotFound => return Err(fault),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Every name and address a client may reach the box by, as far as the configuration knows.
fn names(settings: &BoxSettings) -> Vec<String> {
    let loopback = [
        IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(Ipv6Addr::LOCALHOST),
    ];
    let addresses = [settings.https.ip(), settings.media.ip()]
        .into_iter()
        .chain(settings.public.iter().copied())
        .chain(loopback)
        .filter(|address| !address.is_unspecified())
        .map(|address| address.to_string());
    let host = Some(settings.name.clone()).filter(|name| is_host_name(name));
    let mut names: Vec<String> = std::iter::once("localhost".to_owned())
        .chain(host)
        .chain(addresses)
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// A box's name is for people; only one that could be a host's goes into the certificate.
fn is_host_name(name: &str) -> bool {
    name.len() <= 253
        && name.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use causeway_directory::Config;

    fn settings() -> BoxSettings {
        let text = r#"
[box]
name = "box.example"
https = "0.0.0.0:8443"
media = "192.0.2.1:8444"
public = ["198.51.100.7"]
[sip]
udp = "127.0.0.1:5060"
[rtp]
address = "127.0.0.1"
ports = "20000-20099"
"#;
        Config::parse(text).unwrap().settings
    }

    fn folder(name: &str) -> PathBuf {
        let name = format!("causeway-tls-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        path
    }

    #[test]
    fn the_certificate_is_made_once_and_kept() {
        let state = folder("kept");
        server_config(&state, &settings()).unwrap();
        let first = fs::read(state.join("tls/cert.pem")).unwrap();
        let mode = fs::metadata(state.join("tls/key.pem"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        server_config(&state, &settings()).unwrap();
        assert_eq!(fs::read(state.join("tls/cert.pem")).unwrap(), first);
        assert!(!state.join("tls.new").exists());
        fs::remove_dir_all(state).unwrap();
    }

    #[test]
    fn half_a_pair_is_refused_and_left_alone() {
        let state = folder("half");
        server_config(&state, &settings()).unwrap();
        fs::remove_file(state.join("tls/key.pem")).unwrap();
        let fault = server_config(&state, &settings()).unwrap_err();
        assert!(matches!(fault, TlsError::Half { .. }), "{fault}");
        assert!(state.join("tls/cert.pem").exists());
        fs::remove_dir_all(state).unwrap();
    }

    #[test]
    fn a_key_of_another_certificate_is_refused() {
        let state = folder("mixed");
        server_config(&state, &settings()).unwrap();
        let other = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        fs::write(state.join("tls/key.pem"), other.serialize_pem()).unwrap();
        let fault = server_config(&state, &settings()).unwrap_err();
        assert!(matches!(fault, TlsError::Unusable(_)), "{fault}");
        fs::remove_dir_all(state).unwrap();
    }

    #[test]
    fn every_address_is_named() {
        let names = names(&settings());
        for name in [
            "localhost",
            "127.0.0.1",
            "::1",
            "box.example",
            "192.0.2.1",
            "198.51.100.7",
        ] {
            assert!(names.iter().any(|n| n == name), "{name} in {names:?}");
        }
        assert!(!names.iter().any(|n| n == "0.0.0.0"));
        assert!(!is_host_name("Empfang Süd"));
    }

    #[test]
    fn a_fingerprint_is_sha256_with_colons() {
        let print = fingerprint(&CertificateDer::from(b"abc".to_vec()));
        assert!(
            print.starts_with("BA:78:16:BF:") && print.ends_with(":15:AD"),
            "{print}"
        );
    }
}
