//! With a picture: the visitor sees the other side and itself, can be dark, and goes on without a camera.

use causeway_harness::browser::Kind;
use causeway_harness::config::loopback;
use causeway_harness::place;
use causeway_harness::sipp::{self, ECHO, Media, Script, Sipp, Transport};

use crate::support::{BUTTON, Stage};

/// The box asks for key frames, as often as its browser does (RFC 5168), until the end comes.
const UNTIL_BYE: &str = "<label id=\"1\"/>
<recv request=\"BYE\" optional=\"true\" next=\"2\"/>
<recv request=\"INFO\"/>
<send next=\"1\"><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>
<label id=\"2\"/>
<send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>";

#[tokio::test]
async fn both_pictures_are_shown() {
    if !sipp::present() {
        eprintln!(
            "*** SKIPPED: there is no SIPp here; install it with: apt-get install sip-tester ***"
        );
        return;
    }
    let at = loopback(place::free_port().unwrap());
    let mut sip = at;
    let stage = Stage::start(Kind::Chromium, false, |plan| {
        plan.trunks[0].address = at;
        plan.trunks[0].extra = "options_s = 0\nvideo = \"h264\"\n".to_owned();
        sip = plan.sip;
    });
    let mut stage = stage.await;
    let script = Script::called()
        .recv("INVITE")
        .reply("INVITE", "100 Trying")
        .reply_sdp("200 OK", &Media::usual().video(ECHO, "sendrecv"))
        .recv("ACK")
        .raw(UNTIL_BYE);
    let mut pbx = Sipp::start(&script, Transport::Udp, at, at, sip)
        .await
        .unwrap();
    stage
        .open(&BUTTON.replace("<causeway-call ", "<causeway-call video "))
        .await;
    stage.click("call-button").await;
    stage.reaches("talking").await;
    for part in ["far-picture", "self-view"] {
        let moves = format!(
            "inside('{part}').getClientRects().length && inside('{part}').videoWidth > 0 && inside('{part}').getVideoPlaybackQuality().totalVideoFrames > 5"
        );
        stage.until(&moves).await;
    }
    stage.picture("video").await;
    stage.click("call-button").await;
    stage.reaches("ended").await;
    assert_eq!(
        stage.value("inside('far-picture').srcObject").await,
        serde_json::Value::Null
    );
    pbx.done().await.unwrap();
    stage.end().await;
}

/// A visitor without a camera is heard all the same.
#[tokio::test]
async fn no_camera_is_no_obstacle() {
    const BLIND: &str = "
        const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
        navigator.mediaDevices.getUserMedia = async constraints => {
            if (constraints.video) throw new DOMException('', 'NotFoundError');
            return open(constraints);
        };";
    let mut stage = Stage::chromium().await;
    stage.browser.run_first(BLIND).await.unwrap();
    stage
        .open(&BUTTON.replace("<causeway-call ", "<causeway-call video "))
        .await;
    stage.talk().await;
    assert_eq!(
        stage.value("shown('hint')").await,
        "There is no camera: you are heard, but not seen."
    );
    stage.click("call-button").await;
    stage.reaches("ended").await;
    stage.end().await;
}
