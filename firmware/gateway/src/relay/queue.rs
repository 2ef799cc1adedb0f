//! What waits to be written to a stream: bounded in octets, written in batches.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Octets of media that wait for a stream: two and a half seconds of a call's sound, a fifth of one's picture.
pub const MEDIA: usize = 32 * 1024;
/// Octets written at once.
const BATCH: usize = 4096;
/// How long a write may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The end where frames go in.
#[derive(Clone, Debug)]
pub struct Queue {
    frames: mpsc::UnboundedSender<Vec<u8>>,
    /// Octets in it.
    waiting: Arc<AtomicUsize>,
}

/// The end that is written.
#[derive(Debug)]
pub struct Waiting {
    frames: mpsc::UnboundedReceiver<Vec<u8>>,
    waiting: Arc<AtomicUsize>,
}

/// An empty queue.
pub fn queue() -> (Queue, Waiting) {
    let (frames, queued) = mpsc::unbounded_channel();
    let waiting = Arc::<AtomicUsize>::default();
    let written = Waiting {
        frames: queued,
        waiting: Arc::clone(&waiting),
    };
    (Queue { frames, waiting }, written)
}

impl Queue {
    /// False when it would hold more than `most` octets, or nobody writes any more.
    pub fn push(&self, frame: Vec<u8>, most: usize) -> bool {
        let length = frame.len();
        if self.waiting.load(Ordering::Relaxed) + length > most {
            return false;
        }
        self.waiting.fetch_add(length, Ordering::Relaxed);
        self.frames.send(frame).is_ok()
    }
}

impl Waiting {
    /// Writes until the queue is let go, the stream fails, or takes nothing for too long.
    pub async fn write(mut self, mut writer: impl AsyncWrite + Unpin) {
        let mut batch = Vec::new();
        while let Some(frame) = self.frames.recv().await {
            batch.clear();
            batch.extend(frame);
            while batch.len() < BATCH
                && let Ok(frame) = self.frames.try_recv()
            {
                batch.extend(frame);
            }
            let written = async {
                writer.write_all(&batch).await?;
                writer.flush().await
            };
            if !matches!(timeout(PATIENCE, written).await, Ok(Ok(()))) {
                return;
            }
            self.waiting.fetch_sub(batch.len(), Ordering::Relaxed);
        }
    }
}
