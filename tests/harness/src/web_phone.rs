//! A telephone in a page: a browser on a customer's page with the SDK's device in it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::box_process::BoxProcess;
use crate::browser::Browser;
use crate::error::Result;
use crate::page::{self, Heard};

const SCRIPT: &str = include_str!("web_phone.js");
const PATIENCE: Duration = Duration::from_secs(15);

/// A page that calls.
#[derive(Debug)]
pub struct WebPhone {
    browser: Browser,
}

impl WebPhone {
    /// Opens a customer's page in `browser` and makes a device with `options` in it, for an account where one is
    /// named.
    pub async fn start(
        browser: Browser,
        to: &BoxProcess,
        account: Option<&str>,
        options: Value,
    ) -> Result<Self> {
        Self::on(browser, &to.customer_page(), to, account, options).await
    }

    /// The same on another page.
    pub async fn on(
        mut browser: Browser,
        page: &str,
        to: &BoxProcess,
        account: Option<&str>,
        options: Value,
    ) -> Result<Self> {
        browser.open(page).await?;
        page::give_ears(&browser).await?;
        browser
            .evaluate(&format!("(() => {{ {SCRIPT}\n return true }})()"))
            .await?;
        let sdk = json!(to.url("/sdk/v1/causeway.js"));
        let token = json!(to.token(account).await?);
        browser
            .evaluate(&format!("phone.start({sdk}, {token}, {options})"))
            .await?;
        Ok(Self { browser })
    }

    /// The browser itself.
    pub fn browser(&self) -> &Browser {
        &self.browser
    }

    /// Places a call and returns its id as soon as the box took it.
    pub async fn place(&self, to: &str) -> Result<String> {
        self.place_with(json!({"to": to})).await
    }

    /// Places a call with all of the SDK's options.
    pub async fn place_with(&self, options: Value) -> Result<String> {
        let id = self
            .browser
            .evaluate(&format!("phone.place({options})"))
            .await?;
        Ok(id.as_str().unwrap_or_default().to_owned())
    }

    /// Waits for the answer; how long it took from placing, in milliseconds.
    pub async fn answered(&self) -> Result<f64> {
        let ms = self
            .browser
            .evaluate_within(
                "phone.answered.then(at => (at - phone.placedAt) * 1000)",
                PATIENCE,
            )
            .await?;
        Ok(ms.as_f64().unwrap_or_default())
    }

    /// Signs in the account: calls to it arrive here from now on.
    pub async fn register(&self) -> Result<()> {
        self.browser
            .evaluate("phone.device.register()")
            .await
            .map(|_| ())
    }

    /// Waits for a call to the account; the caller's number and name.
    pub async fn rung(&self, within: Duration) -> Result<(String, String)> {
        self.reaches("incoming", within).await?;
        let caller = self
            .browser
            .evaluate("[phone.call.from, phone.call.fromName]")
            .await?;
        let text = |at: usize| caller[at].as_str().unwrap_or_default().to_owned();
        Ok((text(0), text(1)))
    }

    /// Answers the call that rings.
    pub async fn accept(&self) -> Result<()> {
        self.browser
            .evaluate("phone.call.accept({audio: phone.microphone})")
            .await
            .map(|_| ())
    }

    /// Refuses the call that rings: `busy` or `declined`.
    pub async fn reject(&self, reason: &str) -> Result<()> {
        self.browser
            .evaluate(&format!("phone.call.reject('{reason}')"))
            .await
            .map(|_| ())
    }

    /// Presses digits and waits until they are sent.
    pub async fn press(&self, digits: &str) -> Result<()> {
        self.browser
            .evaluate(&format!("phone.call.sendDigits('{digits}')"))
            .await
            .map(|_| ())
    }

    /// Begins to listen to the microphone (`mic`) and the far side (`remote`).
    pub async fn listen(&self) -> Result<()> {
        self.browser.evaluate("phone.listen()").await.map(|_| ())
    }

    /// What was heard of the far side.
    pub async fn remote(&self) -> Result<Heard> {
        Heard::from(&self.browser, "remote").await
    }

    /// What the microphone gave.
    pub async fn microphone(&self) -> Result<Heard> {
        Heard::from(&self.browser, "mic").await
    }

    /// Waits until the far side's last second is this tone, within half a percent.
    pub async fn hears(&self, hz: f64, within: Duration) -> Result<()> {
        let wanted = format!(
            "(w => w.length === 2 && w.every(w => w.purity > 0.6 && Math.abs(w.hz - {hz}) < {hz} * 0.005))\
             (ears.heard('remote').windows.slice(-2))"
        );
        self.browser
            .until(&format!("hearing {hz} Hz"), &wanted, within)
            .await
            .map(|_| ())
    }

    /// Waits until the last second of the far side is silent.
    pub async fn hears_nothing(&self, within: Duration) -> Result<()> {
        let wanted = "(w => w.length === 2 && w.every(w => w.db < -55))(ears.heard('remote').windows.slice(-2))";
        self.browser
            .until("silence", wanted, within)
            .await
            .map(|_| ())
    }

    /// The call's state in the SDK.
    pub async fn state(&self) -> Result<String> {
        let state = self.browser.evaluate("phone.call?.state ?? 'none'").await?;
        Ok(state.as_str().unwrap_or_default().to_owned())
    }

    /// Waits until the call is in this state.
    pub async fn reaches(&self, state: &str, within: Duration) -> Result<()> {
        self.browser
            .until(
                &format!("the state {state}"),
                &format!("phone.call?.state === '{state}'"),
                within,
            )
            .await
            .map(|_| ())
    }

    /// Waits for the end of the call; its cause.
    pub async fn ended(&self, within: Duration) -> Result<Value> {
        self.browser.evaluate_within("phone.ended", within).await
    }

    /// Hangs up and waits until the call is over.
    pub async fn hang_up(&self) -> Result<Value> {
        self.browser
            .evaluate("phone.call.disconnect().then(() => phone.ended)")
            .await
    }

    /// The SDK's figures about the call.
    pub async fn stats(&self) -> Result<Value> {
        self.browser.evaluate("phone.call.getStats()").await
    }

    /// From now on the page's connections use only those ICE servers' URLs that contain `word`; the box names them all.
    pub async fn narrow_ice(&self, word: &str) -> Result<()> {
        self.browser
            .evaluate(&format!("phone.narrowIce('{word}')"))
            .await
            .map(|_| ())
    }

    /// The pair of addresses the call's media takes: `local` and `remote` types, and how the `relay` is reached, if any.
    pub async fn pair(&self) -> Result<Value> {
        self.browser.evaluate("phone.pair()").await
    }

    /// Begins to note the longest time between two packets from the box.
    pub async fn watch_gaps(&self) -> Result<()> {
        self.browser
            .evaluate("(phone.watchGaps(), true)")
            .await
            .map(|_| ())
    }

    /// The longest so far, in milliseconds.
    pub async fn longest_gap_ms(&self) -> Result<f64> {
        let gap = self.browser.evaluate("phone.gap").await?;
        Ok(gap.as_f64().unwrap_or(f64::MAX))
    }

    /// Every event so far of this name.
    pub async fn events(&self, name: &str) -> Result<Vec<Value>> {
        let events = self
            .browser
            .evaluate(&format!("phone.events.filter(e => e.event === '{name}')"))
            .await?;
        Ok(events.as_array().cloned().unwrap_or_default())
    }

    /// Closes the browser.
    pub async fn stop(self) -> Result<()> {
        self.browser.stop().await
    }
}
