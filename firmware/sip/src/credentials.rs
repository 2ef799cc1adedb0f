//! Who is told what only the owner of a password can say: the answer to a digest challenge (RFC 3261 §22, RFC 7616 §5.1).
//!
//! An answer to a challenge lets whoever gets it try passwords at leisure, so it goes to the trunk alone:
//!
//! | a challenge | is answered |
//! |---|---|
//! | of a host of the trunk, to a request that went to one | yes |
//! | of a host of another trunk, or of a host that a redirection, a Contact or a Record-Route led to | no: [`Withheld::Elsewhere`] |
//! | over TLS when the trunk is spoken to in clear, in clear when it is spoken to over TLS | no: [`Withheld::OtherSecurity`] |
//! | of another realm than the one that is configured | no: [`Withheld::OtherRealm`] |
//! | in a dialog the far side began | no: such a dialog has no credentials ([`Withheld::NoCredentials`]) |
//! | with an unknown algorithm, or `auth-int` alone | no: [`Withheld::Unusable`] |
//! | to a request that has an answer already, the nonce not being stale | no: [`Withheld::Refused`] |

use std::fmt;
use std::net::SocketAddr;

use crate::digest::{self, Challenge, Signed};
use crate::endpoint::Transport;
use crate::message::{HeaderName, Headers, Params, syntax};

/// Challenges answered in a row before credentials count as refused.
const MAX_CHALLENGES: u8 = 4;

/// What to answer a digest challenge with, and whose.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// User name sent in clear.
    pub username: String,
    /// Never sent, never shown.
    pub password: String,
    /// Answer only challenges of this realm; `None`: of any that one of `hosts` names.
    pub realm: Option<String>,
    /// Who may ask.
    pub hosts: TrunkHosts,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("username", &self.username)
            .field("realm", &self.realm)
            .field("hosts", &self.hosts)
            .finish_non_exhaustive()
    }
}

/// The addresses of one trunk, and how it is spoken to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrunkHosts {
    /// Its own. Another port of the same host is the same host.
    pub own: Vec<SocketAddr>,
    /// Those of other trunks, which may be other ports of the same host.
    pub others: Vec<SocketAddr>,
    /// Whether it is spoken to over TLS.
    pub secure: bool,
}

impl TrunkHosts {
    /// A trunk with one address, and no other on its host.
    pub fn one(address: SocketAddr, transport: Transport) -> Self {
        Self {
            own: vec![address],
            others: Vec::new(),
            secure: transport.is_secure(),
        }
    }

    fn admit(&self, transport: Transport, remote: SocketAddr) -> Result<(), Withheld> {
        let host = |a: &SocketAddr| a.ip().to_canonical() == remote.ip().to_canonical();
        let exact = |a: &SocketAddr| host(a) && a.port() == remote.port();
        let is_own = self.own.iter().any(exact)
            || (self.own.iter().any(host) && !self.others.iter().any(exact));
        if !is_own {
            return Err(Withheld::Elsewhere(remote));
        }
        if transport.is_secure() != self.secure {
            return Err(Withheld::OtherSecurity);
        }
        Ok(())
    }
}

/// Why a challenge is not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Withheld {
    /// There are none for this dialog.
    #[error("it asks for a user name and a password, and there are none")]
    NoCredentials,
    /// It came from, or the answer would go to, a host that is none of the trunk.
    #[error("{0} asks for the password, and is no host of the trunk")]
    Elsewhere(SocketAddr),
    /// It came in clear and the trunk is spoken to over TLS, or the other way round.
    #[error("it asks for the password over another security than the trunk's")]
    OtherSecurity,
    /// It is of a realm the password is not for.
    #[error("it asks for the password of the realm {0}, which is not the trunk's")]
    OtherRealm(String),
    /// An algorithm or protection we do not speak, or no challenge at all.
    #[error("it asks for the password in a way the box does not know")]
    Unusable,
    /// The last answer was not good enough.
    #[error("it does not accept the user name or the password")]
    Refused,
}

/// A refusal with a challenge, and the request it was for.
#[derive(Debug, Clone, Copy)]
pub struct Challenged<'a> {
    /// 401 or 407.
    pub status: u16,
    /// Of the refusal.
    pub headers: &'a Headers,
    /// Where the refusal came from.
    pub from: (Transport, SocketAddr),
    /// Where the request went, and will go again.
    pub to: (Transport, SocketAddr),
    /// The method.
    pub method: &'a str,
    /// The Request-URI to the byte.
    pub uri: &'a [u8],
    /// The request answered a challenge of this exchange already.
    pub answered: bool,
}

/// Answers the challenges of one dialog or registration.
#[derive(Debug, Default)]
pub struct Authenticator {
    credentials: Option<Credentials>,
    /// Answered in a row.
    challenges: u8,
    last: Option<Answered>,
}

/// The challenge that was answered last.
#[derive(Debug)]
struct Answered {
    challenge: Challenge,
    /// How often its nonce was used.
    count: u32,
    /// The first of the nonce: a session hash is made of it (RFC 7616 §3.4.2).
    cnonce: String,
}

impl Authenticator {
    /// Answers with these.
    pub fn new(credentials: Option<Credentials>) -> Self {
        Self {
            credentials,
            ..Self::default()
        }
    }

    /// Something else than a challenge came: the last answer was good, or was not asked for.
    pub fn settled(&mut self) {
        self.challenges = 0;
    }

    /// Whether a request with an answer may go there.
    ///
    /// # Errors
    /// Why not.
    pub fn may_tell(&self, transport: Transport, remote: SocketAddr) -> Result<(), Withheld> {
        let credentials = self.credentials.as_ref().ok_or(Withheld::NoCredentials)?;
        credentials.hosts.admit(transport, remote)
    }

    /// The header that answers a challenge.
    ///
    /// # Errors
    /// Why there is none.
    pub fn answer(
        &mut self,
        challenged: &Challenged<'_>,
        cnonce: String,
    ) -> Result<(HeaderName, String), Withheld> {
        let (transport, remote) = challenged.from;
        self.may_tell(transport, remote)?;
        let (transport, remote) = challenged.to;
        self.may_tell(transport, remote)?;
        let credentials = self.credentials.as_ref().ok_or(Withheld::NoCredentials)?;
        let (headers, status) = (challenged.headers, challenged.status);
        let challenge = match Challenge::choose(headers, status, credentials.realm.as_deref()) {
            Some(challenge) => challenge,
            None => {
                let other = Challenge::choose(headers, status, None);
                return Err(other.map_or(Withheld::Unusable, |c| Withheld::OtherRealm(c.realm)));
            }
        };
        // Asked again although answered: wrong, unless only the nonce was too old.
        self.challenges = self.challenges.saturating_add(1);
        if (challenged.answered && !challenge.stale) || self.challenges > MAX_CHALLENGES {
            return Err(Withheld::Refused);
        }
        let same = |last: &&mut Answered| {
            last.challenge.nonce == challenge.nonce && last.challenge.realm == challenge.realm
        };
        match self.last.as_mut().filter(same) {
            Some(last) => last.challenge = challenge,
            None => {
                self.last = Some(Answered {
                    challenge,
                    count: 0,
                    cnonce: String::new(),
                });
            }
        }
        self.again(challenged.method, challenged.uri, cnonce)
            .ok_or(Withheld::NoCredentials)
    }

    /// The answer to the last challenge once more, before anybody asks (RFC 7616 §3.6). `None`: none was answered.
    /// Whether it may go there is for [`Authenticator::may_tell`].
    pub fn again(
        &mut self,
        method: &str,
        uri: &[u8],
        cnonce: String,
    ) -> Option<(HeaderName, String)> {
        let credentials = self.credentials.as_ref()?;
        let last = self.last.as_mut()?;
        last.count = last.count.saturating_add(1);
        if last.cnonce.is_empty() || !last.challenge.session {
            last.cnonce = cnonce;
        }
        let value = digest::answer(
            &last.challenge,
            Signed {
                username: &credentials.username,
                password: &credentials.password,
                method,
                uri,
                nonce_count: last.count,
                cnonce: &last.cnonce,
            },
        );
        Some((last.challenge.answer_header(), value))
    }

    /// Takes the nonce for the next request from a success (`Authentication-Info`, RFC 7616 §3.5).
    pub fn take_next_nonce(&mut self, headers: &Headers) {
        let name = HeaderName::Other("Authentication-Info".to_owned());
        let next = headers
            .get(&name)
            .map(|value| syntax::split_list(value, b',').join(&b';'))
            .and_then(|joined| Params::read(&joined)?.text("nextnonce"))
            .filter(|nonce| !nonce.is_empty());
        if let (Some(nonce), Some(last)) = (next, &mut self.last) {
            last.challenge.nonce = nonce;
            last.count = 0;
            last.cnonce.clear();
        }
    }

    /// Forgets the last challenge: the next request waits to be asked.
    pub fn forget(&mut self) {
        self.last = None;
        self.challenges = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn of_trunk(realm: Option<&str>, secure: bool) -> Authenticator {
        Authenticator::new(Some(Credentials {
            username: "box".to_owned(),
            password: "geheim".to_owned(),
            realm: realm.map(str::to_owned),
            hosts: TrunkHosts {
                own: vec![address("10.0.0.2:5060"), address("10.0.0.3:5060")],
                others: vec![address("10.0.0.3:5090"), address("10.0.0.9:5060")],
                secure,
            },
        }))
    }

    fn headers(challenge: &str) -> Headers {
        let mut headers = Headers::new();
        headers.push(HeaderName::WwwAuthenticate, challenge);
        headers
    }

    const PBX: &str = "Digest realm=\"pbx\",nonce=\"n\",qop=\"auth\"";

    #[test]
    fn only_the_trunk_itself_is_answered() {
        use Transport::{Tcp, Tls, Udp};
        let elsewhere = |text| Some(Withheld::Elsewhere(address(text)));
        for (what, realm, secure, from, to, expected) in [
            (
                "the trunk",
                None,
                false,
                (Udp, "10.0.0.2:5060"),
                (Udp, "10.0.0.2:5060"),
                None,
            ),
            (
                "another port of its host",
                None,
                false,
                (Udp, "10.0.0.2:5080"),
                (Udp, "10.0.0.2:5080"),
                None,
            ),
            (
                "its second target",
                None,
                false,
                (Udp, "10.0.0.3:5060"),
                (Udp, "10.0.0.3:5060"),
                None,
            ),
            (
                "a large request over TCP",
                None,
                false,
                (Tcp, "10.0.0.2:5060"),
                (Tcp, "10.0.0.2:5060"),
                None,
            ),
            (
                "its realm",
                Some("pbx"),
                false,
                (Udp, "10.0.0.2:5060"),
                (Udp, "10.0.0.2:5060"),
                None,
            ),
            (
                "its realm over TLS",
                Some("pbx"),
                true,
                (Tls, "10.0.0.2:5061"),
                (Tls, "10.0.0.2:5061"),
                None,
            ),
            (
                "another trunk on its host",
                None,
                false,
                (Udp, "10.0.0.3:5090"),
                (Udp, "10.0.0.2:5060"),
                elsewhere("10.0.0.3:5090"),
            ),
            (
                "another trunk",
                Some("pbx"),
                false,
                (Udp, "10.0.0.9:5060"),
                (Udp, "10.0.0.2:5060"),
                elsewhere("10.0.0.9:5060"),
            ),
            (
                "after a redirection",
                Some("pbx"),
                false,
                (Udp, "10.0.0.9:5060"),
                (Udp, "10.0.0.9:5060"),
                elsewhere("10.0.0.9:5060"),
            ),
            (
                "the trunk, for what went elsewhere",
                None,
                false,
                (Udp, "10.0.0.2:5060"),
                (Udp, "192.0.2.1:5060"),
                elsewhere("192.0.2.1:5060"),
            ),
            (
                "a stranger",
                None,
                false,
                (Udp, "192.0.2.1:5060"),
                (Udp, "10.0.0.2:5060"),
                elsewhere("192.0.2.1:5060"),
            ),
            (
                "in clear instead of TLS",
                Some("pbx"),
                true,
                (Tcp, "10.0.0.2:5060"),
                (Tls, "10.0.0.2:5061"),
                Some(Withheld::OtherSecurity),
            ),
            (
                "sent on in clear instead of TLS",
                None,
                true,
                (Tls, "10.0.0.2:5061"),
                (Udp, "10.0.0.2:5060"),
                Some(Withheld::OtherSecurity),
            ),
            (
                "another realm",
                Some("asterisk"),
                false,
                (Udp, "10.0.0.2:5060"),
                (Udp, "10.0.0.2:5060"),
                Some(Withheld::OtherRealm("pbx".to_owned())),
            ),
        ] {
            let headers = headers(PBX);
            let challenged = Challenged {
                status: 401,
                headers: &headers,
                from: (from.0, address(from.1)),
                to: (to.0, address(to.1)),
                method: "BYE",
                uri: b"sip:x",
                answered: false,
            };
            let answered = of_trunk(realm, secure).answer(&challenged, "c".to_owned());
            assert_eq!(answered.err(), expected, "{what}");
        }
    }

    fn challenged(headers: &Headers, answered: bool) -> Challenged<'_> {
        let trunk = (Transport::Udp, address("10.0.0.2:5060"));
        Challenged {
            status: 401,
            headers,
            from: trunk,
            to: trunk,
            method: "REGISTER",
            uri: b"sip:pbx",
            answered,
        }
    }

    #[test]
    fn a_nonce_that_is_used_again_is_counted() {
        let mut authenticator = of_trunk(None, false);
        let mut answer = |value: &str, answered: bool| {
            let headers = headers(value);
            let answer = authenticator.answer(&challenged(&headers, answered), "c".to_owned());
            answer.map(|(_, value)| value)
        };
        assert!(answer(PBX, false).unwrap().contains("nc=00000001"));
        assert!(answer(PBX, false).unwrap().contains("nc=00000002"));
        assert_eq!(answer(PBX, true), Err(Withheld::Refused));
        let stale = "Digest realm=\"pbx\",nonce=\"m\",qop=\"auth\",stale=true";
        assert!(answer(stale, true).unwrap().contains("nc=00000001"));
        assert_eq!(
            answer(stale, true),
            Err(Withheld::Refused),
            "for the fifth time"
        );
        authenticator.settled();
        let (_, value) = authenticator
            .again("REGISTER", b"sip:pbx", "d".to_owned())
            .unwrap();
        assert!(
            value.contains("nc=00000002") && value.contains("cnonce=\"d\""),
            "{value}"
        );
    }

    #[test]
    fn a_session_keeps_its_first_cnonce_and_the_next_nonce_starts_anew() {
        let mut authenticator = of_trunk(None, false);
        let session = headers("Digest realm=\"pbx\",nonce=\"n\",qop=\"auth\",algorithm=MD5-sess");
        let first = authenticator.answer(&challenged(&session, false), "one".to_owned());
        assert!(first.unwrap().1.contains("cnonce=\"one\""));
        let again = authenticator.again("REGISTER", b"sip:pbx", "two".to_owned());
        assert!(again.unwrap().1.contains("cnonce=\"one\""));
        let mut success = Headers::new();
        let name = HeaderName::Other("authentication-info".to_owned());
        success.push(name, "nextnonce=\"m\", qop=auth");
        authenticator.take_next_nonce(&success);
        let (_, value) = authenticator
            .again("REGISTER", b"sip:pbx", "three".to_owned())
            .unwrap();
        for part in ["nonce=\"m\"", "nc=00000001", "cnonce=\"three\""] {
            assert!(value.contains(part), "{value}");
        }
    }

    #[test]
    fn without_a_way_to_answer_it_is_said_why() {
        let unusable = headers("Digest realm=\"pbx\",nonce=\"n\",algorithm=WHIRLPOOL");
        let mut authenticator = of_trunk(None, false);
        assert_eq!(
            authenticator.answer(&challenged(&unusable, false), String::new()),
            Err(Withheld::Unusable)
        );
        let fine = headers(PBX);
        assert_eq!(
            Authenticator::new(None).answer(&challenged(&fine, false), String::new()),
            Err(Withheld::NoCredentials)
        );
    }

    #[test]
    fn the_password_is_in_no_debug_output() {
        assert!(!format!("{:?}", of_trunk(None, false)).contains("geheim"));
    }
}
