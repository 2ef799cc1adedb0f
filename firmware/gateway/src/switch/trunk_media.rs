//! What a trunk leg needs for its media: a session in which both sides agree, and ports of the box.

use super::Switch;
use super::ports::PortPair;
use crate::legs::trunk::{self, LegPorts};
use crate::media::{Command as Media, LegKey};
use causeway_directory::{IpFamily, Trunk, Video};
use causeway_media::sdp::trunk::{KeySeed, TrunkSession, TrunkVideo};
use std::io;

/// Session and sockets of a leg that is about to begin.
#[derive(Debug)]
pub(super) struct TrunkMedia {
    pub session: TrunkSession,
    pub ports: LegPorts,
    pub sockets: Sockets,
}

/// Bound and not yet anybody's.
#[derive(Debug)]
pub(super) struct Sockets {
    audio: PortPair,
    video: Option<PortPair>,
}

impl Switch {
    /// Session and ports of a leg on this trunk; `picture` when somebody asks for one, which the trunk may not have.
    ///
    /// # Errors
    /// When no ports are left for the sound. Without ports for the picture there is none.
    pub(super) fn trunk_media(
        &mut self,
        trunk: &Trunk,
        family: IpFamily,
        picture: bool,
    ) -> io::Result<TrunkMedia> {
        let audio = self.ports.take(family).inspect_err(|fault| {
            tracing::error!(%fault, %family, "no RTP ports");
        })?;
        let picture = picture && trunk.video == Video::H264;
        let video = picture.then(|| self.ports.take(family));
        let video = video.and_then(|taken| {
            taken
                .inspect_err(|fault| tracing::warn!(%fault, "no RTP ports for a picture"))
                .ok()
        });
        let mut session = TrunkSession::new(trunk::media_config(
            trunk,
            audio.public(),
            u64::from_be_bytes(crate::random::bytes()),
            KeySeed(crate::random::bytes()),
        ));
        session.set_video(video.as_ref().map(|pair| TrunkVideo {
            config: trunk::video_config(trunk, pair.port),
            key_seed: KeySeed(crate::random::bytes()),
        }));
        Ok(TrunkMedia {
            session,
            ports: LegPorts {
                audio: audio.port,
                video: video.as_ref().map(|pair| pair.port),
            },
            sockets: Sockets { audio, video },
        })
    }

    /// Hands the sockets to the media plane.
    pub(super) fn open_trunk(&self, leg: LegKey, trunk: &Trunk, sockets: Sockets) {
        self.media.send(Media::OpenTrunk {
            leg,
            rtp: sockets.audio.rtp,
            rtcp: sockets.audio.rtcp,
            listening: trunk::listening(trunk),
        });
        if let Some(video) = sockets.video {
            self.media.send(Media::OpenTrunkVideo {
                leg,
                rtp: video.rtp,
                rtcp: video.rtcp,
            });
        }
    }
}
