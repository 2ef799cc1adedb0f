//! What a call has yet to do, by time.

use std::time::Duration;

use tokio::time::Instant;

use super::script::Step;

/// Steps in the order of their time; equal times keep their order.
#[derive(Debug, Default)]
pub struct Agenda(Vec<(Instant, Step)>);

impl Agenda {
    /// Adds steps, each so long after `start`.
    pub fn extend(&mut self, start: Instant, steps: impl IntoIterator<Item = (Duration, Step)>) {
        self.0
            .extend(steps.into_iter().map(|(after, step)| (start + after, step)));
        self.0.sort_by_key(|(at, _)| *at);
    }

    /// Drops everything.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The next step, when its time has come.
    pub async fn next(&mut self) -> Step {
        match self.0.first() {
            Some((at, _)) => {
                tokio::time::sleep_until(*at).await;
                self.0.remove(0).1
            }
            None => std::future::pending().await,
        }
    }
}
