//! The typed document: what the admin writes, with every default and range beside its field.
//!
//! Unknown keys are errors: a misspelt key must not be a silently missing setting.

mod family;
mod reload;
mod trunk;

use crate::account::AccountId;
use crate::dial::DialPattern;
use crate::host::WebHost;
use crate::origin::OriginPattern;
use crate::secret::SecretHash;
use serde::Deserialize;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use toml::Spanned;

pub use family::{IpFamily, RtpListen, SipListen};
pub use trunk::{
    CallerIdHeader, DtmfMode, Registration, Reliable, SessionTimer, SipTransport, Srtp, Trunk,
    TrunkHeader, TrunkName, UserToUser, Video,
};

/// One fault of a document, where it stands and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct ConfigError {
    /// Counted from 1.
    pub line: usize,
    /// Counted from 1, in characters.
    pub column: usize,
    pub message: String,
}

/// The whole document.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    #[serde(rename = "box")]
    pub settings: BoxSettings,
    pub sip: SipSettings,
    pub rtp: RtpSettings,
    #[serde(default, rename = "trunk")]
    pub trunks: Vec<Spanned<Trunk>>,
    #[serde(default, rename = "number")]
    pub numbers: Vec<Spanned<Number>>,
    #[serde(default, rename = "app")]
    pub apps: Vec<Spanned<App>>,
    #[serde(default, rename = "account")]
    pub accounts: Vec<Spanned<Account>>,
}

/// `[box]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BoxSettings {
    /// Shown to people and in `welcome`; default `causeway`.
    #[serde(default = "default_name")]
    pub name: String,
    /// HTTPS and WebSocket.
    pub https: SocketAddr,
    /// A second place for HTTPS, which alone answers administrators then: `https` is for callers and says 404 to the rest.
    /// It may have the port of `https` when that listens on every address. None when absent: `https` is for everybody.
    pub management: Option<SocketAddr>,
    /// The single UDP port for browsers' media.
    pub media: SocketAddr,
    /// Addresses put into ICE candidates; empty: the address of `media`, which must then be a real one.
    /// Behind 1:1 NAT write the public address here.
    #[serde(default)]
    pub public: Vec<IpAddr>,
    /// STUN servers, as `stun.example` or `192.0.2.1:3478`, 4 at most, that are asked which address the box has outside its
    /// 1:1 NAT; what they say is added to `public` for as long as it holds. None when absent.
    #[serde(default)]
    pub stun: Vec<WebHost>,
    /// Media also over TCP and TLS (TURN), on the port of `https`; default true. Relays to `media` and nowhere else.
    #[serde(default = "default_turn")]
    pub turn: bool,
    /// Where browsers reach `https` for media over TCP (ICE-TCP), 8 at most; `[]`: nowhere. Absent: the addresses of `public`
    /// with the port of `https`. Behind a NAT that maps another port write that one, as in `["203.0.113.10:443"]`.
    pub ice_tcp: Option<Vec<SocketAddr>>,
    /// A UDP port for TURN beside it, usually 3478: for networks that pass UDP, but not to `media`. None when absent.
    /// On a machine with several addresses write the one that pages reach: answers leave from the address of the route.
    pub turn_udp: Option<SocketAddr>,
    /// `host` or `host:port` that pages are told to reach TURN at; absent: what they reached `https` at.
    pub turn_host: Option<WebHost>,
    /// SHA-256 of the admin key (`causeway secret`). Without it the box does not start to listen.
    pub admin_key_sha256: Option<SecretHash>,
    /// Serves `/demo/` and its token end point, for `demo_app`.
    pub demo_app: Option<String>,
    /// Threads for media, 1…32; default one for each core.
    pub media_threads: Option<u8>,
    /// Serves `/preflight`, a page that tells a caller what of a call works from where he is; default true. Anybody may open
    /// it; what it may do is bounded, and it calls nobody.
    #[serde(default = "default_preflight")]
    pub preflight: bool,
    /// Calls at once, 1…10000; default 500.
    #[serde(default = "default_max_calls")]
    pub max_calls: usize,
    /// Seconds a call may ring before the box gives up, 10…600; default 180.
    #[serde(default = "default_ring_s")]
    pub ring_s: u32,
}

impl BoxSettings {
    /// The addresses browsers reach the box at.
    ///
    /// `found` is the one that STUN servers see.
    pub fn public(&self, found: Option<IpAddr>) -> Vec<IpAddr> {
        let mut public = self.public.clone();
        if public.is_empty() && !self.media.ip().is_unspecified() {
            public.push(self.media.ip());
        }
        public.extend(found.filter(|found| !public.contains(found)));
        public
    }

    /// Where browsers reach `https`, which listens on `port`, for media over TCP.
    pub fn ice_tcp(&self, port: u16, found: Option<IpAddr>) -> Vec<SocketAddr> {
        let there = |ip| SocketAddr::new(ip, port);
        match &self.ice_tcp {
            Some(addresses) => addresses.clone(),
            None => self.public(found).into_iter().map(there).collect(),
        }
    }
}

/// `[sip]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SipSettings {
    /// An IPv4 address, or on a box of IPv6 alone an IPv6 one.
    pub udp: SocketAddr,
    /// Beside an IPv4 `udp`: where PBXes of IPv6 are spoken to. TCP listens there too, at the port of `tcp` or
    /// this one, and TLS at the port of `tls`.
    pub udp6: Option<SocketAddr>,
    /// Default: as `udp`.
    pub tcp: Option<SocketAddr>,
    /// TLS; default: none listens. The certificate is the box's own.
    pub tls: Option<SocketAddr>,
    /// The address in Via and Contact; default: the one listened on, which must then be a real one.
    pub public: Option<IpAddr>,
    /// The same for `udp6`.
    pub public6: Option<IpAddr>,
    /// DNS servers for the names of trunks, up to 4; default: those of the system.
    #[serde(default)]
    pub dns: Vec<SocketAddr>,
}

impl SipSettings {
    /// Where TCP listens.
    pub fn tcp(&self) -> SocketAddr {
        self.tcp.unwrap_or(self.udp)
    }

    /// The address shown to PBXes of the family of `udp`.
    pub fn public(&self) -> IpAddr {
        self.public.unwrap_or(self.udp.ip())
    }
}

/// `[rtp]`: the trunk side's media.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RtpSettings {
    /// The address bound.
    pub address: IpAddr,
    /// The address in SDP; default `address`, which must then be a real one.
    pub public: Option<IpAddr>,
    /// Beside an IPv4 `address`: the one bound for PBXes of IPv6.
    pub address6: Option<IpAddr>,
    /// Its address in SDP; default `address6`, which must then be a real one.
    pub public6: Option<IpAddr>,
    /// `"20000-20999"`; a call takes an even port and the next.
    pub ports: PortRange,
}

impl RtpSettings {
    /// The address in SDP for the family of `address`.
    pub fn public(&self) -> IpAddr {
        self.public.unwrap_or(self.address)
    }
}

/// Ports from `first` (even) to `last` inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortRange {
    pub first: u16,
    pub last: u16,
}

impl PortRange {
    /// How many calls fit: two ports each.
    pub fn pairs(self) -> usize {
        usize::from(self.last - self.first).div_ceil(2)
    }
}

impl<'de> Deserialize<'de> for PortRange {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let range = text.split_once('-').and_then(|(first, last)| {
            Some((first.trim().parse().ok()?, last.trim().parse().ok()?))
        });
        match range {
            Some((first, last)) if first >= 1024 && first % 2 == 0 && last > first => {
                Ok(Self { first, last })
            }
            _ => Err(serde::de::Error::custom(format!(
                "`{text}` is no port range: write \"20000-20999\", from an even port of 1024 or more"
            ))),
        }
    }
}

/// `[[number]]`: a virtual number the PBX can call.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Number {
    pub number: Spanned<String>,
    /// Whose browsers ring. Exactly one of this and `echo`.
    pub account: Option<Spanned<AccountId>>,
    /// The box itself answers and lets the caller hear its own sound, for at most 10 minutes: a number for testing a
    /// trunk. Default false.
    #[serde(default)]
    pub echo: bool,
}

impl Number {
    /// What it leads to; `None` when it says both or nothing.
    pub fn target(&self) -> Option<NumberTarget> {
        match (&self.account, self.echo) {
            (Some(account), false) => Some(NumberTarget::Account(account.get_ref().clone())),
            (None, true) => Some(NumberTarget::Echo),
            (Some(_), true) | (None, false) => None,
        }
    }
}

/// What a number leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NumberTarget {
    Account(AccountId),
    /// The caller hears its own sound.
    Echo,
}

/// The public name of an app, as in tokens and logs.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(transparent)]
pub struct AppKey(pub String);

impl fmt::Display for AppKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `[[app]]`: a page or program that may place calls.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct App {
    pub key: Spanned<AppKey>,
    /// One or two, so that a secret can be changed without an outage.
    pub secret_sha256: Spanned<Vec<SecretHash>>,
    /// Pages that may use its tokens.
    pub origins: Vec<OriginPattern>,
    /// What it may call; nothing when absent.
    #[serde(default)]
    pub destinations: Vec<DialPattern>,
    /// Accounts it may speak for; none when absent.
    #[serde(default)]
    pub accounts: Vec<DialPattern>,
    /// Virtual number shown to the PBX.
    pub caller_id: Spanned<String>,
    pub caller_name: Option<String>,
    #[serde(default)]
    pub codec: WebCodec,
    /// Whether silence may be left out between browser and box (discontinuous transmission), both ways; default false.
    #[serde(default)]
    pub dtx: bool,
    /// Calls at once, default 100.
    #[serde(default = "default_app_calls")]
    pub max_calls: usize,
    /// Calls begun in a minute, default 120.
    #[serde(default = "default_app_rate")]
    pub calls_per_minute: u32,
}

/// Codec towards the browser.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WebCodec {
    /// The browser's own order decides between Opus and G.711.
    #[default]
    Preferred,
    Opus,
    /// G.711 end to end, without transcoding, whenever the browser has it.
    G711,
    /// G.711 end to end, and Opus while the browser's network loses packets.
    Auto,
}

/// `[[account]]`: a person.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    pub id: Spanned<AccountId>,
    pub name: Option<String>,
    /// Shown instead of the app's number when this person calls.
    pub caller_id: Option<Spanned<String>>,
}

fn default_name() -> String {
    "causeway".into()
}
fn default_turn() -> bool {
    true
}
fn default_preflight() -> bool {
    true
}
fn default_max_calls() -> usize {
    500
}
fn default_ring_s() -> u32 {
    180
}
fn default_app_calls() -> usize {
    100
}
fn default_app_rate() -> u32 {
    120
}
