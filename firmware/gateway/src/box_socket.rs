//! The socket of the box's own service, and files that are handed to it or come from it.
//!
//! ```text
//! → {"hello":{"author":"api"}}
//! → {"do":"commit","confirm_minutes":5}
//! ← {"say":"Revision 3 is on trial.\n"}
//! ← {"done":{"revision":3}}
//! ```
//!
//! One JSON object a line. A line is bounded, and every wait has an end; what a request means is not known here.

use bytes::Bytes;
use causeway_api::box_service::{BoxService, Conversation, Later, Said, Unreached, Upload};
use futures_util::stream::{self, BoxStream, StreamExt as _};
use serde_json::{Value, json};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::fs::{File, OpenOptions};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;

/// For the connection, and for a request to be taken.
const PATIENCE: Duration = Duration::from_secs(5);
/// Octets of a line: a document of the largest size, as JSON.
const LONGEST_LINE: u64 = 2 * 1024 * 1024;
/// Octets read from a file at a time.
const PIECE: usize = 64 * 1024;

/// See the module.
#[derive(Clone, Debug)]
pub struct BoxSocket {
    path: PathBuf,
    uploads: PathBuf,
    /// One comes in at a time: the disk is bounded.
    comes_in: Arc<AtomicBool>,
}

impl BoxSocket {
    /// A service at `path`; `uploads` is a folder for files that come in, and what is left in it from before is removed.
    ///
    /// # Errors
    /// When the folder cannot be made or emptied.
    pub fn new(path: PathBuf, uploads: PathBuf) -> io::Result<Self> {
        std::fs::create_dir_all(&uploads)?;
        // The service runs elsewhere: where an upload is must not depend on that.
        let uploads = std::fs::canonicalize(&uploads)?;
        for left in std::fs::read_dir(&uploads)? {
            std::fs::remove_file(left?.path())?;
        }
        Ok(Self {
            path,
            uploads,
            comes_in: Arc::default(),
        })
    }
}

impl BoxService for BoxSocket {
    fn connect(&self, author: &str) -> Later<'_, Result<Box<dyn Conversation>, Unreached>> {
        let hello = json!({"hello": {"author": author}});
        Box::pin(async move {
            let stream = timeout(PATIENCE, UnixStream::connect(&self.path)).await;
            let stream = stream
                .map_err(|_| Unreached::Late)?
                .map_err(Unreached::Away)?;
            let (reader, writer) = stream.into_split();
            let mut talk = Talk {
                reader: BufReader::new(reader),
                writer,
                line: Vec::new(),
            };
            talk.write(&hello).await?;
            Ok(Box::new(talk) as Box<dyn Conversation>)
        })
    }

    fn upload(&self) -> Later<'_, io::Result<Box<dyn Upload>>> {
        Box::pin(async move {
            if self.comes_in.swap(true, Ordering::AcqRel) {
                return Err(io::ErrorKind::ResourceBusy.into());
            }
            let turn = Turn(self.comes_in.clone());
            let name = format!("{}.bundle", crate::random::hex::<8>());
            let path = self.uploads.join(name);
            let mut options = OpenOptions::new();
            options.write(true).create_new(true).mode(0o600);
            let file = options.open(&path).await?;
            Ok(Box::new(Incoming {
                file,
                path,
                _turn: turn,
            }) as Box<dyn Upload>)
        })
    }

    fn download(
        &self,
        path: &str,
    ) -> Later<'_, io::Result<(u64, BoxStream<'static, io::Result<Bytes>>)>> {
        let path = PathBuf::from(path);
        Box::pin(async move {
            let file = File::open(&path).await?;
            let length = file.metadata().await?.len();
            let pieces = stream::try_unfold(file.take(length), |mut file| async {
                let mut piece = bytes::BytesMut::with_capacity(PIECE);
                let read = file.read_buf(&mut piece).await?;
                Ok((read > 0).then(|| (piece.freeze(), file)))
            });
            Ok((length, pieces.boxed()))
        })
    }
}

/// A connection.
#[derive(Debug)]
struct Talk {
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
    /// What has come of the next line.
    line: Vec<u8>,
}

impl Talk {
    async fn write(&mut self, value: &Value) -> Result<(), Unreached> {
        let line = format!("{value}\n");
        match timeout(PATIENCE, self.writer.write_all(line.as_bytes())).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Unreached::BrokeOff),
            Err(_) => Err(Unreached::Late),
        }
    }

    async fn read(&mut self) -> Result<Said, Unreached> {
        self.line.clear();
        let mut bounded = (&mut self.reader).take(LONGEST_LINE);
        let read = bounded.read_until(b'\n', &mut self.line).await;
        match read {
            Ok(0) | Err(_) => Err(Unreached::BrokeOff),
            Ok(_) if !self.line.ends_with(b"\n") => Err(Unreached::BrokeOff),
            Ok(_) => said(&self.line).ok_or(Unreached::Garbled),
        }
    }
}

impl Conversation for Talk {
    fn ask(&mut self, request: Value) -> Later<'_, Result<(), Unreached>> {
        Box::pin(async move { self.write(&request).await })
    }

    fn next(&mut self, within: Duration) -> Later<'_, Result<Said, Unreached>> {
        Box::pin(async move {
            let line = timeout(within, self.read()).await;
            line.unwrap_or(Err(Unreached::Late))
        })
    }
}

/// A line of an answer.
fn said(line: &[u8]) -> Option<Said> {
    let line: Value = serde_json::from_slice(line).ok()?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    if let Some(said) = line.get("say") {
        return Some(Said::Text(text(said)?));
    }
    if let Some(progress) = line.get("progress") {
        let percent = progress.get("percent")?.as_u64()?.min(100);
        return Some(Said::Progress {
            percent: u8::try_from(percent).ok()?,
            what: text(progress.get("what")?)?,
        });
    }
    if let Some(failed) = line.get("failed") {
        return Some(Said::Failed {
            why: text(failed.get("why")?)?,
            code: text(failed.get("code")?)?,
        });
    }
    line.get("done").cloned().map(Said::Done)
}

/// The right to upload, given back when dropped.
#[derive(Debug)]
struct Turn(Arc<AtomicBool>);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// A file that comes in.
#[derive(Debug)]
struct Incoming {
    file: File,
    path: PathBuf,
    _turn: Turn,
}

impl Upload for Incoming {
    fn write(&mut self, piece: Bytes) -> Later<'_, io::Result<()>> {
        Box::pin(async move { self.file.write_all(&piece).await })
    }

    fn finish(&mut self) -> Later<'_, io::Result<String>> {
        Box::pin(async move {
            self.file.flush().await?;
            self.file.sync_all().await?;
            Ok(self.path.display().to_string())
        })
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read() {
        assert_eq!(
            said(b"{\"say\":\"hello\\n\"}\n"),
            Some(Said::Text("hello\n".to_owned()))
        );
        assert_eq!(
            said(b"{\"progress\":{\"percent\":142,\"what\":\"slot b\"}}\n"),
            Some(Said::Progress {
                percent: 100,
                what: "slot b".to_owned()
            })
        );
        assert_eq!(
            said(b"{\"failed\":{\"why\":\"no\",\"code\":\"invalid\"}}\n"),
            Some(Said::Failed {
                why: "no".to_owned(),
                code: "invalid".to_owned()
            })
        );
        assert_eq!(said(b"{\"done\":{}}\n"), Some(Said::Done(json!({}))));
        for bad in [
            "",
            "{}",
            "[]",
            "{\"say\":5}",
            "{\"progress\":{}}",
            "{\"failed\":{}}",
        ] {
            assert_eq!(said(bad.as_bytes()), None, "{bad}");
        }
    }
}
