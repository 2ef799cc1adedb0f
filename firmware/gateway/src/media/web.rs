//! One browser leg: the small seam around the WebRTC stack.
//!
//! The stack is driven by hand and only as far as a datagram needs: STUN, DTLS and timers. Media and RTCP pass it by once
//! the handshake's keys are known (`packets`). The stack may panic on input nobody thought of, so every call into it is
//! guarded and a panic costs this leg alone.

mod packets;
mod restart;

use super::batch::Outbound;
use super::demux::{self, Class, StunClass, Transaction};
use super::feedback::{self, Feedback};
use super::keying::Keying;
use super::offer::{self, Narrowed};
use super::picture_section::Shown;
use super::stack;
use super::{Candidates, WebCodecPolicy, WebRefusal};
use bytes::BytesMut;
use causeway_media::plan::{AudioFormat, Direction};
use causeway_media::sdp::browser::{self, BrowserOffer, Formats};
use causeway_media::srtp::{SrtpPacket, SrtpPlan, SrtpReceiver, SrtpSender};
use rtc::crypto::RTCCryptoProvider;
use rtc::peer_connection::RTCPeerConnection;
use rtc::peer_connection::certificate::RTCCertificate;
use rtc::peer_connection::event::RTCPeerConnectionEvent;
use rtc::peer_connection::message::RTCMessage;
use rtc::peer_connection::sdp::RTCSessionDescription;
use rtc::peer_connection::state::RTCPeerConnectionState;
use rtc::peer_connection::transport::RTCIceCandidateInit;
use rtc::sansio::Protocol;
use rtc::shared::{TaggedBytesMut, TransportContext, TransportProtocol};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Between two looks at a connected stack for the sake of its deadlines.
const CALM: Duration = Duration::from_secs(1);

/// What opening a leg needs besides the offer.
#[allow(
    missing_debug_implementations,
    reason = "the stack's cryptography has none"
)]
pub struct Opening<'a> {
    pub crypto: &'a Arc<dyn RTCCryptoProvider>,
    pub certificate: &'a RTCCertificate,
    /// Host candidates: each of the box's addresses with the shared port.
    pub candidates: &'a [SocketAddr],
    /// Passive candidates of TCP. The stack knows nothing of them: what comes that way comes from a UDP socket of the box.
    pub tcp_candidates: &'a [SocketAddr],
    pub ssrc: u32,
    /// Under which a picture is sent; none is taken without.
    pub video_ssrc: Option<u32>,
    /// The browser is asked to leave out silence.
    pub dtx: bool,
    /// Names the stream and its source (`msid`, `cname`); unpredictable.
    pub stream: String,
}

/// What a leg gave away in one go; its buffers are kept by whoever owns it.
#[derive(Debug, Default)]
pub struct Yield {
    pub rtp: Vec<rtc::rtp::Packet>,
    pub feedback: Vec<Feedback>,
    /// Addresses whose ICE check has passed.
    pub admitted: Vec<SocketAddr>,
    /// Checks of our own, with whom they went to.
    pub checks: Vec<(SocketAddr, demux::Transaction)>,
    pub connected: bool,
    pub failed: Option<String>,
}

impl Yield {
    fn clear(&mut self) {
        self.rtp.clear();
        self.feedback.clear();
        self.admitted.clear();
        self.checks.clear();
        self.connected = false;
        self.failed = None;
    }
}

/// The WebRTC stack lost its footing; the leg is of no more use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault(pub String);

/// An answer, and whether the offer had a picture that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub sdp: String,
    pub video_refused: bool,
}

/// What a datagram of SRTP was.
#[derive(Debug)]
pub enum Unprotected {
    Packet(SrtpPacket),
    Refused,
    /// The keys are not known: the stack is to be asked.
    Unkeyed,
}

/// One browser's connection.
pub struct WebLeg {
    connection: RTCPeerConnection,
    candidates: Vec<SocketAddr>,
    tcp_candidates: Vec<SocketAddr>,
    /// What an ICE restart puts in the place of these.
    fresh: Option<Candidates>,
    /// What the box speaks.
    format: AudioFormat,
    /// What it may speak instead.
    alternative: Option<AudioFormat>,
    dtx: bool,
    /// Payload type under which the browser may send redundant audio.
    redundancy: Option<u8>,
    picture: Option<Shown>,
    /// Names the stream of both.
    stream: String,
    connected: bool,
    /// Something other than media went in: events and deadlines may have changed.
    stirred: bool,
    /// Packets handed to the stack and not yet taken back as datagrams.
    owed: usize,
    deadline: Option<Instant>,
    /// The last check that asked for nomination, until it is answered.
    nominating: Option<(SocketAddr, Transaction)>,
    /// Where the browser last nominated. The stack stays with the first pair it selected; browsers
    /// move on (another network, a relay) without restarting ICE.
    nominated: Option<SocketAddr>,
    /// The browser's ICE user name, which is another after an ICE restart.
    fragment: Option<String>,
    /// Where media last came from.
    heard_from: Option<SocketAddr>,
    keying: Arc<Keying>,
    /// Once the handshake is over.
    srtp: Option<Box<(SrtpSender, SrtpReceiver)>>,
    /// Where the stack last sent anything but a check: the pair that it has selected.
    selected: Option<SocketAddr>,
}

impl std::fmt::Debug for WebLeg {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebLeg")
            .field("format", &self.format)
            .field("connected", &self.connected)
            .field("nominated", &self.nominated)
            .finish_non_exhaustive()
    }
}

impl WebLeg {
    /// Takes an offer; gives the leg and its answer.
    ///
    /// # Errors
    /// [`WebRefusal`] says what the browser should be told.
    pub fn open(
        now: Instant,
        offer: &str,
        policy: WebCodecPolicy,
        opening: Opening<'_>,
    ) -> Result<(Self, Answer), WebRefusal> {
        let inspected = browser::inspect(offer)?;
        let format = browser::choose(&inspected, policy.into())?;
        let alternative = match policy {
            WebCodecPolicy::Either(_) => browser::alternative(&inspected, &format),
            WebCodecPolicy::Preferred | WebCodecPolicy::Opus | WebCodecPolicy::G711 => None,
        };
        let formats = (format, alternative);
        let picture = shown(&inspected, opening.video_ssrc);
        let video_refused = picture.is_none() && inspected.has_live_video;
        let video = picture.as_ref().map(|picture| &picture.video);
        let narrowed = offer::narrow(offer, &inspected, formats, video)
            .ok_or_else(|| WebRefusal::BadSdp("the audio section has no a=mid".to_owned()))?;
        let redundancy = offer::redundancy(&inspected, formats);
        let (mut leg, answer) =
            guard(|| Self::connect(now, formats, redundancy, picture, &narrowed, opening))
                .unwrap_or_else(|Fault(fault)| Err(WebRefusal::Internal(fault)))?;
        leg.fragment = inspected.ice_ufrag;
        let answer = Answer {
            sdp: answer,
            video_refused,
        };
        Ok((leg, answer))
    }

    fn connect(
        now: Instant,
        formats: Formats,
        redundancy: Option<u8>,
        picture: Option<Shown>,
        narrowed: &Narrowed,
        opening: Opening<'_>,
    ) -> Result<(Self, String), WebRefusal> {
        let keying = Arc::new(Keying::new(Arc::clone(opening.crypto)));
        let crypto = Arc::clone(&keying);
        let mut connection =
            stack::build(now, formats, redundancy, &opening, crypto).map_err(internal)?;
        connection
            .set_remote_description(now, remote_offer(narrowed)?)
            .map_err(|error| WebRefusal::BadSdp(error.to_string()))?;
        for address in opening.candidates {
            stack::add_candidate(&mut connection, *address).map_err(internal)?;
        }
        // Says that there are no more.
        connection
            .add_local_candidate(RTCIceCandidateInit::default())
            .map_err(internal)?;
        let mut leg = Self {
            connection,
            candidates: opening.candidates.to_vec(),
            tcp_candidates: opening.tcp_candidates.to_vec(),
            fresh: None,
            format: formats.0,
            alternative: formats.1,
            dtx: opening.dtx,
            redundancy,
            picture,
            stream: opening.stream,
            connected: false,
            stirred: true,
            owed: 0,
            deadline: None,
            nominating: None,
            nominated: None,
            fragment: None,
            heard_from: None,
            keying,
            srtp: None,
            selected: None,
        };
        let answer = leg.answer(now, narrowed).map_err(internal)?;
        Ok((leg, answer))
    }

    fn answer(&mut self, now: Instant, narrowed: &Narrowed) -> rtc::shared::error::Result<String> {
        let answer = self.connection.create_answer(None)?;
        self.connection.set_local_description(now, answer)?;
        let local = self.connection.local_description();
        let sdp = local.map(|local| local.sdp).unwrap_or_default();
        let formats = (self.format, self.alternative);
        let wide = narrowed.widen(&sdp, self.picture.as_ref(), &self.stream);
        let mut finished = browser::finish_answer(&wide, formats);
        finished = browser::add_tcp_candidates(&finished, &self.tcp_candidates);
        if let (Some(pt), Some(opus)) = (self.redundancy, browser::opus_of(formats)) {
            finished = browser::ask_for_redundancy(&finished, &opus, pt);
        }
        if self.dtx {
            finished = browser::ask_for_dtx(&finished);
        }
        Ok(finished)
    }

    /// The box is known by other addresses: an ICE restart tells them.
    pub fn show(&mut self, udp: &[SocketAddr], tcp: &[SocketAddr]) {
        self.fresh = Some((udp.to_vec(), tcp.to_vec()));
    }

    fn put_candidates(&mut self, (udp, tcp): Candidates) -> Candidates {
        let udp = std::mem::replace(&mut self.candidates, udp);
        (udp, std::mem::replace(&mut self.tcp_candidates, tcp))
    }

    /// What the box speaks.
    pub const fn format(&self) -> AudioFormat {
        self.format
    }

    /// What it may speak instead.
    pub const fn alternative(&self) -> Option<AudioFormat> {
        self.alternative
    }

    /// Speaks one of the two from now on; the next answer names it first.
    pub fn speak(&mut self, format: AudioFormat) {
        if self.alternative == Some(format) {
            self.alternative = Some(self.format);
            self.format = format;
        }
    }

    /// Payload type under which the browser may send redundant audio (RFC 2198).
    pub const fn redundancy(&self) -> Option<u8> {
        self.redundancy
    }

    /// The picture it has agreed on.
    pub const fn picture(&self) -> Option<&Shown> {
        self.picture.as_ref()
    }

    /// Media passes the stack by.
    pub fn has_keys(&self) -> bool {
        self.srtp.is_some()
    }

    /// ICE and DTLS have been up.
    pub fn is_connected(&self) -> bool {
        self.connected
    }

    /// Hands one datagram of this leg to the stack.
    ///
    /// # Errors
    /// [`Fault`] when the stack panicked.
    pub fn receive(
        &mut self,
        now: Instant,
        from: SocketAddr,
        class: Class,
        datagram: &[u8],
    ) -> Result<(), Fault> {
        if class == Class::Stun
            && demux::stun_class(datagram) == Some(StunClass::Request)
            && demux::stun_nominates(datagram)
        {
            self.nominating = demux::stun_transaction(datagram).map(|id| (from, id));
        }
        if matches!(class, Class::Stun | Class::Dtls) {
            self.stirred = true;
        } else {
            self.heard_from = Some(from);
        }
        let local = self
            .candidates
            .iter()
            .find(|candidate| candidate.is_ipv4() == from.is_ipv4());
        let Some(local) = local.copied() else {
            return Ok(());
        };
        let message = TaggedBytesMut {
            now,
            transport: TransportContext {
                local_addr: local,
                peer_addr: from,
                ecn: None,
                transport_protocol: TransportProtocol::UDP,
            },
            message: BytesMut::from(datagram),
        };
        // What the stack refuses it drops; the caller sees it by what does not come out.
        guard(|| {
            let _ = self.connection.handle_read(message);
        })
    }

    /// When [`Self::handle_timeout`] wants to be called; unknown until [`Self::collect`] has
    /// looked again at a stack that was stirred.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadline.filter(|_| !self.stirred)
    }

    /// # Errors
    /// [`Fault`] when the stack panicked.
    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), Fault> {
        if self.deadline.is_none_or(|deadline| deadline > now) {
            return Ok(());
        }
        self.stirred = true;
        // Passed: the next one is known once everything was collected.
        self.deadline = None;
        guard(|| {
            let _ = self.connection.handle_timeout(now);
        })
    }

    /// Whether [`Self::collect`] has something to do besides handing out media.
    pub fn is_restless(&self) -> bool {
        self.stirred || self.owed > 0
    }

    /// Takes away everything the stack has: media and events into `yielded` (cleared first),
    /// datagrams into `outbound`. Ask [`Self::poll_timeout`] again afterwards.
    ///
    /// # Errors
    /// [`Fault`] when the stack panicked.
    pub fn collect(
        &mut self,
        now: Instant,
        yielded: &mut Yield,
        outbound: &mut Outbound<BytesMut>,
    ) -> Result<(), Fault> {
        yielded.clear();
        guard(|| {
            if self.stirred {
                self.collect_events(yielded);
            }
            self.collect_media(yielded);
            if self.is_restless() {
                self.collect_datagrams(yielded, outbound);
            }
            if self.stirred {
                self.deadline = self.connection.poll_timeout();
                if self.connected {
                    // The ICE agent asks for five looks a second and, being lite, does nothing in them.
                    self.deadline = self.deadline.map(|due| due.max(now + CALM));
                }
            }
            self.stirred = false;
        })
    }

    fn collect_events(&mut self, yielded: &mut Yield) {
        while let Some(event) = self.connection.poll_event() {
            let RTCPeerConnectionEvent::OnConnectionStateChangeEvent(state) = event else {
                continue;
            };
            match state {
                RTCPeerConnectionState::Connected => {
                    self.connected = true;
                    yielded.connected = true;
                    // Said again after an ICE restart, which changes no keys.
                    if let Some(keys) = self.keying.take() {
                        self.srtp = security(keys);
                    }
                }
                RTCPeerConnectionState::Failed => {
                    let part = if self.connected {
                        "the connection"
                    } else {
                        "DTLS"
                    };
                    yielded.failed = Some(format!("{part} failed"));
                }
                // On the way there, or done by ourselves.
                _ => {}
            }
        }
    }

    fn collect_media(&mut self, yielded: &mut Yield) {
        // Not `poll_read`: that sweeps the whole stack once more for data channels we never open.
        while let Some(message) = self.connection.poll_media_read() {
            match message.message {
                RTCMessage::RtpPacket(_, packet) => {
                    // After a restart browsers send from the pair they have chosen up to a second before they
                    // nominate it; it has passed its check, and this packet is authentic.
                    self.nominated = self.nominated.or(self.heard_from);
                    yielded.rtp.push(packet);
                }
                RTCMessage::RtcpPacket(_, packets) => {
                    for packet in packets {
                        feedback::read(packet.as_ref(), &mut yielded.feedback);
                    }
                }
                _ => {}
            }
        }
    }

    fn collect_datagrams(&mut self, yielded: &mut Yield, outbound: &mut Outbound<BytesMut>) {
        while let Some(datagram) = self.connection.poll_write() {
            let mut to = datagram.transport.peer_addr;
            let class = demux::stun_class(&datagram.message);
            if class == Some(StunClass::Request) {
                let transaction = demux::stun_transaction(&datagram.message);
                yielded.checks.extend(transaction.map(|id| (to, id)));
            } else if class == Some(StunClass::Success) {
                // The stack answers a check only after its integrity held.
                yielded.admitted.push(to);
                if let Some((from, id)) = self.nominating
                    && from == to
                    && demux::stun_transaction(&datagram.message) == Some(id)
                {
                    self.nominating = None;
                    self.nominated = Some(to);
                }
            } else if demux::classify(&datagram.message) != Class::Stun {
                self.selected = Some(to);
                to = self.nominated.unwrap_or(to);
            }
            outbound.push(to, datagram.message);
            // Each further question is a sweep through the whole stack: none for a sure no.
            self.owed = self.owed.saturating_sub(1);
            if self.owed == 0 && !self.stirred {
                break;
            }
        }
        self.owed = 0;
    }

    /// Says goodbye (DTLS `close_notify`).
    pub fn close(&mut self, outbound: &mut Outbound<BytesMut>) {
        let _ = guard(|| {
            let _ = self.connection.close();
            while let Some(datagram) = self.connection.poll_write() {
                let to = self.nominated.unwrap_or(datagram.transport.peer_addr);
                outbound.push(to, datagram.message);
            }
        });
    }
}

/// The picture of an offer that can be taken, sent to under this source.
fn shown(offer: &BrowserOffer, ssrc: Option<u32>) -> Option<Shown> {
    let video = offer
        .video
        .clone()
        .filter(|video| video.direction != Direction::Inactive);
    video.zip(ssrc).map(|(video, ssrc)| Shown { video, ssrc })
}

fn security(keys: SrtpPlan) -> Option<Box<(SrtpSender, SrtpReceiver)>> {
    let sender = SrtpSender::new(keys.send).ok()?;
    let receiver = SrtpReceiver::new(keys.receive).ok()?;
    Some(Box::new((sender, receiver)))
}

/// Drops a leg; not even that may panic further.
pub fn discard(leg: WebLeg) {
    let _ = guard(|| drop(leg));
}

/// Runs one call into the stack; its panic is a [`Fault`]. A leg is dropped after a fault, so
/// nobody sees what the panic left half done.
fn guard<T>(call: impl FnOnce() -> T) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|panic| {
        let text = panic
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned());
        Fault(text.unwrap_or_else(|| "the WebRTC stack panicked".to_owned()))
    })
}

fn internal(error: rtc::shared::error::Error) -> WebRefusal {
    WebRefusal::Internal(error.to_string())
}

fn remote_offer(narrowed: &Narrowed) -> Result<RTCSessionDescription, WebRefusal> {
    RTCSessionDescription::offer(narrowed.sdp.clone())
        .map_err(|error| WebRefusal::BadSdp(error.to_string()))
}
