//! Certificates of an authority of our own, for peers that speak TLS.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;

use crate::error::{Doing, Result};

/// An authority and the folder that what it makes lies in.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    folder: PathBuf,
}

/// The files of one certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// Both in one file, the key first.
    pub both: PathBuf,
}

impl Authority {
    /// Makes one; its certificate is `ca.pem` in `folder`.
    ///
    /// # Errors
    /// What cannot be made or written.
    pub fn new(folder: &Path) -> Result<Self> {
        let key = KeyPair::generate().doing("the authority's key")?;
        let mut parameters = CertificateParams::default();
        parameters
            .distinguished_name
            .push(DnType::CommonName, "Causeway tests");
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = parameters
            .self_signed(&key)
            .doing("the authority's certificate")?;
        std::fs::write(folder.join("ca.pem"), certificate.pem()).doing("ca.pem")?;
        Ok(Self {
            issuer: Issuer::new(parameters, key),
            folder: folder.to_owned(),
        })
    }

    /// Its own certificate.
    pub fn path(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// Vouches for `subject`, a name or an IP address.
    ///
    /// # Errors
    /// What cannot be made or written.
    pub fn issue(&self, subject: &str) -> Result<Files> {
        let key = KeyPair::generate().doing("a key")?;
        let mut parameters = CertificateParams::new([subject.to_owned()]).doing("a certificate")?;
        parameters
            .distinguished_name
            .push(DnType::CommonName, subject);
        let certificate = parameters
            .signed_by(&key, &self.issuer)
            .doing("a certificate")?;
        let files = Files {
            certificate: self.folder.join(format!("{subject}.cert.pem")),
            key: self.folder.join(format!("{subject}.key.pem")),
            both: self.folder.join(format!("{subject}.pem")),
        };
        let (pem, secret) = (certificate.pem(), key.serialize_pem());
        std::fs::write(&files.certificate, &pem).doing("a certificate")?;
        std::fs::write(&files.key, &secret).doing("a key")?;
        std::fs::write(&files.both, format!("{secret}{pem}")).doing("a key and certificate")?;
        Ok(files)
    }
}

/// A server's side of TLS with a certificate that only it vouches for.
///
/// # Errors
/// What cannot be made.
pub fn server(name: &str) -> Result<ServerConfig> {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).doing("a certificate")?;
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .doing("TLS versions")?
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .doing("a certificate")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::TempFolder;

    #[test]
    fn what_it_vouches_for_is_written() {
        let folder = TempFolder::new("certificates").unwrap();
        let authority = Authority::new(folder.path()).unwrap();
        let files = authority.issue("127.0.0.1").unwrap();
        let both = std::fs::read_to_string(files.both).unwrap();
        assert!(both.contains("PRIVATE KEY") && both.contains("BEGIN CERTIFICATE"));
        assert!(authority.path().is_file());
    }
}
