//! What a probe's messages show. Pure: a ladder in, facts out.
//!
//! Everything is read from the messages as they were kept, so what the doctor says can be checked
//! by eye in the ladder of the same probe.

use causeway_api::ladder::SipMessage;

/// One exchange: an OPTIONS, or a call from its INVITE to its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exchange {
    /// Something was sent.
    pub sent: bool,
    /// The same request went out again because nothing came back.
    pub repeated: u32,
    /// Provisional responses above 100, in order.
    pub provisional: Vec<Provisional>,
    /// Challenges, in order: more than one to the same request means refused credentials.
    pub challenges: Vec<Challenge>,
    /// The last final response to the first request, challenges that were answered aside.
    pub status: Option<u16>,
    /// Its reason phrase, and its `Warning` where there is one.
    pub reason: String,
    /// Milliseconds from the first request to the first response, and to a 2xx.
    pub first_ms: Option<i64>,
    pub answered_ms: Option<i64>,
    /// Capabilities, lower case, from any response.
    pub allow: Vec<String>,
    pub supported: Vec<String>,
    pub accept: Vec<String>,
    /// `Server` or `User-Agent`.
    pub software: Option<String>,
    pub session_expires: Option<String>,
    pub min_se: Option<String>,
    /// We asked for a session timer.
    pub timer_asked: bool,
    /// The first session description that came.
    pub sdp: Option<Sdp>,
    pub user_to_user: UserToUser,
    /// Final statuses of our requests within the call.
    pub within: Vec<(String, u16)>,
    /// Requests of the far side within the call, without ACK and BYE.
    pub theirs: Vec<String>,
    /// The far side ended it.
    pub they_hung_up: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provisional {
    pub status: u16,
    pub sdp: bool,
    pub reliable: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Challenge {
    pub realm: String,
    /// MD5 when it is not said.
    pub algorithm: String,
    pub stale: bool,
}

/// What became of the header we sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UserToUser {
    #[default]
    NotSent,
    /// In none of the responses.
    Silent,
    Echoed,
}

/// The audio of a session description.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sdp {
    pub refused: bool,
    pub profile: String,
    /// Encoding names in order, without telephone-event.
    pub codecs: Vec<String>,
    /// Its payload type.
    pub telephone_event: Option<String>,
    pub ptime_ms: Option<u8>,
    pub address: String,
    pub has_keys: bool,
    /// Sections beside the audio.
    pub others: usize,
}

impl Exchange {
    /// Reads the messages of one Call-ID, oldest first.
    pub fn read(messages: &[SipMessage]) -> Self {
        let mut exchange = Self::default();
        let mut first: Option<&SipMessage> = None;
        // CSeq of requests outside and inside the dialog.
        let (mut outer, mut inner): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
        for message in messages {
            let line = message.first_line();
            let cseq = message.header("CSeq").unwrap_or_default();
            let method = cseq.split_whitespace().nth(1).unwrap_or("").to_owned();
            let response = line.strip_prefix("SIP/2.0 ");
            match (message.sent, response) {
                (true, None) => {
                    exchange.sent = true;
                    let tagged = message
                        .header("To")
                        .is_some_and(|to| to.to_ascii_lowercase().contains(";tag="));
                    if matches!(method.as_str(), "ACK" | "CANCEL" | "PRACK") {
                        continue;
                    }
                    let known = outer.contains(&cseq) || inner.contains(&cseq);
                    exchange.repeated += u32::from(known);
                    if tagged {
                        inner.push(cseq);
                    } else {
                        outer.push(cseq);
                        first.get_or_insert(message);
                        exchange.timer_asked |= message.header("Session-Expires").is_some();
                        if message.header("User-to-User").is_some() {
                            exchange.user_to_user = UserToUser::Silent;
                        }
                    }
                }
                (false, Some(rest)) => {
                    let status = rest.get(..3).and_then(|s| s.parse().ok()).unwrap_or(0);
                    let reason = rest.get(4..).unwrap_or("").to_owned();
                    let after = first.map_or(0, |f| (message.at_us - f.at_us) / 1000);
                    exchange.capabilities(message);
                    if outer.contains(&cseq) {
                        exchange.first_ms.get_or_insert(after);
                        exchange.response(message, status, reason, after);
                    } else if inner.contains(&cseq) && status >= 200 && method != "BYE" {
                        exchange.within.push((method, status));
                    }
                }
                (false, None) => match line.split(' ').next().unwrap_or("") {
                    "BYE" => exchange.they_hung_up = true,
                    "ACK" => {}
                    other => exchange.theirs.push(other.to_owned()),
                },
                (true, Some(_)) => {}
            }
        }
        exchange
    }

    fn response(&mut self, message: &SipMessage, status: u16, reason: String, after: i64) {
        let sdp = Sdp::read(&message.body());
        if message.header("User-to-User").is_some() && self.user_to_user == UserToUser::Silent {
            self.user_to_user = UserToUser::Echoed;
        }
        match status {
            0..=100 => return,
            101..=199 => self.provisional.push(Provisional {
                status,
                sdp: sdp.is_some(),
                reliable: message.header("RSeq").is_some(),
            }),
            401 | 407 => {
                let name = if status == 401 {
                    "WWW-Authenticate"
                } else {
                    "Proxy-Authenticate"
                };
                let shown = message.header(name).unwrap_or_default();
                self.challenges.push(Challenge::read(&shown));
                self.finished(status, reason, None);
            }
            200..=299 => {
                self.answered_ms.get_or_insert(after);
                self.finished(status, reason, None);
            }
            _ => self.finished(status, reason, message.header("Warning")),
        }
        if self.sdp.is_none() {
            self.sdp = sdp;
        }
    }

    fn finished(&mut self, status: u16, reason: String, warning: Option<String>) {
        self.status = Some(status);
        self.reason = match warning {
            Some(warning) => format!("{reason}; {warning}"),
            None => reason,
        };
    }

    fn capabilities(&mut self, message: &SipMessage) {
        for (name, into) in [
            ("Allow", &mut self.allow),
            ("Supported", &mut self.supported),
            ("Accept", &mut self.accept),
        ] {
            for value in message.headers(name) {
                for token in value.split(',').map(str::trim).filter(|t| !t.is_empty()) {
                    let token = token.to_ascii_lowercase();
                    if !into.contains(&token) {
                        into.push(token);
                    }
                }
            }
        }
        for (name, into) in [
            ("Session-Expires", &mut self.session_expires),
            ("Min-SE", &mut self.min_se),
        ] {
            if into.is_none() {
                *into = message.header(name);
            }
        }
        if self.software.is_none() {
            self.software = message
                .header("Server")
                .or_else(|| message.header("User-Agent"));
        }
    }

    pub fn answered(&self) -> bool {
        self.status.is_some_and(|s| (200..300).contains(&s))
    }

    pub fn allows(&self, method: &str) -> bool {
        self.allow.iter().any(|m| m.eq_ignore_ascii_case(method))
    }

    pub fn supports(&self, option: &str) -> bool {
        self.supported.iter().any(|o| o == option)
    }

    /// `486 Busy Here`, or that nothing came.
    pub fn outcome(&self) -> String {
        match self.status {
            Some(status) => format!("{status} {}", self.reason).trim_end().to_owned(),
            None if !self.provisional.is_empty() => "rings, and is not answered".to_owned(),
            None if self.sent => "no answer".to_owned(),
            None => "nothing was sent".to_owned(),
        }
    }
}

impl Challenge {
    fn read(value: &str) -> Self {
        let parameter = |name: &str| {
            let lower = value.to_ascii_lowercase();
            let at = lower.find(&format!("{name}="))? + name.len() + 1;
            let rest = value.get(at..)?;
            Some(match rest.strip_prefix('"') {
                Some(quoted) => quoted.split('"').next().unwrap_or("").to_owned(),
                None => rest.split([',', ' ']).next().unwrap_or("").to_owned(),
            })
        };
        Self {
            realm: parameter("realm").unwrap_or_default(),
            algorithm: parameter("algorithm").unwrap_or_else(|| "MD5".to_owned()),
            stale: parameter("stale").is_some_and(|s| s.eq_ignore_ascii_case("true")),
        }
    }
}

impl Sdp {
    /// The first audio section; `None` when there is none.
    pub fn read(body: &str) -> Option<Self> {
        /// The section, its formats, and the names they are mapped to.
        type Audio = (Sdp, Vec<String>, Vec<(String, String)>);
        let mut session_address = String::new();
        let mut audio: Option<Audio> = None;
        let mut here = false;
        let mut others = 0;
        for line in body.lines().map(str::trim) {
            let address = line
                .strip_prefix("c=")
                .and_then(|c| c.split_whitespace().nth(2));
            if let Some(m) = line.strip_prefix("m=") {
                here = m.starts_with("audio ") && audio.is_none();
                others += usize::from(!here);
                if here {
                    let mut words = m.split_whitespace().skip(1);
                    let refused = words.next() == Some("0");
                    let profile = words.next().unwrap_or("").to_owned();
                    let sdp = Self {
                        refused,
                        profile,
                        address: session_address.clone(),
                        ..Self::default()
                    };
                    audio = Some((sdp, words.map(str::to_owned).collect(), Vec::new()));
                }
            } else if let Some((sdp, _, maps)) = audio.as_mut().filter(|_| here) {
                if let Some(address) = address {
                    address.clone_into(&mut sdp.address);
                } else if let Some((pt, name)) = line
                    .strip_prefix("a=rtpmap:")
                    .and_then(|m| m.split_once(' '))
                {
                    let name = name.split('/').next().unwrap_or(name);
                    maps.push((pt.to_owned(), name.to_owned()));
                } else if let Some(ptime) = line.strip_prefix("a=ptime:") {
                    sdp.ptime_ms = ptime.trim().parse().ok();
                } else if line.starts_with("a=crypto:") {
                    sdp.has_keys = true;
                }
            } else if let Some(address) = address.filter(|_| audio.is_none()) {
                address.clone_into(&mut session_address);
            }
        }
        let (mut sdp, formats, maps) = audio?;
        for format in formats {
            let name = maps
                .iter()
                .find(|(pt, _)| *pt == format)
                .map(|(_, n)| n.as_str());
            match name.unwrap_or(match format.as_str() {
                "0" => "PCMU",
                "8" => "PCMA",
                "9" => "G722",
                "13" => "CN",
                "18" => "G729",
                other => other,
            }) {
                dtmf if dtmf.eq_ignore_ascii_case("telephone-event") => {
                    sdp.telephone_event = Some(format);
                }
                codec => sdp.codecs.push(codec.to_ascii_uppercase()),
            }
        }
        sdp.others = others;
        Some(sdp)
    }
}
