//! The demo contact centre: an [`Agent`] with a console.

pub mod control;
pub mod show;

use std::io::Write;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::sync::{mpsc, oneshot};

use crate::call::{Agent, AgentConfig};
use crate::events::{EventSink, Stamped};

/// Runs until `quit`, a signal, or (with `json`) the end of standard input; live calls get a BYE.
///
/// # Errors
/// When the sockets cannot be opened.
pub async fn run(config: AgentConfig, json: bool) -> std::io::Result<()> {
    let (events, told) = EventSink::new();
    let (done, no_more) = oneshot::channel();
    let printer = tokio::spawn(print(told, no_more, json));
    let agent = Agent::start(config, events).await?;
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut reading = true;
    let mut stop = Box::pin(stopped());
    loop {
        tokio::select! {
            () = &mut stop => break,
            line = lines.next_line(), if reading => match line {
                Ok(Some(line)) => if control::obey(&agent, &line).await == control::Next::Quit {
                    break;
                },
                // A demo in the background has no input; a test that lets go of ours is done.
                Ok(None) | Err(_) if json => break,
                Ok(None) | Err(_) => reading = false,
            },
        }
    }
    agent.close(Duration::from_secs(2)).await;
    let _ = done.send(());
    let _ = printer.await;
    Ok(())
}

/// Waits for SIGINT or SIGTERM.
pub async fn stopped() {
    use tokio::signal::unix::{SignalKind, signal};
    match (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) {
        (Ok(mut terminate), Ok(mut interrupt)) => {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        }
        _ => std::future::pending().await,
    }
}

/// Prints events, one a line, until `no_more` (then what is left) or until nobody reads.
pub async fn print(
    mut told: mpsc::UnboundedReceiver<Stamped>,
    mut no_more: oneshot::Receiver<()>,
    json: bool,
) {
    let mut shown = show::Shown::default();
    let mut closing = false;
    loop {
        let stamped = tokio::select! {
            biased;
            stamped = told.recv() => stamped,
            _ = &mut no_more, if !closing => {
                closing = true;
                told.close();
                continue;
            }
        };
        let Some(stamped) = stamped else {
            return;
        };
        let line = if json {
            serde_json::to_string(&stamped).ok()
        } else {
            shown.line(&stamped)
        };
        if let Some(line) = line {
            let mut out = std::io::stdout().lock();
            if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
                return;
            }
        }
    }
}
