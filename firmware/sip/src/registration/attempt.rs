//! One attempt: the REGISTERs from the first to the one that grants or refuses.

use std::net::SocketAddr;
use std::ops::Range;
use std::time::{Duration, Instant};

use super::answer::{granted, min_expires, retry_after};
use super::{
    AT_LEAST, Asking, Binding, LONGEST_EXPIRES_S, MAX_STEPS, REFUSED, Registration,
    RegistrationChange, RegistrationCommand, RegistrationFault, SILENT_FOR, STREAM_REFRESH, State,
    UNREACHABLE,
};
use crate::credentials::{Challenged, Withheld};
use crate::endpoint::{Register, RegisterAnswer};
use crate::message::{HeaderName, NameAddr, UriKind};

impl Registration {
    pub(super) fn soon(&mut self, now: Instant) {
        let earliest = self.sent_at.map_or(now, |at| now.max(at + AT_LEAST));
        self.state = State::Resting { until: earliest };
    }

    pub(super) fn begin(&mut self, now: Instant) {
        let bound = self.binding.map(|binding| binding.registrar);
        let first = self
            .first
            .take()
            .into_iter()
            .chain(bound)
            .chain(self.config.registrars.iter().copied())
            .find(|address| self.config.registrars.contains(address));
        let Some(first) = first else {
            self.rest(RegistrationFault::Nobody, UNREACHABLE, Duration::ZERO, now);
            return;
        };
        let register = self.register(first, self.expires_s);
        self.ask(
            Asking {
                last: register,
                until: now + SILENT_FOR,
                tried: vec![first],
                steps: 0,
                answered: false,
                fault: None,
                pause: Duration::ZERO,
            },
            now,
        );
    }

    fn ask(&mut self, mut asking: Asking, now: Instant) {
        asking.steps = asking.steps.saturating_add(1);
        asking.until = now + SILENT_FOR;
        self.send(asking.last.clone(), now);
        self.state = State::Asking(asking);
    }

    /// Whose turn it is after `fault`; with nobody left the attempt has failed.
    pub(super) fn next_registrar(
        &mut self,
        fault: RegistrationFault,
        pause: Duration,
        now: Instant,
    ) {
        let State::Asking(asking) = std::mem::replace(&mut self.state, State::Over) else {
            return;
        };
        let mut asking = asking;
        asking.pause = asking.pause.max(pause);
        let next = self
            .config
            .registrars
            .iter()
            .copied()
            .find(|address| !asking.tried.contains(address));
        match next.filter(|_| asking.steps < MAX_STEPS) {
            Some(next) => {
                asking.fault.get_or_insert(fault);
                asking.tried.push(next);
                asking.answered = false;
                // Another server, another nonce.
                self.authenticator.forget();
                asking.last = self.register(next, self.expires_s);
                self.ask(asking, now);
            }
            None => {
                let fault = asking.fault.unwrap_or(fault);
                self.rest(fault, UNREACHABLE, asking.pause, now);
            }
        }
    }

    /// The attempt has failed; the next begins after the back-off.
    fn rest(
        &mut self,
        why: RegistrationFault,
        back_off: Range<Duration>,
        pause: Duration,
        now: Instant,
    ) {
        let doublings = self.failures.min(16);
        self.failures = self.failures.saturating_add(1);
        let longest = back_off
            .start
            .saturating_mul(1 << doublings)
            .min(back_off.end);
        let again_in = self.share_of(longest, 50..101).max(pause);
        self.state = State::Resting {
            until: now + again_in,
        };
        self.why = Some(why.clone());
        self.authenticator.forget();
        self.changes.push_back(RegistrationChange::Failed {
            why,
            again_in,
            registered: self.binding.is_some(),
        });
    }

    /// Between the two percentages of `span`, by the seed.
    fn share_of(&mut self, span: Duration, percent: Range<u64>) -> Duration {
        let millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        let share = self.ids.number(percent);
        Duration::from_millis(millis.saturating_mul(share) / 100)
    }

    pub(super) fn answered(&mut self, answer: &RegisterAnswer, now: Instant) {
        let State::Asking(asking) = &self.state else {
            return;
        };
        let (last, answered) = (asking.last.clone(), asking.answered);
        let too_many = asking.steps >= MAX_STEPS;
        if !matches!(answer.status, 401 | 407) {
            self.authenticator.settled();
        }
        let refused = RegistrationFault::Refused {
            status: answer.status,
            reason: answer.reason.clone(),
        };
        let pause = retry_after(&answer.headers);
        match answer.status {
            200..300 => self.accepted(&last, answer, now),
            _ if too_many => self.rest(refused, REFUSED, pause, now),
            401 | 407 => match self.authorize(&last, answer, answered) {
                Ok(register) => self.again(register, true, now),
                Err(why) => {
                    let fault = RegistrationFault::Credentials {
                        status: answer.status,
                        reason: answer.reason.clone(),
                        why,
                    };
                    self.rest(fault, REFUSED, pause, now);
                }
            },
            423 => match min_expires(&answer.headers).filter(|min| *min > last.expires_s) {
                Some(min) if min <= LONGEST_EXPIRES_S => {
                    self.expires_s = min;
                    let register = self.register(last.remote, min);
                    self.again(register, false, now);
                }
                _ => {
                    let asked_s = last.expires_s;
                    let fault = RegistrationFault::TooBrief { asked_s };
                    self.rest(fault, REFUSED, pause, now);
                }
            },
            300..=399 => self.redirected(answer, now),
            503 => {
                let fault = RegistrationFault::Unavailable {
                    registrar: last.remote,
                    reason: answer.reason.clone(),
                };
                self.next_registrar(fault, pause, now);
            }
            _ => self.rest(refused, REFUSED, pause, now),
        }
    }

    /// The same registrar once more.
    fn again(&mut self, register: Register, answered: bool, now: Instant) {
        if let State::Asking(asking) = std::mem::replace(&mut self.state, State::Over) {
            let asking = Asking {
                last: register,
                answered,
                ..asking
            };
            self.ask(asking, now);
        }
    }

    fn accepted(&mut self, last: &Register, answer: &RegisterAnswer, now: Instant) {
        self.authenticator.take_next_nonce(&answer.headers);
        let expires_s = granted(&answer.headers, &last.contact_user, last.expires_s);
        if expires_s == 0 {
            self.binding = None;
            let status = answer.status;
            let fault = RegistrationFault::NothingGranted { status };
            self.rest(fault, REFUSED, Duration::ZERO, now);
            return;
        }
        let granted = Duration::from_secs(expires_s.into());
        let registrar = last.remote;
        let mut refresh = self.share_of(granted, 50..76);
        if self.config.transport.is_reliable() {
            refresh = refresh.min(STREAM_REFRESH);
        }
        self.state = State::Resting {
            until: now + refresh,
        };
        let before = self.binding.replace(Binding {
            registrar,
            until: now + granted,
        });
        let as_ever = before.is_some_and(|b| b.registrar == registrar) && self.why.is_none();
        (self.failures, self.why) = (0, None);
        self.changes.push_back(if as_ever {
            RegistrationChange::Refreshed {
                registrar,
                expires_s,
            }
        } else {
            RegistrationChange::Registered {
                registrar,
                expires_s,
            }
        });
    }

    fn redirected(&mut self, answer: &RegisterAnswer, now: Instant) {
        let State::Asking(asking) = &self.state else {
            return;
        };
        let contacts: Vec<NameAddr> = answer
            .headers
            .elements(&HeaderName::Contact)
            .filter_map(|value| NameAddr::read(value).ok())
            .take(8)
            .collect();
        let port = self.config.transport.default_port();
        let next = contacts.iter().find_map(|contact| {
            let sip = match contact.uri.kind() {
                UriKind::Sip(sip) => sip,
                UriKind::Tel { .. } | UriKind::Other { .. } => return None,
            };
            let address = SocketAddr::new(sip.host.ip()?, sip.port.unwrap_or(port));
            let known = self.config.registrars.contains(&address);
            (known && !asking.tried.contains(&address)).then_some(address)
        });
        match next {
            Some(next) => {
                let mut tried = asking.tried.clone();
                tried.push(next);
                self.authenticator.forget();
                let register = self.register(next, self.expires_s);
                if let State::Asking(asking) = &mut self.state {
                    asking.tried = tried;
                }
                self.again(register, false, now);
            }
            None => {
                let to = contacts.first().map(|c| c.uri.to_string());
                let fault = RegistrationFault::Redirected {
                    status: answer.status,
                    to: to.unwrap_or_default(),
                };
                let pause = retry_after(&answer.headers);
                self.rest(fault, REFUSED, pause, now);
            }
        }
    }

    pub(super) fn left(&mut self) {
        self.state = State::Over;
        if self.binding.take().is_some() {
            self.changes.push_back(RegistrationChange::Left);
        }
    }

    // The REGISTER.

    /// The next REGISTER, with an answer to the last challenge where there was one.
    pub(super) fn register(&mut self, registrar: SocketAddr, expires_s: u32) -> Register {
        self.cseq = self.cseq.saturating_add(1);
        let transport = self.config.transport;
        let may_tell = self.authenticator.may_tell(transport, registrar).is_ok();
        let cnonce = self.ids.cnonce();
        let uri = self.config.request_uri.as_bytes();
        let authorization = may_tell
            .then(|| self.authenticator.again("REGISTER", uri, cnonce))
            .flatten();
        Register {
            remote: registrar,
            transport,
            request_uri: self.config.request_uri.clone(),
            account: self.config.account.clone(),
            contact_user: self.config.contact_user.clone(),
            expires_s,
            call_id: self.call_id.clone(),
            tag: self.tag.clone(),
            cseq: self.cseq,
            authorization,
        }
    }

    /// The same REGISTER with an answer to the challenge in `answer`.
    pub(super) fn authorize(
        &mut self,
        last: &Register,
        answer: &RegisterAnswer,
        answered: bool,
    ) -> Result<Register, Withheld> {
        let cnonce = self.ids.cnonce();
        let challenged = Challenged {
            status: answer.status,
            headers: &answer.headers,
            from: (answer.transport, answer.remote),
            to: (last.transport, last.remote),
            method: "REGISTER",
            uri: last.request_uri.as_bytes(),
            answered,
        };
        let authorization = self.authenticator.answer(&challenged, cnonce)?;
        self.cseq = self.cseq.saturating_add(1);
        Ok(Register {
            cseq: self.cseq,
            authorization: Some(authorization),
            ..last.clone()
        })
    }

    pub(super) fn send(&mut self, register: Register, now: Instant) {
        self.sent_at = Some(now);
        self.commands
            .push_back(RegistrationCommand::Send(Box::new(register)));
    }
}
