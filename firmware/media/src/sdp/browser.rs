//! A browser's offer, looked at before the WebRTC stack gets it, and the answer that leaves.

use super::h264::{Profile, ProfileLevel};
use super::trunk::packet_time;
use super::video::{self, PacketizationMode};
use super::{Media, RtpMap, SdpError, SessionDescription, find, read};
use crate::plan::{AudioCodec, AudioFormat, Direction, DtmfFormat, Feedback};
use std::fmt::Write as _;
use std::net::SocketAddr;

/// Octets of SDP a browser may send.
pub const MAX_BROWSER_SDP: usize = 64 * 1024;

const TELEPHONE_EVENT: &str = "telephone-event";

/// Which codec the box wants on the web leg.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum WebCodecPolicy {
    /// Opus, or G.711 where the browser has no Opus.
    #[default]
    Opus,
    /// G.711 (PCMU before PCMA), or Opus where the browser has none.
    G711,
    /// Whatever the browser lists first.
    Preferred,
    /// This codec, else any other law, else Opus.
    First(AudioCodec),
}

/// What is agreed on with a browser: the codec that the box speaks, and one that either side may change to at any time.
pub type Formats = (AudioFormat, Option<AudioFormat>);

/// Both, or the one.
pub fn each(formats: Formats) -> impl Iterator<Item = AudioFormat> {
    std::iter::once(formats.0).chain(formats.1)
}

/// The telephone-events of both, each once.
pub fn events(formats: Formats) -> impl Iterator<Item = DtmfFormat> {
    let first = formats.0.dtmf;
    let second = formats.1.and_then(|format| format.dtmf);
    let second =
        second.filter(|second| first.map(|first| first.payload_type) != Some(second.payload_type));
    first.into_iter().chain(second)
}

/// The one that is Opus.
pub fn opus_of(formats: Formats) -> Option<AudioFormat> {
    each(formats).find(|format| format.codec == AudioCodec::Opus)
}

/// An audio codec of the offer that the box speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OfferedCodec {
    pub codec: AudioCodec,
    pub payload_type: u8,
}

/// How a browser codes its picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PictureCoding {
    /// Mode 1, Constrained Baseline or Baseline: it passes to a trunk as it is.
    H264(ProfileLevel),
    /// What every browser has (RFC 7742 section 5).
    Vp8,
}

/// The picture of a browser's offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferedVideo {
    /// Position among the m-lines, from 0.
    pub section: usize,
    pub mid: String,
    pub payload_type: u8,
    pub coding: PictureCoding,
    pub feedback: Feedback,
    /// As the browser wrote it.
    pub direction: Direction,
}

/// What matters of a browser's offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrowserOffer {
    /// `a=mid` of the audio section.
    pub mid: Option<String>,
    /// Position of the audio section among the m-lines, from 0.
    pub section: usize,
    /// Those we speak, in the browser's order of preference.
    pub codecs: Vec<OfferedCodec>,
    /// Payload type of redundant audio (RFC 2198) whose blocks are the Opus of `codecs`.
    pub redundancy: Option<u8>,
    /// Milliseconds of sound in a packet that the browser wants: 10, 20, 30, 40 or 60; 20 when it does not say.
    pub ptime_ms: u8,
    /// All telephone-event entries in the browser's order.
    pub dtmf: Vec<DtmfFormat>,
    /// As the browser wrote it; [`Direction::reversed`] is the box's side.
    pub direction: Direction,
    pub bundle: bool,
    pub rtcp_mux: bool,
    pub ice_ufrag: Option<String>,
    pub has_fingerprint: bool,
    /// `a=setup` (actpass, active, passive).
    pub setup: Option<String>,
    /// Candidates in the audio section.
    pub candidates: usize,
    pub end_of_candidates: bool,
    pub video_sections: usize,
    /// One of them is open, whether the box can carry it or not.
    pub has_live_video: bool,
    /// The picture that the box can carry, of the first video section bundled with the sound that has any.
    pub video: Option<OfferedVideo>,
    /// All m-lines.
    pub sections: usize,
}

/// Looks at a browser's offer.
///
/// # Errors
/// [`SdpError`] names the line, or what WebRTC would miss.
pub fn inspect(sdp: &str) -> Result<BrowserOffer, SdpError> {
    if sdp.len() > MAX_BROWSER_SDP {
        return Err(SdpError::TooLarge {
            octets: sdp.len(),
            limit: MAX_BROWSER_SDP,
        });
    }
    let offer = read(sdp.as_bytes())?;
    let (section, audio) = audio_section(&offer)?;
    if !is_webrtc_profile(&audio.protocol) {
        return Err(SdpError::Profile {
            line: audio.line,
            profile: audio.protocol.clone(),
        });
    }
    // ICE and DTLS may stand at session level as well (RFC 8839, RFC 8842).
    let anywhere = |name: &str| {
        audio
            .attribute(name)
            .or_else(|| find(&offer.attributes, name))
    };
    let value = |name: &str| anywhere(name).and_then(|attribute| attribute.value.clone());
    let ice_ufrag = value("ice-ufrag").filter(|ufrag| !ufrag.is_empty());
    if ice_ufrag.is_none() {
        return Err(SdpError::NotWebRtc("a=ice-ufrag"));
    }
    if value("ice-pwd").is_none() {
        return Err(SdpError::NotWebRtc("a=ice-pwd"));
    }
    if value("fingerprint").is_none() {
        return Err(SdpError::NotWebRtc("a=fingerprint"));
    }
    let mid = audio.value("mid").map(str::to_owned);
    let codecs = codecs(audio);
    Ok(BrowserOffer {
        section,
        redundancy: redundancy(audio, &codecs),
        codecs,
        ptime_ms: packet_time(audio, 20),
        dtmf: telephone_events(audio),
        direction: offer.direction_of(audio),
        bundle: is_bundled(&offer, mid.as_deref()),
        video: offered_video(&offer, mid.as_deref()),
        mid,
        rtcp_mux: audio.attribute("rtcp-mux").is_some(),
        ice_ufrag,
        has_fingerprint: true,
        setup: value("setup"),
        candidates: audio
            .attributes
            .iter()
            .filter(|attribute| attribute.name == "candidate")
            .count(),
        end_of_candidates: anywhere("end-of-candidates").is_some(),
        has_live_video: offer.media.iter().any(|media| {
            media.is("video")
                && is_usable(media)
                && offer.direction_of(media) != Direction::Inactive
        }),
        video_sections: offer.media.iter().filter(|media| media.is("video")).count(),
        sections: offer.media.len(),
    })
}

/// Chooses the web leg's audio format: the codec by policy, and the telephone-event whose clock
/// is the codec's (or the only one there is, with its own clock).
///
/// # Errors
/// [`SdpError::NoCommonCodec`].
pub fn choose(offer: &BrowserOffer, policy: WebCodecPolicy) -> Result<AudioFormat, SdpError> {
    let order: &[AudioCodec] = match policy {
        WebCodecPolicy::Opus => &[AudioCodec::Opus, AudioCodec::Pcmu, AudioCodec::Pcma],
        WebCodecPolicy::G711 => &[AudioCodec::Pcmu, AudioCodec::Pcma, AudioCodec::Opus],
        WebCodecPolicy::First(AudioCodec::Pcma) => {
            &[AudioCodec::Pcma, AudioCodec::Pcmu, AudioCodec::Opus]
        }
        WebCodecPolicy::First(AudioCodec::Pcmu) => {
            &[AudioCodec::Pcmu, AudioCodec::Pcma, AudioCodec::Opus]
        }
        WebCodecPolicy::First(AudioCodec::Opus | AudioCodec::G722) => {
            &[AudioCodec::Opus, AudioCodec::Pcmu, AudioCodec::Pcma]
        }
        WebCodecPolicy::Preferred => &[],
    };
    let by_policy = order
        .iter()
        .find_map(|codec| offer.codecs.iter().find(|offered| offered.codec == *codec));
    let chosen = by_policy
        .or(offer.codecs.first())
        .ok_or(SdpError::NoCommonCodec {
            offered: "neither opus nor PCMU nor PCMA".to_owned(),
        })?;
    Ok(format_of(offer, chosen))
}

fn format_of(offer: &BrowserOffer, chosen: &OfferedCodec) -> AudioFormat {
    let clock_rate = chosen.codec.clock_rate();
    AudioFormat {
        codec: chosen.codec,
        payload_type: chosen.payload_type,
        ptime_ms: offer.ptime_ms,
        dtmf: offer
            .dtmf
            .iter()
            .find(|dtmf| dtmf.clock_rate == clock_rate)
            .or(offer.dtmf.first())
            .copied(),
    }
}

/// Opus beside a law of G.711 that was chosen.
pub fn alternative(offer: &BrowserOffer, chosen: &AudioFormat) -> Option<AudioFormat> {
    let mut codecs = offer.codecs.iter();
    let opus = codecs.find(|offered| offered.codec == AudioCodec::Opus)?;
    (chosen.codec != AudioCodec::Opus).then(|| format_of(offer, opus))
}

/// Makes an answer say exactly the chosen codecs and telephone-events in its audio section;
/// every other line stays as it is, octet for octet.
pub fn finish_answer(answer: &str, formats: Formats) -> String {
    let mut finished = String::with_capacity(answer.len() + 64);
    let mut in_audio = false;
    let mut audio_done = false;
    let mut maps = Maps::new(formats);
    for line in answer.split_inclusive('\n') {
        let content = line.trim_end_matches(['\r', '\n']);
        let ending = line.get(content.len()..).unwrap_or("\r\n");
        if content.starts_with("m=") {
            if in_audio {
                maps.complete(&mut finished, "\r\n");
            }
            in_audio = !audio_done && content.starts_with("m=audio ");
            audio_done |= in_audio;
            if in_audio {
                push_media_line(&mut finished, content, formats);
                finished.push_str(ending);
                continue;
            }
        }
        if !in_audio || maps.keeps(content) {
            finished.push_str(line);
        }
    }
    if in_audio {
        if !finished.ends_with('\n') {
            finished.push_str("\r\n");
        }
        maps.complete(&mut finished, "\r\n");
    }
    finished
}

/// Priority of a passive TCP host candidate (RFC 6544 section 4.2): type preference below that of UDP host and reflexive
/// candidates (section 4.1), so that browsers take UDP where it passes, and above that of relays.
const TCP_PRIORITY: u32 = 90 << 24 | (4 << 13 | 8191) << 8 | 255;

/// Adds passive TCP candidates (RFC 6544 section 4.5) behind the others of each section that has any.
pub fn add_tcp_candidates(answer: &str, addresses: &[SocketAddr]) -> String {
    let mut finished = String::with_capacity(answer.len() + 96 * addresses.len());
    let mut in_candidates = false;
    for line in answer.split_inclusive('\n') {
        let is_candidate = line.starts_with("a=candidate:");
        if in_candidates && !is_candidate {
            for (nth, address) in (1_u32..).zip(addresses) {
                let (ip, port) = (address.ip(), address.port());
                // The foundation differs from that of UDP: another transport (RFC 8445 section 5.1.1.3).
                let _ = write!(
                    finished,
                    "a=candidate:tcp{nth} 1 tcp {} {ip} {port} typ host tcptype passive\r\n",
                    TCP_PRIORITY - (nth << 8),
                );
            }
        }
        in_candidates = is_candidate;
        finished.push_str(line);
    }
    finished
}

/// The maps that the answer must have, and which of them it already has.
struct Maps {
    codecs: Vec<(AudioFormat, bool)>,
    events: Vec<(DtmfFormat, bool)>,
}

impl Maps {
    fn new(formats: Formats) -> Self {
        Self {
            codecs: each(formats).map(|format| (format, false)).collect(),
            events: events(formats).map(|event| (event, false)).collect(),
        }
    }

    /// Whether a line of the audio section stays.
    fn keeps(&mut self, content: &str) -> bool {
        let Some((name, value)) = content
            .strip_prefix("a=")
            .and_then(|attribute| attribute.split_once(':'))
        else {
            return true;
        };
        let number = value.split_ascii_whitespace().next().unwrap_or("");
        match name {
            "rtpmap" => RtpMap::read(value).is_some_and(|map| self.keeps_map(&map)),
            "fmtp" | "rtcp-fb" => {
                number == "*"
                    || number.parse().is_ok_and(|payload_type: u8| {
                        let mut codecs = self.codecs.iter();
                        let mut events = self.events.iter();
                        codecs.any(|(format, _)| format.payload_type == payload_type)
                            || events.any(|(event, _)| event.payload_type == payload_type)
                    })
            }
            _ => true,
        }
    }

    /// A map stays when it is one of ours and comes for the first time.
    fn keeps_map(&mut self, map: &RtpMap<'_>) -> bool {
        for (format, has) in &mut self.codecs {
            if map.payload_type == format.payload_type {
                let is_ours = map.is(format.codec.name(), format.codec.clock_rate());
                return is_ours && !std::mem::replace(has, *has || is_ours);
            }
        }
        for (event, has) in &mut self.events {
            if map.payload_type == event.payload_type {
                let is_ours = map.is(TELEPHONE_EVENT, event.clock_rate);
                return is_ours && !std::mem::replace(has, *has || is_ours);
            }
        }
        false
    }

    /// Writes the maps that the answer lacks.
    fn complete(&self, finished: &mut String, ending: &str) {
        for (format, _) in self.codecs.iter().filter(|(_, has)| !has) {
            let channels = match format.codec {
                AudioCodec::Opus => "/2",
                AudioCodec::Pcmu | AudioCodec::Pcma | AudioCodec::G722 => "",
            };
            finished.push_str(&format!(
                "a=rtpmap:{} {}/{}{channels}{ending}",
                format.payload_type,
                format.codec.name(),
                format.codec.clock_rate(),
            ));
        }
        for (event, _) in self.events.iter().filter(|(_, has)| !has) {
            finished.push_str(&format!(
                "a=rtpmap:{} {TELEPHONE_EVENT}/{}{ending}",
                event.payload_type, event.clock_rate,
            ));
        }
    }
}

/// `m=audio port profile` as it stood, with our formats behind; a refused section keeps its own.
fn push_media_line(finished: &mut String, content: &str, formats: Formats) {
    let mut fields = content.splitn(4, ' ');
    let (Some(kind), Some(port), Some(profile)) = (fields.next(), fields.next(), fields.next())
    else {
        finished.push_str(content);
        return;
    };
    finished.push_str(&format!("{kind} {port} {profile}"));
    let codecs = each(formats).map(|format| format.payload_type);
    for payload_type in codecs.chain(events(formats).map(|event| event.payload_type)) {
        finished.push_str(&format!(" {payload_type}"));
    }
}

/// The first audio section that is not refused.
fn audio_section(offer: &SessionDescription) -> Result<(usize, &Media), SdpError> {
    let mut sections = offer
        .media
        .iter()
        .enumerate()
        .filter(|(_, media)| media.is("audio"));
    let mut refused = None;
    sections
        .find(|(_, media)| {
            let usable = is_usable(media);
            if !usable {
                refused.get_or_insert(media.line);
            }
            usable
        })
        .ok_or(match refused {
            Some(line) => SdpError::AudioRefused { line },
            None => SdpError::NoAudio,
        })
}

/// Port 0 refuses, unless the section is carried by another one's transport.
fn is_usable(media: &Media) -> bool {
    media.port != 0 || media.attribute("bundle-only").is_some()
}

fn is_webrtc_profile(profile: &str) -> bool {
    [
        "UDP/TLS/RTP/SAVPF",
        "RTP/SAVPF",
        "UDP/TLS/RTP/SAVP",
        "TCP/DTLS/RTP/SAVPF",
    ]
    .iter()
    .any(|known| known.eq_ignore_ascii_case(profile))
}

/// H.264 where a section has it in a form that passes to a trunk, and else VP8.
fn offered_video(offer: &SessionDescription, audio: Option<&str>) -> Option<OfferedVideo> {
    let audio = audio.filter(|_| is_bundled(offer, audio))?;
    offer.media.iter().enumerate().find_map(|(section, media)| {
        let mid = media.value("mid").filter(|mid| *mid != audio)?;
        let carried = is_usable(media) && is_webrtc_profile(&media.protocol);
        if !media.is("video") || !carried || !is_bundled(offer, Some(mid)) {
            return None;
        }
        let (payload_type, coding) = h264(media).or_else(|| vp8(media))?;
        Some(OfferedVideo {
            section,
            mid: mid.to_owned(),
            payload_type,
            coding,
            feedback: video::feedback(media, payload_type),
            direction: offer.direction_of(media),
        })
    })
}

/// Mode 1 of Constrained Baseline, else of Baseline: what browsers and phones have in common.
fn h264(media: &Media) -> Option<(u8, PictureCoding)> {
    let mut profiles = [Profile::ConstrainedBaseline, Profile::Baseline].into_iter();
    let (payload_type, _, parameters) = profiles.find_map(|profile| {
        video::formats(media).find(|(_, mode, parameters)| {
            *mode == PacketizationMode::NonInterleaved
                && parameters.profile_level.profile() == profile
        })
    })?;
    Some((payload_type, PictureCoding::H264(parameters.profile_level)))
}

fn vp8(media: &Media) -> Option<(u8, PictureCoding)> {
    let is_vp8 = |payload_type: &u8| {
        let mut maps = media.rtp_maps(*payload_type);
        maps.any(|map| map.is("VP8", 90_000))
    };
    let payload_type = media.payload_types().find(is_vp8)?;
    Some((payload_type, PictureCoding::Vp8))
}

fn codecs(audio: &Media) -> Vec<OfferedCodec> {
    let offered = audio.payload_types().filter_map(|payload_type| {
        let meaning = audio.meaning(payload_type)?;
        let codec = [AudioCodec::Opus, AudioCodec::Pcmu, AudioCodec::Pcma]
            .into_iter()
            .find(|codec| meaning.is(codec.name(), codec.clock_rate()))?;
        // RFC 7587 section 7: Opus is always written with two channels; G.711 has one.
        let channels = if codec == AudioCodec::Opus { 2 } else { 1 };
        (meaning.channels == channels).then_some(OfferedCodec {
            codec,
            payload_type,
        })
    });
    let mut codecs: Vec<OfferedCodec> = Vec::new();
    for entry in offered {
        if !codecs.iter().any(|known| known.codec == entry.codec) {
            codecs.push(entry);
        }
    }
    codecs
}

/// `red/48000/2` whose `fmtp` says that all its blocks are Opus: `111/111`.
fn redundancy(audio: &Media, codecs: &[OfferedCodec]) -> Option<u8> {
    let opus = codecs.iter().find(|c| c.codec == AudioCodec::Opus)?;
    let is_opus = |block: &str| block.parse() == Ok(opus.payload_type);
    audio.payload_types().find(|payload_type| {
        let is_red = audio
            .meaning(*payload_type)
            .is_some_and(|map| map.is("red", AudioCodec::Opus.clock_rate()));
        is_red
            && audio.attributes.iter().any(|attribute| {
                let value = attribute.value.as_deref().unwrap_or_default();
                let blocks = value.trim().split_once(' ');
                attribute.name == "fmtp"
                    && blocks.is_some_and(|(number, blocks)| {
                        number.parse() == Ok(*payload_type) && blocks.trim().split('/').all(is_opus)
                    })
            })
    })
}

/// Makes a finished answer ask for silence to be left out (RFC 7587 section 6.1).
pub fn ask_for_dtx(answer: &str) -> String {
    answer.replace("useinbandfec=1", "useinbandfec=1;usedtx=1")
}

/// Makes a finished answer ask for redundant audio under `payload_type`: it stands before Opus, which is what browsers
/// send then.
pub fn ask_for_redundancy(answer: &str, format: &AudioFormat, payload_type: u8) -> String {
    let mut asking = String::with_capacity(answer.len() + 64);
    let mut in_audio = false;
    let formats = format!(" {}", format.payload_type);
    let map = format!("a=rtpmap:{} ", format.payload_type);
    for line in answer.split_inclusive('\n') {
        if line.starts_with("m=") {
            in_audio = line.starts_with("m=audio ");
            if in_audio && let Some((head, rest)) = line.split_once(&formats) {
                asking.push_str(&format!("{head} {payload_type}{formats}{rest}"));
                continue;
            }
        }
        if in_audio && line.starts_with(&map) {
            asking.push_str(&format!(
                "a=rtpmap:{payload_type} red/{}/2\r\na=fmtp:{payload_type} {pt}/{pt}\r\n",
                format.codec.clock_rate(),
                pt = format.payload_type,
            ));
        }
        asking.push_str(line);
    }
    asking
}

fn telephone_events(audio: &Media) -> Vec<DtmfFormat> {
    audio
        .payload_types()
        .filter_map(|payload_type| audio.meaning(payload_type))
        .filter(|map| map.encoding.eq_ignore_ascii_case(TELEPHONE_EVENT))
        .map(|map| DtmfFormat {
            payload_type: map.payload_type,
            clock_rate: map.clock_rate,
        })
        .filter(|dtmf| (8_000..=192_000).contains(&dtmf.clock_rate))
        .collect()
}

/// Whether the section stands in a `a=group:BUNDLE` (RFC 9143).
fn is_bundled(offer: &SessionDescription, mid: Option<&str>) -> bool {
    let Some(mid) = mid else {
        return false;
    };
    offer
        .attributes
        .iter()
        .filter(|attribute| attribute.name == "group")
        .filter_map(|attribute| attribute.value.as_deref())
        .filter_map(|value| value.strip_prefix("BUNDLE"))
        .any(|members| members.split_ascii_whitespace().any(|member| member == mid))
}
