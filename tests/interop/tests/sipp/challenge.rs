//! Digest (RFC 3261 section 22, RFC 7616): what is answered, and what is not.

use causeway_harness::Result;
use causeway_harness::sipp::{Media, Script};
use causeway_interop::End;
use causeway_interop::stage::{Stage, StagePlan};

use crate::support::hung_up;

fn credentials(further: &str) -> StagePlan {
    StagePlan {
        trunk: format!("username = \"box\"\npassword = \"secret of the tests\"\n{further}"),
        ..StagePlan::default()
    }
}

async fn connects(script: Script) -> Result<()> {
    let Some(mut stage) = Stage::open_with(hung_up(script), credentials("")).await? else {
        return Ok(());
    };
    let call = stage.connect().await?;
    stage.hang_up(&call).await?;
    stage.ends(&call, End::new("hangup", "local")).await?;
    stage.close().await
}

/// The nonce was too old: the next one is used at once, and nobody is asked.
#[tokio::test]
async fn a_stale_nonce_is_replaced() -> Result<()> {
    let first =
        "WWW-Authenticate: Digest realm=\"pbx\", nonce=\"first\", qop=\"auth\", algorithm=MD5";
    let second = "WWW-Authenticate: Digest realm=\"pbx\", nonce=\"second\", stale=true, qop=\"auth\", algorithm=MD5";
    let script = Script::called()
        .recv_with("INVITE", &["CSeq: 1 INVITE"], &["\nAuthorization:"])
        .reply_with("INVITE", "401 Unauthorized", &[first], None)
        .recv("ACK")
        .recv_with(
            "INVITE",
            &[
                "Authorization: Digest [^\n]*nonce=\"first\"",
                "CSeq: 2 INVITE",
            ],
            &["secret of the tests"],
        )
        .reply_with("INVITE", "401 Unauthorized", &[second], None)
        .recv("ACK")
        .recv_with(
            "INVITE",
            &[
                "Authorization: Digest [^\n]*nonce=\"second\"",
                "CSeq: 3 INVITE",
            ],
            &["nonce=\"first\""],
        )
        .reply_sdp("200 OK", &Media::usual())
        .recv("ACK");
    connects(script).await
}

/// A proxy's challenge has a header of its own (407), and its answer too.
#[tokio::test]
async fn a_proxy_challenges() -> Result<()> {
    let challenge =
        "Proxy-Authenticate: Digest realm=\"proxy\", nonce=\"n\", qop=\"auth\", algorithm=SHA-256";
    let script = Script::called()
        .recv("INVITE")
        .reply_with(
            "INVITE",
            "407 Proxy Authentication Required",
            &[challenge],
            None,
        )
        .recv("ACK")
        .recv_with(
            "INVITE",
            &["Proxy-Authorization: Digest [^\n]*algorithm=SHA-256"],
            &["\nAuthorization:"],
        )
        .reply_sdp("200 OK", &Media::usual())
        .recv("ACK");
    connects(script).await
}

/// The second refusal of the same answer is the end: no loop.
#[tokio::test]
async fn wrong_credentials_end_the_call() -> Result<()> {
    let challenge =
        "WWW-Authenticate: Digest realm=\"pbx\", nonce=\"n\", qop=\"auth\", algorithm=MD5";
    let script = Script::called()
        .recv("INVITE")
        .reply_with("INVITE", "401 Unauthorized", &[challenge], None)
        .recv("ACK")
        .recv_with("INVITE", &["Authorization: Digest"], &[])
        .reply_with("INVITE", "401 Unauthorized", &[challenge], None)
        .recv("ACK");
    let Some(mut stage) = Stage::open_with(script, credentials("")).await? else {
        return Ok(());
    };
    let call = stage.caller.place("100").await?;
    stage.ends(&call, End::refused("not_allowed", 401)).await?;
    stage.close().await
}

/// Credentials go to the configured realm only.
#[tokio::test]
async fn another_realm_gets_nothing() -> Result<()> {
    let challenge = "WWW-Authenticate: Digest realm=\"elsewhere\", nonce=\"n\", algorithm=MD5";
    let script = Script::called()
        .recv("INVITE")
        .reply_with("INVITE", "401 Unauthorized", &[challenge], None)
        .recv("ACK");
    let Some(mut stage) = Stage::open_with(script, credentials("realm = \"pbx\"")).await? else {
        return Ok(());
    };
    let call = stage.caller.place("100").await?;
    stage.ends(&call, End::refused("not_allowed", 401)).await?;
    stage.close().await
}
