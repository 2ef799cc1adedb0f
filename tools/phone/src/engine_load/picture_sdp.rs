//! The picture's part of the trunk's session descriptions (RFC 8866, RFC 6184 section 8.2).

use std::net::SocketAddr;

/// What is offered: where, and the payload type of H.264 in packetization mode 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offered {
    pub port: u16,
    payload_type: u8,
}

/// Reads the first picture of an offer that can be taken.
pub fn offered(sdp: &str) -> Option<Offered> {
    let at = sdp.find("m=video ")?;
    let section = sdp.get(at + 2..)?;
    let section = section.split("\nm=").next()?;
    let port = section.split(' ').nth(1)?.parse().ok()?;
    let fits = |line: &str| {
        let (payload_type, name) = line.strip_prefix("a=rtpmap:")?.split_once(' ')?;
        let payload_type: u8 = payload_type.parse().ok()?;
        let format = format!("a=fmtp:{payload_type} ");
        let mut formats = section.lines().filter(|line| line.starts_with(&format));
        let is_mode_1 = formats.any(|line| line.contains("packetization-mode=1"));
        (name.trim() == "H264/90000" && is_mode_1).then_some(payload_type)
    };
    let payload_type = section.lines().find_map(fits)?;
    (port > 0).then_some(Offered { port, payload_type })
}

/// An answer that refused the picture, with the picture taken at `port`.
pub fn taken(answer: &str, offered: Offered, port: u16) -> String {
    let Offered { payload_type, .. } = offered;
    let section = format!(
        "m=video {port} RTP/AVP {payload_type}\r\na=rtpmap:{payload_type} H264/90000\r\n\
         a=fmtp:{payload_type} profile-level-id=42e01f;packetization-mode=1\r\na=sendrecv"
    );
    let lines = answer.trim_end().split("\r\n");
    let lines: Vec<&str> = lines
        .map(|line| match line.starts_with("m=video 0 ") {
            true => section.as_str(),
            false => line,
        })
        .collect();
    lines.join("\r\n") + "\r\n"
}

impl Offered {
    /// Where it is, at the address of the sound.
    pub fn at(&self, sound: SocketAddr) -> SocketAddr {
        SocketAddr::new(sound.ip(), self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_is_taken_and_the_rest_left_alone() {
        let offer = "v=0\r\nm=audio 4000 RTP/AVP 0\r\nm=video 4002 RTP/AVP 98 97\r\na=rtpmap:98 H264/90000\r\n\
                     a=fmtp:98 packetization-mode=0\r\na=rtpmap:97 H264/90000\r\na=fmtp:97 packetization-mode=1\r\n";
        let found = offered(offer).unwrap();
        assert_eq!((found.port, found.payload_type), (4002, 97));
        let refused = "v=0\r\nm=audio 5000 RTP/AVP 0\r\nm=video 0 RTP/AVP 98 97\r\n";
        let answer = taken(refused, found, 5002);
        assert!(
            answer.starts_with("v=0\r\nm=audio 5000 RTP/AVP 0\r\nm=video 5002 RTP/AVP 97\r\n"),
            "{answer}"
        );
        assert!(offered("v=0\r\nm=audio 4000 RTP/AVP 0\r\n").is_none());
    }
}
