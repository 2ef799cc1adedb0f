//! Calls over the trunk to the box's test number: an ordinary one with sound, and those with foreign SDP.

use std::time::Duration;

use causeway_harness::BoxProcess;
use causeway_harness::config::ECHO;
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout};

use crate::peer::{Peer, Response, header};
use crate::wire::{Over, TRUNK};

fn echo_uri() -> String {
    format!("sip:{ECHO}@127.0.0.1")
}

fn ordinary_sdp(port: u16, version: u32) -> Vec<u8> {
    format!(
        "v=0\r\no=- 1 {version} IN IP4 {TRUNK}\r\ns=-\r\nc=IN IP4 {TRUNK}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\n\
         a=rtpmap:0 PCMU/8000\r\n"
    )
    .into_bytes()
}

/// The port of the box's audio.
fn audio_port(response: &Response) -> Option<u16> {
    let line = response
        .text
        .lines()
        .find_map(|line| line.strip_prefix("m=audio "))?;
    line.split(' ').next()?.parse().ok()
}

impl Peer {
    /// Calls the test number: the answer.
    async fn call(&mut self, call_id: &str, sdp: &[u8]) -> Option<Response> {
        let uri = echo_uri();
        let invite = self.request("INVITE", &uri, (call_id, 1), &format!("<{uri}>"), sdp);
        self.wire.send(&invite).await;
        self.answer_to(call_id, "INVITE").await
    }

    async fn acknowledge(&mut self, answer: &Response, cseq: u32, sdp: &[u8]) {
        let to = header(&answer.text, "To").to_owned();
        let dialog = (answer.call_id.as_str(), cseq);
        let ack = self.request("ACK", "sip:causeway@127.0.0.1", dialog, &to, sdp);
        self.wire.send(&ack).await;
    }

    /// Ends the call; the status of the answer to BYE.
    async fn end(&mut self, answer: &Response, cseq: u32) -> Option<u16> {
        let to = header(&answer.text, "To").to_owned();
        let dialog = (answer.call_id.as_str(), cseq);
        let bye = self.request("BYE", "sip:causeway@127.0.0.1", dialog, &to, b"");
        self.wire.send(&bye).await;
        self.held = None;
        let ended = self.answer_to(&answer.call_id, "BYE").await;
        ended.map(|response| response.status)
    }
}

/// An ordinary call on a line of its own: answered, heard, ended.
pub async fn ordinary(causeway: &BoxProcess, over: Over, name: &str) {
    let mut peer = Peer::of(causeway, over).await;
    let rtp = UdpSocket::bind((TRUNK, 0)).await.expect("a socket");
    let port = rtp.local_addr().expect("an address").port();
    peer.held = Some(name.to_owned());
    let answer = peer.call(name, &ordinary_sdp(port, 1)).await;
    let answer = answer.unwrap_or_else(|| panic!("no answer to call {name}"));
    assert_eq!(answer.status, 200, "call {name}: {}", answer.text);
    peer.acknowledge(&answer, 1, b"").await;
    let far = audio_port(&answer).unwrap_or_else(|| panic!("call {name}: {}", answer.text));
    assert!(
        is_heard(&rtp, far).await,
        "call {name} is not heard: {}",
        answer.text
    );
    assert_eq!(peer.end(&answer, 2).await, Some(200), "call {name}");
}

/// Whether what is sent to that port comes back.
async fn is_heard(rtp: &UdpSocket, port: u16) -> bool {
    let until = Instant::now() + Duration::from_secs(5);
    let mut sequence = 0u16;
    let mut packet = [0x55u8; 172];
    packet[..2].copy_from_slice(&[0x80, 0]);
    let mut back = [0; 2_048];
    while Instant::now() < until {
        sequence += 1;
        packet[2..4].copy_from_slice(&sequence.to_be_bytes());
        packet[4..8].copy_from_slice(&(u32::from(sequence) * 160).to_be_bytes());
        packet[8..12].copy_from_slice(&7u32.to_be_bytes());
        let _ = rtp.send_to(&packet, ("127.0.0.1", port)).await;
        let heard = timeout(Duration::from_millis(20), rtp.recv(&mut back)).await;
        if let Ok(Ok(length)) = heard
            && length > 12
        {
            return true;
        }
    }
    false
}

/// What became of session descriptions as offers and as offers in a call: taken, refused.
#[derive(Debug, Default)]
pub struct Told {
    pub offers: [u32; 2],
    pub reoffers: [u32; 2],
}

fn count(of: &mut [u32; 2], status: u16) {
    of[usize::from(status != 200)] += 1;
}

/// Each description as the body of an INVITE, as that of a re-INVITE in one long call, and as the answer in an ACK.
/// Whatever is thought of it is said with a status of the caller's fault, and the call ends as calls end.
pub async fn describe(peer: &mut Peer, part: usize, bodies: &[(String, Vec<u8>)]) -> Told {
    let mut told = Told::default();
    for (at, (name, body)) in bodies.iter().enumerate() {
        let call_id = format!("offer{part}x{at}");
        let answer = peer.call(&call_id, body).await;
        let status = answer.as_ref().map(|answer| answer.status);
        assert!(is_said_well(status), "{name} as an offer: {answer:?}");
        count(&mut told.offers, status.unwrap_or_default());
        if status == Some(200) {
            let ended = peer.answer_to(&call_id, "BYE").await;
            assert!(ended.is_some(), "{name}: no answer to BYE");
        }
    }
    let call_id = format!("long{part}");
    peer.held = Some(call_id.clone());
    let first = peer.call(&call_id, &ordinary_sdp(9, 1)).await;
    let first = first.expect("an answer");
    assert_eq!(first.status, 200, "{}", first.text);
    peer.acknowledge(&first, 1, b"").await;
    let to = header(&first.text, "To").to_owned();
    let mut cseq = 1;
    for (name, body) in bodies {
        cseq += 1;
        let uri = "sip:causeway@127.0.0.1";
        let invite = peer.request("INVITE", uri, (&call_id, cseq), &to, body);
        peer.wire.send(&invite).await;
        let answer = peer.answer_to(&call_id, "INVITE").await;
        let status = answer.as_ref().map(|answer| answer.status);
        assert!(is_said_well(status), "{name} in a call: {answer:?}");
        count(&mut told.reoffers, status.unwrap_or_default());
        if let Some(answer) = answer.filter(|answer| answer.status == 200) {
            peer.acknowledge(&answer, cseq, b"").await;
        }
    }
    // After all that the call is still one: an ordinary description is taken, and BYE ends it.
    cseq += 1;
    let uri = "sip:causeway@127.0.0.1";
    let invite = peer.request("INVITE", uri, (&call_id, cseq), &to, &ordinary_sdp(9, 2));
    peer.wire.send(&invite).await;
    let answer = peer.answer_to(&call_id, "INVITE").await.expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.text);
    peer.acknowledge(&answer, cseq, b"").await;
    assert_eq!(peer.end(&first, cseq + 1).await, Some(200));

    for (at, (name, body)) in bodies.iter().enumerate() {
        let call_id = format!("answer{part}x{at}");
        peer.held = Some(call_id.clone());
        let offer = peer.call(&call_id, b"").await;
        let offer = offer.unwrap_or_else(|| panic!("{name}: no offer"));
        assert_eq!(offer.status, 200, "{}", offer.text);
        peer.acknowledge(&offer, 1, body).await;
        // 481: the box had hung up already.
        let ended = peer.end(&offer, 2).await;
        assert!(matches!(ended, Some(200 | 481)), "{name}: {ended:?}");
    }
    told
}

/// Taken, or refused as the caller's fault; a 5xx or silence would be ours.
fn is_said_well(status: Option<u16>) -> bool {
    matches!(status, Some(200 | 400 | 415 | 488 | 606))
}
