//! Firefox over WebDriver BiDi, which it speaks itself.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::process::Command;

use super::wire::Wire;
use super::{Browser, BrowserOptions, Kind, PATIENCE, START};
use crate::error::{Doing, HarnessError, Result};
use crate::place::TempFolder;
use crate::program::{LogMark, Program};
use crate::sound;

/// Fake devices, candidates on loopback, sound without a click, any certificate, and no talk with the network.
const PREFERENCES: &[(&str, &str)] = &[
    ("media.navigator.streams.fake", "true"),
    ("media.navigator.permission.disabled", "true"),
    ("media.autoplay.default", "0"),
    ("media.autoplay.blocking_policy", "0"),
    ("media.peerconnection.ice.loopback", "true"),
    ("media.peerconnection.ice.obfuscate_host_addresses", "false"),
    (
        "media.getusermedia.audio.processing.platform.enabled",
        "false",
    ),
    ("network.stricttransportsecurity.preloadlist", "false"),
    ("network.captive-portal-service.enabled", "false"),
    ("network.connectivity-service.enabled", "false"),
    ("network.dns.disablePrefetch", "true"),
    ("network.prefetch-next", "false"),
    ("app.update.enabled", "false"),
    ("app.update.disabledForTesting", "true"),
    ("app.normandy.enabled", "false"),
    ("browser.safebrowsing.malware.enabled", "false"),
    ("browser.safebrowsing.phishing.enabled", "false"),
    ("browser.region.network.url", "\"\""),
    ("browser.shell.checkDefaultBrowser", "false"),
    ("browser.aboutConfig.showWarning", "false"),
    ("datareporting.policy.dataSubmissionEnabled", "false"),
    ("datareporting.healthreport.uploadEnabled", "false"),
    ("toolkit.telemetry.server", "\"\""),
    ("extensions.update.enabled", "false"),
    ("services.settings.server", "\"data:,\""),
    ("remote.prefs.recommended", "true"),
    ("media.gmp-manager.url", "\"data:,\""),
    ("media.gmp-provider.enabled", "false"),
    ("dom.min_background_timeout_value", "4"),
];

pub async fn start(options: &BrowserOptions) -> Result<Browser> {
    let folder = TempFolder::new("firefox")?;
    let profile = folder.path().join("profile");
    std::fs::create_dir_all(&profile).doing("a profile")?;
    let preferences: String = PREFERENCES
        .iter()
        .map(|(key, value)| format!("user_pref(\"{key}\", {value});\n"))
        .collect();
    std::fs::write(profile.join("user.js"), preferences).doing("a profile")?;

    let sound = sound::start(folder.path()).await?;
    let mut command = Command::new("firefox-esr");
    command
        .args([
            "--headless",
            "--no-remote",
            "--remote-debugging-port",
            "0",
            "--profile",
        ])
        .arg(&profile)
        .arg("about:blank")
        .env("HOME", folder.path())
        .env("MOZ_HEADLESS", "1")
        .env("MOZ_CRASHREPORTER_DISABLE", "1")
        .envs(sound::environment(folder.path()));
    if let Some(namespace) = &options.namespace {
        namespace.enter(&mut command);
    }
    let program = Program::start("firefox", command, None)?;
    let (_, line) = program
        .logged(LogMark::default(), "its address", START, |l| {
            l.contains("listening on ws://")
        })
        .await?;
    let url = line
        .split_whitespace()
        .find(|w| w.starts_with("ws://"))
        .doing("Firefox names no address")?;
    let wire = Wire::connect(options.namespace.as_ref(), &format!("{url}/session")).await?;
    let wanted = json!({"capabilities": {"alwaysMatch": {"acceptInsecureCerts": true}}});
    wire.call("session.new", wanted, None, PATIENCE).await?;
    wire.call(
        "session.subscribe",
        json!({"events": ["log.entryAdded"]}),
        None,
        PATIENCE,
    )
    .await?;
    let tree = wire
        .call("browsingContext.getTree", json!({}), None, PATIENCE)
        .await?;
    let page = tree["contexts"][0]["context"]
        .as_str()
        .doing("Firefox has no page")?
        .to_owned();
    Ok(Browser {
        kind: Kind::Firefox,
        wire,
        page,
        program,
        sound: Some(sound),
        folder,
    })
}

pub async fn open(wire: &Wire, page: &str, url: &str) -> Result<()> {
    let params = json!({"context": page, "url": url, "wait": "complete"});
    wire.call("browsingContext.navigate", params, None, PATIENCE)
        .await
        .map(|_| ())
}

pub async fn reload(wire: &Wire, page: &str) -> Result<()> {
    let params = json!({"context": page, "wait": "none"});
    wire.call("browsingContext.reload", params, None, PATIENCE)
        .await
        .map(|_| ())
}

pub async fn run_first(wire: &Wire, page: &str, statements: &str) -> Result<()> {
    let params = json!({
        "functionDeclaration": format!("() => {{ {statements} }}"), "contexts": [page],
    });
    wire.call("script.addPreloadScript", params, None, PATIENCE)
        .await
        .map(|_| ())
}

pub async fn evaluate(wire: &Wire, page: &str, script: &str, within: Duration) -> Result<String> {
    let params = json!({
        "expression": script, "target": {"context": page}, "awaitPromise": true, "userActivation": true,
    });
    let answer = wire.call("script.evaluate", params, None, within).await?;
    if answer["type"] == "exception" {
        let text = answer["exceptionDetails"]["text"]
            .as_str()
            .unwrap_or("something");
        return Err(HarnessError::new(format!("the page threw: {text}")));
    }
    match &answer["result"]["value"] {
        Value::String(text) => Ok(text.clone()),
        other => Err(HarnessError::new(format!(
            "the page returned no text: {other}"
        ))),
    }
}

/// A picture of the page, a PNG in Base64.
pub async fn screenshot(wire: &Wire, page: &str) -> Result<String> {
    let params = json!({"context": page});
    let answer = wire
        .call("browsingContext.captureScreenshot", params, None, PATIENCE)
        .await?;
    let data = answer["data"].as_str();
    data.map(str::to_owned).doing("Firefox shows no page")
}

pub async fn close(wire: &Wire) {
    let _ = wire
        .call("browser.close", json!({}), None, Duration::from_secs(5))
        .await;
}
