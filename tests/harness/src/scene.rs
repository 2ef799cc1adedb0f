//! The usual scene: an ACD, a box with a trunk to it, and a page that calls.

use std::time::Duration;

use serde_json::{Value, json};

use crate::acd::{Acd, tone};
use crate::box_process::{BoxProcess, Holdings};
use crate::browser::Browser;
use crate::config::BoxPlan;
use crate::error::Result;
use crate::place::TempFolder;
use crate::web_phone::WebPhone;

/// What the page's microphone gives in Chromium.
pub const PAGE_HZ: f64 = 440.0;
/// What the ACD plays.
pub const ACD_HZ: f64 = 1004.0;
/// The account a page can register for, and its number.
pub const ACCOUNT: (&str, &str) = ("anna@example.com", "+49301001");

/// An ACD, a box and a page.
#[derive(Debug)]
pub struct Scene {
    pub acd: Acd,
    pub causeway: BoxProcess,
    pub phone: WebPhone,
    /// What the box held before the page was opened.
    pub before: Holdings,
    microphone: TempFolder,
}

impl Scene {
    /// With Chromium, and the configuration as `change` leaves it.
    pub async fn chromium(change: impl FnOnce(&mut BoxPlan)) -> Result<Self> {
        let acd = Acd::start(&[]).await?;
        let mut plan = BoxPlan::new(acd.address())?;
        change(&mut plan);
        Self::with(acd, BoxProcess::start(plan).await?, None, json!({})).await
    }

    /// With Chromium on a box and an ACD that run already; the page is for `account` where one is named, and its
    /// device has these options.
    pub async fn with(
        acd: Acd,
        causeway: BoxProcess,
        account: Option<&str>,
        options: Value,
    ) -> Result<Self> {
        let before = causeway.holdings()?;
        let microphone = TempFolder::new("microphone")?;
        let phone = chromium(&causeway, &microphone, account, options).await?;
        Ok(Self {
            acd,
            causeway,
            phone,
            before,
            microphone,
        })
    }

    /// Calls `to` and waits until both have answered and listen; the ACD's number of the call.
    pub async fn connect(&mut self, to: &str) -> Result<u64> {
        self.phone.place(to).await?;
        self.phone.answered().await?;
        let answered = self
            .acd
            .wait("answered", Duration::from_secs(5), |_| true)
            .await?;
        self.phone.listen().await?;
        Ok(answered["call"].as_u64().unwrap_or_default())
    }

    /// Waits until the ACD hears `hz` within 2 %.
    pub async fn acd_hears(&mut self, hz: f64, within: Duration) -> Result<()> {
        let right = |event: &Value| {
            event["hz"]
                .as_f64()
                .is_some_and(|heard| (heard - hz).abs() < hz * 0.02)
        };
        self.acd.wait("heard", within, right).await.map(|_| ())
    }

    /// The record of a call that ended.
    pub async fn record(&self, call: &str) -> Result<Value> {
        self.causeway
            .record(&format!("of call {call}"), |r| {
                r["id"] == call && !r["ended_at"].is_null()
            })
            .await
    }

    /// Closes the page, finds nothing left in the box, and stops everything in order.
    pub async fn end(self) -> Result<()> {
        let Self {
            acd,
            causeway,
            phone,
            before,
            microphone,
        } = self;
        phone.stop().await?;
        drop(microphone);
        causeway.nothing_left(before).await?;
        causeway.stop().await?;
        acd.stop().await
    }
}

/// A page in Chromium whose microphone gives the marked tone.
pub async fn chromium(
    causeway: &BoxProcess,
    folder: &TempFolder,
    account: Option<&str>,
    options: Value,
) -> Result<WebPhone> {
    let wav = folder.path().join("microphone.wav");
    tone(&wav, 440, 120).await?;
    WebPhone::start(Browser::chromium(wav).await?, causeway, account, options).await
}
