//! The same INVITE as other stacks write it (RFC 3261 sections 7.3 and 25): each is an ordinary call.

use causeway_harness::Result;
use causeway_harness::scene::ACCOUNT;
use causeway_harness::sipp::{Media, Script};
use causeway_interop::stage::Stage;
use causeway_interop::{End, equal};
use serde_json::{Value, json};

use crate::support::{hangs_up, hung_up};

/// The PBX's call is answered and hung up; what the page was told of it.
async fn taken(script: Script) -> Result<Value> {
    let script = script.recv_reply(200).ack();
    let Some(mut stage) = Stage::open(hung_up(script)).await? else {
        return Ok(Value::Null);
    };
    let told = stage.caller.rung().await?;
    let call = stage.answer().await?;
    stage.hang_up(&call).await?;
    stage.ends(&call, End::new("hangup", "local")).await?;
    stage.close().await?;
    Ok(told)
}

fn name(told: &Value, wanted: &str) -> Result<()> {
    if told.is_null() {
        return Ok(());
    }
    equal("the caller's name", &told["from"]["name"], &json!(wanted))
}

/// Every header in its short form.
#[tokio::test]
async fn compact_forms() -> Result<()> {
    let sdp = Media::usual().text();
    let number = ACCOUNT.1;
    let invite = format!(
        "INVITE sip:{number}@[box] SIP/2.0\r\nv: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK-[pid]-c\r\n\
         f: \"Short\" <sip:7000@127.0.0.1>;tag=pbx\r\nt: <sip:{number}@[box]>\r\ni: [call_id]\r\nCSeq: 101 INVITE\r\n\
         Max-Forwards: 70\r\nm: <sip:pbx@[contact]>\r\nk: timer\r\nc: application/sdp\r\nl: [len]\r\n\r\n{sdp}"
    );
    let script = Script::calling().began(101).send(&invite, true);
    name(&taken(script).await?, "Short")
}

/// Header values that go on in the next line, and white space wherever it is allowed.
#[tokio::test]
async fn folded_headers() -> Result<()> {
    let sdp = Media::usual().text();
    let number = ACCOUNT.1;
    let invite = format!(
        "INVITE sip:{number}@[box] SIP/2.0\r\nVia : SIP / 2.0 / [transport]\r\n[fold][local_ip]:[local_port]\r\n[fold];branch=z9hG4bK-[pid]-f\r\n\
         From:\r\n[fold]\"Folded\r\n[fold]Name\" <sip:7000@127.0.0.1>\r\n[fold];tag=pbx\r\nTo\t:  <sip:{number}@[box]>\r\n\
         Call-ID: [call_id]\r\nCSeq: 101\r\n[fold]INVITE\r\nMax-Forwards:     70\r\nContact:<sip:pbx@[contact]>\r\n\
         Subject:\r\nContent-Type: application/sdp\r\nContent-Length: [len]\r\n\r\n{sdp}"
    );
    let script = Script::calling().began(101).send(&invite, true);
    name(&taken(script).await?, "Folded Name")
}

/// The session description is one part of several (RFC 5621).
#[tokio::test]
async fn multipart_body() -> Result<()> {
    let sdp = Media::usual().text();
    let body = format!(
        "Content-Type: multipart/mixed;boundary=\"cut here\"\r\nContent-Length: [len]\r\n\r\n--cut here\r\n\
         Content-Type: application/isup;version=itu-t92+\r\nContent-Disposition: signal;handling=optional\r\n\r\n\
         not for us\r\n--cut here\r\nContent-Type: application/sdp\r\n\r\n{sdp}\r\n--cut here--\r\n"
    );
    taken(Script::calling().invite_text(ACCOUNT.1, &["MIME-Version: 1.0"], &body))
        .await
        .map(|_| ())
}

/// Headers of more than 8 KiB, as networks with many proxies make them.
#[tokio::test]
async fn more_than_8_kib_of_headers() -> Result<()> {
    let long: Vec<String> = (0..12)
        .map(|n| format!("X-History-{n}: {}", "a long story; ".repeat(60)))
        .collect();
    let long: Vec<&str> = long.iter().map(String::as_str).collect();
    taken(Script::calling().invite(ACCOUNT.1, &long, Some(&Media::usual())))
        .await
        .map(|_| ())
}

/// The caller's name as UTF-8 (RFC 3261 section 25.1).
#[tokio::test]
async fn a_name_in_utf_8() -> Result<()> {
    let script =
        Script::calling()
            .named("\"Zoë Müller\"")
            .invite(ACCOUNT.1, &[], Some(&Media::usual()));
    name(&taken(script).await?, "Zoë Müller")
}

/// The same as Latin-1, which no standard allows and old gateways send: the call is taken all the same.
#[tokio::test]
async fn a_name_in_latin_1() -> Result<()> {
    let script = Script::calling()
        .named("\"Zo\u{e0eb} M\u{e0fc}ller\"")
        .invite(ACCOUNT.1, &[], Some(&Media::usual()));
    let told = taken(script).await?;
    let shown = told["from"]["name"].as_str().unwrap_or("Zo ller");
    causeway_interop::so(
        &format!("what is text of the name is shown: {shown}"),
        shown.starts_with("Zo") && shown.ends_with("ller"),
    )
}

/// An answer in compact forms, to a call of ours.
#[tokio::test]
async fn an_answer_in_compact_forms() -> Result<()> {
    let sdp = Media::usual().text();
    let answer = format!(
        "SIP/2.0 200 OK\r\nv:[$via_INVITE]\r\nf:[$from_INVITE]\r\nt:[$to_INVITE];tag=pbx\r\ni: [call_id]\r\n\
         CSeq:[$cseq_INVITE]\r\nm: <sip:pbx@[contact]>\r\nc: application/sdp\r\nl: [len]\r\n\r\n{sdp}"
    );
    let script = Script::called()
        .recv("INVITE")
        .send(&answer, true)
        .in_dialog()
        .recv("ACK");
    let Some(mut stage) = Stage::open(hangs_up(script)).await? else {
        return Ok(());
    };
    let call = stage.connect().await?;
    stage.ends(&call, End::new("hangup", "remote")).await?;
    stage.close().await
}
