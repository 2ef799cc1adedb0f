//! A box and a page, for scenarios whose peer is somebody else than Asterisk; and what box and peer said.

use std::io::Write;
use std::time::Duration;

use causeway_harness::box_process::Holdings;
use causeway_harness::place::TempFolder;
use causeway_harness::scene::chromium;
use causeway_harness::{BoxPlan, BoxProcess, Browser, HarnessError, Result, WebPhone};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::{ACCOUNT, End, equal, record};

/// Says loudly that a scenario did not run.
pub fn skipped(why: &str) {
    // Not by `eprintln!`, which the test runner keeps to itself when a test passes.
    let _ = writeln!(std::io::stderr(), "\n*** SKIPPED: {why} ***\n");
}

/// A box and a page.
#[derive(Debug)]
pub struct PageSite {
    pub causeway: BoxProcess,
    pub phone: WebPhone,
    before: Holdings,
    _microphone: TempFolder,
}

impl PageSite {
    /// Starts a box with this plan, and a page that may also be called.
    ///
    /// # Errors
    /// What does not start, and its log.
    pub async fn open(plan: BoxPlan) -> Result<Self> {
        Self::with(BoxProcess::start(plan).await?).await
    }

    /// Opens a page of a box that runs.
    ///
    /// # Errors
    /// What does not start, and its log.
    pub async fn with(causeway: BoxProcess) -> Result<Self> {
        let before = causeway.holdings()?;
        let microphone = TempFolder::new("microphone")?;
        let phone = chromium(&causeway, &microphone, Some(ACCOUNT.0), json!({})).await?;
        Ok(Self {
            causeway,
            phone,
            before,
            _microphone: microphone,
        })
    }

    /// The same with a page in Firefox, whose microphone is its own.
    ///
    /// # Errors
    /// What does not start, and its log.
    pub async fn firefox(causeway: BoxProcess) -> Result<Self> {
        let before = causeway.holdings()?;
        let microphone = TempFolder::new("microphone")?;
        let browser = Browser::firefox().await?;
        let phone = WebPhone::start(browser, &causeway, Some(ACCOUNT.0), json!({})).await?;
        Ok(Self {
            causeway,
            phone,
            before,
            _microphone: microphone,
        })
    }

    /// So many connections may be open at the end that were not when the page was opened.
    pub fn keeps_open(&mut self, connections: usize) {
        self.before.descriptors += connections;
    }

    /// The box's name for the page's call.
    ///
    /// # Errors
    /// What the page threw.
    pub async fn call(&self) -> Result<String> {
        let id = self.phone.browser().evaluate("phone.call.id").await?;
        Ok(id.as_str().unwrap_or_default().to_owned())
    }

    /// Waits until the page's call is over, and holds what page and record say of it against `end`. The record.
    ///
    /// # Errors
    /// What is not so.
    pub async fn ends(&self, call: &str, end: End<'_>) -> Result<Value> {
        let cause = self.phone.ended(Duration::from_secs(30)).await?;
        end.is_cause(&cause)?;
        let state = self.phone.state().await?;
        equal("the page's last state", &json!(state), &json!("ended"))?;
        record(&self.causeway, call, end).await
    }

    /// The page hangs up.
    ///
    /// # Errors
    /// What is not so.
    pub async fn hangs_up(&self, call: &str) -> Result<Value> {
        self.phone.hang_up().await?;
        self.ends(call, End::new("hangup", "local")).await
    }

    /// Waits for a message of this call's ladder.
    ///
    /// # Errors
    /// The whole ladder when there is none within 10 s.
    pub async fn said(
        &self,
        call: &str,
        what: &str,
        wanted: impl Fn(&Said) -> bool,
    ) -> Result<Said> {
        said(&self.causeway, call, what, wanted).await
    }

    /// Closes the page, finds nothing left of the calls, and stops the box.
    ///
    /// # Errors
    /// What is left.
    pub async fn close(self) -> Result<()> {
        let Self {
            causeway,
            phone,
            before,
            ..
        } = self;
        phone.stop().await?;
        causeway.nothing_left(before).await?;
        causeway.stop().await
    }
}

/// A SIP message of a call's ladder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// By the box.
    pub sent: bool,
    /// `udp`, `tcp` or `tls`.
    pub transport: String,
    /// The request or status line.
    pub first_line: String,
    pub cseq: String,
    pub text: String,
}

impl Said {
    /// The request the message is, or answers.
    pub fn method(&self) -> &str {
        self.cseq.split(' ').nth(1).unwrap_or_default()
    }

    /// Whether it is a request of this method.
    pub fn is(&self, method: &str) -> bool {
        !self.first_line.starts_with("SIP/2.0 ") && self.first_line.starts_with(method)
    }

    /// Whether it answers a request of this method so.
    pub fn answers(&self, method: &str, status: u16) -> bool {
        self.first_line.starts_with(&format!("SIP/2.0 {status}")) && self.method() == method
    }

    /// The value of a header, by its long name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let head = self.text.split("\r\n\r\n").next().unwrap_or_default();
        head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// What box and PBX said in a call so far, oldest first.
///
/// # Errors
/// When the box keeps no ladder of it.
pub async fn wire(causeway: &BoxProcess, call: &str) -> Result<Vec<Said>> {
    let ladder = causeway
        .admin(&format!("/api/v1/calls/{call}/ladder"))
        .await?;
    let text = |message: &Value, key: &str| message[key].as_str().unwrap_or_default().to_owned();
    let messages = ladder["messages"].as_array().into_iter().flatten();
    Ok(messages
        .map(|message| Said {
            sent: message["direction"] == "sent",
            transport: text(message, "transport"),
            first_line: text(message, "first_line"),
            cseq: text(message, "cseq"),
            text: text(message, "text"),
        })
        .collect())
}

/// Waits for a message of a call's ladder.
///
/// # Errors
/// The whole ladder when there is none within 10 s.
pub async fn said(
    causeway: &BoxProcess,
    call: &str,
    what: &str,
    wanted: impl Fn(&Said) -> bool,
) -> Result<Said> {
    let deadline = Instant::now() + crate::SOON;
    loop {
        let messages = wire(causeway, call).await?;
        if let Some(found) = messages.iter().find(|message| wanted(message)) {
            return Ok(found.clone());
        }
        if Instant::now() > deadline {
            let all: Vec<String> = messages
                .iter()
                .map(|m| format!("{} {}", if m.sent { "→" } else { "←" }, m.text))
                .collect();
            return Err(HarnessError::new(format!(
                "nobody said {what}:\n{}",
                all.join("\n")
            )));
        }
        sleep(Duration::from_millis(100)).await;
    }
}

/// Waits until the page was told exactly these digits.
///
/// # Errors
/// What it was told instead.
pub async fn digits(phone: &WebPhone, digits: &str) -> Result<()> {
    let deadline = Instant::now() + crate::SOON;
    loop {
        let events = phone.events("dtmf").await?;
        let told: String = events
            .iter()
            .filter_map(|e| e["args"][0].as_str().or(e["args"][0]["digit"].as_str()))
            .collect();
        if told == digits {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(HarnessError::new(format!(
                "the page was told `{told}`, not `{digits}`: {events:?}"
            )));
        }
        sleep(Duration::from_millis(100)).await;
    }
}

/// The ports of a call's picture on its trunk: the box's and the peer's, as their last session descriptions say.
///
/// # Errors
/// When they have agreed on none.
pub async fn picture_ports(causeway: &BoxProcess, call: &str) -> Result<(u16, u16)> {
    let said = wire(causeway, call).await?;
    let port = |sent: bool| {
        let of = |m: &Said| {
            let (_, media) = m.text.split_once("\r\nm=video ")?;
            media.split(' ').next()?.parse().ok()
        };
        said.iter()
            .rev()
            .filter(|m| m.sent == sent && m.method() == "INVITE")
            .find_map(of)
            .filter(|port: &u16| *port > 0)
    };
    match (port(true), port(false)) {
        (Some(ours), Some(theirs)) => Ok((ours, theirs)),
        ports => Err(HarnessError::new(format!(
            "no picture was agreed on: {ports:?}"
        ))),
    }
}
