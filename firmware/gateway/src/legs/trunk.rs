//! The trunk leg: what of a call the PBX sees.
//!
//! The leg is built from scratch: nothing a page sends reaches a SIP header but the dialled number,
//! which [`causeway_directory::Destination`] has reduced to digits.

use super::account;
use super::attempt::Attempt;
use super::info_digits::InfoDigits;
use super::redirection::Redirection;
use super::said;
use crate::media::{LegKey, Listening};
use causeway_call::context::ContextToken;
use causeway_call::lines::{Line, LineLimits};
use causeway_call::route::TrunkRoute;
use causeway_call::user_to_user::{self, Ucid};
use causeway_call::{Cause, FarCause};
use causeway_directory::{
    CallerIdHeader, Directory, DtmfMode, Located, Reliable, SessionTimer, SipTransport, Srtp, Trunk,
};
use causeway_media::plan::{AudioCodec, TrunkPlan};
use causeway_media::sdp::h264::ProfileLevel;
use causeway_media::sdp::trunk::{KeySeed, SrtpPolicy, TrunkMediaConfig, TrunkSession};
use causeway_media::sdp::video::VideoConfig;
use causeway_sip::endpoint::{
    self, Credentials, Failure, FailureKind, Identity, Invite, ReasonHeader, Transport, TrunkHosts,
};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// One trunk leg as the switch holds it.
#[derive(Debug)]
pub struct TrunkLeg {
    pub trunk: String,
    pub sip: Option<endpoint::CallId>,
    pub session: TrunkSession,
    pub media: LegKey,
    pub ports: LegPorts,
    /// What was agreed last.
    pub plan: Option<TrunkPlan>,
    /// A session description of the far side came in a provisional response.
    pub early: bool,
    /// The offer of an incoming INVITE, until it is answered; `None` when it had none.
    pub offer: Option<Vec<u8>>,
    /// The SDP that answers an incoming INVITE's offer, kept so that 183 and 200 are one answer.
    pub offerless: bool,
    /// The target it is at, and those it was tried at.
    pub attempt: Attempt,
    /// What is heard while that target does not answer.
    pub watch: Option<SoundWatch>,
    /// Where the PBX has sent the call on to.
    pub redirection: Redirection,
    /// Digits on their way, when they go as INFO.
    pub info: Option<InfoDigits>,
    /// The line of the trunk that it holds until it ends.
    pub line: Option<Line>,
}

/// The even ports that a leg holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LegPorts {
    pub audio: u16,
    pub video: Option<u16>,
}

/// The pace of digits that go as INFO, on trunks where they do.
pub fn info_digits(trunk: &Trunk) -> Option<InfoDigits> {
    (trunk.dtmf == DtmfMode::Info).then(InfoDigits::default)
}

/// What a trunk may carry.
pub fn line_limits(trunk: &Trunk) -> LineLimits {
    LineLimits {
        max_calls: trunk.max_calls.as_ref().map(|most| *most.get_ref()),
        per_second: trunk.calls_per_second.as_ref().map(|most| *most.get_ref()),
    }
}

/// RTP of a PBX that does not answer.
#[derive(Debug, Clone, Copy)]
pub struct SoundWatch {
    pub packets: u64,
    /// Since when there are no more than these.
    pub since: Instant,
}

/// What our side can do on this trunk, with media at this address.
pub fn media_config(
    trunk: &Trunk,
    at: SocketAddr,
    session_id: u64,
    key_seed: KeySeed,
) -> TrunkMediaConfig {
    TrunkMediaConfig {
        address: at.ip(),
        port: at.port(),
        // The o= line's session id is a decimal that stays below 2^63 (RFC 8866 section 5.2).
        session_id: session_id >> 1,
        codecs: trunk
            .codecs
            .iter()
            .filter_map(|c| match c.get_ref().as_str() {
                "PCMU" => Some(AudioCodec::Pcmu),
                "PCMA" => Some(AudioCodec::Pcma),
                "G722" => Some(AudioCodec::G722),
                _ => None,
            })
            .collect(),
        ptime_ms: *trunk.ptime_ms.get_ref(),
        dtmf_payload_type: matches!(trunk.dtmf, DtmfMode::Auto | DtmfMode::Rfc4733)
            .then_some(*trunk.dtmf_payload_type.get_ref()),
        comfort_noise: trunk.comfort_noise,
        srtp: match trunk.srtp {
            Srtp::Off => SrtpPolicy::Off,
            Srtp::Optional => SrtpPolicy::Optional,
            Srtp::Required => SrtpPolicy::Required,
        },
        key_seed,
    }
}

/// What our side can do with pictures on this trunk: what every browser can, and every phone with H.264.
pub fn video_config(trunk: &Trunk, port: u16) -> VideoConfig {
    VideoConfig {
        port,
        // Next to that of digits, whatever it is; mode 0 has the one behind.
        payload_type: if *trunk.dtmf_payload_type.get_ref() < 104 {
            105
        } else {
            97
        },
        profile_level: ProfileLevel::BROWSER,
        max_kbps: Some(*trunk.video_kbps.get_ref()),
    }
}

/// How closely the PBX is listened to.
pub fn listening(trunk: &Trunk) -> Listening {
    let seconds = u64::from(trunk.media_timeout_s);
    Listening {
        silence: (seconds > 0).then(|| Duration::from_secs(seconds)),
        tones: matches!(trunk.dtmf, DtmfMode::Auto | DtmfMode::Inband),
    }
}

pub const fn transport(configured: SipTransport) -> Transport {
    match configured {
        SipTransport::Udp => Transport::Udp,
        SipTransport::Tcp => Transport::Tcp,
        SipTransport::Tls => Transport::Tls,
    }
}

/// The URI a number has at a target of a trunk: a PBX that has a name is called by it, wherever the name leads.
/// `#` is no character of a user part (RFC 3261 section 25.1).
pub fn uri_at(trunk: &Trunk, target: Located, number: &str) -> String {
    let place = trunk.places().nth(target.place);
    let host = match (&trunk.domain, place) {
        (Some(domain), _) => domain.clone(),
        (None, Some(place)) if place.name().is_some() => place.to_string(),
        (None, _) => target.address.to_string(),
    };
    let (scheme, suffix) = match target.transport {
        SipTransport::Udp => ("sip", ""),
        SipTransport::Tcp => ("sip", ";transport=tcp"),
        // A sips URI says TLS by itself (RFC 3261 section 26.2.2).
        SipTransport::Tls if trunk.sips => ("sips", ""),
        SipTransport::Tls => ("sip", ";transport=tls"),
    };
    if number.is_empty() {
        format!("{scheme}:{host}{suffix}")
    } else {
        format!("{scheme}:{}@{host}{suffix}", number.replace('#', "%23"))
    }
}

/// The INVITE of a browser's call to one target of its trunk. `unix_ms` dates an Avaya call ID.
pub fn invite(
    directory: &Directory,
    route: &TrunkRoute<'_>,
    target: Located,
    context: Option<&ContextToken>,
    sdp: String,
    unix_ms: i64,
) -> Invite {
    let trunk = route.trunk;
    let shown = directory.config().sip.shown_to(target.address.ip());
    let host = match (account::domain(trunk), shown) {
        (Some(domain), _) => domain,
        (None, std::net::IpAddr::V4(ip)) => ip.to_string(),
        (None, std::net::IpAddr::V6(ip)) => format!("[{ip}]"),
    };
    let (called, caller) = match &trunk.numbering {
        Some(numbering) => {
            let numbering = numbering.get_ref();
            (
                numbering.called(&route.number),
                numbering.caller(&route.caller_number),
            )
        }
        None => (route.number.clone(), route.caller_number.clone()),
    };
    let caller = account::shown(trunk, &route.caller_number, caller);
    let called = uri_at(trunk, target, &called);
    let caller = format!("sip:{caller}@{host}");
    let mut headers = identity(trunk, &caller, route.caller_name.as_deref());
    let value = context.and_then(|token| {
        user_to_user::write(token, trunk.user_to_user, ucid(trunk, token, unix_ms))
    });
    if let Some(value) = value {
        headers.push(("User-to-User".to_owned(), value));
    }
    for header in &trunk.headers {
        let header = header.get_ref();
        headers.push((header.name.clone(), header.value.clone()));
    }
    Invite {
        remote: target.address,
        transport: transport(target.transport),
        request_uri: called.clone(),
        from: if trunk.hide_caller {
            Identity {
                display: Some("Anonymous".to_owned()),
                uri: "sip:anonymous@anonymous.invalid".to_owned(),
            }
        } else {
            Identity {
                display: route.caller_name.clone(),
                uri: caller,
            }
        },
        to: called,
        headers,
        sdp: Some(sdp.into_bytes()),
        credentials: credentials(directory, trunk),
        reliable: match trunk.reliable {
            Reliable::Off => endpoint::Reliable::Off,
            Reliable::Supported => endpoint::Reliable::Supported,
            Reliable::Required => endpoint::Reliable::Required,
        },
        session_timer: session_timer(trunk),
    }
}

/// What answers the challenges of this trunk, and of no other.
pub fn credentials(directory: &Directory, trunk: &Trunk) -> Option<Credentials> {
    let (Some(username), Some(password)) = (&trunk.username, &trunk.password) else {
        return None;
    };
    let addresses = |of| directory.known(of).map(|l| l.address);
    let others = directory
        .trunks()
        .filter(|other| other.name.get_ref() != trunk.name.get_ref());
    Some(Credentials {
        username: username.clone(),
        password: password.reveal().to_owned(),
        realm: trunk.realm.clone(),
        hosts: TrunkHosts {
            own: addresses(trunk).collect(),
            others: others.flat_map(addresses).collect(),
            secure: directory.is_secure(trunk),
        },
    })
}

/// How this trunk's calls prove that they live.
pub fn session_timer(trunk: &Trunk) -> endpoint::SessionTimer {
    use endpoint::SessionTimerMode as Mode;
    endpoint::SessionTimer {
        mode: match trunk.session_timer {
            SessionTimer::Off => Mode::Off,
            SessionTimer::Supported => Mode::Supported,
            SessionTimer::Required => Mode::Required,
        },
        interval_s: *trunk.session_expires_s.get_ref(),
        ..endpoint::SessionTimer::default()
    }
}

/// The headers that say who calls, besides From.
fn identity(trunk: &Trunk, caller: &str, name: Option<&str>) -> Vec<(String, String)> {
    let name = name
        .map(|name| format!("\"{}\" ", quoted(name)))
        .unwrap_or_default();
    let address = format!("{name}<{caller}>");
    let mut headers = Vec::new();
    let mut push = |name: &str, value: String| headers.push((name.to_owned(), value));
    match trunk.caller_id {
        CallerIdHeader::From => {}
        CallerIdHeader::PAssertedIdentity => push("P-Asserted-Identity", address),
        CallerIdHeader::PPreferredIdentity => push("P-Preferred-Identity", address),
        CallerIdHeader::RemotePartyId => {
            let privacy = if trunk.hide_caller { "full" } else { "off" };
            push(
                "Remote-Party-ID",
                format!("{address};party=calling;screen=yes;privacy={privacy}"),
            );
        }
    }
    if trunk.hide_caller {
        push("Privacy", "id".to_owned());
    }
    headers
}

/// The Universal Call ID of a call, when the trunk wants one. Its sequence number is of the token's
/// randomness: the box keeps no counter that a restart would repeat.
fn ucid(trunk: &Trunk, token: &ContextToken, unix_ms: i64) -> Option<Ucid> {
    let node = *trunk.ucid_node.as_ref()?.get_ref();
    let sequence = token.as_str().get(..4)?;
    Some(Ucid {
        node,
        sequence: u16::from_str_radix(sequence, 16).ok()?,
        seconds: u32::try_from(unix_ms / 1_000).ok()?,
    })
}

/// A display name as the inside of a quoted string (RFC 3261 section 25.1).
fn quoted(name: &str) -> String {
    name.chars()
        .filter(|c| !c.is_control())
        .flat_map(|c| {
            let escape = matches!(c, '"' | '\\').then_some('\\');
            escape.into_iter().chain([c])
        })
        .collect()
}

/// The user part of a request URI, without parameters: what was dialled.
pub fn dialled(request_uri: &str) -> String {
    let rest = request_uri
        .split_once(':')
        .map_or(request_uri, |(_, rest)| rest);
    let user = rest.split('@').next().unwrap_or(rest);
    let user = user.split([';', '?']).next().unwrap_or(user);
    user.replace("%23", "#")
        .replace("%2B", "+")
        .replace("%2b", "+")
}

/// What the far side's refusal says.
pub fn cause_of_failure(failure: Failure) -> FarCause {
    let silent = matches!(failure.kind, FailureKind::Timeout | FailureKind::Transport)
        && failure.status.is_none();
    // What exactly did not fit stands in a Warning (RFC 3261 section 20.43).
    let reason = match failure.warning {
        Some(warning) => format!("{} ({} {})", failure.reason, warning.code, warning.text),
        None => failure.reason,
    };
    FarCause {
        status: failure.status,
        reason: Some(said::plain(&reason, said::REASON)).filter(|r| !r.is_empty()),
        silent,
        ..cause_of_reason(failure.cause)
    }
}

/// What a Reason header says.
pub fn cause_of_reason(reason: Option<ReasonHeader>) -> FarCause {
    match reason {
        None => FarCause::default(),
        Some(reason) => FarCause {
            protocol: Some(said::plain(&reason.protocol, said::NUMBER)),
            value: reason.cause,
            text: reason.text.map(|text| said::plain(&text, said::REASON)),
            ..FarCause::default()
        },
    }
}

/// The Reason header that goes with our BYE, CANCEL or refusal (RFC 3326).
pub fn reason_of(cause: &Cause) -> ReasonHeader {
    let (_, q850, text) = cause.towards_trunk();
    ReasonHeader::q850(q850, text)
}

/// Whether `peer` may be answered as this trunk. The endpoint has dropped everybody else already.
pub fn trunk_name(directory: &Directory, peer: SocketAddr) -> Option<String> {
    directory.trunk_of(peer).map(|t| t.name.get_ref().0.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dialled_numbers() {
        assert_eq!(dialled("sip:+4930@box:5060;user=phone"), "+4930");
        assert_eq!(dialled("sip:100;phone-context=x@box"), "100");
        assert_eq!(dialled("tel:+4930;ext=1"), "+4930");
        assert_eq!(dialled("sip:%2B49%23@h"), "+49#");
    }

    #[test]
    fn display_names_cannot_leave_their_quotes() {
        assert_eq!(quoted("A \"B\\\r\nVia: x"), "A \\\"B\\\\Via: x");
    }

    /// What an INVITE over a trunk with these further keys says.
    fn invite_with(keys: &str) -> Invite {
        let text = format!(
            "[box]\nhttps = \"127.0.0.1:1\"\nmedia = \"127.0.0.1:2\"\n[sip]\nudp = \"127.0.0.1:5060\"\n\
             [rtp]\naddress = \"127.0.0.1\"\nports = \"20000-20099\"\n\
             [[app]]\nkey = \"shop\"\nsecret_sha256 = [\"{}\"]\norigins = [\"https://a.example\"]\ncaller_id = \"+49305\"\n\
             [[trunk]]\nname = \"pbx\"\naddress = \"127.0.0.1:5070\"\n{keys}\n",
            "ab".repeat(32)
        );
        let config = causeway_directory::Config::parse(&text).unwrap();
        let directory = Directory::new(config);
        let app = directory.config().apps[0].get_ref();
        let route = TrunkRoute {
            trunk: directory.trunks().next().unwrap(),
            app,
            number: "+4930123456".to_owned(),
            caller_number: "+493077".to_owned(),
            caller_name: Some("The \"shop\"".to_owned()),
        };
        let token = ContextToken::parse("0123456789abcdef01234567").unwrap();
        let target = directory.located(route.trunk)[0];
        invite(
            &directory,
            &route,
            target,
            Some(&token),
            "v=0".to_owned(),
            3_000,
        )
    }

    fn header<'a>(invite: &'a Invite, name: &str) -> Option<&'a str> {
        let found = invite.headers.iter().find(|(found, _)| found == name);
        found.map(|(_, value)| value.as_str())
    }

    #[test]
    fn the_caller_is_named_as_the_trunk_wants_it() {
        let address = "\"The \\\"shop\\\"\" <sip:+493077@127.0.0.1>";
        let remote_party = format!("{address};party=calling;screen=yes;privacy=off");
        for (keys, name, value) in [
            ("", "P-Asserted-Identity", address),
            (
                "caller_id = \"p-preferred-identity\"",
                "P-Preferred-Identity",
                address,
            ),
            (
                "caller_id = \"remote-party-id\"",
                "Remote-Party-ID",
                &remote_party,
            ),
        ] {
            let invite = invite_with(keys);
            assert_eq!(header(&invite, name), Some(value), "{keys}");
            assert_eq!(header(&invite, "Privacy"), None);
            assert_eq!(invite.from.uri, "sip:+493077@127.0.0.1");
        }
        let invite = invite_with("caller_id = \"from\"");
        let names: Vec<_> = invite.headers.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["User-to-User"]);
    }

    #[test]
    fn a_hidden_caller_is_known_to_the_trunk_alone() {
        let invite = invite_with("hide_caller = true");
        assert_eq!(invite.from.uri, "sip:anonymous@anonymous.invalid");
        assert_eq!(header(&invite, "Privacy"), Some("id"));
        assert!(header(&invite, "P-Asserted-Identity").is_some_and(|v| v.contains("+493077")));
    }

    #[test]
    fn numbers_headers_and_context_are_those_of_the_trunk() {
        let invite = invite_with(
            "numbering = { format = \"national\", country = \"49\", outside_prefix = \"9\" }\n\
             headers = [{ name = \"X-Site\", value = \"north\" }]\n\
             user_to_user = \"avaya\"\nucid_node = 7",
        );
        assert_eq!(invite.request_uri, "sip:9030123456@127.0.0.1:5070");
        assert_eq!(invite.to, invite.request_uri);
        assert_eq!(invite.from.uri, "sip:03077@127.0.0.1");
        assert_eq!(header(&invite, "X-Site"), Some("north"));
        assert_eq!(
            header(&invite, "User-to-User"),
            Some(
                "04C818303132333435363738396162636465663031323334353637FA080007012300000003;encoding=hex"
            )
        );
        let off = invite_with("user_to_user = false");
        assert_eq!(header(&off, "User-to-User"), None);
    }
}
