//! What many scenarios begin with.

use causeway_harness::Result;
use causeway_harness::sipp::{Media, Script};
use causeway_interop::End;
use causeway_interop::stage::Stage;

/// The PBX is called, rings, and answers.
pub fn answers() -> Script {
    Script::called()
        .recv("INVITE")
        .reply("INVITE", "100 Trying")
        .reply("INVITE", "180 Ringing")
        .reply_sdp("200 OK", &Media::usual())
        .recv("ACK")
}

/// The box hangs up.
pub fn hung_up(script: Script) -> Script {
    script.recv("BYE").reply("BYE", "200 OK")
}

/// The PBX hangs up.
pub fn hangs_up(script: Script) -> Script {
    script.request("BYE").recv_reply(200)
}

/// A whole call: the PBX answers, does what `script` says after its ACK, and hangs up; the caller only listens.
pub async fn call_that_the_pbx_ends(script: Script) -> Result<()> {
    let Some(mut stage) = Stage::open(script).await? else {
        return Ok(());
    };
    let call = stage.connect().await?;
    stage.ends(&call, End::new("hangup", "remote")).await?;
    stage.close().await
}

/// The `o=` line's version of a message; RFC 3264 section 8 counts it up with every change.
pub fn version(message: &str) -> Option<u64> {
    let line = message.lines().find(|line| line.starts_with("o="))?;
    line.split(' ').nth(2)?.parse().ok()
}
