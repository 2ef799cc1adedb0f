//! NAL units of H.264 as they passed, and whether two lines of them are the same. It shares no code with the box.

use std::collections::HashSet;
use std::fmt::Write as _;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::browser::Browser;
use crate::capture::Datagram;
use crate::error::{HarnessError, Result};

/// Defines `window.encoded`; see the file for what it notes.
const ENCODED: &str = include_str!("encoded.js");

/// One NAL unit: its type, how long it is, and a fingerprint of all its octets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    pub kind: u8,
    pub length: usize,
    pub hash: String,
}

impl Unit {
    fn of(octets: &[u8]) -> Self {
        let digest = Sha256::digest(octets);
        let hash = digest.iter().take(16).fold(String::new(), |mut text, b| {
            let _ = write!(text, "{b:02x}");
            text
        });
        Self {
            kind: octets.first().map_or(0, |first| first & 0x1F),
            length: octets.len(),
            hash,
        }
    }

    /// SPS or PPS.
    pub fn is_parameter_set(&self) -> bool {
        matches!(self.kind, 7 | 8)
    }
}

/// From now on the page notes every frame of its calls' pictures, behind its encoder and before its decoder. Before the
/// call.
///
/// # Errors
/// What the page threw.
pub async fn note_frames(browser: &Browser) -> Result<()> {
    let define = format!("(() => {{ {ENCODED}\n return true }})()");
    browser.evaluate(&define).await.map(|_| ())
}

/// What the page noted: `sent` behind its encoder, or `received` before its decoder.
///
/// # Errors
/// What the page threw.
pub async fn noted(browser: &Browser, side: &str) -> Result<Vec<Unit>> {
    let units = browser.evaluate(&format!("encoded.{side}")).await?;
    let units = units.as_array().cloned().unwrap_or_default();
    let whole = |value: &Value| value.as_u64().unwrap_or(0);
    Ok(units
        .iter()
        .map(|unit| Unit {
            kind: u8::try_from(whole(&unit[0])).unwrap_or(0),
            length: usize::try_from(whole(&unit[1])).unwrap_or(0),
            hash: unit[2].as_str().unwrap_or_default().to_owned(),
        })
        .collect())
}

/// The NAL units that went from one port to the other in RTP (RFC 6184), in the order of their sequence numbers.
///
/// # Errors
/// A hole in the numbers, or a packet nobody may send.
pub fn on_the_wire(datagrams: &[Datagram], from: u16, to: u16) -> Result<Vec<Unit>> {
    let mut packets: Vec<(i64, &[u8])> = Vec::new();
    let mut highest: Option<i64> = None;
    for datagram in datagrams.iter().filter(|d| d.from == from && d.to == to) {
        let Some((sequence, payload)) = rtp(&datagram.payload) else {
            continue;
        };
        let before = highest.unwrap_or_else(|| i64::from(sequence));
        let number = before + i64::from(sequence.wrapping_sub(before as u16) as i16);
        highest = Some(before.max(number));
        packets.push((number, payload));
    }
    packets.sort_by_key(|(number, _)| *number);
    packets.dedup_by_key(|(number, _)| *number);
    let mut units = Vec::new();
    let mut fragments: Option<Vec<u8>> = None;
    let mut last: Option<i64> = None;
    for (number, payload) in packets {
        if let Some(last) = last.replace(number)
            && last + 1 != number
        {
            let missing = number - last - 1;
            return Err(HarnessError::new(format!(
                "{missing} packets did not pass behind the {last}th"
            )));
        }
        take(payload, &mut fragments, &mut units)?;
    }
    Ok(units)
}

/// Sequence number and payload of a packet of RTP (RFC 3550 section 5.1); none of RTCP, and of padding alone.
fn rtp(datagram: &[u8]) -> Option<(u16, &[u8])> {
    let (first, second) = (*datagram.first()?, *datagram.get(1)?);
    if first >> 6 != 2 || (192..=223).contains(&second) {
        return None;
    }
    let sequence = u16::from_be_bytes([*datagram.get(2)?, *datagram.get(3)?]);
    let mut at = 12 + 4 * usize::from(first & 0x0F);
    if first & 0x10 != 0 {
        let words = u16::from_be_bytes([*datagram.get(at + 2)?, *datagram.get(at + 3)?]);
        at += 4 + 4 * usize::from(words);
    }
    let padding = match first & 0x20 {
        0 => 0,
        _ => usize::from(*datagram.last()?),
    };
    let payload = datagram.get(at..datagram.len().checked_sub(padding)?)?;
    Some((sequence, payload))
}

fn take(payload: &[u8], fragments: &mut Option<Vec<u8>>, units: &mut Vec<Unit>) -> Result<()> {
    let odd = |what: &str| HarnessError::new(format!("{what}: {:02x?}", payload.get(..4)));
    let Some(first) = payload.first() else {
        return Ok(());
    };
    match first & 0x1F {
        1..=23 => units.push(Unit::of(payload)),
        24 => {
            let mut rest = &payload[1..];
            while let Some((size, behind)) = rest.split_first_chunk() {
                let size = usize::from(u16::from_be_bytes(*size));
                let unit = behind
                    .get(..size)
                    .ok_or_else(|| odd("a STAP-A cut short"))?;
                units.push(Unit::of(unit));
                rest = &behind[size..];
            }
        }
        28 => {
            let [indicator, header, part @ ..] = payload else {
                return Err(odd("a FU-A cut short"));
            };
            if header & 0x80 != 0 {
                *fragments = Some(vec![(indicator & 0xE0) | (header & 0x1F)]);
            }
            let whole = fragments.as_mut().ok_or_else(|| odd("no beginning"))?;
            whole.extend_from_slice(part);
            if header & 0x40 != 0 {
                units.push(Unit::of(whole));
                *fragments = None;
            }
        }
        _ => return Err(odd("a payload of no mode that was agreed")),
    }
    Ok(())
}

/// How one line of NAL units lies in another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Same {
    /// Units with equal octets, one behind the other.
    pub units: usize,
    pub octets: usize,
    /// Of these, pictures that need no other.
    pub key: usize,
    /// Parameter sets that stand in `copy` alone, octet for octet as they came before.
    pub again: usize,
    /// Units of the original before the first of the copy.
    pub before: usize,
    /// Units of the original behind the last of the copy.
    pub behind: usize,
}

/// Holds `copy` against `original`: from the copy's first slice on every unit must be there with equal octets, in the
/// same order, with none left out and none added but parameter sets that the original had before.
///
/// # Errors
/// The first unit that is not so.
pub fn same(original: &[Unit], copy: &[Unit]) -> Result<Same> {
    let wrong = |why: String| Err(HarnessError::new(why));
    let Some(slice) = copy.iter().find(|unit| !unit.is_parameter_set()) else {
        return wrong(format!("no picture among {} units", copy.len()));
    };
    let Some(mut at) = original.iter().position(|unit| unit == slice) else {
        return wrong(format!("{slice:?} is not in the original"));
    };
    // Its parameter sets stand before it.
    while at > 0 && original[at - 1].is_parameter_set() {
        at -= 1;
    }
    let before = at;
    let mut seen: HashSet<&str> = original[..at]
        .iter()
        .filter(|unit| unit.is_parameter_set())
        .map(|unit| unit.hash.as_str())
        .collect();
    let mut same = Same {
        units: 0,
        octets: 0,
        key: 0,
        again: 0,
        before,
        behind: 0,
    };
    for (n, unit) in copy.iter().enumerate() {
        match original.get(at) {
            Some(first) if first == unit => {
                at += 1;
                same.units += 1;
                same.octets += unit.length;
                same.key += usize::from(unit.kind == 5);
                if unit.is_parameter_set() {
                    seen.insert(&unit.hash);
                }
            }
            other => {
                if !unit.is_parameter_set() || !seen.contains(unit.hash.as_str()) {
                    return wrong(format!(
                        "the {n}th unit of the copy is {unit:?}, where the original has {other:?}"
                    ));
                }
                same.again += 1;
            }
        }
    }
    same.behind = original.len() - at;
    Ok(same)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(sequence: u16, payload: &[u8]) -> Datagram {
        let mut datagram = vec![0x80, 96];
        datagram.extend(sequence.to_be_bytes());
        datagram.extend([0; 8]);
        datagram.extend(payload);
        Datagram {
            from: 1,
            to: 2,
            payload: datagram,
        }
    }

    #[test]
    fn units_of_every_kind_of_packet() {
        let datagrams = [
            packet(65_535, &[24, 0, 2, 0x67, 1, 0, 2, 0x68, 2]),
            packet(1, &[0x7C, 0x45, 5, 6]),
            packet(0, &[0x7C, 0x85, 3, 4]),
            packet(2, &[0x41, 9]),
        ];
        let units = on_the_wire(&datagrams, 1, 2).unwrap();
        let expected = [&[0x67, 1][..], &[0x68, 2], &[0x65, 3, 4, 5, 6], &[0x41, 9]];
        assert_eq!(units, Vec::from_iter(expected.map(Unit::of)));
        assert!(on_the_wire(&datagrams, 2, 1).unwrap().is_empty());
        let holed = [packet(1, &[0x41, 9]), packet(3, &[0x41, 9])];
        assert!(on_the_wire(&holed, 1, 2).is_err());
    }

    #[test]
    fn the_same_but_for_parameter_sets_given_again() {
        let unit = |octets: &[u8]| Unit::of(octets);
        let (sps, pps) = (unit(&[0x67, 1]), unit(&[0x68, 2]));
        let slice = |n: u8| unit(&[0x41, n]);
        let key = unit(&[0x65, 1]);
        let original = [
            slice(0),
            sps.clone(),
            pps.clone(),
            key.clone(),
            slice(1),
            key.clone(),
            slice(2),
        ];
        let copy = [
            sps.clone(),
            pps.clone(),
            key.clone(),
            slice(1),
            sps.clone(),
            pps.clone(),
            key.clone(),
        ];
        let found = same(&original, &copy).unwrap();
        assert_eq!(
            (
                found.units,
                found.key,
                found.again,
                found.before,
                found.behind
            ),
            (5, 2, 2, 1, 1)
        );
        for wrong in [
            vec![sps.clone(), key.clone(), slice(2)],
            vec![key.clone(), slice(1), slice(2)],
            vec![key, slice(1), unit(&[0x67, 9])],
            vec![sps, pps],
        ] {
            assert!(same(&original, &wrong).is_err(), "{wrong:?}");
        }
    }
}
