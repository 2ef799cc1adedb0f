use crate::sdp::{Address, SdpError, read};
use proptest::prelude::*;

const ORDINARY: &str = "v=0\r\no=- 1 2 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\n\
    t=0 0\r\nm=audio 4000 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n";

#[test]
fn what_is_read_is_written_the_same() {
    assert_eq!(read(ORDINARY.as_bytes()).unwrap().to_string(), ORDINARY);
}

#[test]
fn careless_writers_are_understood() {
    let careless = "\n v=0 \no=John Doe 99999999999999999999999 1 IN IP4 host.example\n\
        c=IN IP4 [2001:db8::1%eth0]/127 \nm=audio 5000/2  RTP/AVP  0\n\na=ptime: 20\nq=?\n\
        a=sendrecv";
    let description = read(careless.as_bytes()).unwrap();
    let media = &description.media[0];
    assert_eq!((media.port, media.line), (5_000, 5));
    assert_eq!(media.value("PTIME"), Some("20"));
    assert_eq!(
        description.origin.address,
        Address::Name("host.example".to_owned())
    );
    let connection = description.connection.as_ref().unwrap();
    assert_eq!(
        connection.address.ip(),
        Some("2001:db8::1".parse().unwrap())
    );
}

#[test]
fn faults_name_their_line() {
    for (text, line, reason) in [
        ("v=1\r\n", 1, "version is not 0"),
        ("hello\r\n", 1, "not of the form type=value"),
        ("o=- 1 1 IN IP4 1.2.3.4\r\n", 1, "the first line is not v="),
        ("v=0\r\nv=0\r\n", 2, "a second v= line"),
        ("v=0\r\no=- 1 IN\r\n", 2, "not an origin"),
        ("v=0\r\ns=-\r\nc=ATM NSAP 47\r\n", 3, "not a connection"),
        (
            "v=0\r\nc=IN IP4 a b\u{7}\r\nc=IN IP4 \u{7}\r\n",
            3,
            "not a connection",
        ),
        ("v=0\r\nm=audio 65536 RTP/AVP 0\r\n", 2, "not a media line"),
        ("v=0\r\nm=audio 4000\r\n", 2, "not a media line"),
        ("v=0\r\nhello=1\r\n", 2, "not a line type"),
    ] {
        match read(text.as_bytes()) {
            Err(SdpError::Line {
                line: l, reason: r, ..
            }) => {
                assert_eq!((l, r), (line, reason), "{text:?}");
            }
            other => panic!("{text:?}: {other:?}"),
        }
    }
    assert_eq!(read(b""), Err(SdpError::Missing("v=")));
}

#[test]
fn bounds_hold() {
    let large = format!("v=0\r\n{}", "a=x\r\n".repeat(14_000));
    assert!(matches!(
        read(large.as_bytes()),
        Err(SdpError::TooLarge { .. })
    ));
    let long = format!("v=0\r\n{}", "a=x\r\n".repeat(4_200));
    assert!(matches!(
        read(long.as_bytes()),
        Err(SdpError::Line { line: 4_097, .. })
    ));
    let wide = format!("v=0\r\n{}", "m=audio 1 RTP/AVP 0\r\n".repeat(65));
    assert!(matches!(
        read(wide.as_bytes()),
        Err(SdpError::Line { line: 66, .. })
    ));
    let text = format!("v=0\r\n{}\r\n", "é".repeat(500));
    let Err(SdpError::Line { text, .. }) = read(text.as_bytes()) else {
        panic!("accepted");
    };
    assert_eq!(text.chars().count(), 80);
}

proptest! {
    #[test]
    fn anything_is_read_or_refused(octets in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = read(&octets);
    }

    #[test]
    fn anything_that_looks_like_sdp_is_read_or_refused_and_writes_stably(
        lines in proptest::collection::vec("[voscatmkbz]=[ -~]{0,40}", 0..30),
    ) {
        let text = format!("v=0\r\n{}\r\n", lines.join("\r\n"));
        if let Ok(description) = read(text.as_bytes()) {
            let written = description.to_string();
            if let Ok(again) = read(written.as_bytes()) {
                prop_assert_eq!(again.to_string(), written);
            }
        }
    }
}
