//! The gateway's document out of the box's: the box's own tables go, addresses come, secrets are put in.

use super::Facts;
use crate::document::{Own, TABLES};
use crate::secrets;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use toml_edit::{Array, DocumentMut, Item, Table, TableLike, Value};

/// HTTPS and WebSocket.
const HTTPS: u16 = 443;
/// Browsers' media.
const MEDIA: u16 = 8444;
const SIP: u16 = 5060;
/// 500 calls without pictures.
const RTP: &str = "20000-20999";

/// Why there is no document for the gateway.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unready {
    /// It will come from the network.
    #[error("the box has no address yet")]
    NoAddress,
    /// The document names a secret that is not there.
    #[error("a secret is missing: set {0} anew")]
    NoSecret(String),
    /// A table where a value must be, or the other way round.
    #[error("`{0}` is no table")]
    NoTable(&'static str),
}

/// The gateway's document. `secret` gives the secret of a reference.
///
/// # Errors
/// [`Unready`].
pub fn gateway_document(
    document: &DocumentMut,
    own: &Own,
    facts: &Facts,
    secret: &dyn Fn(&str) -> Option<String>,
) -> Result<String, Unready> {
    let mut document = document.clone();
    for name in TABLES {
        document.remove(name);
    }
    if let Some(path) = secrets::put_in(&mut document, secret).into_iter().next() {
        return Err(Unready::NoSecret(path));
    }
    let (v4, v6) = (facts.ipv4(own), facts.ipv6(own));
    let first: IpAddr = match (v4, v6) {
        (Some(v4), _) => v4.into(),
        (None, Some(v6)) => v6.into(),
        (None, None) => return Err(Unready::NoAddress),
    };
    // Beside an IPv4 address only.
    let further = v4.and(v6).map(IpAddr::from);
    let every: IpAddr = match first {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let at = |ip, port| SocketAddr::new(ip, port).to_string();

    let settings = table(&mut document, "box")?;
    or(settings, "https", at(every, HTTPS));
    or(settings, "media", at(every, MEDIA));
    if own.network.management.is_some() {
        // While it has no address there, nobody but the console administers it: not the network of callers.
        let ip = facts.management_address(own).unwrap_or(Ipv4Addr::LOCALHOST);
        or(settings, "management", at(ip.into(), HTTPS));
    }
    let says_where = |key| {
        settings
            .get(key)
            .and_then(Item::as_array)
            .is_some_and(|a| !a.is_empty())
    };
    if !says_where("public") && !says_where("stun") {
        let media = settings.get("media").and_then(Item::as_str);
        let everywhere = media.and_then(|text| text.parse::<SocketAddr>().ok());
        if everywhere.is_some_and(|media| media.ip().is_unspecified()) {
            let public: Array = [first.to_string()].into_iter().collect();
            settings.insert("public", Item::Value(Value::Array(public)));
        }
    }

    let sip = table(&mut document, "sip")?;
    let sip_is_said = sip.contains_key("udp");
    or(sip, "udp", at(first, SIP));
    let rtp = table(&mut document, "rtp")?;
    let rtp_is_said = rtp.contains_key("address");
    or(rtp, "address", first.to_string());
    or(rtp, "ports", RTP.to_owned());
    if let Some(v6) = further
        && !sip_is_said
        && !rtp_is_said
    {
        or(rtp, "address6", v6.to_string());
        or(table(&mut document, "sip")?, "udp6", at(v6, SIP));
    }
    Ok(document.to_string())
}

fn table<'a>(
    document: &'a mut DocumentMut,
    name: &'static str,
) -> Result<&'a mut dyn TableLike, Unready> {
    let item = document.entry(name).or_insert(Item::Table(Table::new()));
    item.as_table_like_mut().ok_or(Unready::NoTable(name))
}

fn or(table: &mut dyn TableLike, key: &str, value: String) {
    if !table.contains_key(key) {
        table.insert(key, Item::Value(Value::from(value)));
    }
}
