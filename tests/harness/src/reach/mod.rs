//! Which callers reach the box, by which way, how soon they hear somebody, and what those are told who cannot.
//!
//! Page, signalling and media of a browser in a namespace go through [`Lines`] that are like a caller's. The box stands in
//! another namespace with a demo ACD behind it.

mod rows;

pub use rows::{ALL, Row};

use std::time::Duration;

use serde_json::{Value, json};
use tokio::process::Command;

use crate::acd::{Acd, tone};
use crate::box_process::BoxProcess;
use crate::browser::{Browser, BrowserOptions, Kind};
use crate::config::{BoxPlan, loopback};
use crate::error::{Doing, Result};
use crate::network::{Lines, Middlebox};
use crate::place::TempFolder;
use crate::program::Program;
use crate::web_phone::WebPhone;

/// From the click to the first sound, at most, in seconds.
pub const FIRST_SOUND_S: f64 = 2.0;
/// From the click to being told why there will be none, at most, in seconds.
pub const TOLD_S: f64 = 5.0;
/// No row takes longer than this once its browser stands.
const PATIENCE: Duration = Duration::from_secs(40);

/// What the box offers callers who cannot use UDP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WithoutUdp {
    /// All it has, as a box does that is not told otherwise.
    All,
    /// Its relay alone.
    Relay,
    /// TCP to the media port alone.
    IceTcp,
    Nothing,
}

/// A network with everything in it.
#[derive(Debug)]
pub struct Site {
    pub lines: Lines,
    pub acd: Acd,
    pub causeway: BoxProcess,
    /// In the way of port 443, where the row has one.
    pub middlebox: Option<Middlebox>,
    /// coturn, where the box has to ask for its address.
    stun: Option<Program>,
}

impl Site {
    /// Starts an ACD and a box at the end of these lines.
    pub async fn start(lines: Lines, without_udp: WithoutUdp) -> Result<Self> {
        let public = format!("public = [\"{}\"]\n", lines.at.public);
        Self::begin(lines, without_udp, &public).await
    }

    /// The same with a box that is told nothing of its border's translation, but a STUN server.
    pub async fn start_asking(lines: Lines) -> Result<Self> {
        // On the caller's side of the border, so that it sees what the border makes of the box.
        let server = "198.51.100.1:3478";
        let (host, port) = server.split_once(':').doing("an address")?;
        let mut command = Command::new("turnserver");
        command
            .args(["-n", "--stun-only", "--no-cli", "--no-tls", "--no-dtls"])
            .args([
                "-L",
                host,
                "-p",
                port,
                "-l",
                "stdout",
                "--pidfile",
                "/dev/null",
            ]);
        lines.access.enter(&mut command);
        let stun = Program::start("turnserver", command, None)?;
        let stun_line = format!("stun = [\"{server}\"]\n");
        let mut site = Self::begin(lines, WithoutUdp::All, &stun_line).await?;
        site.stun = Some(stun);
        Ok(site)
    }

    async fn begin(lines: Lines, without_udp: WithoutUdp, public: &str) -> Result<Self> {
        let namespace = lines.causeway.clone();
        let acd = Acd::start_in(Some(&namespace), loopback(5080), &[]).await?;
        let mut plan = BoxPlan::new(acd.address())?;
        plan.https.set_port(443);
        plan.https.set_ip(match lines.at.own {
            std::net::IpAddr::V4(_) => [0, 0, 0, 0].into(),
            std::net::IpAddr::V6(_) => [0u16; 8].into(),
        });
        plan.media = (lines.at.own, 8444).into();
        plan.seen_at = Some(lines.https());
        plan.namespace = Some(namespace);
        let off = match without_udp {
            WithoutUdp::All => "",
            WithoutUdp::Relay => "ice_tcp = []\n",
            WithoutUdp::IceTcp => "turn = false\n",
            WithoutUdp::Nothing => "turn = false\nice_tcp = []\n",
        };
        plan.extra = format!("{public}{off}");
        let causeway = BoxProcess::start(plan).await?;
        Ok(Self {
            lines,
            acd,
            causeway,
            middlebox: None,
            stun: None,
        })
    }

    /// A browser where the caller is. Its microphone gives a tone.
    pub async fn browser(&self, kind: Kind, folder: &TempFolder) -> Result<Browser> {
        let wav = folder.path().join("microphone.wav");
        tone(&wav, 440, 120).await?;
        let options = BrowserOptions {
            microphone: Some(wav),
            namespace: Some(self.lines.caller.clone()),
            ..BrowserOptions::default()
        };
        Browser::start(kind, options).await
    }

    /// Stops everything in order.
    pub async fn stop(self) -> Result<()> {
        self.causeway.stop().await?;
        if let Some(stun) = self.stun {
            stun.stop().await?;
        }
        self.acd.stop().await
    }
}

/// What became of a row.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub row: &'static str,
    pub browser: &'static str,
    /// The way media took, in words.
    pub path: Option<String>,
    /// From the click to the first sound.
    pub first_sound_s: Option<f64>,
    /// Code and words of what the caller was told, and how long after the click.
    pub told: Option<(String, String, f64)>,
    /// Whether it is what the row must show.
    pub holds: bool,
}

impl Outcome {
    /// As JSON.
    pub fn to_json(&self) -> Value {
        json!({
            "network": self.row,
            "browser": self.browser,
            "path": self.path,
            "first_sound_s": self.first_sound_s,
            "told": self.told.as_ref().map(|(code, message, after_s)| json!({
                "code": code, "message": message, "after_s": after_s,
            })),
            "holds": self.holds,
        })
    }
}

/// Makes the row's network, calls through it and takes everything down again.
///
/// # Errors
/// When something could not be made or driven; that the call did not come about is an outcome.
pub async fn run(row: &Row, kind: Kind) -> Result<Outcome> {
    let site = row.build().await?;
    let folder = TempFolder::new("reach")?;
    let browser = site.browser(kind, &folder).await?;
    let page = site.causeway.url("/demo/");
    let phone = WebPhone::on(browser, &page, &site.causeway, None, json!({})).await?;
    let heard = phone.browser().evaluate_within(CLICK, PATIENCE).await?;
    let pair = phone.pair().await.unwrap_or_default();
    phone.stop().await?;
    site.stop().await?;

    let first_sound_s = heard["sound"].as_f64();
    let told = &heard["told"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let told = (!told.is_null()).then(|| {
        (
            text(&told["code"]),
            text(&told["message"]),
            told["after"].as_f64().unwrap_or(f64::MAX),
        )
    });
    let path = first_sound_s.map(|_| way(&pair));
    let holds = row.holds(&pair, first_sound_s, told.as_ref());
    Ok(Outcome {
        row: row.name,
        browser: match kind {
            Kind::Chromium => "Chromium",
            Kind::Firefox => "Firefox",
        },
        path,
        first_sound_s,
        told,
        holds,
    })
}

/// Clicks, and waits for the first sound or for bad news. The ears are warm before: a page that plays sound has them.
///
/// Where a page's policy lets nobody put ears into it, the browser's own count of the energy it has played tells.
const CLICK: &str = "(async () => {
    const ears = await window.ears.listen('mic', phone.microphone).then(() => window.ears, () => null)
    const clicked = phone.now()
    try {
        await phone.place({to: '100'})
    } catch (error) {
        return {told: {code: error.code, message: error.message, after: phone.now() - clicked}}
    }
    let told = null
    phone.call.on('error', error => told ??= {code: error.code, message: error.message, after: phone.now() - clicked})
    if (ears) phone.listen()
    const played = async () => {
        if (ears) return ears.heard('remote').onsets[0]
        const energy = [...(await phone.connection.getStats()).values()].find(s => s.type === 'inbound-rtp')?.totalAudioEnergy
        return energy > 0 ? phone.now() : undefined
    }
    for (;;) {
        // Firefox never answers for a connection that was closed meanwhile.
        const first = await Promise.race([played(), new Promise(resolve => setTimeout(resolve, 500))])
        if (first) return {sound: first - clicked}
        if (told) return {told}
        if (phone.now() - clicked > 35) return {}
        await new Promise(resolve => setTimeout(resolve, 10))
    }
})()";

/// A pair of candidates in words.
fn way(pair: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    match pair["relay"].as_str() {
        Some(over) => format!("relay over {}", over.to_uppercase()),
        None => format!(
            "{} {}, {}",
            match text(&pair["protocol"]).as_str() {
                "tcp" => "ICE-TCP".to_owned(),
                other => other.to_uppercase(),
            },
            if pair["six"] == true { "IPv6" } else { "IPv4" },
            text(&pair["local"])
        ),
    }
}
