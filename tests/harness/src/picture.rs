//! Eyes and a camera for a page: JavaScript that shows colours and recognises them.

use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::time::{Instant, sleep};

use crate::browser::Browser;
use crate::error::{Doing, HarnessError, Result};

/// Defines `window.eyes`; see the file for what it shows and sees.
const EYES: &str = include_str!("eyes.js");

/// Gives the page its eyes and its camera.
pub async fn give_eyes(browser: &Browser) -> Result<()> {
    let define = format!("(() => {{ {EYES}\n return true }})()");
    browser.evaluate(&define).await.map(|_| ())
}

/// Keeps a picture of the page as it is shown, a PNG.
pub async fn keep_screenshot(browser: &Browser, path: &Path) -> Result<()> {
    let png = STANDARD.decode(browser.screenshot().await?);
    std::fs::write(path, png.doing("a screenshot")?).doing("a screenshot")
}

/// Which of the camera's colours a picture in a file shows, and its size.
pub async fn still(browser: &Browser, path: &Path) -> Result<(String, u64, u64)> {
    let png = STANDARD.encode(std::fs::read(path).doing(&format!("{}", path.display()))?);
    let still = format!("eyes.still('data:image/png;base64,{png}')");
    let shown = browser.evaluate(&still).await?;
    let side = |name: &str| shown[name].as_u64().unwrap_or(0);
    let step = shown["step"].as_str().unwrap_or_default().to_owned();
    Ok((step, side("width"), side("height")))
}

/// What was seen of one stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    pub frames: u64,
    /// When the first came, in seconds since 1970.
    pub first: f64,
    pub width: u64,
    pub height: u64,
    /// The camera's colours, each time they changed.
    pub steps: Vec<String>,
    /// When each was first seen, in seconds since 1970.
    pub times: Vec<f64>,
}

impl Seen {
    /// Reads what the page says it saw.
    pub async fn from(browser: &Browser, name: &str) -> Result<Self> {
        let value = browser.evaluate(&format!("eyes.seen('{name}')")).await?;
        let steps = value["steps"].as_array().cloned().unwrap_or_default();
        let whole = |field: &str| value[field].as_u64().unwrap_or(0);
        Ok(Self {
            frames: whole("frames"),
            first: value["first"].as_f64().unwrap_or(0.0),
            width: whole("width"),
            height: whole("height"),
            times: steps.iter().filter_map(|s| s["at"].as_f64()).collect(),
            steps: steps
                .iter()
                .filter_map(|s| s["step"].as_str().map(str::to_owned))
                .collect(),
        })
    }

    /// Waits until the camera's colours were recognised `changes` times more than now: the picture is whole and it moves.
    ///
    /// # Errors
    /// What was seen instead.
    pub async fn moving(
        browser: &Browser,
        name: &str,
        changes: usize,
        within: Duration,
    ) -> Result<Self> {
        let deadline = Instant::now() + within;
        let before = Self::from(browser, name).await?.steps.len();
        loop {
            let seen = Self::from(browser, name).await?;
            let order: Vec<&str> = seen.steps.iter().skip(before).map(String::as_str).collect();
            let in_turn = order
                .windows(2)
                .all(|pair| matches!(pair, ["rb", "gr"] | ["gr", "bg"] | ["bg", "rb"]));
            if order.len() >= changes && in_turn {
                return Ok(seen);
            }
            if Instant::now() > deadline {
                return Err(HarnessError::new(format!(
                    "the camera's colours were not seen in turn: {seen:?}"
                )));
            }
            sleep(Duration::from_millis(100)).await;
        }
    }
}
