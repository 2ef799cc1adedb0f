//! What the WebRTC stack is shown of a browser's offer, and what the browser is shown of its answer.
//!
//! The stack matches codecs more loosely than we may (telephone-event without its clock), opens
//! transceivers for sections we refuse and keeps every candidate and extension it reads. So it
//! gets the offer *narrowed*: one audio section with the chosen codec and telephone-event, no
//! candidates (an ICE-lite agent is found, it does not look), no header extensions. The answer is
//! *widened* again to one section for each of the offer's (RFC 3264 section 6): the picture's is ours
//! (`picture_section`), the others are refused.

use super::picture_section::{self, Shown};
use causeway_media::plan::{AudioCodec, AudioFormat};
use causeway_media::sdp::browser::{self, BrowserOffer, Formats, OfferedVideo};
use std::borrow::Cow;
use std::fmt::Write as _;

/// `fmtp` we ask browsers for: frames of 10 ms and up, in-band FEC; mono since nothing asks for stereo.
pub const OPUS_FMTP: &str = "minptime=10;useinbandfec=1";

/// A narrowed offer, and what is needed to widen its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Narrowed {
    pub sdp: String,
    /// Those of the offer.
    sections: Vec<Section>,
    /// What of its bundle stays; empty without one.
    bundle: String,
}

/// What becomes of a section of the offer.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Section {
    Sound,
    Picture {
        protocol: String,
    },
    /// How it is refused.
    Refused(String),
}

/// Narrows an offer that `inspect` has passed to its sound, and its picture where that is wanted; `None` when the audio
/// section has no `a=mid`, which bundling needs.
pub fn narrow(
    offer: &str,
    inspected: &BrowserOffer,
    formats: Formats,
    video: Option<&OfferedVideo>,
) -> Option<Narrowed> {
    let mid = inspected.mid.as_deref()?;
    let mut narrowed = Narrowed {
        sdp: String::with_capacity(1024),
        sections: Vec::new(),
        bundle: String::new(),
    };
    let is_kept = |member: &str| member == mid || video.is_some_and(|v| v.mid == member);
    for line in lines(offer) {
        if line.starts_with("m=") {
            let at = narrowed.sections.len();
            let section = if at == inspected.section {
                let redundancy = redundancy(inspected, formats);
                push(&mut narrowed.sdp, &audio_line(line, formats, redundancy));
                push_codecs(&mut narrowed.sdp, formats, redundancy);
                Section::Sound
            } else if video.is_some_and(|video| video.section == at) {
                let protocol = line.split_whitespace().nth(2);
                let protocol = protocol.unwrap_or("UDP/TLS/RTP/SAVPF").to_owned();
                Section::Picture { protocol }
            } else {
                Section::Refused(refused_line(line))
            };
            narrowed.sections.push(section);
            continue;
        }
        match narrowed.sections.last_mut() {
            None => match line.strip_prefix(BUNDLE) {
                Some(members) => {
                    let members = members.split_whitespace().filter(|member| is_kept(member));
                    let members: Vec<&str> = members.collect();
                    if inspected.bundle {
                        narrowed.bundle = format!("{BUNDLE} {}", members.join(" "));
                        push(&mut narrowed.sdp, &format!("{BUNDLE} {mid}"));
                    }
                }
                None if line.starts_with("a=group:") => {}
                None => push(&mut narrowed.sdp, &as_stack_reads(line)),
            },
            Some(Section::Sound) => {
                if !is_replaced(line) {
                    push(&mut narrowed.sdp, &as_stack_reads(line));
                }
            }
            Some(Section::Picture { .. }) => {}
            Some(Section::Refused(refused)) => {
                if line.starts_with("a=mid:") {
                    push(refused, line);
                }
            }
        }
    }
    Some(narrowed)
}

impl Narrowed {
    /// The answer as the browser gets it, with a picture where one was taken, of the stream of this name.
    pub fn widen(&self, answer: &str, picture: Option<&Shown>, stream: &str) -> String {
        let mut wide = String::with_capacity(answer.len() + 1024);
        let mut lines = lines(answer).peekable();
        while let Some(line) = lines.next_if(|line| !line.starts_with("m=")) {
            let group = Some(&self.bundle).filter(|_| line.starts_with(BUNDLE));
            push(&mut wide, group.map_or(line, String::as_str));
        }
        // RTCP is multiplexed: a second component does not exist.
        let sound: Vec<&str> = lines.filter(|line| !is_second_component(line)).collect();
        for (at, section) in self.sections.iter().enumerate() {
            match (section, picture) {
                (Section::Sound, _) => sound.iter().for_each(|line| push(&mut wide, line)),
                (Section::Picture { protocol }, Some(shown)) => {
                    let is_first = self.sections.iter().take(at).all(|s| *s != Section::Sound);
                    picture_section::write(&mut wide, protocol, shown, stream, &sound, is_first);
                }
                // Narrowed with a picture, widened without: nobody does.
                (Section::Picture { .. }, None) => {}
                (Section::Refused(refused), _) => wide += refused,
            }
        }
        wide
    }
}

const BUNDLE: &str = "a=group:BUNDLE";

/// The name of a fingerprint's hash is the same in any case of letter (RFC 8122 section 5); the stack knows it in small ones.
fn as_stack_reads(line: &str) -> Cow<'_, str> {
    const NAME: &str = "a=fingerprint:";
    match line
        .strip_prefix(NAME)
        .and_then(|rest| rest.split_once(' '))
    {
        Some((hash, value)) => Cow::Owned(format!("{NAME}{} {value}", hash.to_lowercase())),
        None => Cow::Borrowed(line),
    }
}

/// The value of the first `a=<name>:` line.
pub fn attribute<'a>(sdp: &'a str, name: &str) -> Option<&'a str> {
    lines(sdp).find_map(|line| {
        line.strip_prefix("a=")?
            .strip_prefix(name)?
            .strip_prefix(':')
            .map(str::trim)
    })
}

fn lines(sdp: &str) -> impl Iterator<Item = &str> {
    sdp.lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty())
}

fn push(sdp: &mut String, line: &str) {
    sdp.push_str(line);
    sdp.push_str("\r\n");
}

/// Under what payload type Opus may come redundantly.
pub fn redundancy(inspected: &BrowserOffer, formats: Formats) -> Option<u8> {
    inspected
        .redundancy
        .filter(|_| browser::opus_of(formats).is_some())
}

/// `fmtp` of redundant audio: what its blocks are.
pub fn redundancy_fmtp(format: &AudioFormat) -> String {
    format!("{pt}/{pt}", pt = format.payload_type)
}

fn audio_line(line: &str, formats: Formats, redundancy: Option<u8>) -> String {
    let mut words: Vec<String> = line.split_whitespace().take(3).map(str::to_owned).collect();
    words.extend(browser::each(formats).map(|format| format.payload_type.to_string()));
    words.extend(redundancy.map(|pt| pt.to_string()));
    words.extend(browser::events(formats).map(|dtmf| dtmf.payload_type.to_string()));
    words.join(" ")
}

fn push_codecs(sdp: &mut String, formats: Formats, redundancy: Option<u8>) {
    for format in browser::each(formats) {
        let (pt, codec, clock) = (
            format.payload_type,
            format.codec.name(),
            format.codec.clock_rate(),
        );
        let is_opus = format.codec == AudioCodec::Opus;
        let channels = if is_opus { "/2" } else { "" };
        // Writing to a string does not fail.
        let _ = write!(sdp, "a=rtpmap:{pt} {codec}/{clock}{channels}\r\n");
        if is_opus {
            let _ = write!(sdp, "a=fmtp:{pt} {OPUS_FMTP}\r\n");
        }
        if let Some(pt) = redundancy.filter(|_| is_opus) {
            let fmtp = redundancy_fmtp(&format);
            let _ = write!(sdp, "a=rtpmap:{pt} red/{clock}/2\r\na=fmtp:{pt} {fmtp}\r\n");
        }
    }
    for dtmf in browser::events(formats) {
        let (pt, clock) = (dtmf.payload_type, dtmf.clock_rate);
        let _ = write!(sdp, "a=rtpmap:{pt} telephone-event/{clock}\r\n");
    }
}

/// Lines of a section that the stack does not get from the browser.
fn is_replaced(line: &str) -> bool {
    [
        "a=rtpmap:",
        "a=fmtp:",
        "a=rtcp-fb:",
        "a=candidate:",
        "a=end-of-candidates",
        "a=extmap:",
        "a=rid:",
        "a=simulcast:",
        "a=ssrc-group:",
        "a=bundle-only",
        "b=",
    ]
    .iter()
    .any(|prefix| line.starts_with(prefix))
}

/// `m=` with port 0 and one format, and the `c=` without which Firefox refuses the whole answer.
fn refused_line(line: &str) -> String {
    let mut words = line.split_whitespace();
    let media = words.next().unwrap_or("m=video");
    let protocol = words.nth(1).unwrap_or("UDP/TLS/RTP/SAVPF");
    let format = words.next().unwrap_or("0");
    format!("{media} 0 {protocol} {format}\r\nc=IN IP4 0.0.0.0\r\na=inactive\r\n")
}

fn is_second_component(line: &str) -> bool {
    line.strip_prefix("a=candidate:")
        .and_then(|candidate| candidate.split_whitespace().nth(1))
        == Some("2")
}

#[cfg(test)]
mod tests {
    use super::*;
    use causeway_media::plan::{Direction, DtmfFormat, Feedback};
    use causeway_media::sdp::browser::PictureCoding;

    fn inspected(section: usize) -> BrowserOffer {
        BrowserOffer {
            mid: Some("a0".to_owned()),
            section,
            redundancy: None,
            codecs: Vec::new(),
            ptime_ms: 20,
            dtmf: Vec::new(),
            direction: Direction::SendRecv,
            bundle: true,
            rtcp_mux: true,
            ice_ufrag: None,
            has_fingerprint: true,
            setup: None,
            candidates: 0,
            end_of_candidates: false,
            video_sections: 1,
            has_live_video: true,
            video: None,
            sections: 3,
        }
    }

    const OFFER: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE v0 a0 d0\r\n\
        a=extmap-allow-mixed\r\n\
        m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\nc=IN IP4 0.0.0.0\r\na=mid:v0\r\na=rtpmap:96 VP8/90000\r\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 111 0 110 126\r\nc=IN IP4 0.0.0.0\r\na=mid:a0\r\na=ice-ufrag:frag\r\n\
        a=extmap:1 urn:x\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 stereo=1\r\na=rtcp-fb:111 transport-cc\r\n\
        a=rtpmap:110 telephone-event/48000\r\na=rtpmap:126 telephone-event/8000\r\n\
        a=candidate:1 1 udp 1 x.local 9 typ host\r\na=ssrc:7 cname:c\r\n\
        m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:d0\r\n";

    const OPUS: AudioFormat = AudioFormat {
        codec: AudioCodec::Opus,
        payload_type: 111,
        ptime_ms: 20,
        dtmf: Some(DtmfFormat {
            payload_type: 110,
            clock_rate: 48_000,
        }),
    };

    #[test]
    fn the_stack_sees_one_section_with_the_chosen_codec() {
        let narrowed = narrow(OFFER, &inspected(1), (OPUS, None), None).unwrap();
        assert_eq!(
            narrowed.sdp,
            "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE a0\r\n\
             a=extmap-allow-mixed\r\n\
             m=audio 9 UDP/TLS/RTP/SAVPF 111 110\r\na=rtpmap:111 opus/48000/2\r\n\
             a=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:110 telephone-event/48000\r\n\
             c=IN IP4 0.0.0.0\r\na=mid:a0\r\na=ice-ufrag:frag\r\na=ssrc:7 cname:c\r\n"
        );
        assert_eq!(attribute(&narrowed.sdp, "ice-ufrag"), Some("frag"));
    }

    #[test]
    fn the_browser_sees_a_section_for_each_of_its_own() {
        let narrowed = narrow(OFFER, &inspected(1), (OPUS, None), None).unwrap();
        let answer = "v=0\r\na=group:BUNDLE a0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111 110\r\na=mid:a0\r\n\
             a=candidate:1 1 udp 5 192.0.2.1 7000 typ host\r\na=candidate:1 2 udp 4 192.0.2.1 7000 typ host\r\n\
             a=end-of-candidates\r\n";
        assert_eq!(
            narrowed.widen(answer, None, "stream"),
            "v=0\r\na=group:BUNDLE a0\r\n\
             m=video 0 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=inactive\r\na=mid:v0\r\n\
             m=audio 9 UDP/TLS/RTP/SAVPF 111 110\r\na=mid:a0\r\n\
             a=candidate:1 1 udp 5 192.0.2.1 7000 typ host\r\na=end-of-candidates\r\n\
             m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=inactive\r\na=mid:d0\r\n"
        );
    }

    #[test]
    fn a_picture_that_is_wanted_stays_in_its_place_unseen_by_the_stack() {
        let video = OfferedVideo {
            section: 0,
            mid: "v0".to_owned(),
            payload_type: 96,
            coding: PictureCoding::Vp8,
            feedback: Feedback::default(),
            direction: Direction::SendRecv,
        };
        let without = narrow(OFFER, &inspected(1), (OPUS, None), None).unwrap();
        let narrowed = narrow(OFFER, &inspected(1), (OPUS, None), Some(&video)).unwrap();
        assert_eq!(narrowed.sdp, without.sdp);
        let answer = "v=0\r\na=group:BUNDLE a0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:a0\r\na=ice-ufrag:f\r\n";
        let shown = Shown { video, ssrc: 7 };
        let wide = narrowed.widen(answer, Some(&shown), "stream");
        let (head, rest) = wide
            .split_once("m=video 9 UDP/TLS/RTP/SAVPF 96\r\n")
            .unwrap();
        assert_eq!(head, "v=0\r\na=group:BUNDLE v0 a0\r\n");
        let (picture, rest) = rest.split_once("m=audio 9 ").unwrap();
        assert!(
            picture.contains("a=ice-ufrag:f\r\na=mid:v0\r\n"),
            "{picture}"
        );
        assert_eq!(
            rest,
            "UDP/TLS/RTP/SAVPF 111\r\na=mid:a0\r\na=ice-ufrag:f\r\n\
             m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=inactive\r\na=mid:d0\r\n"
        );
    }

    #[test]
    fn the_name_of_a_hash_is_read_in_any_case() {
        let shouted = "v=0\r\na=fingerprint:SHA-256 AB:CD\r\n";
        let offer = OFFER.replacen("v=0\r\n", shouted, 1);
        let narrowed = narrow(&offer, &inspected(1), (OPUS, None), None).unwrap();
        assert!(narrowed.sdp.contains("a=fingerprint:sha-256 AB:CD\r\n"));
    }

    #[test]
    fn without_a_mid_there_is_no_bundle() {
        let mut no_mid = inspected(1);
        no_mid.mid = None;
        assert_eq!(narrow(OFFER, &no_mid, (OPUS, None), None), None);
    }
}
