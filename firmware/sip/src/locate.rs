//! From the name of a SIP server to the addresses behind it: which questions to ask the DNS, in which order, and what
//! its answers mean (RFC 3263 §4; priority and weight: RFC 2782; order and preference: RFC 3403).
//!
//! | state | asks for | answered with | next |
//! |---|---|---|---|
//! | new, the transport is open and there is no port | NAPTR of the name | services of ours | Services, these in their order |
//! | | | none of ours, none, refused | Services, one for each of our transports |
//! | new, the transport is fixed and there is no port | – | – | Services, that one |
//! | new, with a port | – | – | Hosts: the name itself |
//! | Services | SRV of the first | hosts | Hosts: these |
//! | | | none, and there are more services | Services, without the first |
//! | | | none, and it was the last | Hosts: the name itself at the usual port |
//! | Hosts | A, AAAA of each | at least one address | Done: targets |
//! | | | none | Done: no address |
//! | any | – | silence where an answer is needed | Done: silent |
//!
//! Only one transport comes of it: RFC 3263 §4.1 chooses before it looks for servers. A NAPTR question that the server
//! refuses counts as no NAPTR, since old resolvers know none; every other silence ends the search, so that what was
//! known before stays in use rather than half of something new.
//!
//! Nothing here follows aliases (CNAME) or knows search lists: that is the resolver's business. Bounds: a search asks at
//! most 1 + 8 + 2 · 16 questions and yields at most 16 targets; TTLs are clamped by [`upkeep`].

pub mod upkeep;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::endpoint::Transport;
use crate::targets::TargetSpec;

/// Addresses of one name at most; each is probed every few seconds.
pub const MOST_TARGETS: usize = 16;
/// Services and hosts looked at.
const MOST_SERVICES: usize = 8;
const MOST_HOSTS: usize = 16;
/// The share of one address of several: weights are split evenly, without losing small ones.
const FINENESS: u32 = 16;

/// What is searched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// A host name, without a dot at its end.
    pub name: String,
    /// Given: only the addresses of the name count.
    pub port: Option<u16>,
    /// Ours, the dearest first. One alone is fixed: NAPTR is not asked. Empty finds nothing.
    pub transports: Vec<Transport>,
    /// Whether IPv4 and IPv6 addresses can be reached.
    pub v4: bool,
    /// See `v4`.
    pub v6: bool,
}

/// What a question is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// RFC 3403
    Naptr,
    /// RFC 2782
    Srv,
    /// IPv4
    A,
    /// IPv6, RFC 3596
    Aaaa,
}

impl Kind {
    /// As zone files write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Naptr => "NAPTR",
            Self::Srv => "SRV",
            Self::A => "A",
            Self::Aaaa => "AAAA",
        }
    }
}

/// A question to the DNS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// What is asked for.
    pub kind: Kind,
    /// Of which name.
    pub name: String,
}

/// A record of an answer. Those of another kind than the question's are passed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// A service of the domain.
    Naptr {
        /// The lowest counts first.
        order: u16,
        /// Among equal orders the lowest.
        preference: u16,
        /// `s`: the replacement is the name of SRV records.
        flags: String,
        /// `SIP+D2U`, `SIP+D2T`, `SIPS+D2T`.
        services: String,
        /// Where to ask on.
        replacement: String,
    },
    /// A server of a service.
    Srv {
        /// The lowest is used first.
        priority: u16,
        /// Share among equals.
        weight: u16,
        /// Where it listens.
        port: u16,
        /// Its host; empty or `.`: the service does not exist here.
        target: String,
    },
    /// A or AAAA.
    Address(IpAddr),
}

/// What came of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Records that hold for `ttl`. Without records: there are none.
    Records {
        /// All of them.
        records: Vec<Record>,
        /// The shortest of theirs; of a negative answer that of the SOA (RFC 2308).
        ttl: Duration,
    },
    /// The server says that it cannot say (SERVFAIL, REFUSED, NOTIMP).
    Refused,
    /// No answer.
    Silent,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// How all of them are spoken to.
    pub transport: Transport,
    /// In the order of their priorities; never empty.
    pub targets: Vec<TargetSpec>,
    /// How long this holds; not clamped.
    pub ttl: Duration,
}

/// Why nothing was found; a sentence for the admin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LocateError {
    /// The resolver did not answer, or not usefully.
    #[error("the DNS does not answer for {} ({})", .0.name, .0.kind.as_str())]
    Silent(Question),
    /// It answered that there is nothing.
    #[error("the DNS knows no address for {0}")]
    NoAddress(String),
    /// SRV with the target `.`.
    #[error("{0} says that it has no SIP server for this transport")]
    NoService(String),
}

#[derive(Debug, Clone)]
struct Service {
    transport: Transport,
    name: String,
}

#[derive(Debug, Clone)]
struct Host {
    name: String,
    port: u16,
    priority: u16,
    weight: u16,
    v4: Vec<IpAddr>,
    v6: Vec<IpAddr>,
}

#[derive(Debug)]
enum State {
    Naptr,
    /// The first is asked for.
    Services(Vec<Service>),
    Hosts {
        transport: Transport,
        hosts: Vec<Host>,
    },
    Done(Result<Located, LocateError>),
}

/// One search. Ask every [`Locator::poll_question`], hand in every answer, until [`Locator::outcome`] is there.
#[derive(Debug)]
pub struct Locator {
    wish: Wish,
    state: State,
    /// Not yet given out.
    questions: Vec<Question>,
    /// Given out or not, and not yet answered.
    open: Vec<Question>,
    ttl: Duration,
    /// A service said that it is not here.
    denied: bool,
}

impl Locator {
    /// A search at its beginning.
    pub fn new(wish: Wish) -> Self {
        let mut locator = Self {
            state: State::Naptr,
            questions: Vec::new(),
            open: Vec::new(),
            ttl: Duration::MAX,
            denied: false,
            wish,
        };
        match (locator.wish.port, locator.wish.transports.as_slice()) {
            (_, []) => locator.give_up(),
            (Some(_), _) => locator.take_name_itself(),
            (None, [_]) => locator.take_usual_services(),
            (None, _) => locator.ask(Kind::Naptr, locator.wish.name.clone()),
        }
        locator
    }

    /// The next question to ask; several may be open at once.
    pub fn poll_question(&mut self) -> Option<Question> {
        self.questions.pop()
    }

    /// What it came to, once no question is open.
    pub fn outcome(&self) -> Option<&Result<Located, LocateError>> {
        match &self.state {
            State::Done(outcome) => Some(outcome),
            State::Naptr | State::Services(_) | State::Hosts { .. } => None,
        }
    }

    /// Takes an answer. One to a question that is not open is passed over.
    pub fn handle_answer(&mut self, question: &Question, answer: Answer) {
        let Some(at) = self.open.iter().position(|q| q == question) else {
            return;
        };
        self.open.swap_remove(at);
        let records = match answer {
            Answer::Records { records, ttl } => {
                self.ttl = self.ttl.min(ttl);
                records
            }
            Answer::Refused if question.kind == Kind::Naptr => Vec::new(),
            Answer::Refused | Answer::Silent => {
                return self.finish(Err(LocateError::Silent(question.clone())));
            }
        };
        match std::mem::replace(&mut self.state, State::Naptr) {
            State::Naptr => self.take_naptr(records),
            State::Services(services) => self.take_servers(services, records),
            State::Hosts {
                transport,
                mut hosts,
            } => {
                let found: Vec<IpAddr> = records
                    .into_iter()
                    .filter_map(|record| match record {
                        Record::Address(ip) if ip.is_ipv4() == (question.kind == Kind::A) => {
                            Some(ip)
                        }
                        Record::Address(_) | Record::Naptr { .. } | Record::Srv { .. } => None,
                    })
                    .filter(|ip| !ip.is_unspecified() && !ip.is_multicast())
                    .take(MOST_TARGETS)
                    .collect();
                for host in hosts.iter_mut().filter(|h| h.name == question.name) {
                    match question.kind {
                        Kind::Aaaa => host.v6.clone_from(&found),
                        Kind::A | Kind::Srv | Kind::Naptr => host.v4.clone_from(&found),
                    }
                }
                self.state = State::Hosts { transport, hosts };
                if self.open.is_empty() {
                    self.take_addresses();
                }
            }
            State::Done(outcome) => self.state = State::Done(outcome),
        }
    }

    fn ask(&mut self, kind: Kind, name: String) {
        let question = Question { kind, name };
        if !self.open.contains(&question) {
            self.open.push(question.clone());
            // Taken from the end: what is asked first goes out first.
            self.questions.insert(0, question);
        }
    }

    fn finish(&mut self, outcome: Result<Located, LocateError>) {
        self.questions.clear();
        self.open.clear();
        self.state = State::Done(outcome);
    }

    fn give_up(&mut self) {
        let name = self.wish.name.clone();
        self.finish(Err(if self.denied {
            LocateError::NoService(name)
        } else {
            LocateError::NoAddress(name)
        }));
    }

    fn take_naptr(&mut self, records: Vec<Record>) {
        let mut found: Vec<(u16, u16, Service)> = records
            .into_iter()
            .filter_map(|record| match record {
                Record::Naptr {
                    order,
                    preference,
                    flags,
                    services,
                    replacement,
                } if flags.eq_ignore_ascii_case("s") && !bare(&replacement).is_empty() => {
                    let transport = service_of(&services)?;
                    let name = bare(&replacement).to_owned();
                    Some((order, preference, Service { transport, name }))
                }
                Record::Naptr { .. } | Record::Srv { .. } | Record::Address(_) => None,
            })
            .filter(|(_, _, service)| self.wish.transports.contains(&service.transport))
            .collect();
        found.sort_by_key(|(order, preference, _)| (*order, *preference));
        found.truncate(MOST_SERVICES);
        if found.is_empty() {
            return self.take_usual_services();
        }
        self.take_services(found.into_iter().map(|(_, _, service)| service).collect());
    }

    fn take_usual_services(&mut self) {
        let services = self
            .wish
            .transports
            .iter()
            .map(|&transport| {
                let prefix = match transport {
                    Transport::Udp => "_sip._udp",
                    Transport::Tcp => "_sip._tcp",
                    Transport::Tls => "_sips._tcp",
                };
                Service {
                    transport,
                    name: format!("{prefix}.{}", self.wish.name),
                }
            })
            .take(MOST_SERVICES)
            .collect();
        self.take_services(services);
    }

    fn take_services(&mut self, services: Vec<Service>) {
        match services.first().map(|s| s.name.clone()) {
            Some(name) => {
                self.state = State::Services(services);
                self.ask(Kind::Srv, name);
            }
            None if self.denied => self.give_up(),
            None => self.take_name_itself(),
        }
    }

    fn take_servers(&mut self, mut services: Vec<Service>, records: Vec<Record>) {
        if services.is_empty() {
            return self.give_up();
        }
        let service = services.remove(0);
        let mut hosts: Vec<Host> = records
            .into_iter()
            .filter_map(|record| match record {
                Record::Srv {
                    priority,
                    weight,
                    port,
                    target,
                } => Some(Host {
                    name: bare(&target).to_owned(),
                    port,
                    priority,
                    weight,
                    v4: Vec::new(),
                    v6: Vec::new(),
                }),
                Record::Naptr { .. } | Record::Address(_) => None,
            })
            .collect();
        // "." is the service's way to say that it is decidedly not there (RFC 2782).
        self.denied |= !hosts.is_empty() && hosts.iter().all(|h| h.name.is_empty());
        hosts.retain(|h| !h.name.is_empty() && h.port != 0);
        hosts.sort_by_key(|h| h.priority);
        hosts.truncate(MOST_HOSTS);
        if hosts.is_empty() {
            return self.take_services(services);
        }
        self.take_hosts(service.transport, hosts);
    }

    /// No SRV: the name is that of a host.
    fn take_name_itself(&mut self) {
        let Some(&transport) = self.wish.transports.first() else {
            return self.give_up();
        };
        let host = Host {
            name: self.wish.name.clone(),
            port: self.wish.port.unwrap_or(transport.default_port()),
            priority: 0,
            weight: 0,
            v4: Vec::new(),
            v6: Vec::new(),
        };
        self.take_hosts(transport, vec![host]);
    }

    fn take_hosts(&mut self, transport: Transport, hosts: Vec<Host>) {
        let names: Vec<String> = hosts.iter().map(|h| h.name.clone()).collect();
        self.state = State::Hosts { transport, hosts };
        for name in names {
            if self.wish.v6 {
                self.ask(Kind::Aaaa, name.clone());
            }
            if self.wish.v4 {
                self.ask(Kind::A, name);
            }
        }
        if self.open.is_empty() {
            self.give_up();
        }
    }

    fn take_addresses(&mut self) {
        let State::Hosts { transport, hosts } = &self.state else {
            return;
        };
        let mut targets: Vec<TargetSpec> = Vec::new();
        for host in hosts {
            let addresses = host.v6.iter().chain(&host.v4);
            let count = u32::try_from(addresses.clone().count()).unwrap_or(1).max(1);
            for ip in addresses {
                let spec = TargetSpec {
                    address: SocketAddr::new(*ip, host.port),
                    priority: host.priority.into(),
                    weight: u32::from(host.weight) * FINENESS / count,
                };
                if targets.iter().all(|t| t.address != spec.address) {
                    targets.push(spec);
                }
            }
        }
        targets.truncate(MOST_TARGETS);
        if targets.is_empty() {
            return self.give_up();
        }
        let located = Located {
            transport: *transport,
            targets,
            ttl: self.ttl,
        };
        self.finish(Ok(located));
    }
}

/// The transport of a NAPTR service (RFC 3263 §4.1).
fn service_of(services: &str) -> Option<Transport> {
    let known = [
        ("SIP+D2U", Transport::Udp),
        ("SIP+D2T", Transport::Tcp),
        ("SIPS+D2T", Transport::Tls),
    ];
    known
        .into_iter()
        .find(|(name, _)| services.eq_ignore_ascii_case(name))
        .map(|(_, transport)| transport)
}

/// A name without the dot at its end.
fn bare(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

#[cfg(test)]
mod tests;
