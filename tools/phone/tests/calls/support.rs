//! Two phones and what they tell.

use std::sync::Arc;
use std::time::Duration;

use causeway_phone::call::{Agent, AgentConfig};
use causeway_phone::events::{Event, EventSink, Stamped};
use tokio::sync::mpsc;

/// A phone and everything it told so far.
pub struct Phone {
    pub agent: Arc<Agent>,
    told: mpsc::UnboundedReceiver<Stamped>,
    pub log: Vec<Stamped>,
}

impl Phone {
    /// A phone on free ports.
    pub async fn start(change: impl FnOnce(&mut AgentConfig)) -> Self {
        let mut config = AgentConfig::new(([127, 0, 0, 1], 0).into());
        change(&mut config);
        let (events, told) = EventSink::new();
        let agent = Agent::start(config, events).await.expect("free ports");
        Self {
            agent,
            told,
            log: Vec::new(),
        }
    }

    /// Calls `number` on another phone.
    pub async fn dial(&self, number: &str, other: &Phone) -> u32 {
        self.agent
            .dial(
                &format!("sip:{number}@{}", other.agent.local()),
                Some("4711"),
            )
            .await
            .expect("dialled")
    }

    /// Waits up to `seconds` for an event that `fits`, and returns it.
    pub async fn expect(
        &mut self,
        what: &str,
        seconds: u64,
        fits: impl Fn(&Event) -> bool,
    ) -> Stamped {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(seconds);
        loop {
            match tokio::time::timeout_at(deadline, self.told.recv()).await {
                Ok(Some(stamped)) => {
                    self.log.push(stamped.clone());
                    if fits(&stamped.event) {
                        return stamped;
                    }
                }
                _ => panic!("no {what} within {seconds} s; told so far: {:#?}", self.log),
            }
        }
    }

    /// Waits for a tone of `hz`, within half a percent.
    pub async fn hears(&mut self, wanted: f64) -> f64 {
        let fits = |event: &Event| matches!(event, Event::Heard { hz, .. } if (hz - wanted).abs() < wanted * 0.005);
        self.expect(&format!("tone of {wanted} Hz"), 5, fits)
            .await
            .at
    }

    /// Waits for the end of a call: its status and cause.
    pub async fn ended(&mut self) -> (Option<u16>, String, causeway_phone::media::rtp::Figures) {
        let stamped = self
            .expect("end", 8, |event| matches!(event, Event::Ended { .. }))
            .await;
        match stamped.event {
            Event::Ended {
                status, cause, rtp, ..
            } => (status, cause, rtp),
            _ => unreachable!(),
        }
    }

    /// Everything told until now.
    pub fn drain(&mut self) {
        while let Ok(stamped) = self.told.try_recv() {
            self.log.push(stamped);
        }
    }

    /// How many told events fit.
    pub fn count(&self, fits: impl Fn(&Event) -> bool) -> usize {
        self.log
            .iter()
            .filter(|stamped| fits(&stamped.event))
            .count()
    }
}

pub fn answered(event: &Event) -> bool {
    matches!(event, Event::Answered { .. })
}

/// The demo contact centre and a caller whose tone is 440 Hz.
pub async fn pair() -> (Phone, Phone) {
    (
        Phone::start(|_| {}).await,
        Phone::start(|config| config.tone = 440.0).await,
    )
}
