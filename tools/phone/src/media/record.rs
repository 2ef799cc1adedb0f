//! Keeps what came, packet by packet, for who judges the sound later.
//!
//! A record is, little-endian: microseconds since the first (u64), RTP timestamp (u32), sequence number (u16), payload
//! type (u8), length (u16), payload.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Instant;

/// An open file of records.
#[derive(Debug)]
pub struct Recorder {
    file: BufWriter<File>,
    first: Option<Instant>,
}

/// One packet that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Microseconds since the first.
    pub at: u64,
    /// RTP timestamp.
    pub timestamp: u32,
    /// Sequence number.
    pub sequence: u16,
    /// Payload type.
    pub payload_type: u8,
    /// The payload.
    pub payload: Vec<u8>,
}

impl Recorder {
    /// Makes the file.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn create(path: &Path) -> std::io::Result<Self> {
        Ok(Self {
            file: BufWriter::new(File::create(path)?),
            first: None,
        })
    }

    /// Writes one packet down as having come now.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn packet(
        &mut self,
        timestamp: u32,
        sequence: u16,
        payload_type: u8,
        payload: &[u8],
    ) -> std::io::Result<()> {
        let now = Instant::now();
        let at = now.duration_since(*self.first.get_or_insert(now));
        let length = payload.len().min(usize::from(u16::MAX)) as u16;
        self.file
            .write_all(&(at.as_micros() as u64).to_le_bytes())?;
        self.file.write_all(&timestamp.to_le_bytes())?;
        self.file.write_all(&sequence.to_le_bytes())?;
        self.file.write_all(&[payload_type])?;
        self.file.write_all(&length.to_le_bytes())?;
        self.file.write_all(&payload[..usize::from(length)])
    }
}

/// Reads a file of records back; one cut off at the end is left out.
pub fn read(mut file: &[u8]) -> Vec<Record> {
    let mut records = Vec::new();
    while let Some((head, rest)) = file.split_at_checked(17) {
        let at = u64::from_le_bytes(head[..8].try_into().unwrap_or_default());
        let timestamp = u32::from_le_bytes(head[8..12].try_into().unwrap_or_default());
        let length = usize::from(u16::from_le_bytes([head[15], head[16]]));
        let Some((payload, rest)) = rest.split_at_checked(length) else {
            break;
        };
        records.push(Record {
            at,
            timestamp,
            sequence: u16::from_le_bytes([head[12], head[13]]),
            payload_type: head[14],
            payload: payload.to_vec(),
        });
        file = rest;
    }
    records
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let path = std::env::temp_dir().join(format!("causeway-record-{}", std::process::id()));
        let mut recorder = Recorder::create(&path).expect("a file");
        recorder.packet(160, 7, 0, b"abc").expect("written");
        recorder.packet(320, 8, 8, b"").expect("written");
        drop(recorder);
        let file = std::fs::read(&path).expect("read");
        std::fs::remove_file(&path).expect("removed");
        let records = read(&file);
        assert_eq!(records.len(), 2);
        assert_eq!((records[0].at, records[0].timestamp), (0, 160));
        assert_eq!(records[0].payload, b"abc");
        assert_eq!((records[1].sequence, records[1].payload_type), (8, 8));
        assert_eq!(read(&file[..file.len() - 1]).len(), 1);
    }
}
