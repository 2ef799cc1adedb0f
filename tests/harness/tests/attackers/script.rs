//! A PBX, or a stranger, whose messages are written out by hand.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use causeway_harness::config::{TrunkPlan, loopback};
use causeway_harness::{BoxPlan, BoxProcess, place};
use tokio::net::UdpSocket;
use tokio::time::timeout;

pub const PBX: [u8; 4] = [127, 0, 0, 2];
pub const OTHER_PBX: [u8; 4] = [127, 0, 0, 3];
pub const STRANGER: [u8; 4] = [127, 0, 0, 66];

/// What a peer sends its sound to; nothing listens there.
pub const SDP: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.2\r\ns=-\r\nc=IN IP4 127.0.0.2\r\nt=0 0\r\nm=audio 49170 RTP/AVP 0\r\n";

/// One UDP socket.
pub struct Peer {
    socket: UdpSocket,
}

impl Peer {
    pub async fn at(address: [u8; 4], port: u16) -> Self {
        let socket = UdpSocket::bind((IpAddr::from(address), port))
            .await
            .unwrap();
        Self { socket }
    }

    pub fn address(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    pub async fn send(&self, to: SocketAddr, text: &str) {
        self.socket.send_to(text.as_bytes(), to).await.unwrap();
    }

    /// The next message within `wait`.
    pub async fn receive(&self, wait: Duration) -> Option<String> {
        let mut buffer = vec![0; 65_535];
        let (length, _) = timeout(wait, self.socket.recv_from(&mut buffer))
            .await
            .ok()?
            .unwrap();
        Some(String::from_utf8(buffer[..length].to_vec()).unwrap())
    }

    /// The next message that begins with `start`; others, such as repetitions, are passed over.
    pub async fn expect(&self, start: &str) -> String {
        let mut others = Vec::new();
        for _ in 0..50 {
            match self.receive(Duration::from_secs(10)).await {
                Some(text) if text.starts_with(start) => return text,
                Some(text) => others.push(text),
                None => break,
            }
        }
        panic!("{start} did not come, but {others:#?}");
    }
}

/// A box whose trunks are `pbx` and, as `other`, another one; it sends no probes.
pub async fn causeway(pbx: &Peer, other: &Peer, keys: &str) -> BoxProcess {
    let mut plan = BoxPlan::new(pbx.address()).unwrap();
    plan.trunks[0].extra = format!("options_s = 0\n{keys}");
    plan.trunks.push(TrunkPlan {
        name: "other".to_owned(),
        address: other.address(),
        extra: "options_s = 0\nnumbers = [\"9*\"]\n".to_owned(),
    });
    plan.sip_tls = Some(loopback(place::free_port().unwrap()));
    BoxProcess::start(plan).await.unwrap()
}

/// A request as somebody at `from` writes it. The branch is `z9hG4bK` and the CSeq's words.
pub fn request(
    method: &str,
    uri: &str,
    from: SocketAddr,
    call: &str,
    tags: [&str; 2],
    number: u32,
) -> String {
    request_with(method, uri, from, call, tags, number, "", "")
}

#[expect(clippy::too_many_arguments, reason = "what a request is made of")]
pub fn request_with(
    method: &str,
    uri: &str,
    from: SocketAddr,
    call: &str,
    [from_tag, to_tag]: [&str; 2],
    number: u32,
    headers: &str,
    body: &str,
) -> String {
    let to_tag = match to_tag {
        "" => String::new(),
        tag => format!(";tag={tag}"),
    };
    let content = match body {
        "" => "",
        _ => "Content-Type: application/sdp\r\n",
    };
    format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bK{method}{number}{call};rport\r\n\
         From: <sip:4711@{from}>;tag={from_tag}\r\nTo: <{uri}>{to_tag}\r\nCall-ID: {call}\r\nCSeq: {number} {method}\r\n\
         Contact: <sip:4711@{from}>\r\nMax-Forwards: 70\r\n{headers}{content}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A response to a request of the box.
pub fn response(request: &str, status: &str, tag: &str, headers: &str, body: &str) -> String {
    let mut to = header(request, "To");
    if !to.contains(";tag=") {
        to.push_str(&format!(";tag={tag}"));
    }
    let content = match body {
        "" => "",
        _ => "Content-Type: application/sdp\r\n",
    };
    format!(
        "SIP/2.0 {status}\r\nVia: {}\r\nFrom: {}\r\nTo: {to}\r\nCall-ID: {}\r\nCSeq: {}\r\n{headers}{content}Content-Length: {}\r\n\r\n{body}",
        header(request, "Via"),
        header(request, "From"),
        header(request, "Call-ID"),
        header(request, "CSeq"),
        body.len()
    )
}

/// The first value of a header, empty when it is missing.
pub fn header(text: &str, name: &str) -> String {
    text.lines()
        .find_map(|line| line.strip_prefix(&format!("{name}: ")))
        .unwrap_or_default()
        .to_owned()
}

pub fn to_tag(text: &str) -> String {
    header(text, "To").split_once(";tag=").unwrap().1.to_owned()
}

/// A counter or gauge of the box, as it is now: the box shows its figures anew twice a second.
pub async fn metric(causeway: &BoxProcess, name: &str) -> u64 {
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let metrics = causeway.metrics().await.unwrap();
    let value = metrics.get(name).unwrap_or_else(|| panic!("no {name}"));
    *value as u64
}
