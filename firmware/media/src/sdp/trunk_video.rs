//! The video section of a trunk leg: when it is offered, what answers it, and its keys.
//!
//! | section | our next offer |
//! |---|---|
//! | none yet, nothing agreed | offered |
//! | none, and a session without it stands | not offered, until it is begun anew |
//! | agreed | offered as agreed |
//! | refused by either side, or ended | refused in its place (RFC 3264 section 8) |
//! | begun anew | offered until they answer, in the place of one that was refused (section 8.1) |
//!
//! Its SRTP keys are its own (RFC 4568 section 5.1): two streams under one key would repeat a key stream.

use super::keying::{KeySeed, Keying, SrtpPolicy};
use super::remote::{remote, remote_rtcp};
use super::trunk::refused;
use super::video::{self, VideoConfig};
use super::{Media, SessionDescription};
use crate::plan::{Direction, VideoPlan};
use std::net::{IpAddr, SocketAddr};

/// What our side can do with pictures on a trunk leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrunkVideo {
    pub config: VideoConfig,
    /// As that of the sound, and another.
    pub key_seed: KeySeed,
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct VideoSession {
    config: VideoConfig,
    keying: Keying,
    /// Its place among the sections.
    at: Option<usize>,
    plan: Option<VideoPlan>,
    /// At most as open as this, whatever the sound is.
    wanted: Direction,
    /// Our next offer has it though nothing is agreed.
    asks: bool,
    /// The far side has not heard of its section yet.
    is_new: bool,
}

impl VideoSession {
    pub fn new(video: TrunkVideo, srtp: SrtpPolicy) -> Self {
        Self {
            config: video.config,
            keying: Keying::new(srtp, video.key_seed),
            at: None,
            plan: None,
            wanted: Direction::SendRecv,
            asks: true,
            is_new: false,
        }
    }

    /// One that begins in a session that stands.
    pub fn begin(
        video: TrunkVideo,
        srtp: SrtpPolicy,
        (wanted, asks): (Direction, bool),
        sections: &[Media],
    ) -> Self {
        Self {
            at: sections.iter().position(|s| s.is("video") && s.port == 0),
            wanted,
            asks,
            ..Self::new(video, srtp)
        }
    }

    pub const fn wanted(&self) -> Direction {
        self.wanted
    }

    /// How open it is at most.
    pub const fn direct(&mut self, wanted: Direction) {
        self.wanted = wanted;
    }

    /// Refuses its section, or takes away the one that the far side has never agreed to.
    pub fn end(self, sections: &mut Vec<Media>) {
        let Some(at) = self.at else { return };
        if self.is_new && at + 1 == sections.len() {
            sections.truncate(at);
        } else if let Some(section) = sections.get_mut(at) {
            *section = refused(section);
        }
    }

    pub fn insist_on_srtp(&mut self) {
        self.keying.insist();
    }

    /// Our section, when the sound goes in this direction.
    pub fn offer(&mut self, direction: Direction) -> Option<Media> {
        let direction = direction.intersect(self.wanted);
        let mut section = match &self.plan {
            Some(plan) => video::offer_agreed(&self.config, &plan.format, direction),
            None if self.asks => video::offer(&self.config, direction),
            None => return None,
        };
        let (profile, keys) = self.keying.offer();
        profile.name().clone_into(&mut section.protocol);
        section.attributes.splice(0..0, keys);
        Some(section)
    }

    /// Puts our section where it belongs, or refuses the one that is there.
    pub fn put(&mut self, section: Option<Media>, sections: &mut Vec<Media>) {
        let at = self.at.and_then(|at| sections.get_mut(at));
        match (section, at) {
            (Some(section), Some(at)) => *at = section,
            (Some(section), None) => {
                self.at = Some(sections.len());
                self.is_new = true;
                sections.push(section);
            }
            (None, Some(at)) if at.port != 0 => *at = refused(at),
            (None, _) => {}
        }
    }

    /// What their answer makes of our section; whatever is wrong with it, there is no picture.
    pub fn receive_answer(
        &mut self,
        answer: &SessionDescription,
        offered: Direction,
        ours: IpAddr,
    ) -> Option<VideoPlan> {
        let last = self.plan.take().map(|plan| plan.remote);
        (self.asks, self.is_new) = (false, false);
        let offered = offered.intersect(self.wanted);
        let section = answer.media.get(self.at?).filter(|s| s.is("video"))?;
        let format = video::receive_answer(&self.config, section).ok()?;
        let keys = self.keying.judge_answer(&basic(section)).ok()?;
        let theirs = answer.direction_of(section).reversed();
        let (remote, direction) = whither(answer, section, theirs, ours, last)?;
        self.keying.settle(keys);
        self.plan = Some(VideoPlan {
            remote,
            remote_rtcp: remote_rtcp(section, remote),
            format,
            direction: direction.intersect(offered),
            srtp: keys.plan(),
        });
        self.plan
    }

    /// The first of their sections that will do, and our answer to it; `is_first` when nothing was agreed in the session
    /// before.
    pub fn receive_offer(
        &mut self,
        offer: &SessionDescription,
        wanted: Direction,
        ours: IpAddr,
        is_first: bool,
    ) -> Option<(Media, VideoPlan)> {
        let last = self.plan.take().map(|plan| plan.remote);
        let wanted = wanted.intersect(self.wanted);
        self.is_new = false;
        // What we ask for in a session that stands is asked for again when theirs is answered.
        self.asks &= !is_first;
        self.at = offer.media.iter().position(|s| s.is("video"));
        let usable = offer.media.iter().enumerate().find_map(|(at, section)| {
            if !section.is("video") || section.port == 0 {
                return None;
            }
            let keys = self.keying.judge_offer(&basic(section)).ok()?;
            let theirs = offer.direction_of(section);
            let (remote, open) = whither(offer, section, theirs.reversed(), ours, last)?;
            let wanted = wanted.intersect(open);
            let (answer, format) = video::answer(&self.config, section, theirs, wanted).ok()?;
            let plan = VideoPlan {
                remote,
                remote_rtcp: remote_rtcp(section, remote),
                format,
                direction: wanted,
                srtp: keys.plan(),
            };
            Some((at, answer, keys, plan))
        });
        let (at, mut answer, keys, plan) = usable?;
        answer.attributes.splice(0..0, keys.answer());
        self.keying.settle_offer(keys);
        self.at = Some(at);
        self.asks = false;
        self.plan = Some(plan);
        Some((answer, plan))
    }
}

/// Where a section's packets go, and whether they may: the unspecified address holds.
fn whither(
    theirs: &SessionDescription,
    section: &Media,
    direction: Direction,
    ours: IpAddr,
    last: Option<SocketAddr>,
) -> Option<(SocketAddr, Direction)> {
    let (remote, held) = remote(theirs, section, ours, last).ok()?;
    let most = if held {
        Direction::RecvOnly
    } else {
        Direction::SendRecv
    };
    Some((remote, direction.intersect(most)))
}

/// The section under the profile without feedback, whose keys are the same (RFC 5124).
fn basic(section: &Media) -> Media {
    let protocol = section.protocol.to_ascii_uppercase();
    let protocol = protocol.strip_suffix('F').unwrap_or(&protocol).to_owned();
    Media {
        protocol,
        ..section.clone()
    }
}
