//! The keys that a DTLS handshake has agreed on for SRTP (RFC 5764 section 4.2), so that media need not pass through the
//! whole WebRTC stack.
//!
//! The stack keeps them to itself, but lets whoever builds it bring the cryptography. What is brought here is the
//! library's own, with an eye on it:
//!
//! | the stack asks for | what is learnt |
//! |---|---|
//! | the exporter's label in a keyed hash (RFC 5705 section 4) | a block of the keying material |
//! | a block cipher after that | which of the two master keys is ours: it derives with that one first |
//! | an AEAD or a stream cipher after that | the suite |
//!
//! Whatever else happens, nothing is learnt, and media goes through the stack.

use causeway_media::srtp::{SrtpKey, SrtpPlan, SrtpSuite};
use rtc::crypto::{
    ActiveKeyExchange, AeadAlgorithm, AeadCipher, BlockCipherAlgorithm, CbcAlgorithm, CbcCipher,
    CryptoAlgorithm, CryptoError, HashAlgorithm, HmacAlgorithm, KeyExchangeAlgorithm, Mac,
    PublicKey, RTCCrypto, RTCCryptoProvider, RTCRandom, SignatureScheme, SigningKey, StreamCipher,
    StreamCipherAlgorithm,
};
use std::sync::{Arc, Mutex, PoisonError};

const LABEL: &[u8] = b"EXTRACTOR-dtls_srtp";
/// Of two keys and two salts of the longest suite, in blocks of a hash.
const MOST: usize = 96;

/// One connection's cryptography; see the module.
pub struct Keying {
    provider: Arc<dyn RTCCryptoProvider>,
    learnt: Arc<Mutex<Learnt>>,
}

#[derive(Default)]
struct Learnt {
    material: Vec<u8>,
    own: Option<Vec<u8>>,
    suite: Option<SrtpSuite>,
}

impl Drop for Learnt {
    fn drop(&mut self) {
        self.material.fill(0);
        self.own.iter_mut().for_each(|own| own.fill(0));
    }
}

impl std::fmt::Debug for Keying {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keying")
    }
}

impl Keying {
    pub fn new(provider: Arc<dyn RTCCryptoProvider>) -> Self {
        Self {
            provider,
            learnt: Arc::default(),
        }
    }

    /// What was agreed, once; forgotten here afterwards.
    pub fn take(&self) -> Option<SrtpPlan> {
        std::mem::take(&mut *lock(&self.learnt)).plan()
    }

    fn with(&self, learn: impl FnOnce(&mut Learnt)) {
        let mut learnt = lock(&self.learnt);
        if !learnt.material.is_empty() {
            learn(&mut learnt);
        }
    }

    fn inner(&self) -> &dyn RTCCrypto {
        self.provider.crypto()
    }
}

fn lock(learnt: &Mutex<Learnt>) -> std::sync::MutexGuard<'_, Learnt> {
    learnt.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Learnt {
    /// Client's key, server's key, client's salt, server's salt.
    fn plan(&self) -> Option<SrtpPlan> {
        let suite = self.suite?;
        let (keys, salts) = self.material.split_at_checked(2 * suite.key_octets())?;
        let (client, server) = keys.split_at_checked(suite.key_octets())?;
        let (client_salt, rest) = salts.split_at_checked(suite.salt_octets())?;
        let server_salt = rest.get(..suite.salt_octets())?;
        let key = |key: &[u8], salt: &[u8]| SrtpKey::new(suite, &[key, salt].concat());
        let (client_key, server_key) = (key(client, client_salt)?, key(server, server_salt)?);
        let own = self.own.as_deref()?;
        match (own == client, own == server) {
            (true, false) => Some(SrtpPlan {
                send: client_key,
                receive: server_key,
            }),
            (false, true) => Some(SrtpPlan {
                send: server_key,
                receive: client_key,
            }),
            _ => None,
        }
    }
}

impl RTCCryptoProvider for Keying {
    fn name(&self) -> &'static str {
        self.provider.name()
    }

    fn crypto(&self) -> &dyn RTCCrypto {
        self
    }

    fn random(&self) -> &dyn RTCRandom {
        self.provider.random()
    }
}

impl RTCCrypto for Keying {
    fn supports(&self, algorithm: CryptoAlgorithm) -> bool {
        self.inner().supports(algorithm)
    }

    fn hash(&self, algorithm: HashAlgorithm, data: &[u8]) -> Result<Vec<u8>, CryptoError> {
        self.inner().hash(algorithm, data)
    }

    fn block_encrypt(
        &self,
        algorithm: BlockCipherAlgorithm,
        key: &[u8],
        block: &mut [u8],
    ) -> Result<(), CryptoError> {
        self.with(|learnt| {
            learnt.own.get_or_insert_with(|| key.to_vec());
        });
        self.inner().block_encrypt(algorithm, key, block)
    }

    fn new_hmac(&self, algorithm: HmacAlgorithm, key: &[u8]) -> Result<Box<dyn Mac>, CryptoError> {
        let mac = self.inner().new_hmac(algorithm, key)?;
        Ok(match algorithm {
            HmacAlgorithm::Sha256 => Box::new(Watched {
                mac,
                learnt: Arc::clone(&self.learnt),
            }),
            _ => mac,
        })
    }

    fn new_stream_cipher(
        &self,
        algorithm: StreamCipherAlgorithm,
        key: &[u8],
    ) -> Result<Box<dyn StreamCipher>, CryptoError> {
        self.with(|learnt| {
            // The short tag is not offered.
            if key.len() == SrtpSuite::AesCm128HmacSha1_80.key_octets() {
                learnt.suite.get_or_insert(SrtpSuite::AesCm128HmacSha1_80);
            }
        });
        self.inner().new_stream_cipher(algorithm, key)
    }

    fn new_aead(
        &self,
        algorithm: AeadAlgorithm,
        key: &[u8],
    ) -> Result<Box<dyn AeadCipher>, CryptoError> {
        let suite = [SrtpSuite::AeadAes128Gcm, SrtpSuite::AeadAes256Gcm]
            .into_iter()
            .find(|suite| suite.key_octets() == key.len());
        self.with(|learnt| learnt.suite = learnt.suite.or(suite));
        self.inner().new_aead(algorithm, key)
    }

    fn new_cbc(
        &self,
        algorithm: CbcAlgorithm,
        key: &[u8],
    ) -> Result<Box<dyn CbcCipher>, CryptoError> {
        self.inner().new_cbc(algorithm, key)
    }

    fn start_key_exchange(
        &self,
        algorithm: KeyExchangeAlgorithm,
    ) -> Result<Box<dyn ActiveKeyExchange>, CryptoError> {
        self.inner().start_key_exchange(algorithm)
    }

    fn generate_signing_key(
        &self,
        scheme: SignatureScheme,
    ) -> Result<Arc<dyn SigningKey>, CryptoError> {
        self.inner().generate_signing_key(scheme)
    }

    fn import_signing_key(
        &self,
        scheme: SignatureScheme,
        pkcs8_der: &[u8],
    ) -> Result<Arc<dyn SigningKey>, CryptoError> {
        self.inner().import_signing_key(scheme, pkcs8_der)
    }

    fn verify_signature(
        &self,
        scheme: SignatureScheme,
        public_key: PublicKey<'_>,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), CryptoError> {
        self.inner()
            .verify_signature(scheme, public_key, message, signature)
    }
}

/// A keyed hash that the exporter may be using.
struct Watched {
    mac: Box<dyn Mac>,
    learnt: Arc<Mutex<Learnt>>,
}

impl Mac for Watched {
    fn output_len(&self) -> usize {
        self.mac.output_len()
    }

    fn sign(&mut self, input: &[&[u8]], output: &mut [u8]) -> Result<(), CryptoError> {
        self.mac.sign(input, output)?;
        // P_hash: HMAC(secret, A(i) + seed), one block behind the other (RFC 5246 section 5).
        if let [_, seed] = input
            && seed.starts_with(LABEL)
        {
            let mut learnt = lock(&self.learnt);
            if learnt.material.len() + output.len() <= MOST {
                learnt.material.extend_from_slice(output);
            }
        }
        Ok(())
    }

    fn verify(&mut self, input: &[&[u8]], expected: &[u8]) -> Result<(), CryptoError> {
        self.mac.verify(input, expected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the stack does when a handshake is over.
    fn handshake(is_client: bool, suite: SrtpSuite) -> (Keying, Vec<u8>) {
        let keying = Keying::new(rtc::crypto::default_provider().unwrap());
        let crypto = keying.crypto();
        let seed = [LABEL, &[7; 64]].concat();
        let mut last = seed.clone();
        let mut material = Vec::new();
        for _ in 0..(2 * suite.keying_octets()).div_ceil(32) {
            let hash = |input: &[&[u8]]| {
                let mut output = vec![0; 32];
                let mut mac = crypto.new_hmac(HmacAlgorithm::Sha256, &[1; 48]).unwrap();
                mac.sign(input, &mut output).unwrap();
                output
            };
            last = hash(&[&last]);
            material.extend(hash(&[&last, &seed]));
        }
        let octets = suite.key_octets();
        let own = if is_client { 0 } else { octets };
        let key = material[own..own + octets].to_vec();
        let _ = crypto.block_encrypt(BlockCipherAlgorithm::Aes128, &key, &mut [0; 16]);
        if suite == SrtpSuite::AesCm128HmacSha1_80 {
            let _ = crypto.new_stream_cipher(StreamCipherAlgorithm::Aes128Ctr, &[2; 16]);
        } else {
            let _ = crypto.new_aead(AeadAlgorithm::Aes128Gcm, &vec![2; octets]);
        }
        (keying, material)
    }

    #[test]
    fn both_sides_learn_the_same_keys_the_other_way_round() {
        for suite in [
            SrtpSuite::AeadAes128Gcm,
            SrtpSuite::AeadAes256Gcm,
            SrtpSuite::AesCm128HmacSha1_80,
        ] {
            let (client, material) = handshake(true, suite);
            let (server, _) = handshake(false, suite);
            let (client, server) = (client.take().unwrap(), server.take().unwrap());
            assert_eq!((client.send, client.receive), (server.receive, server.send));
            assert_eq!(client.send.suite(), suite);
            let (key, salt) = (suite.key_octets(), suite.salt_octets());
            assert_eq!(client.send.master_key(), &material[..key]);
            assert_eq!(
                server.send.master_salt(),
                &material[2 * key + salt..2 * (key + salt)]
            );
        }
    }

    #[test]
    fn nothing_is_learnt_of_anything_else() {
        let keying = Keying::new(rtc::crypto::default_provider().unwrap());
        let crypto = keying.crypto();
        let _ = crypto.new_aead(AeadAlgorithm::Aes128Gcm, &[2; 16]);
        let mut mac = crypto.new_hmac(HmacAlgorithm::Sha256, &[1; 48]).unwrap();
        mac.sign(&[b"x", b"key expansion"], &mut [0; 32]).unwrap();
        assert_eq!(keying.take(), None);
        let (keying, _) = handshake(true, SrtpSuite::AeadAes128Gcm);
        assert!(keying.take().is_some());
        assert_eq!(keying.take(), None, "once");
    }
}
