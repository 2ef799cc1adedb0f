//! Answered calls whose target is down. They may go on: media often does not come from where SIP is spoken. So each
//! is judged by itself: one that is to hear something, and hears nothing for [`SILENT_FOR`] while its target does not
//! answer, has lost its PBX and ends as `unreachable`.

use super::Switch;
use super::active::CallKey;
use crate::legs::trunk::SoundWatch;
use crate::media::{Command as Media, LegFigures};
use causeway_call::{Event, FarCause, Phase};
use causeway_sip::endpoint::ReasonHeader;
use std::time::{Duration, Instant};

/// Silence suppression sends something every few seconds (RFC 3389 section 4 leaves the interval to the sender).
const SILENT_FOR: Duration = Duration::from_secs(8);

impl Switch {
    /// Asks the media plane about the calls of targets that are down.
    pub(super) fn watch_dead_targets(&mut self) {
        for active in self.calls.values_mut() {
            let down = active.call.phase() == Phase::Answered
                && active
                    .trunk
                    .attempt
                    .target()
                    .is_some_and(|at| self.probes.is_down(&active.trunk.trunk, at));
            if down {
                self.media.send(Media::Report {
                    leg: active.trunk.media,
                });
            } else {
                active.trunk.watch = None;
            }
        }
    }

    /// Figures of the trunk leg of such a call.
    pub(super) fn trunk_figures(&mut self, key: CallKey, figures: &LegFigures, now: Instant) {
        let Some(active) = self.calls.get_mut(&key) else {
            return;
        };
        let packets = figures.packets_received;
        let hears = active
            .trunk
            .plan
            .is_some_and(|plan| plan.direction.receives());
        let down = active
            .trunk
            .attempt
            .target()
            .is_some_and(|at| self.probes.is_down(&active.trunk.trunk, at));
        let watch = active
            .trunk
            .watch
            .filter(|watch| hears && watch.packets == packets)
            .unwrap_or(SoundWatch {
                packets,
                since: now,
            });
        active.trunk.watch = Some(watch);
        if !down || now.saturating_duration_since(watch.since) < SILENT_FOR {
            return;
        }
        tracing::warn!(
            call = active.id,
            "the PBX is gone: it neither answers nor sends sound"
        );
        if let Some(sip) = active.trunk.sip {
            self.by_sip.remove(&sip);
            let reason = ReasonHeader::q850(27, "Destination out of order");
            self.endpoint.bye(sip, Some(reason), now);
        }
        let cause = FarCause {
            silent: true,
            reason: Some("the telephone system neither answers nor sends sound".to_owned()),
            ..FarCause::default()
        };
        self.feed(key, Event::TrunkEnded { cause }, now);
    }
}
