//! The media plane: plain threads, one a core, that own sockets and legs, told what to do by [`Command`]s and
//! answering with [`Event`]s. No packet ever reaches the control plane.
//!
//! | file | what |
//! |---|---|
//! | `plane` | the handle: start, send, counters, health, stop |
//! | `engine` | one thread: sockets, loop, commands |
//! | `core` | the legs: from datagram, command or deadline to packets and events |
//! | `leg`, `web`, `trunk`, `source_lock` | a leg; its browser end over the WebRTC stack; its PBX end, and who may speak there |
//! | `bridge`, `either` | who hears whom, and what may pass; one of two codecs |
//! | `quality` | how a leg's far side hears |
//! | `video`, `transcoders` | a leg's picture; the threads on which it is transcoded |
//! | `stack`, `keying`, `demux`, `offer`, `feedback`, `liveness` | parts of the browser end |
//! | `batch`, `pace`, `counters`, `effort`, `priority` | parts of the thread |
//! | `neighbours`, `placement` | several threads: what they hand each other, and which takes a call |

mod batch;
mod bridge;
mod core;
mod counters;
pub mod demux;
mod effort;
mod either;
mod engine;
mod feedback;
mod keying;
mod leg;
mod liveness;
mod neighbours;
mod offer;
mod pace;
mod picture_section;
mod placement;
mod plane;
mod priority;
mod quality;
mod source_lock;
mod stack;
mod transcoders;
mod trunk;
mod video;
mod web;

pub use counters::CounterValues;
pub use plane::{MediaHealth, MediaPlane};
pub use quality::QualitySample;

use causeway_media::plan::{AudioCodec, AudioFormat, Direction, TrunkPlan};
use causeway_media::sdp::{SdpError, browser};
use causeway_media::video::VideoCounters;
use std::net::{SocketAddr, UdpSocket};

/// However many cores there are.
pub const MOST_THREADS: usize = 32;

/// Tables that are asked for every packet: a hash that is seeded at random and quick for short keys.
type Table<K, V> = std::collections::HashMap<K, V, foldhash::fast::RandomState>;

/// The box's, of UDP and of TCP.
type Candidates = (Vec<SocketAddr>, Vec<SocketAddr>);

/// One leg's media; unique for the life of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LegKey(pub u64);

impl LegKey {
    /// The `number`th leg, on a thread that [`MediaPlane::place`] gave. Legs that are to hear each other must be on one.
    pub const fn on(thread: usize, number: u64) -> Self {
        Self(number * MOST_THREADS as u64 + thread as u64)
    }

    /// Its thread, of so many.
    const fn thread(self, of: usize) -> usize {
        (self.0 % MOST_THREADS as u64) as usize % of
    }
}

/// Which codec towards the browser when it offers several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebCodecPolicy {
    /// First of Opus, PCMU and PCMA in the browser's own order.
    Preferred,
    Opus,
    /// G.711 if the browser has it, otherwise Opus.
    G711,
    /// This law and Opus, if the browser has both: the law, and Opus while packets are lost ([`Event::WebSpoken`]).
    /// Otherwise Opus, or what there is.
    Either(AudioCodec),
}

/// What the switch asks of a media thread. Commands of a leg are carried out in order.
#[derive(Debug)]
pub enum Command {
    /// Takes a browser's offer; answered by [`Event::WebAnswer`] or [`Event::WebRefused`].
    OpenWeb {
        leg: LegKey,
        offer: String,
        policy: WebCodecPolicy,
        /// Silence may be left out, both ways.
        dtx: bool,
        /// A picture is taken where the browser has H.264 or VP8.
        video: bool,
    },
    /// A new offer of an open web leg: an ICE restart, another order of codecs, a picture that begins or ends. Answered by
    /// [`Event::WebAnswer`] or [`Event::WebRefused`] (the leg stays as it was when refused).
    RestartWeb {
        leg: LegKey,
        offer: String,
        /// As of `OpenWeb`.
        video: bool,
    },
    /// A new connection for an open web leg: its page was loaded anew. Answered like `OpenWeb`, and by
    /// [`Event::WebConnected`] once more; the leg stays as it was when refused.
    RejoinWeb {
        leg: LegKey,
        offer: String,
        policy: WebCodecPolicy,
        dtx: bool,
        video: bool,
    },
    /// A trickled candidate line (`candidate:…`), as the browser sent it. Bad ones are counted and dropped.
    WebCandidate { leg: LegKey, candidate: String },
    /// A trunk leg on sockets that the switch has bound (RTP on an even port, RTCP on the next).
    OpenTrunk {
        leg: LegKey,
        rtp: UdpSocket,
        rtcp: UdpSocket,
        listening: Listening,
    },
    /// Sockets for the picture of a trunk leg, bound as those of its sound.
    OpenTrunkVideo {
        leg: LegKey,
        rtp: UdpSocket,
        rtcp: UdpSocket,
    },
    /// A trunk leg has no picture any more: its sockets are closed.
    CloseTrunkVideo { leg: LegKey },
    /// The far side of a leg wants a whole picture, as signalling says (RFC 5168).
    KeyFrame { leg: LegKey },
    /// The trunk leg's negotiated media: at first, and again after each offer/answer.
    PlanTrunk { leg: LegKey, plan: Box<TrunkPlan> },
    /// What the switch allows on a web leg: holds live here, since the browser's SDP never changes.
    DirectWeb { leg: LegKey, direction: Direction },
    /// Lets two legs hear each other, from now on, in both directions as each leg's plan and direction allow.
    Bridge { a: LegKey, b: LegKey },
    /// Lets a leg's far side hear itself, from now on, as its own direction allows.
    Echo { leg: LegKey },
    /// Plays digits (RFC 4733) out of a leg; answered by [`Event::DigitsSent`].
    SendDigits {
        leg: LegKey,
        digits: String,
        duration_ms: u16,
        gap_ms: u16,
    },
    /// Closes a leg; answered by [`Event::Closed`] with its final figures.
    Close { leg: LegKey },
    /// Asks for figures; answered by [`Event::Figures`].
    Report { leg: LegKey },
}

impl Command {
    /// The leg it is about; of two, either: they are on one thread.
    fn leg(&self) -> LegKey {
        match self {
            Self::OpenWeb { leg, .. }
            | Self::RestartWeb { leg, .. }
            | Self::RejoinWeb { leg, .. }
            | Self::WebCandidate { leg, .. }
            | Self::OpenTrunk { leg, .. }
            | Self::OpenTrunkVideo { leg, .. }
            | Self::CloseTrunkVideo { leg }
            | Self::KeyFrame { leg }
            | Self::PlanTrunk { leg, .. }
            | Self::DirectWeb { leg, .. }
            | Self::Bridge { a: leg, .. }
            | Self::Echo { leg }
            | Self::SendDigits { leg, .. }
            | Self::Close { leg }
            | Self::Report { leg } => *leg,
        }
    }
}

/// How closely a trunk leg is listened to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Listening {
    /// Silence, while both sides should send, after which [`Event::TrunkSilent`] is told; `None` never.
    pub silence: Option<std::time::Duration>,
    /// Tones are reported as digits when the far side has not agreed on telephone events.
    pub tones: bool,
}

/// What a media thread tells the switch.
#[derive(Debug)]
pub enum Event {
    WebAnswer {
        leg: LegKey,
        sdp: String,
        format: AudioFormat,
        /// It has a picture.
        video: bool,
        /// It has offered one that was not taken.
        video_refused: bool,
    },
    WebRefused {
        leg: LegKey,
        reason: WebRefusal,
    },
    /// The box speaks another of two codecs with the browser from now on. The browser follows when its page makes a new
    /// offer, which is to be given as [`Command::RestartWeb`].
    WebSpoken {
        leg: LegKey,
        format: AudioFormat,
    },
    /// ICE and DTLS are up: the browser can be heard. Once a connection of the leg.
    WebConnected {
        leg: LegKey,
    },
    /// Nothing at all from the browser, not even a consent check, for 8 s; sent once until it comes back.
    WebLost {
        leg: LegKey,
    },
    WebBack {
        leg: LegKey,
    },
    /// Not connected within 30 s, not heard for 60 s, or ICE or DTLS failed for good. Once; the leg waits to be closed.
    WebFailed {
        leg: LegKey,
        reason: String,
    },
    /// The first RTP packet of a trunk leg, for set-up figures and early media.
    TrunkHeard {
        leg: LegKey,
    },
    /// Neither RTP nor RTCP came from a trunk leg for so many seconds; told again each time they pass.
    TrunkSilent {
        leg: LegKey,
        seconds: u64,
    },
    /// A digit pressed by the far side of this bridged leg (already relayed to the other leg's RFC 4733).
    Digit {
        leg: LegKey,
        digit: char,
        duration_ms: u32,
    },
    DigitsSent {
        leg: LegKey,
    },
    /// A whole picture is wanted of the far side of this trunk leg, which takes no RTCP feedback. At most two a second.
    KeyFrameWanted {
        leg: LegKey,
    },
    /// How the far side of this bridged leg hears the other: every 5 s, and before either closes.
    Quality {
        leg: LegKey,
        sample: QualitySample,
    },
    Figures {
        leg: LegKey,
        figures: LegFigures,
    },
    Closed {
        leg: LegKey,
        figures: LegFigures,
    },
}

/// Why a browser's offer cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebRefusal {
    #[error("{0}")]
    BadSdp(String),
    #[error("the offer has no audio codec that the box speaks (Opus, PCMU, PCMA)")]
    NoCodec,
    #[error("no room for another media leg")]
    Full,
    #[error("{0}")]
    Internal(String),
}

impl From<SdpError> for WebRefusal {
    fn from(error: SdpError) -> Self {
        match error {
            SdpError::NoCommonCodec { .. } => Self::NoCodec,
            other => Self::BadSdp(other.to_string()),
        }
    }
}

impl From<WebCodecPolicy> for browser::WebCodecPolicy {
    fn from(policy: WebCodecPolicy) -> Self {
        match policy {
            WebCodecPolicy::Preferred => Self::Preferred,
            WebCodecPolicy::Opus => Self::Opus,
            WebCodecPolicy::G711 => Self::G711,
            WebCodecPolicy::Either(law) => Self::First(law),
        }
    }
}

/// Counters of a leg, from its opening on.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LegFigures {
    pub codec: Option<AudioCodec>,
    pub packets_received: u64,
    pub packets_sent: u64,
    pub bytes_received: u64,
    pub bytes_sent: u64,
    /// Lost on the way to the box.
    pub packets_lost: u64,
    /// Dropped by the box: not RTP, wrong source, failed authentication.
    pub packets_dropped: u64,
    /// RFC 3550 A.8, in milliseconds.
    pub jitter_ms: f32,
    /// From RTCP, when known.
    pub round_trip_ms: Option<f32>,
    /// Lost on the way from the box, as the far side reports it.
    pub remote_lost: Option<u64>,
    /// What was done for the picture towards the far side, which counts nowhere above; none where there is none.
    pub picture: Option<VideoCounters>,
}

/// Where the media plane listens and what it shows of itself.
#[derive(Clone, Debug)]
pub struct MediaSettings {
    /// The browsers' single UDP port.
    pub bind: SocketAddr,
    /// Addresses for ICE host candidates (with the bound port).
    pub public: Vec<std::net::IpAddr>,
    /// Passive candidates for ICE over TCP, which others serve.
    pub tcp: Vec<SocketAddr>,
    /// Legs at once, on all threads.
    pub max_legs: usize,
    /// Media threads, 1 to [`MOST_THREADS`].
    pub threads: usize,
}

/// The box's ICE candidates at these addresses, for a port bound so.
pub fn candidates(public: &[std::net::IpAddr], bound: SocketAddr) -> Vec<SocketAddr> {
    public
        .iter()
        .filter(|address| bound.is_ipv6() || address.is_ipv4())
        .map(|address| SocketAddr::new(*address, bound.port()))
        .collect()
}

impl MediaSettings {
    /// The box's ICE candidates, once the port is bound.
    pub fn candidates(&self, bound: SocketAddr) -> Vec<SocketAddr> {
        candidates(&self.public, bound)
    }
}
