//! Digest authentication, both asking and answering (RFC 3261 section 22, RFC 2617).

use super::message::{DigestInput, Method, Request, Response, digest};
use crate::clock::token;

/// A user and a password. The password never shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Who.
    pub user: String,
    /// The secret.
    pub password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// Asks for credentials and checks them.
#[derive(Debug)]
pub struct Challenger {
    nonce: String,
    credentials: Credentials,
}

const REALM: &str = "causeway-phone";

impl Challenger {
    /// One nonce serves the whole run: this is a test phone.
    pub fn new(credentials: Credentials) -> Self {
        Self {
            nonce: token() + &token(),
            credentials,
        }
    }

    /// Whether the request carries the right credentials; `proxy` chooses Proxy-Authorization.
    pub fn accepts(&self, request: &Request, proxy: bool) -> bool {
        let name = if proxy {
            "Proxy-Authorization"
        } else {
            "Authorization"
        };
        request
            .headers
            .all(name)
            .any(|value| self.fits(value, request.method))
    }

    fn fits(&self, value: &str, method: Method) -> bool {
        let parameter = |name| find(value, name);
        let (Some(nonce), Some(uri), Some(response)) =
            (parameter("nonce"), parameter("uri"), parameter("response"))
        else {
            return false;
        };
        let input = DigestInput {
            user: &self.credentials.user,
            password: &self.credentials.password,
            realm: REALM,
            nonce,
            uri,
            method,
            cnonce: parameter("qop").and(parameter("cnonce")),
        };
        nonce == self.nonce
            && parameter("username") == Some(&self.credentials.user)
            && digest(input).is_some_and(|wanted| wanted == response)
    }

    /// The 401 or 407.
    pub fn challenge(&self, request: &Request, proxy: bool) -> Response {
        let (status, name) = if proxy {
            (407, "Proxy-Authenticate")
        } else {
            (401, "WWW-Authenticate")
        };
        let mut response = Response::to(request, status);
        let to = response.headers.first("To").unwrap_or_default().to_owned();
        response.headers.set("To", format!("{to};tag={}", token()));
        response.headers.push(
            name,
            format!(
                "Digest realm=\"{REALM}\", nonce=\"{}\", algorithm=MD5, qop=\"auth\"",
                self.nonce
            ),
        );
        response
    }
}

/// Adds the answer to a 401 or 407 to `request`. False when the challenge cannot be answered (not MD5, no
/// nonce, none at all).
pub fn answer(request: &mut Request, challenge: &Response, credentials: &Credentials) -> bool {
    let (asked, name) = match challenge.status {
        407 => ("Proxy-Authenticate", "Proxy-Authorization"),
        _ => ("WWW-Authenticate", "Authorization"),
    };
    let Some(value) = challenge
        .headers
        .all(asked)
        .find(|value| find(value, "algorithm").is_none_or(|a| a.eq_ignore_ascii_case("MD5")))
    else {
        return false;
    };
    let (Some(realm), Some(nonce)) = (find(value, "realm"), find(value, "nonce")) else {
        return false;
    };
    let qop = find(value, "qop").is_some_and(|list| list.split(',').any(|q| q.trim() == "auth"));
    let cnonce = token();
    let input = DigestInput {
        user: &credentials.user,
        password: &credentials.password,
        realm,
        nonce,
        uri: &request.uri,
        method: request.method,
        cnonce: qop.then_some(cnonce.as_str()),
    };
    let Some(response) = digest(input) else {
        return false;
    };
    let mut header = format!(
        "Digest username=\"{}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{}\", response=\"{response}\", algorithm=MD5",
        credentials.user, request.uri
    );
    if let Some(opaque) = find(value, "opaque") {
        header += &format!(", opaque=\"{opaque}\"");
    }
    if qop {
        header += &format!(", qop=auth, nc=00000001, cnonce=\"{cnonce}\"");
    }
    request.headers.set(name, header);
    true
}

/// A parameter of a Digest header; quotes are taken off.
fn find<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = value.trim().strip_prefix("Digest")?.trim_start();
    while !rest.is_empty() {
        let (key, after) = rest.split_once('=')?;
        let (found, next) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => after.split_at(after.find(',').unwrap_or(after.len())),
        };
        if key.trim().eq_ignore_ascii_case(name) {
            return Some(found.trim());
        }
        rest = next.trim_start().trim_start_matches(',').trim_start();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demo() -> Credentials {
        Credentials {
            user: "demo".into(),
            password: "demo".into(),
        }
    }

    #[test]
    fn a_challenge_is_answered_and_accepted_and_a_wrong_password_is_not() {
        for proxy in [false, true] {
            let challenger = Challenger::new(demo());
            let mut request = Request::new(Method::Invite, "sip:auth@127.0.0.1:5070");
            request.headers.push("To", "<sip:auth@127.0.0.1:5070>");
            assert!(!challenger.accepts(&request, proxy));
            let challenge = challenger.challenge(&request, proxy);
            assert!(answer(&mut request, &challenge, &demo()));
            assert!(challenger.accepts(&request, proxy));
            assert!(!challenger.accepts(&request, !proxy));
            let wrong = Credentials {
                password: "nope".into(),
                ..demo()
            };
            assert!(answer(&mut request, &challenge, &wrong));
            assert!(!challenger.accepts(&request, proxy));
        }
    }

    #[test]
    fn parameters_are_found_among_quoted_commas() {
        let value = "Digest realm=\"a, b=c\",qop=\"auth,auth-int\", nonce=\"n\", stale=false";
        assert_eq!(find(value, "realm"), Some("a, b=c"));
        assert_eq!(find(value, "NONCE"), Some("n"));
        assert_eq!(find(value, "stale"), Some("false"));
        assert_eq!(find(value, "opaque"), None);
        assert!(!format!("{:?}", demo()).contains("password"));
    }
}
