//! Every file, with who may read it.
//!
//! | file, below the root | for | after a change |
//! |---|---|---|
//! | `run/causeway/causeway.toml` | causewayd | reload or restart |
//! | `run/systemd/network/10-box.network`, `11-management.network` | systemd-networkd | `networkctl reload` |
//! | `run/causeway/chrony/box.sources` | chronyd | `chronyc reload sources` |
//! | `run/causeway/zone` | `/etc/localtime` leads to it | |
//! | `run/causeway/hostname` | the kernel | |
//! | `run/causeway/firewall.nft` | nft | `nft -f` |
//! | `run/causeway/syslog.toml`, `syslog-ca.pem` | causeway-syslog | restart |
//! | `run/causeway/ssh/authorized_keys` | sshd | |
//! | `run/causeway/set-up` | the page of the first set-up, while the box has no administrator | start or stop |
//! | `run/causeway/admin-key` | the console's `causeway` commands | |

use super::{Facts, Unready, gateway_document};
use crate::document::{Address, Own, host_name};
use crate::secrets::{Secrets, admin_key_hash};
use std::cell::Cell;
use std::fmt::{self, Write as _};
use toml_edit::DocumentMut;

/// Who may read a file beside root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Everybody.
    All,
    /// The gateway.
    Gateway,
    /// The administrator's session.
    Admin,
}

/// One file.
#[derive(Clone, PartialEq, Eq)]
pub struct File {
    /// Below the root, without a slash before it.
    pub path: &'static str,
    /// What is in it; a link's target where `is_link`.
    pub text: String,
    pub readers: Group,
    pub is_link: bool,
}

impl fmt::Debug for File {
    /// Not what is in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// All of them.
#[derive(Clone, Debug)]
pub struct Rendered {
    pub files: Vec<File>,
    /// Why the gateway has none.
    pub unready: Option<Unready>,
    /// Secrets that the document names and that are gone: what needs them goes without.
    pub missing_secrets: usize,
}

/// Where the gateway's document is.
pub const GATEWAY: &str = "run/causeway/causeway.toml";
/// There while the box has no administrator.
pub const UNGUARDED: &str = "run/causeway/set-up";
/// Files of systemd-networkd.
pub const NETWORK: [&str; 2] = [
    "run/systemd/network/10-box.network",
    "run/systemd/network/11-management.network",
];
/// Every path that [`render`] may name: one that it does not name is taken away.
pub const ALL: [&str; 12] = [
    GATEWAY,
    UNGUARDED,
    "run/systemd/network/10-box.network",
    "run/systemd/network/11-management.network",
    "run/causeway/chrony/box.sources",
    "run/causeway/zone",
    "run/causeway/hostname",
    "run/causeway/firewall.nft",
    "run/causeway/syslog.toml",
    "run/causeway/syslog-ca.pem",
    "run/causeway/ssh/authorized_keys",
    "run/causeway/admin-key",
];

/// Makes all files. Until an administrator is known (`guarded`) there is none for the gateway: nothing answers but the
/// console and the page that asks for its code.
pub fn render(
    document: &DocumentMut,
    own: &Own,
    secrets: &Secrets,
    facts: &Facts,
    guarded: bool,
) -> Rendered {
    let mut files = Vec::new();
    let mut put = |path, text: String, readers| {
        files.push(File {
            path,
            text,
            readers,
            is_link: false,
        });
    };
    let [box_network, management_network] = NETWORK;
    put(box_network, network(own), Group::All);
    if let Some(text) = management(own) {
        put(management_network, text, Group::All);
    }
    put("run/causeway/chrony/box.sources", sources(own), Group::All);
    put(
        "run/causeway/hostname",
        format!("{}\n", name_of(document)),
        Group::All,
    );
    put(
        "run/causeway/firewall.nft",
        firewall(own, facts),
        Group::All,
    );
    if let Some(syslog) = &own.syslog {
        let ca = syslog
            .ca
            .as_ref()
            .map(|_| "ca = \"/run/causeway/syslog-ca.pem\"\n");
        let server = with_port(&syslog.server);
        put(
            "run/causeway/syslog.toml",
            format!("server = \"{server}\"\n{}", ca.unwrap_or_default()),
            Group::All,
        );
    }
    if let Some(ca) = own.syslog.as_ref().and_then(|syslog| syslog.ca.as_ref()) {
        put(
            "run/causeway/syslog-ca.pem",
            format!("{}\n", ca.trim()),
            Group::All,
        );
    }
    if guarded && !own.ssh.keys.is_empty() && own.ssh.enabled != Some(false) {
        put(
            "run/causeway/ssh/authorized_keys",
            lines(&own.ssh.keys),
            Group::All,
        );
    }
    if !guarded {
        put(UNGUARDED, String::new(), Group::All);
    }
    let mut unready = None;
    let missing = Cell::new(0);
    if guarded {
        let kept = |reference: &str| secrets.get(reference).map(|s| s.reveal().to_owned());
        // One PBX that refuses the box is better than none that is called.
        let secret = |reference: &str| {
            kept(reference).or_else(|| {
                missing.set(missing.get() + 1);
                Some(String::new())
            })
        };
        match gateway_document(document, own, facts, &secret) {
            Ok(text) => put(GATEWAY, text, Group::Gateway),
            Err(why) => unready = Some(why),
        }
        let key = admin_key_hash(document).and_then(|hash| kept(&hash));
        if let Some(key) = key {
            put("run/causeway/admin-key", format!("{key}\n"), Group::Admin);
        }
    }
    let zone = own.time.zone.as_deref().unwrap_or("UTC");
    files.push(File {
        path: "run/causeway/zone",
        text: format!("/usr/share/zoneinfo/{zone}"),
        readers: Group::All,
        is_link: true,
    });
    Rendered {
        files,
        unready,
        missing_secrets: missing.get(),
    }
}

fn lines(of: &[String]) -> String {
    of.iter()
        .fold(String::new(), |text, line| text + line + "\n")
}

fn name_of(document: &DocumentMut) -> String {
    let name = document
        .get("box")
        .and_then(|table| table.get("name")?.as_str());
    host_name(name.unwrap_or("causeway"))
}

fn with_port(server: &str) -> String {
    let has_port = server.rsplit_once(':').is_some_and(|(host, port)| {
        port.parse::<u16>().is_ok() && (!host.contains(':') || host.ends_with(']'))
    });
    match has_port {
        true => server.to_owned(),
        false => format!("{server}:6514"),
    }
}

/// systemd.network(5). An address of the cable alone is there beside what DHCP gives, for a laptop at the box.
fn network(own: &Own) -> String {
    let network = &own.network;
    let mut text = match &network.interface {
        Some(name) => format!("[Match]\nName={name}\n"),
        None => "[Match]\nType=ether\nKind=!*\n".to_owned(),
    };
    let dhcp = network.ipv4.address == Address::Given;
    let routers = network.ipv6.address == Address::Given;
    let nothing = network.ipv4.address == Address::None && network.ipv6.address == Address::None;
    let dhcp_of = match (dhcp, routers) {
        (true, true) => "yes",
        (true, false) => "ipv4",
        (false, true) => "ipv6",
        (false, false) => "no",
    };
    let link_local = match (
        dhcp || nothing,
        network.ipv6.address != Address::None || nothing,
    ) {
        (true, true) => "yes",
        (true, false) => "ipv4",
        (false, true) => "ipv6",
        (false, false) => "no",
    };
    let accept = if routers { "yes" } else { "no" };
    let _ = write!(
        text,
        "\n[Network]\nDHCP={dhcp_of}\nLinkLocalAddressing={link_local}\nIPv6AcceptRA={accept}\nMulticastDNS=yes\nLLMNR=no\n"
    );
    if let Address::Fixed { address, prefix } = network.ipv4.address {
        let _ = writeln!(text, "Address={address}/{prefix}");
    }
    if let Address::Fixed { address, prefix } = network.ipv6.address {
        let _ = writeln!(text, "Address={address}/{prefix}");
    }
    if let Some(gateway) = network.ipv4.gateway {
        let _ = writeln!(text, "Gateway={gateway}");
    }
    if let Some(gateway) = network.ipv6.gateway {
        let _ = writeln!(text, "Gateway={gateway}");
    }
    for server in &network.dns {
        let _ = writeln!(text, "DNS={server}");
    }
    text
}

/// No way out leads there, and no names are looked up there.
fn management(own: &Own) -> Option<String> {
    let management = own.network.management.as_ref()?;
    let dhcp = match management.address {
        Address::Given => "ipv4",
        Address::None | Address::Fixed { .. } => "no",
    };
    let mut text = format!(
        "[Match]\nName={}\n\n[Network]\nDHCP={dhcp}\nLinkLocalAddressing=yes\nIPv6AcceptRA=no\nMulticastDNS=yes\nLLMNR=no\n",
        management.interface
    );
    if let Address::Fixed { address, prefix } = management.address {
        let _ = writeln!(text, "Address={address}/{prefix}");
    }
    if let Some(gateway) = management.gateway {
        for network in &management.networks {
            let _ = write!(
                text,
                "\n[Route]\nDestination={network}\nGateway={gateway}\n"
            );
        }
    }
    text.push_str("\n[DHCPv4]\nUseRoutes=no\nUseGateway=no\nUseDNS=no\nUseNTP=no\n");
    Some(text)
}

fn sources(own: &Own) -> String {
    let servers = own.time.server.iter();
    servers.fold(String::new(), |text, server| {
        text + "server " + server + " iburst\n"
    })
}

/// With an interface for management the others are for telephony alone.
fn firewall(own: &Own, facts: &Facts) -> String {
    let mut text = "flush set inet box telephony\n".to_owned();
    let Some(management) = &own.network.management else {
        return text;
    };
    let known = facts.interfaces.iter().map(|found| found.name.as_str());
    let mut others: Vec<&str> = known.chain(own.network.interface.as_deref()).collect();
    others.retain(|name| *name != management.interface);
    others.sort_unstable();
    others.dedup();
    for name in others {
        let _ = writeln!(text, "add element inet box telephony {{ \"{name}\" }}");
    }
    text
}
