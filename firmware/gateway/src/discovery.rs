//! By which address the box is known outside its NAT, as STUN servers see it that the admin names.
//!
//! Asked at the start, before browsers are told anything, and again every few minutes: a line may get another address.
//! It is for 1:1 NAT, where the port outside is the media port's own; a NAT that changes ports is told of in the log.
//!
//! | known | asked again after |
//! |---|---|
//! | yes | 2 minutes |
//! | no | 10 s |

use crate::random;
use causeway_directory::{BoxSettings, WebHost};
use causeway_turn::binding::{self, GIVE_UP_AT, SEND_AT};
use std::fmt::Write;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::net::{UdpSocket, lookup_host};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

const STUN_PORT: u16 = 3478;
/// What the start waits for an answer.
const AT_START: Duration = Duration::from_secs(3);
const AGAIN: Duration = Duration::from_secs(120);
const AGAIN_UNKNOWN: Duration = Duration::from_secs(10);

/// The box's question, and the last answer.
#[derive(Clone, Debug)]
pub struct Discovery(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    servers: Vec<WebHost>,
    /// Questions leave from where media does.
    from: IpAddr,
    found: Mutex<Option<IpAddr>>,
    failures: AtomicU64,
    changes: AtomicU64,
}

impl Discovery {
    /// None when no server is named.
    pub fn new(settings: &BoxSettings) -> Option<Self> {
        if settings.stun.is_empty() {
            return None;
        }
        let media = settings.media.ip();
        let every_ipv6 = media.is_unspecified() && media.is_ipv6();
        Some(Self(Arc::new(Inner {
            servers: settings.stun.clone(),
            // NAT is IPv4's; a box has its IPv6 addresses itself.
            from: if every_ipv6 {
                Ipv4Addr::UNSPECIFIED.into()
            } else {
                media
            },
            found: Mutex::default(),
            failures: AtomicU64::default(),
            changes: AtomicU64::default(),
        })))
    }

    /// Asks before anything else is started; none when nobody answers soon.
    pub async fn begin(&self) -> Option<IpAddr> {
        let found = timeout(AT_START, self.ask()).await.ok().flatten();
        match found {
            Some(address) => tracing::info!(%address, "the address outside was found"),
            None => tracing::warn!("no STUN server answers: the address outside is not known yet"),
        }
        *self.found() = found;
        found
    }

    /// The address that was found last.
    pub fn last(&self) -> Option<IpAddr> {
        *self.found()
    }

    /// Asks again and again, and tells each address that is not the last one.
    pub async fn watch(self, mut stopping: watch::Receiver<bool>, tell: impl Fn(IpAddr)) {
        loop {
            let known = *self.found();
            let again = if known.is_some() {
                AGAIN
            } else {
                AGAIN_UNKNOWN
            };
            tokio::select! {
                _ = stopping.wait_for(|stop| *stop) => return,
                () = tokio::time::sleep(again) => {}
            }
            match self.ask().await {
                // What was found stays until something else is.
                None => {
                    self.0.failures.fetch_add(1, Ordering::Relaxed);
                }
                Some(address) if known == Some(address) => {}
                Some(address) => {
                    tracing::info!(%address, before = ?known, "the address outside is another");
                    self.0.changes.fetch_add(1, Ordering::Relaxed);
                    *self.found() = Some(address);
                    tell(address);
                }
            }
        }
    }

    /// All servers at once; the first answer counts.
    async fn ask(&self) -> Option<IpAddr> {
        let mut asked = JoinSet::new();
        for server in self.0.servers.clone() {
            asked.spawn(ask(server, self.0.from));
        }
        while let Some(answer) = asked.join_next().await {
            if let Ok(Ok(address)) = answer {
                return Some(address);
            }
        }
        None
    }

    fn found(&self) -> std::sync::MutexGuard<'_, Option<IpAddr>> {
        self.0.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends Prometheus text.
    pub fn write_metrics(&self, out: &mut String) {
        let name = "causeway_outside_address";
        let _ = write!(
            out,
            "# HELP {name} The address STUN servers see.\n# TYPE {name} gauge\n"
        );
        if let Some(address) = *self.found() {
            let _ = writeln!(out, "{name}{{address=\"{address}\"}} 1");
        }
        for (name, help, value) in [
            ("changes_total", "Times it became another.", &self.0.changes),
            (
                "failures_total",
                "Times no STUN server answered.",
                &self.0.failures,
            ),
        ] {
            let value = value.load(Ordering::Relaxed);
            let _ = write!(
                out,
                "# HELP causeway_outside_address_{name} {help}\n# TYPE causeway_outside_address_{name} counter\n\
                 causeway_outside_address_{name} {value}\n"
            );
        }
    }
}

/// Asks one server.
async fn ask(server: WebHost, from: IpAddr) -> io::Result<IpAddr> {
    let begun = Instant::now();
    let name = server.name.trim_matches(['[', ']']);
    let port = server.port.unwrap_or(STUN_PORT);
    let addresses = timeout_at(begun + GIVE_UP_AT, lookup_host((name, port))).await??;
    let server = addresses
        .into_iter()
        .find(|address| address.is_ipv4() == from.is_ipv4())
        .ok_or(io::ErrorKind::AddrNotAvailable)?;
    let socket = UdpSocket::bind((from, 0)).await?;
    socket.connect(server).await?;
    let transaction = random::bytes();
    let question = binding::request(transaction);
    let mut buffer = [0; 1024];
    let ends = SEND_AT.iter().skip(1).chain([&GIVE_UP_AT]);
    for end in ends {
        socket.send(&question).await?;
        let end = begun + *end;
        while let Ok(received) = timeout_at(end, socket.recv(&mut buffer)).await {
            let Ok(length) = received else {
                // Nobody listens there: at the next time somebody may.
                sleep_until(end).await;
                break;
            };
            let answer = buffer.get(..length).unwrap_or_default();
            if let Some(mapped) = binding::mapped(answer, &transaction) {
                note_port(&socket, mapped);
                return Ok(mapped.ip());
            }
        }
    }
    Err(io::ErrorKind::TimedOut.into())
}

fn note_port(socket: &UdpSocket, mapped: SocketAddr) {
    let own = socket.local_addr().map_or(0, |own| own.port());
    if own != mapped.port() {
        tracing::info!(
            %mapped, own,
            "the NAT changes ports: it must forward the media port and the HTTPS port by themselves"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use causeway_turn::message::{Class, Message, Writer, attribute, method};

    const OUTSIDE: &str = "203.0.113.10:4000";

    /// A server that stays silent `deaf` times.
    async fn server(deaf: usize) -> (WebHost, tokio::task::JoinHandle<usize>) {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let at = socket.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            let mut buffer = [0; 1024];
            for heard in 0.. {
                let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
                let transaction = Message::parse(&buffer[..length]).unwrap().transaction;
                if heard < deaf {
                    continue;
                }
                let answer = |transaction| {
                    Writer::new(Class::Success, method::BINDING, transaction)
                        .address(attribute::XOR_MAPPED_ADDRESS, OUTSIDE.parse().unwrap())
                        .finish(None)
                };
                // An answer to another question comes before.
                socket.send_to(&answer([0; 12]), from).await.unwrap();
                socket.send_to(&answer(transaction), from).await.unwrap();
                return heard;
            }
            0
        });
        (WebHost::parse(&at.to_string()).unwrap(), serving)
    }

    #[tokio::test]
    async fn a_server_is_asked_until_it_answers() {
        let (host, serving) = server(1).await;
        let found = ask(host, Ipv4Addr::LOCALHOST.into()).await.unwrap();
        assert_eq!(found, OUTSIDE.parse::<SocketAddr>().unwrap().ip());
        assert_eq!(serving.await.unwrap(), 1);
    }

    #[tokio::test]
    async fn a_dead_server_beside_a_live_one_costs_nothing() {
        let (host, _serving) = server(0).await;
        let dead = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let dead = WebHost::parse(&dead.local_addr().unwrap().to_string()).unwrap();
        let text = format!(
            "[box]\nhttps = \"127.0.0.1:1\"\nmedia = \"127.0.0.1:2\"\nstun = [\"{}:{}\", \"{}:{}\"]\n\
             [sip]\nudp = \"127.0.0.1:3\"\n[rtp]\naddress = \"127.0.0.1\"\nports = \"20000-20099\"\n",
            dead.name,
            dead.port.unwrap(),
            host.name,
            host.port.unwrap(),
        );
        let settings = causeway_directory::Config::parse(&text).unwrap().settings;
        let discovery = Discovery::new(&settings).unwrap();
        let begun = Instant::now();
        assert_eq!(discovery.begin().await, "203.0.113.10".parse().ok());
        assert!(begun.elapsed() < Duration::from_secs(1));
        let mut metrics = String::new();
        discovery.write_metrics(&mut metrics);
        assert!(metrics.contains("causeway_outside_address{address=\"203.0.113.10\"} 1\n"));
    }
}
