//! Threads that transcode pictures, away from the media threads: a frame costs as much there as a second of somebody's
//! sound.
//!
//! A direction of a call has one job under way at most, so what waits here is bounded by the calls; frames that come
//! meanwhile wait, and are dropped, in the direction itself. The threads are nicer than others: when there is more to do
//! than the machine can, pictures stand still and sound does not.

use super::LegKey;
use super::engine::Order;
use causeway_media::video::TranscodeJob;
use nix::sys::eventfd::EventFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Instant;

/// However many cores there are.
const MOST: usize = 16;
/// Of −20…19; media threads have 0 or are in real time.
const NICE: i32 = 10;

/// The threads. Dropping it ends them, each with the job it is at.
#[derive(Debug)]
pub struct Transcoders {
    workers: Vec<Worker>,
}

#[derive(Debug)]
struct Worker {
    /// `None`: it shall end.
    jobs: Option<Sender<(LegKey, TranscodeJob)>>,
    /// Jobs it has not given back.
    waiting: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

/// Where a media thread's jobs go back.
#[derive(Clone)]
pub struct Back {
    pub orders: Sender<Order>,
    pub wake: Arc<EventFd>,
}

impl Transcoders {
    /// Starts a thread for each core but one, at least one; `backs` has one for each media thread.
    ///
    /// # Errors
    /// When the system has no threads left.
    pub fn start(backs: &[Back]) -> std::io::Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let workers = (0..cores.saturating_sub(1).clamp(1, MOST)).map(|number| {
            let (jobs, taken) = channel();
            let waiting = Arc::new(AtomicUsize::new(0));
            let backs = backs.to_vec();
            let count = Arc::clone(&waiting);
            let thread = std::thread::Builder::new()
                .name(format!("video-{number}"))
                .spawn(move || work(&taken, &count, &backs))?;
            Ok(Worker {
                jobs: Some(jobs),
                waiting,
                thread: Some(thread),
            })
        });
        Ok(Self {
            workers: workers.collect::<std::io::Result<_>>()?,
        })
    }

    /// Hands over work; it comes back as [`Order::Transcoded`].
    pub fn take(&self, leg: LegKey, job: TranscodeJob) {
        let free = |worker: &&Worker| worker.waiting.load(Ordering::Relaxed);
        let Some(worker) = self.workers.iter().min_by_key(free) else {
            return;
        };
        worker.waiting.fetch_add(1, Ordering::Relaxed);
        if let Some(jobs) = &worker.jobs {
            // Its thread ends after this value alone.
            let _ = jobs.send((leg, job));
        }
    }
}

impl Drop for Transcoders {
    fn drop(&mut self) {
        for worker in &mut self.workers {
            worker.jobs = None;
        }
        for thread in self.workers.iter_mut().filter_map(|w| w.thread.take()) {
            // One that panicked has nothing more to say.
            let _ = thread.join();
        }
    }
}

fn work(jobs: &Receiver<(LegKey, TranscodeJob)>, waiting: &AtomicUsize, backs: &[Back]) {
    step_back();
    while let Ok((leg, mut job)) = jobs.recv() {
        let begun = Instant::now();
        if catch_unwind(AssertUnwindSafe(|| job.run())).is_err() {
            job.fail();
        }
        job.took = begun.elapsed();
        waiting.fetch_sub(1, Ordering::Relaxed);
        let Some(back) = backs.get(leg.thread(backs.len())) else {
            return;
        };
        let order = Order::Transcoded(leg, Box::new(job));
        if back.orders.send(order).is_err() {
            // That thread has ended, and the others with it.
            return;
        }
        // Full means that it is already awake.
        let _ = back.wake.write(1);
    }
}

/// Lets other threads go first.
fn step_back() {
    if let Err(error) = rustix::process::nice(NICE) {
        tracing::warn!(%error, "pictures are transcoded at the priority of sound");
    }
}
