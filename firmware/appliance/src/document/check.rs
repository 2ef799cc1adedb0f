//! The check: the box's tables here, the gateway's by the gateway's own.

use super::{Address, Checked, Fault, LARGEST, Own, Places, SHAPE};
use crate::render::{Facts, gateway_document};
use crate::secrets;
use causeway_directory::{Config, WebHost, is_host_name};
use std::net::IpAddr;
use std::ops::Range;
use toml_edit::DocumentMut;

pub(super) fn validate(text: &str) -> Result<Checked, Vec<Fault>> {
    let places = Places::of(text);
    if text.len() > LARGEST {
        let message = format!("the document is larger than {LARGEST} octets");
        return Err(vec![fault(&places, 0, message)]);
    }
    let document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| {
        let at = error.span().map_or(0, |span| span.start);
        vec![fault(&places, at, error.message().to_owned())]
    })?;
    let own: Own = toml::from_str(text).map_err(|error| {
        let mut fault = typed(&places, &error);
        fault.path = named(&document, &fault.path);
        vec![fault]
    })?;
    let mut check = Check {
        places: &places,
        faults: Vec::new(),
    };
    check.own(&own);
    check.secrets(&document);
    let facts = Facts::stand_in(&own);
    let gateway = gateway_document(&document, &own, &facts, &|reference| {
        // What differs by a secret differs.
        Some(reference.to_owned())
    });
    let gateway = match gateway {
        Ok(text) => check.gateway(&text).map(|gateway| (gateway, text)),
        Err(why) => {
            check.say(&["network"], why.to_string());
            None
        }
    };
    for fault in &mut check.faults {
        fault.path = named(&document, &fault.path);
    }
    check.faults.sort_by_key(|fault| (fault.line, fault.column));
    match gateway {
        Some((gateway, gateway_text)) if check.faults.is_empty() => Ok(Checked {
            own,
            gateway,
            gateway_text,
        }),
        Some(_) | None => Err(check.faults),
    }
}

fn fault(places: &Places<'_>, at: usize, message: String) -> Fault {
    let (line, column) = places.line_and_column(at);
    Fault {
        line,
        column,
        path: shown(places.path_at(at)),
        wrong_kind: is_wrong_kind(&message),
        message,
    }
}

/// A path as `set` has it: one of many by its name, where it has one, instead of its number.
fn named(document: &DocumentMut, path: &str) -> String {
    let mut words: Vec<&str> = path.split(' ').collect();
    if let [table, number, ..] = words.as_mut_slice()
        && let Some(at) = number
            .strip_prefix('#')
            .and_then(|n| n.parse::<usize>().ok())
        && let Some((_, key)) = SHAPE.many.iter().find(|(name, _)| name == table)
        && let Some(name) = document
            .get(table)
            .and_then(|of| of.get(at)?.get(key)?.as_str())
    {
        *number = name;
    }
    words.join(" ")
}

/// A path for people.
fn shown(path: &[String]) -> String {
    let words: Vec<&str> = path.iter().map(String::as_str).collect();
    words.join(" ")
}

/// The words of `serde` for a value of another kind.
fn is_wrong_kind(message: &str) -> bool {
    message.starts_with("invalid type") || message.starts_with("data did not match")
}

fn typed(places: &Places<'_>, error: &toml::de::Error) -> Fault {
    let at = error.span().unwrap_or(Range { start: 0, end: 0 }).start;
    fault(places, at, error.message().to_owned())
}

struct Check<'a> {
    places: &'a Places<'a>,
    faults: Vec<Fault>,
}

impl Check<'_> {
    fn say(&mut self, path: &[&str], message: impl Into<String>) {
        let at = self.places.offset(path);
        let (line, column) = self.places.line_and_column(at);
        self.faults.push(Fault {
            line,
            column,
            path: path.join(" "),
            message: message.into(),
            wrong_kind: false,
        });
    }

    fn own(&mut self, own: &Own) {
        self.network(own);
        for server in &own.time.server {
            if server.parse::<IpAddr>().is_err() && !is_host_name(server) {
                self.say(
                    &["time", "server"],
                    format!("`{}` is no host", brief(server)),
                );
            }
        }
        if own.time.server.len() > 4 {
            self.say(&["time", "server"], "4 time servers at most");
        }
        if let Some(zone) = &own.time.zone
            && !is_zone(zone)
        {
            let message = format!("`{}` is no zone, as in \"Europe/Berlin\"", brief(zone));
            self.say(&["time", "zone"], message);
        }
        if let Some(number) = &own.test.number
            && !is_number(number)
        {
            self.say(
                &["test", "number"],
                "a number is digits, `*`, `#` and a `+` before them",
            );
        }
        if let Some(syslog) = &own.syslog {
            if WebHost::parse(&syslog.server).is_none() {
                let message = format!("`{}` is no host with a port", brief(&syslog.server));
                self.say(&["syslog", "server"], message);
            }
            if let Some(ca) = &syslog.ca
                && !ca.contains("-----BEGIN CERTIFICATE-----")
            {
                self.say(&["syslog", "ca"], "the authority's certificate as PEM");
            }
        }
        if own.ssh.keys.len() > 32 || !own.ssh.keys.iter().all(|key| is_ssh_key(key)) {
            let message = "up to 32 public keys, each as in \"ssh-ed25519 AAAA… name\"";
            self.say(&["ssh", "keys"], message);
        }
        if let Some(source) = &own.update.source
            && (!source.starts_with("https://")
                || source.chars().any(|c| c.is_control() || c == ' '))
        {
            self.say(
                &["update", "source"],
                "an address that begins with https://",
            );
        }
        let is_key = |key: &String| key.len() == 64 && key.bytes().all(|b| b.is_ascii_hexdigit());
        if own.usb.signers.len() > 8 || !own.usb.signers.iter().all(is_key) {
            self.say(&["usb", "signers"], "up to 8 keys of 64 hexadecimal digits");
        }
    }

    fn network(&mut self, own: &Own) {
        let network = &own.network;
        if let Address::Fixed { address, .. } = network.ipv4.address
            && !is_usable(address.into())
        {
            self.say(&["network", "ipv4", "address"], "no address a box can have");
        }
        if let Address::Fixed { address, .. } = network.ipv6.address
            && !is_usable(address.into())
        {
            self.say(&["network", "ipv6", "address"], "no address a box can have");
        }
        match (network.ipv4.address, network.ipv4.gateway) {
            (Address::Fixed { address, prefix }, Some(gateway)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
                let there = u32::from(address) & mask == u32::from(gateway) & mask;
                if !there || gateway == address {
                    let message =
                        format!("the router {gateway} is not in the network of {address}/{prefix}");
                    self.say(&["network", "ipv4", "gateway"], message);
                }
            }
            (Address::Given | Address::None, Some(_)) => {
                self.say(
                    &["network", "ipv4", "gateway"],
                    "a router goes with a fixed address",
                );
            }
            (_, None) => {}
        }
        match (network.ipv6.address, network.ipv6.gateway) {
            (Address::Fixed { address, prefix }, Some(gateway)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
                let there = u128::from(address) & mask == u128::from(gateway) & mask;
                if (!there && !gateway.is_unicast_link_local()) || gateway == address {
                    let message =
                        format!("the router {gateway} is not in the network of {address}/{prefix}");
                    self.say(&["network", "ipv6", "gateway"], message);
                }
            }
            (Address::Given | Address::None, Some(_)) => {
                self.say(
                    &["network", "ipv6", "gateway"],
                    "a router goes with a fixed address",
                );
            }
            (_, None) => {}
        }
        if network.dns.len() > 3 {
            self.say(&["network", "dns"], "3 name servers at most");
        }
        if network
            .interface
            .as_ref()
            .is_some_and(|name| !is_interface(name))
        {
            self.say(&["network", "interface"], "no name of an interface");
        }
        let Some(management) = &network.management else {
            return;
        };
        let path = |key| ["network", "management", key];
        if !is_interface(&management.interface) {
            self.say(&path("interface"), "no name of an interface");
        }
        if network.interface.as_ref() == Some(&management.interface) {
            self.say(
                &path("interface"),
                "management has an interface of its own, or none is set",
            );
        }
        if management.networks.len() > 16 || !management.networks.iter().all(|net| is_network(net))
        {
            self.say(&path("networks"), "up to 16 networks, as in \"10.0.0.0/8\"");
        }
        if !management.networks.is_empty() && management.gateway.is_none() {
            self.say(&path("networks"), "networks are reached by a `gateway`");
        }
    }

    /// Whoever calls this has taken readable secrets out.
    fn secrets(&mut self, document: &DocumentMut) {
        for path in secrets::readable(document) {
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            self.say(&path, "a secret does not stand in the configuration");
        }
    }

    /// The gateway's own check; its faults' places are looked for here by the paths of what is faulty.
    fn gateway(&mut self, text: &str) -> Option<Config> {
        let faults = match Config::parse(text) {
            Ok(config) => return Some(config),
            Err(faults) => faults,
        };
        let rendered = Places::of(text);
        for found in faults {
            let path = rendered.path_at(rendered.line_start(found.line) + found.column - 1);
            let (line, column) = self.places.line_and_column(self.places.offset(path));
            self.faults.push(Fault {
                line,
                column,
                path: shown(path),
                wrong_kind: is_wrong_kind(&found.message),
                message: found.message,
            });
        }
        None
    }
}

/// What fits into a message.
fn brief(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(64).collect()
}

fn is_usable(address: IpAddr) -> bool {
    let broadcast = IpAddr::from([255, 255, 255, 255]);
    !address.is_unspecified()
        && !address.is_multicast()
        && !address.is_loopback()
        && address != broadcast
}

/// It becomes a path below the folder of zones.
fn is_zone(text: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"_+-".contains(&b))
    };
    text.len() <= 64 && text.split('/').all(part)
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or(text);
    (1..=32).contains(&digits.len())
        && digits
            .bytes()
            .all(|b| b.is_ascii_digit() || b"*#".contains(&b))
}

/// IFNAMSIZ, and what may stand in a file of the network's service.
fn is_interface(name: &str) -> bool {
    (1..=15).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        && name != "lo"
        && !name.bytes().all(|b| b == b'.')
}

fn is_network(text: &str) -> bool {
    let parsed = text.split_once('/').and_then(|(address, prefix)| {
        let longest = if address.parse::<IpAddr>().ok()?.is_ipv4() {
            32
        } else {
            128
        };
        Some(prefix.parse::<u8>().ok()? <= longest)
    });
    parsed == Some(true)
}

/// No options before it: one might be a command.
fn is_ssh_key(key: &str) -> bool {
    let mut words = key.split(' ');
    let kind = words.next().unwrap_or_default();
    let body = words.next().unwrap_or_default();
    let known = ["ssh-ed25519", "ssh-rsa", "sk-ssh-ed25519@openssh.com"].contains(&kind)
        || kind.starts_with("ecdsa-sha2-nistp")
        || kind == "sk-ecdsa-sha2-nistp256@openssh.com";
    known
        && key.len() <= 4096
        && !key.chars().any(char::is_control)
        && body.len() >= 40
        && body
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(&b))
}
