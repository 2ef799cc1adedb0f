//! The writing thread: takes what waits, commits it together, prunes every hour.

use super::{Counters, Job, RETENTION, row, unix_ms};
use rusqlite::Connection;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// Most rows of one commit.
const BATCH: usize = 256;
/// Most rows deleted at a time, so that pruning never holds a write up for long.
const PRUNED_AT_ONCE: i64 = 1000;
const PRUNE_EVERY: Duration = Duration::from_secs(3600);
/// Between two signs of life while there is nothing to write.
const TICK: Duration = Duration::from_secs(1);
/// While there is more to prune.
const PRUNE_SOON: Duration = Duration::from_millis(200);
/// Between two complaints about a failing disk.
const COMPLAIN_EVERY: Duration = Duration::from_secs(10);

pub(super) fn run(connection: Connection, queue: &Receiver<Job>, counters: &Counters) {
    let mut writer = Writer {
        connection,
        counters,
        complained: None,
    };
    let mut prune_at = Instant::now();
    loop {
        counters.ticks.fetch_add(1, Ordering::Relaxed);
        let wait = prune_at.saturating_duration_since(Instant::now());
        let wait = wait.min(TICK);
        let first = match queue.recv_timeout(wait) {
            Ok(job) => job,
            Err(RecvTimeoutError::Timeout) if Instant::now() < prune_at => continue,
            Err(RecvTimeoutError::Timeout) => {
                let more = writer.prune(unix_ms());
                prune_at = Instant::now() + if more { PRUNE_SOON } else { PRUNE_EVERY };
                continue;
            }
            Err(RecvTimeoutError::Disconnected) => break,
        };
        let batch: Vec<Job> = std::iter::once(first)
            .chain(queue.try_iter().take(BATCH - 1))
            .collect();
        let closing = batch.iter().any(|job| matches!(job, Job::Close));
        writer.commit(&batch);
        if closing {
            break;
        }
    }
    // Leaves one file behind, without a log beside it.
    let _ = writer
        .connection
        .pragma_update(None, "wal_checkpoint", "TRUNCATE");
}

struct Writer<'a> {
    connection: Connection,
    counters: &'a Counters,
    complained: Option<Instant>,
}

impl Writer<'_> {
    /// Writes a batch. A row that is refused does not take the others along.
    fn commit(&mut self, batch: &[Job]) {
        let rows = batch.iter().filter(|j| !matches!(j, Job::Close)).count();
        if rows == 0 {
            return;
        }
        match self.try_commit(batch) {
            Ok(refused) => {
                let written = rows - refused.len();
                count(&self.counters.written, written);
                count(&self.counters.failed, refused.len());
                if let Some(fault) = refused.first() {
                    self.complain("a row was refused", fault);
                }
            }
            Err(fault) => {
                count(&self.counters.failed, rows);
                self.complain("rows could not be written", &fault);
            }
        }
    }

    /// The faults of single rows.
    fn try_commit(&mut self, batch: &[Job]) -> rusqlite::Result<Vec<rusqlite::Error>> {
        let transaction = self.connection.transaction()?;
        let mut refused = Vec::new();
        for job in batch {
            let put = match job {
                Job::Call(record) => row::put_call(&transaction, record),
                Job::Context(record) => row::put_context(&transaction, record),
                Job::Close => Ok(()),
            };
            if let Err(fault) = put {
                refused.push(fault);
            }
        }
        transaction.commit()?;
        Ok(refused)
    }

    fn complain(&mut self, what: &str, fault: &rusqlite::Error) {
        let quiet = self
            .complained
            .is_some_and(|at| at.elapsed() < COMPLAIN_EVERY);
        if !quiet {
            self.complained = Some(Instant::now());
            let failed = self.counters.failed.load(Ordering::Relaxed);
            tracing::error!(%fault, failed, "the store: {what}");
        }
    }

    /// Deletes what is too old; whether there may be more.
    fn prune(&mut self, now: i64) -> bool {
        let keep = i64::try_from(RETENTION.as_millis()).unwrap_or(i64::MAX);
        let calls = self.connection.execute(
            "DELETE FROM calls WHERE rowid IN
             (SELECT rowid FROM calls WHERE placed_at < ?1 AND ended_at IS NOT NULL LIMIT ?2)",
            [now.saturating_sub(keep), PRUNED_AT_ONCE],
        );
        let contexts = self.connection.execute(
            "DELETE FROM contexts WHERE rowid IN
             (SELECT rowid FROM contexts WHERE expires_at < ?1 LIMIT ?2)",
            [now, PRUNED_AT_ONCE],
        );
        let mut most = 0;
        for outcome in [calls, contexts] {
            match outcome {
                Ok(deleted) => most = most.max(deleted),
                Err(fault) => self.complain("old rows could not be deleted", &fault),
            }
        }
        i64::try_from(most).is_ok_and(|most| most >= PRUNED_AT_ONCE)
    }
}

fn count(counter: &std::sync::atomic::AtomicU64, by: usize) {
    counter.fetch_add(u64::try_from(by).unwrap_or(0), Ordering::Relaxed);
}
