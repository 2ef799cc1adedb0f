//! The PBX changes the session in mid-call: nothing of it reaches the browser (RFC 3264 section 8, RFC 3261 section 14).

use causeway_harness::Result;
use causeway_harness::sipp::{Media, Script};
use causeway_interop::stage::Stage;
use causeway_interop::{End, so};

use crate::support::{answers, hung_up};

/// A call in which the PBX does what `script` says and then `more` packets come, all of one source.
async fn heard_after(script: Script) -> Result<()> {
    let Some(mut stage) = Stage::open(hung_up(script)).await? else {
        return Ok(());
    };
    let call = stage.connect().await?;
    stage
        .caller
        .listen(std::time::Duration::from_millis(1_200))
        .await?;
    stage.caller.hears(&call, 10).await?;
    let sources = stage.caller.sources(&call);
    so(&format!("one source of sound, not {sources}"), sources == 1)?;
    stage.hang_up(&call).await?;
    stage.ends(&call, End::new("hangup", "local")).await?;
    stage.close().await
}

fn changes(script: Script, media: &Media, answer: &str) -> Script {
    script
        .request_with("INVITE", &[], Some(media))
        .recv_reply_with(200, &[answer], &[])
        .ack()
}

/// Without an offer: ours is in the 200, theirs in the ACK is the answer.
#[tokio::test]
async fn offerless() -> Result<()> {
    let script = answers()
        .pause(300)
        .request("INVITE")
        .recv_reply_with(
            200,
            &["m=audio [0-9]+ RTP/AVP [0-9 ]*101", "a=sendrecv"],
            &[],
        )
        .ack_with(Some(&Media::usual().version(2)));
    heard_after(script).await
}

/// To where nobody is, and back: the sound follows.
#[tokio::test]
async fn another_address_and_port() -> Result<()> {
    let script = answers();
    let away = Media::usual().version(2).address("127.0.0.2").port(9);
    let script = changes(script.pause(200), &away, "m=audio [0-9]+ RTP/AVP 8");
    let back = Media::usual().version(3);
    heard_after(changes(
        script.pause(200),
        &back,
        "m=audio [0-9]+ RTP/AVP 8",
    ))
    .await
}

/// Telephone events move to another payload type.
#[tokio::test]
async fn another_payload_type() -> Result<()> {
    let lines = ["a=rtpmap:96 telephone-event/8000", "a=fmtp:96 0-15"];
    let media = Media::usual().version(2).formats("8 0 96", &lines);
    let script = changes(answers().pause(200), &media, "a=rtpmap:96 telephone-event");
    heard_after(script).await
}

/// From A-law to µ-law.
#[tokio::test]
async fn another_codec() -> Result<()> {
    let media = Media::usual().version(2).formats("0", &[]);
    let script = changes(
        answers().pause(200),
        &media,
        "m=audio [0-9]+ RTP/AVP 0[^0-9 ]",
    );
    heard_after(script).await
}

/// As a queue does when an agent answers: two at once, each answered.
#[tokio::test]
async fn two_back_to_back() -> Result<()> {
    let mut script = answers();
    for version in 2..4 {
        script = changes(script, &Media::usual().version(version), "a=sendrecv");
    }
    heard_after(script).await
}

#[tokio::test]
async fn five_back_to_back() -> Result<()> {
    let mut script = answers();
    for version in 2..7 {
        let formats = if version % 2 == 0 { "0 101" } else { "8 101" };
        let media = Media::usual()
            .version(version)
            .formats(formats, &["a=rtpmap:101 telephone-event/8000"]);
        script = changes(script, &media, &format!("m=audio [0-9]+ RTP/AVP {formats}"));
    }
    heard_after(script).await
}

/// The second comes before the first is acknowledged: its ACK is on the way, or lost (RFC 3261 section 14.2).
#[tokio::test]
async fn the_second_before_the_ack_of_the_first() -> Result<()> {
    let script = answers()
        .pause(200)
        .request_with("INVITE", &[], Some(&Media::usual().version(2)))
        .recv_reply(200);
    heard_after(changes(script, &Media::usual().version(3), "a=sendrecv")).await
}
