//! The PBX brings a picture in mid-call: the page sees it without a word of its own, shows its camera when it wants to,
//! and loses both when the PBX takes the picture away. It is heard all the time.

use std::time::Duration;

use causeway_harness::config::loopback;
use causeway_harness::picture::{self, Seen};
use causeway_harness::place::{self, TempFolder};
use causeway_harness::scene::{PAGE_HZ, chromium};
use causeway_harness::sipp::{self, ECHO, Media, Script, Sipp, Transport};
use causeway_harness::{BoxPlan, BoxProcess, WebPhone};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(10);
/// Between two packets of sound at the page, in milliseconds.
/// It is 20 to 60 on a machine that has nothing else to do; a stream that began anew would take half a second.
const MOST_MS: f64 = 250.0;
const OFFERED: &str = "m=video [1-9][0-9]* RTP/AVP 99";

/// SIPp gives back what it hears and what it sees.
fn script() -> Script {
    let with = |version| Media::usual().version(version).video(ECHO, "sendrecv");
    let without = Media::usual().version(4).video("0", "inactive");
    Script::called()
        .recv("INVITE")
        .reply("INVITE", "100 Trying")
        .reply_sdp("200 OK", &Media::usual())
        .recv("ACK")
        .pause(1_500)
        .request_with("INVITE", &[], Some(&with(2)))
        .recv_reply_with(200, &[OFFERED, "a=recvonly"], &[])
        .ack()
        .recv_with("INVITE", &[OFFERED, "a=sendrecv"], &["a=recvonly"])
        .reply_sdp("200 OK", &with(3))
        .recv("ACK")
        .pause(4_000)
        .request_with("INVITE", &[], Some(&without))
        .recv_reply_with(200, &["m=video 0 "], &[])
        .ack()
        .recv("BYE")
        .reply("BYE", "200 OK")
}

/// Whether there is a picture, and the tracks that the page sends and gets of it.
async fn pictured(phone: &WebPhone) -> Value {
    let known = "[phone.call.video, phone.call.localStream.getVideoTracks().length, \
                  phone.call.remoteStream.getVideoTracks().length]";
    phone.browser().evaluate(known).await.unwrap()
}

async fn until(phone: &WebPhone, what: &str, is: &str) {
    phone.browser().until(what, is, PATIENCE).await.unwrap();
}

#[tokio::test]
async fn it_is_seen_and_goes_and_the_sound_stays() {
    if !sipp::present() {
        eprintln!(
            "*** SKIPPED: there is no SIPp here; install it with: apt-get install sip-tester ***"
        );
        return;
    }
    let at = loopback(place::free_port().unwrap());
    let mut plan = BoxPlan::new(at).unwrap();
    plan.trunks[0].extra = "options_s = 0\nvideo = \"h264\"\n".to_owned();
    let mut pbx = Sipp::start(&script(), Transport::Udp, at, at, plan.sip)
        .await
        .unwrap();
    let causeway = BoxProcess::start(plan).await.unwrap();
    let before = causeway.holdings().unwrap();
    let microphone = TempFolder::new("microphone").unwrap();
    let phone = chromium(&causeway, &microphone, None, json!({}))
        .await
        .unwrap();
    let browser = phone.browser();
    picture::give_eyes(browser).await.unwrap();
    phone.place("100").await.unwrap();
    phone.answered().await.unwrap();
    phone.listen().await.unwrap();
    phone.watch_gaps().await.unwrap();

    until(&phone, "a picture of the PBX", "phone.call.video").await;
    assert_eq!(
        pictured(&phone).await,
        json!([true, 0, 1]),
        "the camera is the page's own business"
    );
    let shown = "phone.call.setVideo(eyes.camera()).then(() => phone.now())";
    let shown = browser.evaluate(shown).await.unwrap().as_f64().unwrap();
    browser
        .evaluate("(eyes.watch('remote', phone.call.remoteStream), true)")
        .await
        .unwrap();
    let seen = Seen::moving(browser, "remote", 3, PATIENCE).await.unwrap();
    let known = seen.times.first().map_or(f64::MAX, |at| at - shown);
    eprintln!("the page sees itself {known:.2} s after the answer");
    assert!(known < 1.0, "{known:.2} s");

    until(&phone, "no picture", "!phone.call.video").await;
    assert_eq!(pictured(&phone).await, json!([false, 0, 0]));
    let frames = Seen::from(browser, "remote").await.unwrap().frames;
    phone.hears(PAGE_HZ, PATIENCE).await.unwrap();
    let later = Seen::from(browser, "remote").await.unwrap().frames;
    assert!(
        later <= frames + 1,
        "{frames} frames, and {later} a while later"
    );
    let gap = phone.longest_gap_ms().await.unwrap();
    eprintln!("longest time between two packets of sound: {gap:.0} ms");
    assert!(gap <= MOST_MS, "{gap:.0} ms of silence");
    let told = phone.events("video").await.unwrap();
    let told: Vec<&Value> = told.iter().map(|event| &event["args"][0]).collect();
    assert_eq!(json!(told), json!([true, false]));

    phone.hang_up().await.unwrap();
    pbx.done().await.unwrap();
    phone.stop().await.unwrap();
    causeway.nothing_left(before).await.unwrap();
    causeway.stop().await.unwrap();
}
