//! What the session timer makes a call do: refreshing it, and ending it (RFC 4028 §7.4, §10).
//!
//! A refresh is an UPDATE without a session description where the far side allows UPDATE, else a re-INVITE that
//! repeats the last one to the byte, so that its version is unchanged and nobody touches the media (RFC 3264 §8).
//!
//! | answer to the UPDATE | what follows |
//! |---|---|
//! | 2xx | the timer starts again |
//! | 401, 407 | again with credentials |
//! | 408, 481, none | BYE: the far side does not know the call |
//! | 422 | again at once with a longer interval |
//! | 491 | again after the wait of RFC 3261 §14.1 |
//! | other 4xx | again in 10 s, by re-INVITE |
//! | else | again in 10 s, until the timer expires |

use std::time::Instant;

use super::call::{Call, State};
use super::core::{ClientKey, ClientUser, Core, supported};
use super::offering::{Offering, OurOffer};
use super::session_timer::{Due, SessionTimer, Timer};
use crate::message::{HeaderName, Headers, Method, Response};

impl Call {
    pub(super) fn set_session_timer(&mut self, setting: SessionTimer) {
        if matches!(self.state, State::Ringing(_)) {
            self.timer = Timer::new(setting);
        }
    }

    /// What the far side allows, as far as refreshing goes.
    pub(super) fn note_allow(&mut self, headers: &Headers) {
        if headers.get(&HeaderName::Allow).is_some() {
            self.takes_update = headers.has_token(&HeaderName::Allow, "UPDATE");
        }
    }

    pub(super) fn session_timeout(&mut self, core: &mut Core, now: Instant) {
        if !matches!(self.state, State::Established(_)) {
            return;
        }
        match self.timer.due(now) {
            Due::Nothing => {}
            Due::Refresh => self.refresh(core, now),
            Due::Expired => self.hang_up_by_fault(core, 408, "session timer expired", now),
        }
    }

    fn refresh(&mut self, core: &mut Core, now: Instant) {
        let State::Established(established) = &mut self.state else {
            return;
        };
        // Every offer, whoever makes it, refreshes too.
        let busy = established.unconfirmed.is_some()
            || established.held_ack.is_some()
            || self.their_offer.is_some()
            || self.refresh.is_some()
            || !matches!(self.our_offer, OurOffer::None);
        if busy {
            return;
        }
        if !self.takes_update {
            if let Some(sdp) = self.sdp.local.clone() {
                let what = Offering::new(Method::Invite, Some(sdp), true);
                self.send_offer(core, what, now);
            }
            return;
        }
        let mut update = established.dialog.request(Method::Update);
        update.headers.push(HeaderName::Supported, supported(true));
        self.timer.ask(&mut update.headers);
        let dialog = established.dialog.clone();
        let user = ClientUser::Call(self.id);
        let key = Self::send_in_dialog(core, &dialog, self.peer, update, user, now);
        self.refresh = Some(key);
    }

    pub(super) fn handle_refresh_response(
        &mut self,
        core: &mut Core,
        key: &ClientKey,
        response: &Response,
        now: Instant,
    ) {
        let State::Established(established) = &mut self.state else {
            return;
        };
        if response.status < 200 {
            return;
        }
        self.refresh = None;
        match response.status {
            200..300 => {
                established.dialog.refresh_target(&response.headers);
                self.timer.accepted(&response.headers, now);
                self.note_allow(&response.headers);
            }
            401 | 407 => {
                let tag = established.dialog.remote_tag.clone();
                self.refresh = self
                    .authorized(core, key, response, now)
                    .and_then(|request| self.resend_in_dialog(core, &tag, request, now));
            }
            408 | 481 => {
                let text = "UPDATE: the far side does not know the call";
                self.hang_up_by_fault(core, response.status, text, now);
            }
            422 if self.timer.raise(&response.headers) => self.refresh(core, now),
            491 => {
                let wait = self.glare_wait(core);
                self.timer.again_in(wait, now);
            }
            400..500 => self.takes_update = false,
            _ => {}
        }
    }
}
