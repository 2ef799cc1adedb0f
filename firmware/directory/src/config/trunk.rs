//! `[[trunk]]`: everything that can be said of one PBX.

use super::WebCodec;
use crate::address::SipAddress;
use crate::dial::DialPattern;
use crate::numbering::Numbering;
use crate::redirects::Redirects;
use crate::secret::Secret;
use serde::Deserialize;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use toml::Spanned;

/// The name of a trunk.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(transparent)]
pub struct TrunkName(pub String);

impl fmt::Display for TrunkName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `[[trunk]]`: a PBX, statically peered.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trunk {
    pub name: Spanned<TrunkName>,
    /// Where the PBX listens: an address, or a name (RFC 3263).
    pub address: Spanned<SipAddress>,
    /// Default `udp`; of a name without a port what the DNS says of UDP, TCP and, with `tls_ca` or
    /// `tls_pin_sha256`, TLS.
    pub transport: Option<SipTransport>,
    /// Host part of From, To and request URIs; default: the address as it is written above.
    pub domain: Option<String>,
    /// Further addresses that may call the box over this trunk.
    #[serde(default)]
    pub accept_from: Vec<IpAddr>,
    /// In order of preference, of `PCMU`, `PCMA` and `G722`; default the first two.
    #[serde(default = "default_codecs")]
    pub codecs: Vec<Spanned<String>>,
    /// Whether comfort noise is agreed on (RFC 3389), so that nothing is sent while a browser announces silence; default
    /// false: noise is sent as sound.
    #[serde(default)]
    pub comfort_noise: bool,
    /// Codec towards browsers in calls over this trunk; default the app's.
    pub web_codec: Option<WebCodec>,
    /// 10, 20, 30, 40 or 60; default 20.
    #[serde(default = "default_ptime")]
    pub ptime_ms: Spanned<u8>,
    /// Payload type of telephone-event in our offers, 96…127; default 101.
    #[serde(default = "default_dtmf")]
    pub dtmf_payload_type: Spanned<u8>,
    #[serde(default)]
    pub reliable: Reliable,
    #[serde(default)]
    pub caller_id: CallerIdHeader,
    /// Digest user, when the PBX challenges. Challenges of other hosts than this trunk's are not answered.
    pub username: Option<String>,
    pub password: Option<Secret>,
    /// Answer challenges of this realm only; default any realm that the trunk's own addresses name.
    pub realm: Option<String>,
    /// The box registers with this PBX; default: it is peered statically.
    pub registration: Option<Spanned<Registration>>,
    /// Seconds between OPTIONS, 0 (off) or 2…3600; default 4: a PBX that dies is known to be down within 10 s.
    #[serde(default = "default_options_s")]
    pub options_s: u32,
    /// Destinations reached over this trunk; default `*`.
    #[serde(default = "default_numbers")]
    pub numbers: Vec<DialPattern>,
    /// How calls carry the context's token; `false`, `true` (as `rfc7433`, the default) or a dialect.
    #[serde(default)]
    pub user_to_user: UserToUser,
    /// Node of the Universal Call ID that the `avaya` dialect carries besides, 1…32767; default none.
    pub ucid_node: Option<Spanned<u16>>,
    /// Whether the caller is hidden: `From` is anonymous and `Privacy: id` is asked for (RFC 3323, RFC 3325). The
    /// number still goes out in the trusted header of `caller_id`. Default false.
    #[serde(default)]
    pub hide_caller: bool,
    /// How public numbers are written on this trunk; default: as dialled.
    pub numbering: Option<Spanned<Numbering>>,
    /// With `transport = "tls"`: a PEM file with the authorities (or the certificate) the PBX's certificate must come from.
    pub tls_ca: Option<PathBuf>,
    /// With `transport = "tls"`: SHA-256 of the PBX's certificate, 64 hexadecimal digits; it is believed for being this one.
    pub tls_pin_sha256: Option<Spanned<String>>,
    /// With `transport = "tls"`: the name the PBX's certificate must have; default `domain`, else the address.
    pub tls_name: Option<String>,
    /// With TLS: a PEM file with the certificate the box shows a PBX that asks for one; goes with `tls_key`.
    pub tls_cert: Option<Spanned<PathBuf>>,
    /// With TLS: a PEM file with its key.
    pub tls_key: Option<Spanned<PathBuf>>,
    /// With TLS: a PBX that connects must show a certificate, too, which is believed as the one it shows when the box
    /// connects; default false.
    #[serde(default)]
    pub tls_mutual: bool,
    /// With TLS: the PBX is called by `sips:` URIs, so that every hop behind it must be TLS as well; default false.
    #[serde(default)]
    pub sips: bool,
    /// Headers of every INVITE to this PBX.
    #[serde(default)]
    pub headers: Vec<Spanned<TrunkHeader>>,
    /// Whether media on the trunk is encrypted, with keys in SDP (RFC 4568); default off.
    #[serde(default)]
    pub srtp: Srtp,
    /// Session timers (RFC 4028): `off`, `supported` (the default) or `required` of who we call.
    #[serde(default)]
    pub session_timer: SessionTimer,
    /// Seconds after which an unrefreshed call counts as dead, 90…86400; default 1800.
    #[serde(default = "default_session_expires")]
    pub session_expires_s: Spanned<u32>,
    /// Seconds without any RTP or RTCP from the PBX, in an answered call that is not held, after which both sides are
    /// hung up: 0 (never) or 10…3600; default 60.
    #[serde(default = "default_media_timeout_s")]
    pub media_timeout_s: u32,
    /// How digits travel; default auto.
    #[serde(default)]
    pub dtmf: DtmfMode,
    /// Whether redirections are followed; default follow.
    #[serde(default)]
    pub redirects: Redirects,
    /// Further addresses or names of this PBX, up to 15, in order of preference after `address`: calls go to the first that is
    /// well.
    #[serde(default)]
    pub targets: Vec<Spanned<SipAddress>>,
    /// Whether calls have pictures when both sides want them; default off.
    #[serde(default)]
    pub video: Video,
    /// Kilobits a second of picture that the PBX may send to a browser, 64…20000; default 1500.
    #[serde(default = "default_video_kbps")]
    pub video_kbps: Spanned<u32>,
    /// Calls at once over this trunk, in both directions, 1…10000; default as many as the box.
    pub max_calls: Option<Spanned<usize>>,
    /// Calls that begin within a second over this trunk, in both directions, 1…1000; default no limit.
    pub calls_per_second: Option<Spanned<u32>>,
}

impl Trunk {
    /// Where calls may go as it is written, in order of preference.
    pub fn places(&self) -> impl Iterator<Item = &SipAddress> + Clone {
        std::iter::once(self.address.get_ref()).chain(self.targets.iter().map(|t| t.get_ref()))
    }

    /// The transport where the DNS has no say.
    pub fn transport(&self) -> SipTransport {
        self.transport.unwrap_or_default()
    }

    /// The transports a place may be spoken to with, the dearest first. One alone is fixed.
    pub fn transports_to(&self, place: &SipAddress) -> Vec<SipTransport> {
        let chosen_by_dns = place.name().is_some() && place.port.is_none();
        if self.transport.is_some() || !chosen_by_dns {
            return vec![self.transport()];
        }
        let mut transports = vec![SipTransport::Udp, SipTransport::Tcp];
        if self.knows_certificates() {
            transports.push(SipTransport::Tls);
        }
        transports
    }

    /// Whether any of its places may be spoken to over TLS.
    pub fn may_use_tls(&self) -> bool {
        self.places()
            .any(|place| self.transports_to(place).contains(&SipTransport::Tls))
    }

    /// Whether it says how the PBX's certificate is judged.
    pub const fn knows_certificates(&self) -> bool {
        self.tls_ca.is_some() || self.tls_pin_sha256.is_some()
    }
}

/// `registration = { user = "4930555", registrar = "carrier.example" }`: one account, for one number or for many.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    /// The account, as it stands in From and To of REGISTER and in the Request-URI of the PBX's calls; default
    /// `username`.
    pub user: Option<String>,
    /// The domain that the account is of; default `domain`, else the address. Where REGISTER goes is said by `address`
    /// and `targets`.
    pub registrar: Option<String>,
    /// Seconds asked for, 20…86400; default 300. The PBX may grant less.
    #[serde(default = "default_expires_s")]
    pub expires_s: u32,
    /// The numbers of the account, as in `numbers` of a trunk; default any. A call of another number is shown as the
    /// account itself.
    #[serde(default = "default_numbers")]
    pub range: Vec<DialPattern>,
}

impl Trunk {
    /// The account's name, when this trunk registers.
    pub fn account(&self) -> Option<&str> {
        let registration = self.registration.as_ref()?.get_ref();
        registration.user.as_deref().or(self.username.as_deref())
    }
}

/// Whether a trunk's calls prove to each other that they live (RFC 4028).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SessionTimer {
    Off,
    #[default]
    Supported,
    Required,
}

/// How the digits of a trunk travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DtmfMode {
    /// Telephone events (RFC 4733) when the PBX agrees on them, else tones in the sound, both ways.
    #[default]
    Auto,
    /// Telephone events; tones are sent to a PBX without them, and none are looked for.
    Rfc4733,
    /// Tones in the sound, both ways; telephone events are not offered.
    Inband,
    /// INFO requests with `application/dtmf-relay`; neither telephone events nor tones. INFO that comes is taken in
    /// every mode.
    Info,
}

/// Encryption of a trunk's media.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Srtp {
    /// Plain RTP; an offer that insists on SRTP is refused.
    #[default]
    Off,
    /// Encrypted when the PBX takes part, else plain.
    Optional,
    /// Encrypted or refused.
    Required,
}

/// Pictures on a trunk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Video {
    /// Sound alone: every section of video is refused.
    #[default]
    Off,
    /// H.264 (RFC 6184) between the PBX and browsers that have it, as it comes; transcoded for those that have VP8 alone.
    H264,
}

/// `headers = [{ name = "X-Site", value = "north" }]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrunkHeader {
    /// Not one that the box writes itself.
    pub name: String,
    /// One line.
    pub value: String,
}

/// How the User-to-User header is written. What is read is recognised in every dialect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UserToUser {
    /// Not at all.
    Off,
    /// The token is hexadecimal data (RFC 7433): `…;encoding=hex`.
    #[default]
    Rfc7433,
    /// The token is text behind the octet that says so (RFC 7434, the ISDN package): Cisco, Genesys, carriers.
    Isdn,
    /// The same with that octet in a parameter: `…;pd=04;encoding=hex`.
    PdParameter,
    /// The token is ASAI data (and there may be a Universal Call ID): Avaya.
    Avaya,
}

impl<'de> Deserialize<'de> for UserToUser {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = UserToUser;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true, false, \"rfc7433\", \"isdn\", \"pd-parameter\" or \"avaya\"")
            }
            fn visit_bool<E: serde::de::Error>(self, on: bool) -> Result<UserToUser, E> {
                Ok(if on {
                    UserToUser::Rfc7433
                } else {
                    UserToUser::Off
                })
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<UserToUser, E> {
                match text {
                    "rfc7433" => Ok(UserToUser::Rfc7433),
                    "isdn" => Ok(UserToUser::Isdn),
                    "pd-parameter" => Ok(UserToUser::PdParameter),
                    "avaya" => Ok(UserToUser::Avaya),
                    _ => Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
                }
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// How SIP travels to a trunk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SipTransport {
    #[default]
    Udp,
    Tcp,
    Tls,
}

impl SipTransport {
    /// The port where none is written.
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 5060,
            Self::Tls => 5061,
        }
    }
}

/// Reliable provisional responses (RFC 3262).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reliable {
    Off,
    #[default]
    Supported,
    Required,
}

/// Which header carries the caller's number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CallerIdHeader {
    From,
    /// From and P-Asserted-Identity (RFC 3325).
    #[default]
    PAssertedIdentity,
    /// From and P-Preferred-Identity (RFC 3325): for a carrier that asserts by itself.
    PPreferredIdentity,
    /// From and Remote-Party-ID: what came before RFC 3325 and is still asked for.
    RemotePartyId,
}

fn default_codecs() -> Vec<Spanned<String>> {
    ["PCMU", "PCMA"]
        .map(|c| Spanned::new(0..0, c.to_owned()))
        .into()
}
fn default_ptime() -> Spanned<u8> {
    Spanned::new(0..0, 20)
}
fn default_dtmf() -> Spanned<u8> {
    Spanned::new(0..0, 101)
}

fn default_session_expires() -> Spanned<u32> {
    Spanned::new(0..0, 1_800)
}
fn default_video_kbps() -> Spanned<u32> {
    Spanned::new(0..0, 1_500)
}
fn default_expires_s() -> u32 {
    300
}
fn default_options_s() -> u32 {
    4
}
fn default_media_timeout_s() -> u32 {
    60
}
fn default_numbers() -> Vec<DialPattern> {
    DialPattern::parse("*").into_iter().collect()
}
