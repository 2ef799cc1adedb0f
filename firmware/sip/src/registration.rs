//! A registration with a PBX or carrier: one account that it can call us by, kept alive (RFC 3261 §10.2).
//!
//! | state | event | next |
//! |---|---|---|
//! | Resting | its time comes; the connection with the registrar broke; a target came back that we need | Asking |
//! | Asking | 2xx that grants something | Resting until the refresh |
//! | Asking | 401 or 407 that can be answered | Asking the same once more |
//! | Asking | 423 with a longer `Min-Expires` | Asking the same for so long |
//! | Asking | 301…399 that names another of our registrars | Asking that one |
//! | Asking | 503, silence for [`SILENT_FOR`], no way there | Asking the next registrar; after the last: Resting, [`Back-off`](UNREACHABLE) |
//! | Asking | any other refusal | Resting, [`Back-off`](REFUSED) |
//! | any | leave, registered | Leaving: REGISTER with `Expires: 0` |
//! | any | leave, not registered | Over |
//! | Leaving | 401 or 407 that can be answered | Leaving once more |
//! | Leaving | anything else, silence for [`LEAVE_WITHIN`] | Over |
//!
//! What was granted (the *binding*) stays in force until its time is over, whatever comes after it: a refresh that fails
//! is tried again while calls still come.
//!
//! | time | value |
//! |---|---|
//! | refresh | after 50 to 75 % of what was granted, and within 10 minutes over a stream, whose connection calls come by and must not go idle |
//! | back-off after silence, 503, no way there | 2 s, doubling to 60 s, of that 50 to 100 % |
//! | back-off after a refusal | 30 s, doubling to 30 min, of that 50 to 100 %: who refuses a password counts attempts |
//! | `Retry-After` | at least so long, believed up to an hour |
//! | after a broken connection | 1 s after the last REGISTER at the earliest |
//!
//! Credentials are for the registrars alone ([`crate::credentials`]): a redirection to anybody else is a refusal.
//! After every input call [`Registration::poll_command`] until `None`, then [`Registration::poll_change`] until `None`.

mod answer;
mod attempt;
mod report;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::ops::Range;
use std::time::{Duration, Instant};

use crate::credentials::{Authenticator, Credentials};
use crate::endpoint::{Register, RegisterAnswer, Transport};
use crate::ids::Ids;

pub use report::{RegistrationChange, RegistrationFault, RegistrationState, RegistrationView};

/// How long a registrar may leave a REGISTER unanswered before the next one is asked: time for four datagrams.
pub const SILENT_FOR: Duration = Duration::from_secs(5);
/// How long the registrar may take to let us go.
pub const LEAVE_WITHIN: Duration = Duration::from_millis(1_500);
/// First and longest back-off while no registrar answers.
pub const UNREACHABLE: Range<Duration> = Duration::from_secs(2)..Duration::from_secs(60);
/// First and longest back-off after a refusal.
pub const REFUSED: Range<Duration> = Duration::from_secs(30)..Duration::from_secs(1_800);
/// The longest that is asked for or believed, in seconds.
const LONGEST_EXPIRES_S: u32 = 86_400;
/// A refresh over a stream comes within so long.
const STREAM_REFRESH: Duration = Duration::from_secs(600);
/// Between two REGISTERs that no answer asked for.
const AT_LEAST: Duration = Duration::from_secs(1);
/// REGISTERs of one attempt, challenges and redirections included.
const MAX_STEPS: u8 = 24;

/// What a registration is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistrationConfig {
    /// In order of preference.
    pub registrars: Vec<SocketAddr>,
    /// How they are spoken to.
    pub transport: Transport,
    /// The Request-URI, such as `sip:carrier.example`.
    pub request_uri: String,
    /// The address of record, such as `sip:4930@carrier.example`.
    pub account: String,
    /// The user part of the Contact.
    pub contact_user: String,
    /// Seconds asked for.
    pub expires_s: u32,
    /// For challenges.
    pub credentials: Option<Credentials>,
    /// Unpredictable, and different for each registration at each start.
    pub seed: [u8; 32],
}

/// What the machine wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegistrationCommand {
    /// Send this; the one before it is done with.
    Send(Box<Register>),
    /// Stop the REGISTER that is under way: nobody waits for it.
    Forget,
}

#[derive(Debug)]
enum State {
    Resting {
        until: Instant,
    },
    Asking(Asking),
    Leaving {
        until: Instant,
        last: Register,
        /// It answers a challenge of this exchange.
        answered: bool,
    },
    Over,
}

#[derive(Debug)]
struct Asking {
    last: Register,
    /// When its silence is judged.
    until: Instant,
    /// Who was asked in this attempt.
    tried: Vec<SocketAddr>,
    steps: u8,
    /// The REGISTER under way answers a challenge of this attempt.
    answered: bool,
    /// What went wrong with those before, the longest pause that one of them asked for.
    fault: Option<RegistrationFault>,
    pause: Duration,
}

#[derive(Debug, Clone, Copy)]
struct Binding {
    registrar: SocketAddr,
    until: Instant,
}

/// See the module.
#[derive(Debug)]
pub struct Registration {
    config: RegistrationConfig,
    authenticator: Authenticator,
    ids: Ids,
    call_id: Vec<u8>,
    tag: Vec<u8>,
    cseq: u32,
    /// Seconds asked for: more than configured after a 423.
    expires_s: u32,
    state: State,
    binding: Option<Binding>,
    /// Who the next attempt begins with.
    first: Option<SocketAddr>,
    failures: u32,
    why: Option<RegistrationFault>,
    sent_at: Option<Instant>,
    commands: VecDeque<RegistrationCommand>,
    changes: VecDeque<RegistrationChange>,
}

impl Registration {
    /// A registration that begins at once.
    pub fn new(config: RegistrationConfig, now: Instant) -> Self {
        let mut ids = Ids::new(config.seed);
        let (call_id, tag) = (ids.call_id(), ids.tag());
        Self {
            authenticator: Authenticator::new(config.credentials.clone()),
            ids,
            call_id,
            tag,
            cseq: 0,
            expires_s: config.expires_s.min(LONGEST_EXPIRES_S),
            state: State::Resting { until: now },
            binding: None,
            first: None,
            failures: 0,
            why: None,
            sent_at: None,
            commands: VecDeque::new(),
            changes: VecDeque::new(),
            config,
        }
    }

    /// Other registrars, as after a DNS answer, how they are spoken to, and the credentials that are for them.
    pub fn replace_registrars(
        &mut self,
        registrars: Vec<SocketAddr>,
        transport: Transport,
        credentials: Option<Credentials>,
        now: Instant,
    ) {
        if registrars == self.config.registrars
            && transport == self.config.transport
            && credentials == self.config.credentials
        {
            return;
        }
        self.config.transport = transport;
        self.authenticator = Authenticator::new(credentials.clone());
        self.config.credentials = credentials;
        self.config.registrars = registrars;
        let lost = self
            .binding
            .is_none_or(|binding| !self.config.registrars.contains(&binding.registrar));
        if lost && matches!(self.state, State::Resting { .. }) {
            self.soon(now);
        }
    }

    /// The next thing to do.
    pub fn poll_command(&mut self) -> Option<RegistrationCommand> {
        self.commands.pop_front()
    }

    /// The next thing to tell.
    pub fn poll_change(&mut self) -> Option<RegistrationChange> {
        self.changes.pop_front()
    }

    /// When [`Registration::handle_timeout`] is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let expiry = self.binding.map(|binding| binding.until);
        let state = match &self.state {
            State::Resting { until } | State::Leaving { until, .. } => Some(*until),
            State::Asking(asking) => Some(asking.until),
            State::Over => return None,
        };
        state.into_iter().chain(expiry).min()
    }

    /// Fires what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.binding.is_some_and(|binding| binding.until <= now) {
            self.binding = None;
            self.changes.push_back(RegistrationChange::Expired);
        }
        match &self.state {
            State::Resting { until } if *until <= now => self.begin(now),
            State::Asking(asking) if asking.until <= now => {
                let silent = RegistrationFault::Silent(asking.last.remote);
                self.commands.push_back(RegistrationCommand::Forget);
                self.next_registrar(silent, Duration::ZERO, now);
            }
            State::Leaving { until, .. } if *until <= now => {
                self.commands.push_back(RegistrationCommand::Forget);
                self.left();
            }
            State::Resting { .. } | State::Asking(_) | State::Leaving { .. } | State::Over => {}
        }
    }

    /// The answer to the REGISTER that is under way.
    pub fn handle_answer(&mut self, answer: &RegisterAnswer, now: Instant) {
        match &self.state {
            State::Asking(_) => self.answered(answer, now),
            State::Leaving { last, answered, .. } => {
                let (last, answered) = (last.clone(), *answered);
                match self.authorize(&last, answer, answered) {
                    Ok(register) => self.part(register, true, now),
                    Err(_) => self.left(),
                }
            }
            State::Resting { .. } | State::Over => {}
        }
    }

    /// The REGISTER under way could not be sent, or its transaction gave up.
    pub fn handle_failed(&mut self, now: Instant) {
        match &self.state {
            State::Asking(asking) => {
                let fault = RegistrationFault::Unreachable(asking.last.remote);
                self.next_registrar(fault, Duration::ZERO, now);
            }
            State::Leaving { .. } => self.left(),
            State::Resting { .. } | State::Over => {}
        }
    }

    /// A connection broke. When the registrar's calls come over it, it is told of another at once.
    pub fn connection_lost(&mut self, transport: Transport, remote: SocketAddr, now: Instant) {
        let ours = self
            .binding
            .is_some_and(|binding| binding.registrar == remote);
        if ours && transport == self.config.transport && matches!(self.state, State::Resting { .. })
        {
            self.soon(now);
        }
    }

    /// A target that was down answers again: one that had our binding may have lost it, one that is wanted more than
    /// the one we are at gets it, and one that was missed is asked.
    pub fn target_back(&mut self, target: SocketAddr, now: Instant) {
        if !matches!(self.state, State::Resting { .. }) {
            return;
        }
        let place = |address| self.config.registrars.iter().position(|r| *r == address);
        let Some(at) = place(target) else {
            return;
        };
        let wanted = match self.binding {
            Some(binding) => place(binding.registrar).is_none_or(|bound| at <= bound),
            // Who refuses us is not asked any sooner for being well.
            None => !matches!(
                self.why,
                Some(
                    RegistrationFault::Credentials { .. }
                        | RegistrationFault::Refused { .. }
                        | RegistrationFault::Redirected { .. }
                        | RegistrationFault::TooBrief { .. }
                        | RegistrationFault::NothingGranted { .. }
                )
            ),
        };
        if wanted {
            self.first = Some(target);
            self.failures = 0;
            self.soon(now);
        }
    }

    /// Takes the registration back; [`Registration::is_over`] tells when that is done.
    pub fn leave(&mut self, now: Instant) {
        if matches!(self.state, State::Leaving { .. } | State::Over) {
            return;
        }
        if matches!(self.state, State::Asking(_)) {
            self.commands.push_back(RegistrationCommand::Forget);
        }
        // Whoever is being asked may register us yet.
        let asked = match &self.state {
            State::Asking(asking) => Some(asking.last.remote),
            State::Resting { .. } | State::Leaving { .. } | State::Over => None,
        };
        let Some(registrar) = self.binding.map(|b| b.registrar).or(asked) else {
            self.left();
            return;
        };
        let register = self.register(registrar, 0);
        self.part(register, false, now);
    }

    fn part(&mut self, register: Register, answered: bool, now: Instant) {
        self.send(register.clone(), now);
        self.state = State::Leaving {
            until: now + LEAVE_WITHIN,
            last: register,
            answered,
        };
    }

    /// Whether it was taken back, or had nothing to take back.
    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    /// How it stands.
    pub fn view(&self) -> RegistrationView<'_> {
        let (asked, next) = match &self.state {
            State::Resting { until } => (None, Some(*until)),
            State::Asking(asking) => (Some(asking.last.remote), None),
            State::Leaving { .. } | State::Over => (None, None),
        };
        let state = match (&self.state, self.binding, &self.why) {
            (State::Over | State::Leaving { .. }, _, _) => RegistrationState::Left,
            (_, Some(_), _) => RegistrationState::Registered,
            (_, None, Some(_)) => RegistrationState::Failed,
            (_, None, None) => RegistrationState::Registering,
        };
        RegistrationView {
            state,
            registrar: self.binding.map(|b| b.registrar).or(asked),
            until: self.binding.map(|b| b.until),
            next,
            why: self.why.as_ref(),
        }
    }
}
