//! The socket from its other end.

// Of JSON: what is not there is null.
#![allow(clippy::indexing_slicing)]

use crate::wire::LONGEST_LINE;
use serde_json::{Value, json};
use std::io::{self, BufRead, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Between two looks at whether somebody wants it to end.
const LOOK: Duration = Duration::from_millis(100);

/// What a request came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    Done(Value),
    Failed { why: String, code: String },
}

/// A connection.
#[derive(Debug)]
pub struct Client {
    reader: BufReader<UnixStream>,
    pending: Vec<u8>,
}

impl Client {
    /// Connects and says whose requests follow.
    ///
    /// # Errors
    /// When nobody listens.
    pub fn connect(path: &Path, author: &str) -> io::Result<Self> {
        let stream = UnixStream::connect(path)?;
        stream.set_read_timeout(Some(LOOK))?;
        let hello = json!({ "hello": { "author": author } });
        (&stream).write_all(format!("{hello}\n").as_bytes())?;
        Ok(Self {
            reader: BufReader::new(stream),
            pending: Vec::new(),
        })
    }

    /// As [`Client::connect`], and again until it succeeds or `most` is over.
    ///
    /// # Errors
    /// The last one's.
    pub fn connect_within(path: &Path, author: &str, most: Duration) -> io::Result<Self> {
        let end = Instant::now() + most;
        loop {
            match Self::connect(path, author) {
                Err(_) if Instant::now() < end => std::thread::sleep(LOOK),
                result => return result,
            }
        }
    }

    /// Asks, hands on what is said, and waits for what comes of it. When `stop` turns true the connection is of no use any more.
    ///
    /// # Errors
    /// When the other end is gone, speaks another language, or `stop` turned true.
    pub fn ask(
        &mut self,
        request: &Value,
        stop: &AtomicBool,
        says: &mut dyn FnMut(&str),
    ) -> io::Result<Outcome> {
        self.reader
            .get_mut()
            .write_all(format!("{request}\n").as_bytes())?;
        loop {
            let line = self.line(stop)?;
            let answer: Value = serde_json::from_str(&line).map_err(io::Error::other)?;
            let text =
                |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
            if let Some(said) = answer["say"].as_str() {
                says(said);
            } else if answer["progress"].is_object() {
                let progress = &answer["progress"];
                says(&format!(
                    "{:>3} % {}\n",
                    progress["percent"],
                    text(progress, "what")
                ));
            } else if answer["failed"].is_object() {
                return Ok(Outcome::Failed {
                    why: text(&answer["failed"], "why"),
                    code: text(&answer["failed"], "code"),
                });
            } else {
                return Ok(Outcome::Done(answer["done"].clone()));
            }
        }
    }

    fn line(&mut self, stop: &AtomicBool) -> io::Result<String> {
        loop {
            let room = (LONGEST_LINE as u64 * 2).saturating_sub(self.pending.len() as u64);
            match self
                .reader
                .by_ref()
                .take(room)
                .read_until(b'\n', &mut self.pending)
            {
                Ok(_) if self.pending.ends_with(b"\n") => {
                    let line = std::mem::take(&mut self.pending);
                    return String::from_utf8(line).map_err(io::Error::other);
                }
                Ok(_) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Err(fault) if fault.kind() == io::ErrorKind::WouldBlock => {}
                Err(fault) if fault.kind() == io::ErrorKind::Interrupted => {}
                Err(fault) => return Err(fault),
            }
            if stop.load(Ordering::Relaxed) {
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
        }
    }
}
