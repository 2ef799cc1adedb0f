//! An `m=video` section with H.264: ours as an offer, ours as the answer to theirs, theirs as the answer to ours
//! (RFC 6184 section 8.2.2).
//!
//! | of the format | rule |
//! |---|---|
//! | profile, packetization mode | the same on both sides, or the format is refused |
//! | level | the lower of both; each side its own when both allow asymmetry |
//! | parameter sets | not sent in SDP, not needed from there: they come in the stream |
//! | feedback | `nack pli` and `ccm fir`, where both say so; never `nack` |
//! | bandwidth | a limit for who sends to its writer |
//!
//! Constrained Baseline and Baseline are spoken, in modes 1 (preferred) and 0.

use super::h264::{Parameters, Profile, ProfileLevel};
use super::{Attribute, Media, direction_name};
use crate::plan::Direction;
pub use crate::plan::{Feedback, PacketizationMode, VideoFormat};

/// What our side can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VideoConfig {
    pub port: u16,
    /// Of mode 1 in our offer, 96…126; mode 0 has the next.
    pub payload_type: u8,
    /// What we can receive.
    pub profile_level: ProfileLevel,
    /// Kilobits a second we want to receive at most.
    pub max_kbps: Option<u32>,
}

/// Why a section cannot be used; it is then refused with port 0.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VideoFault {
    #[error("line {line}: video is refused (port 0)")]
    Refused { line: usize },
    #[error("line {line}: profile {profile} is not to be had for video")]
    Protocol { line: usize, profile: String },
    #[error("line {line}: no H.264 of Baseline or Constrained Baseline in mode 0 or 1")]
    NoFormat { line: usize },
}

/// One H.264 format of a section.
#[derive(Clone, Copy, Debug)]
struct Offered {
    payload_type: u8,
    mode: PacketizationMode,
    parameters: Parameters,
}

/// Our offer: mode 1, and mode 0 for who knows nothing else.
pub fn offer(config: &VideoConfig, direction: Direction) -> Media {
    let formats = [
        (config.payload_type, PacketizationMode::NonInterleaved),
        (config.payload_type + 1, PacketizationMode::SingleNal),
    ];
    let level = config.profile_level;
    section(
        config,
        "RTP/AVP",
        &formats.map(|(pt, mode)| (pt, mode, level, true)),
        OURS,
        direction,
    )
}

/// Our offer of a session that has a format: that one (RFC 3264 section 8.3.2).
pub fn offer_agreed(config: &VideoConfig, format: &VideoFormat, direction: Direction) -> Media {
    let formats = [(format.payload_type, format.mode, format.receive, true)];
    section(config, "RTP/AVP", &formats, OURS, direction)
}

/// The feedback we offer. Nothing is sent twice, so nobody is asked to say what was lost.
const OURS: Feedback = Feedback {
    pli: true,
    fir: true,
    nack: false,
};

/// Their offer, answered at most as open as `wanted`; `theirs` is its direction as they see it.
///
/// # Errors
/// [`VideoFault`]: the section is to be refused.
pub fn answer(
    config: &VideoConfig,
    offered: &Media,
    theirs: Direction,
    wanted: Direction,
) -> Result<(Media, VideoFormat), VideoFault> {
    let choice = choose(offered)?;
    let stated = choice.parameters;
    let asymmetric = stated.level_asymmetry_allowed;
    // The profile is theirs to the bit; the level is ours where they let us have one.
    let ours = ProfileLevel {
        level_idc: config.profile_level.level_idc,
        profile_iop: stated.profile_level.profile_iop & !0x10,
        ..stated.profile_level
    };
    let receive = if asymmetric {
        ours
    } else {
        stated.profile_level.at_most(ours)
    };
    let send = if asymmetric {
        stated.profile_level
    } else {
        receive
    };
    let feedback = spoken(offered, choice.payload_type);
    let format = VideoFormat {
        payload_type: choice.payload_type,
        mode: choice.mode,
        send,
        receive,
        feedback,
        max_kbps: offered.bandwidth_kbps,
    };
    let direction = theirs.reversed().intersect(wanted);
    let formats = [(choice.payload_type, choice.mode, receive, asymmetric)];
    let answered = section(config, &offered.protocol, &formats, feedback, direction);
    Ok((answered, format))
}

/// Their answer to our [`offer`].
///
/// # Errors
/// [`VideoFault`]: there is no video.
pub fn receive_answer(config: &VideoConfig, answered: &Media) -> Result<VideoFormat, VideoFault> {
    let choice = choose(answered)?;
    let parameters = choice.parameters;
    let ours = config.profile_level;
    // An answer that says nothing has taken what was offered.
    let theirs = match parameters.is_stated {
        true => parameters.profile_level,
        false => ours,
    };
    let common = theirs.at_most(ours);
    let (send, receive) = match parameters.level_asymmetry_allowed {
        true => (theirs, ours),
        false => (common, common),
    };
    Ok(VideoFormat {
        payload_type: choice.payload_type,
        mode: choice.mode,
        send,
        receive,
        feedback: spoken(answered, choice.payload_type),
        max_kbps: answered.bandwidth_kbps,
    })
}

/// The format of theirs that we take: mode 1 before mode 0, else their order.
fn choose(section: &Media) -> Result<Offered, VideoFault> {
    let line = section.line;
    if section.port == 0 {
        return Err(VideoFault::Refused { line });
    }
    let protocol = section.protocol.to_ascii_uppercase();
    if !matches!(
        protocol.as_str(),
        "RTP/AVP" | "RTP/AVPF" | "RTP/SAVP" | "RTP/SAVPF"
    ) {
        let profile = section.protocol.chars().take(40).collect();
        return Err(VideoFault::Protocol { line, profile });
    }
    let spoken = formats(section).filter(|(_, _, parameters)| {
        matches!(
            parameters.profile_level.profile(),
            Profile::ConstrainedBaseline | Profile::Baseline
        )
    });
    let mut first = None;
    for (payload_type, mode, parameters) in spoken {
        let offered = Offered {
            payload_type,
            mode,
            parameters,
        };
        if offered.mode == PacketizationMode::NonInterleaved {
            return Ok(offered);
        }
        first.get_or_insert(offered);
    }
    first.ok_or(VideoFault::NoFormat { line })
}

/// H.264 of a section in modes 0 and 1, in its order.
pub(super) fn formats(
    section: &Media,
) -> impl Iterator<Item = (u8, PacketizationMode, Parameters)> {
    section.payload_types().filter_map(|payload_type| {
        let mut maps = section.rtp_maps(payload_type);
        let is_h264 = maps.any(|map| map.is("H264", 90_000));
        let parameters = Parameters::read(fmtp(section, payload_type));
        let mode = PacketizationMode::from_number(parameters.packetization_mode)?;
        is_h264.then_some((payload_type, mode, parameters))
    })
}

/// The `a=fmtp` of a payload type, without that number.
fn fmtp(section: &Media, payload_type: u8) -> Option<&str> {
    let values = section
        .attributes
        .iter()
        .filter(|attribute| attribute.name.eq_ignore_ascii_case("fmtp"));
    values
        .filter_map(|attribute| attribute.value.as_deref()?.trim().split_once([' ', '\t']))
        .find(|(number, _)| number.parse() == Ok(payload_type))
        .map(|(_, rest)| rest)
}

/// What they say of feedback that we say too.
fn spoken(section: &Media, payload_type: u8) -> Feedback {
    let theirs = feedback(section, payload_type);
    Feedback {
        pli: theirs.pli && OURS.pli,
        fir: theirs.fir && OURS.fir,
        nack: theirs.nack && OURS.nack,
    }
}

/// What they say of feedback, for this payload type or for all (`*`).
pub(super) fn feedback(section: &Media, payload_type: u8) -> Feedback {
    let mut known = Feedback::default();
    for attribute in &section.attributes {
        if !attribute.name.eq_ignore_ascii_case("rtcp-fb") {
            continue;
        }
        let mut words = attribute
            .value
            .as_deref()
            .unwrap_or_default()
            .split_ascii_whitespace();
        let meant = words
            .next()
            .is_some_and(|of| of == "*" || of.parse() == Ok(payload_type));
        if !meant {
            continue;
        }
        match (words.next(), words.next()) {
            (Some("nack"), Some("pli")) => known.pli = true,
            (Some("nack"), None) => known.nack = true,
            (Some("ccm"), Some("fir")) => known.fir = true,
            _ => {}
        }
    }
    known
}

fn section(
    config: &VideoConfig,
    protocol: &str,
    formats: &[(u8, PacketizationMode, ProfileLevel, bool)],
    feedback: Feedback,
    direction: Direction,
) -> Media {
    let mut attributes = Vec::new();
    for (payload_type, mode, level, asymmetric) in formats {
        let map = format!("{payload_type} H264/90000");
        attributes.push(Attribute::with_value("rtpmap", map));
        let mut parameters = format!(
            "{payload_type} profile-level-id={level};packetization-mode={}",
            mode.number()
        );
        if *asymmetric {
            parameters.push_str(";level-asymmetry-allowed=1");
        }
        attributes.push(Attribute::with_value("fmtp", parameters));
    }
    // Of several formats once for all: an INVITE must stay below the size at which UDP is left.
    let of = match formats {
        [(payload_type, ..)] => payload_type.to_string(),
        _ => "*".to_owned(),
    };
    for (said, words) in [
        (feedback.pli, "nack pli"),
        (feedback.fir, "ccm fir"),
        (feedback.nack, "nack"),
    ] {
        if said {
            let value = format!("{of} {words}");
            attributes.push(Attribute::with_value("rtcp-fb", value));
        }
    }
    attributes.push(Attribute::flag(direction_name(direction)));
    Media {
        kind: "video".to_owned(),
        port: config.port,
        protocol: protocol.to_owned(),
        formats: formats.iter().map(|(pt, ..)| pt.to_string()).collect(),
        connection: None,
        bandwidth_kbps: config.max_kbps,
        attributes,
        line: 0,
    }
}
