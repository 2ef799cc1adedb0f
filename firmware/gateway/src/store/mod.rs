//! The box's own database: call records, and the contexts handed to the PBX.
//!
//! SQLite in the box's state folder. One thread writes: what waits is committed together, and a
//! commit is on the disk before the next begins, so that pulling the plug loses nothing that was
//! committed. A second thread reads, so that a long question delays no write. Nobody waits for
//! either: a full queue drops the record and counts it; a call matters more than its record.

mod read;
mod row;
mod schema;
mod write;

#[cfg(test)]
mod tests;

use causeway_api::lookup::{ContextRecord, LookupSender};
use causeway_call::record::CallRecord;
use rusqlite::Connection;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Records waiting for the disk.
const QUEUE: usize = 4096;
/// Questions waiting for an answer.
const QUESTIONS: usize = 64;
/// How long call records are kept.
pub const RETENTION: Duration = Duration::from_secs(90 * 24 * 3600);
/// How long [`Store::close`] waits for room in a full queue.
const CLOSING: Duration = Duration::from_secs(5);

/// Why there is no store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{path}: {fault}")]
    Database {
        path: PathBuf,
        fault: rusqlite::Error,
    },
    #[error("{path}: {fault}")]
    File { path: PathBuf, fault: io::Error },
    #[error("{path} was written by a newer version of the box (schema {found}, known {known})")]
    Newer {
        path: PathBuf,
        found: i64,
        known: i64,
    },
}

/// Handle to the writer; cheap to clone.
#[derive(Clone, Debug)]
pub struct Store(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    jobs: SyncSender<Job>,
    writer: Mutex<Option<JoinHandle<()>>>,
    counters: Arc<Counters>,
}

#[derive(Debug, Default)]
struct Counters {
    /// Rows handed to the writing thread.
    queued: AtomicU64,
    /// Rows committed.
    written: AtomicU64,
    /// Rows the database refused.
    failed: AtomicU64,
    /// Turns of the writing thread.
    ticks: AtomicU64,
    /// Rows that found the queue full or closed.
    dropped: AtomicU64,
}

/// For the writer.
#[derive(Debug)]
enum Job {
    Call(Box<CallRecord>),
    Context(Box<ContextRecord>),
    /// Write what waits and end.
    Close,
}

impl Store {
    /// As [`Store::open`]; where that fails (a disk that is full, read-only or broken, a database of a newer version that was
    /// rolled back) records are kept in a temporary folder until the box ends: calls matter more than their records.
    ///
    /// # Errors
    /// [`StoreError`], when there is no room for that either.
    pub fn open_or_temporary(path: &Path) -> Result<(Self, LookupSender), StoreError> {
        let fault = match Self::open(path) {
            Ok(opened) => return Ok(opened),
            Err(fault) => fault,
        };
        let folder = std::env::temp_dir().join(format!("causeway-records-{}", std::process::id()));
        tracing::error!(%fault, instead = %folder.display(), "the store cannot be opened; records are lost when the box ends");
        let file = |fault| StoreError::File {
            path: folder.clone(),
            fault,
        };
        let mut builder = std::fs::DirBuilder::new();
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        match builder.create(&folder) {
            // Of a process of that number that is no more: what it kept is of no use.
            Err(there) if there.kind() == io::ErrorKind::AlreadyExists => {
                std::fs::remove_dir_all(&folder)
                    .and_then(|()| builder.create(&folder))
                    .map_err(file)?;
            }
            made => made.map_err(file)?,
        }
        Self::open(&folder.join("causeway.db"))
    }

    /// Opens or makes the database and starts its threads. The sender takes the API's questions;
    /// the reading thread ends with its last clone.
    ///
    /// A file that is no database, or a broken one, is put aside with a note in the log: a box
    /// without its past is better than none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open(path: &Path) -> Result<(Self, LookupSender), StoreError> {
        let file = |fault| StoreError::File {
            path: path.to_owned(),
            fault,
        };
        let connection = match open_database(path) {
            Err(StoreError::Database { fault, .. }) if is_broken(&fault) => {
                put_aside(path, &fault).map_err(file)?;
                open_database(path)?
            }
            other => other?,
        };
        let reader = schema::open_reader(path).map_err(|fault| StoreError::Database {
            path: path.to_owned(),
            fault,
        })?;
        let counters = Arc::new(Counters::default());
        let (jobs, queue) = sync_channel(QUEUE);
        let counted = counters.clone();
        let writer = Builder::new()
            .name("store-writer".into())
            .spawn(move || write::run(connection, &queue, &counted))
            .map_err(file)?;
        let (questions, asked) = tokio::sync::mpsc::channel(QUESTIONS);
        let counted = counters.clone();
        Builder::new()
            .name("store-reader".into())
            .spawn(move || read::run(&reader, asked, &counted))
            .map_err(file)?;
        let store = Self(Arc::new(Shared {
            jobs,
            writer: Mutex::new(Some(writer)),
            counters,
        }));
        Ok((store, questions))
    }

    /// Keeps a call's record, in place of an earlier one of the same id. Never waits.
    pub fn put_call(&self, record: CallRecord) {
        self.put(Job::Call(Box::new(record)));
    }

    /// Keeps a context until it is over. Never waits.
    pub fn put_context(&self, record: ContextRecord) {
        self.put(Job::Context(Box::new(record)));
    }

    fn put(&self, job: Job) {
        // Counted before it can be written, so that readers never see more written than queued.
        self.0.counters.queued.fetch_add(1, Ordering::AcqRel);
        if let Err(fault) = self.0.jobs.try_send(job) {
            self.0.counters.queued.fetch_sub(1, Ordering::AcqRel);
            let dropped = self.0.counters.dropped.fetch_add(1, Ordering::Relaxed);
            // The first of every thousand tells.
            if dropped.is_multiple_of(1000) {
                let why = match fault {
                    TrySendError::Full(_) => "the disk is too slow",
                    TrySendError::Disconnected(_) => "the store is closed",
                };
                tracing::error!(dropped = dropped + 1, "a record is lost: {why}");
            }
        }
    }

    /// Grows every second for as long as the writing thread turns: a disk that hangs holds it up.
    pub fn ticks(&self) -> u64 {
        self.0.counters.ticks.load(Ordering::Relaxed)
    }

    /// Writes what waits and ends the writing thread. Blocks for as long as the disk needs, at
    /// most some seconds when the queue is full. A second call does nothing.
    pub fn close(&self) {
        let writer = {
            let mut writer = self.0.writer.lock().unwrap_or_else(PoisonError::into_inner);
            writer.take()
        };
        let Some(writer) = writer else { return };
        let deadline = Instant::now() + CLOSING;
        let mut job = Job::Close;
        while let Err(TrySendError::Full(back)) = self.0.jobs.try_send(job) {
            if Instant::now() > deadline {
                tracing::error!("the store does not close: the disk is too slow");
                return;
            }
            job = back;
            std::thread::sleep(Duration::from_millis(10));
        }
        if writer.join().is_err() {
            tracing::error!("the store's writer had crashed");
        }
    }

    /// Appends the store's counters in Prometheus text format.
    pub fn write_metrics(&self, out: &mut String) {
        let counters = &self.0.counters;
        for (name, help, value) in [
            ("written", "Rows committed.", &counters.written),
            ("failed", "Rows the database refused.", &counters.failed),
            (
                "dropped",
                "Rows lost because the queue was full.",
                &counters.dropped,
            ),
        ] {
            let name = format!("causeway_store_{name}_total");
            let value = value.load(Ordering::Relaxed);
            let _ = write!(
                out,
                "# HELP {name} {help}\n# TYPE {name} counter\n{name} {value}\n"
            );
        }
    }
}

fn open_database(path: &Path) -> Result<Connection, StoreError> {
    // Records are about people: nobody but the box reads them. SQLite's side files take the mode over.
    use std::os::unix::fs::OpenOptionsExt;
    std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(|fault| StoreError::File {
            path: path.to_owned(),
            fault,
        })?;
    schema::open_writer(path, unix_ms())
}

/// Whether the file itself is no good, rather than our use of it.
fn is_broken(fault: &rusqlite::Error) -> bool {
    matches!(
        fault.sqlite_error_code(),
        Some(rusqlite::ErrorCode::NotADatabase | rusqlite::ErrorCode::DatabaseCorrupt)
    )
}

fn put_aside(path: &Path, fault: &rusqlite::Error) -> io::Result<()> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(format!(".broken-{}", unix_ms() / 1000));
    tracing::error!(%fault, aside = %Path::new(&aside).display(), "the store is broken and put aside; a new one is begun");
    std::fs::rename(path, &aside)?;
    for side in ["-wal", "-shm"] {
        let mut file = path.as_os_str().to_owned();
        file.push(side);
        match std::fs::remove_file(&file) {
            Err(fault) if fault.kind() != io::ErrorKind::NotFound => return Err(fault),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

/// Milliseconds since 1970.
fn unix_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX))
}
