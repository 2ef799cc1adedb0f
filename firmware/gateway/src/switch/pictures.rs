//! Pictures that begin and end in a call that stands.
//!
//! | who | what happens |
//! |---|---|
//! | the page asks for one | ports are taken and a re-INVITE brings it; once it is agreed on, the page adds its own by a new offer |
//! | the PBX's re-INVITE brings one | ports are taken and it is agreed on to be shown alone; the page is told, and adds what shows it by a new offer |
//! | the page wants none any more, or the PBX's offer or answer has none | the ports are given back, and the page is told |
//!
//! Whatever becomes of it, the call and its sound go on.

use super::Switch;
use super::active::CallKey;
use crate::legs::{trunk, web};
use crate::media::Command as Media;
use causeway_api::request::SessionId;
use causeway_api::wire::{ErrorCode, RequestNumber, ServerMessage};
use causeway_call::{DeviceId, Event, FarCause, Phase, RequestId};
use causeway_directory::{IpFamily, TrunkName, Video};
use causeway_media::plan::Direction;
use causeway_media::sdp::trunk::{KeySeed, TrunkVideo, wants_video};
use std::time::Instant;

impl Switch {
    /// A page wants its call to have a picture, or none any more.
    pub(super) fn ask_for_video(
        &mut self,
        session: SessionId,
        id: RequestNumber,
        call: &str,
        begins: bool,
        now: Instant,
    ) {
        let Some(key) = self.known_call(session, call, id) else {
            return;
        };
        let Some(active) = self.calls.get(&key) else {
            return;
        };
        let wanted = active.trunk.session.video_wanted();
        let stands = active.has_picture();
        let is_so = match begins {
            true => stands && wanted == Some(Direction::SendRecv),
            false => !stands && !active.call.awaits_picture(),
        };
        if is_so && active.call.phase() == Phase::Answered {
            let fields = serde_json::Map::new();
            return self.tell(session, ServerMessage::Ok { id, fields });
        }
        if begins && !self.may_have_picture(key) {
            let message = "the trunk of this call carries no pictures (`video` in its settings)";
            let error = web::error_of_call(id, call, ErrorCode::Refused, message);
            return self.tell(session, error);
        }
        let (device, request) = (DeviceId(session.0), RequestId(id));
        let event = Event::Picture {
            device,
            request,
            begins,
        };
        self.feed(key, event, now);
    }

    pub(super) fn offer_picture(&mut self, key: CallKey, begins: bool, now: Instant) {
        if begins && !self.begin_picture(key, Direction::SendRecv, true) {
            let reason = Some("the box has no free ports for a picture".to_owned());
            let cause = FarCause {
                reason,
                ..FarCause::default()
            };
            return self.feed(key, Event::TrunkRefused { cause }, now);
        }
        let Some(active) = self.calls.get_mut(&key) else {
            return;
        };
        if !begins {
            active.trunk.session.end_video();
        }
        let direction = active.call.offered_direction();
        self.offer_trunk(key, direction, now);
    }

    /// Makes room for a picture that an offer of the PBX brings.
    pub(super) fn expect_picture(&mut self, key: CallKey, offer: &[u8]) {
        let Some(active) = self.calls.get(&key) else {
            return;
        };
        let is_new = !active.trunk.session.has_video() && wants_video(offer);
        let is_shown = active.web.media.is_some() && active.call.phase() == Phase::Answered;
        if is_new && is_shown && self.may_have_picture(key) {
            // Without ports it is refused as it would be elsewhere.
            let _ = self.begin_picture(key, Direction::RecvOnly, false);
        }
    }

    fn may_have_picture(&self, key: CallKey) -> bool {
        self.calls.get(&key).is_some_and(|active| {
            let directory = active.directory(&self.directory);
            let trunk = directory.trunk(&TrunkName(active.trunk.trunk.clone()));
            trunk.is_some_and(|trunk| trunk.video == Video::H264)
        })
    }

    /// False when there are no ports for it.
    fn begin_picture(&mut self, key: CallKey, wanted: Direction, asks: bool) -> bool {
        let Some(active) = self.calls.get_mut(&key) else {
            return false;
        };
        let directory = active.directory(&self.directory);
        let leg = &mut active.trunk;
        if leg.session.has_video() {
            leg.session.direct_video(wanted);
            return true;
        }
        let Some(trunk) = directory.trunk(&TrunkName(leg.trunk.clone())) else {
            return false;
        };
        let family = IpFamily::of(leg.session.address());
        let pair = match self.ports.take(family) {
            Ok(pair) => pair,
            Err(fault) => {
                tracing::warn!(%fault, "no RTP ports for a picture");
                return false;
            }
        };
        let video = TrunkVideo {
            config: trunk::video_config(trunk, pair.port),
            key_seed: KeySeed(crate::random::bytes()),
        };
        leg.session.begin_video(video, wanted, asks);
        leg.ports.video = Some(pair.port);
        self.media.send(Media::OpenTrunkVideo {
            leg: leg.media,
            rtp: pair.rtp,
            rtcp: pair.rtcp,
        });
        true
    }

    /// Gives back what a call holds for a picture that it does not have, and tells its page whether it has one.
    pub(super) fn settle_picture(&mut self, key: CallKey) {
        let Some(active) = self.calls.get_mut(&key) else {
            return;
        };
        let is_browsers = active.web.media.is_some() && active.finished.is_none();
        // Until then nothing is settled, and a leg that has taken another's place has not agreed on anything yet.
        if !is_browsers || active.call.phase() != Phase::Answered || active.trunk.plan.is_none() {
            return;
        }
        let has_picture = active.has_picture();
        if !has_picture && !active.call.awaits_picture() {
            active.trunk.session.end_video();
            if let Some(port) = active.trunk.ports.video.take() {
                let leg = active.trunk.media;
                self.media.send(Media::CloseTrunkVideo { leg });
                // Not handed out again before its sockets are closed: nobody can bind it.
                self.ports.release(port);
            }
        }
        let is_news = match active.web.video_told {
            Some(told) => told != has_picture,
            None => has_picture || active.web.offers_video,
        };
        if let (true, Some(device)) = (is_news, active.call.device()) {
            active.web.video_told = Some(has_picture);
            let message = ServerMessage::Video {
                call: active.id.clone(),
                video: has_picture,
            };
            self.tell(SessionId(device.0), message);
        }
    }
}
