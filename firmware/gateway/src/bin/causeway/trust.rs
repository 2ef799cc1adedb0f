//! Why a box's certificate is believed.

use crate::{Connection, Failure};
use causeway_gateway::tls::fingerprint;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::TlsConnector;

/// The certificate of a box that runs on this machine.
const OWN: &str = "/var/lib/causeway/tls/cert.pem";

/// A connector that believes what the command line says.
pub(crate) fn connector(connection: &Connection) -> Result<TlsConnector, Failure> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|fault| Failure::Unasked(fault.to_string()))?;
    let pinned = |wanted: Wanted| {
        builder
            .clone()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Pin { wanted, provider }))
            .with_no_client_auth()
    };
    let config = if connection.insecure {
        pinned(Wanted::Any)
    } else if let Some(shown) = &connection.fingerprint {
        pinned(Wanted::These(vec![normal(shown)?]))
    } else if let Some(file) = &connection.ca {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(file)? {
            roots
                .add(certificate)
                .map_err(|fault| Failure::Unasked(format!("{}: {fault}", file.display())))?;
        }
        builder.with_root_certificates(roots).with_no_client_auth()
    } else if Path::new(OWN).exists() {
        // The box's own: whatever name it is reached by, it is this very certificate.
        let own = certificates(Path::new(OWN))?;
        pinned(Wanted::These(own.iter().take(1).map(fingerprint).collect()))
    } else {
        return Err(Failure::Unasked(
            "how shall the box be known? Give --fingerprint (the box logs it at its start), --ca, or --insecure"
                .into(),
        ));
    };
    Ok(TlsConnector::from(Arc::new(config)))
}

/// A TLS fault in words that say what to do.
pub(crate) fn explain(fault: &std::io::Error) -> String {
    let tls = fault
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<Error>());
    match tls {
        Some(Error::InvalidCertificate(CertificateError::Other(other))) => other.to_string(),
        Some(Error::InvalidCertificate(certificate)) => {
            format!("the certificate is not trusted: {certificate}")
        }
        Some(Error::InvalidMessage(_)) => "it does not speak TLS".into(),
        Some(other) => other.to_string(),
        None => fault.to_string(),
    }
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let unasked = |fault: String| Failure::Unasked(format!("{}: {fault}", file.display()));
    let found: Vec<_> = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .map_err(|fault| unasked(fault.to_string()))?;
    if found.is_empty() {
        return Err(unasked("there is no certificate in it".into()));
    }
    Ok(found)
}

/// `3a5f…` or `3A:5F:…` as [`fingerprint`] writes it.
fn normal(shown: &str) -> Result<String, Failure> {
    let digits: String = shown
        .chars()
        .filter(|c| !matches!(c, ':' | ' '))
        .map(|c| c.to_ascii_uppercase())
        .collect();
    if digits.len() != 64 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(Failure::Unasked(
            "--fingerprint is the SHA-256 of a certificate: 64 hexadecimal digits, with or without colons"
                .into(),
        ));
    }
    let pairs: Vec<String> = digits
        .as_bytes()
        .chunks(2)
        .map(|pair| pair.iter().copied().map(char::from).collect())
        .collect();
    Ok(pairs.join(":"))
}

#[derive(Clone, Debug)]
enum Wanted {
    Any,
    These(Vec<String>),
}

/// Believes a certificate for being the one that was named. Its key is still proven.
#[derive(Debug)]
struct Pin {
    wanted: Wanted,
    provider: Arc<CryptoProvider>,
}

/// Another certificate than the one that was named.
#[derive(Debug, thiserror::Error)]
#[error("this is another certificate: the box shows {0}")]
struct OtherCertificate(String);

impl ServerCertVerifier for Pin {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Wanted::These(wanted) = &self.wanted else {
            return Ok(ServerCertVerified::assertion());
        };
        let shown = fingerprint(end_entity);
        if wanted.contains(&shown) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_are_read_with_and_without_colons() {
        let plain = "3a".repeat(32);
        let written = vec!["3A"; 32].join(":");
        assert_eq!(normal(&plain).unwrap(), written);
        assert_eq!(normal(&written).unwrap(), written);
        assert!(normal("3a").is_err());
        assert!(normal(&"zz".repeat(32)).is_err());
    }
}
