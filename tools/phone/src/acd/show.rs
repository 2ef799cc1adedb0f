//! Events in words, for a person at a terminal.

use std::collections::HashMap;

use crate::events::{CallNumber, Event, Side, Stamped};

/// What was shown last, so that a steady tone does not scroll the terminal away.
#[derive(Debug, Default)]
pub struct Shown {
    heard: HashMap<CallNumber, (f64, f64, f64)>,
}

/// A steady sound is shown again after so many seconds.
const REPEAT_S: f64 = 5.0;

impl Shown {
    /// The line for an event; `None` for what a person does not want to read.
    pub fn line(&mut self, stamped: &Stamped) -> Option<String> {
        Some(match &stamped.event {
            Event::Listening { udp, .. } => {
                format!("The contact centre listens on {udp}, UDP and TCP.")
            }
            Event::Invite {
                call,
                direction,
                from,
                display,
                pai,
                to,
                uui,
                ..
            } => {
                let name = if display.is_empty() {
                    String::new()
                } else {
                    format!(" “{display}”")
                };
                let asserted = pai
                    .as_ref()
                    .map(|p| format!("  asserted {p}"))
                    .unwrap_or_default();
                let context = uui
                    .as_ref()
                    .map(|u| format!("  context {u}"))
                    .unwrap_or_default();
                let way = if *direction == "in" { "CALL" } else { "DIAL" };
                format!("☎  {way} {call} from {from}{name} to {to}{asserted}{context}")
            }
            Event::Challenged { status, .. } => format!("   credentials asked for ({status})"),
            Event::Progress {
                call, status, sdp, ..
            } => {
                format!(
                    "   call {call}: {status}{}",
                    if *sdp { " with sound" } else { "" }
                )
            }
            Event::Prack { call, .. } => {
                format!("   call {call}: provisional response acknowledged")
            }
            Event::Answered {
                call, codec, rtp, ..
            } => format!("   call {call} answered, {codec} at {rtp}"),
            Event::Heard { call, hz, dbov, .. } => {
                let last = self.heard.get(call).copied();
                let steady = last.is_some_and(|(last_hz, _, at)| {
                    (last_hz - hz).abs() <= 0.01 * hz.max(1.0) && stamped.at - at < REPEAT_S
                });
                if steady {
                    return None;
                }
                self.heard.insert(*call, (*hz, *dbov, stamped.at));
                let tone = if *hz > 0.0 {
                    format!("{hz:7.1} Hz")
                } else {
                    "  silence ".to_owned()
                };
                format!(
                    "   call {call} hears {tone} {dbov:6.1} dBov  {}",
                    meter(*dbov)
                )
            }
            Event::Onset { .. } | Event::Marker { .. } => return None,
            Event::Source { call, ssrc } => format!("   call {call}: sound from source {ssrc:08x}"),
            Event::Gap { call, ms } => format!("   call {call}: nothing came for {ms} ms"),
            Event::Dtmf {
                call,
                digit,
                duration_ms,
            } => {
                format!("   call {call} pressed {digit} ({duration_ms} ms)")
            }
            Event::Held { call, by } => format!("   call {call} on hold, by {}", side(*by)),
            Event::Resumed { call, by } => format!("   call {call} off hold, by {}", side(*by)),
            Event::Reinvite {
                call,
                by,
                status,
                media,
            } => {
                format!(
                    "   call {call}: session changed by {} ({media}): {status}",
                    side(*by)
                )
            }
            Event::Update { call, by, status } => {
                format!("   call {call}: UPDATE by {}: {status}", side(*by))
            }
            Event::Context { call, context } => format!("   call {call} context {context}"),
            Event::Ended {
                call,
                by,
                status,
                cause,
                rtp,
            } => {
                self.heard.remove(call);
                let status = status.map(|s| format!(" {s}")).unwrap_or_default();
                format!(
                    "   call {call} ended by {}:{status} {cause}  (sent {}, received {}, lost {}, jitter {} ms)",
                    side(*by),
                    rtp.sent,
                    rtp.received,
                    rtp.lost,
                    rtp.jitter_ms
                )
            }
            Event::Failed {
                call: Some(call),
                message,
            } => format!("!  call {call}: {message}"),
            Event::Failed {
                call: None,
                message,
            } => format!("!  {message}"),
            Event::Calls { calls } => format!("   {} calls {calls:?}", calls.len()),
        })
    }
}

fn side(side: Side) -> &'static str {
    match side {
        Side::Local => "us",
        Side::Remote => "them",
    }
}

/// Twenty steps of 3 dB.
fn meter(dbov: f64) -> String {
    let lit = (((dbov + 60.0) / 3.0).round().clamp(0.0, 20.0)) as usize;
    "▮".repeat(lit) + &"▯".repeat(20 - lit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_meter_has_twenty_steps_and_a_steady_tone_is_said_once() {
        assert_eq!(meter(-127.0), "▯".repeat(20));
        assert_eq!(meter(0.0), "▮".repeat(20));
        assert_eq!(meter(-30.0).matches('▮').count(), 10);
        let heard = |at| Stamped {
            event: Event::Heard {
                call: 1,
                hz: 440.0,
                dbov: -9.0,
                purity: 1.0,
            },
            at,
        };
        let mut shown = Shown::default();
        assert!(
            shown
                .line(&heard(0.0))
                .is_some_and(|line| line.contains("440.0 Hz"))
        );
        assert_eq!(shown.line(&heard(1.0)), None);
        assert!(shown.line(&heard(6.0)).is_some());
    }
}
