//! An established call and its end: ACK, BYE, INFO (RFC 3261 §13.3.1.4, §15, RFC 6086).
//!
//! | state | ACK | their BYE | our BYE | BYE answered | no ACK for 32 s |
//! |---|---|---|---|---|---|
//! | 200 not acknowledged | Confirmed or OfferAnswered | 200, Ended → Closed | held until ACK | – | BYE, Ended → Closed |
//! | Established | – | 200, Ended → Closed | BYE → Closing | – | – |
//! | Established, to end later | – | 200, Ended → Closed | BYE when its time has come → Closing | – | – |
//! | Closing | – | 200, Ended → Closed | – | Ended → Closed | – |

use std::time::{Duration, Instant};

use super::call::{Call, State, reason_header, reason_value};
use super::command::{EndpointError, Info, ReasonHeader, Transmit};
use super::core::{ClientKey, ClientUser, Core, Reply, ServerKey};
use super::event::{Event, Side};
use crate::dialog::Dialog;
use crate::message::check::Essentials;
use crate::message::{HeaderName, Method, Request, Response, body};
use crate::timers::back_off;

#[derive(Debug)]
pub(super) struct Established {
    pub(super) dialog: Dialog,
    /// A 200 of ours without its ACK.
    pub(super) unconfirmed: Option<Unconfirmed>,
    /// Our INVITE had no offer and their 200 had one: the ACK waits for our answer.
    pub(super) held_ack: Option<(ClientKey, u32)>,
    /// BYE is wanted and may not be sent before the ACK (§15).
    wanted_bye: Option<Option<ReasonHeader>>,
    /// When BYE goes out unless theirs comes first.
    farewell: Option<(Instant, Option<ReasonHeader>)>,
}

/// A 2xx to INVITE that is repeated until its ACK.
#[derive(Debug)]
pub(super) struct Unconfirmed {
    pub(super) cseq: u32,
    pub(super) transmit: Transmit,
    pub(super) resend_at: Instant,
    pub(super) interval: Duration,
    pub(super) give_up: Instant,
    /// Of the INVITE that made the call, not of a re-INVITE.
    pub(super) is_first: bool,
    pub(super) holds_offer: bool,
    pub(super) early_answer: Option<Vec<u8>>,
}

#[derive(Debug)]
pub(super) struct Closing {
    pub(super) dialog: Dialog,
    bye: ClientKey,
    by: Side,
    reason: Option<ReasonHeader>,
}

impl Established {
    pub(super) fn new(dialog: Dialog) -> Self {
        Self {
            dialog,
            unconfirmed: None,
            held_ack: None,
            wanted_bye: None,
            farewell: None,
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let unconfirmed = self
            .unconfirmed
            .as_ref()
            .map(|unconfirmed| unconfirmed.resend_at.min(unconfirmed.give_up));
        let farewell = self.farewell.as_ref().map(|(at, _)| *at);
        unconfirmed.into_iter().chain(farewell).min()
    }
}

impl Call {
    /// The ACK of a 2xx. `false` when none was waited for.
    pub(super) fn handle_ack(
        &mut self,
        core: &mut Core,
        request: &Request,
        essentials: &Essentials,
        now: Instant,
    ) -> bool {
        let State::Established(established) = &mut self.state else {
            return false;
        };
        let expected = established
            .unconfirmed
            .as_ref()
            .is_some_and(|unconfirmed| unconfirmed.cseq == essentials.cseq.number);
        if !expected {
            return false;
        }
        let sdp = match body::look(&request.headers, &request.body) {
            body::Body::Sdp(sdp) => Some(sdp.to_vec()),
            body::Body::Empty | body::Body::Other(_) => None,
        };
        self.confirm(core, sdp);
        if let State::Established(established) = &mut self.state
            && let Some(reason) = established.wanted_bye.take()
        {
            self.send_bye(core, reason.as_ref(), Side::Local, now);
        }
        true
    }

    /// Our 200 arrived, as its ACK or a later request of the far side shows.
    pub(super) fn confirm(&mut self, core: &mut Core, sdp: Option<Vec<u8>>) {
        let State::Established(established) = &mut self.state else {
            return;
        };
        let Some(unconfirmed) = established.unconfirmed.take() else {
            return;
        };
        if established.wanted_bye.is_some() {
            return;
        }
        let call = self.id;
        if unconfirmed.holds_offer && sdp.is_some() {
            self.sdp.remote.clone_from(&sdp);
        }
        if unconfirmed.is_first {
            let answer = sdp.filter(|_| unconfirmed.holds_offer);
            core.event(Event::Confirmed {
                call,
                sdp: answer.or(unconfirmed.early_answer),
            });
        } else if unconfirmed.holds_offer {
            core.event(Event::OfferAnswered {
                call,
                sdp: sdp.unwrap_or_default(),
            });
        }
    }

    /// Ends the call from our side, whatever its state.
    pub(super) fn hang_up(&mut self, core: &mut Core, reason: Option<ReasonHeader>, now: Instant) {
        match &mut self.state {
            State::Placing(_) => self.cancel(core, reason, now),
            State::Ringing(_) => self.reject(core, 603, reason.as_ref(), now),
            State::Established(established) if established.unconfirmed.is_some() => {
                established.wanted_bye.get_or_insert(reason);
            }
            State::Established(_) => self.send_bye(core, reason.as_ref(), Side::Local, now),
            State::Closing(_) | State::Closed => {}
        }
    }

    /// Ends the call from our side unless the far side does so within `wait`; at once when it is not answered.
    pub(super) fn hang_up_after(
        &mut self,
        core: &mut Core,
        reason: Option<ReasonHeader>,
        wait: Duration,
        now: Instant,
    ) {
        match &mut self.state {
            State::Established(established) if !wait.is_zero() => {
                established.farewell.get_or_insert((now + wait, reason));
            }
            State::Placing(_)
            | State::Ringing(_)
            | State::Established(_)
            | State::Closing(_)
            | State::Closed => {
                self.hang_up(core, reason, now);
            }
        }
    }

    /// Sends BYE and waits for its answer.
    pub(super) fn send_bye(
        &mut self,
        core: &mut Core,
        reason: Option<&ReasonHeader>,
        by: Side,
        now: Instant,
    ) {
        self.refuse_their_offer(core, now);
        let State::Established(established) = &mut self.state else {
            return;
        };
        let mut bye = established.dialog.request(Method::Bye);
        if let Some(reason) = reason {
            bye.headers.push(HeaderName::Reason, reason_value(reason));
        }
        let dialog = established.dialog.clone();
        let user = ClientUser::Call(self.id);
        let key = Self::send_in_dialog(core, &dialog, self.peer, bye, user, now);
        self.our_offer.abandon(core, now);
        self.state = State::Closing(Box::new(Closing {
            dialog,
            bye: key,
            by,
            reason: reason.cloned(),
        }));
    }

    /// The signalling failed: BYE without waiting, and the call is over.
    pub(super) fn hang_up_by_fault(
        &mut self,
        core: &mut Core,
        status: u16,
        text: &str,
        now: Instant,
    ) {
        self.refuse_their_offer(core, now);
        if let State::Established(established) = &mut self.state {
            let mut bye = established.dialog.request(Method::Bye);
            let reason = ReasonHeader::sip(status, text);
            bye.headers.push(HeaderName::Reason, reason_value(&reason));
            let dialog = established.dialog.clone();
            Self::send_in_dialog(core, &dialog, self.peer, bye, ClientUser::Nobody, now);
        }
        self.our_offer.abandon(core, now);
        self.close_by_fault(core, status, text);
    }

    /// BYE of the far side; the transaction is open.
    pub(super) fn handle_bye(
        &mut self,
        core: &mut Core,
        key: &ServerKey,
        request: &Request,
        now: Instant,
    ) {
        core.respond(key, Reply::new(200), now);
        self.refuse_their_offer(core, now);
        self.our_offer.abandon(core, now);
        match &self.state {
            State::Ringing(_) => self.cancelled(core, &request.headers, now),
            // A callee may not end an early dialog with BYE; its final response will tell.
            State::Placing(_) | State::Closed => {}
            State::Established(_) | State::Closing(_) => {
                let event = Event::Ended {
                    call: self.id,
                    by: Side::Remote,
                    reason: reason_header(&request.headers),
                };
                self.close(core, event);
            }
        }
    }

    pub(super) fn handle_bye_response(
        &mut self,
        core: &mut Core,
        key: &ClientKey,
        response: &Response,
        now: Instant,
    ) {
        if response.status < 200 {
            return;
        }
        if matches!(response.status, 401 | 407)
            && matches!(&self.state, State::Closing(closing) if closing.bye == *key)
            && let Some(request) = self.authorized(core, key, response, now)
        {
            let tag = match &self.state {
                State::Closing(closing) => closing.dialog.remote_tag.clone(),
                _ => return,
            };
            let sent = self.resend_in_dialog(core, &tag, request, now);
            if let (State::Closing(closing), Some(sent)) = (&mut self.state, sent) {
                closing.bye = sent;
            }
            return;
        }
        // Whatever they say, for us the call is over (§15.1.1).
        self.handle_bye_unanswered(core, key);
    }

    pub(super) fn handle_bye_unanswered(&mut self, core: &mut Core, key: &ClientKey) {
        if let State::Closing(closing) = &self.state
            && closing.bye == *key
        {
            let event = Event::Ended {
                call: self.id,
                by: closing.by,
                reason: closing.reason.clone(),
            };
            self.close(core, event);
        }
    }

    /// INFO of the far side; the transaction is open.
    pub(super) fn handle_info(
        &mut self,
        core: &mut Core,
        key: &ServerKey,
        request: &Request,
        now: Instant,
    ) {
        let status = match body::look(&request.headers, &request.body) {
            body::Body::Empty => 200,
            body::Body::Other(essence)
                if matches!(
                    essence.as_str(),
                    "application/dtmf-relay" | "application/dtmf"
                ) =>
            {
                match read_digit(&request.body) {
                    Some((digit, duration_ms)) => {
                        core.event(Event::Dtmf {
                            call: self.id,
                            digit,
                            duration_ms,
                        });
                        200
                    }
                    None => 400,
                }
            }
            body::Body::Other(essence) if essence == "application/media_control+xml" => {
                let wants = b"picture_fast_update";
                if request.body.windows(wants.len()).any(|part| part == wants) {
                    core.event(Event::PictureFastUpdate { call: self.id });
                }
                200
            }
            body::Body::Sdp(_) | body::Body::Other(_) => 415,
        };
        let mut reply = Reply::new(status);
        if status == 415 {
            reply = reply.header(
                HeaderName::Accept,
                "application/dtmf-relay, application/dtmf, application/media_control+xml",
            );
        }
        core.respond(key, reply, now);
    }

    /// INFO of ours (RFC 6086; the bodies are those of RFC 5168 and of Cisco's digits).
    pub(super) fn send_info(
        &mut self,
        core: &mut Core,
        info: Info,
        now: Instant,
    ) -> Result<(), EndpointError> {
        let State::Established(established) = &mut self.state else {
            return Err(EndpointError::WrongState);
        };
        let (kind, body) = match info {
            Info::Digit { digit, duration_ms } => (
                "application/dtmf-relay",
                format!("Signal={digit}\r\nDuration={duration_ms}\r\n"),
            ),
            Info::PictureFastUpdate => (
                "application/media_control+xml",
                "<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n<media_control><vc_primitive><to_encoder>\
                 <picture_fast_update/></to_encoder></vc_primitive></media_control>\r\n"
                    .to_owned(),
            ),
        };
        let mut request = established.dialog.request(Method::Info);
        request.headers.push(HeaderName::ContentType, kind);
        request.body = body.into_bytes();
        let dialog = established.dialog.clone();
        let user = ClientUser::Call(self.id);
        Self::send_in_dialog(core, &dialog, self.peer, request, user, now);
        Ok(())
    }

    pub(super) fn established_timeout(&mut self, core: &mut Core, now: Instant) {
        let State::Established(established) = &mut self.state else {
            return;
        };
        if let Some((_, reason)) = established.farewell.take_if(|(at, _)| *at <= now) {
            return self.hang_up(core, reason, now);
        }
        let Some(unconfirmed) = &mut established.unconfirmed else {
            return;
        };
        if unconfirmed.give_up <= now {
            let wanted = established.wanted_bye.take();
            established.unconfirmed = None;
            match wanted {
                Some(reason) => self.send_bye(core, reason.as_ref(), Side::Local, now),
                None => self.hang_up_by_fault(core, 408, "no ACK", now),
            }
        } else if unconfirmed.resend_at <= now {
            unconfirmed.interval = back_off(unconfirmed.interval);
            unconfirmed.resend_at = now + unconfirmed.interval;
            core.counts.retransmitted += 1;
            core.transmit(unconfirmed.transmit.clone());
        }
    }
}

/// `Signal=5` and `Duration=160`, or a bare digit.
fn read_digit(body: &[u8]) -> Option<(char, u32)> {
    const DEFAULT_MS: u32 = 250;
    let text = std::str::from_utf8(body).ok()?;
    let (mut signal, mut duration) = (None, DEFAULT_MS);
    for line in text.lines().take(16) {
        match line.split_once('=') {
            Some((name, value)) if name.trim().eq_ignore_ascii_case("signal") => {
                signal = Some(value.trim());
            }
            Some((name, value)) if name.trim().eq_ignore_ascii_case("duration") => {
                duration = value.trim().parse().unwrap_or(DEFAULT_MS);
            }
            Some(_) => {}
            None if !line.trim().is_empty() => signal = signal.or(Some(line.trim())),
            None => {}
        }
    }
    let digit = match signal? {
        "10" => '*',
        "11" => '#',
        text => {
            let mut characters = text.chars();
            let first = characters.next()?.to_ascii_uppercase();
            if characters.next().is_some() {
                return None;
            }
            first
        }
    };
    matches!(digit, '0'..='9' | 'A'..='D' | '*' | '#')
        .then_some((digit, duration.clamp(20, 10_000)))
}

#[cfg(test)]
mod tests {
    use super::read_digit;

    #[test]
    fn digits_in_both_dialects() {
        assert_eq!(
            read_digit(b"Signal=5\r\nDuration=160\r\n"),
            Some(('5', 160))
        );
        assert_eq!(
            read_digit(b"Signal= *\nDuration= 99999999"),
            Some(('*', 10_000))
        );
        assert_eq!(read_digit(b"#"), Some(('#', 250)));
        assert_eq!(read_digit(b"signal=11"), Some(('#', 250)));
        assert_eq!(read_digit(b"d\r\n"), Some(('D', 250)));
        for bad in [&b""[..], b"Signal=", b"Signal=12", b"Signal=E", b"\xff"] {
            assert_eq!(read_digit(bad), None, "{bad:?}");
        }
    }
}
