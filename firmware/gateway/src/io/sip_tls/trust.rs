//! Whose certificate is believed: the table is in [`super`].

use crate::tls::fingerprint;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use std::sync::Arc;

/// Believes what an authority vouches for, when the certificate has the very name: `*.example` stands for many hosts
/// and so for none (RFC 5922 section 7.2).
#[derive(Debug)]
pub(super) struct Named {
    pub(super) authorities: Arc<WebPkiServerVerifier>,
}

/// A certificate for many names.
#[derive(Debug, thiserror::Error)]
#[error(
    "it is only by a wildcard for {0}, which SIP does not take (RFC 5922); pin it with `tls_pin_sha256`"
)]
struct Wildcard(String);

impl ServerCertVerifier for Named {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified =
            self.authorities
                .verify_server_cert(end_entity, intermediates, name, ocsp, now)?;
        // The authorities' verifier has found the name fit; what is left to ask is whether as it is written.
        if let ServerName::DnsName(wanted) = name {
            let certificate = webpki::EndEntityCert::try_from(end_entity)
                .map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
            let wanted = wanted.as_ref();
            let exact = certificate
                .valid_dns_names()
                .any(|n| n.eq_ignore_ascii_case(wanted));
            if !exact {
                let wildcard = rustls::OtherError(Arc::new(Wildcard(wanted.to_owned())));
                return Err(Error::InvalidCertificate(CertificateError::Other(wildcard)));
            }
        }
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authorities
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authorities
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.authorities.supported_verify_schemes()
    }
}

/// Believes a certificate for being the one that was named; its key is still proven.
#[derive(Debug)]
pub(super) struct Pinned {
    /// 64 upper-case hexadecimal digits.
    pub(super) wanted: String,
    pub(super) provider: Arc<CryptoProvider>,
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

/// The certificate of a PBX that connects: one that would be believed if we had connected.
#[derive(Debug)]
pub(super) struct Shown {
    /// Of the trunks with that address; never empty.
    pub(super) believed: Vec<(Arc<dyn ServerCertVerifier>, ServerName<'static>)>,
}

impl Shown {
    /// Signatures are looked at in the same way by all of them.
    fn any(&self) -> Result<&Arc<dyn ServerCertVerifier>, Error> {
        let first = self.believed.first().map(|(trust, _)| trust);
        first.ok_or(Error::NoCertificatesPresented)
    }
}

impl ClientCertVerifier for Shown {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        // A hint would tell strangers whose certificates we believe.
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let mut fault = Error::NoCertificatesPresented;
        for (trust, name) in &self.believed {
            match trust.verify_server_cert(end_entity, intermediates, name, &[], now) {
                Ok(_) => return Ok(ClientCertVerified::assertion()),
                Err(why) => fault = why,
            }
        }
        Err(fault)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.any()?
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.any()?
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.any()
            .map_or_else(|_| Vec::new(), |trust| trust.supported_verify_schemes())
    }
}
