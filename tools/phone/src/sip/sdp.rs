//! Session descriptions for plain RTP audio (RFC 8866, RFC 3264).

use std::net::{IpAddr, SocketAddr};

use crate::media::g711::Law;

/// The payload type this phone offers telephone events under.
pub const DTMF: u8 = 101;

/// Which way the sound flows, from the writer's point of view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Both ways.
    SendRecv,
    /// The writer only sends.
    SendOnly,
    /// The writer only listens.
    RecvOnly,
    /// Neither.
    Inactive,
}

impl Direction {
    /// The attribute's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    /// Whether the writer sends.
    pub fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether the writer listens.
    pub fn listens(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    fn of(sends: bool, listens: bool) -> Self {
        match (sends, listens) {
            (true, true) => Self::SendRecv,
            (true, false) => Self::SendOnly,
            (false, true) => Self::RecvOnly,
            (false, false) => Self::Inactive,
        }
    }

    /// What to answer to an offer of this direction, when we would like `ours`.
    pub fn answer(self, ours: Self) -> Self {
        Self::of(
            ours.sends() && self.listens(),
            ours.listens() && self.sends(),
        )
    }
}

/// What the far end described.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// Where it receives RTP.
    pub address: SocketAddr,
    /// The laws it reads, in its order.
    pub laws: Vec<Law>,
    /// Its telephone-event payload type at 8 kHz.
    pub dtmf: Option<u8>,
    /// Which way it wants the sound to flow.
    pub direction: Direction,
    lines: Vec<String>,
    audio: usize,
}

/// Reads a description; `None` without an `RTP/AVP` audio line that is switched on and has an address.
pub fn read(body: &[u8]) -> Option<Description> {
    let text = std::str::from_utf8(body).ok()?;
    let mut session_address = None;
    let mut address = None;
    let mut session_direction = None;
    let mut direction = None;
    let mut lines: Vec<String> = Vec::new();
    let mut audio = None;
    let mut port = 0;
    let mut laws = Vec::new();
    let mut formats: Vec<u8> = Vec::new();
    let mut dtmf = None;
    for line in text.lines().map(str::trim_end) {
        let Some((kind, value)) = line.split_once('=') else {
            continue;
        };
        let in_audio = audio.is_some() && audio == lines.len().checked_sub(1);
        match kind {
            "m" => {
                let mut words = value.split_whitespace();
                let (media, wanted, profile) = (words.next()?, words.next()?, words.next()?);
                if audio.is_none() && media == "audio" && profile == "RTP/AVP" {
                    audio = Some(lines.len());
                    port = wanted.split('/').next()?.parse().ok()?;
                    formats = words.filter_map(|word| word.parse().ok()).collect();
                }
                lines.push(value.to_owned());
            }
            "c" => {
                let found: Option<IpAddr> = value
                    .split_whitespace()
                    .nth(2)?
                    .split('/')
                    .next()?
                    .parse()
                    .ok();
                if lines.is_empty() {
                    session_address = found;
                } else if in_audio {
                    address = found;
                }
            }
            "a" => {
                let found = match value {
                    "sendrecv" => Some(Direction::SendRecv),
                    "sendonly" => Some(Direction::SendOnly),
                    "recvonly" => Some(Direction::RecvOnly),
                    "inactive" => Some(Direction::Inactive),
                    _ => None,
                };
                if lines.is_empty() {
                    session_direction = found.or(session_direction);
                } else if in_audio {
                    direction = found.or(direction);
                    if let Some((format, mapping)) = value
                        .strip_prefix("rtpmap:")
                        .and_then(|v| v.split_once(' '))
                    {
                        let mut parts = mapping.split('/');
                        let (name, rate) = (parts.next()?, parts.next());
                        if name.eq_ignore_ascii_case("telephone-event")
                            && rate == Some("8000")
                            && dtmf.is_none()
                        {
                            dtmf = format.parse().ok();
                        }
                    }
                }
            }
            _ => {}
        }
    }
    let audio = audio?;
    for format in formats {
        match format {
            0 => laws.push(Law::Pcmu),
            8 => laws.push(Law::Pcma),
            _ => {}
        }
    }
    let address = address.or(session_address)?;
    let mut direction = direction
        .or(session_direction)
        .unwrap_or(Direction::SendRecv);
    // The way of RFC 2543 to say hold.
    if address.is_unspecified() {
        direction = Direction::of(direction.sends(), false);
    }
    (port != 0).then_some(Description {
        address: SocketAddr::new(address, port),
        laws,
        dtmf,
        direction,
        lines,
        audio,
    })
}

/// What this phone says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ours {
    /// Where it receives RTP.
    pub address: SocketAddr,
    /// The laws it takes, best first.
    pub laws: Vec<Law>,
    /// Which way the sound should flow.
    pub direction: Direction,
    /// Session id and version of the origin line.
    pub session: u32,
    /// Grows with every change.
    pub version: u32,
}

impl Ours {
    /// An offer.
    pub fn offer(&self) -> Vec<u8> {
        (self.head() + &self.audio(&self.laws, Some(DTMF), self.direction)).into_bytes()
    }

    /// The answer to `offer`, with the law agreed on; `None` when there is none in common.
    pub fn answer(&self, offer: &Description) -> Option<(Vec<u8>, Law)> {
        let law = *offer.laws.iter().find(|law| self.laws.contains(law))?;
        let mut text = self.head();
        for (index, line) in offer.lines.iter().enumerate() {
            if index == offer.audio {
                text += &self.audio(&[law], offer.dtmf, offer.direction.answer(self.direction));
            } else {
                let mut words = line.split_whitespace();
                let media = words.next().unwrap_or("audio");
                let rest: Vec<&str> = words.skip(1).collect();
                text += &format!("m={media} 0 {}\r\n", rest.join(" "));
            }
        }
        Some((text.into_bytes(), law))
    }

    fn head(&self) -> String {
        let ip = self.address.ip();
        let family = if ip.is_ipv4() { "IP4" } else { "IP6" };
        let (session, version) = (self.session, self.version);
        format!(
            "v=0\r\no=phone {session} {version} IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\n"
        )
    }

    fn audio(&self, laws: &[Law], dtmf: Option<u8>, direction: Direction) -> String {
        let mut formats = String::new();
        let mut maps = String::new();
        for law in laws {
            formats += &format!(" {}", law.payload_type());
            maps += &format!("a=rtpmap:{} {}/8000\r\n", law.payload_type(), law.name());
        }
        if let Some(events) = dtmf {
            formats += &format!(" {events}");
            maps += &format!("a=rtpmap:{events} telephone-event/8000\r\na=fmtp:{events} 0-15\r\n");
        }
        format!(
            "m=audio {} RTP/AVP{formats}\r\n{maps}a=ptime:20\r\na={}\r\n",
            self.address.port(),
            direction.name()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours() -> Ours {
        Ours {
            address: SocketAddr::from(([127, 0, 0, 1], 4000)),
            laws: vec![Law::Pcma, Law::Pcmu],
            direction: Direction::SendRecv,
            session: 1,
            version: 2,
        }
    }

    #[test]
    fn an_offer_reads_as_it_was_meant() {
        let read = read(&ours().offer()).expect("readable");
        assert_eq!(read.address, ours().address);
        assert_eq!(read.laws, [Law::Pcma, Law::Pcmu]);
        assert_eq!(
            (read.dtmf, read.direction),
            (Some(DTMF), Direction::SendRecv)
        );
    }

    #[test]
    fn an_answer_keeps_the_lines_of_the_offer_and_their_payload_types() {
        let offer = "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n\
            m=video 5000 RTP/AVP 96\r\nm=audio 4002 RTP/AVP 0 96\r\nc=IN IP4 10.0.0.2\r\n\
            a=rtpmap:96 telephone-event/8000\r\na=sendonly\r\n";
        let offer = read(offer.as_bytes()).expect("readable");
        assert_eq!(offer.address.to_string(), "10.0.0.2:4002");
        let (answer, law) = ours().answer(&offer).expect("in common");
        let text = String::from_utf8(answer).expect("text");
        assert_eq!(law, Law::Pcmu);
        assert!(
            text.contains("m=video 0 RTP/AVP 96\r\nm=audio 4000 RTP/AVP 0 96\r\n"),
            "{text}"
        );
        assert!(text.contains("a=recvonly"), "{text}");
    }

    #[test]
    fn hold_is_read_in_all_its_spellings() {
        let base = "v=0\r\nc=IN IP4 ADDR\r\nSESSION\r\nm=audio 4000 RTP/AVP 0\r\nMEDIA\r\n";
        let direction = |ip: &str, session: &str, media: &str| {
            let text = base
                .replace("ADDR", ip)
                .replace("SESSION", session)
                .replace("MEDIA", media);
            read(text.as_bytes()).map(|d| d.direction)
        };
        assert_eq!(direction("1.1.1.1", "", ""), Some(Direction::SendRecv));
        assert_eq!(
            direction("1.1.1.1", "a=inactive", ""),
            Some(Direction::Inactive)
        );
        assert_eq!(
            direction("1.1.1.1", "a=inactive", "a=sendonly"),
            Some(Direction::SendOnly)
        );
        assert_eq!(direction("0.0.0.0", "", ""), Some(Direction::SendOnly));
        assert_eq!(
            Direction::SendOnly.answer(Direction::SendRecv),
            Direction::RecvOnly
        );
        assert_eq!(
            Direction::Inactive.answer(Direction::SendRecv),
            Direction::Inactive
        );
    }

    #[test]
    fn nothing_in_common_or_nothing_at_all() {
        let offer =
            read(b"v=0\r\nc=IN IP4 1.1.1.1\r\nm=audio 4000 RTP/AVP 9\r\n").expect("readable");
        assert!(ours().answer(&offer).is_none());
        for bad in [
            "",
            "v=0",
            "m=audio",
            "m=audio 0 RTP/AVP 0\nc=IN IP4 1.1.1.1",
            "m=audio 4000 RTP/SAVPF 0",
        ] {
            assert!(read(bad.as_bytes()).is_none(), "{bad}");
        }
    }
}
