//! The DNS: asks what [`causeway_sip::locate`] wants to know. What the answers mean is decided there.
//!
//! Every search reads `/etc/resolv.conf` and `/etc/hosts` anew, so that a box whose network changes follows; nothing is
//! cached here, since the search says itself how long it holds.

use causeway_sip::locate::{Answer, Kind, LocateError, Located, Locator, Question, Record, Wish};
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{RData, RecordType};
use hickory_resolver::{Resolver, TokioResolver};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::task::JoinSet;

/// For one question to one server.
const PATIENCE: Duration = Duration::from_secs(2);
/// For a whole search: the old answer is in use meanwhile.
const SEARCH: Duration = Duration::from_secs(15);

/// Where names are looked up.
#[derive(Debug, Clone)]
pub struct Dns {
    /// Empty: the system's.
    servers: Vec<SocketAddr>,
}

impl Dns {
    pub fn new(servers: &[SocketAddr]) -> Self {
        Self {
            servers: servers.to_vec(),
        }
    }

    /// One search, to its end.
    ///
    /// # Errors
    /// [`LocateError`]; a resolver that cannot be set up is a silent one.
    pub async fn locate(&self, wish: Wish) -> Result<Located, LocateError> {
        let mut locator = Locator::new(wish.clone());
        let silent = |name: String| {
            let kind = Kind::A;
            Err(LocateError::Silent(Question { kind, name }))
        };
        let resolver = match self.resolver() {
            Ok(resolver) => resolver,
            Err(fault) => {
                tracing::warn!(%fault, "DNS: no resolver");
                return silent(wish.name);
            }
        };
        let search = async {
            let mut asked = JoinSet::new();
            loop {
                while let Some(question) = locator.poll_question() {
                    let resolver = resolver.clone();
                    asked.spawn(async move {
                        let answer = ask(&resolver, &question).await;
                        (question, answer)
                    });
                }
                if let Some(outcome) = locator.outcome() {
                    return outcome.clone();
                }
                match asked.join_next().await {
                    Some(Ok((question, answer))) => locator.handle_answer(&question, answer),
                    Some(Err(_)) => {}
                    None => return silent(wish.name.clone()),
                }
            }
        };
        match tokio::time::timeout(SEARCH, search).await {
            Ok(outcome) => outcome,
            Err(_) => silent(wish.name),
        }
    }

    fn resolver(&self) -> Result<TokioResolver, NetError> {
        let mut builder = if self.servers.is_empty() {
            Resolver::builder_tokio()?
        } else {
            let servers = self.servers.iter().map(server).collect();
            let config = ResolverConfig::from_parts(None, Vec::new(), servers);
            Resolver::builder_with_config(config, TokioRuntimeProvider::default())
                .with_options(ResolverOpts::default())
        };
        let options = builder.options_mut();
        options.timeout = PATIENCE;
        options.attempts = 2;
        options.cache_size = 0;
        builder.build()
    }
}

fn server(address: &SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = address.port();
        connection
    });
    NameServerConfig::new(address.ip(), true, connections.into())
}

async fn ask(resolver: &TokioResolver, question: &Question) -> Answer {
    let kind = match question.kind {
        Kind::Naptr => RecordType::NAPTR,
        Kind::Srv => RecordType::SRV,
        Kind::A => RecordType::A,
        Kind::Aaaa => RecordType::AAAA,
    };
    // A name with dots is whole; one without may want the search list of the system.
    let mut name = question.name.clone();
    let labels = name.split('.').filter(|label| !label.starts_with('_'));
    if labels.count() > 1 {
        name.push('.');
    }
    let lookup = match resolver.lookup(name, kind).await {
        Ok(lookup) => lookup,
        Err(fault) => return refusal(&fault),
    };
    let of_kind = lookup.answers().iter().filter(|r| r.record_type() == kind);
    // The aliases on the way count as well.
    let ttl = lookup.answers().iter().map(|r| r.ttl).min().unwrap_or(0);
    Answer::Records {
        records: of_kind.filter_map(|r| record(&r.data)).collect(),
        ttl: Duration::from_secs(ttl.into()),
    }
}

/// Whether a fault is an answer: no such name, no such records.
fn refusal(fault: &NetError) -> Answer {
    match fault {
        NetError::Dns(DnsError::NoRecordsFound(none)) => match none.response_code {
            ResponseCode::NoError | ResponseCode::NXDomain => Answer::Records {
                records: Vec::new(),
                ttl: Duration::from_secs(none.negative_ttl.unwrap_or(300).into()),
            },
            _ => Answer::Refused,
        },
        NetError::Dns(DnsError::ResponseCode(_)) => Answer::Refused,
        _ => Answer::Silent,
    }
}

fn record(data: &RData) -> Option<Record> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match data {
        RData::A(a) => Some(Record::Address(a.0.into())),
        RData::AAAA(aaaa) => Some(Record::Address(aaaa.0.into())),
        RData::SRV(srv) => Some(Record::Srv {
            priority: srv.priority,
            weight: srv.weight,
            port: srv.port,
            target: srv.target.to_utf8(),
        }),
        RData::NAPTR(naptr) => Some(Record::Naptr {
            order: naptr.order,
            preference: naptr.preference,
            flags: text(&naptr.flags),
            services: text(&naptr.services),
            replacement: naptr.replacement.to_utf8(),
        }),
        _ => None,
    }
}
