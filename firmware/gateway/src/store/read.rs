//! The reading thread: answers the API's questions one by one.

use super::{Counters, row, unix_ms};
use causeway_api::lookup::{CallFilter, CallQuery, ContextRecord, Lookup, LookupError};
use causeway_call::record::CallRecord;
use rusqlite::types::ToSql;
use rusqlite::{Connection, OptionalExtension};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::Receiver;

/// Most records of one answer.
const MOST: u32 = 1000;

/// Longest wait for the writing thread before an answer.
const CATCH_UP: Duration = Duration::from_secs(1);

pub(super) fn run(connection: &Connection, mut questions: Receiver<Lookup>, counters: &Counters) {
    while let Some(question) = questions.blocking_recv() {
        catch_up(counters);
        // Whoever does not wait any more is not asked why.
        match question {
            Lookup::Calls { query, reply } => {
                let _ = reply.send(calls(connection, &query).map_err(told));
            }
            Lookup::Call { id, reply } => {
                let _ = reply.send(call(connection, &id).map_err(told));
            }
            Lookup::Context { token, reply } => {
                let _ = reply.send(context(connection, &token, unix_ms()).map_err(told));
            }
        }
    }
}

/// Waits until what was handed to the writer before the question is on disk: a PBX asks for a
/// context the moment it sees the token.
fn catch_up(counters: &Counters) {
    let wanted = counters.queued.load(Ordering::Acquire);
    let until = Instant::now() + CATCH_UP;
    let done = || {
        counters.written.load(Ordering::Acquire) + counters.failed.load(Ordering::Acquire) >= wanted
    };
    while !done() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn told(fault: rusqlite::Error) -> LookupError {
    LookupError(fault.to_string())
}

fn calls(connection: &Connection, query: &CallQuery) -> rusqlite::Result<Vec<CallRecord>> {
    let mut wanted: Vec<&str> = Vec::new();
    let mut values: Vec<(&str, &dyn ToSql)> = Vec::new();
    if let Some(before) = &query.before {
        wanted.push("(placed_at, id) < (:placed_at, :id)");
        values.push((":placed_at", &before.placed_at));
        values.push((":id", &before.id));
    }
    match query.state {
        Some(CallFilter::Running) => wanted.push("ended_at IS NULL"),
        Some(CallFilter::Ended) => wanted.push("ended_at IS NOT NULL"),
        None => {}
    }
    if let Some(to) = &query.to {
        wanted.push("to_number = :to");
        values.push((":to", to));
    }
    let limit = query.limit.clamp(1, MOST);
    values.push((":limit", &limit));
    let filter = if wanted.is_empty() {
        String::new()
    } else {
        format!("WHERE {}", wanted.join(" AND "))
    };
    let text =
        format!("SELECT * FROM calls {filter} ORDER BY placed_at DESC, id DESC LIMIT :limit");
    let mut statement = connection.prepare_cached(&text)?;
    let rows = statement.query_map(values.as_slice(), row::call)?;
    rows.collect()
}

fn call(connection: &Connection, id: &str) -> rusqlite::Result<Option<CallRecord>> {
    connection
        .prepare_cached("SELECT * FROM calls WHERE id = ?1")?
        .query_row([id], row::call)
        .optional()
}

fn context(
    connection: &Connection,
    token: &str,
    now: i64,
) -> rusqlite::Result<Option<ContextRecord>> {
    connection
        .prepare_cached("SELECT * FROM contexts WHERE token = ?1 AND expires_at > ?2")?
        .query_row((token, now), row::context)
        .optional()
}
