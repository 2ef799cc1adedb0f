//! Every bound of the API in one table, and the token buckets that keep rates.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// All bounds. The defaults are what PROTOCOL.md promises; tests shorten the times.
#[derive(Clone, Debug)]
pub struct Limits {
    /// TCP connections at once, all peers together.
    pub connections: usize,
    /// TCP connections at once from one address (IPv6: one /64).
    pub connections_per_peer: usize,
    /// From TCP accept to the end of the TLS handshake.
    pub handshake: Duration,
    /// For a request's head; also how long an idle keep-alive connection is kept.
    pub header: Duration,
    /// For a request's body.
    pub body: Duration,
    /// A write to a client that does not read.
    pub write: Duration,
    /// Bytes of a request's head.
    pub header_bytes: usize,
    /// Bytes of a request's body.
    pub body_bytes: usize,
    /// From the WebSocket's opening to `hello`.
    pub hello: Duration,
    /// Bytes of a WebSocket message.
    pub message_bytes: usize,
    /// Nothing received on a WebSocket for so long: 4408.
    pub idle: Duration,
    /// Between the box's own WebSocket pings; also what `welcome.ping_s` asks of the client.
    pub ping: Duration,
    /// Warning before a token's end.
    pub token_warning: Duration,
    /// Messages waiting for a client that reads slowly; one more closes it (4429).
    pub out_queue: usize,
    /// How long a message may wait for room in the switch's queue.
    pub switch_wait: Duration,
    /// How long an HTTP question waits for the switch or the store.
    pub answer: Duration,
    /// Messages of one session, candidates included.
    pub session_rate: Rate,
    /// Refused or unreadable messages of one session; more closes it (4429).
    pub session_faults: Rate,
    /// Tokens minted for one app.
    pub app_rate: Rate,
    /// Requests with a key or secret from one address (IPv6: one /64). A wrong one costs `failure_cost`.
    pub peer_rate: Rate,
    pub failure_cost: u32,
    /// Tokens for tests from one address; each costs `test_cost`.
    pub test_rate: Rate,
    pub test_cost: u32,
    /// The same from everywhere.
    pub tests_rate: Rate,
    /// How long a dropped socket's calls wait for it to come back; told in `welcome`.
    pub resume_s: u32,
    /// How long connections get to finish when the box stops.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4096,
            connections_per_peer: 1024,
            handshake: Duration::from_secs(5),
            header: Duration::from_secs(10),
            body: Duration::from_secs(10),
            write: Duration::from_secs(10),
            header_bytes: 16 * 1024,
            body_bytes: 16 * 1024,
            hello: Duration::from_secs(5),
            message_bytes: 64 * 1024,
            idle: Duration::from_secs(60),
            ping: Duration::from_secs(20),
            token_warning: Duration::from_secs(30),
            out_queue: 256,
            switch_wait: Duration::from_secs(1),
            answer: Duration::from_secs(5),
            session_rate: Rate::new(50, 100),
            session_faults: Rate::new(1, 50),
            app_rate: Rate::new(50, 200),
            peer_rate: Rate::new(50, 200),
            failure_cost: 20,
            // Thirty at once from an office, and then one in two seconds.
            test_rate: Rate::new(1, 60),
            test_cost: 2,
            tests_rate: Rate::new(10, 100),
            resume_s: 30,
            drain: Duration::from_secs(3),
        }
    }
}

/// So many a second in the long run, so many at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    pub per_second: u32,
    pub burst: u32,
}

impl Rate {
    pub const fn new(per_second: u32, burst: u32) -> Self {
        Self { per_second, burst }
    }
}

/// A token bucket; it starts full.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    rate: Rate,
    level: f64,
    at: Instant,
}

impl Bucket {
    pub fn new(rate: Rate, now: Instant) -> Self {
        Self {
            rate,
            level: f64::from(rate.burst),
            at: now,
        }
    }

    fn fill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.level =
            (self.level + passed * f64::from(self.rate.per_second)).min(f64::from(self.rate.burst));
        self.at = self.at.max(now);
    }

    /// Takes `cost` if it is there.
    pub fn take(&mut self, cost: u32, now: Instant) -> bool {
        self.fill(now);
        let enough = self.level >= f64::from(cost);
        if enough {
            self.level -= f64::from(cost);
        }
        enough
    }

    /// Takes `cost` even when it is not there: the debt has to be waited for.
    pub fn charge(&mut self, cost: u32, now: Instant) {
        self.fill(now);
        self.level = (self.level - f64::from(cost)).max(-f64::from(self.rate.burst));
    }

    fn is_full(&mut self, now: Instant) -> bool {
        self.fill(now);
        self.level >= f64::from(self.rate.burst)
    }
}

/// Buckets by key, bounded: when there are too many keys the full ones are forgotten, and if none
/// is full all further keys share one.
#[derive(Debug)]
pub struct KeyedBuckets<K> {
    rate: Rate,
    capacity: usize,
    buckets: HashMap<K, Bucket>,
    shared: Option<Bucket>,
}

impl<K: Eq + Hash> KeyedBuckets<K> {
    pub fn new(rate: Rate, capacity: usize) -> Self {
        Self {
            rate,
            capacity,
            buckets: HashMap::new(),
            shared: None,
        }
    }

    /// The bucket of a key.
    pub fn of(&mut self, key: K, now: Instant) -> &mut Bucket {
        if !self.buckets.contains_key(&key) && self.buckets.len() >= self.capacity {
            self.buckets.retain(|_, bucket| !bucket.is_full(now));
            if self.buckets.len() >= self.capacity {
                return self.shared.get_or_insert(Bucket::new(self.rate, now));
            }
        }
        let rate = self.rate;
        self.buckets
            .entry(key)
            .or_insert_with(|| Bucket::new(rate, now))
    }
}

/// The address a rate is kept for: of IPv6 the /64, since a single client owns that many.
pub fn peer_key(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        v4 => v4,
    }
}

/// Lines in the log about refused strangers.
const COMPLAINTS: Rate = Rate::new(2, 50);

/// The rates kept across connections.
#[derive(Debug)]
pub(crate) struct Buckets {
    apps: Mutex<KeyedBuckets<String>>,
    peers: Mutex<KeyedBuckets<IpAddr>>,
    complaints: Mutex<Bucket>,
    failure_cost: u32,
    testers: Mutex<KeyedBuckets<IpAddr>>,
    test_cost: u32,
    tests: Mutex<Bucket>,
}

impl Buckets {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            apps: Mutex::new(KeyedBuckets::new(limits.app_rate, 4096)),
            peers: Mutex::new(KeyedBuckets::new(limits.peer_rate, 16_384)),
            complaints: Mutex::new(Bucket::new(COMPLAINTS, Instant::now())),
            failure_cost: limits.failure_cost,
            testers: Mutex::new(KeyedBuckets::new(limits.test_rate, 16_384)),
            test_cost: limits.test_cost,
            tests: Mutex::new(Bucket::new(limits.tests_rate, Instant::now())),
        }
    }

    /// Whether another refused stranger may have a line in the log: strangers must not fill the disk.
    pub(crate) fn complaint(&self) -> bool {
        lock(&self.complaints).take(1, Instant::now())
    }

    /// Whether an app may mint another token. Asked after its secret was right: otherwise a
    /// stranger could use up an app's rate.
    pub(crate) fn app(&self, app: &str) -> bool {
        let now = Instant::now();
        lock(&self.apps).of(app.to_owned(), now).take(1, now)
    }

    /// Whether an address may show another key or secret.
    pub(crate) fn peer(&self, peer: IpAddr) -> bool {
        let now = Instant::now();
        lock(&self.peers).of(peer_key(peer), now).take(1, now)
    }

    /// Whether an address may have another token for tests.
    pub(crate) fn test(&self, peer: IpAddr) -> bool {
        let now = Instant::now();
        let cost = self.test_cost;
        // The address first: who has used up its own share takes nothing from others.
        lock(&self.testers).of(peer_key(peer), now).take(cost, now)
            && lock(&self.tests).take(1, now)
    }

    /// An address showed a wrong key or secret.
    pub(crate) fn failure(&self, peer: IpAddr) {
        let now = Instant::now();
        lock(&self.peers)
            .of(peer_key(peer), now)
            .charge(self.failure_cost, now);
    }
}

/// A bucket is whole after every step, so a panic elsewhere does not spoil it.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let start = Instant::now();
        let mut bucket = Bucket::new(Rate::new(2, 3), start);
        assert_eq!((0..5).filter(|_| bucket.take(1, start)).count(), 3);
        let later = start + Duration::from_millis(600);
        assert!(bucket.take(1, later));
        assert!(!bucket.take(1, later));
        let much_later = start + Duration::from_secs(600);
        assert_eq!((0..9).filter(|_| bucket.take(1, much_later)).count(), 3);
    }

    #[test]
    fn debt_is_bounded_and_has_to_be_waited_for() {
        let start = Instant::now();
        let mut bucket = Bucket::new(Rate::new(1, 10), start);
        for _ in 0..100 {
            bucket.charge(20, start);
        }
        assert!(!bucket.take(1, start + Duration::from_secs(10)));
        assert!(bucket.take(1, start + Duration::from_secs(12)));
    }

    #[test]
    fn keys_are_bounded_and_full_buckets_forgotten() {
        let start = Instant::now();
        let mut keyed = KeyedBuckets::new(Rate::new(1, 1), 2);
        assert!(keyed.of(1, start).take(1, start));
        assert!(keyed.of(2, start).take(1, start));
        // No room: strangers share one bucket.
        assert!(keyed.of(3, start).take(1, start));
        assert!(!keyed.of(4, start).take(1, start));
        // After a second both are full again and make room.
        let later = start + Duration::from_secs(1);
        assert!(keyed.of(5, later).take(1, later));
        assert_eq!(keyed.buckets.len(), 1);
    }

    #[test]
    fn one_ipv6_network_is_one_peer() {
        let a: IpAddr = "2001:db8::1".parse().unwrap();
        let b: IpAddr = "2001:db8::ffff:2".parse().unwrap();
        let c: IpAddr = "2001:db8:0:1::1".parse().unwrap();
        assert_eq!(peer_key(a), peer_key(b));
        assert_ne!(peer_key(a), peer_key(c));
        let mapped: IpAddr = "::ffff:10.0.0.1".parse().unwrap();
        assert_eq!(peer_key(mapped), IpAddr::from([10, 0, 0, 1]));
    }
}
