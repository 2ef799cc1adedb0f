//! REGISTER, as [`crate::registration`] wants it sent (RFC 3261 §10.2).

use std::net::SocketAddr;
use std::time::Instant;

use super::Endpoint;
use super::command::{EndpointError, RequestId, Transport};
use super::core::{ALLOW, ClientUser, Source};
use crate::message::{HeaderName, Headers, Method, Request, Uri};

/// One REGISTER.
#[derive(Clone, PartialEq, Eq)]
pub struct Register {
    /// The registrar.
    pub remote: SocketAddr,
    /// How it is spoken to.
    pub transport: Transport,
    /// The Request-URI: the registrar's domain, such as `sip:carrier.example`.
    pub request_uri: String,
    /// The address of record: `From` and `To`, such as `sip:4930@carrier.example`.
    pub account: String,
    /// The user part of the Contact, which the registrar's calls have in their Request-URI.
    pub contact_user: String,
    /// Seconds asked for; 0 takes the registration back.
    pub expires_s: u32,
    /// The same in every REGISTER of one registration.
    pub call_id: Vec<u8>,
    /// The tag of From.
    pub tag: Vec<u8>,
    /// One more in each.
    pub cseq: u32,
    /// The answer to a challenge.
    pub authorization: Option<(HeaderName, String)>,
}

impl std::fmt::Debug for Register {
    // The answer to a challenge is none of a log's business.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Register")
            .field("remote", &self.remote)
            .field("transport", &self.transport)
            .field("account", &self.account)
            .field("expires_s", &self.expires_s)
            .field("cseq", &self.cseq)
            .field("authorized", &self.authorization.is_some())
            .finish_non_exhaustive()
    }
}

/// What a registrar said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisterAnswer {
    /// 200…699.
    pub status: u16,
    /// The reason phrase, bytes that are no UTF-8 replaced.
    pub reason: String,
    /// Every header.
    pub headers: Headers,
    /// How it came.
    pub transport: Transport,
    /// From where.
    pub remote: SocketAddr,
}

impl Endpoint {
    /// Sends a REGISTER. Answered by [`Event::RegisterAnswered`](super::Event::RegisterAnswered) or
    /// [`Event::RequestFailed`](super::Event::RequestFailed).
    ///
    /// # Errors
    /// A URI that cannot be read.
    pub fn register(
        &mut self,
        register: &Register,
        now: Instant,
    ) -> Result<RequestId, EndpointError> {
        let read = |text: &str| {
            Uri::read(text.as_bytes()).map_err(|_| EndpointError::BadUri(text.to_owned()))
        };
        let uri = read(&register.request_uri)?;
        let account = read(&register.account)?;
        let mut to = Source::new(register.transport, register.remote);
        to.secure = uri.is_secure();
        let contact = self.core.contact_of(&register.contact_user, to);
        let expires = register.expires_s;
        let address = [b"<", account.as_bytes(), b">"].concat();
        let mut headers = Headers::new();
        headers.push(HeaderName::MaxForwards, "70");
        headers.push(
            HeaderName::From,
            [&address, b";tag=".as_slice(), &register.tag].concat(),
        );
        headers.push(HeaderName::To, address);
        headers.push(HeaderName::CallId, register.call_id.clone());
        headers.push(HeaderName::CSeq, format!("{} REGISTER", register.cseq));
        headers.push(HeaderName::Contact, format!("{contact};expires={expires}"));
        headers.push(HeaderName::Expires, expires.to_string());
        headers.push(HeaderName::Allow, ALLOW);
        if let Some((name, value)) = &register.authorization {
            headers.push(name.clone(), value.as_bytes());
        }
        let request = Request {
            method: Method::Register,
            uri,
            headers,
            body: Vec::new(),
        };
        let id = RequestId(self.core.handle());
        self.core
            .send_request(request, to, ClientUser::Request(id), now);
        Ok(id)
    }
}
