//! A web caller without a browser: the phone's WebRTC stack behind the box's web protocol.
//!
//! It costs a hundredth of a browser, so scenarios that are about signalling use it; media is real all the same.

use std::time::Duration;

use causeway_phone::load::{self, Failure};
use causeway_phone::secure::{Server, Trust};
use serde_json::{Value, json};

use crate::box_process::BoxProcess;
use crate::error::{HarnessError, Result};

/// How long anything may take that takes no time when nothing is wrong.
const SOON: Duration = Duration::from_secs(10);

/// A signed-in caller; its calls are named by the box.
#[derive(Debug)]
pub struct WebCaller(load::WebCaller);

fn sentence(what: &str) -> impl FnOnce(Failure) -> HarnessError {
    move |(code, message)| HarnessError::new(format!("{what}: {code}: {message}"))
}

impl WebCaller {
    /// Signs in at a box, for an account where one is named.
    pub async fn open(to: &BoxProcess, account: Option<&str>) -> Result<Self> {
        let token = Box::pin(to.token(account)).await?;
        let server = Server::new(&to.url(""), &Trust::Anybody)
            .await
            .map_err(HarnessError::new)?;
        let origin = to.customer_page();
        load::WebCaller::open(server, origin.trim_end_matches('/'), &token)
            .await
            .map(Self)
            .map_err(sentence("signing in"))
    }

    /// Sends the media of its calls to `via` from now on, which passes it on to the box.
    pub fn go_through(&mut self, via: std::net::SocketAddr) {
        self.0.go_through(via);
    }

    /// Says its tone in Opus from now on; `redundant` sends each packet once more in the next.
    pub fn tone_in_opus(&mut self, redundant: bool) -> Result<()> {
        self.0.redundant(redundant);
        self.0
            .speak_tone(load::Codec::Opus)
            .map_err(sentence("a tone"))
    }

    /// Speaks these packets of Opus, 20 ms each, from now on; `redundant` sends each once more in the next.
    pub fn speak_opus(&mut self, packets: &[Vec<u8>], redundant: bool) -> Result<()> {
        let frames = packets.iter().map(|p| p.clone().into()).collect();
        self.0.redundant(redundant);
        self.0
            .speak(load::Codec::Opus, frames)
            .map_err(sentence("speech"))
    }

    /// Keeps what is heard from now on in this file (see `causeway_phone::media::record`).
    pub fn record(&mut self, file: std::path::PathBuf) {
        self.0.record(file);
    }

    /// Calls a number; the call's name as soon as the box took it.
    pub async fn place(&mut self, to: &str) -> Result<String> {
        self.0.place(to).await.map_err(sentence("placing a call"))
    }

    /// The same, with a picture.
    pub async fn place_with_picture(&mut self, to: &str) -> Result<String> {
        let placed = self.0.place_with(to, true).await;
        placed.map_err(sentence("placing a call"))
    }

    /// The secret with which another session may take up a call that was placed here.
    pub fn secret(&self, call: &str) -> Option<&str> {
        self.0.secret(call)
    }

    /// Takes up a call as the page does that comes after a reload; the call's state.
    pub async fn take_up(&mut self, call: &str, resume: &str) -> Result<Value> {
        let taken = self.0.take_up(call, resume).await;
        taken.map_err(sentence("taking up a call"))
    }

    /// Asks for an echo without a call, which `name` stands for from now on.
    pub async fn test_media(&mut self, name: &str) -> Result<()> {
        let taken = self.0.test_media(name).await;
        taken.map_err(sentence("a test of media"))
    }

    /// Leaves as a page does that is loaded anew: without a word.
    pub async fn vanish(self) {
        self.0.vanish().await;
    }

    /// Waits for a call of the box; the whole `call.incoming`.
    pub async fn rung(&mut self) -> Result<Value> {
        self.0.incoming(SOON).await.map_err(sentence("ringing"))
    }

    /// Answers it.
    pub async fn accept(&mut self, call: &str) -> Result<()> {
        self.0.accept(call).await.map_err(sentence("accepting"))
    }

    /// Hangs up.
    pub async fn hang_up(&mut self, call: &str) -> Result<()> {
        self.must(json!({"type": "call.hangup", "call": call}))
            .await
    }

    /// Makes a request that the box must take.
    pub async fn must(&mut self, request: Value) -> Result<()> {
        let answer = self.ask(request.clone()).await?;
        match answer["type"].as_str() {
            Some("ok") => Ok(()),
            _ => Err(HarnessError::new(format!("{request}: {answer}"))),
        }
    }

    /// Makes a request; the box's `ok` or `error`, whole.
    pub async fn ask(&mut self, request: Value) -> Result<Value> {
        self.0.ask(request).await.map_err(sentence("a request"))
    }

    /// Waits until the call is in `state`; the message that said so.
    pub async fn reaches(&mut self, call: &str, state: &str) -> Result<Value> {
        self.reaches_within(call, state, SOON).await
    }

    /// The same with another patience.
    pub async fn reaches_within(
        &mut self,
        call: &str,
        state: &str,
        within: Duration,
    ) -> Result<Value> {
        self.0
            .reaches(call, state, within)
            .await
            .map_err(sentence("waiting"))
    }

    /// Waits for a message of this type about the call, after those that were read already or among them.
    pub async fn told(&mut self, call: &str, kind: &str) -> Result<Value> {
        self.0
            .message(0, SOON, kind, |m| m["type"] == kind && m["call"] == call)
            .await
            .map_err(sentence("waiting"))
    }

    /// Waits for such a message about the call, read already or still to come.
    pub async fn told_so(
        &mut self,
        call: &str,
        kind: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        let is = |m: &Value| m["type"] == kind && m["call"] == call && wanted(m);
        let told = self.0.message(0, SOON, kind, is).await;
        told.map_err(sentence("waiting"))
    }

    /// Waits so long for a `call.warning` with this code about the call, read already or still to come.
    pub async fn warned(&mut self, call: &str, code: &str, within: Duration) -> Result<Value> {
        self.0
            .message(0, within, code, |m| {
                m["type"] == "call.warning" && m["call"] == call && m["code"] == code
            })
            .await
            .map_err(sentence("waiting"))
    }

    /// Reads what the box says for so long.
    pub async fn listen(&mut self, during: Duration) -> Result<()> {
        self.0.listen(during).await.map_err(sentence("listening"))
    }

    /// The names of the states the call was in, oldest first; `held` with who holds, as `held:remote`.
    pub fn history(&self, call: &str) -> Vec<String> {
        let name = |m: &&Value| match m["held_by"].as_str() {
            Some(by) => format!("{}:{by}", m["state"].as_str().unwrap_or_default()),
            None => m["state"].as_str().unwrap_or_default().to_owned(),
        };
        self.0.states(call).iter().map(name).collect()
    }

    /// Packets of sound so far.
    pub fn packets(&self, call: &str) -> u64 {
        self.0.packets(call)
    }

    /// Distinct sources of sound so far.
    pub fn sources(&self, call: &str) -> u32 {
        self.0.sources(call)
    }

    /// Waits until so many more packets of sound came.
    pub async fn hears(&mut self, call: &str, more: u64) -> Result<()> {
        let wanted = self.packets(call) + more;
        for _ in 0..100 {
            if self.packets(call) >= wanted {
                return Ok(());
            }
            self.listen(Duration::from_millis(50)).await?;
        }
        Err(HarnessError::new(format!(
            "no {more} packets of sound came within 5 s, but {} in all",
            self.packets(call)
        )))
    }

    /// Signs out.
    pub async fn close(self) {
        self.0.close().await;
    }
}
