//! Writes and reads WAV files: 16-bit PCM, mono.

use std::io::{self, Write};

use super::tone::Tone;

/// Writes `seconds` of the test tone at `hz`, 48 kHz, in whole pattern periods so that it loops cleanly.
///
/// # Errors
/// Whatever the writer returns; sizes above 4 GiB are refused with `InvalidInput`.
pub fn write_tone(out: &mut impl Write, hz: f64, seconds: u32) -> io::Result<()> {
    const RATE: u32 = 48_000;
    let data = RATE
        .checked_mul(2)
        .and_then(|bytes| bytes.checked_mul(seconds))
        .filter(|bytes| *bytes < u32::MAX - 36)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "too long for a WAV file"))?;
    out.write_all(b"RIFF")?;
    out.write_all(&(36 + data).to_le_bytes())?;
    out.write_all(b"WAVEfmt \x10\0\0\0\x01\0\x01\0")?;
    out.write_all(&RATE.to_le_bytes())?;
    out.write_all(&(RATE * 2).to_le_bytes())?;
    out.write_all(&[2, 0, 16, 0])?;
    out.write_all(b"data")?;
    out.write_all(&data.to_le_bytes())?;
    let mut tone = Tone::new(hz, RATE);
    let mut samples = vec![0_i16; RATE as usize];
    for _ in 0..seconds {
        tone.fill(&mut samples);
        let bytes: Vec<u8> = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
        out.write_all(&bytes)?;
    }
    Ok(())
}

/// The samples of a file of this rate; `None` for any other format.
pub fn read(file: &[u8], rate: u32) -> Option<Vec<i16>> {
    let mut rest = file.strip_prefix(b"RIFF")?.get(4..)?;
    rest = rest.strip_prefix(b"WAVE")?;
    let mut is_wanted = false;
    loop {
        let (name, after) = rest.split_at_checked(4)?;
        let (length, after) = after.split_at_checked(4)?;
        let length = u32::from_le_bytes(length.try_into().ok()?) as usize;
        let body = after.get(..length.min(after.len()))?;
        match name {
            b"fmt " => {
                is_wanted = body.starts_with(&[1, 0, 1, 0])
                    && body.get(4..8)? == rate.to_le_bytes()
                    && body.get(14..16)? == [16, 0];
            }
            b"data" => {
                let pairs = body.chunks_exact(2);
                return is_wanted
                    .then(|| pairs.map(|b| i16::from_le_bytes([b[0], b[1]])).collect());
            }
            _ => {}
        }
        // Chunks are padded to an even length.
        rest = after.get(length + length % 2..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::measure::measure;

    #[test]
    fn the_file_holds_what_its_header_says() {
        let mut file = Vec::new();
        assert!(write_tone(&mut file, 440.0, 2).is_ok());
        assert_eq!(file.len(), 44 + 2 * 96_000);
        assert_eq!(&file[..4], b"RIFF");
        let samples: Vec<i16> = file[44..]
            .chunks(2)
            .map(|b| i16::from_le_bytes([b[0], b[1]]))
            .collect();
        assert!((measure(&samples[..48_000], 48_000).hz - 440.0).abs() < 0.4);
        assert!(samples[..33_600].iter().any(|s| *s > 16_000));
        assert!(samples[33_600..48_000].iter().all(|s| *s < 1_700));
        assert!(write_tone(&mut Vec::new(), 440.0, u32::MAX).is_err());
        assert_eq!(read(&file, 48_000), Some(samples));
        assert_eq!(read(&file, 8_000), None);
        assert_eq!(read(b"RIFF", 48_000), None);
    }
}
