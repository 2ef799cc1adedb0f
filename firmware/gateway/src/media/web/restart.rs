//! A new offer on a connection that stands.

use super::super::WebRefusal;
use super::super::{offer, stack};
use super::{Answer, Fault, WebLeg, guard, internal, remote_offer, shown};
use causeway_media::plan::AudioFormat;
use causeway_media::sdp::browser;
use rtc::peer_connection::sdp::RTCSessionDescription;
use rtc::peer_connection::transport::RTCIceCandidateInit;
use std::time::Instant;

impl WebLeg {
    /// A new offer for the same connection: an ICE restart, another order of the codecs that were agreed on, a picture
    /// that begins or ends. One that goes on is the one with the same name and payload type; another is sent to under
    /// `video_ssrc`, and not taken without.
    ///
    /// # Errors
    /// [`WebRefusal`]; the leg stays as it was.
    pub fn restart(
        &mut self,
        now: Instant,
        offer: &str,
        video_ssrc: Option<u32>,
    ) -> Result<Answer, WebRefusal> {
        let mut inspected = browser::inspect(offer)?;
        let format = self.format;
        // What was agreed stays; what was not is not begun.
        let agreed = self.redundancy;
        inspected.redundancy = inspected.redundancy.filter(|pt| agreed == Some(*pt));
        let formats = (format, self.alternative);
        let is_offered = |format: &AudioFormat| {
            inspected.codecs.iter().any(|offered| {
                offered.codec == format.codec && offered.payload_type == format.payload_type
            })
        };
        if !is_offered(&format) || !self.alternative.iter().all(is_offered) {
            return Err(WebRefusal::NoCodec);
        }
        let mut picture = shown(&inspected, video_ssrc);
        if let (Some(picture), Some(before)) = (&mut picture, &self.picture) {
            let (now, then) = (&picture.video, &before.video);
            if (&now.mid, now.payload_type, now.coding)
                == (&then.mid, then.payload_type, then.coding)
            {
                picture.ssrc = before.ssrc;
            }
        }
        let video_refused = picture.is_none() && inspected.has_live_video;
        let video = picture.as_ref().map(|picture| &picture.video);
        let narrowed = offer::narrow(offer, &inspected, formats, video)
            .ok_or_else(|| WebRefusal::BadSdp("the audio section has no a=mid".to_owned()))?;
        let description = remote_offer(&narrowed)?;
        self.stirred = true;
        self.redundancy = inspected.redundancy;
        let before = std::mem::replace(&mut self.picture, picture);
        let told = self.fresh.take().map(|fresh| self.put_candidates(fresh));
        let restarted = guard(|| {
            self.connection
                .set_remote_description(now, description)
                .map_err(|error| WebRefusal::BadSdp(error.to_string()))?;
            // The restart may have taken them away; those still there are not added twice.
            for address in &self.candidates {
                stack::add_candidate(&mut self.connection, *address).map_err(internal)?;
            }
            self.connection
                .add_local_candidate(RTCIceCandidateInit::default())
                .map_err(internal)?;
            self.answer(now, &narrowed).map_err(internal)
        })
        .unwrap_or_else(|Fault(fault)| Err(WebRefusal::Internal(fault)));
        if restarted.is_ok() && self.fragment == inspected.ice_ufrag {
            // The connection stays as it is, wherever the browser has moved to.
        } else if restarted.is_ok() {
            self.fragment = inspected.ice_ufrag;
            self.nominating = None;
            self.nominated = None;
            self.heard_from = None;
        } else {
            self.redundancy = agreed;
            self.picture = before;
            self.fresh = told.map(|told| self.put_candidates(told));
            let _ = guard(|| {
                let rollback = RTCSessionDescription::rollback(None)?;
                self.connection.set_remote_description(now, rollback)
            });
        }
        restarted.map(|sdp| Answer { sdp, video_refused })
    }
}
