//! A box of software: the finished image on a disk of its own in QEMU, with its serial console and its network.
//!
//! Without KVM (guests stall on some hosts although the device opens), and always `-no-reboot`: a reset ends the process, and the
//! next boot is a new one on the same disk and the same firmware variables, as after a power cut.
//!
//! The image is booted octet for octet as it is shipped. What a test needs inside comes along as the firmware's strings, out of
//! which PID 1 makes units (systemd.system-credentials(7)).

mod bundle;
mod disk;
mod lan;
mod machine;
mod probe;
mod write_log;

pub use bundle::Bundle;
pub use disk::{Disk, Esp};
pub use lan::Lan;
pub use machine::{Ended, Machine, OTHERS, Setup};
pub use probe::Probe;
pub use write_log::{Lots, WriteLog};

use std::time::{Duration, Instant};

/// Where the box listens in [`configuration`].
pub const HTTPS: u16 = 8443;
pub const SIP: u16 = 5060;

/// The box's configuration in these tests; QEMU's user network gives it 10.0.2.15.
pub fn configuration() -> String {
    format!(
        r#"[box]
name = "image-test"
https = "0.0.0.0:{HTTPS}"
media = "0.0.0.0:8444"
public = ["10.0.2.15"]
admin_key_sha256 = "{}"
[sip]
udp = "10.0.2.15:{SIP}"
[rtp]
address = "10.0.2.15"
ports = "20000-20099"
[[trunk]]
name = "pbx"
address = "10.0.2.2:5060"
transport = "udp"
codecs = ["PCMA"]
"#,
        "ab".repeat(32)
    )
}

/// Waits until the box answers a SIP OPTIONS; how long that took.
pub fn first_options(machine: &mut Machine, limit: Duration) -> Option<Duration> {
    let began = Instant::now();
    while began.elapsed() < limit && machine.runs() {
        if answers_options(machine) {
            return Some(began.elapsed());
        }
    }
    None
}

/// One OPTIONS, a quarter of a second to answer it.
pub fn answers_options(machine: &Machine) -> bool {
    let Ok(socket) = std::net::UdpSocket::bind("127.0.0.1:0") else {
        return false;
    };
    let unique = format!("{:?}", Instant::now()).replace(|c: char| !c.is_ascii_digit(), "");
    let request = format!(
        "OPTIONS sip:box@10.0.2.15 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.2.2:5060;branch=z9hG4bK{unique};rport\r\nMax-Forwards: 70\r\n\
         From: <sip:test@10.0.2.2>;tag={unique}\r\nTo: <sip:box@10.0.2.15>\r\nCall-ID: {unique}@10.0.2.2\r\nCSeq: 1 OPTIONS\r\n\
         Contact: <sip:test@10.0.2.2>\r\nContent-Length: 0\r\n\r\n"
    );
    let mut answer = [0; 2048];
    socket
        .set_read_timeout(Some(Duration::from_millis(250)))
        .is_ok()
        && socket
            .send_to(request.as_bytes(), ("127.0.0.1", machine.udp(SIP)))
            .is_ok()
        && socket
            .recv(&mut answer)
            .is_ok_and(|n| answer[..n].starts_with(b"SIP/2.0 200"))
}
