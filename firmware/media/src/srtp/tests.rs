//! Known answers, and a far side that changes, repeats, forges and rekeys.

use super::{SrtpError, SrtpKey, SrtpReceiver, SrtpSender, SrtpSuite};
use crate::rtp::Header;

fn octets(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex
        .bytes()
        .filter(u8::is_ascii_hexdigit)
        .map(|b| char::from(b).to_digit(16).unwrap() as u8)
        .collect();
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

fn key_of(suite: SrtpSuite, seed: u8) -> SrtpKey {
    let keying: Vec<u8> = (0..suite.keying_octets() as u8)
        .map(|n| n.wrapping_mul(7) ^ seed)
        .collect();
    SrtpKey::new(suite, &keying).unwrap()
}

fn packet(ssrc: u32, sequence: u16) -> Vec<u8> {
    let header = Header {
        marker: false,
        payload_type: 0,
        sequence,
        timestamp: u32::from(sequence) * 160,
        ssrc,
    };
    let mut packet = header.to_bytes().to_vec();
    packet.extend((0..160).map(|n| n as u8 ^ sequence as u8));
    packet
}

/// A receiver report of nobody.
fn report(ssrc: u32) -> Vec<u8> {
    let mut report = vec![0x80, 201, 0, 1];
    report.extend(ssrc.to_be_bytes());
    report
}

fn pair(suite: SrtpSuite) -> (SrtpSender, SrtpReceiver) {
    let key = key_of(suite, 3);
    (
        SrtpSender::new(key).unwrap(),
        SrtpReceiver::new(key).unwrap(),
    )
}

fn take(receiver: &mut SrtpReceiver, packet: &[u8]) -> Result<Vec<u8>, SrtpError> {
    receiver.unprotect_rtp(packet).map(|plain| plain.to_vec())
}

fn seal(sender: &mut SrtpSender, packet: &[u8]) -> Vec<u8> {
    sender.protect_rtp(packet).unwrap().to_vec()
}

/// The published validation packets of the reference implementation of RFC 3711 and RFC 7714: a
/// key derivation or an IV that is merely consistent with itself does not pass.
#[test]
fn known_answers() {
    let plain = octets("800f1234decafbadcafebabe abababababababababababababababab");
    let cases = [
        (
            SrtpSuite::AesCm128HmacSha1_80,
            "e1f97a0d3e018be0d64fa32c06de4139 0ec675ad498afeebb6960b3aabe6",
            "4e55dc4ce79978d88ca4d215949d2402 b78d6acc99ea179b8dbb",
        ),
        (
            SrtpSuite::AesCm128HmacSha1_32,
            "e1f97a0d3e018be0d64fa32c06de4139 0ec675ad498afeebb6960b3aabe6",
            "4e55dc4ce79978d88ca4d215949d2402 b78d6acc",
        ),
        (
            SrtpSuite::AeadAes128Gcm,
            "000102030405060708090a0b0c0d0e0f a0a1a2a3a4a5a6a7a8a9aaab",
            "c5002ede04cfdd2eb91159e0880aa06e d2976826f796b201df3131a127e8a392",
        ),
    ];
    for (suite, keying, payload) in cases {
        let key = SrtpKey::new(suite, &octets(keying)).unwrap();
        let sealed = seal(&mut SrtpSender::new(key).unwrap(), &plain);
        assert_eq!(sealed[..12], plain[..12]);
        assert_eq!(sealed[12..], octets(payload), "{suite:?}");
        let opened = take(&mut SrtpReceiver::new(key).unwrap(), &sealed);
        assert_eq!(opened.unwrap(), plain);
    }
}

#[test]
fn every_suite_goes_there_and_back() {
    for suite in SrtpSuite::ALL {
        let (mut sender, mut receiver) = pair(suite);
        let plain = packet(7, 1);
        let sealed = seal(&mut sender, &plain);
        assert_ne!(sealed[12..172], plain[12..]);
        assert_eq!(take(&mut receiver, &sealed), Ok(plain));
        let sealed = sender.protect_rtcp(&report(7)).unwrap();
        let opened = receiver.unprotect_rtcp(&sealed).unwrap();
        assert_eq!(*opened, report(7), "{suite:?}");
    }
}

#[test]
fn a_packet_is_taken_once_and_a_changed_one_never() {
    let (mut sender, mut receiver) = pair(SrtpSuite::AesCm128HmacSha1_80);
    let first = seal(&mut sender, &packet(7, 10));
    assert!(take(&mut receiver, &first).is_ok());
    assert_eq!(take(&mut receiver, &first), Err(SrtpError::Replayed));
    let mut second = seal(&mut sender, &packet(7, 11));
    for at in 0..second.len() {
        second[at] ^= 1;
        assert!(take(&mut receiver, &second).is_err(), "octet {at}");
        second[at] ^= 1;
    }
    assert!(take(&mut receiver, &second).is_ok());
    assert_eq!(
        take(&mut receiver, &packet(7, 12)),
        Err(SrtpError::Unauthentic)
    );
    for length in 0..30 {
        assert!(take(&mut receiver, &second[..length]).is_err());
        assert!(receiver.unprotect_rtcp(&second[..length]).is_err());
    }
}

#[test]
fn the_sequence_wraps_four_times_with_loss_and_disorder() {
    let (mut sender, mut receiver) = pair(SrtpSuite::AeadAes128Gcm);
    let mut late = None;
    let start = 60_000_u32;
    for n in start..start + 4 * 65_536 {
        // Every hundredth step, so that the test is quick; all around the wraps.
        let near = (n as u16).wrapping_add(20) < 40;
        if n % 100 != 0 && !near {
            continue;
        }
        let plain = packet(7, n as u16);
        let sealed = seal(&mut sender, &plain);
        match n % 7 {
            0 if near => {}
            1 if near && late.is_none() => late = Some((sealed, plain)),
            _ => {
                assert_eq!(take(&mut receiver, &sealed), Ok(plain), "packet {n}");
                if let Some((sealed, plain)) = late.take() {
                    assert_eq!(take(&mut receiver, &sealed), Ok(plain), "before {n}");
                }
            }
        }
    }
}

#[test]
fn another_ssrc_is_heard_and_the_first_may_come_back() {
    let (mut sender, mut receiver) = pair(SrtpSuite::AesCm128HmacSha1_80);
    let old = seal(&mut sender, &packet(1, 5));
    assert!(take(&mut receiver, &old).is_ok());
    for ssrc in 2..10 {
        let sealed = seal(&mut sender, &packet(ssrc, 40_000));
        assert!(take(&mut receiver, &sealed).is_ok());
    }
    assert_eq!(take(&mut receiver, &old), Err(SrtpError::Replayed));
    let back = seal(&mut sender, &packet(1, 6));
    assert!(take(&mut receiver, &back).is_ok());
}

#[test]
fn forgers_with_many_ssrcs_neither_fill_memory_nor_lock_anybody_out() {
    let (mut sender, mut receiver) = pair(SrtpSuite::AesCm128HmacSha1_80);
    // One that guesses the SSRC of a leg that has not spoken yet.
    assert_eq!(
        take(&mut receiver, &packet(7, 50_000)),
        Err(SrtpError::Unauthentic)
    );
    let first = seal(&mut sender, &packet(7, 30_000));
    assert!(take(&mut receiver, &first).is_ok());
    for ssrc in 100..10_000 {
        assert_eq!(
            take(&mut receiver, &packet(ssrc, 1)),
            Err(SrtpError::Unauthentic)
        );
    }
    let second = seal(&mut sender, &packet(7, 30_001));
    assert!(take(&mut receiver, &second).is_ok());
}

#[test]
fn rtcp_in_clear_is_refused() {
    for suite in SrtpSuite::ALL {
        let (mut sender, mut receiver) = pair(suite);
        let mut sealed = sender.protect_rtcp(&report(7)).unwrap().to_vec();
        assert!(receiver.unprotect_rtcp(&report(7)).is_err());
        // The flag that says "encrypted", taken away: the rest must not be believed.
        let tag = match suite {
            SrtpSuite::AeadAes128Gcm | SrtpSuite::AeadAes256Gcm => 0,
            _ => 10,
        };
        let at = sealed.len() - tag - 4;
        sealed[at] &= 0x7F;
        let refused = receiver.unprotect_rtcp(&sealed).map(|_| ());
        assert_eq!(refused, Err(SrtpError::Unauthentic));
    }
}

#[test]
fn what_is_under_way_at_a_rekeying_is_heard() {
    let (mut sender, mut receiver) = pair(SrtpSuite::AesCm128HmacSha1_80);
    let first = seal(&mut sender, &packet(7, 1));
    let under_way = seal(&mut sender, &packet(7, 2));
    let forgotten = seal(&mut sender, &packet(7, 3));
    assert!(take(&mut receiver, &first).is_ok());
    let key = key_of(SrtpSuite::AeadAes256Gcm, 99);
    receiver.rekey(key).unwrap();
    receiver.rekey(key).unwrap();
    assert!(take(&mut receiver, &under_way).is_ok());
    let mut sender = SrtpSender::new(key).unwrap();
    let new = seal(&mut sender, &packet(7, 4));
    assert!(take(&mut receiver, &new).is_ok());
    // From here on the old key is worth nothing.
    assert_eq!(take(&mut receiver, &forgotten), Err(SrtpError::Unauthentic));
}

#[test]
fn keys_do_not_print() {
    let key = SrtpKey::new(SrtpSuite::AeadAes128Gcm, &[0xAB; 28]).unwrap();
    let sender = SrtpSender::new(key).unwrap();
    let receiver = SrtpReceiver::new(key).unwrap();
    let printed = format!("{key:?} {sender:?} {receiver:?}");
    assert!(printed.contains("AEAD_AES_128_GCM"));
    assert!(!printed.contains("171") && !printed.to_lowercase().contains("ab, ab"));
}
