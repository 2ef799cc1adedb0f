//! A running session: messages to the switch, messages from it, and the clocks beside them.

use super::hello::{Opened, check_token, end_of};
use super::socket::{Incoming, Socket};
use super::{Close, End, error};
use crate::limits::Bucket;
use crate::request::{Identity, Request, SessionId};
use crate::state::Api;
use crate::timestamp::rfc3339;
use crate::wire::{
    ClientMessage, ErrorCode, RequestNumber, ServerMessage, Token, WireError, parse_client,
};
use serde_json::{Map, Value};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout_at};

/// Greets, tells the switch, runs, and tells the switch again.
pub(super) async fn run(api: &Api, socket: &mut Socket, opened: Opened) -> End {
    let id = api.next_session();
    let Opened {
        identity,
        ends,
        host,
        mut welcome,
    } = opened;
    welcome.session = id.0.to_string();
    if let Err(end) = socket.send(&ServerMessage::Welcome(welcome)).await {
        return end;
    }
    let (out, queue) = mpsc::channel(api.limits().out_queue);
    let opened = Request::Opened {
        session: id,
        identity: identity.clone(),
        out,
    };
    if api.switch().send(opened).await.is_err() {
        return End::Close(Close::Stopping);
    }
    let _counted = api.metrics().sessions.enter();
    api.metrics().sessions_opened.increment();
    tracing::debug!(session = id.0, app = %identity.app, "session opened");
    let now = Instant::now();
    let mut session = Session {
        api,
        id,
        identity,
        ends,
        host,
        warned: false,
        heard: now,
        pinged: now,
        rate: Bucket::new(api.limits().session_rate, now.into_std()),
        faults: Bucket::new(api.limits().session_faults, now.into_std()),
    };
    let end = match session.serve(socket, queue).await {
        Ok(never) => match never {},
        Err(end) => end,
    };
    tracing::debug!(session = id.0, ?end, "session closed");
    // The switch must know, however long its queue is.
    let _ = api.switch().send(Request::Closed { session: id }).await;
    end
}

struct Session<'a> {
    api: &'a Api,
    id: SessionId,
    identity: Identity,
    /// When the token ends.
    ends: Instant,
    /// What the page reached the box at.
    host: Option<String>,
    /// `token.expiring` was sent for this token.
    warned: bool,
    /// Anything came from the client.
    heard: Instant,
    /// Our last WebSocket ping.
    pinged: Instant,
    rate: Bucket,
    faults: Bucket,
}

type Step = Result<(), End>;

impl Session<'_> {
    async fn serve(
        &mut self,
        socket: &mut Socket,
        mut queue: mpsc::Receiver<ServerMessage>,
    ) -> Result<std::convert::Infallible, End> {
        let mut stopping = self.api.stopping();
        loop {
            tokio::select! {
                () = crate::server::stopped(&mut stopping) => return Err(self.last_words(socket, queue).await),
                message = queue.recv() => match message {
                    Some(message) => socket.send(&message).await?,
                    // The switch let go: it stops, or this client does not read.
                    None if *stopping.borrow() => return Err(End::Close(Close::Stopping)),
                    None => return Err(End::Close(Close::Pace)),
                },
                incoming = socket.receive() => {
                    let incoming = incoming?;
                    self.heard = Instant::now();
                    if let Incoming::Text(text) = incoming {
                        self.text(socket, &text).await?;
                    }
                }
                () = sleep_until(self.next_timeout()) => self.timeout(socket).await?,
            }
        }
    }

    /// The box stops: what the switch still has to say (calls that end) goes out before the close.
    async fn last_words(
        &self,
        socket: &mut Socket,
        mut queue: mpsc::Receiver<ServerMessage>,
    ) -> End {
        let until = Instant::now() + self.api.limits().drain / 3;
        while let Ok(Some(message)) = timeout_at(until, queue.recv()).await {
            if let Err(end) = socket.send(&message).await {
                return end;
            }
        }
        End::Close(Close::Stopping)
    }

    fn next_timeout(&self) -> Instant {
        let limits = self.api.limits();
        let next = (self.heard + limits.idle).min(self.pinged + limits.ping);
        if self.warned {
            next
        } else {
            next.min(self.warning())
        }
    }

    fn warning(&self) -> Instant {
        self.ends
            .checked_sub(self.api.limits().token_warning)
            .unwrap_or(self.ends)
    }

    async fn timeout(&mut self, socket: &mut Socket) -> Step {
        let now = Instant::now();
        if now >= self.heard + self.api.limits().idle {
            return Err(End::Close(Close::Idle));
        }
        if now >= self.pinged + self.api.limits().ping {
            self.pinged = now;
            socket.ping().await?;
        }
        if !self.warned && now >= self.warning() {
            self.warned = true;
            let expires_in_s = self.ends.saturating_duration_since(now).as_secs();
            socket
                .send(&ServerMessage::TokenExpiring { expires_in_s })
                .await?;
        }
        Ok(())
    }

    async fn text(&mut self, socket: &mut Socket, text: &str) -> Step {
        self.api.metrics().messages_received.increment();
        let within_rate = self.rate.take(1, Instant::now().into_std());
        match parse_client(text) {
            Err(fault) => self.refuse(socket, fault).await,
            Ok(message) if !within_rate => {
                let fault = WireError {
                    code: ErrorCode::RateLimited,
                    id: message.id(),
                    call: None,
                    message: "Too many messages: wait a second.".into(),
                };
                self.refuse(socket, fault).await
            }
            Ok(message) => self.message(socket, message).await,
        }
    }

    /// Answers a message that was not taken. Who sends too many of them is closed.
    async fn refuse(&mut self, socket: &mut Socket, fault: WireError) -> Step {
        if !self.faults.take(1, Instant::now().into_std()) {
            return Err(End::Close(Close::Pace));
        }
        let answer = ServerMessage::Error {
            id: fault.id,
            call: fault.call,
            code: fault.code,
            message: fault.message,
            sip: None,
        };
        socket.send(&answer).await
    }

    async fn message(&mut self, socket: &mut Socket, message: ClientMessage) -> Step {
        match message {
            ClientMessage::Hello { id, .. } => {
                let answer = error(Some(id), ErrorCode::BadRequest, "hello was said already.");
                socket.send(&answer).await
            }
            ClientMessage::Ping { id } => socket.send(&ok(id, Map::new())).await,
            ClientMessage::TokenRefresh { id, token } => {
                let answer = self.refresh(id, &token);
                socket.send(&answer).await
            }
            other
                if self.identity.only_tests
                    && !matches!(other, ClientMessage::MediaTest { .. }) =>
            {
                let sentence = "This token is for testing the way to the box and for nothing else.";
                let fault = WireError {
                    code: ErrorCode::Refused,
                    id: other.id(),
                    call: None,
                    message: sentence.into(),
                };
                self.refuse(socket, fault).await
            }
            ClientMessage::Place { id, .. }
            | ClientMessage::Accept { id, .. }
            | ClientMessage::Transfer { id, .. }
            | ClientMessage::Callback { id, .. }
            | ClientMessage::MediaTest { id, .. }
                if Instant::now() >= self.ends =>
            {
                let sentence = "The token is too old for a new call: refresh it first.";
                let answer = error(Some(id), ErrorCode::TokenExpired, sentence);
                socket.send(&answer).await
            }
            ClientMessage::Place { .. }
            | ClientMessage::Candidate { .. }
            | ClientMessage::Accept { .. }
            | ClientMessage::Reject { .. }
            | ClientMessage::Hangup { .. }
            | ClientMessage::Hold { .. }
            | ClientMessage::Resume { .. }
            | ClientMessage::Dtmf { .. }
            | ClientMessage::Transfer { .. }
            | ClientMessage::Restart { .. }
            | ClientMessage::Video { .. }
            | ClientMessage::Reattach { .. }
            | ClientMessage::Callback { .. }
            | ClientMessage::MediaTest { .. }
            | ClientMessage::Report { .. } => self.forward(socket, message).await,
        }
    }

    /// Hands a message to the switch, and waits a little for room.
    async fn forward(&mut self, socket: &mut Socket, message: ClientMessage) -> Step {
        let id = message.id();
        let request = Request::Message {
            session: self.id,
            message,
        };
        let wait = self.api.limits().switch_wait;
        match self.api.switch().send_timeout(request, wait).await {
            Ok(()) => Ok(()),
            Err(mpsc::error::SendTimeoutError::Timeout(_)) => {
                tracing::warn!("the switch's queue is full");
                let sentence = "The box is overloaded: try again.";
                socket
                    .send(&error(id, ErrorCode::RateLimited, sentence))
                    .await
            }
            Err(mpsc::error::SendTimeoutError::Closed(_)) => Err(End::Close(Close::Stopping)),
        }
    }

    fn refresh(&mut self, id: RequestNumber, token: &Token) -> ServerMessage {
        let directory = self.api.directory();
        let checked = match check_token(self.api, &directory, token) {
            Ok(checked) => checked,
            Err((code, message)) => return error(Some(id), code, message),
        };
        if checked.identity.only_tests != self.identity.only_tests
            || checked.identity.app != self.identity.app
            || checked.identity.account != self.identity.account
        {
            return error(
                Some(id),
                ErrorCode::AccountForbidden,
                "A refreshed token must be of the same app and account.",
            );
        }
        self.ends = end_of(&checked.claims);
        self.warned = false;
        let mut fields = Map::new();
        fields.insert(
            "expires_at".into(),
            Value::String(rfc3339(checked.claims.exp)),
        );
        // Relay credentials are as short-lived as tokens: a new call needs new ones.
        fields.insert("ice".into(), self.api.ice(self.host.as_deref()));
        ok(id, fields)
    }
}

fn ok(id: RequestNumber, fields: Map<String, Value>) -> ServerMessage {
    ServerMessage::Ok { id, fields }
}
