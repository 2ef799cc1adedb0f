//! Whether media finds a way between a page and the box: a web leg that hears itself, for a moment and without a call.
//!
//! | event | next |
//! |---|---|
//! | `media.test` | a leg is opened; of those the session had before the oldest is closed when there are too many |
//! | its answer | told to the page; the leg hears itself |
//! | refused, failed, [`LASTS`] over, or the session gone | the leg is closed |

use super::Switch;
use crate::legs::web;
use crate::media::{Command as Media, LegKey, WebRefusal};
use causeway_api::request::SessionId;
use causeway_api::wire::{ErrorCode, RequestNumber, ServerMessage};
use serde_json::Map;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Long enough for the slowest way and some sound.
const LASTS: Duration = Duration::from_secs(15);
/// At once, of all pages: calls go before.
const MOST: usize = 48;
/// Of these, of pages that may do nothing else: anybody can open one.
const MOST_OF_STRANGERS: usize = 24;
/// Of one session: a page tries several ways at once.
const OF_ONE: usize = 3;

/// The tests that run.
#[derive(Debug, Default)]
pub struct MediaTests(HashMap<LegKey, Test>);

#[derive(Debug)]
struct Test {
    session: SessionId,
    /// Its token lets it do nothing else.
    stranger: bool,
    /// Until it is answered.
    request: Option<RequestNumber>,
    until: Instant,
}

impl MediaTests {
    /// Legs they hold.
    pub fn legs(&self) -> usize {
        self.0.len()
    }
}

impl Switch {
    pub(super) fn test_media(
        &mut self,
        session: SessionId,
        id: RequestNumber,
        offer: String,
        now: Instant,
    ) {
        self.make_room(session);
        let Some(identity) = self.sessions.get(&session).map(|s| &s.identity) else {
            return;
        };
        let stranger = identity.only_tests;
        let (policy, dtx) = web::sound(self.directory.app(&identity.app), None);
        let of_strangers = self.media_tests.0.values().filter(|t| t.stranger).count();
        if self.media_tests.0.len() >= MOST || (stranger && of_strangers >= MOST_OF_STRANGERS) {
            let message = "too many pages test their media at the moment";
            return self.tell(session, web::error(id, ErrorCode::RateLimited, message));
        }
        let leg = self.new_leg_on(self.media.place());
        let test = Test {
            session,
            stranger,
            request: Some(id),
            until: now + LASTS,
        };
        self.media_tests.0.insert(leg, test);
        self.media.send(Media::OpenWeb {
            leg,
            offer,
            policy,
            dtx,
            video: false,
        });
    }

    /// Closes the session's oldest test when it has as many as it may have.
    fn make_room(&mut self, session: SessionId) {
        let tests = &self.media_tests.0;
        let own = tests.iter().filter(|(_, test)| test.session == session);
        if own.clone().count() < OF_ONE {
            return;
        }
        let oldest = own.min_by_key(|(_, test)| test.until);
        if let Some(leg) = oldest.map(|(leg, _)| *leg) {
            self.end_test(leg);
        }
    }

    /// Whether an answer was a test's.
    pub(super) fn test_answered(&mut self, leg: LegKey, sdp: &str) -> bool {
        let Some(test) = self.media_tests.0.get_mut(&leg) else {
            return false;
        };
        if let Some(id) = test.request.take() {
            let session = test.session;
            let fields = Map::from_iter([("sdp".to_owned(), sdp.into())]);
            self.media.send(Media::Echo { leg });
            self.tell(session, ServerMessage::Ok { id, fields });
        }
        true
    }

    /// Whether a refusal was a test's.
    pub(super) fn test_refused(&mut self, leg: LegKey, refusal: &WebRefusal) -> bool {
        let Some(test) = self.media_tests.0.remove(&leg) else {
            return false;
        };
        if let Some(id) = test.request {
            let code = super::from_media::refusal_code(refusal);
            self.tell(test.session, web::error(id, code, refusal.to_string()));
        }
        true
    }

    pub(super) fn end_tests_of(&mut self, session: SessionId) {
        self.end_tests(|test| test.session == session);
    }

    pub(super) fn end_old_tests(&mut self, now: Instant) {
        self.end_tests(|test| test.until <= now);
    }

    /// A leg that failed.
    pub(super) fn end_test(&mut self, leg: LegKey) {
        if self.media_tests.0.remove(&leg).is_some() {
            self.media.send(Media::Close { leg });
        }
    }

    fn end_tests(&mut self, over: impl Fn(&Test) -> bool) {
        let media = &self.media;
        self.media_tests.0.retain(|leg, test| {
            let over = over(test);
            if over {
                media.send(Media::Close { leg: *leg });
            }
            !over
        });
    }
}
