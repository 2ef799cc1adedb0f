//! How calls begin, from both sides.

use super::active::{ActiveCall, CallKey, WebOffer};
use super::family::family_of_offer;
use super::quality::CallLevels;
use super::{Switch, unix_ms};
use crate::legs::account;
use crate::legs::attempt::Attempt;
use crate::legs::caller::Caller;
use crate::legs::redirection::Redirection;
use crate::legs::trunk::{self, TrunkLeg};
use crate::legs::web::{self, WebLeg};
use crate::media::Command as Media;
use causeway_api::request::{Identity, SessionId};
use causeway_api::wire::{ErrorCode, RequestNumber};
use causeway_call::context::{self, ContextToken};
use causeway_call::lines::{Line, NoLine, Way};
use causeway_call::record::{CallDirection, CallRecord};
use causeway_call::route::{self, RouteError, TrunkRoute, Wish};
use causeway_call::{Call, DeviceId, Setup};
use causeway_directory::{
    AccountId, AppKey, Destination, Directory, NumberTarget, Reliable, Trunk, Video,
};
use causeway_media::sdp::trunk::wants_video;
use causeway_sip::endpoint::{self, Party, ReasonHeader};
use serde_json::{Map, Value};
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// How long the box keeps a context that nobody asks for.
const CONTEXT_KEPT_MS: i64 = 7 * 24 * 3600 * 1000;

/// The starts of each app's calls in the last minute.
#[derive(Debug, Default)]
pub struct CallRates(HashMap<AppKey, VecDeque<Instant>>);

const MINUTE: Duration = Duration::from_secs(60);

impl CallRates {
    /// Counts a call, unless the app has had its share of this minute.
    pub(super) fn allow(&mut self, app: &AppKey, per_minute: u32, now: Instant) -> bool {
        let starts = self.0.entry(app.clone()).or_default();
        while starts
            .front()
            .is_some_and(|at| now.duration_since(*at) >= MINUTE)
        {
            starts.pop_front();
        }
        let fits = starts.len() < per_minute as usize;
        if fits {
            starts.push_back(now);
        }
        fits
    }

    pub fn forget(&mut self, now: Instant) {
        self.0.retain(|_, starts| {
            starts
                .back()
                .is_some_and(|at| now.duration_since(*at) < MINUTE)
        });
    }
}

/// Compares two secrets without telling by the time taken where they differ.
pub fn same_secret(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0, |d, (x, y)| d | (x ^ y)) == 0
}

/// A browser's `call.place`.
#[derive(Debug)]
pub struct Place {
    pub id: RequestNumber,
    pub to: String,
    pub sdp: String,
    /// The page asks for a picture.
    pub video: bool,
    pub context: Option<Map<String, Value>>,
    pub from: Option<String>,
}

pub(super) type Refused = (ErrorCode, String);

/// How a PBX's call is refused.
#[derive(Clone, Copy, Debug)]
enum RefusedCall {
    With(u16),
    /// 503 with `Retry-After`.
    Busy {
        retry_after_s: u32,
    },
}

/// What a full trunk group says: 503 and cause 34 (RFC 3398 section 7.2.4.1 read backwards).
fn no_circuit(retry_after_s: u32) -> (RefusedCall, ReasonHeader) {
    let reason = ReasonHeader::q850(34, "No circuit available");
    (RefusedCall::Busy { retry_after_s }, reason)
}

impl Switch {
    pub(super) fn place(&mut self, session: SessionId, place: Place, now: Instant) {
        let id = place.id;
        if let Err((code, message)) = self.try_place(session, place, now) {
            self.totals.refused += 1;
            tracing::info!(session = session.0, ?code, message, "call refused");
            self.tell(session, web::error(id, code, message));
        }
    }

    fn try_place(
        &mut self,
        session: SessionId,
        place: Place,
        now: Instant,
    ) -> Result<(), (ErrorCode, String)> {
        let Some(known) = self.sessions.get(&session) else {
            return Ok(());
        };
        let identity = known.identity.clone();
        let directory = self.directory.clone();
        let account = identity.account.as_ref();
        let wish = Wish {
            app: &identity.app,
            account,
            token_allows: &identity.to,
            to: &place.to,
            from: place.from.as_deref(),
        };
        let mut route =
            route::from_browser(&directory, wish).map_err(|e| (route_code(&e), e.to_string()))?;
        let context = place.context.unwrap_or_default();
        context::check(&context).map_err(|e| (ErrorCode::TooLarge, e.to_string()))?;
        self.admit(
            &identity,
            route.app.max_calls,
            route.app.calls_per_minute,
            now,
        )?;
        let (trunk, line) = self.free_trunk(&directory, &route, now).map_err(|why| {
            let message = format!("no line to the telephone system: {why}");
            (ErrorCode::RateLimited, message)
        })?;
        route.trunk = trunk;
        let family = self.family_of_next(&trunk.name.get_ref().0, now);
        let media = self.trunk_media(trunk, family, place.video).map_err(|_| {
            let message = "every line of the box is in use";
            (ErrorCode::RateLimited, message.to_owned())
        })?;

        let key = self.new_key();
        let call_id = crate::random::hex::<8>();
        let token = ContextToken::from_random(crate::random::bytes());
        let page = context
            .get("page")
            .and_then(page_of)
            .or_else(|| identity.page.clone());
        let mut record = CallRecord::begun(
            &call_id,
            CallDirection::FromBrowser,
            &route.number,
            unix_ms(),
        );
        record.app = Some(identity.app.0.clone());
        record.account = account.map(ToString::to_string);
        record.page = page;
        record.origin = identity.origin.clone();
        record.from_number = Some(route.caller_number.clone());
        record.trunk = Some(route.trunk.name.get_ref().0.clone());
        self.keep_context(&token, &call_id, &identity, context);

        let (web_leg, trunk_leg) = (self.new_leg(key), self.new_leg(key));
        self.open_trunk(trunk_leg, route.trunk, media.sockets);
        let (policy, dtx) = web::sound(Some(route.app), Some(route.trunk));
        self.media.send(Media::OpenWeb {
            leg: web_leg,
            offer: place.sdp,
            policy,
            dtx,
            video: media.session.has_video(),
        });
        tracing::info!(call = call_id, app = %identity.app, to = route.number, trunk = %route.trunk.name.get_ref(), "call placed");
        self.by_name.insert(call_id.clone(), key);
        self.calls.insert(
            key,
            ActiveCall {
                id: call_id,
                call: Call::new(
                    Setup::Outbound {
                        device: DeviceId(session.0),
                    },
                    self.timing,
                    now,
                ),
                resume: crate::random::hex::<16>(),
                app: Some(identity.app.clone()),
                account: identity.account.clone(),
                web: WebLeg {
                    media: Some(web_leg),
                    ..WebLeg::default()
                },
                trunk: TrunkLeg {
                    trunk: route.trunk.name.get_ref().0.clone(),
                    sip: None,
                    session: media.session,
                    media: trunk_leg,
                    ports: media.ports,
                    plan: None,
                    early: false,
                    offer: None,
                    offerless: false,
                    attempt: Attempt::default(),
                    watch: None,
                    redirection: Redirection::default(),
                    info: trunk::info_digits(route.trunk),
                    line: Some(line),
                },
                record,
                levels: CallLevels::default(),
                begun: now,
                offers: VecDeque::from([WebOffer::Place(session, place.id)]),
                accept_sdp: None,
                caller_name: route.caller_name.clone(),
                caller_hidden: false,
                diverted_from: None,
                context: Some(token),
                referring: None,
                replacement: None,
                transfer: None,
                finished: None,
                kept: None,
            },
        );
        Ok(())
    }

    /// Every bound a new call of an app has to fit into.
    fn admit(
        &mut self,
        identity: &Identity,
        most: usize,
        per_minute: u32,
        now: Instant,
    ) -> Result<(), (ErrorCode, String)> {
        let running = self.calls.values().filter(|c| c.finished.is_none());
        let of_app = running
            .filter(|c| c.app.as_ref() == Some(&identity.app))
            .count();
        let limited = |message: &str| Err((ErrorCode::RateLimited, message.to_owned()));
        if self.calls.len() >= self.directory.config().settings.max_calls {
            return limited("the box carries as many calls as it may");
        }
        if of_app >= most {
            return limited("this app has as many calls as it may");
        }
        if !self.rates.allow(&identity.app, per_minute, now) {
            return limited("this app has begun as many calls in a minute as it may");
        }
        Ok(())
    }

    fn keep_context(
        &mut self,
        token: &ContextToken,
        call: &str,
        identity: &Identity,
        context: Map<String, Value>,
    ) {
        let created_at = unix_ms();
        self.store.put_context(causeway_api::lookup::ContextRecord {
            token: token.as_str().to_owned(),
            call: call.to_owned(),
            app: Some(identity.app.0.clone()),
            created_at,
            expires_at: created_at + CONTEXT_KEPT_MS,
            context,
        });
    }

    pub(super) fn new_key(&mut self) -> CallKey {
        self.next_key += 1;
        CallKey(self.next_key)
    }

    /// An INVITE of a PBX.
    pub(super) fn incoming(&mut self, invite: Incoming, now: Instant) {
        let sip = invite.sip;
        if let Err((status, reason)) = self.try_incoming(invite, now) {
            self.totals.refused += 1;
            let reason = Some(reason);
            match status {
                RefusedCall::With(status) => self.endpoint.reject(sip, status, reason, now),
                RefusedCall::Busy { retry_after_s } => {
                    self.endpoint.reject_busy(sip, retry_after_s, reason, now);
                }
            }
        }
    }

    fn try_incoming(
        &mut self,
        invite: Incoming,
        now: Instant,
    ) -> Result<(), (RefusedCall, ReasonHeader)> {
        let directory = self.directory.clone();
        let Some(from_trunk) = directory.trunk_of(invite.remote) else {
            return Err((
                RefusedCall::With(403),
                ReasonHeader::q850(21, "Not a trunk of this box"),
            ));
        };
        self.endpoint
            .set_session_timer(invite.sip, trunk::session_timer(from_trunk), now);
        if from_trunk.reliable == Reliable::Required {
            self.endpoint.prefer_reliable(invite.sip, now);
        }
        let numbering = from_trunk.numbering.as_ref().map(|n| n.get_ref());
        let mut called = account::called(
            from_trunk,
            &invite.request_uri,
            &invite.to.uri,
            &invite.headers,
        );
        if let Some(numbering) = numbering {
            for number in &mut called {
                *number = numbering.inward(number);
            }
        }
        let known = |number: &String| route::from_trunk(&directory, number).is_ok();
        let at = called.iter().position(known);
        let dialled = called.swap_remove(at.unwrap_or(called.len() - 1));
        let target = route::from_trunk(&directory, &dialled).map_err(|fault| {
            tracing::info!(trunk = %from_trunk.name.get_ref(), %fault, "incoming call refused");
            let reason = ReasonHeader::q850(1, "Unallocated number");
            (RefusedCall::With(404), reason)
        })?;
        if self.calls.len() >= directory.config().settings.max_calls {
            return Err(no_circuit(NoLine::Full.retry_after_s()));
        }
        let line = self.take_line(from_trunk, Way::In, now).map_err(|why| {
            tracing::info!(trunk = %from_trunk.name.get_ref(), %why, "incoming call refused");
            no_circuit(why.retry_after_s())
        })?;
        let family = family_of_offer(invite.sdp.as_deref(), invite.remote);
        let picture = from_trunk.video == Video::H264
            && matches!(target, NumberTarget::Account(_))
            && invite.sdp.as_deref().is_none_or(wants_video);
        let media = self
            .trunk_media(from_trunk, family, picture)
            .map_err(|_| no_circuit(NoLine::Full.retry_after_s()))?;
        let session = media.session;
        // An offer nobody could ever answer is refused before anything rings.
        if let Some(sdp) = &invite.sdp
            && let Err(fault) = session
                .clone()
                .receive_offer(sdp, causeway_media::plan::Direction::SendRecv)
        {
            self.ports.release_leg(media.ports);
            tracing::info!(trunk = %from_trunk.name.get_ref(), %fault, "offer refused");
            let warning = super::from_sip::warning(fault.warn_code(), &fault.to_string());
            self.endpoint.warn(invite.sip, warning, now);
            return Err((
                RefusedCall::With(fault.sip_status()),
                ReasonHeader::q850(88, "Incompatible destination"),
            ));
        }
        let offerless = invite.sdp.is_none();
        let (setup, direction) = match target {
            NumberTarget::Account(account) => {
                let devices = self.devices_of(account);
                (Setup::Inbound { devices }, CallDirection::ToBrowser)
            }
            NumberTarget::Echo => (Setup::Echo, CallDirection::Echo),
        };
        let account = match target {
            NumberTarget::Account(account) => Some(account),
            NumberTarget::Echo => None,
        };
        let app = self
            .sessions
            .values()
            .find(|s| account.is_some() && s.identity.account.as_ref() == account)
            .map(|s| s.identity.app.clone());
        let caller = Caller::read(
            &invite.from,
            invite.asserted.as_ref(),
            &invite.headers,
            numbering,
        );
        let key = self.new_key();
        let call_id = crate::random::hex::<8>();
        let mut record = CallRecord::begun(&call_id, direction, &dialled, unix_ms());
        record.account = account.map(ToString::to_string);
        record.app = app.map(|a| a.0);
        record.from_number = Some(caller.number.clone());
        record.trunk = Some(from_trunk.name.get_ref().0.clone());
        record.sip_call_id = self.endpoint.sip_call_id(invite.sip).map(str::to_owned);
        if let Some(name) = &record.sip_call_id {
            self.ladders.assign(name, &call_id);
        }
        tracing::info!(call = call_id, from = caller.number, to = dialled, trunk = %from_trunk.name.get_ref(), ?setup, "call came in");
        let leg = self.new_leg(key);
        self.open_trunk(leg, from_trunk, media.sockets);
        self.by_name.insert(call_id.clone(), key);
        self.by_sip.insert(invite.sip, key);
        self.totals.incoming += 1;
        self.calls.insert(
            key,
            ActiveCall {
                id: call_id,
                call: Call::new(setup, self.timing, now),
                resume: crate::random::hex::<16>(),
                app: None,
                account: account.cloned(),
                web: WebLeg::default(),
                trunk: TrunkLeg {
                    trunk: from_trunk.name.get_ref().0.clone(),
                    sip: Some(invite.sip),
                    session,
                    media: leg,
                    ports: media.ports,
                    plan: None,
                    early: false,
                    offer: invite.sdp,
                    offerless,
                    attempt: Attempt::incoming(
                        directory.known(from_trunk).map(|l| l.address),
                        invite.remote,
                    ),
                    watch: None,
                    redirection: Redirection::default(),
                    info: trunk::info_digits(from_trunk),
                    line: Some(line),
                },
                record,
                levels: CallLevels::default(),
                begun: now,
                offers: VecDeque::new(),
                accept_sdp: None,
                caller_name: caller.name,
                caller_hidden: caller.hidden,
                diverted_from: caller.diverted_from,
                context: caller.context,
                referring: None,
                replacement: None,
                transfer: None,
                finished: None,
                kept: None,
            },
        );
        self.carry_out(key, now);
        Ok(())
    }
}

impl Switch {
    /// A line of a trunk, which is counted when there is none.
    pub(super) fn take_line(
        &mut self,
        trunk: &Trunk,
        way: Way,
        now: Instant,
    ) -> Result<Line, NoLine> {
        let name = trunk.name.get_ref().0.as_str();
        let limits = trunk::line_limits(trunk);
        self.lines.take(name, way, limits, now)
    }

    /// The first trunk that serves the number and has a line free, and that line. Trunks whose PBX does not answer come
    /// last: some never do and take calls all the same.
    fn free_trunk<'a>(
        &mut self,
        directory: &'a Directory,
        route: &TrunkRoute<'_>,
        now: Instant,
    ) -> Result<(&'a Trunk, Line), NoLine> {
        let mut first = None;
        let (down, well): (Vec<_>, Vec<_>) = route::trunks(directory, route)
            .partition(|trunk| self.probes.are_all_down(&trunk.name.get_ref().0));
        for trunk in well.into_iter().chain(down) {
            match self.take_line(trunk, Way::Out, now) {
                Ok(line) => return Ok((trunk, line)),
                Err(why) => {
                    first.get_or_insert(why);
                }
            }
        }
        Err(first.unwrap_or(NoLine::Full))
    }

    /// The sessions that are signed in for an account.
    fn devices_of(&self, account: &AccountId) -> Vec<DeviceId> {
        self.sessions
            .iter()
            .filter(|(_, s)| s.identity.account.as_ref() == Some(account))
            .map(|(id, _)| DeviceId(id.0))
            .collect()
    }
}

/// What the switch needs of an INVITE.
#[derive(Debug)]
pub struct Incoming {
    pub sip: endpoint::CallId,
    pub remote: std::net::SocketAddr,
    pub request_uri: String,
    pub from: Party,
    pub to: Party,
    pub asserted: Option<Party>,
    pub sdp: Option<Vec<u8>>,
    pub headers: Vec<(String, String)>,
}

/// The page a context names: a URL, or an object with a `url`.
pub(super) fn page_of(page: &Value) -> Option<String> {
    let url = page
        .as_str()
        .or_else(|| page.get("url").and_then(Value::as_str))?;
    Some(url.chars().take(512).collect())
}

pub(super) fn route_code(fault: &RouteError) -> ErrorCode {
    match fault {
        RouteError::Destination(_) => ErrorCode::BadRequest,
        RouteError::UnknownApp(_) => ErrorCode::AuthFailed,
        RouteError::CallerForbidden(_)
        | RouteError::Forbidden(Destination::Number(_) | Destination::Account(_)) => {
            ErrorCode::DestinationForbidden
        }
        RouteError::NoTrunk(_) | RouteError::UnknownNumber(_) => ErrorCode::DestinationUnknown,
    }
}
