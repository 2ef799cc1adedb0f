//! One call: its state, and what every state shares.
//!
//! | state | file | leaves to |
//! |---|---|---|
//! | Placing | `placing.rs` | Established (2xx), Closing (2xx after cancel), Closed (failure) |
//! | Ringing | `ringing.rs` | Established (accept), Closed (reject, CANCEL, BYE) |
//! | Established | `session.rs`, `offering.rs`, `offers.rs`, `refreshing.rs` | Closing (our BYE), Closed (their BYE, fault) |
//! | Closing | `session.rs` | Closed (BYE answered or timed out) |
//! | Closed | – | removed by the endpoint |

use std::net::SocketAddr;
use std::time::Instant;

use super::command::{CallId, ReasonHeader, Warning};
use super::core::{ClientKey, ClientUser, Core, Source};
use super::event::{Event, Failure, FailureKind, Side};
use super::offering::OurOffer;
use super::offers::TheirOffer;
use super::placing::Placing;
use super::ringing::Ringing;
use super::session::{Closing, Established};
use super::session_timer::Timer;
use super::transfer::Refers;
use crate::credentials::{Authenticator, Challenged, Withheld};
use crate::dialog::Dialog;
use crate::message::check::Essentials;
use crate::message::{HeaderName, Headers, Method, NameAddr, Reason, Request, Response, syntax};

#[derive(Debug)]
pub(super) struct Call {
    pub(super) id: CallId,
    /// Where the call goes or came from: the way to hosts that have only a name.
    pub(super) peer: Source,
    /// We placed it, so the Call-ID is ours.
    pub(super) owns_call_id: bool,
    pub(super) sip_call_id: Vec<u8>,
    pub(super) local_tag: Vec<u8>,
    pub(super) auth: Authenticator,
    pub(super) state: State,
    pub(super) our_offer: OurOffer,
    pub(super) their_offer: Option<TheirOffer>,
    pub(super) sdp: Descriptions,
    pub(super) timer: Timer,
    /// An UPDATE that refreshes is under way.
    pub(super) refresh: Option<ClientKey>,
    pub(super) refers: Refers,
    /// Goes into the refusal of a call that came in.
    pub(super) warning: Option<Warning>,
    /// The call this one replaces once it is accepted.
    pub(super) replaces: Option<CallId>,
    /// The far side allows UPDATE.
    pub(super) takes_update: bool,
}

/// The session descriptions in force, to the byte, for refreshes.
#[derive(Debug, Default)]
pub(super) struct Descriptions {
    pub(super) local: Option<Vec<u8>>,
    pub(super) remote: Option<Vec<u8>>,
}

#[derive(Debug)]
pub(super) enum State {
    Placing(Box<Placing>),
    Ringing(Box<Ringing>),
    Established(Box<Established>),
    Closing(Box<Closing>),
    Closed,
}

impl Call {
    pub(super) fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// The dialog requests of this peer belong to.
    pub(super) fn dialog_mut(&mut self, remote_tag: &[u8]) -> Option<&mut Dialog> {
        let dialog = match &mut self.state {
            State::Placing(placing) => return placing.early_dialog(remote_tag),
            State::Ringing(ringing) => &mut ringing.dialog,
            State::Established(established) => &mut established.dialog,
            State::Closing(closing) => &mut closing.dialog,
            State::Closed => return None,
        };
        (dialog.remote_tag == remote_tag).then_some(dialog)
    }

    /// Sends a request in `dialog`.
    pub(super) fn send_in_dialog(
        core: &mut Core,
        dialog: &Dialog,
        peer: Source,
        request: Request,
        user: ClientUser,
        now: Instant,
    ) -> ClientKey {
        let to = core.destination(&dialog.next_hop(), peer);
        core.send_request(request, to, user, now)
    }

    /// Closes the call with its last event.
    pub(super) fn close(&mut self, core: &mut Core, event: Event) {
        self.state = State::Closed;
        core.event(event);
    }

    /// Closes the call because the signalling failed.
    pub(super) fn close_by_fault(&mut self, core: &mut Core, status: u16, text: &str) {
        let event = Event::Ended {
            call: self.id,
            by: Side::Fault,
            reason: Some(ReasonHeader::sip(status, text)),
        };
        self.close(core, event);
    }

    /// A response to a request of ours in this call.
    pub(super) fn handle_response(
        &mut self,
        core: &mut Core,
        key: &ClientKey,
        response: &Response,
        essentials: &Essentials,
        now: Instant,
    ) {
        if response.status >= 200 && !matches!(response.status, 401 | 407) {
            self.auth.settled();
        }
        match key.method {
            Method::Invite => {
                if matches!(&self.state, State::Placing(placing) if placing.invite == *key) {
                    self.handle_invite_response(core, key, response, essentials, now);
                } else if self.our_offer.is_sent_with(key) {
                    self.handle_offer_response(core, key, response, essentials, now);
                } else if (200..300).contains(&response.status) {
                    self.handle_late_success(core, key, response, essentials, now);
                }
            }
            Method::Bye => self.handle_bye_response(core, key, response, now),
            Method::Update if self.our_offer.is_sent_with(key) => {
                self.handle_offer_response(core, key, response, essentials, now);
            }
            Method::Update if self.refresh.as_ref() == Some(key) => {
                self.handle_refresh_response(core, key, response, now);
            }
            Method::Refer => self.handle_refer_response(core, key, response, essentials, now),
            Method::Prack | Method::Notify | Method::Info
                if matches!(response.status, 401 | 407) =>
            {
                let dialog_tag = essentials.to.tag().unwrap_or_default().to_vec();
                if let Some(request) = self.authorized(core, key, response, now) {
                    self.resend_in_dialog(core, &dialog_tag, request, now);
                }
            }
            _ => {}
        }
    }

    /// A request of ours that was not answered, or could not be sent.
    pub(super) fn handle_unanswered(
        &mut self,
        core: &mut Core,
        key: &ClientKey,
        transport_failed: bool,
        now: Instant,
    ) {
        match key.method {
            Method::Invite | Method::Update
                if self.our_offer.is_sent_with(key) || self.refresh.as_ref() == Some(key) =>
            {
                // §12.2.1.2: no answer inside a dialog ends it.
                let text = match key.method {
                    Method::Update => "no answer to UPDATE",
                    _ => "no answer to re-INVITE",
                };
                self.hang_up_by_fault(core, 408, text, now);
            }
            Method::Invite => self.handle_invite_unanswered(core, key, transport_failed),
            Method::Bye => self.handle_bye_unanswered(core, key),
            Method::Refer => self.handle_refer_unanswered(core, key),
            _ => {}
        }
    }

    /// The request of `key` again, with an answer to the challenge in `response` and without its Via. The number
    /// is still the old one. `None`: nothing to answer with.
    pub(super) fn authorized(
        &mut self,
        core: &mut Core,
        key: &ClientKey,
        response: &Response,
        now: Instant,
    ) -> Option<Request> {
        let sent = core.sent_request(key)?;
        let to = (sent.transport, sent.remote);
        let from = sent.answered_from.unwrap_or(to);
        let mut request = sent.request.clone();
        let cnonce = core.ids.cnonce();
        let challenged = Challenged {
            status: response.status,
            headers: &response.headers,
            from,
            to,
            method: request.method.as_str(),
            uri: request.uri.as_bytes(),
            answered: request
                .headers
                .get(answer_header(response.status))
                .is_some(),
        };
        let (name, value) = match self.auth.answer(&challenged, cnonce) {
            Ok(answer) => answer,
            Err(why) => {
                self.withheld(core, &request.method, from.1, &why, now);
                return None;
            }
        };
        request.headers.remove(&HeaderName::Via);
        request.headers.set(name, value);
        Some(request)
    }

    /// Somebody was not told what only we know.
    fn withheld(
        &self,
        core: &mut Core,
        method: &Method,
        remote: SocketAddr,
        why: &Withheld,
        now: Instant,
    ) {
        if matches!(why, Withheld::NoCredentials | Withheld::Refused) {
            return;
        }
        core.counts.credentials_withheld += 1;
        core.refused(
            remote,
            format!("challenge of {method} not answered: {why}"),
            now,
        );
    }

    /// Sends a request with an answer to a challenge again in its dialog, with the next number, unless it would go to
    /// somebody else now.
    pub(super) fn resend_in_dialog(
        &mut self,
        core: &mut Core,
        remote_tag: &[u8],
        mut request: Request,
        now: Instant,
    ) -> Option<ClientKey> {
        let (id, peer) = (self.id, self.peer);
        let dialog = self.dialog_mut(remote_tag)?;
        let number = dialog.local_cseq().saturating_add(1);
        dialog.raise_local_cseq(number);
        let method = request.method.clone();
        request
            .headers
            .set(HeaderName::CSeq, format!("{number} {method}"));
        let dialog = dialog.clone();
        let to = core.destination(&dialog.next_hop(), peer);
        if let Err(why) = self.auth.may_tell(to.transport, to.remote) {
            self.withheld(core, &method, to.remote, &why, now);
            return None;
        }
        Some(core.send_request(request, to, ClientUser::Call(id), now))
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let state = match &self.state {
            State::Placing(placing) => placing.poll_timeout(),
            State::Ringing(ringing) => ringing.poll_timeout(),
            State::Established(established) => {
                let timer = self.timer.poll_timeout();
                established.poll_timeout().into_iter().chain(timer).min()
            }
            State::Closing(_) | State::Closed => None,
        };
        let offers = [
            self.our_offer.poll_timeout(),
            self.their_offer.as_ref().map(|offer| offer.until),
            self.refers.poll_timeout(),
        ];
        offers.into_iter().flatten().chain(state).min()
    }

    pub(super) fn handle_timeout(&mut self, core: &mut Core, now: Instant) {
        match &self.state {
            State::Placing(_) => self.placing_timeout(core, now),
            State::Ringing(_) => self.ringing_timeout(core, now),
            State::Established(_) => {
                self.established_timeout(core, now);
                self.session_timeout(core, now);
            }
            State::Closing(_) | State::Closed => {}
        }
        self.offers_timeout(core, now);
        self.refers_timeout(core, now);
    }
}

/// Where the answer to a challenge with this status stands.
const fn answer_header(status: u16) -> &'static HeaderName {
    match status {
        407 => &HeaderName::ProxyAuthorization,
        _ => &HeaderName::Authorization,
    }
}

/// The failure a final response of 300 or above means.
pub(super) fn failure(response: &Response) -> Failure {
    let kind = match response.status {
        401 | 407 => FailureKind::AuthRefused,
        _ => FailureKind::Rejected,
    };
    Failure {
        status: Some(response.status),
        reason: syntax::lossy(&response.reason),
        cause: reason_header(&response.headers),
        retry_after_s: retry_after(&response.headers),
        warning: response
            .headers
            .elements(&HeaderName::Warning)
            .find_map(Warning::read),
        contacts: redirections(response),
        kind,
    }
}

/// The targets of a redirection, the most wanted first (§8.1.3.4, §20.10).
fn redirections(response: &Response) -> Vec<String> {
    const MAX: usize = 8;
    if !(300..400).contains(&response.status) {
        return Vec::new();
    }
    let mut found: Vec<(u32, String)> = response
        .headers
        .elements(&HeaderName::Contact)
        .filter_map(|value| NameAddr::read(value).ok())
        .take(MAX)
        .map(|contact| {
            let q = contact.params.text("q").and_then(|q| q.parse::<f32>().ok());
            let permille = q.unwrap_or(1.0).clamp(0.0, 1.0) * 1_000.0;
            (permille as u32, contact.uri.to_string())
        })
        .collect();
    found.sort_by_key(|(q, _)| std::cmp::Reverse(*q));
    found.into_iter().map(|(_, uri)| uri).collect()
}

/// `Retry-After` in seconds; a comment or parameters behind the number do not count.
pub(super) fn retry_after(headers: &Headers) -> Option<u32> {
    let value = headers.get(&HeaderName::RetryAfter)?;
    let (digits, _) = syntax::take_while(value, |byte| byte.is_ascii_digit());
    syntax::number(digits).and_then(|number| u32::try_from(number).ok())
}

/// The `Reason` of a message: the Q.850 one when there are several.
pub(super) fn reason_header(headers: &Headers) -> Option<ReasonHeader> {
    let mut reasons: Vec<Reason> = headers
        .elements(&HeaderName::Reason)
        .filter_map(|value| Reason::read(value).ok())
        .collect();
    reasons.sort_by_key(|reason| !reason.protocol.eq_ignore_ascii_case("Q.850"));
    reasons.into_iter().next().map(|reason| ReasonHeader {
        protocol: reason.protocol,
        cause: reason.cause,
        text: reason.text,
    })
}

/// The value of a `Reason` header of ours. The protocol is made a token if it is none.
pub(super) fn reason_value(reason: &ReasonHeader) -> String {
    let token = syntax::is_token(reason.protocol.as_bytes());
    Reason {
        protocol: if token {
            reason.protocol.clone()
        } else {
            "SIP".to_owned()
        },
        cause: reason.cause,
        text: reason.text.clone(),
    }
    .to_string()
}
