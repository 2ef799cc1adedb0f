//! A new offer on a connection that stands.

use super::super::WebRefusal;
use super::super::{offer, stack};
use super::{Fault, WebLeg, guard, internal, remote_offer};
use causeway_media::plan::AudioFormat;
use causeway_media::sdp::browser;
use rtc::peer_connection::sdp::RTCSessionDescription;
use rtc::peer_connection::transport::RTCIceCandidateInit;
use std::time::Instant;

impl WebLeg {
    /// A new offer for the same connection: an ICE restart, or another order of the codecs that were agreed on.
    ///
    /// # Errors
    /// [`WebRefusal`]; the leg stays as it was.
    pub fn restart(&mut self, now: Instant, offer: &str) -> Result<String, WebRefusal> {
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
        let video = match (&self.video, &inspected.video) {
            (None, _) => None,
            (Some(now), Some(then)) if now.payload_type == then.payload_type => Some(then),
            (Some(_), _) => return Err(WebRefusal::BadSdp("the picture has gone".to_owned())),
        };
        let narrowed = offer::narrow(offer, &inspected, formats, video)
            .ok_or_else(|| WebRefusal::BadSdp("the audio section has no a=mid".to_owned()))?;
        let description = remote_offer(&narrowed)?;
        self.stirred = true;
        self.redundancy = inspected.redundancy;
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
            self.fresh = told.map(|told| self.put_candidates(told));
            let _ = guard(|| {
                let rollback = RTCSessionDescription::rollback(None)?;
                self.connection.set_remote_description(now, rollback)
            });
        }
        restarted
    }
}
