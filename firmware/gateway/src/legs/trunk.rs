//! The trunk leg: what of a call the PBX sees.
//!
//! The leg is built from scratch: nothing a page sends reaches a SIP header but the dialled number,
//! which [`causeway_directory::Destination`] has reduced to digits.

use crate::media::LegKey;
use causeway_call::route::TrunkRoute;
use causeway_call::{Cause, FarCause};
use causeway_directory::{CallerIdHeader, Directory, Reliable, SipTransport, Trunk};
use causeway_media::plan::{AudioCodec, TrunkPlan};
use causeway_media::sdp::trunk::{TrunkMediaConfig, TrunkSession};
use causeway_sip::endpoint::{
    self, Credentials, Failure, FailureKind, Identity, Invite, ReasonHeader, Transport,
};
use std::net::SocketAddr;

/// One trunk leg as the switch holds it.
#[derive(Debug)]
pub struct TrunkLeg {
    pub trunk: String,
    pub sip: Option<endpoint::CallId>,
    pub session: TrunkSession,
    pub media: LegKey,
    /// The even port it holds.
    pub port: u16,
    /// What was agreed last.
    pub plan: Option<TrunkPlan>,
    /// A session description of the far side came in a provisional response.
    pub early: bool,
    /// The offer of an incoming INVITE, until it is answered; `None` when it had none.
    pub offer: Option<Vec<u8>>,
    /// The SDP that answers an incoming INVITE's offer, kept so that 183 and 200 are one answer.
    pub offerless: bool,
}

/// What our side can do on this trunk.
pub fn media_config(
    directory: &Directory,
    trunk: &Trunk,
    port: u16,
    session_id: u64,
) -> TrunkMediaConfig {
    TrunkMediaConfig {
        address: directory.config().rtp.public(),
        port,
        // The o= line's session id is a decimal that stays below 2^63 (RFC 8866 section 5.2).
        session_id: session_id >> 1,
        codecs: trunk
            .codecs
            .iter()
            .filter_map(|c| match c.get_ref().as_str() {
                "PCMU" => Some(AudioCodec::Pcmu),
                "PCMA" => Some(AudioCodec::Pcma),
                _ => None,
            })
            .collect(),
        ptime_ms: *trunk.ptime_ms.get_ref(),
        dtmf_payload_type: Some(*trunk.dtmf_payload_type.get_ref()),
    }
}

pub const fn transport(trunk: &Trunk) -> Transport {
    match trunk.transport {
        SipTransport::Udp => Transport::Udp,
        SipTransport::Tcp => Transport::Tcp,
    }
}

/// The URI a number has on a trunk. `#` is no character of a user part (RFC 3261 section 25.1).
pub fn uri_of(trunk: &Trunk, number: &str) -> String {
    let host = match &trunk.domain {
        Some(domain) => domain.clone(),
        None => trunk.address.to_string(),
    };
    let suffix = match trunk.transport {
        SipTransport::Udp => "",
        SipTransport::Tcp => ";transport=tcp",
    };
    if number.is_empty() {
        format!("sip:{host}{suffix}")
    } else {
        format!("sip:{}@{host}{suffix}", number.replace('#', "%23"))
    }
}

/// The INVITE of a browser's call.
pub fn invite(
    directory: &Directory,
    route: &TrunkRoute<'_>,
    user_to_user: Option<String>,
    sdp: String,
) -> Invite {
    let trunk = route.trunk;
    let host = match directory.config().sip.public() {
        std::net::IpAddr::V4(ip) => ip.to_string(),
        std::net::IpAddr::V6(ip) => format!("[{ip}]"),
    };
    let caller = format!("sip:{}@{host}", route.caller_number);
    let mut headers = Vec::new();
    if trunk.caller_id == CallerIdHeader::PAssertedIdentity {
        let name = route
            .caller_name
            .as_deref()
            .map(|name| format!("\"{}\" ", quoted(name)))
            .unwrap_or_default();
        headers.push((
            "P-Asserted-Identity".to_owned(),
            format!("{name}<{caller}>"),
        ));
    }
    if let Some(value) = user_to_user.filter(|_| trunk.user_to_user) {
        headers.push(("User-to-User".to_owned(), value));
    }
    Invite {
        remote: trunk.address,
        transport: transport(trunk),
        request_uri: uri_of(trunk, &route.number),
        from: Identity {
            display: route.caller_name.clone(),
            uri: caller,
        },
        to: uri_of(trunk, &route.number),
        headers,
        sdp: Some(sdp.into_bytes()),
        credentials: match (&trunk.username, &trunk.password) {
            (Some(username), Some(password)) => Some(Credentials {
                username: username.clone(),
                password: password.reveal().to_owned(),
                realm: trunk.realm.clone(),
            }),
            _ => None,
        },
        reliable: match trunk.reliable {
            Reliable::Off => endpoint::Reliable::Off,
            Reliable::Supported => endpoint::Reliable::Supported,
            Reliable::Required => endpoint::Reliable::Required,
        },
    }
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
    FarCause {
        status: failure.status,
        reason: Some(failure.reason).filter(|r| !r.is_empty()),
        silent,
        ..cause_of_reason(failure.cause)
    }
}

/// What a Reason header says.
pub fn cause_of_reason(reason: Option<ReasonHeader>) -> FarCause {
    match reason {
        None => FarCause::default(),
        Some(reason) => FarCause {
            protocol: Some(reason.protocol),
            value: reason.cause,
            text: reason.text,
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
}
