//! Calls through an Asterisk: what a browser's page would send by a WebSocket goes to it in SIP over UDP, with the same
//! offer, and it dials the PBX.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

use super::pbx;
use crate::clock::random;
use crate::sip::message::{self, Message, Method, Request, Response};

const PATIENCE: Duration = Duration::from_secs(15);
/// Timer T1 (RFC 3261 section 17.1.1.2).
const AGAIN: Duration = Duration::from_millis(500);

/// The browsers' side of an Asterisk.
#[derive(Debug)]
pub struct Caller {
    socket: UdpSocket,
    local: SocketAddr,
    asterisk: SocketAddr,
    standing: HashMap<usize, Dialog>,
}

#[derive(Debug)]
struct Dialog {
    id: String,
    to: String,
    target: String,
}

impl Caller {
    /// # Errors
    /// A sentence when there is no socket.
    pub async fn of(asterisk: SocketAddr) -> Result<Self, String> {
        let said = |e: std::io::Error| format!("asterisk: {e}");
        let socket = UdpSocket::bind("127.0.0.1:0").await.map_err(said)?;
        let local = socket.local_addr().map_err(said)?;
        Ok(Self {
            socket,
            local,
            asterisk,
            standing: HashMap::new(),
        })
    }

    /// Calls the number of a call; the answer's description.
    ///
    /// # Errors
    /// What Asterisk said, or that it said nothing.
    pub async fn call(&mut self, call: usize, offer: &str) -> Result<String, String> {
        let id = format!("{:016x}", random());
        let uri = format!("sip:{}@{}", pbx::number(call), self.asterisk);
        let mut dialog = Dialog {
            id: id.clone(),
            to: format!("<{uri}>"),
            target: uri,
        };
        let mut invite = self.request(Method::Invite, &dialog, 1);
        invite.headers.push("Content-Type", "application/sdp");
        invite.body = offer.as_bytes().to_vec();
        let deadline = Instant::now() + PATIENCE;
        let mut again = Instant::now();
        let mut heard = false;
        let answer = loop {
            if !heard && Instant::now() >= again {
                self.send(&invite).await?;
                again = Instant::now() + AGAIN;
            }
            let until = if heard { deadline } else { again };
            match self.response(&id, until).await? {
                Some(response) if response.status < 200 => heard = true,
                Some(response) => break response,
                None if Instant::now() >= deadline => return Err("no answer in time".to_owned()),
                None => {}
            }
        };
        dialog.to = answer.headers.first("To").unwrap_or_default().to_owned();
        if let Some(contact) = answer.headers.first("Contact") {
            let bare = contact.split('<').nth(1).and_then(|c| c.split('>').next());
            dialog.target = bare.unwrap_or(contact).to_owned();
        }
        let mut ack = self.request(Method::Ack, &dialog, 1);
        if answer.status >= 300 {
            // It belongs to the INVITE's own transaction (section 17.1.1.3).
            ack.uri.clone_from(&invite.uri);
            if let Some(via) = invite.headers.first("Via") {
                ack.headers.set("Via", via.to_owned());
            }
            self.send(&ack).await?;
            return Err(format!("{} {}", answer.status, answer.reason));
        }
        self.send(&ack).await?;
        self.standing.insert(call, dialog);
        Ok(String::from_utf8_lossy(&answer.body).into_owned())
    }

    /// Hangs up; a call that is not there is no matter.
    pub async fn end(&mut self, call: usize) {
        let Some(dialog) = self.standing.remove(&call) else {
            return;
        };
        let bye = self.request(Method::Bye, &dialog, 2);
        if self.send(&bye).await.is_ok() {
            let _ = self.response(&dialog.id, Instant::now() + AGAIN).await;
        }
    }

    /// Places of the calls that stand.
    pub fn standing(&self) -> Vec<usize> {
        self.standing.keys().copied().collect()
    }

    fn request(&self, method: Method, dialog: &Dialog, number: u32) -> Request {
        let mut request = Request::new(method, dialog.target.clone());
        let local = self.local;
        let headers = [
            (
                "Via",
                format!("SIP/2.0/UDP {local};branch=z9hG4bK{:016x};rport", random()),
            ),
            ("Max-Forwards", "70".to_owned()),
            ("From", format!("<sip:web@{local}>;tag={}", dialog.id)),
            ("To", dialog.to.clone()),
            ("Call-ID", dialog.id.clone()),
            ("CSeq", format!("{number} {method}")),
            ("Contact", format!("<sip:web@{local}>")),
        ];
        for (name, value) in headers {
            request.headers.push(name, value);
        }
        request
    }

    async fn send(&self, request: &Request) -> Result<(), String> {
        let bytes = request.to_bytes().map_err(|e| e.to_string())?;
        let sent = self.socket.send_to(&bytes, self.asterisk).await;
        sent.map(drop).map_err(|e| format!("asterisk: {e}"))
    }

    /// The next response of a dialog; none when the time is up. What Asterisk asks meanwhile is granted.
    async fn response(&self, id: &str, until: Instant) -> Result<Option<Response>, String> {
        let mut datagram = vec![0; 65_535];
        loop {
            let Ok(received) = timeout_at(until, self.socket.recv_from(&mut datagram)).await else {
                return Ok(None);
            };
            let (length, from) = received.map_err(|e| format!("asterisk: {e}"))?;
            match message::read(&datagram[..length]) {
                Ok(Message::Response(response)) if response.headers.call_id() == id => {
                    return Ok(Some(response));
                }
                Ok(Message::Request(request)) if request.method != Method::Ack => {
                    let granted = Response::to(&request, 200).to_bytes();
                    let _ = self.socket.send_to(&granted, from).await;
                }
                _ => {}
            }
        }
    }
}
