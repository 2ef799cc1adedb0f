//! What is struck out of texts, and what is left in them.

use causeway_maintenance::redact::redact;

fn struck(text: &str) -> String {
    redact(text.as_bytes(), &[])
}

/// Every sample hides `hunter2`, in the way of some program.
#[test]
fn secrets_do_not_get_out() {
    let samples = [
        "password = \"hunter2\"",
        "password='hunter2' # the old one",
        "admin_password=hunter2,x",
        "PASSWORD: hunter2 and hunter2",
        "{\"name\":\"pbx\",\"password\":\"hunter2\",\"port\":5060}",
        "event={\\\"password\\\":\\\"hun\\\\ter2 hunter2\\\"}",
        "{ password: \"a\\\"hunter2\" }",
        "password = \"\"\"hunter2\nhunter2\"\"\"",
        "secret_sha256 = [\n  \"hunter2\",\n  \"hunter2\",\n]\n",
        "secret_sha256 = [\"hunter2\", \"hunter2\"]",
        "tls_key = \"\"\"\nhunter2\n\"\"\"\n",
        "set trunk pbx password hunter2",
        "set trunk pbx password \"hunter2 hunter2\"",
        "set trunk pbx password \u{fc}hunter2",
        "causeway --token hunter2 --verbose",
        "GET /api/v1/ws?token=hunter2 HTTP/1.1",
        "Authorization: Basic aHVudGVyMjpodW50ZXIyhunter2",
        "authorization: Bearer hunter2",
        "{\"Authorization\":\"Digest username=\\\"a\\\", response=\\\"hunter2\\\"\"}",
        "sent Digest username=\"a\", realm=\"b\", response=\"hunter2\"",
        "Cookie: session=hunter2; other=hunter2",
        "Set-Cookie: a=hunter2",
        "proxy-authorization=hunter2 hunter2",
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:hunter2|2^31",
        "keys inline:hunter2",
        "v=0\\r\\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:hunter2\\r\\nm=audio",
        "a=ice-pwd:hunter2",
        "a=ice-ufrag:hunter2",
        "\"credential\": \"hunter2\", \"urls\": []",
        "fetching https://anna:hunter2@updates.example/a.raucb",
        "REGISTER sip:anna:hunter2@pbx.example",
        "turn:anna:hunter2@box.example:443?transport=tcp",
        "-----BEGIN PRIVATE KEY-----\nhunter2\nhunter2\n-----END PRIVATE KEY-----\n",
        "-----BEGIN EC PRIVATE KEY-----\\nhunter2\\n-----END EC PRIVATE KEY-----",
        "boxd[1]: -----BEGIN RSA PRIVATE KEY-----\nboxd[1]: hunter2\nboxd[1]: hunter2",
        "$argon2id$v=19$m=1,t=1,p=1$hunter2$hunter2",
        "admin:$6$hunter2$hunter2:20000:0:::",
        "token eyJhunter2.hunter2.hunter2",
        "got eyJhunter2.hunter2.hunter2.",
        "drawn: hunter2ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg",
        "drawn hunter2/ABCDEFGHIJKLMNOPQRSTUVWX+YZabcdefg==",
        "PSK=hunter2",
        "secret =>hunter2",
        "[trunk.password]\nsecret = \"hunter2",
    ];
    for sample in samples {
        let out = struck(sample);
        assert!(!out.contains("hunter2"), "{sample}\n{out}");
    }
}

#[test]
fn what_helps_is_left() {
    let left = [
        "Nov 26 15:45:32 box causewayd[311]: trunk pbx is up, 12 ms\n",
        "Failed password for admin from 192.0.2.1 port 22\n",
        "m=audio 20000 RTP/AVP 8 0\r\na=rtpmap:8 PCMA/8000\r\n",
        "root hash 7536aaedde667b0ffbcc8fac0211045d01bdf15426f1e3fd1986018c71e4f72a\n",
        "[   12.345678] Kernel panic - not syncing: sysrq triggered crash\n",
        "/dev/disk/by-id/ata-QEMU_HARDDISK_QM00001-part4 ext4 rw,noatime\n",
        "sip:600@pbx.example:5060;transport=tcp https://box.example:8443/preflight\n",
        "basic rate, digest of all, gr\u{fc}\u{df} \u{1f600}\n",
    ];
    for text in left {
        assert_eq!(struck(text), text);
    }
    assert_eq!(
        struck("a = 1\npassword = \"x\" # of the trunk\nport = 5060\n"),
        "a = 1\npassword = *** # of the trunk\nport = 5060\n"
    );
    // After a key, and after a list, the text goes on.
    assert!(
        struck("-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\nport\n")
            .ends_with("\nport\n")
    );
    assert!(struck("secrets = [\n\"x\",\n]\nport\n").ends_with("\nport\n"));
    assert!(
        struck(&format!(
            "-----BEGIN PRIVATE KEY-----\n{}port\n",
            "x\n".repeat(201)
        ))
        .ends_with("\nport\n")
    );
}

#[test]
fn what_is_known_to_be_secret_is_struck_wherever_it_stands() {
    let text = b"calling tulip-bed now; tulip-bed\xff\n";
    let known = ["tulip-bed", "ing"];
    assert_eq!(redact(text, &known), "calling *** now; ***\u{fffd}\n");
}

#[test]
fn a_long_line_takes_no_longer_than_it_is() {
    let pieces = [
        "password",
        "=",
        "a:",
        "\"",
        "[",
        "://a:b",
        "key ",
        "eyJ.",
        "$2",
        "A1b/",
        "ab/",
        "digest a ",
        "-----BEGIN ",
    ];
    for piece in pieces {
        let began = std::time::Instant::now();
        let _ = struck(&piece.repeat(200_000 / piece.len()));
        assert!(
            began.elapsed() < std::time::Duration::from_secs(5),
            "{piece}"
        );
    }
}
