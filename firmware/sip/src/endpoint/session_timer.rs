//! The session timer: who proves to whom, and how often, that the call is still there (RFC 4028).
//!
//! | state | agreed: we refresh | agreed: they refresh | 2xx without a timer | half the interval | expiry |
//! |---|---|---|---|---|---|
//! | Off | → Ours | → Theirs | – | – | – |
//! | Ours | → Ours, from now | → Theirs | → Ours, from now | Refresh; again in 10 s unless agreed | Expired |
//! | Theirs | → Ours | → Theirs, from now | → Off | – | Expired |
//!
//! "Agreed" is a 2xx to INVITE or UPDATE with `Session-Expires`, whoever sent the request. Refreshing means the
//! whole interval; expiring is at its end for who refreshes, and a third of it or 32 s earlier (the shorter) for
//! who waits, so that both do not hang up at once (§10). A far side that forgets the header in a refresh is not
//! taken for dead: only what was promised last can expire.
//!
//! What is done at Refresh and Expired is in `refreshing.rs`.

use std::time::{Duration, Instant};

use crate::message::{HeaderName, Headers, Params, syntax};

/// The smallest `Min-SE` there is, and the default (§5).
pub const MIN_SE_S: u32 = 90;
/// The interval asked for by default: half an hour (§4).
pub const INTERVAL_S: u32 = 1_800;
/// An interval below this is taken for this: a far side must not make us send all the time.
const SHORTEST_S: u32 = 20;
/// The longest interval that is believed: a day.
const LONGEST_S: u32 = 86_400;
/// When a refresh is tried again that was neither accepted nor fatal.
const AGAIN: Duration = Duration::from_secs(10);
/// 422s in a row that are answered with a larger interval.
const MAX_RAISES: u8 = 3;

/// Whether session timers are used in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SessionTimerMode {
    /// Neither offered nor accepted.
    Off,
    /// Offered, and used with who knows them.
    #[default]
    Supported,
    /// Demanded of who we call (420 when it does not know them); who calls without them is refreshed by us.
    Required,
}

/// One of the two sides of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refresher {
    /// This endpoint.
    Us,
    /// The far side.
    Them,
}

/// How session timers are used in a call (RFC 4028).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionTimer {
    /// Whether.
    pub mode: SessionTimerMode,
    /// Seconds asked for; taken into `min_s`…86 400.
    pub interval_s: u32,
    /// The smallest interval accepted, in seconds; below 90 counts as 90. Smaller ones are answered 422.
    pub min_s: u32,
    /// Who shall refresh; `None`: whoever answers decides, and when that is us, the caller refreshes.
    pub refresher: Option<Refresher>,
}

impl Default for SessionTimer {
    fn default() -> Self {
        Self {
            mode: SessionTimerMode::Supported,
            interval_s: INTERVAL_S,
            min_s: MIN_SE_S,
            refresher: None,
        }
    }
}

/// `refresher=` means the roles in the transaction, not in the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Uac,
    Uas,
}

/// What a request of the far side says about the timer.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Asked {
    supported: bool,
    interval_s: Option<u32>,
    min_s: u32,
    refresher: Option<Role>,
}

impl Asked {
    pub(super) fn read(headers: &Headers) -> Self {
        let (interval_s, refresher) = session_expires(headers);
        Self {
            supported: headers.has_token(&HeaderName::Supported, "timer")
                || headers.has_token(&HeaderName::Require, "timer"),
            interval_s,
            min_s: min_se(headers).unwrap_or(MIN_SE_S),
            refresher,
        }
    }
}

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    Refresh,
    Expired,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Off,
    Ours { refresh_at: Instant, until: Instant },
    Theirs { until: Instant },
}

/// The timer of one call.
#[derive(Debug)]
pub(super) struct Timer {
    mode: SessionTimerMode,
    refresher: Option<Refresher>,
    /// Asked for; grows with each 422.
    interval_s: u32,
    /// Of ours; grows with each 422.
    min_s: u32,
    raises: u8,
    state: State,
}

impl Timer {
    pub(super) fn new(setting: SessionTimer) -> Self {
        let min_s = setting.min_s.clamp(MIN_SE_S, LONGEST_S);
        Self {
            mode: setting.mode,
            refresher: setting.refresher,
            interval_s: setting.interval_s.clamp(min_s, LONGEST_S),
            min_s,
            raises: 0,
            state: State::Off,
        }
    }

    pub(super) fn is_off(&self) -> bool {
        self.mode == SessionTimerMode::Off
    }

    /// The `Min-SE` of a 422, when what is asked for is too short and the far side understands a 422 (§9).
    pub(super) fn refuses(&self, asked: &Asked) -> Option<u32> {
        let interval = asked.interval_s?;
        (!self.is_off() && asked.supported && interval < self.min_s).then_some(self.min_s)
    }

    /// Writes what an INVITE or UPDATE of ours says (§7.1, §7.4), all but `Supported`.
    pub(super) fn ask(&self, headers: &mut Headers) {
        if self.is_off() {
            return;
        }
        // In a call under way the roles stay; at its start they are as wished.
        let refresher = match self.state {
            State::Ours { .. } => Some(Refresher::Us),
            State::Theirs { .. } => Some(Refresher::Them),
            State::Off => self.refresher,
        };
        let refresher = match refresher {
            Some(Refresher::Us) => ";refresher=uac",
            Some(Refresher::Them) => ";refresher=uas",
            None => "",
        };
        headers.set(
            HeaderName::SessionExpires,
            format!("{}{refresher}", self.interval_s),
        );
        headers.set(HeaderName::MinSe, self.min_s.to_string());
    }

    /// Writes what a 2xx of ours says to what was asked, and starts the timer (§9, table 2).
    pub(super) fn answer(&mut self, asked: &Asked, headers: &mut Headers, now: Instant) {
        let started = self.state != State::Off;
        let wanted = match self.mode {
            SessionTimerMode::Off => false,
            SessionTimerMode::Supported => asked.supported || started,
            SessionTimerMode::Required => true,
        };
        if !wanted {
            return;
        }
        let shortest = self.min_s.max(asked.min_s);
        let own = self.interval_s.max(shortest);
        let interval = asked.interval_s.map_or(own, |asked| asked.min(own));
        let interval = interval.clamp(SHORTEST_S, LONGEST_S);
        let refresher = if asked.supported {
            match (asked.refresher, self.state, self.refresher) {
                (Some(role), _, _) => role,
                (None, State::Ours { .. }, _) => Role::Uas,
                (None, State::Theirs { .. }, _) => Role::Uac,
                (None, State::Off, Some(Refresher::Us)) => Role::Uas,
                (None, State::Off, Some(Refresher::Them) | None) => Role::Uac,
            }
        } else {
            // Who does not know timers cannot be asked to refresh.
            Role::Uas
        };
        let name = match refresher {
            Role::Uac => "uac",
            Role::Uas => "uas",
        };
        headers.set(
            HeaderName::SessionExpires,
            format!("{interval};refresher={name}"),
        );
        if asked.supported {
            headers.set(HeaderName::Require, "timer");
        }
        match refresher {
            Role::Uac => self.expect(interval, now),
            Role::Uas => self.start(interval, now),
        }
    }

    /// Takes the 2xx to an INVITE or UPDATE of ours (§7.2).
    pub(super) fn accepted(&mut self, headers: &Headers, now: Instant) {
        self.raises = 0;
        if self.is_off() {
            return;
        }
        let (interval, role) = session_expires(headers);
        let Some(interval) = interval else {
            match self.state {
                State::Ours { .. } => self.start(self.interval_s, now),
                State::Off | State::Theirs { .. } => self.state = State::Off,
            }
            return;
        };
        match role {
            Some(Role::Uas) => self.expect(interval, now),
            Some(Role::Uac) => self.start(interval, now),
            // The parameter must be there. Without it: as before, or as wished, else we refresh, which harms nobody.
            None => match (self.state, self.refresher) {
                (State::Theirs { .. }, _) | (State::Off, Some(Refresher::Them)) => {
                    self.expect(interval, now);
                }
                _ => self.start(interval, now),
            },
        }
    }

    /// Takes a 422 to a request of ours (§7.3). `false` when asking again would be no use.
    pub(super) fn raise(&mut self, headers: &Headers) -> bool {
        let Some(min_s) = min_se(headers) else {
            return false;
        };
        let grows = min_s > self.interval_s || min_s > self.min_s;
        if self.is_off() || !grows || min_s > LONGEST_S || self.raises >= MAX_RAISES {
            return false;
        }
        self.raises = self.raises.saturating_add(1);
        self.min_s = self.min_s.max(min_s);
        self.interval_s = self.interval_s.max(min_s);
        true
    }

    fn start(&mut self, interval_s: u32, now: Instant) {
        let interval_s = interval_s.clamp(SHORTEST_S, LONGEST_S);
        let interval = Duration::from_secs(interval_s.into());
        self.interval_s = interval_s.max(self.min_s);
        self.state = State::Ours {
            refresh_at: now + interval / 2,
            until: now + interval,
        };
    }

    fn expect(&mut self, interval_s: u32, now: Instant) {
        let interval_s = interval_s.clamp(MIN_SE_S, LONGEST_S);
        let interval = Duration::from_secs(interval_s.into());
        let margin = Duration::from_secs(32).min(interval / 3);
        self.interval_s = interval_s.max(self.min_s);
        self.state = State::Theirs {
            until: now + interval.saturating_sub(margin),
        };
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Off => None,
            State::Ours { refresh_at, until } => Some(refresh_at.min(until)),
            State::Theirs { until } => Some(until),
        }
    }

    /// What is due now. A refresh is due again after ten seconds unless something was agreed meanwhile.
    pub(super) fn due(&mut self, now: Instant) -> Due {
        match &mut self.state {
            State::Off => Due::Nothing,
            State::Ours { until, .. } | State::Theirs { until } if *until <= now => {
                self.state = State::Off;
                Due::Expired
            }
            State::Ours { refresh_at, .. } if *refresh_at <= now => {
                *refresh_at = now + AGAIN;
                Due::Refresh
            }
            State::Ours { .. } | State::Theirs { .. } => Due::Nothing,
        }
    }

    /// The refresh shall be tried again after `wait`.
    pub(super) fn again_in(&mut self, wait: Duration, now: Instant) {
        if let State::Ours { refresh_at, .. } = &mut self.state {
            *refresh_at = now + wait;
        }
    }
}

/// `Session-Expires`: seconds and the refresher.
fn session_expires(headers: &Headers) -> (Option<u32>, Option<Role>) {
    let Some(value) = headers.get(&HeaderName::SessionExpires) else {
        return (None, None);
    };
    let (digits, params) = match syntax::split_once(value, b';') {
        Some((digits, params)) => (digits, Params::read(params)),
        None => (value, None),
    };
    let role = params
        .and_then(|params| params.text("refresher"))
        .and_then(|name| match name.to_ascii_lowercase().as_str() {
            "uac" => Some(Role::Uac),
            "uas" => Some(Role::Uas),
            _ => None,
        });
    (seconds(digits), role)
}

fn min_se(headers: &Headers) -> Option<u32> {
    let value = headers.get(&HeaderName::MinSe)?;
    let digits = value.split(|b| *b == b';').next()?;
    seconds(digits)
}

fn seconds(digits: &[u8]) -> Option<u32> {
    syntax::number(digits.trim_ascii()).map(|number| u32::try_from(number).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(HeaderName, &str)]) -> Headers {
        let mut headers = Headers::new();
        for (name, value) in lines {
            headers.push(name.clone(), *value);
        }
        headers
    }

    fn answered(setting: SessionTimer, asked: &[(HeaderName, &str)]) -> (Option<String>, Timer) {
        let mut timer = Timer::new(setting);
        let mut reply = Headers::new();
        timer.answer(&Asked::read(&headers(asked)), &mut reply, Instant::now());
        let value = reply.get(&HeaderName::SessionExpires).map(syntax::lossy);
        (value, timer)
    }

    #[test]
    fn table_2_of_the_rfc() {
        use HeaderName::{SessionExpires, Supported};
        let with = |refresher| SessionTimer {
            refresher,
            ..SessionTimer::default()
        };
        for (wished, asked, expected) in [
            (None, vec![], None),
            (None, vec![(SessionExpires, "600;refresher=uac")], None),
            (None, vec![(Supported, "timer")], Some("1800;refresher=uac")),
            (
                None,
                vec![(Supported, "timer"), (SessionExpires, "600")],
                Some("600;refresher=uac"),
            ),
            (
                Some(Refresher::Us),
                vec![(Supported, "timer"), (SessionExpires, "600")],
                Some("600;refresher=uas"),
            ),
            (
                Some(Refresher::Us),
                vec![(Supported, "timer"), (SessionExpires, "600;refresher=uac")],
                Some("600;refresher=uac"),
            ),
            (
                Some(Refresher::Them),
                vec![(Supported, "timer"), (SessionExpires, "9999;refresher=UAS")],
                Some("1800;refresher=uas"),
            ),
        ] {
            let (value, _) = answered(with(wished), &asked);
            assert_eq!(value.as_deref(), expected, "{wished:?} {asked:?}");
        }
    }

    #[test]
    fn a_far_side_without_timers_is_refreshed_by_us_when_they_are_required() {
        let setting = SessionTimer {
            mode: SessionTimerMode::Required,
            ..SessionTimer::default()
        };
        let (value, timer) = answered(setting, &[]);
        assert_eq!(value.as_deref(), Some("1800;refresher=uas"));
        assert!(matches!(timer.state, State::Ours { .. }));
    }

    #[test]
    fn who_refreshes_has_half_the_interval_and_who_waits_hangs_up_a_little_early() {
        let now = Instant::now();
        let s = Duration::from_secs;
        let mut timer = Timer::new(SessionTimer::default());
        let value = |text| headers(&[(HeaderName::SessionExpires, text)]);
        timer.accepted(&value("120;refresher=uac"), now);
        assert_eq!(timer.poll_timeout(), Some(now + s(60)));
        assert_eq!(timer.due(now + s(60)), Due::Refresh);
        assert_eq!(timer.due(now + s(60)), Due::Nothing);
        assert_eq!(timer.due(now + s(70)), Due::Refresh);
        assert_eq!(timer.due(now + s(120)), Due::Expired);
        assert_eq!(timer.poll_timeout(), None);

        timer.accepted(&value("120 ; refresher=uas"), now);
        assert_eq!(timer.poll_timeout(), Some(now + s(88)));
        timer.accepted(&value("90;refresher=uas"), now);
        assert_eq!(timer.poll_timeout(), Some(now + s(60)));
        assert_eq!(timer.due(now + s(60)), Due::Expired);
    }

    #[test]
    fn silence_in_a_refresh_stops_what_could_expire_and_goes_on_with_what_we_do() {
        let now = Instant::now();
        let mut timer = Timer::new(SessionTimer::default());
        timer.expect(90, now);
        timer.accepted(&Headers::new(), now);
        assert_eq!(timer.poll_timeout(), None);
        timer.start(90, now);
        timer.accepted(&Headers::new(), now);
        assert!(timer.poll_timeout().is_some());
    }

    #[test]
    fn a_422_raises_the_interval_a_few_times_only() {
        let mut timer = Timer::new(SessionTimer {
            interval_s: 90,
            ..SessionTimer::default()
        });
        assert!(!timer.raise(&Headers::new()));
        for (min, raised) in [
            ("90", false),
            ("200", true),
            ("200", false),
            ("300", true),
            ("400", true),
            ("500", false),
        ] {
            assert_eq!(timer.raise(&headers(&[(HeaderName::MinSe, min)])), raised);
        }
        let mut asked = Headers::new();
        timer.ask(&mut asked);
        assert_eq!(asked.get(&HeaderName::SessionExpires), Some(&b"400"[..]));
        assert_eq!(asked.get(&HeaderName::MinSe), Some(&b"400"[..]));
    }

    #[test]
    fn absurd_values_neither_flood_nor_last() {
        let now = Instant::now();
        let mut timer = Timer::new(SessionTimer::default());
        for (text, least, most) in [
            ("0;refresher=uac", 10, 10),
            ("99999999999999999999;refresher=uac", 900, 43_200),
            ("4294967296;refresher=uac", 43_200, 43_200),
        ] {
            timer.state = State::Off;
            timer.accepted(&headers(&[(HeaderName::SessionExpires, text)]), now);
            let Some(at) = timer.poll_timeout() else {
                // Not a number that fits: as if it were absent.
                continue;
            };
            let span = (at - now).as_secs();
            assert!((least..=most).contains(&span), "{text}: {span}");
        }
    }
}
