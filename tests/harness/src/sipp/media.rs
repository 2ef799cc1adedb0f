//! The session description of a scenario.

/// Where SIPp gives a picture back.
pub const ECHO: &str = "[media_port+2]";

/// A session description of the PBX.
#[derive(Debug, Clone)]
pub struct Media {
    pub version: u32,
    pub address: String,
    /// SIPp's echoing port when none.
    pub port: Option<u16>,
    /// Payload types of the `m=` line.
    pub formats: String,
    /// Further lines of the media section, each ended by CRLF.
    pub lines: String,
    pub direction: String,
    /// A section of video behind the sound: its port, and its direction attribute.
    pub video: Option<(String, String)>,
}

impl Media {
    /// The usual one: both laws of G.711 and telephone events at SIPp's echo.
    pub fn usual() -> Self {
        Self {
            version: 1,
            address: "127.0.0.1".to_owned(),
            port: None,
            formats: "8 0 101".to_owned(),
            lines: "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n".to_owned(),
            direction: "sendrecv".to_owned(),
            video: None,
        }
    }

    /// The next version of it.
    #[must_use]
    pub fn version(mut self, version: u32) -> Self {
        self.version = version;
        self
    }

    /// With another direction attribute.
    #[must_use]
    pub fn direction(mut self, direction: &str) -> Self {
        direction.clone_into(&mut self.direction);
        self
    }

    /// With a picture in H.264 at this port, as SIPp writes it ([`ECHO`]); 0 refuses or ends it.
    #[must_use]
    pub fn video(mut self, port: &str, direction: &str) -> Self {
        self.video = Some((port.to_owned(), direction.to_owned()));
        self
    }

    /// With another connection address.
    #[must_use]
    pub fn address(mut self, address: &str) -> Self {
        address.clone_into(&mut self.address);
        self
    }

    /// With another port.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// With other payload types and lines about them.
    #[must_use]
    pub fn formats(mut self, formats: &str, lines: &[&str]) -> Self {
        formats.clone_into(&mut self.formats);
        self.lines = lines.iter().map(|line| format!("{line}\r\n")).collect();
        self
    }

    /// The text of it, with SIPp's own words for its port.
    pub fn text(&self) -> String {
        let port = self
            .port
            .map_or("[media_port]".to_owned(), |port| port.to_string());
        let video = self
            .video
            .as_ref()
            .map_or_else(String::new, |(port, direction)| {
                format!(
                    "m=video {port} RTP/AVP 99\r\na=rtpmap:99 H264/90000\r\n\
                 a=fmtp:99 profile-level-id=42e01f;packetization-mode=1\r\na={direction}\r\n"
                )
            });
        format!(
            "v=0\r\no=pbx 4711 {} IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 {}\r\nt=0 0\r\nm=audio {port} RTP/AVP {}\r\n{}a={}\r\n{video}",
            self.version, self.address, self.formats, self.lines, self.direction
        )
    }
}
