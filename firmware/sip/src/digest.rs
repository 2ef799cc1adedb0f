//! Answering a digest challenge (RFC 7616, RFC 2617, RFC 8760 for SHA-256 in SIP).

use md5::Md5;
use sha2::{Sha256, Sha512_256};

use crate::message::{HeaderName, Headers, Params, syntax};

/// A hash function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Algorithm {
    /// MD5, also when the challenge names none.
    Md5,
    /// SHA-512/256.
    Sha512_256,
    /// SHA-256.
    Sha256,
}

impl Algorithm {
    fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha512_256 => "SHA-512-256",
            Self::Sha256 => "SHA-256",
        }
    }

    fn hex(self, parts: &[&[u8]]) -> String {
        fn digest<D: md5::Digest>(parts: &[&[u8]]) -> String {
            let mut hasher = D::new();
            for (at, part) in parts.iter().enumerate() {
                if at > 0 {
                    hasher.update(b":");
                }
                hasher.update(part);
            }
            hasher
                .finalize()
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect()
        }
        match self {
            Self::Md5 => digest::<Md5>(parts),
            Self::Sha512_256 => digest::<Sha512_256>(parts),
            Self::Sha256 => digest::<Sha256>(parts),
        }
    }
}

/// A challenge we can answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// From 407: the answer goes into `Proxy-Authorization`.
    pub proxy: bool,
    /// The realm.
    pub realm: String,
    /// The nonce as written.
    pub nonce: String,
    /// The opaque as written.
    pub opaque: Option<String>,
    /// The hash.
    pub algorithm: Algorithm,
    /// The `-sess` variant.
    pub session: bool,
    /// Whether `qop=auth` is offered; without it the answer is that of RFC 2069.
    pub qop_auth: bool,
    /// The credentials were right, only the nonce was old.
    pub stale: bool,
}

impl Challenge {
    /// Reads one `WWW-Authenticate` or `Proxy-Authenticate` value. `None`: another scheme, or a demand we cannot
    /// meet (unknown algorithm, only `auth-int`, no nonce).
    pub fn read(value: &[u8], proxy: bool) -> Option<Self> {
        let value = value.trim_ascii();
        let (scheme, rest) = syntax::split_once(value, b' ')?;
        if !scheme.eq_ignore_ascii_case(b"Digest") {
            return None;
        }
        let joined = syntax::split_list(rest, b',').join(&b';');
        let params = Params::read(&joined)?;
        let algorithm = params.text("algorithm").unwrap_or_default();
        let (base, session) = match algorithm.to_ascii_uppercase().strip_suffix("-SESS") {
            Some(base) => (base.to_owned(), true),
            None => (algorithm.to_ascii_uppercase(), false),
        };
        let algorithm = match base.as_str() {
            "" | "MD5" => Algorithm::Md5,
            "SHA-256" => Algorithm::Sha256,
            "SHA-512-256" => Algorithm::Sha512_256,
            _ => return None,
        };
        let qop = params.text("qop");
        let qop_auth = qop.as_deref().is_some_and(|qop| {
            qop.split(',')
                .any(|q| q.trim().eq_ignore_ascii_case("auth"))
        });
        if qop.as_deref().is_some_and(|qop| !qop.trim().is_empty()) && !qop_auth {
            return None;
        }
        Some(Self {
            proxy,
            realm: params.text("realm")?,
            nonce: params.text("nonce")?,
            opaque: params.text("opaque"),
            algorithm,
            session,
            qop_auth,
            stale: params
                .text("stale")
                .is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
        })
    }

    /// The strongest challenge of a 401 or 407 that we can answer, of this realm when one is asked for.
    pub fn choose(headers: &Headers, status: u16, realm: Option<&str>) -> Option<Self> {
        let (name, proxy) = match status {
            401 => (HeaderName::WwwAuthenticate, false),
            407 => (HeaderName::ProxyAuthenticate, true),
            _ => return None,
        };
        headers
            .all(&name)
            .filter_map(|value| Self::read(value, proxy))
            .filter(|challenge| realm.is_none_or(|realm| realm == challenge.realm))
            .max_by_key(|challenge| challenge.algorithm)
    }

    /// The header the answer goes into.
    pub fn answer_header(&self) -> HeaderName {
        if self.proxy {
            HeaderName::ProxyAuthorization
        } else {
            HeaderName::Authorization
        }
    }
}

/// What is signed besides the challenge.
#[derive(Clone, Copy)]
pub struct Signed<'a> {
    /// Sent in clear.
    pub username: &'a str,
    /// Never sent.
    pub password: &'a str,
    /// The method.
    pub method: &'a str,
    /// The Request-URI to the byte.
    pub uri: &'a [u8],
    /// How often this nonce was used, this time included.
    pub nonce_count: u32,
    /// Unpredictable, ours.
    pub cnonce: &'a str,
}

impl std::fmt::Debug for Signed<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signed")
            .field("username", &self.username)
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}

/// The value of `Authorization` or `Proxy-Authorization`.
pub fn answer(challenge: &Challenge, signed: Signed<'_>) -> String {
    let hash = challenge.algorithm;
    let nonce = challenge.nonce.as_bytes();
    let mut secret = hash.hex(&[
        signed.username.as_bytes(),
        challenge.realm.as_bytes(),
        signed.password.as_bytes(),
    ]);
    if challenge.session {
        secret = hash.hex(&[secret.as_bytes(), nonce, signed.cnonce.as_bytes()]);
    }
    let request = hash.hex(&[signed.method.as_bytes(), signed.uri]);
    let count = format!("{:08x}", signed.nonce_count);
    let response = if challenge.qop_auth {
        hash.hex(&[
            secret.as_bytes(),
            nonce,
            count.as_bytes(),
            signed.cnonce.as_bytes(),
            b"auth",
            request.as_bytes(),
        ])
    } else {
        hash.hex(&[secret.as_bytes(), nonce, request.as_bytes()])
    };
    let mut value = format!(
        "Digest username={},realm={},nonce={},uri={},response=\"{response}\",algorithm={}{}",
        syntax::quote(signed.username),
        syntax::quote(&challenge.realm),
        syntax::quote(&challenge.nonce),
        syntax::quote(&String::from_utf8_lossy(signed.uri)),
        hash.name(),
        if challenge.session { "-sess" } else { "" },
    );
    if challenge.qop_auth {
        value.push_str(&format!(",qop=auth,nc={count}"));
    }
    if challenge.qop_auth || challenge.session {
        value.push_str(&format!(",cnonce={}", syntax::quote(signed.cnonce)));
    }
    if let Some(opaque) = &challenge.opaque {
        value.push_str(&format!(",opaque={}", syntax::quote(opaque)));
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed<'a>(password: &'a str, cnonce: &'a str) -> Signed<'a> {
        Signed {
            username: "Mufasa",
            password,
            method: "GET",
            uri: b"/dir/index.html",
            nonce_count: 1,
            cnonce,
        }
    }

    #[test]
    fn the_example_of_rfc_2617() {
        let challenge = Challenge::read(
            br#"Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41""#,
            false,
        )
        .unwrap();
        let value = answer(&challenge, signed("Circle Of Life", "0a4f113b"));
        assert!(
            value.contains("response=\"6629fae49393a05397450978507c4ef1\""),
            "{value}"
        );
        assert!(value.contains("nc=00000001"), "{value}");
    }

    #[test]
    fn the_example_of_rfc_7616() {
        let challenge = Challenge::read(
            br#"Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=SHA-256, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS""#,
            false,
        )
        .unwrap();
        let value = answer(
            &challenge,
            signed(
                "Circle of Life",
                "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
            ),
        );
        assert!(
            value.contains(
                "response=\"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1\""
            ),
            "{value}"
        );
    }

    #[test]
    fn without_qop_neither_count_nor_cnonce() {
        let challenge =
            Challenge::read(br#"Digest realm="r", nonce="n", stale=TRUE"#, true).unwrap();
        assert!(challenge.stale && !challenge.qop_auth);
        let value = answer(&challenge, signed("x", "c"));
        assert!(
            !value.contains("nc=") && !value.contains("cnonce="),
            "{value}"
        );
    }

    #[test]
    fn the_strongest_of_the_right_realm_is_chosen() {
        let mut headers = Headers::new();
        for value in [
            "Basic realm=\"r\"",
            "Digest realm=\"r\", nonce=\"1\", algorithm=MD5",
            "Digest realm=\"r\", nonce=\"2\", algorithm=SHA-256",
            "Digest realm=\"other\", nonce=\"3\", algorithm=SHA-256",
            "Digest realm=\"r\", nonce=\"4\", algorithm=WHIRLPOOL",
            "Digest realm=\"r\", nonce=\"5\", qop=\"auth-int\"",
        ] {
            headers.push(HeaderName::WwwAuthenticate, value);
        }
        let chosen = Challenge::choose(&headers, 401, Some("r")).unwrap();
        assert_eq!(chosen.nonce, "2");
        assert_eq!(Challenge::choose(&headers, 401, Some("absent")), None);
        assert_eq!(Challenge::choose(&headers, 407, None), None);
    }

    #[test]
    fn the_password_is_in_no_debug_output() {
        assert!(!format!("{:?}", signed("geheim", "c")).contains("geheim"));
    }
}
