//! Dialogs: who talks to whom, by which route, with which numbers (RFC 3261 §12).
//!
//! Contact and Record-Route are the far side's words that come back in requests of ours:
//!
//! | what came | in a request | in a response, which cannot be refused |
//! |---|---|---|
//! | Contact that is no URI | 400, the dialog is as before | the target stays what it was |
//! | Record-Route that is no URI | 400 | that proxy is left out of the route |
//! | Contact with URI headers, or octets that no URI may hold | without them, and escaped | the same |

use crate::message::{
    HeaderName, Headers, Method, NameAddr, Request, Response, Uri, check::Essentials,
};

/// A dialog, early or confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dialog {
    /// Call-ID.
    pub call_id: Vec<u8>,
    /// Our tag.
    pub local_tag: Vec<u8>,
    /// Their tag; empty for a peer of RFC 2543.
    pub remote_tag: Vec<u8>,
    /// Our address with its tag, as it stands in `From` of our requests.
    local: Vec<u8>,
    /// Their address with its tag, as it stands in `To` of our requests.
    remote: Vec<u8>,
    /// `Route` values in the order our requests carry them.
    route_set: Vec<Vec<u8>>,
    remote_target: Uri,
    local_cseq: u32,
    remote_cseq: Option<u32>,
}

/// How the number of a request stands to those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Higher than all before.
    Next,
    /// Not higher: late or repeated.
    Stale,
}

impl Dialog {
    /// The dialog a response to our INVITE makes (§12.1.2). Without a Contact the target is the old one.
    pub fn from_response(request: &Request, response: &Response, essentials: &Essentials) -> Self {
        let header = |name| request.headers.get(name).unwrap_or_default().to_vec();
        let mut route_set = record_route(&response.headers);
        route_set.reverse();
        Self {
            call_id: essentials.call_id.clone(),
            local_tag: essentials.from_tag().to_vec(),
            remote_tag: essentials.to.tag().unwrap_or_default().to_vec(),
            local: header(&HeaderName::From),
            remote: response
                .headers
                .get(&HeaderName::To)
                .unwrap_or_default()
                .to_vec(),
            route_set,
            remote_target: contact(&response.headers)
                .unwrap_or_else(|| request.uri.clone().as_target()),
            local_cseq: essentials.cseq.number,
            remote_cseq: None,
        }
    }

    /// The dialog an INVITE of the far side makes when we answer with `local_tag` (§12.1.1). Without a Contact
    /// the target is `From`, as it was in RFC 2543.
    pub fn from_request(request: &Request, essentials: &Essentials, local_tag: &[u8]) -> Self {
        let header = |name| request.headers.get(name).unwrap_or_default().to_vec();
        let mut local = header(&HeaderName::To);
        local.extend_from_slice(b";tag=");
        local.extend_from_slice(local_tag);
        Self {
            call_id: essentials.call_id.clone(),
            local_tag: local_tag.to_vec(),
            remote_tag: essentials.from_tag().to_vec(),
            local,
            remote: header(&HeaderName::From),
            route_set: record_route(&request.headers),
            remote_target: contact(&request.headers)
                .unwrap_or_else(|| essentials.from.uri.clone().as_target()),
            local_cseq: 0,
            remote_cseq: Some(essentials.cseq.number),
        }
    }

    /// Looks at the number of a request in this dialog and keeps it when it is the next (§12.2.2).
    pub fn receive(&mut self, cseq: u32) -> Order {
        if self.remote_cseq.is_some_and(|last| cseq <= last) {
            return Order::Stale;
        }
        self.remote_cseq = Some(cseq);
        Order::Next
    }

    /// The number of our last request.
    pub fn local_cseq(&self) -> u32 {
        self.local_cseq
    }

    /// Raises the number of our last request: requests before the dialog count too.
    pub fn raise_local_cseq(&mut self, to: u32) {
        self.local_cseq = self.local_cseq.max(to);
    }

    /// Takes over the numbers the same dialog used while it was early.
    pub fn follow(&mut self, early: &Self) {
        self.local_cseq = self.local_cseq.max(early.local_cseq);
        self.remote_cseq = self.remote_cseq.max(early.remote_cseq);
    }

    /// Takes a new remote target from a target refresh (INVITE, UPDATE or their 2xx).
    pub fn refresh_target(&mut self, headers: &Headers) {
        if let Some(target) = contact(headers) {
            self.remote_target = target;
        }
    }

    /// Where the far side wants requests.
    pub fn remote_target(&self) -> &Uri {
        &self.remote_target
    }

    /// Our own URI in this dialog, as our requests name it in `From`.
    pub fn local_uri(&self) -> Option<Uri> {
        NameAddr::read(&self.local).ok().map(|address| address.uri)
    }

    /// The URI of the next hop: the first route when there is one.
    pub fn next_hop(&self) -> Uri {
        self.route_set
            .first()
            .and_then(|route| NameAddr::read(route).ok())
            .map_or_else(|| self.remote_target.clone(), |route| route.uri)
    }

    /// A request in this dialog with the next number (§12.2.1.1). Via, Contact and the rest are the caller's.
    pub fn request(&mut self, method: Method) -> Request {
        self.local_cseq = self.local_cseq.saturating_add(1);
        self.request_with(method, self.local_cseq)
    }

    /// A request with a number of the past: ACK and CANCEL carry that of their INVITE.
    pub fn request_with(&self, method: Method, cseq: u32) -> Request {
        let mut headers = Headers::new();
        let strict = self
            .route_set
            .first()
            .and_then(|route| NameAddr::read(route).ok())
            .filter(|route| !route.uri.is_loose_router());
        let uri = match strict {
            // A router of RFC 2543 wants itself in the Request-URI and the target at the end (§12.2.1.1).
            Some(first) => {
                for route in self.route_set.iter().skip(1) {
                    headers.push(HeaderName::Route, route.clone());
                }
                let target = [b"<", self.remote_target.as_bytes(), b">"].concat();
                headers.push(HeaderName::Route, target);
                first.uri.as_target()
            }
            None => {
                for route in &self.route_set {
                    headers.push(HeaderName::Route, route.clone());
                }
                self.remote_target.clone()
            }
        };
        headers.push(HeaderName::MaxForwards, "70");
        headers.push(HeaderName::From, self.local.clone());
        headers.push(HeaderName::To, self.remote.clone());
        headers.push(HeaderName::CallId, self.call_id.clone());
        headers.push(HeaderName::CSeq, format!("{cseq} {method}"));
        Request {
            method,
            uri,
            headers,
            body: Vec::new(),
        }
    }
}

fn record_route(headers: &Headers) -> Vec<Vec<u8>> {
    headers
        .elements(&HeaderName::RecordRoute)
        .filter(|element| NameAddr::read(element).is_ok())
        .map(|element| match element.contains(&b'<') {
            true => element.to_vec(),
            // The grammar wants brackets (§20.30); without them `;lr` would be no parameter of the URI.
            false => [b"<", element, b">"].concat(),
        })
        .filter(|route| is_one_route(route))
        .collect()
}

/// Whether it reads as one route again in a header of ours.
fn is_one_route(route: &[u8]) -> bool {
    let mut headers = Headers::new();
    headers.push(HeaderName::Route, route);
    let mut elements = headers.elements(&HeaderName::Route);
    let reads = |element: &[u8]| NameAddr::read(element).is_ok();
    elements.next().is_some_and(reads) && elements.next().is_none()
}

fn contact(headers: &Headers) -> Option<Uri> {
    let value = headers.elements(&HeaderName::Contact).next()?;
    NameAddr::read(value)
        .ok()
        .map(|contact| contact.uri.as_target())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Message, check, read};

    fn invite(record_route: &str) -> (Request, Essentials) {
        let text = format!(
            "INVITE sip:box@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:pbx@p>;tag=theirs\r\n\
             To: <sip:box@h>\r\nCall-ID: i\r\nCSeq: 7 INVITE\r\nContact: <sip:pbx@10.0.0.9:5070>\r\n{record_route}\r\n"
        );
        let Ok(Message::Request(request)) = read(text.as_bytes()) else {
            panic!("unreadable");
        };
        let essentials = check::request(&request).unwrap();
        (request, essentials)
    }

    #[test]
    fn a_uas_takes_the_route_set_in_order_and_answers_with_both_tags() {
        let (request, essentials) =
            invite("Record-Route: <sip:p1;lr>, <sip:p2;lr>\r\nRecord-Route: <sip:p3;lr>\r\n");
        let mut dialog = Dialog::from_request(&request, &essentials, b"ours");
        let bye = dialog.request(Method::Bye);
        assert_eq!(bye.uri.as_bytes(), b"sip:pbx@10.0.0.9:5070");
        let routes: Vec<_> = bye.headers.all(&HeaderName::Route).collect();
        assert_eq!(routes, [b"<sip:p1;lr>", b"<sip:p2;lr>", b"<sip:p3;lr>"]);
        assert_eq!(
            bye.headers.get(&HeaderName::From),
            Some(&b"<sip:box@h>;tag=ours"[..])
        );
        assert_eq!(
            bye.headers.get(&HeaderName::To),
            Some(&b"<sip:pbx@p>;tag=theirs"[..])
        );
        assert_eq!(bye.headers.get(&HeaderName::CSeq), Some(&b"1 BYE"[..]));
        assert_eq!(dialog.next_hop().as_bytes(), b"sip:p1;lr");
    }

    #[test]
    fn what_came_broken_is_not_sent_back_broken() {
        for (contact, target) in [
            ("<sip:pbx@10.0.0.9?Subject=x>", "sip:pbx@10.0.0.9"),
            ("<sip:p|x@10.0.0.9>", "sip:p%7Cx@10.0.0.9"),
            ("*", "sip:box@h"),
            ("<sip:pbx@10.0.0.9", "sip:box@h"),
        ] {
            let (request, essentials) = invite("");
            let mut response = Response {
                status: 200,
                reason: b"OK".to_vec(),
                headers: request.headers.clone(),
                body: Vec::new(),
            };
            response.headers.set(HeaderName::Contact, contact);
            let routes = "<sip:p1;lr>, sip:p2;lr, <sip:p3 x;lr>";
            response.headers.push(HeaderName::RecordRoute, routes);
            let mut dialog = Dialog::from_response(&request, &response, &essentials);
            let bye = dialog.request(Method::Bye);
            assert_eq!(bye.uri.to_string(), target);
            let routes: Vec<_> = bye.headers.all(&HeaderName::Route).collect();
            assert_eq!(routes, [&b"<sip:p2;lr>"[..], b"<sip:p1;lr>"]);
        }
    }

    #[test]
    fn without_contact_the_address_of_from_is_a_target_all_the_same() {
        let (mut request, _) = invite("");
        request.headers.remove(&HeaderName::Contact);
        let from = "<sip:100@1?.0.0.2>;tag=peer";
        request.headers.set(HeaderName::From, from);
        let essentials = check::request(&request).unwrap();
        let mut dialog = Dialog::from_request(&request, &essentials, b"ours");
        let bye = dialog.request(Method::Bye);
        assert_eq!(bye.uri.to_string(), "sip:100@1");
        assert!(read(&bye.to_bytes()).is_ok());
    }

    #[test]
    fn a_route_that_would_not_read_back_is_left_out() {
        let bare = |element: &str| {
            NameAddr::read(element.as_bytes()).is_ok()
                && !is_one_route(format!("<{element}>").as_bytes())
        };
        let odd: Vec<_> = [
            "sip:p>1;lr",
            "sip:p1;x=\">\"",
            "sip:p1;x=>",
            "sip:p1?x=>",
            "sip:>@p1",
        ]
        .into_iter()
        .filter(|element| bare(element))
        .collect();
        assert!(!odd.is_empty(), "none reads without brackets only");
        for element in odd {
            let mut headers = Headers::new();
            headers.push(HeaderName::RecordRoute, element);
            assert_eq!(record_route(&headers), Vec::<Vec<u8>>::new(), "{element}");
        }
        assert!(is_one_route(b"<sip:p1;lr>"));
    }

    #[test]
    fn a_strict_router_comes_into_the_request_uri() {
        let (request, essentials) = invite("Record-Route: <sip:old>, <sip:p2;lr>\r\n");
        let mut dialog = Dialog::from_request(&request, &essentials, b"ours");
        let bye = dialog.request(Method::Bye);
        assert_eq!(bye.uri.as_bytes(), b"sip:old");
        let routes: Vec<_> = bye.headers.all(&HeaderName::Route).collect();
        assert_eq!(routes, [&b"<sip:p2;lr>"[..], b"<sip:pbx@10.0.0.9:5070>"]);
    }

    #[test]
    fn numbers_only_grow() {
        let (request, essentials) = invite("");
        let mut dialog = Dialog::from_request(&request, &essentials, b"ours");
        assert_eq!(dialog.receive(7), Order::Stale);
        assert_eq!(dialog.receive(9), Order::Next);
        assert_eq!(dialog.receive(8), Order::Stale);
        assert_eq!(dialog.receive(10), Order::Next);
    }

    #[test]
    fn a_refresh_moves_the_target() {
        let (request, essentials) = invite("");
        let mut dialog = Dialog::from_request(&request, &essentials, b"ours");
        let mut headers = Headers::new();
        headers.push(HeaderName::Contact, "\"x\" <sip:pbx@10.0.0.10>;expires=3");
        dialog.refresh_target(&headers);
        assert_eq!(dialog.remote_target().as_bytes(), b"sip:pbx@10.0.0.10");
        dialog.refresh_target(&Headers::new());
        assert_eq!(dialog.remote_target().as_bytes(), b"sip:pbx@10.0.0.10");
    }
}
