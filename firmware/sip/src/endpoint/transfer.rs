//! Transfers: REFER both ways inside a call, its NOTIFYs, and what replaces a call (RFC 3515, 3891, 3892, 4488).
//!
//! Their REFER:
//!
//! | state | `accept_refer` | `reject_refer` | `notify_refer`, 1xx | `notify_refer`, final | 20 s | 3 min | call ends |
//! |---|---|---|---|---|---|---|---|
//! | Asked | 202, NOTIFY 100 → Running | final → – | – | – | 603 → – | – | 603 → – |
//! | Running | – | – | NOTIFY | NOTIFY, terminated → – | – | NOTIFY 408, terminated → – | → – |
//!
//! With `Refer-Sub: false` no NOTIFY is sent and Running does not exist.
//!
//! Our REFER:
//!
//! | state | 2xx | refused, unanswered | NOTIFY 1xx | NOTIFY final, or terminated | 4 min |
//! |---|---|---|---|---|---|
//! | Sent | ReferAccepted → Running | ReferProgress, final → – | ReferProgress | ReferProgress, final → – | – |
//! | Running | – | – | ReferProgress | ReferProgress, final → – | ReferProgress 408, final → – |

use std::time::{Duration, Instant};

use super::call::{Call, State};
use super::command::{CallId, EndpointError, ReferId};
use super::core::{ClientKey, ClientUser, Core, Reply, ServerKey};
use super::event::Event;
use crate::message::check::Essentials;
use crate::message::{
    HeaderName, Method, ReferTo, Replaces, Request, Response, UriKind, reason_phrase, syntax,
};

/// Transfers of one call at once, in both directions together.
const MAX_REFERS: usize = 4;
/// How long a REFER waits for the box: less than its transaction lasts at the far side.
const ANSWER_WAIT: Duration = Duration::from_secs(20);
/// How long a transfer may take, as our NOTIFYs promise.
const RUNNING: Duration = Duration::from_secs(180);
/// How long the far side may be silent about a transfer it accepted.
const PATIENCE: Duration = Duration::from_secs(240);

/// One transfer.
#[derive(Debug)]
pub(super) struct Refer {
    id: ReferId,
    /// The number of the REFER, which is the `id` of its event.
    cseq: u32,
    until: Instant,
    state: ReferState,
}

#[derive(Debug)]
enum ReferState {
    /// Theirs, not answered.
    Asked { key: ServerKey, subscribes: bool },
    /// Theirs, accepted; `names_itself` when it is not the only REFER there has been.
    Reporting { names_itself: bool },
    /// Ours.
    Sent { key: ClientKey },
    /// Ours, accepted.
    Watching,
}

/// The transfers of one call.
#[derive(Debug, Default)]
pub(super) struct Refers {
    list: Vec<Refer>,
    /// REFERs the far side has sent in this call.
    received: u32,
}

impl Refers {
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.list.iter().map(|refer| refer.until).min()
    }

    fn take(&mut self, id: ReferId) -> Option<Refer> {
        let at = self.list.iter().position(|refer| refer.id == id)?;
        Some(self.list.remove(at))
    }

    fn sent_with(&self, sent: &ClientKey) -> Option<ReferId> {
        let found =
            |refer: &&Refer| matches!(&refer.state, ReferState::Sent { key } if key == sent);
        self.list.iter().find(found).map(|refer| refer.id)
    }
}

/// What `Event::Referred` tells apart from handles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referral {
    /// sip:, sips: or tel:, without what is behind `?`.
    pub target: String,
    /// The user part, escapes decoded, or the number of a tel: URI.
    pub user: String,
    /// The dialog that the new call takes the place of (attended transfer).
    pub replaces: Option<Replaces>,
    /// `Referred-By` as it came, to be carried into the new call (RFC 3892).
    pub referred_by: Option<String>,
    /// Further headers the far side wishes in the new call. Never to be taken over unread.
    pub headers: Vec<(String, String)>,
}

impl Call {
    /// REFER of the far side; the transaction is open.
    pub(super) fn handle_refer(
        &mut self,
        core: &mut Core,
        key: &ServerKey,
        request: &Request,
        essentials: &Essentials,
        now: Instant,
    ) {
        let mut targets = request.headers.all(&HeaderName::ReferTo);
        let target = match (targets.next(), targets.next()) {
            (Some(value), None) => ReferTo::read(value).ok(),
            _ => None,
        };
        let refusal = match (&self.state, &target) {
            (_, None) => Some(Reply::new(400).phrase("Bad Request (Refer-To)")),
            (State::Established(_), Some(target)) => match target.uri.kind() {
                UriKind::Other { .. } => Some(Reply::new(416)),
                _ if self.refers.list.len() >= MAX_REFERS => {
                    Some(Reply::new(500).header(HeaderName::RetryAfter, "5"))
                }
                UriKind::Sip(_) | UriKind::Tel { .. } => None,
            },
            _ => Some(Reply::new(603)),
        };
        let target = match (target, refusal) {
            (Some(target), None) => target,
            (_, reply) => {
                let reply = reply.unwrap_or_else(|| Reply::new(400));
                core.respond(key, reply, now);
                return;
            }
        };
        let refer_sub = HeaderName::Other("Refer-Sub".to_owned());
        let id = ReferId(core.handle());
        core.assign_server(key, self.id);
        self.refers.received = self.refers.received.saturating_add(1);
        self.refers.list.push(Refer {
            id,
            cseq: essentials.cseq.number,
            until: now + ANSWER_WAIT,
            state: ReferState::Asked {
                key: key.clone(),
                subscribes: !request.headers.has_token(&refer_sub, "false"),
            },
        });
        let referral = Referral {
            target: target.uri.to_string(),
            user: target.uri.user(),
            replaces: target.replaces,
            referred_by: request
                .headers
                .get(&HeaderName::ReferredBy)
                .map(syntax::lossy),
            headers: target.headers,
        };
        core.event(Event::Referred {
            call: self.id,
            refer: id,
            referral,
        });
    }

    pub(super) fn accept_refer(&mut self, core: &mut Core, id: ReferId, now: Instant) {
        let Some(mut refer) = self.refers.take(id) else {
            return;
        };
        let ReferState::Asked { key, subscribes } = refer.state else {
            self.refers.list.push(refer);
            return;
        };
        let contact = core.contact(self.peer);
        let mut reply = Reply::new(202).header(HeaderName::Contact, contact);
        if !subscribes {
            let name = HeaderName::Other("Refer-Sub".to_owned());
            reply = reply.header(name, "false");
        }
        core.respond(&key, reply, now);
        if subscribes {
            let names_itself = self.refers.received > 1;
            refer.until = now + RUNNING;
            refer.state = ReferState::Reporting { names_itself };
            self.refers.list.push(refer);
            self.notify_refer(core, id, 100, now);
        }
    }

    pub(super) fn reject_refer(&mut self, core: &mut Core, id: ReferId, status: u16, now: Instant) {
        let Some(refer) = self.refers.take(id) else {
            return;
        };
        match refer.state {
            ReferState::Asked { key, .. } => {
                let refusal = (300..700).contains(&status);
                let status = if refusal { status } else { 603 };
                core.respond(&key, Reply::new(status), now);
            }
            _ => self.refers.list.push(refer),
        }
    }

    /// Tells how the transfer goes on. A status of 200 or above is the last word.
    pub(super) fn notify_refer(&mut self, core: &mut Core, id: ReferId, status: u16, now: Instant) {
        let Some(refer) = self.refers.take(id) else {
            return;
        };
        let (ReferState::Reporting { names_itself }, State::Established(established)) =
            (&refer.state, &mut self.state)
        else {
            self.refers.list.push(refer);
            return;
        };
        let status = status.clamp(100, 699);
        let mut notify = established.dialog.request(Method::Notify);
        let event = if *names_itself {
            format!("refer;id={}", refer.cseq)
        } else {
            "refer".to_owned()
        };
        let subscription = if status < 200 {
            let left = refer.until.saturating_duration_since(now).as_secs();
            format!("active;expires={left}")
        } else {
            "terminated;reason=noresource".to_owned()
        };
        let contact = core.contact(self.peer);
        notify.headers.push(HeaderName::Contact, contact);
        notify.headers.push(HeaderName::Event, event);
        let state = HeaderName::Other("Subscription-State".to_owned());
        notify.headers.push(state, subscription);
        let kind = "message/sipfrag;version=2.0";
        notify.headers.push(HeaderName::ContentType, kind);
        notify.body = format!("SIP/2.0 {status} {}\r\n", reason_phrase(status)).into_bytes();
        let dialog = established.dialog.clone();
        let user = ClientUser::Call(self.id);
        Self::send_in_dialog(core, &dialog, self.peer, notify, user, now);
        if status < 200 {
            self.refers.list.push(refer);
        }
    }

    /// Asks the far side to call somebody else.
    pub(super) fn refer(
        &mut self,
        core: &mut Core,
        id: ReferId,
        target: &ReferTo,
        now: Instant,
    ) -> Result<(), EndpointError> {
        let State::Established(established) = &mut self.state else {
            return Err(EndpointError::WrongState);
        };
        if established.unconfirmed.is_some() {
            return Err(EndpointError::WrongState);
        }
        if self.refers.list.len() >= MAX_REFERS {
            return Err(EndpointError::TooManyTransfers);
        }
        let mut request = established.dialog.request(Method::Refer);
        let contact = core.contact(self.peer);
        // RFC 3892 §2.1: who we are to the far side, not where we are.
        let own = established.dialog.local_uri();
        let referred_by = own.map_or_else(|| contact.clone(), |uri| format!("<{uri}>"));
        request.headers.push(HeaderName::ReferredBy, referred_by);
        request.headers.push(HeaderName::Contact, contact);
        request.headers.push(HeaderName::ReferTo, target.to_value());
        let cseq = established.dialog.local_cseq();
        let dialog = established.dialog.clone();
        let user = ClientUser::Call(self.id);
        let key = Self::send_in_dialog(core, &dialog, self.peer, request, user, now);
        self.refers.list.push(Refer {
            id,
            cseq,
            until: now + PATIENCE,
            state: ReferState::Sent { key },
        });
        Ok(())
    }

    pub(super) fn handle_refer_response(
        &mut self,
        core: &mut Core,
        key: &ClientKey,
        response: &Response,
        essentials: &Essentials,
        now: Instant,
    ) {
        let Some(id) = self.refers.sent_with(key) else {
            return;
        };
        match response.status {
            100..200 => {}
            200..300 => {
                let sent = |refer: &&mut Refer| refer.id == id;
                if let Some(refer) = self.refers.list.iter_mut().find(sent) {
                    refer.state = ReferState::Watching;
                    let (call, refer) = (self.id, id);
                    core.event(Event::ReferAccepted { call, refer });
                }
            }
            401 | 407 => {
                let tag = essentials.to.tag().unwrap_or_default();
                let again = self
                    .authorized(core, key, response, now)
                    .and_then(|request| self.resend_in_dialog(core, tag, request, now));
                let cseq = self.dialog_mut(tag).map(|dialog| dialog.local_cseq());
                match (again, self.refers.take(id)) {
                    (Some(key), Some(refer)) => self.refers.list.push(Refer {
                        cseq: cseq.unwrap_or(refer.cseq),
                        state: ReferState::Sent { key },
                        ..refer
                    }),
                    (_, refer) => {
                        let reason = syntax::lossy(&response.reason);
                        self.refer_over(core, refer, response.status, reason);
                    }
                }
            }
            status => {
                let refer = self.refers.take(id);
                self.refer_over(core, refer, status, syntax::lossy(&response.reason));
            }
        }
    }

    pub(super) fn handle_refer_unanswered(&mut self, core: &mut Core, key: &ClientKey) {
        if let Some(id) = self.refers.sent_with(key) {
            let refer = self.refers.take(id);
            self.refer_over(core, refer, 408, "no answer to REFER".to_owned());
        }
    }

    fn refer_over(&self, core: &mut Core, refer: Option<Refer>, status: u16, reason: String) {
        if let Some(refer) = refer {
            core.event(Event::ReferProgress {
                call: self.id,
                refer: refer.id,
                status,
                reason,
                is_final: true,
            });
        }
    }

    /// NOTIFY of the far side; the transaction is open.
    pub(super) fn handle_notify(
        &mut self,
        core: &mut Core,
        key: &ServerKey,
        request: &Request,
        now: Instant,
    ) {
        let event = request.headers.get(&HeaderName::Event).unwrap_or_default();
        let mut parts = event.split(|b| *b == b';').map(<[u8]>::trim_ascii);
        if !parts
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case(b"refer"))
        {
            let allowed = Reply::new(489).header(HeaderName::AllowEvents, "refer");
            core.respond(key, allowed, now);
            return;
        }
        let number = parts
            .find_map(|part| part.strip_prefix(b"id="))
            .and_then(syntax::number);
        let is_ours =
            |refer: &&Refer| matches!(refer.state, ReferState::Sent { .. } | ReferState::Watching);
        let ours = || self.refers.list.iter().filter(is_ours);
        let found = match number {
            Some(number) => ours().find(|refer| u64::from(refer.cseq) == number),
            None => ours().next(),
        };
        let Some(id) = found.map(|refer| refer.id) else {
            core.respond(key, Reply::new(481), now);
            return;
        };
        core.respond(key, Reply::new(200), now);
        let state = HeaderName::Other("Subscription-State".to_owned());
        let ended = request
            .headers
            .get(&state)
            .is_some_and(|value| value.to_ascii_lowercase().starts_with(b"terminated"));
        let said = fragment_status(&request.body);
        let is_final = ended || said.as_ref().is_some_and(|(status, _)| *status >= 200);
        if is_final {
            let refer = self.refers.take(id);
            // Ended without a word of how: nobody knows.
            let (status, reason) = said
                .filter(|(status, _)| *status >= 200)
                .unwrap_or_else(|| (408, "ended without a word of how".to_owned()));
            self.refer_over(core, refer, status, reason);
            return;
        }
        if let Some(refer) = self.refers.list.iter_mut().find(|refer| refer.id == id) {
            refer.until = now + PATIENCE;
        }
        if let Some((status, reason)) = said {
            core.event(Event::ReferProgress {
                call: self.id,
                refer: id,
                status,
                reason,
                is_final: false,
            });
        }
    }

    pub(super) fn refers_timeout(&mut self, core: &mut Core, now: Instant) {
        let due: Vec<ReferId> = self
            .refers
            .list
            .iter()
            .filter(|refer| refer.until <= now)
            .map(|refer| refer.id)
            .collect();
        for id in due {
            self.reject_refer(core, id, 603, now);
            self.notify_refer(core, id, 408, now);
            let left = self.refers.take(id);
            let ours = left.filter(|refer| {
                matches!(refer.state, ReferState::Sent { .. } | ReferState::Watching)
            });
            self.refer_over(core, ours, 408, "nothing was heard of it".to_owned());
        }
    }

    /// The call has ended: a REFER nobody will answer any more is refused. Ours need no last word: the call's
    /// end is one.
    pub(super) fn refuse_refers(&mut self, core: &mut Core, now: Instant) {
        for refer in std::mem::take(&mut self.refers.list) {
            if let ReferState::Asked { key, .. } = refer.state {
                core.respond(&key, Reply::new(603), now);
            }
        }
    }

    /// See [`Endpoint::remote_target`](super::Endpoint::remote_target).
    pub(super) fn remote_target(&self) -> Option<String> {
        match &self.state {
            State::Established(established) => Some(established.dialog.remote_target().to_string()),
            State::Placing(_) | State::Ringing(_) | State::Closing(_) | State::Closed => None,
        }
    }

    /// The dialog as the far side would have it replaced: tags seen from there (RFC 3891 §3).
    pub(super) fn as_replaced(&self) -> Option<Replaces> {
        let State::Established(established) = &self.state else {
            return None;
        };
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
        Some(Replaces {
            call_id: text(&self.sip_call_id)?,
            to_tag: text(&established.dialog.remote_tag)?,
            from_tag: text(&self.local_tag)?,
            early_only: false,
        })
    }
}

/// What an INVITE replaces (RFC 3891 §3).
pub(super) enum Replaced {
    Nothing,
    Call(CallId),
    Refused(u16),
}

/// Whether `call`, found by Call-ID and our tag, may be replaced as `replaces` asks.
pub(super) fn may_replace(call: Option<&mut Call>, replaces: &Replaces) -> Replaced {
    let Some(call) = call else {
        return Replaced::Refused(481);
    };
    if call.dialog_mut(replaces.from_tag.as_bytes()).is_none() {
        return Replaced::Refused(481);
    }
    match &call.state {
        State::Established(_) if replaces.early_only => Replaced::Refused(486),
        State::Established(_) | State::Placing(_) => Replaced::Call(call.id),
        // Early, and it was they who called: not theirs to replace.
        State::Ringing(_) => Replaced::Refused(481),
        State::Closing(_) | State::Closed => Replaced::Refused(603),
    }
}

/// Status and reason phrase of a `message/sipfrag` body (RFC 3420).
fn fragment_status(body: &[u8]) -> Option<(u16, String)> {
    const MAX_REASON: usize = 120;
    let rest = body.trim_ascii_start().strip_prefix(b"SIP/2.0 ")?;
    let (digits, rest) = syntax::take_while(rest, |b| b.is_ascii_digit());
    let status = syntax::number(digits)
        .and_then(|number| u16::try_from(number).ok())
        .filter(|status| (100..700).contains(status))?;
    let (reason, _) = syntax::take_while(rest, |b| !matches!(b, b'\r' | b'\n'));
    let reason = syntax::lossy(reason.trim_ascii());
    Some((status, reason.chars().take(MAX_REASON).collect()))
}

#[cfg(test)]
mod tests {
    use super::fragment_status;

    #[test]
    fn fragments() {
        let said = |status, reason: &str| Some((status, reason.to_owned()));
        let ringing = b"SIP/2.0 180 Ringing\r\nTo: x\r\n";
        assert_eq!(fragment_status(ringing), said(180, "Ringing"));
        assert_eq!(fragment_status(b"\r\nSIP/2.0 603"), said(603, ""));
        for bad in [
            &b""[..],
            b"SIP/2.0 99",
            b"SIP/2.0 7000",
            b"INVITE sip:a@b SIP/2.0",
        ] {
            assert_eq!(fragment_status(bad), None, "{bad:?}");
        }
    }
}
