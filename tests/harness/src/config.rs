//! The configuration documents of test boxes.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use sha2::{Digest, Sha256};

use crate::error::Result;
use crate::network::Namespace;
use crate::place;

/// The app of the demo page and of the tests' pages.
pub const APP: &str = "demo";
/// Its secret. It guards a box that lives for one test and listens on loopback only.
pub const APP_SECRET: &str = "demo-secret-of-a-box-on-loopback-only";
/// The key of the administrator of a test's box.
pub const ADMIN_KEY: &str = "admin-key-of-a-box-on-loopback-only";
/// The virtual number the PBX sees as the caller.
pub const CALLER_ID: &str = "+49301000";
/// The number at which every test box lets its caller hear itself.
pub const ECHO: &str = "+49301999";

/// One PBX of a plan.
#[derive(Debug, Clone)]
pub struct TrunkPlan {
    pub name: String,
    pub address: SocketAddr,
    /// Further lines of its table.
    pub extra: String,
}

/// What a test box shall be configured with.
#[derive(Debug, Clone)]
pub struct BoxPlan {
    pub https: SocketAddr,
    pub media: SocketAddr,
    pub sip: SocketAddr,
    /// Where the trunk side's media is.
    pub rtp: IpAddr,
    /// First port of the trunk side's media.
    pub rtp_first: u16,
    pub rtp_count: u16,
    pub trunks: Vec<TrunkPlan>,
    /// `preferred`, `opus` or `g711`.
    pub codec: String,
    /// Further lines of the app's table.
    pub app_extra: String,
    /// Accounts and the virtual number that leads to each.
    pub accounts: Vec<(String, String)>,
    /// Seconds a call may ring.
    pub ring_s: u32,
    /// Most calls at once, in the box and in the app.
    pub max_calls: usize,
    /// Where the customer's own page is; its origin may use the app.
    pub page: SocketAddr,
    /// Further origins that may use the app.
    pub origins: Vec<String>,
    /// Further lines of the `[box]` table.
    pub extra: String,
    /// Where SIP over TLS is listened for, if anywhere.
    pub sip_tls: Option<SocketAddr>,
    /// Further lines of the `[sip]` table.
    pub sip_extra: String,
    /// Further lines of the `[rtp]` table.
    pub rtp_extra: String,
    /// Further tables.
    pub tables: String,
    /// Where it runs, if not where everybody is.
    pub namespace: Option<Namespace>,
    /// Where pages find it, if not where it listens.
    pub seen_at: Option<SocketAddr>,
    /// Further arguments of the program.
    pub arguments: Vec<String>,
}

impl BoxPlan {
    /// A box on free loopback ports with one trunk to `pbx`.
    pub fn new(pbx: SocketAddr) -> Result<Self> {
        let count = 200;
        Ok(Self {
            https: loopback(place::free_port()?),
            media: loopback(place::free_port()?),
            sip: loopback(place::free_port()?),
            rtp: loopback(0).ip(),
            rtp_first: place::free_range(count)?,
            rtp_count: count,
            trunks: vec![TrunkPlan {
                name: "pbx".to_owned(),
                address: pbx,
                extra: String::new(),
            }],
            codec: "preferred".to_owned(),
            app_extra: String::new(),
            accounts: vec![("anna@example.com".to_owned(), "+49301001".to_owned())],
            ring_s: 60,
            max_calls: 500,
            page: loopback(place::free_port()?),
            origins: Vec::new(),
            extra: String::new(),
            sip_tls: None,
            sip_extra: String::new(),
            rtp_extra: String::new(),
            tables: String::new(),
            namespace: None,
            seen_at: None,
            arguments: Vec::new(),
        })
    }

    /// The same on the ports people know, where they are free.
    pub fn on_usual_ports(mut self) -> Result<Self> {
        self.https = loopback(place::port_near(8443)?);
        self.media = loopback(place::port_near(8444)?);
        self.sip = loopback(place::port_near(5060)?);
        Ok(self)
    }

    /// The document.
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        let https = self.https;
        let mut origins = vec![format!("https://{https}"), format!("http://{}", self.page)];
        origins.extend(self.origins.iter().cloned());
        let origins = origins
            .iter()
            .map(|o| format!("\"{o}\""))
            .collect::<Vec<_>>()
            .join(", ");
        let _ = write!(
            text,
            "[box]\nname = \"causeway-test\"\nhttps = \"{https}\"\nmedia = \"{}\"\nadmin_key_sha256 = \"{}\"\n\
             demo_app = \"{APP}\"\nmax_calls = {}\nring_s = {}\n{}\n",
            self.media,
            sha256(ADMIN_KEY),
            self.max_calls,
            self.ring_s,
            self.extra
        );
        let last = self.rtp_first + self.rtp_count - 1;
        let _ = writeln!(text, "[sip]\nudp = \"{}\"", self.sip);
        if let Some(tls) = self.sip_tls {
            let _ = writeln!(text, "tls = \"{tls}\"");
        }
        let _ = writeln!(text, "{}", self.sip_extra);
        let _ = write!(
            text,
            "[rtp]\naddress = \"{}\"\nports = \"{}-{last}\"\n{}\n",
            self.rtp, self.rtp_first, self.rtp_extra
        );
        let _ = writeln!(text, "{}", self.tables);
        for trunk in &self.trunks {
            let _ = write!(
                text,
                "[[trunk]]\nname = \"{}\"\naddress = \"{}\"\n{}\n",
                trunk.name, trunk.address, trunk.extra
            );
        }
        let _ = write!(
            text,
            "[[app]]\nkey = \"{APP}\"\nsecret_sha256 = [\"{}\"]\norigins = [{origins}]\ndestinations = [\"*\"]\n\
             accounts = [\"*\"]\ncaller_id = \"{CALLER_ID}\"\ncaller_name = \"Demo page\"\ncodec = \"{}\"\n\
             max_calls = {}\ncalls_per_minute = 6000\n{}\n\n",
            sha256(APP_SECRET),
            self.codec,
            self.max_calls,
            self.app_extra
        );
        let _ = write!(text, "[[number]]\nnumber = \"{ECHO}\"\necho = true\n\n");
        for (account, number) in &self.accounts {
            let _ = write!(
                text,
                "[[account]]\nid = \"{account}\"\n\n[[number]]\nnumber = \"{number}\"\naccount = \"{account}\"\n\n"
            );
        }
        text
    }
}

/// 127.0.0.1 with this port.
pub fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// A secret as documents hold it.
pub fn sha256(secret: &str) -> String {
    Sha256::digest(secret.as_bytes())
        .iter()
        .fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_written_as_their_hashes() {
        let text = BoxPlan::new(loopback(5070)).unwrap().to_toml();
        assert!(!text.contains(APP_SECRET) && !text.contains(ADMIN_KEY));
        assert_eq!(
            sha256("abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
