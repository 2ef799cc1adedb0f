//! How many SIP calls a second a box takes, what each costs it, what many leave behind, and what becomes of it when ten
//! times as many come: SIPp calls the box's echo number. The cost stands beside Kamailio's on the same machine in the
//! same run.

use std::process::ExitCode;
use std::time::Duration;

use causeway_harness::box_process::Holdings;
use causeway_harness::config::ECHO;
use causeway_harness::kamailio::relay::Kamailio;
use causeway_harness::sipp::{Answering, Calls, Outcome, Scene};
use causeway_harness::{BoxPlan, BoxProcess, Result};
use clap::Parser;
use serde_json::{Value, json};
use tokio::time::sleep;

/// Calls that stand while the flood comes.
const STANDING: u32 = 50;
/// The first rate tried.
const FIRST_RATE: u32 = 50;
/// No higher rate is tried: the box's bound on SIP transactions allows 1000 calls a second.
const HIGHEST_RATE: u32 = 1_000;
/// The flood is so many times what the box sustains.
const FLOOD: u32 = 10;
/// Of the sustained rate, what must still be carried in the flood.
const GOODPUT: f64 = 0.8;
/// What memory may be above what it was before the first call: the messages that are kept (8 MiB), the database's cache,
/// code that was read, and what lies between.
const KEPT_KIB: u64 = 40 * 1024;
/// How long after the last call its memory has gone back.
const SETTLED: Duration = Duration::from_secs(75);
/// What memory may grow by over all calls after the first fifth of them, in KiB: what an allocator keeps.
const GROWTH_KIB: u64 = 16 * 1024;

/// Loads a box on this machine with SIP calls.
#[derive(Debug, Parser)]
#[command(after_help = "Example:\n  causeway-load --calls 10000 --seconds 30")]
struct Cli {
    /// Calls that must leave nothing behind
    #[arg(long, default_value_t = 100_000)]
    calls: u32,
    /// How long the flood lasts, in seconds
    #[arg(long, default_value_t = 120)]
    seconds: u32,
    /// Do not search: this many calls a second are sustained
    #[arg(long)]
    rate: Option<u32>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match measure(Cli::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn measure(cli: Cli) -> Result<bool> {
    let causeway = start().await?;
    let sustained = match cli.rate {
        Some(rate) => rate,
        None => sustained(&causeway).await?,
    };
    causeway.stop().await?;
    let calm = (sustained * 6 / 10).max(1);
    let cost = cost(calm).await?;
    let left = left(calm, cli.calls).await?;
    let flood = flood(sustained, cli.seconds).await?;
    let figures = json!({
        "sustained_calls_per_second": sustained,
        "cost": cost,
        "many_calls": left,
        "overload": flood,
    });
    println!("sustained           {sustained:>8} calls a second");
    println!(
        "cost at {calm:>4} a second  {:>6.3} ms CPU a call; Kamailio {:.3}; ratio {:.2}",
        number(&cost["causeway_ms"]),
        number(&cost["kamailio_ms"]),
        number(&cost["ratio"])
    );
    println!(
        "after {} calls  {} KiB of memory, {} before; {} lost; left behind: {}",
        left["calls"],
        left["memory_kib_after"],
        left["memory_kib_before"],
        left["not_done"],
        left["left_behind"]
    );
    println!(
        "flood of {} a second for {} s: {} calls a second carried ({} % of the sustained), {} of {STANDING} standing calls lost",
        flood["offered_per_second"],
        cli.seconds,
        flood["carried_per_second"],
        flood["goodput_percent"],
        flood["standing_lost"]
    );
    println!("{figures}");
    Ok(left["good"] == true && flood["good"] == true)
}

/// A box with room for the calls of this program.
async fn start() -> Result<BoxProcess> {
    let mut plan = BoxPlan::new(causeway_harness::config::loopback(9))?;
    // Nobody is there to be probed; calls only come in. SIPp sends no sound, and calls that stand must not end for that.
    plan.trunks[0].extra = "options_s = 0\nmedia_timeout_s = 0\n".to_owned();
    plan.max_calls = 2_000;
    plan.rtp_count = 6_000;
    plan.rtp_first = causeway_harness::place::free_range(plan.rtp_count)?;
    BoxProcess::start(plan).await
}

/// The highest rate at which no call failed.
async fn sustained(causeway: &BoxProcess) -> Result<u32> {
    let (mut good, mut bad) = (0, None);
    let mut rate = FIRST_RATE;
    loop {
        let outcome = at_rate(causeway, rate, 5).await?;
        let kept_up = outcome.rate >= f64::from(rate) * 0.9;
        if outcome.is_clean() && kept_up {
            good = rate;
        } else {
            bad = Some(rate);
        }
        rate = match bad {
            None if rate >= HIGHEST_RATE => break,
            None => (rate * 8 / 5).min(HIGHEST_RATE),
            Some(bad) if bad - good <= (good / 10).max(5) => break,
            Some(bad) => (good + bad) / 2,
        };
        // What the last rate left, its transactions above all, must not count against this one.
        sleep(Duration::from_secs(if bad.is_some() { 8 } else { 2 })).await;
    }
    // What held for five seconds must hold for longer.
    while good > FIRST_RATE {
        sleep(Duration::from_secs(8)).await;
        let outcome = at_rate(causeway, good, 20).await?;
        if outcome.is_clean() {
            break;
        }
        good = good * 9 / 10;
    }
    Ok(good)
}

async fn at_rate(causeway: &BoxProcess, rate: u32, seconds: u32) -> Result<Outcome> {
    let outcome = Calls::short(ECHO, rate, rate * seconds)
        .run(causeway.plan().sip)
        .await?;
    eprintln!(
        "{rate:>5} a second for {seconds} s: {} done, {} refused, {} failed, {} messages sent again, {:.0} a second",
        outcome.done, outcome.busy, outcome.failed, outcome.retransmissions, outcome.rate
    );
    Ok(outcome)
}

/// What a call costs the box, and a proxy that does far less.
async fn cost(rate: u32) -> Result<Value> {
    let causeway = start().await?;
    let calls = Calls::short(ECHO, rate, rate * 15);
    let before = causeway.cpu_ms()?;
    let ours = calls.run(causeway.plan().sip).await?;
    let our_ms = (causeway.cpu_ms()? - before) / as_f64(ours.calls);
    causeway.stop().await?;

    let answering = Answering::start().await?;
    let kamailio = Kamailio::start(answering.address()).await?;
    let before = kamailio.cpu_ms()?;
    let theirs = calls.run(kamailio.address()).await?;
    let their_ms = (kamailio.cpu_ms()? - before) / as_f64(theirs.calls);
    kamailio.stop().await?;
    answering.stop().await?;
    eprintln!(
        "{rate:>5} a second: Causeway {our_ms:.3} ms a call ({} of {} done), Kamailio {their_ms:.3} ({} of {})",
        ours.done, ours.calls, theirs.done, theirs.calls
    );
    Ok(json!({
        "rate": rate,
        "causeway_ms": round(our_ms),
        "kamailio_ms": round(their_ms),
        "ratio": round(our_ms / their_ms),
        "causeway_done": ours.done,
        "kamailio_done": theirs.done,
        "calls": ours.calls,
    }))
}

/// Many calls leave memory, ports, dialogs and descriptors where they were.
async fn left(rate: u32, calls: u32) -> Result<Value> {
    let causeway = start().await?;
    let before = causeway.holdings()?;
    let first = (calls / 5).max(1);
    let mut not_done = 0;
    let mut memory = Vec::new();
    let mut after_first: Option<Holdings> = None;
    let mut made = 0;
    // In pieces, so that there is something to see.
    while made < calls {
        let piece = first.min(calls - made);
        let outcome = Calls::short(ECHO, rate, piece)
            .run(causeway.plan().sip)
            .await?;
        made += piece;
        not_done += u64::from(piece) - outcome.done.min(u64::from(piece));
        let holds = causeway.holdings()?;
        memory.push(holds.memory_kib);
        after_first.get_or_insert(holds);
        eprintln!("{made:>7} of {calls} calls, {} KiB", holds.memory_kib);
    }
    let left_behind = causeway.nothing_left(before).await.err();
    causeway.no_transactions().await?;
    // What pages may still ask about a call that ended is kept for a minute; then it goes back to the kernel.
    sleep(SETTLED).await;
    let after = causeway.holdings()?;
    causeway.stop().await?;
    let base = after_first.map_or(after.memory_kib, |holds| holds.memory_kib);
    let growth = after.memory_kib.saturating_sub(base);
    let kept = after.memory_kib.saturating_sub(before.memory_kib);
    let left_behind = left_behind.map(|error| error.to_string());
    Ok(json!({
        "calls": calls,
        "rate": rate,
        "not_done": not_done,
        "memory_kib": memory,
        "memory_kib_before": before.memory_kib,
        "memory_kib_after": after.memory_kib,
        "growth_kib": growth,
        "left_behind": left_behind,
        "good": not_done == 0 && left_behind.is_none() && growth <= GROWTH_KIB && kept <= KEPT_KIB,
    }))
}

/// Ten times the rate the box sustains, over calls that stand.
async fn flood(sustained: u32, seconds: u32) -> Result<Value> {
    let causeway = start().await?;
    let before = causeway.holdings()?;
    let standing = Calls {
        scene: Scene::Standing,
        to: ECHO.to_owned(),
        rate: 25,
        calls: STANDING,
        // On hold in the middle of the flood, ended behind it.
        hold_ms: seconds * 1_000 / 2 + 5_000,
    }
    .start(causeway.plan().sip)?;
    sleep(Duration::from_secs(4)).await;
    let flood = Calls::short(ECHO, sustained * FLOOD, sustained * FLOOD * seconds)
        .run(causeway.plan().sip)
        .await?;
    let carried = as_f64(flood.done) / flood.seconds;
    let metrics = causeway.metrics().await?;
    let stood = standing.ended().await?;
    let lost = u64::from(STANDING) - stood.done.min(u64::from(STANDING));
    eprintln!("flood: {flood:?}\nstanding: {stood:?}");
    let left_behind = causeway.nothing_left(before).await.err();
    causeway.stop().await?;
    let goodput = carried / f64::from(sustained);
    let counted = |name: &str| metrics.get(name).copied().unwrap_or_default();
    Ok(json!({
        "offered_per_second": round(flood.rate),
        "seconds": round(flood.seconds),
        "carried_per_second": round(carried),
        "goodput_percent": (goodput * 100.0).round(),
        "refused_503": flood.busy,
        "failed": flood.failed,
        "shed": counted("causeway_calls_shed_total"),
        "dropped": counted("causeway_sip_dropped_total"),
        "standing_lost": lost,
        "left_behind": left_behind.as_ref().map(ToString::to_string),
        "good": goodput >= GOODPUT && lost == 0 && left_behind.is_none(),
    }))
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

fn round(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

#[expect(clippy::cast_precision_loss, reason = "millions at most")]
fn as_f64(count: u64) -> f64 {
    count as f64
}
