//! Keys in offers and answers: each test is one exchange, or one kind of line.

use crate::plan::{AudioCodec, Direction, TrunkPlan};
use crate::sdp::crypto::{CryptoFault, CryptoLine};
use crate::sdp::trunk::{KeySeed, SrtpPolicy, TrunkMediaConfig, TrunkSession};
use crate::sdp::{SdpError, read};
use crate::srtp::SrtpSuite;
use proptest::prelude::*;

const KEY_A: &str = "WnD7c1ksDGs+dIefCEo8omPg4uO8DYIinNGL5yxQ";
const KEY_B: &str = "t0r0/apkukU7JjjfR0mY8GEimBq4OiPEm9eKSFOx";

fn session(srtp: SrtpPolicy) -> TrunkSession {
    TrunkSession::new(TrunkMediaConfig {
        address: "192.0.2.1".parse().unwrap(),
        port: 20_000,
        session_id: 42,
        codecs: vec![AudioCodec::Pcmu],
        ptime_ms: 20,
        dtmf_payload_type: None,
        comfort_noise: false,
        srtp,
        key_seed: KeySeed([9; 32]),
    })
}

/// A description of theirs with one audio section.
fn theirs(profile: &str, attributes: &[&str]) -> Vec<u8> {
    let mut text = format!(
        "v=0\r\no=pbx 1 1 IN IP4 198.51.100.9\r\ns=-\r\nc=IN IP4 198.51.100.9\r\nt=0 0\r\nm=audio 7000 {profile} 0\r\n"
    );
    for attribute in attributes {
        text.push_str(&format!("a={attribute}\r\n"));
    }
    text.into_bytes()
}

fn with_key(tag: u32, key: &str) -> String {
    format!("crypto:{tag} AES_CM_128_HMAC_SHA1_80 inline:{key}")
}

fn profile(sdp: &str) -> String {
    read(sdp.as_bytes()).unwrap().media[0].protocol.clone()
}

fn lines(sdp: &str) -> Vec<CryptoLine> {
    let description = read(sdp.as_bytes()).unwrap();
    description.media[0]
        .attributes
        .iter()
        .filter(|attribute| attribute.name == "crypto")
        .map(|attribute| CryptoLine::read(attribute.value.as_deref().unwrap()).unwrap())
        .collect()
}

/// Our offer, and an answer that takes its line of AES-CM with [`KEY_A`].
fn agreed(policy: SrtpPolicy) -> (TrunkSession, CryptoLine, TrunkPlan) {
    let mut session = session(policy);
    let offer = session.offer(Direction::SendRecv);
    let ours = *lines(&offer)
        .iter()
        .find(|line| line.key.suite() == SrtpSuite::AesCm128HmacSha1_80)
        .unwrap();
    let answer = theirs(&profile(&offer), &[&with_key(ours.tag, KEY_A)]);
    let plan = session.receive_answer(&answer).unwrap();
    (session, ours, plan)
}

#[test]
fn what_is_offered_follows_the_policy() {
    for (policy, expected, count) in [
        (SrtpPolicy::Off, "RTP/AVP", 0),
        (SrtpPolicy::Optional, "RTP/AVP", 3),
        (SrtpPolicy::Required, "RTP/SAVP", 3),
    ] {
        let offer = session(policy).offer(Direction::SendRecv);
        assert_eq!(profile(&offer), expected);
        let lines = lines(&offer);
        assert_eq!(lines.len(), count);
        for (n, line) in lines.iter().enumerate() {
            assert!(lines[n + 1..].iter().all(|other| other.tag != line.tag));
            let octets = line.key.keying();
            assert!(octets.iter().any(|octet| *octet != octets[0]));
            assert!(
                lines[n + 1..]
                    .iter()
                    .all(|other| other.key.keying()[..8] != octets[..8])
            );
        }
    }
}

#[test]
fn an_answer_gives_both_keys() {
    for policy in [SrtpPolicy::Optional, SrtpPolicy::Required] {
        let (_, ours, plan) = agreed(policy);
        let srtp = plan.srtp.unwrap();
        assert_eq!(srtp.send, ours.key);
        let theirs = CryptoLine::read(&with_key(1, KEY_A)["crypto:".len()..]).unwrap();
        assert_eq!(srtp.receive, theirs.key);
    }
}

#[test]
fn an_optional_offer_may_be_answered_plainly_and_a_required_one_not() {
    let mut optional = session(SrtpPolicy::Optional);
    optional.offer(Direction::SendRecv);
    let plan = optional.receive_answer(&theirs("RTP/AVP", &[])).unwrap();
    assert_eq!(plan.srtp, None);
    // What is plain stays plain in our own offers.
    assert!(lines(&optional.offer(Direction::SendOnly)).is_empty());

    let mut required = session(SrtpPolicy::Required);
    required.offer(Direction::SendRecv);
    for answer in [theirs("RTP/AVP", &[]), theirs("RTP/SAVP", &[])] {
        let refused = required.receive_answer(&answer);
        assert_eq!(refused, Err(SdpError::NotEncrypted { line: 6 }));
    }
    assert_eq!(required.plan(), None);
}

#[test]
fn a_refused_optional_offer_is_insisted_on_once() {
    let mut session = session(SrtpPolicy::Optional);
    let first = session.offer(Direction::SendRecv);
    assert!(session.insist_on_srtp());
    let second = session.offer(Direction::SendRecv);
    assert_eq!(profile(&second), "RTP/SAVP");
    assert_eq!(lines(&second), lines(&first));
    assert!(!session.insist_on_srtp());
    let answer = theirs("RTP/AVP", &[]);
    assert!(session.receive_answer(&answer).is_err());
    let answer = theirs("RTP/SAVP", &[&with_key(3, KEY_A)]);
    assert!(session.receive_answer(&answer).unwrap().srtp.is_some());
    assert!(!session.insist_on_srtp());
}

#[test]
fn an_answer_must_choose_what_was_offered() {
    let mut session = session(SrtpPolicy::Required);
    session.offer(Direction::SendRecv);
    for (line, fault) in [
        (with_key(4, KEY_A), CryptoFault::NotOffered),
        (with_key(1, KEY_A), CryptoFault::NotOffered),
        (
            format!("crypto:3 AES_CM_128_HMAC_SHA1_32 inline:{KEY_A}"),
            CryptoFault::NotOffered,
        ),
        (
            with_key(3, "AAAA"),
            CryptoFault::KeyLength {
                expected: 30,
                found: 3,
            },
        ),
    ] {
        let refused = session.receive_answer(&theirs("RTP/SAVP", &[&line]));
        assert_eq!(refused, Err(SdpError::Crypto { line: 7, fault }));
        assert_eq!(refused.unwrap_err().sip_status(), 488);
    }
}

#[test]
fn an_offer_of_theirs_is_answered_with_its_tag_and_a_key_of_ours() {
    for profile_name in ["RTP/SAVP", "RTP/AVP"] {
        let mut session = session(SrtpPolicy::Optional);
        let unknown = "crypto:1 F8_128_HMAC_SHA1_80 inline:AAAA";
        let offer = theirs(
            profile_name,
            &[unknown, &with_key(17, KEY_A), &with_key(18, KEY_B)],
        );
        let (answer, plan) = session.receive_offer(&offer, Direction::SendRecv).unwrap();
        assert_eq!(profile(&answer), profile_name);
        let [line] = lines(&answer)[..] else {
            panic!("one line answers")
        };
        assert_eq!(line.tag, 17);
        let srtp = plan.srtp.unwrap();
        assert_eq!(srtp.send, line.key);
        assert_ne!(srtp.send.keying(), srtp.receive.keying());
    }
}

#[test]
fn offers_against_the_policy_are_refused() {
    let plain = theirs("RTP/AVP", &[]);
    let keyed = theirs("RTP/AVP", &[&with_key(1, KEY_A)]);
    let keyless = theirs("RTP/SAVP", &[]);
    let secure = theirs("RTP/SAVP", &[&with_key(1, KEY_A)]);
    let outcome = |policy, offer: &[u8]| {
        session(policy)
            .receive_offer(offer, Direction::SendRecv)
            .map(|(_, plan)| plan.srtp.is_some())
            .map_err(|error| error.sip_status())
    };
    for (policy, expected) in [
        (SrtpPolicy::Off, [Ok(false), Ok(false), Err(488), Err(488)]),
        (
            SrtpPolicy::Optional,
            [Ok(false), Ok(true), Err(488), Ok(true)],
        ),
        (
            SrtpPolicy::Required,
            [Err(488), Ok(true), Err(488), Ok(true)],
        ),
    ] {
        let found = [&plain, &keyed, &keyless, &secure].map(|offer| outcome(policy, offer));
        assert_eq!(found, expected, "{policy:?}");
    }
}

#[test]
fn our_hold_keeps_profile_tag_and_key() {
    let (mut session, ours, plan) = agreed(SrtpPolicy::Required);
    let hold = session.offer(Direction::SendOnly);
    assert_eq!(profile(&hold), "RTP/SAVP");
    assert_eq!(lines(&hold), [ours]);
    let answer = theirs("RTP/SAVP", &[&with_key(ours.tag, KEY_A), "recvonly"]);
    let held = session.receive_answer(&answer).unwrap();
    assert_eq!(held.srtp, plan.srtp);
    // A refresh is one: the same octets, version included.
    assert_eq!(session.offer(Direction::SendOnly), hold);
}

#[test]
fn their_hold_with_the_same_key_keeps_ours_and_echoes_their_tag() {
    let (mut session, ours, plan) = agreed(SrtpPolicy::Required);
    let offer = theirs(
        "RTP/SAVP",
        &[&with_key(5, KEY_B), &with_key(6, KEY_A), "sendonly"],
    );
    let (answer, held) = session.receive_offer(&offer, Direction::SendRecv).unwrap();
    assert_eq!(held.srtp, plan.srtp);
    let expected = CryptoLine {
        tag: 6,
        key: ours.key,
    };
    assert_eq!(lines(&answer), [expected]);
}

#[test]
fn their_new_key_is_answered_with_a_new_one() {
    let (mut session, ours, _) = agreed(SrtpPolicy::Optional);
    let offer = theirs("RTP/AVP", &[&with_key(1, KEY_B)]);
    let (answer, plan) = session.receive_offer(&offer, Direction::SendRecv).unwrap();
    let srtp = plan.srtp.unwrap();
    assert_ne!(srtp.send, ours.key);
    assert_eq!(lines(&answer)[0].key, srtp.send);
    // And once more: no key is drawn twice.
    let offer = theirs("RTP/AVP", &[&with_key(1, KEY_A)]);
    let (_, third) = session.receive_offer(&offer, Direction::SendRecv).unwrap();
    assert_ne!(third.srtp.unwrap().send, srtp.send);
}

#[test]
fn a_downgrade_in_mid_call_is_refused_where_srtp_is_required() {
    let (mut required, _, plan) = agreed(SrtpPolicy::Required);
    let plain = theirs("RTP/AVP", &[]);
    let refused = required.receive_offer(&plain, Direction::SendRecv);
    assert_eq!(refused.unwrap_err().sip_status(), 488);
    assert_eq!(required.plan(), Some(&plan));
    assert_eq!(lines(&required.offer(Direction::SendRecv)).len(), 1);

    let (mut optional, ..) = agreed(SrtpPolicy::Optional);
    let (answer, plan) = optional.receive_offer(&plain, Direction::SendRecv).unwrap();
    assert_eq!((plan.srtp, lines(&answer).len()), (None, 0));
}

#[test]
fn what_a_line_may_say() {
    let line = |rest: &str| CryptoLine::read(&format!("1 AES_CM_128_HMAC_SHA1_80 {rest}"));
    for good in [
        format!("inline:{KEY_A}"),
        format!("INLINE:{KEY_A}|2^31"),
        format!("inline:{KEY_A}|1048576"),
        format!("inline:{KEY_A} WSH=64 -x=1"),
    ] {
        assert!(line(&good).is_ok(), "{good}");
    }
    assert!(CryptoLine::read(&format!("1  aes_cm_128_hmac_sha1_32\tinline:{KEY_A}")).is_ok());
    let parameter = CryptoFault::SessionParameter;
    for (bad, fault) in [
        (format!("inline:{KEY_A}|2^20|1:4"), CryptoFault::Mki),
        (format!("inline:{KEY_A}|1:32"), CryptoFault::Mki),
        (
            format!("inline:{KEY_A};inline:{KEY_B}"),
            CryptoFault::SeveralKeys,
        ),
        (format!("inline:{KEY_A}|forever"), CryptoFault::Lifetime),
        (format!("inline:{KEY_A}|"), CryptoFault::Lifetime),
        (format!("prompt:{KEY_A}"), CryptoFault::Method),
        (KEY_A.to_owned(), CryptoFault::Method),
        ("inline:*".to_owned(), CryptoFault::Base64),
        (
            "inline:".to_owned(),
            CryptoFault::KeyLength {
                expected: 30,
                found: 0,
            },
        ),
        (
            format!("inline:{KEY_A} UNENCRYPTED_SRTP"),
            parameter("UNENCRYPTED_SRTP"),
        ),
        (
            format!("inline:{KEY_A} unencrypted_srtcp"),
            parameter("UNENCRYPTED_SRTCP"),
        ),
        (format!("inline:{KEY_A} KDR=0"), parameter("KDR")),
        (
            format!("inline:{KEY_A} NEW=1"),
            parameter("of an unknown name"),
        ),
    ] {
        assert_eq!(line(&bad), Err(fault), "{bad}");
    }
    for (bad, fault) in [
        ("", CryptoFault::Form),
        ("1", CryptoFault::Form),
        ("1 AES_CM_128_HMAC_SHA1_80", CryptoFault::Form),
        ("x AES_CM_128_HMAC_SHA1_80 inline:", CryptoFault::Tag),
        (
            "1234567890 AES_CM_128_HMAC_SHA1_80 inline:",
            CryptoFault::Tag,
        ),
        ("1 NULL inline:", CryptoFault::Suite),
    ] {
        assert_eq!(CryptoLine::read(bad), Err(fault), "{bad}");
    }
}

#[test]
fn keys_stand_in_no_error_and_no_debug_output() {
    let (session, ours, plan) = agreed(SrtpPolicy::Required);
    let offer = theirs("RTP/SAVP", &[&with_key(1, KEY_A)]);
    let read_back = read(&offer).unwrap();
    let misplaced = theirs("RTP/SAVP", &[&format!("crypto:1 inline:{KEY_A} x")]);
    let error = session
        .clone()
        .receive_offer(&misplaced, Direction::SendRecv);
    let broken = read(format!("v=0\r\na crypto:1 X inline:{KEY_A}\r\n").as_bytes());
    let printed = format!("{session:?} {plan:?} {read_back:?} {error:?} {broken:?}");
    let written = ours.write();
    let ours = written.rsplit(':').next().unwrap();
    for secret in [KEY_A, &KEY_A[..12], ours, &ours[..12]] {
        assert!(!printed.contains(secret));
    }
    assert!(!printed.contains("9, 9, 9"));
}

proptest! {
    #[test]
    fn no_line_makes_it_panic(line in "\\PC{0,120}", tag in 0_u32..2_000_000_000) {
        let _ = CryptoLine::read(&line);
        let line = format!("{tag} AES_CM_128_HMAC_SHA1_80 inline:{line}");
        if let Ok(read) = CryptoLine::read(&line) {
            prop_assert_eq!(CryptoLine::read(&read.write()), Ok(read));
        }
    }
}
