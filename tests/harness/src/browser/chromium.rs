//! Chromium over the DevTools protocol.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::process::Command;

use super::wire::Wire;
use super::{Browser, BrowserOptions, Kind, PATIENCE, START};
use crate::error::{Doing, HarnessError, Result};
use crate::place::TempFolder;
use crate::program::{LogMark, Program};

/// Fake devices, sound without a click, and no start-up talk with the network.
const FLAGS: &[&str] = &[
    "--headless",
    "--no-sandbox",
    "--remote-debugging-port=0",
    "--use-fake-device-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--ignore-certificate-errors",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--disable-domain-reliability",
    "--disable-client-side-phishing-detection",
    "--metrics-recording-only",
    "--no-first-run",
    "--no-default-browser-check",
    "--no-pings",
    "--password-store=basic",
];

pub async fn start(options: &BrowserOptions) -> Result<Browser> {
    let folder = TempFolder::new("chromium")?;
    let mut command = Command::new("chromium");
    command
        .args(FLAGS)
        .arg(format!("--user-data-dir={}", folder.path().display()));
    command.arg(if options.no_microphone {
        "--use-fake-ui-for-media-stream=deny"
    } else {
        "--use-fake-ui-for-media-stream"
    });
    if let Some(microphone) = &options.microphone {
        command.arg(format!(
            "--use-file-for-fake-audio-capture={}",
            microphone.display()
        ));
    }
    match &options.namespace {
        Some(namespace) => namespace.enter(&mut command),
        None => {
            command.args([
                "--allow-loopback-in-peer-connection",
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
            ]);
        }
    }
    command.arg("about:blank").env("HOME", folder.path());
    let program = Program::start("chromium", command, None)?;
    let (_, line) = program
        .logged(LogMark::default(), "its address", START, |l| {
            l.contains("listening on ws://")
        })
        .await?;
    let url = line
        .split_whitespace()
        .find(|w| w.starts_with("ws://"))
        .doing("Chromium names no address")?;
    let wire = Wire::connect(options.namespace.as_ref(), url).await?;

    let targets = wire
        .call("Target.getTargets", json!({}), None, PATIENCE)
        .await?;
    let pages = targets["targetInfos"]
        .as_array()
        .doing("Chromium lists no pages")?;
    let target = match pages.iter().find(|t| t["type"] == "page") {
        Some(page) => page["targetId"].clone(),
        None => wire
            .call(
                "Target.createTarget",
                json!({"url": "about:blank"}),
                None,
                PATIENCE,
            )
            .await?["targetId"]
            .take(),
    };
    let attached = wire
        .call(
            "Target.attachToTarget",
            json!({"targetId": target, "flatten": true}),
            None,
            PATIENCE,
        )
        .await?;
    let page = attached["sessionId"]
        .as_str()
        .doing("no session with the page")?
        .to_owned();
    for domain in [
        "Page.enable",
        "Runtime.enable",
        "Log.enable",
        "Network.enable",
    ] {
        wire.call(domain, json!({}), Some(&page), PATIENCE).await?;
    }
    // Tests listen in pages that let nobody put scripts into them.
    wire.call(
        "Page.setBypassCSP",
        json!({"enabled": true}),
        Some(&page),
        PATIENCE,
    )
    .await?;
    Ok(Browser {
        kind: Kind::Chromium,
        wire,
        page,
        program,
        sound: None,
        folder,
    })
}

pub async fn open(wire: &Wire, page: &str, url: &str) -> Result<()> {
    let answer = wire
        .call("Page.navigate", json!({"url": url}), Some(page), PATIENCE)
        .await?;
    if let Some(error) = answer["errorText"].as_str() {
        return Err(HarnessError::new(format!("{url}: {error}")));
    }
    // The answer comes when the page is committed, not when it is loaded.
    let loaded = "(async () => { while (document.readyState !== 'complete') await new Promise(r => setTimeout(r, 10)); return '1' })()";
    evaluate(wire, page, loaded, PATIENCE).await.map(|_| ())
}

pub async fn reload(wire: &Wire, page: &str) -> Result<()> {
    wire.call("Page.reload", json!({}), Some(page), PATIENCE)
        .await
        .map(|_| ())
}

pub async fn run_first(wire: &Wire, page: &str, statements: &str) -> Result<()> {
    let params = json!({"source": statements});
    wire.call(
        "Page.addScriptToEvaluateOnNewDocument",
        params,
        Some(page),
        PATIENCE,
    )
    .await
    .map(|_| ())
}

pub async fn evaluate(wire: &Wire, page: &str, script: &str, within: Duration) -> Result<String> {
    let params = json!({
        "expression": script, "awaitPromise": true, "returnByValue": true, "userGesture": true,
    });
    let answer = wire
        .call("Runtime.evaluate", params, Some(page), within)
        .await?;
    let thrown = &answer["exceptionDetails"];
    if !thrown.is_null() {
        let exception = &thrown["exception"];
        let text = exception["description"]
            .as_str()
            .or(exception["value"].as_str())
            .or(thrown["text"].as_str());
        return Err(HarnessError::new(format!(
            "the page threw: {}",
            text.unwrap_or("something")
        )));
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
    let answer = wire
        .call("Page.captureScreenshot", json!({}), Some(page), PATIENCE)
        .await?;
    let data = answer["data"].as_str();
    data.map(str::to_owned).doing("Chromium shows no page")
}

pub async fn close(wire: &Wire) {
    // Whether it answers or just goes does not matter: its process is waited for.
    let _ = wire
        .call("Browser.close", json!({}), None, Duration::from_secs(5))
        .await;
}
