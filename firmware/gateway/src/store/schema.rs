//! The tables, and how a database of an earlier version becomes one of this.
//!
//! `PRAGMA user_version` is the number of [`STEPS`] that were taken. A step is never changed once
//! released; a change is a new step.

use super::StoreError;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::time::Duration;

const STEPS: [&str; 4] = [
    "
CREATE TABLE calls (
    id TEXT PRIMARY KEY,
    direction TEXT NOT NULL,
    app TEXT,
    account TEXT,
    page TEXT,
    origin TEXT,
    from_number TEXT,
    to_number TEXT NOT NULL,
    trunk TEXT,
    sip_call_id TEXT,
    placed_at INTEGER NOT NULL,   -- all times: milliseconds since 1970
    ringing_at INTEGER,
    answered_at INTEGER,
    ended_at INTEGER,             -- NULL: runs
    web_codec TEXT,
    trunk_codec TEXT,
    cause_code TEXT,
    cause_by TEXT,
    sip_status INTEGER,
    reason TEXT,
    web_packets_in INTEGER NOT NULL,
    web_packets_out INTEGER NOT NULL,
    web_lost INTEGER NOT NULL,
    web_jitter_ms REAL NOT NULL,
    trunk_packets_in INTEGER NOT NULL,
    trunk_packets_out INTEGER NOT NULL,
    trunk_lost INTEGER NOT NULL,
    trunk_jitter_ms REAL NOT NULL,
    setup_ms INTEGER,
    browser_stats TEXT            -- JSON
) STRICT;
CREATE INDEX calls_by_time ON calls (placed_at, id);
CREATE INDEX calls_by_target ON calls (to_number, placed_at);
CREATE INDEX calls_running ON calls (placed_at) WHERE ended_at IS NULL;
CREATE TABLE contexts (
    token TEXT PRIMARY KEY,
    call TEXT NOT NULL,
    app TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    context TEXT NOT NULL         -- JSON
) STRICT;
CREATE INDEX contexts_by_end ON contexts (expires_at);
",
    "ALTER TABLE calls ADD COLUMN trunk_srtp TEXT",
    // JSON: it is shown as a whole, and nobody asks for calls by it.
    "ALTER TABLE calls ADD COLUMN quality TEXT",
    // JSON as well.
    "ALTER TABLE calls ADD COLUMN picture TEXT",
];

/// How long a statement waits for the other connection.
const BUSY: Duration = Duration::from_secs(2);

/// Opens for writing, brings the tables up to date, and closes the records of calls that ran when
/// the box lost its power: their end is the last thing known of them.
pub(super) fn open_writer(path: &Path, now: i64) -> Result<Connection, StoreError> {
    let database = |fault| StoreError::Database {
        path: path.to_owned(),
        fault,
    };
    let mut connection = Connection::open(path).map_err(database)?;
    prepare(&connection).map_err(database)?;
    let found: i64 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(database)?;
    let known = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
    if found > known {
        return Err(StoreError::Newer {
            path: path.to_owned(),
            found,
            known,
        });
    }
    upgrade(&mut connection, usize::try_from(found).unwrap_or(0)).map_err(database)?;
    let orphans = connection
        .execute(
            "UPDATE calls SET ended_at = min(?1, max(placed_at, coalesce(ringing_at, 0), coalesce(answered_at, 0))),
             cause_code = 'failed', cause_by = 'box', reason = 'the box stopped while the call ran'
             WHERE ended_at IS NULL",
            [now],
        )
        .map_err(database)?;
    if orphans > 0 {
        tracing::warn!(
            orphans,
            "closed the records of calls that ran when the box stopped"
        );
    }
    Ok(connection)
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // FULL: a commit survives the loss of power, not only the loss of the program.
    connection.pragma_update(None, "synchronous", "FULL")?;
    // Deleted records are overwritten, not only forgotten.
    connection.pragma_update(None, "secure_delete", "ON")
}

fn upgrade(connection: &mut Connection, from: usize) -> rusqlite::Result<()> {
    for (number, step) in (1i64..).zip(STEPS).skip(from) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", number)?;
        transaction.commit()?;
    }
    Ok(())
}

/// Opens for reading only.
pub(super) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    Ok(connection)
}
