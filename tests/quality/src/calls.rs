//! Calls through a real box: Opus callers behind seeded networks, a contact centre that speaks and records.

use crate::chain::FRAME;
use crate::listener::Arrival;
use crate::speech::Speech;
use causeway_harness::impairment::Impairment;
use causeway_harness::place::TempFolder;
use causeway_harness::{Acd, BoxPlan, BoxProcess, HarnessError, LossyNetwork, Result, WebCaller};
use causeway_media::{red, rtp};
use causeway_phone::media::record::{self, Record};
use futures_util::future::join_all;
use std::path::Path;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(10);
/// Calls at the same time: two cores carry the box, the callers and the contact centre in real time.
const AT_ONCE: usize = 10;

/// Payload type of Opus.
const OPUS: u8 = 111;

/// One call to make.
#[derive(Debug)]
pub struct Task {
    pub impairment: Impairment,
    pub seed: u64,
    /// Each packet also carries the one before, as Chromium's do.
    pub redundant: bool,
    /// What the caller sends, 20 ms a packet.
    pub packets: Vec<Vec<u8>>,
}

/// What both sides got of it.
#[derive(Debug)]
pub struct Taken {
    pub to_trunk: Vec<Arrival>,
    pub to_web: Vec<Record>,
}

/// The seed of the way from the box, which is another than that of the way to it.
pub const fn down_seed(seed: u64) -> u64 {
    seed ^ 0x5EED
}

/// Makes the calls.
///
/// # Errors
/// When a part does not start or a call does not stand.
pub async fn make(tasks: &[Task], speech: &Speech) -> Result<Vec<Taken>> {
    let folder = TempFolder::new("quality")?;
    let said = folder.path().join("said.raw");
    let octets: Vec<u8> = speech.narrow.iter().flat_map(|s| s.to_le_bytes()).collect();
    std::fs::write(&said, octets).map_err(|e| HarnessError::new(e.to_string()))?;
    let path = |path: &Path| path.display().to_string();
    let arguments = [
        "--codecs".to_owned(),
        "pcmu".to_owned(),
        "--play".to_owned(),
        path(&said),
        "--record".to_owned(),
        path(folder.path()),
    ];
    let mut acd = Acd::start(&arguments.each_ref().map(String::as_str)).await?;
    let mut plan = BoxPlan::new(acd.address())?;
    plan.codec = "opus".to_owned();
    let causeway = BoxProcess::start(plan).await?;
    let talk = Duration::from_millis(speech.narrow.len() as u64 / 8 + 1_500);
    for (batch, tasks) in tasks.chunks(AT_ONCE).enumerate() {
        let calls = tasks.iter().enumerate().map(|(n, task)| {
            let n = batch * AT_ONCE + n;
            call(&causeway, task, n, folder.path(), talk)
        });
        for done in join_all(calls).await {
            done?;
        }
    }
    let mut taken = Vec::new();
    for n in 0..tasks.len() {
        let number = number(n);
        let invite = acd
            .wait_or_seen("invite", SOON, |e| {
                e["to"].as_str().is_some_and(|to| to.contains(&number))
            })
            .await?;
        let heard = folder.path().join(format!("{}.rtp", invite["call"]));
        taken.push(Taken {
            to_trunk: read(&heard)?
                .into_iter()
                .filter(|record| record.payload_type == 0)
                .map(|record| Arrival {
                    at: Duration::from_micros(record.at),
                    timestamp: record.timestamp,
                    payload: record.payload,
                })
                .collect(),
            to_web: read(&web_file(folder.path(), n))?,
        });
    }
    causeway.stop().await?;
    acd.stop().await?;
    Ok(taken)
}

fn number(n: usize) -> String {
    format!("3100{n:03}")
}

fn web_file(folder: &Path, n: usize) -> std::path::PathBuf {
    folder.join(format!("web-{n}.rtp"))
}

fn read(path: &Path) -> Result<Vec<Record>> {
    let file =
        std::fs::read(path).map_err(|e| HarnessError::new(format!("{}: {e}", path.display())))?;
    Ok(record::read(&file))
}

async fn call(
    causeway: &BoxProcess,
    task: &Task,
    n: usize,
    folder: &Path,
    talk: Duration,
) -> Result<()> {
    let network = LossyNetwork::start(causeway.plan().media).await?;
    network.impair(task.impairment, task.seed, down_seed(task.seed));
    let mut caller = WebCaller::open(causeway, None).await?;
    caller.speak_opus(&task.packets, task.redundant)?;
    caller.record(web_file(folder, n));
    caller.go_through(network.address());
    let id = caller.place(&number(n)).await?;
    caller.reaches(&id, "answered").await?;
    caller.listen(talk).await?;
    caller.hang_up(&id).await?;
    caller.close().await;
    Ok(())
}

/// What a browser hears of Opus that came: everything in its place, its holes filled by libopus.
///
/// # Errors
/// What libopus refused.
pub fn listen_in_browser(records: &[Record]) -> std::result::Result<Vec<i16>, String> {
    let Some(first) = records.first() else {
        return Ok(Vec::new());
    };
    let mut packets: Vec<(i64, i64, &[u8])> = Vec::new();
    for record in records {
        let number = i64::from(record.sequence.wrapping_sub(first.sequence) as i16);
        let at = i64::from(record.timestamp.wrapping_sub(first.timestamp) as i32) / 6;
        let mut payload = record.payload.as_slice();
        if record.payload_type != OPUS {
            // RFC 2198: what came before stands in front.
            let read = red::read(payload).map_err(|e| e.to_string())?;
            let header = rtp::Header {
                sequence: record.sequence,
                timestamp: record.timestamp,
                ..rtp::Header::default()
            };
            for (earlier, payload) in read.earlier(header) {
                let back = i64::from(record.timestamp.wrapping_sub(earlier.timestamp)) / 6;
                packets.push((number - 1, at - back, payload));
            }
            payload = read.primary.payload;
        }
        packets.push((number, at, payload));
    }
    packets.sort_by_key(|(number, ..)| *number);
    packets.dedup_by_key(|(number, ..)| *number);
    let mut decoder = opus::Decoder::new(8_000, opus::Channels::Mono).map_err(|e| e.to_string())?;
    let mut heard: Vec<i16> = Vec::new();
    let mut last = None;
    for (number, at, payload) in packets {
        let Ok(at) = usize::try_from(at) else {
            continue;
        };
        let lost = last.map_or(0, |last: i64| number - last - 1);
        last = Some(number);
        heard.resize(heard.len().max(at + 2 * FRAME), 0);
        for hole in (1..=lost).rev() {
            let mut frame = [0; FRAME];
            let (data, fec) = if hole == 1 {
                (payload, true)
            } else {
                (&[][..], false)
            };
            decoder
                .decode(data, &mut frame, fec)
                .map_err(|e| e.to_string())?;
            if let Some(start) = at.checked_sub(hole as usize * FRAME) {
                heard[start..start + FRAME].copy_from_slice(&frame);
            }
        }
        let mut frame = [0; 960];
        let samples = decoder
            .decode(payload, &mut frame, false)
            .map_err(|e| e.to_string())?;
        heard.resize(heard.len().max(at + samples), 0);
        heard[at..at + samples].copy_from_slice(&frame[..samples]);
    }
    Ok(heard)
}
