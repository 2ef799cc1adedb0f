//! A box under the same number of calls for a long time, each of them hung up after a while and followed by another.
//!
//! What a box that forgets nothing would show here: memory, descriptors and threads that stay, and latencies that do.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::mpsc::Sender;
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use super::ends::{Order, Standing};
use super::{Engine, Late, both_ends, late, look, pbx, place, process, rounded, way};
use crate::clock::random;
use crate::load::Codec;

/// What to do.
#[derive(Debug, Clone)]
pub struct SoakOptions {
    pub engine: Engine,
    /// Whose memory, descriptors and threads are counted.
    pub pid: u32,
    /// Where the PBX listens for SIP.
    pub sip: SocketAddr,
    /// Calls at any time.
    pub calls: usize,
    /// How long it goes on.
    pub length: Duration,
    /// A folder of recorded voices.
    pub speech: PathBuf,
}

/// One minute.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SoakRow {
    pub minute: u64,
    /// Calls that are heard on both sides as the minute ends.
    pub heard: usize,
    /// Since the beginning.
    pub placed: usize,
    pub failed: usize,
    pub kib: f64,
    pub descriptors: usize,
    pub threads: usize,
    pub cpu_ms_per_call_s: f64,
    pub web_to_trunk_ms: Late,
    pub trunk_to_web_ms: Late,
    /// The worse direction.
    pub delivered_pct: f64,
}

/// Shortest and longest call.
const CALL: (Duration, Duration) = (Duration::from_secs(20), Duration::from_secs(240));
/// Between a call's last frame and its end: nothing is under way when it is hung up.
const LAST_WORDS: Duration = Duration::from_millis(200);
const ROW: Duration = Duration::from_secs(60);
/// So many failed calls in a row are a box that does not take calls any more.
const GIVE_UP: usize = 20;

/// Runs to the end of `options.length`; `told` is called with every minute.
///
/// # Errors
/// A sentence when the box takes no calls, or its process is gone.
pub async fn soak(options: SoakOptions, mut told: impl FnMut(&SoakRow)) -> Result<(), String> {
    let (orders, thread) = both_ends(&options.speech, Codec::Opus, None)?;
    let outcome = minutes(&options, &orders, &mut told).await;
    let _ = orders.send(Order::Stop);
    let _ = thread.join();
    outcome
}

async fn minutes(
    options: &SoakOptions,
    orders: &Sender<Order>,
    told: &mut impl FnMut(&SoakRow),
) -> Result<(), String> {
    let (pbx, ports, calls) = pbx::start(options.sip, None).await?;
    let mut way = way(&options.engine, true, None, calls).await?;

    let began = Instant::now();
    let mut ends = BinaryHeap::new();
    let (mut placed, mut failed, mut failed_in_a_row) = (0, 0, 0);
    let mut free: Vec<usize> = (0..options.calls).collect();
    let mut minute = Minute::begin(options.pid, orders, 0).await?;
    let mut outcome = Ok(());
    while began.elapsed() < options.length {
        let now = Instant::now();
        while let Some(Reverse((due, call))) = ends.peek().copied()
            && due <= now
        {
            ends.pop();
            let _ = orders.send(Order::Quiet(call));
            tokio::time::sleep(LAST_WORDS).await;
            way.end(call).await;
            let _ = orders.send(Order::Remove(call));
            free.push(call);
        }
        if let Some(call) = free.pop() {
            placed += 1;
            match place(call, orders, &ports, &mut way).await {
                Ok(()) => {
                    failed_in_a_row = 0;
                    ends.push(Reverse((Instant::now() + length_of_a_call(), call)));
                }
                Err((code, message)) => {
                    eprintln!("call {placed}: {code}: {message}");
                    failed += 1;
                    failed_in_a_row += 1;
                    let _ = orders.send(Order::Remove(call));
                    free.push(call);
                }
            }
            if failed_in_a_row == GIVE_UP {
                outcome = Err(format!("{GIVE_UP} calls in a row could not be placed"));
                break;
            }
        }
        if began.elapsed() >= ROW * (minute.number + 1) {
            let (row, next) = minute.end(options.pid, orders, options.calls).await?;
            told(&SoakRow {
                placed,
                failed,
                ..row
            });
            minute = next;
        }
        if free.is_empty() {
            let next_row = began + ROW * (minute.number + 1);
            let next_end = ends.peek().map_or(next_row, |Reverse((due, _))| *due);
            tokio::time::sleep_until(next_end.min(next_row)).await;
        }
    }
    way.close().await;
    pbx.abort();
    outcome
}

fn length_of_a_call() -> Duration {
    let (shortest, longest) = CALL;
    let span = (longest - shortest).as_millis() as u64;
    shortest + Duration::from_millis(random() % span)
}

/// Where the counters stood when a minute began.
struct Minute {
    number: u32,
    began: Instant,
    cpu: f64,
    standing: Standing,
}

impl Minute {
    async fn begin(pid: u32, orders: &Sender<Order>, number: u32) -> Result<Self, String> {
        Ok(Self {
            number,
            began: Instant::now(),
            cpu: process::used(pid)?.0,
            standing: look(orders).await?,
        })
    }

    /// What became of it, and the next.
    async fn end(
        self,
        pid: u32,
        orders: &Sender<Order>,
        calls: usize,
    ) -> Result<(SoakRow, Self), String> {
        let next = Self::begin(pid, orders, self.number + 1).await?;
        let (_, kib) = process::used(pid)?;
        let held = process::held(pid)?;
        let seconds = (next.began - self.began).as_secs_f64();
        let (before, after) = (&self.standing, &next.standing);
        let delivered = |way: fn(&Standing) -> &super::ends::Way| {
            let sent = way(after).sent - way(before).sent;
            let got = way(after).received - way(before).received;
            got as f64 * 100.0 / sent.max(1) as f64
        };
        let row = SoakRow {
            minute: u64::from(next.number),
            heard: after.heard,
            placed: 0,
            failed: 0,
            kib,
            descriptors: held.descriptors,
            threads: held.threads,
            cpu_ms_per_call_s: rounded((next.cpu - self.cpu) / seconds / calls as f64),
            web_to_trunk_ms: late(&after.web_to_trunk.latencies),
            trunk_to_web_ms: late(&after.trunk_to_web.latencies),
            delivered_pct: rounded(
                delivered(|s| &s.web_to_trunk).min(delivered(|s| &s.trunk_to_web)),
            ),
        };
        Ok((row, next))
    }
}
