//! Requests, answers and events as JSON over one WebSocket: `{id, method, params}` there, `{id, result | error}` and
//! `{method, params}` back.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;

use crate::error::{Doing, HarnessError, Result};
use crate::network::{self, Namespace};

/// A browser's control connection.
#[derive(Debug, Clone)]
pub struct Wire {
    requests: mpsc::UnboundedSender<Request>,
    console: Arc<Mutex<Vec<String>>>,
}

#[derive(Debug)]
struct Request {
    method: String,
    params: Value,
    session: Option<String>,
    answer: oneshot::Sender<std::result::Result<Value, String>>,
}

impl Wire {
    /// Connects to `url`, an address and no name, from within a namespace where one is given.
    pub async fn connect(from: Option<&Namespace>, url: &str) -> Result<Self> {
        let at = url
            .strip_prefix("ws://")
            .and_then(|rest| rest.split('/').next()?.parse().ok())
            .doing(url)?;
        let stream = network::connect(from, at).await?;
        let (socket, _) = client_async(url, stream).await.doing(url)?;
        let (mut sink, mut stream) = socket.split();
        let (requests, mut pending) = mpsc::unbounded_channel::<Request>();
        let console = Arc::new(Mutex::new(Vec::new()));
        let lines = Arc::clone(&console);
        tokio::spawn(async move {
            let mut waiting = HashMap::new();
            let mut next = 0u64;
            loop {
                tokio::select! {
                    request = pending.recv() => {
                        let Some(request) = request else { break };
                        next += 1;
                        let mut message = json!({"id": next, "method": request.method, "params": request.params});
                        if let Some(session) = request.session {
                            message["sessionId"] = session.into();
                        }
                        waiting.insert(next, request.answer);
                        if sink.send(Message::text(message.to_string())).await.is_err() { break }
                    }
                    message = stream.next() => {
                        let Some(Ok(message)) = message else { break };
                        let Ok(text) = message.to_text() else { continue };
                        let Ok(mut message) = serde_json::from_str::<Value>(text) else { continue };
                        match message["id"].as_u64() {
                            Some(id) => {
                                if let Some(answer) = waiting.remove(&id) {
                                    let _ = answer.send(outcome(&mut message));
                                }
                            }
                            None => {
                                if let Some(line) = console_line(&message) {
                                    lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
                                }
                            }
                        }
                    }
                }
            }
        });
        Ok(Self { requests, console })
    }

    /// Sends a request, in a DevTools session where one is named, and waits for its answer.
    pub async fn call(
        &self,
        method: &str,
        params: Value,
        session: Option<&str>,
        within: Duration,
    ) -> Result<Value> {
        let (answer, answered) = oneshot::channel();
        let request = Request {
            method: method.to_owned(),
            params,
            session: session.map(str::to_owned),
            answer,
        };
        let gone = || HarnessError::new(format!("{method}: the browser is gone"));
        self.requests.send(request).map_err(|_| gone())?;
        match timeout(within, answered).await {
            Ok(Ok(outcome)) => outcome.doing(method),
            Ok(Err(_)) => Err(gone()),
            Err(_) => Err(HarnessError::new(format!(
                "{method}: no answer within {within:?}"
            ))),
        }
    }

    /// What the page wrote to its console so far.
    pub fn console(&self) -> Vec<String> {
        self.console
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

fn outcome(message: &mut Value) -> std::result::Result<Value, String> {
    if message["error"].is_null() {
        return Ok(message["result"].take());
    }
    let text = |v: &Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
    // DevTools has an object there, BiDi a name with the sentence beside it.
    Err(if message["error"].is_object() {
        text(&message["error"]["message"])
    } else {
        text(&message["message"])
    })
}

/// The line an event wrote to the console, if it did.
fn console_line(event: &Value) -> Option<String> {
    let params = &event["params"];
    match event["method"].as_str()? {
        "Runtime.consoleAPICalled" => {
            let words =
                params["args"]
                    .as_array()?
                    .iter()
                    .map(|a| match (&a["value"], &a["description"]) {
                        (Value::String(text), _) => text.clone(),
                        (Value::Null, Value::String(text)) => text.clone(),
                        (value, _) => value.to_string(),
                    });
            Some(format!(
                "{}: {}",
                params["type"].as_str()?,
                words.collect::<Vec<_>>().join(" ")
            ))
        }
        "Runtime.exceptionThrown" => {
            let details = &params["exceptionDetails"];
            let text = details["exception"]["description"]
                .as_str()
                .or(details["text"].as_str())?;
            Some(format!("exception: {text}"))
        }
        "Log.entryAdded" => Some(format!(
            "{}: {}",
            params["entry"]["level"].as_str()?,
            params["entry"]["text"].as_str()?
        )),
        "log.entryAdded" => Some(format!(
            "{}: {}",
            params["level"].as_str()?,
            params["text"].as_str()?
        )),
        _ => None,
    }
}
