//! Dialogs (RFC 3261 section 12): who talks to whom, by which numbers, along which route.

use super::address::{host_port, name_addr, parameter};
use super::message::{Method, Request, Response};
use super::transport::{Peer, Protocol};
use crate::clock::token;

/// One dialog, or the beginning of one.
#[derive(Debug, Clone)]
pub struct Dialog {
    /// Call-ID.
    pub call_id: String,
    local: String,
    remote: String,
    target: String,
    routes: Vec<String>,
    sequence: u32,
    contact: String,
    established: bool,
    /// The hop by which the dialog came to be; later requests take the same transport.
    pub peer: Peer,
}

impl Dialog {
    /// The callee's dialog, from the INVITE. The local tag is made here.
    pub fn of_callee(invite: &Request, peer: Peer, contact: String) -> Self {
        let header = |name| invite.headers.first(name).unwrap_or_default().to_owned();
        let to = header("To");
        let local = if parameter(&to, "tag").is_some() {
            to
        } else {
            format!("{to};tag={}", token())
        };
        Self {
            call_id: invite.headers.call_id().to_owned(),
            local,
            remote: header("From"),
            target: name_addr(&header("Contact")).uri.to_owned(),
            routes: routes(invite.headers.all("Record-Route")),
            sequence: 1,
            contact,
            established: true,
            peer,
        }
    }

    /// The caller's dialog, before anybody answered.
    pub fn of_caller(from: &str, to: &str, peer: Peer, contact: String) -> Self {
        Self {
            call_id: token(),
            local: format!("{from};tag={}", token()),
            remote: format!("<{to}>"),
            target: to.to_owned(),
            routes: Vec::new(),
            sequence: 0,
            contact,
            established: false,
            peer,
        }
    }

    /// Our own From or To value, with its tag.
    pub fn local(&self) -> &str {
        &self.local
    }

    /// Takes the tag, target and route of a response to our INVITE.
    pub fn established_by(&mut self, response: &Response) {
        self.established = true;
        if let Some(to) = response.headers.first("To") {
            self.remote = to.to_owned();
        }
        self.retarget(response.headers.first("Contact"));
        let mut routes = routes(response.headers.all("Record-Route"));
        routes.reverse();
        self.routes = routes;
    }

    /// Takes a new remote target from a Contact.
    pub fn retarget(&mut self, contact: Option<&str>) {
        if let Some(contact) = contact {
            self.target = name_addr(contact).uri.to_owned();
        }
    }

    /// The next request in this dialog.
    pub fn request(&mut self, method: Method) -> Request {
        self.sequence += 1;
        self.build(method, self.sequence)
    }

    /// The ACK for the INVITE with CSeq number `sequence`.
    pub fn ack(&self, sequence: u32) -> Request {
        self.build(Method::Ack, sequence)
    }

    fn build(&self, method: Method, sequence: u32) -> Request {
        let mut request = Request::new(method, self.target.clone());
        let headers = &mut request.headers;
        for route in &self.routes {
            headers.push("Route", route.clone());
        }
        headers.push("Max-Forwards", "70");
        headers.push("From", self.local.clone());
        headers.push("To", self.remote.clone());
        headers.push("Call-ID", self.call_id.clone());
        headers.push("CSeq", format!("{sequence} {method}"));
        headers.push("Contact", self.contact.clone());
        headers.push("User-Agent", "causeway-phone");
        request
    }

    /// The next hop: first route, else target; the hop of the INVITE when that names no address.
    pub fn hop(&self) -> Peer {
        if self.peer.protocol == Protocol::Tcp || !self.established {
            // The connection that carried the INVITE is still open; and before anybody answered the
            // trunk is the way.
            return self.peer;
        }
        let uri = self
            .routes
            .first()
            .map_or(self.target.as_str(), |route| name_addr(route).uri);
        host_port(uri)
            .and_then(|(host, port, _)| Some((host.parse().ok()?, port)))
            .map_or(self.peer, |address: (std::net::IpAddr, u16)| Peer {
                protocol: self.peer.protocol,
                address: address.into(),
            })
    }
}

fn routes<'a>(values: impl Iterator<Item = &'a str>) -> Vec<String> {
    values
        .flat_map(|value| value.split(','))
        .map(|route| route.trim().to_owned())
        .collect()
}
