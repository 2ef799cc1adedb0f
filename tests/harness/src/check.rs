//! One call between a page and the demo ACD, and what both of them heard.

use std::time::Duration;

use serde_json::{Value, json};

use crate::acd::{Acd, tone};
use crate::box_process::BoxProcess;
use crate::browser::Browser;
use crate::error::Result;
use crate::page::{delay_ms, median};
use crate::place::TempFolder;
use crate::web_phone::WebPhone;

/// What the page's microphone gives.
pub const BROWSER_HZ: f64 = 440.0;
/// What the ACD plays.
pub const ACD_HZ: f64 = 1004.0;
/// How far a tone may be off.
const TOLERANCE: f64 = 0.02;
/// How long both listen.
const TALK: Duration = Duration::from_secs(5);

/// The report of a check, and whether it is good.
#[derive(Debug, Clone)]
pub struct Checked {
    pub good: bool,
    pub report: Value,
}

/// Makes the call. A call that fails gives a report too, with `error` in it.
pub async fn check(to: &BoxProcess, acd: &mut Acd) -> Checked {
    match call(to, acd).await {
        Ok(checked) => checked,
        Err(error) => Checked {
            good: false,
            report: json!({"connected": false, "error": error.to_string()}),
        },
    }
}

async fn call(to: &BoxProcess, acd: &mut Acd) -> Result<Checked> {
    let folder = TempFolder::new("microphone")?;
    let wav = folder.path().join("440.wav");
    tone(&wav, 440, 60).await?;
    let phone = WebPhone::start(Browser::chromium(wav).await?, to, None, json!({})).await?;

    let id = phone
        .place_with(json!({"to": "100", "context": {"check": true}}))
        .await?;
    let setup_ms = phone.answered().await?;
    let answered = acd
        .wait("answered", Duration::from_secs(5), |_| true)
        .await?;
    phone.listen().await?;
    tokio::time::sleep(TALK).await;

    let (microphone, remote) = (phone.microphone().await?, phone.remote().await?);
    let stats = phone.stats().await?;
    let heard: Vec<f64> = acd
        .seen("heard")
        .iter()
        .rev()
        .take(6)
        .filter_map(|e| e["hz"].as_f64())
        .collect();
    let moments = |events: Vec<Value>| {
        events
            .iter()
            .filter_map(|e| e["at"].as_f64())
            .collect::<Vec<_>>()
    };
    let onsets = moments(acd.seen("onset"));
    let markers = moments(acd.seen("marker"));
    phone.hang_up().await?;
    let record = to
        .record("of the check's call", |r| {
            r["id"] == id.as_str() && !r["ended_at"].is_null()
        })
        .await?;
    phone.stop().await?;

    let (browser_hears, acd_hears) = (remote.hz(6), median(heard));
    // Marks come once a second: what is further apart than this belongs to another mark.
    let longest = 800.0;
    let near = |hz: f64, wanted: f64| (hz - wanted).abs() <= wanted * TOLERANCE;
    let good = near(browser_hears, ACD_HZ) && near(acd_hears, BROWSER_HZ);
    let report = json!({
        "connected": true,
        "setup_ms": setup_ms.round(),
        "web_codec": stats["codec"],
        "trunk_codec": answered["codec"],
        "browser_hears_hz": tenth(browser_hears),
        "acd_hears_hz": tenth(acd_hears),
        "mouth_to_ear_ms": {
            "to_acd": delay_ms(&microphone.onsets, &onsets, longest).map(tenth),
            "to_browser": delay_ms(&markers, &remote.onsets, longest).map(tenth),
        },
        "cdr": record,
    });
    Ok(Checked { good, report })
}

fn tenth(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}
