//! The operator's commands, one a line.

use std::sync::Arc;
use std::time::Duration;

use crate::call::Agent;
use crate::call::script::{HoldStyle, Step};
use crate::events::{CallNumber, Event};

/// What the commands are.
pub const HELP: &str = "hold N [silent|music|inactive] · resume N · hangup N · dtmf N DIGITS · \
hold-cycle N TIMES MS · update N · move N · call URI [FROM] · calls · help · quit";

/// Whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Read the next line.
    Go,
    /// Stop.
    Quit,
}

/// Carries out one line. What cannot be done is told as a `failed` event.
pub async fn obey(agent: &Arc<Agent>, line: &str) -> Next {
    let words: Vec<&str> = line.split_whitespace().collect();
    let outcome = match words.as_slice() {
        [] => Ok(()),
        ["quit" | "exit"] => return Next::Quit,
        ["calls"] => {
            agent.events.emit(Event::Calls {
                calls: agent.live(),
            });
            Ok(())
        }
        ["help"] => Err(HELP.to_owned()),
        ["hold", call] => order(agent, call, Step::Hold(HoldStyle::Silent)),
        ["hold", call, style] => match hold_style(style) {
            Some(style) => order(agent, call, Step::Hold(style)),
            None => Err(format!("no such way to hold: {style}")),
        },
        ["resume", call] => order(agent, call, Step::Resume),
        ["hangup", call] => order(agent, call, Step::Hangup),
        ["update", call] => order(agent, call, Step::Update),
        ["move", call] => order(agent, call, Step::Move),
        ["dtmf", call, digits] => order(agent, call, Step::Press((*digits).to_owned())),
        ["hold-cycle", call, times, ms] => cycle(agent, call, times, ms),
        ["call", uri] => agent.dial(uri, None).await.map(|_| ()),
        ["call", uri, from] => agent.dial(uri, Some(from)).await.map(|_| ()),
        _ => Err(format!("not understood: {line} — {HELP}")),
    };
    if let Err(message) = outcome {
        agent.events.emit(Event::Failed {
            call: None,
            message,
        });
    }
    Next::Go
}

fn hold_style(word: &str) -> Option<HoldStyle> {
    Some(match word {
        "silent" => HoldStyle::Silent,
        "music" => HoldStyle::Music,
        "inactive" => HoldStyle::Inactive,
        _ => return None,
    })
}

fn number(call: &str) -> Result<CallNumber, String> {
    call.parse()
        .map_err(|_| format!("not a call number: {call}"))
}

fn order(agent: &Agent, call: &str, step: Step) -> Result<(), String> {
    agent
        .order(number(call)?, Duration::ZERO, step)
        .then_some(())
        .ok_or_else(|| format!("no call {call}"))
}

fn cycle(agent: &Agent, call: &str, times: &str, ms: &str) -> Result<(), String> {
    let times = times
        .parse()
        .ok()
        .filter(|n| *n <= 1000)
        .ok_or_else(|| format!("not a count: {times}"))?;
    let ms = ms.parse().map_err(|_| format!("not milliseconds: {ms}"))?;
    agent
        .hold_cycle(
            number(call)?,
            times,
            Duration::from_millis(ms),
            HoldStyle::Silent,
        )
        .then_some(())
        .ok_or_else(|| format!("no call {call}"))
}
