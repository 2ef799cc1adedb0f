//! Headless browsers: a page is opened, JavaScript is evaluated in it, its console is kept.
//!
//! Chromium is driven over its own DevTools protocol, Firefox over WebDriver BiDi: what each speaks without a helper
//! program between. Both are JSON messages of the same form over one WebSocket, so one small client serves both.

mod chromium;
mod firefox;
mod input;
mod wire;

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use crate::error::{Doing, HarnessError, Result};
use crate::network::Namespace;
use crate::place::TempFolder;
use crate::program::Program;
use wire::Wire;

const START: Duration = Duration::from_secs(30);
const PATIENCE: Duration = Duration::from_secs(30);

/// Which browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Chromium,
    Firefox,
}

/// How a browser is started.
#[derive(Debug, Clone, Default)]
pub struct BrowserOptions {
    /// What the microphone hears, a WAV file, in Chromium. Firefox's own is a tone of 1 kHz.
    pub microphone: Option<PathBuf>,
    /// Its user refuses the microphone, in Chromium.
    pub no_microphone: bool,
    /// Where it runs, if not where everybody is: then it has no candidates on loopback, as at a caller's.
    pub namespace: Option<Namespace>,
}

/// A running browser with one page.
#[derive(Debug)]
pub struct Browser {
    kind: Kind,
    wire: Wire,
    /// The page: a DevTools session or a BiDi browsing context.
    page: String,
    program: Program,
    /// A sound card for Firefox.
    sound: Option<Program>,
    folder: TempFolder,
}

impl Browser {
    /// Starts a browser with an empty page.
    pub async fn start(kind: Kind, options: BrowserOptions) -> Result<Self> {
        match kind {
            Kind::Chromium => chromium::start(&options).await,
            Kind::Firefox => firefox::start(&options).await,
        }
    }

    /// Chromium with this recording as its microphone.
    pub async fn chromium(microphone: impl Into<PathBuf>) -> Result<Self> {
        Self::start(
            Kind::Chromium,
            BrowserOptions {
                microphone: Some(microphone.into()),
                ..BrowserOptions::default()
            },
        )
        .await
    }

    /// Firefox with its own microphone of 1 kHz.
    pub async fn firefox() -> Result<Self> {
        Self::start(Kind::Firefox, BrowserOptions::default()).await
    }

    /// Which browser it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Opens `url` and waits until it is loaded.
    pub async fn open(&mut self, url: &str) -> Result<()> {
        match self.kind {
            Kind::Chromium => chromium::open(&self.wire, &self.page, url).await,
            Kind::Firefox => firefox::open(&self.wire, &self.page, url).await,
        }
    }

    /// Evaluates an expression, awaits it when it is a promise, and returns its value.
    ///
    /// # Errors
    /// What the page threw, with its console's last lines.
    pub async fn evaluate(&self, expression: &str) -> Result<Value> {
        self.evaluate_within(expression, PATIENCE).await
    }

    /// The same with another limit.
    pub async fn evaluate_within(&self, expression: &str, within: Duration) -> Result<Value> {
        // Both protocols have their own notation for values; JSON text passes through either unchanged.
        let script = format!("(async () => JSON.stringify((await ({expression})) ?? null))()");
        let answer = match self.kind {
            Kind::Chromium => chromium::evaluate(&self.wire, &self.page, &script, within).await,
            Kind::Firefox => firefox::evaluate(&self.wire, &self.page, &script, within).await,
        };
        let text = answer.map_err(|e| {
            HarnessError::new(format!("{e}\n  in: {expression}\n{}", self.console_tail()))
        })?;
        serde_json::from_str(&text).doing("what the page returned")
    }

    /// Runs statements; what they `return` is the value.
    pub async fn run(&self, statements: &str) -> Result<Value> {
        self.evaluate(&format!("(async () => {{ {statements} }})()"))
            .await
    }

    /// Evaluates `expression` again and again until it is true in JavaScript's sense; its value then.
    pub async fn until(&self, what: &str, expression: &str, within: Duration) -> Result<Value> {
        let limit = within.as_millis();
        let script = format!(
            "(async () => {{ const end = performance.now() + {limit}; for (;;) {{ const v = await ({expression}); \
             if (v) return {{v}}; if (performance.now() > end) return null; \
             await new Promise(r => setTimeout(r, 20)); }} }})()"
        );
        let answer = self.evaluate_within(&script, within + PATIENCE).await?;
        match answer {
            Value::Null => Err(HarnessError::new(format!(
                "{what}: not within {within:?}\n{}",
                self.console_tail()
            ))),
            mut answer => Ok(answer["v"].take()),
        }
    }

    /// A picture of the page as it is shown: a PNG in Base64.
    ///
    /// # Errors
    /// What the browser says instead.
    pub async fn screenshot(&self) -> Result<String> {
        match self.kind {
            Kind::Chromium => chromium::screenshot(&self.wire, &self.page).await,
            Kind::Firefox => firefox::screenshot(&self.wire, &self.page).await,
        }
    }

    /// Loads the page anew, as its user would.
    pub async fn reload(&mut self) -> Result<()> {
        match self.kind {
            Kind::Chromium => chromium::reload(&self.wire, &self.page).await,
            Kind::Firefox => firefox::reload(&self.wire, &self.page).await,
        }
    }

    /// Runs these statements in every page that is opened from now on, before its own.
    pub async fn run_first(&self, statements: &str) -> Result<()> {
        match self.kind {
            Kind::Chromium => chromium::run_first(&self.wire, &self.page, statements).await,
            Kind::Firefox => firefox::run_first(&self.wire, &self.page, statements).await,
        }
    }

    /// What the page wrote to its console so far, oldest first.
    pub fn console(&self) -> Vec<String> {
        self.wire.console()
    }

    fn console_tail(&self) -> String {
        let lines = self.console();
        let skip = lines.len().saturating_sub(20);
        lines
            .iter()
            .skip(skip)
            .map(|line| format!("  console: {line}\n"))
            .collect()
    }

    /// Closes it and waits until its processes are gone.
    pub async fn stop(self) -> Result<()> {
        let Self {
            kind,
            wire,
            page: _,
            program,
            sound,
            folder,
        } = self;
        match kind {
            Kind::Chromium => chromium::close(&wire).await,
            Kind::Firefox => firefox::close(&wire).await,
        }
        program.stop().await?;
        if let Some(sound) = sound {
            sound.stop().await?;
        }
        drop(folder);
        Ok(())
    }
}
