//! Offer/answer on one trunk leg (RFC 3264).
//!
//! | state | our offer | their answer | their offer |
//! |---|---|---|---|
//! | nothing agreed | offered | error `NoOffer` | answered → agreed |
//! | offered | offered anew | → agreed | answered → agreed |
//! | agreed | offered | again (183, then 200) → agreed | answered → agreed |
//!
//! An error never changes anything: what was agreed before still holds.
//!
//! One audio section is used, the first that can be, and one of video where the leg has it; all others are refused with
//! port 0. A picture that cannot be agreed on never costs the sound.
//! Session after session every section keeps its place (RFC 3264 section 8).

use super::keying::{Agreed as AgreedKeys, Keying, Profile};
use super::remote::{remote, remote_rtcp};
use super::trunk_video::VideoSession;
use super::{
    Address, Attribute, Connection, Media, Origin, SdpError, SessionDescription, direction_name,
    read,
};
use crate::plan::{AudioCodec, AudioFormat, Direction, DtmfFormat, TrunkPlan};
use std::net::{IpAddr, SocketAddr};

pub use super::keying::{KeySeed, SrtpPolicy};
pub use super::trunk_video::TrunkVideo;

/// Packet times that a plan may have.
const PACKET_TIMES: [u8; 5] = [10, 20, 30, 40, 60];

/// Payload type of comfort noise at 8 kHz (RFC 3389 section 4).
pub const COMFORT_NOISE: u8 = 13;

/// The format of `a=rtcp-xr` that is understood.
const VOIP_METRICS: &str = "voip-metrics";

/// What our side of a trunk leg can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrunkMediaConfig {
    /// Where the PBX sends RTP; RTCP goes to the next port.
    pub address: IpAddr,
    pub port: u16,
    /// Of the `o=` line, below 2^63; unpredictable, handed in.
    pub session_id: u64,
    /// In order of preference; only G722, PCMU and PCMA are offered.
    pub codecs: Vec<AudioCodec>,
    /// 10, 20, 30, 40 or 60.
    pub ptime_ms: u8,
    /// Payload type of our telephone-event offer, 96–127, usually 101; `None` offers none.
    pub dtmf_payload_type: Option<u8>,
    /// Comfort noise (RFC 3389) is offered, and agreed to.
    pub comfort_noise: bool,
    pub srtp: SrtpPolicy,
    /// Unpredictable, handed in, of this leg alone.
    pub key_seed: KeySeed,
}

/// Offer/answer state of one trunk leg.
#[derive(Clone, Debug)]
pub struct TrunkSession {
    config: TrunkMediaConfig,
    plan: Option<TrunkPlan>,
    /// All sections of the session, ours at `audio`; the others as they are refused.
    sections: Vec<Media>,
    audio: usize,
    /// Direction of our last offer, while answers to it are welcome.
    offered: Option<Direction>,
    keying: Keying,
    video: Option<VideoSession>,
    /// What we sent last, without its version.
    last_sent: Option<SessionDescription>,
    version: u64,
}

/// What an audio section of theirs comes to.
struct Agreed {
    remote: SocketAddr,
    remote_rtcp: SocketAddr,
    format: AudioFormat,
    /// As seen from the box, before our own wish.
    direction: Direction,
    comfort_noise: bool,
    voip_metrics: bool,
    keys: AgreedKeys,
}

impl TrunkSession {
    pub fn new(config: TrunkMediaConfig) -> Self {
        Self {
            keying: Keying::new(config.srtp, config.key_seed),
            config,
            plan: None,
            sections: Vec::new(),
            audio: 0,
            offered: None,
            video: None,
            last_sent: None,
            version: 0,
        }
    }

    /// Whether the leg can have a picture; before anything is agreed.
    pub fn set_video(&mut self, video: Option<TrunkVideo>) {
        self.video = video.map(|video| VideoSession::new(video, self.config.srtp));
    }

    /// A picture begins in a session that stands: as open as `wanted` at most, and `asks` when our next offer has it, not
    /// theirs.
    pub fn begin_video(&mut self, video: TrunkVideo, wanted: Direction, asks: bool) {
        let srtp = self.config.srtp;
        let begun = VideoSession::begin(video, srtp, (wanted, asks), &self.sections);
        self.video = Some(begun);
    }

    /// How open the picture is at most, from the next offer on.
    pub const fn direct_video(&mut self, wanted: Direction) {
        if let Some(video) = &mut self.video {
            video.direct(wanted);
        }
    }

    /// How open the picture is at most, where the leg can have one.
    pub fn video_wanted(&self) -> Option<Direction> {
        self.video.as_ref().map(VideoSession::wanted)
    }

    /// There is no picture from the next offer on; theirs of one are refused until another begins.
    pub fn end_video(&mut self) {
        if let Some(video) = self.video.take() {
            video.end(&mut self.sections);
        }
        if let Some(plan) = &mut self.plan {
            plan.video = None;
        }
    }

    /// Makes the next offer one of sound alone, after a far side has refused one with a picture altogether; false when
    /// there was none.
    pub fn give_up_video(&mut self) -> bool {
        let gives_up = self.plan.is_none() && self.video.take().is_some();
        if gives_up {
            self.sections.truncate(1);
        }
        gives_up
    }

    /// Whether the leg can have a picture.
    pub const fn has_video(&self) -> bool {
        self.video.is_some()
    }

    /// Our offer. The version of its `o=` line grows only when something differs from what we
    /// sent last, so that a session refresh is recognised as one (RFC 4028 section 7.4).
    pub fn offer(&mut self, direction: Direction) -> String {
        let mut formats: Vec<(u8, AudioCodec)> = Vec::new();
        for codec in &self.config.codecs {
            if let Some(static_type) = static_payload_type(*codec)
                && !formats.iter().any(|(_, known)| known == codec)
            {
                formats.push((static_type, *codec));
            }
        }
        // What is in use stays in use: its payload types, its codec first.
        let agreed = self.plan.map(|plan| plan.format);
        if let Some(agreed) = agreed {
            formats.retain(|(_, codec)| *codec != agreed.codec);
            formats.insert(0, (agreed.payload_type, agreed.codec));
        }
        let dtmf = agreed
            .and_then(|agreed| agreed.dtmf)
            .map(|dtmf| dtmf.payload_type)
            .or(self.config.dtmf_payload_type)
            .filter(|dtmf| formats.iter().all(|(payload_type, _)| payload_type != dtmf));
        let (profile, keys) = self.keying.offer();
        let noise = self.config.comfort_noise;
        let audio = self.audio_section(&formats, (dtmf, noise), direction, profile, keys);
        self.offered = Some(direction);
        let video = self.video.as_mut().and_then(|v| v.offer(direction));
        self.send(audio, video)
    }

    /// Makes the next offer insist on SRTP, after a far side has refused one that left it open;
    /// false when there is nothing to insist on.
    pub fn insist_on_srtp(&mut self) -> bool {
        if let Some(video) = &mut self.video {
            video.insist_on_srtp();
        }
        self.keying.insist()
    }

    /// The far side's answer to our last offer; may come again (183, then 200).
    ///
    /// # Errors
    /// [`SdpError`]; the plan then stays as it was.
    pub fn receive_answer(&mut self, sdp: &[u8]) -> Result<TrunkPlan, SdpError> {
        let offered = self.offered.ok_or(SdpError::NoOffer)?;
        let answer = read(sdp)?;
        if answer.media.is_empty() {
            return Err(SdpError::NoAudio);
        }
        // Sections too many or too few behind ours break RFC 3264 section 6 and harm nobody.
        let section = answer.media.get(self.audio).ok_or(SdpError::SectionCount {
            offered: self.sections.len(),
            answered: answer.media.len(),
        })?;
        if !section.is("audio") {
            return Err(SdpError::NoAudio);
        }
        if section.port == 0 {
            return Err(SdpError::AudioRefused { line: section.line });
        }
        let keys = self.keying.judge_answer(section)?;
        let agreed = self.agree(&answer, section, keys)?;
        let mut plan = agreed.plan(offered);
        self.keying.settle(agreed.keys);
        let address = self.config.address;
        plan.video = self
            .video
            .as_mut()
            .and_then(|video| video.receive_answer(&answer, offered, address));
        self.plan = Some(plan);
        Ok(plan)
    }

    /// The far side's offer and our answer to it, at most as open as `wanted`.
    ///
    /// # Errors
    /// [`SdpError`]; the plan then stays as it was.
    pub fn receive_offer(
        &mut self,
        sdp: &[u8],
        wanted: Direction,
    ) -> Result<(String, TrunkPlan), SdpError> {
        let offer = read(sdp)?;
        // The first audio section that will do; when none does, what is wrong with the first.
        let mut first_fault = None;
        let mut chosen = None;
        for (at, section) in offer.media.iter().enumerate() {
            if !section.is("audio") {
                continue;
            }
            let outcome = if section.port == 0 {
                Err(SdpError::AudioRefused { line: section.line })
            } else {
                self.keying
                    .judge_offer(section)
                    .and_then(|keys| self.agree(&offer, section, keys))
            };
            match outcome {
                Ok(agreed) => {
                    chosen = Some((at, agreed));
                    break;
                }
                Err(fault) => _ = first_fault.get_or_insert(fault),
            }
        }
        let Some((audio, agreed)) = chosen else {
            return Err(first_fault.unwrap_or(SdpError::NoAudio));
        };
        let mut plan = agreed.plan(wanted);
        self.keying.settle_offer(agreed.keys);
        self.sections = offer.media.iter().map(refused).collect();
        self.audio = audio;
        self.offered = None;
        let (address, is_first) = (self.config.address, self.plan.is_none());
        let video = self
            .video
            .as_mut()
            .and_then(|video| video.receive_offer(&offer, wanted, address, is_first));
        let (video, video_plan) = video.unzip();
        plan.video = video_plan;
        self.plan = Some(plan);
        let codec = (plan.format.payload_type, plan.format.codec);
        let dtmf = plan.format.dtmf.map(|dtmf| dtmf.payload_type);
        let (profile, keys) = (agreed.keys.profile, agreed.keys.answer());
        let further = (dtmf, plan.comfort_noise);
        let section = self.audio_section(&[codec], further, plan.direction, profile, keys);
        Ok((self.send(section, video), plan))
    }

    /// The address our descriptions name.
    pub const fn address(&self) -> IpAddr {
        self.config.address
    }

    /// What was agreed last.
    pub fn plan(&self) -> Option<&TrunkPlan> {
        self.plan.as_ref()
    }

    /// Our audio section, with digits and comfort noise.
    fn audio_section(
        &self,
        codecs: &[(u8, AudioCodec)],
        (dtmf, noise): (Option<u8>, bool),
        direction: Direction,
        profile: Profile,
        keys: Vec<Attribute>,
    ) -> Media {
        let mut formats = Vec::new();
        let mut attributes = keys;
        for (payload_type, codec) in codecs {
            formats.push(payload_type.to_string());
            let map = format!("{payload_type} {}/{}", codec.name(), codec.clock_rate());
            attributes.push(Attribute::with_value("rtpmap", map));
        }
        if noise {
            formats.push(COMFORT_NOISE.to_string());
            let map = format!("{COMFORT_NOISE} CN/8000");
            attributes.push(Attribute::with_value("rtpmap", map));
        }
        if let Some(payload_type) = dtmf {
            formats.push(payload_type.to_string());
            let map = format!("{payload_type} telephone-event/8000");
            attributes.push(Attribute::with_value("rtpmap", map));
            let events = format!("{payload_type} 0-16");
            attributes.push(Attribute::with_value("fmtp", events));
        }
        let ptime = self.config.ptime_ms.to_string();
        attributes.push(Attribute::with_value("ptime", ptime));
        // Only who wants them is told that we want them too: others may not know the line.
        if self.plan.is_some_and(|plan| plan.voip_metrics) {
            let wanted = VOIP_METRICS.to_owned();
            attributes.push(Attribute::with_value("rtcp-xr", wanted));
        }
        attributes.push(Attribute::flag(direction_name(direction)));
        Media {
            kind: "audio".to_owned(),
            port: self.config.port,
            protocol: profile.name().to_owned(),
            formats,
            connection: None,
            bandwidth_kbps: None,
            attributes,
            line: 0,
        }
    }

    /// Puts our sections in their places and writes the whole description.
    fn send(&mut self, audio: Media, video: Option<Media>) -> String {
        match self.sections.get_mut(self.audio) {
            Some(section) => *section = audio,
            None => self.sections.push(audio),
        }
        if let Some(session) = &mut self.video {
            session.put(video, &mut self.sections);
        }
        let address = Address::Ip(self.config.address);
        let mut description = SessionDescription {
            origin: Origin {
                username: "-".to_owned(),
                session_id: self.config.session_id.to_string(),
                version: String::new(),
                address: address.clone(),
            },
            session_name: "-".to_owned(),
            connection: Some(Connection { address, line: 0 }),
            attributes: Vec::new(),
            media: self.sections.clone(),
        };
        if self.last_sent.as_ref() != Some(&description) {
            self.version += 1;
            self.last_sent = Some(description.clone());
        }
        description.origin.version = self.version.to_string();
        description.to_string()
    }

    /// What one of their audio sections comes to.
    fn agree(
        &self,
        theirs: &SessionDescription,
        section: &Media,
        keys: AgreedKeys,
    ) -> Result<Agreed, SdpError> {
        let format = self.format(section)?;
        let direction = theirs.direction_of(section).reversed();
        let last = self.plan.map(|plan| plan.remote);
        let (remote, held) = remote(theirs, section, self.config.address, last)?;
        let direction = if held {
            // RFC 3264 section 8.4: the old hold. We must not send; they still may.
            direction.intersect(Direction::RecvOnly)
        } else {
            direction
        };
        Ok(Agreed {
            remote,
            remote_rtcp: remote_rtcp(section, remote),
            format,
            direction,
            comfort_noise: self.config.comfort_noise && takes_comfort_noise(section),
            voip_metrics: wants_voip_metrics(theirs, section),
            keys,
        })
    }

    /// The first codec of theirs that we speak, with its telephone-event.
    fn format(&self, section: &Media) -> Result<AudioFormat, SdpError> {
        let codec = section.payload_types().find_map(|payload_type| {
            let meaning = section.meaning(payload_type)?;
            self.config
                .codecs
                .iter()
                .filter(|codec| static_payload_type(**codec).is_some())
                .find(|codec| meaning.is(codec.name(), codec.clock_rate()) && meaning.channels == 1)
                .map(|codec| (payload_type, *codec))
        });
        let Some((payload_type, codec)) = codec else {
            return Err(SdpError::NoCommonCodec {
                offered: offered_names(section),
            });
        };
        let dtmf = self.config.dtmf_payload_type.and_then(|_| {
            section.payload_types().find(|payload_type| {
                section
                    .rtp_maps(*payload_type)
                    .any(|map| map.is("telephone-event", codec.clock_rate()))
            })
        });
        Ok(AudioFormat {
            codec,
            payload_type,
            ptime_ms: packet_time(section, self.config.ptime_ms),
            dtmf: dtmf.map(|payload_type| DtmfFormat {
                payload_type,
                clock_rate: codec.clock_rate(),
            }),
        })
    }
}

/// What they want to receive (RFC 8866 section 6.4), in ms, as far as we can: the longest packet time of ours that is not
/// above it; `ours` when they do not say.
pub(super) fn packet_time(section: &Media, ours: u8) -> u8 {
    let number = |name| {
        let value = section.value(name)?;
        // Fractions such as 20.0 have been seen.
        let whole = value.split('.').next().unwrap_or(value);
        whole.trim().parse::<u32>().ok().filter(|ms| *ms > 0)
    };
    let wanted = number("ptime").unwrap_or(u32::from(ours));
    let most = number("maxptime").unwrap_or(u32::MAX);
    let limit = wanted.min(most);
    PACKET_TIMES
        .into_iter()
        .rev()
        .find(|time| u32::from(*time) <= limit)
        .unwrap_or(10)
}

impl Agreed {
    /// At most as open as `wanted`.
    fn plan(&self, wanted: Direction) -> TrunkPlan {
        TrunkPlan {
            remote: self.remote,
            remote_rtcp: self.remote_rtcp,
            format: self.format,
            direction: self.direction.intersect(wanted),
            srtp: self.keys.plan(),
            comfort_noise: self.comfort_noise,
            voip_metrics: self.voip_metrics,
            video: None,
        }
    }
}

/// The address that an offer wants audio sent to, whose family that of our socket must be; `None` when it does not say.
pub fn wants_audio_at(offer: &[u8]) -> Option<IpAddr> {
    let offer = read(offer).ok()?;
    let mut audio = offer.media.iter().filter(|m| m.is("audio") && m.port != 0);
    let connection = offer.connection_of(audio.next()?)?;
    connection.address.ip()
}

/// Whether an offer has a section of video that is not refused.
pub fn wants_video(offer: &[u8]) -> bool {
    read(offer).is_ok_and(|offer| offer.media.iter().any(|m| m.is("video") && m.port != 0))
}

/// Whether `a=rtcp-xr` of the section or of the session asks for VoIP metrics (RFC 3611 section 5.1).
fn wants_voip_metrics(theirs: &SessionDescription, section: &Media) -> bool {
    let sessions = theirs.attributes.iter();
    section
        .attributes
        .iter()
        .chain(sessions)
        .filter(|attribute| attribute.name.eq_ignore_ascii_case("rtcp-xr"))
        .filter_map(|attribute| attribute.value.as_deref())
        .flat_map(str::split_ascii_whitespace)
        .any(|format| format.eq_ignore_ascii_case(VOIP_METRICS))
}

/// Whether a section has comfort noise under the payload type that all know it by.
fn takes_comfort_noise(section: &Media) -> bool {
    section
        .payload_types()
        .any(|payload_type| payload_type == COMFORT_NOISE)
        && section
            .rtp_maps(COMFORT_NOISE)
            .next()
            .is_none_or(|map| map.is("CN", 8_000))
}

/// The payload type of RFC 3551; what has none is no codec of a trunk.
const fn static_payload_type(codec: AudioCodec) -> Option<u8> {
    match codec {
        AudioCodec::Pcmu => Some(0),
        AudioCodec::Pcma => Some(8),
        AudioCodec::G722 => Some(9),
        AudioCodec::Opus => None,
    }
}

/// A section of theirs as our answer refuses it (RFC 3264 section 6).
pub(super) fn refused(theirs: &Media) -> Media {
    Media {
        port: 0,
        connection: None,
        bandwidth_kbps: None,
        attributes: Vec::new(),
        line: 0,
        ..theirs.clone()
    }
}

/// What stands in an error: `G722/8000, 96`.
fn offered_names(section: &Media) -> String {
    let names: Vec<String> = section
        .formats
        .iter()
        .take(16)
        .map(|format| {
            let meaning = format.parse().ok().and_then(|pt| section.meaning(pt));
            meaning.map_or_else(
                || format.chars().take(32).collect(),
                |map| {
                    let name: String = map.encoding.chars().take(32).collect();
                    format!("{name}/{}", map.clock_rate)
                },
            )
        })
        .collect();
    names.join(", ")
}
