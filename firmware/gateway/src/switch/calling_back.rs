//! Who wants to be called: told to whoever listens, promised only when somebody does.

use super::{Switch, place, unix_ms};
use crate::legs::web;
use causeway_api::event::BoxEvent;
use causeway_api::request::SessionId;
use causeway_api::wire::{ErrorCode, RequestNumber, ServerMessage};
use serde_json::{Map, Value};
use std::time::Instant;

/// A page's `callback.request`.
#[derive(Debug)]
pub struct Wish {
    pub number: String,
    pub name: Option<String>,
    pub to: Option<String>,
    pub call: Option<String>,
    pub context: Map<String, Value>,
}

impl Switch {
    pub(super) fn call_back(
        &mut self,
        session: SessionId,
        id: RequestNumber,
        wish: Wish,
        now: Instant,
    ) {
        let answer = match self.try_call_back(session, wish, now) {
            Ok(callback) => ServerMessage::Ok {
                id,
                fields: Map::from_iter([("callback".to_owned(), callback.into())]),
            },
            Err((code, message)) => web::error(id, code, message),
        };
        self.tell(session, answer);
    }

    fn try_call_back(
        &mut self,
        session: SessionId,
        wish: Wish,
        now: Instant,
    ) -> Result<String, place::Refused> {
        let number = dialable(&wish.number).ok_or_else(|| {
            let message = "`number` is 3 to 20 digits, perhaps behind a +";
            (ErrorCode::BadRequest, message.to_owned())
        })?;
        let gone = (ErrorCode::Internal, "the session is gone".to_owned());
        let identity = &self.sessions.get(&session).ok_or(gone)?.identity;
        let (app, account) = (identity.app.clone(), identity.account.clone());
        let page = wish.context.get("page").and_then(place::page_of);
        let page = page.or_else(|| identity.page.clone());
        self.admit_callback(&app, now)?;
        let id = crate::random::hex::<8>();
        let event = BoxEvent::Callback {
            id: id.clone(),
            number,
            name: wish.name.map(|name| plain(&name)),
            to: wish.to.map(|to| plain(&to)),
            app: app.0,
            account: account.as_ref().map(ToString::to_string),
            page,
            context: wish.context,
            call: wish.call.map(|call| plain(&call)),
            at: unix_ms(),
        };
        if self.listeners.tell(&event) == 0 {
            let message = "nobody takes wishes to be called at the moment";
            return Err((ErrorCode::Refused, message.to_owned()));
        }
        tracing::info!(callback = id, "a caller wants to be called");
        Ok(id)
    }

    /// A wish counts as a call of the app.
    fn admit_callback(
        &mut self,
        app: &causeway_directory::AppKey,
        now: Instant,
    ) -> Result<(), place::Refused> {
        let per_minute = self
            .directory
            .app(app)
            .ok_or_else(|| (ErrorCode::AuthFailed, "the app is gone".to_owned()))?
            .calls_per_minute;
        if self.rates.allow(app, per_minute, now) {
            Ok(())
        } else {
            let message = "the app has had its calls of this minute";
            Err((ErrorCode::RateLimited, message.to_owned()))
        }
    }
}

/// The number without what people put between its digits.
fn dialable(text: &str) -> Option<String> {
    let number: String = text
        .chars()
        .filter(|c| !matches!(c, ' ' | '-' | '.' | '/' | '(' | ')' | '\u{a0}'))
        .collect();
    let digits = number.strip_prefix('+').unwrap_or(&number);
    let known = digits.bytes().all(|b| b.is_ascii_digit());
    (known && (3..=20).contains(&digits.len())).then_some(number)
}

/// One line of text.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_digits_whatever_lies_between() {
        assert_eq!(dialable("+49 (30) 123-45"), Some("+493012345".to_owned()));
        assert_eq!(dialable("030/123"), Some("030123".to_owned()));
        for bad in [
            "",
            "12",
            "+",
            "1+23",
            "12a4",
            "sip:100@box",
            "123456789012345678901",
        ] {
            assert_eq!(dialable(bad), None, "{bad}");
        }
    }
}
