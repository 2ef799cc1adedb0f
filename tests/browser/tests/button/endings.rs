//! How a call ends or does not come about: said in words, with what to do, and the page's own content where it helps.

use causeway_harness::browser::Kind;
use serde_json::{Value, json};

use crate::support::{BUTTON, Stage};

/// The state's words, the advice, and whether the page's telephone number is shown.
async fn shown(stage: &Stage) -> (String, String, bool) {
    let all = stage
        .value("[shown('state'), shown('message'), !!shown('fallback') || inside('fallback').getClientRects().length > 0]")
        .await;
    let text = |at: usize| all[at].as_str().unwrap_or_default().to_owned();
    (text(0), text(1), all[2] == true)
}

async fn ends(stage: &Stage, to: &str, reason: &str, words: &str) {
    let set = format!("(button().setAttribute('to', '{to}'), true)");
    stage.value(&set).await;
    stage.click("call-button").await;
    let over = format!("button().state === 'ended' && button().reason === '{reason}'");
    stage.until(&over).await;
    assert_eq!(shown(stage).await.0, words, "{to}");
}

#[tokio::test]
async fn the_contact_centre_refuses() {
    let mut stage = Stage::chromium().await;
    stage.open(BUTTON).await;
    ends(&stage, "486", "busy", "Busy").await;
    stage.picture("busy").await;
    ends(&stage, "603", "declined", "Call declined").await;
    ends(&stage, "480", "no_answer", "No answer").await;
    ends(
        &stage,
        "404",
        "not_found",
        "Nobody can be reached right now",
    )
    .await;
    ends(
        &stage,
        "503",
        "unavailable",
        "Nobody can be reached right now",
    )
    .await;

    // It rings, and the visitor gives up.
    stage
        .value("(button().setAttribute('to', '702'), true)")
        .await;
    stage.click("call-button").await;
    stage.reaches("ringing").await;
    assert_eq!(stage.value("shown('label')").await, "Cancel");
    stage.picture("ringing").await;
    tokio::time::sleep(std::time::Duration::from_millis(600)).await;
    stage.click("call-button").await;
    stage.until("button().reason === 'cancelled'").await;

    // Nobody this page may call: what to tell the visitor, and for the owner the box's own code.
    stage
        .value("(button().setAttribute('to', 'nobody@nowhere.example'), true)")
        .await;
    stage.click("call-button").await;
    stage.reaches("error").await;
    assert_eq!(stage.value("button().reason").await, "destination_unknown");
    let (words, advice, number) = shown(&stage).await;
    assert_eq!(words, "No call");
    assert!(advice.contains("not available"), "{advice}");
    assert!(number, "the page's telephone number is shown");
    stage.picture("error").await;
    stage.end().await;
}

#[tokio::test]
async fn no_token_no_box_no_network_no_set_up() {
    let mut stage = Stage::chromium().await;
    stage
        .open("<causeway-call to=\"100\" token-url=\"/no-token\"></causeway-call>")
        .await;
    stage.click("call-button").await;
    stage.until("button().reason === 'token_failed'").await;

    // The box is not there.
    stage
        .value("(button().setAttribute('token-url', '/call-token'), button().setAttribute('box', location.origin), true)")
        .await;
    stage.click("call-button").await;
    stage.until("button().reason === 'connection_lost'").await;
    assert!(shown(&stage).await.1.contains("internet connection"));

    stage
        .value("(button().removeAttribute('token-url'), true)")
        .await;
    stage.click("call-button").await;
    stage.until("button().reason === 'not_set_up'").await;
    let told = |line: &String| line.contains("token-url");
    assert!(
        stage.browser.console().iter().any(told),
        "the owner is told"
    );

    // Without a network nothing is tried, and with one again it can be.
    stage.open(BUTTON).await;
    let offline = |off: bool| json!({"offline": off, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1});
    let command = "Network.emulateNetworkConditions";
    stage
        .browser
        .devtools(command, offline(true))
        .await
        .unwrap();
    stage.reaches("offline").await;
    stage.picture("offline").await;
    assert_eq!(shown(&stage).await.0, "You are offline");
    stage.click("call-button").await;
    assert_eq!(stage.value("button().state").await, "offline");
    stage
        .browser
        .devtools(command, offline(false))
        .await
        .unwrap();
    stage.reaches("idle").await;
    stage.talk().await;
    stage.value("button().hangUp().then(() => true)").await;
    stage.reaches("ended").await;
    stage.end().await;
}

#[tokio::test]
async fn the_microphone_is_refused() {
    let mut stage = Stage::start(Kind::Chromium, true, |_| {}).await;
    stage.open(BUTTON).await;
    stage.click("call-button").await;
    stage.reaches("error").await;
    assert_eq!(stage.value("button().reason").await, "mic_denied");
    let (words, advice, number) = shown(&stage).await;
    assert_eq!(words, "No call");
    assert!(advice.contains("Allow it"), "{advice}");
    assert!(number);
    stage.picture("mic-denied").await;
    let nothing: [Value; 0] = [];
    assert_eq!(stage.causeway.records().await.unwrap(), nothing);
    stage.end().await;
}

/// What a visitor's browser does that cannot be had from a headless one's switches: it asks for a while, it finds no
/// microphone, another program has it.
const MOODS: &str = "
    window.mood = 'asks';
    const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = async constraints => {
        if (mood === 'asks') await new Promise(resolve => { window.allow = resolve });
        else if (mood !== 'gives') throw new DOMException('', mood);
        return open(constraints);
    };";

#[tokio::test]
async fn the_microphone_is_asked_for_missing_and_in_use() {
    let mut stage = Stage::chromium().await;
    stage.browser.run_first(MOODS).await.unwrap();
    stage.open(BUTTON).await;
    stage.click("call-button").await;
    stage.reaches("microphone").await;
    assert_eq!(shown(&stage).await.0, "Please allow the microphone");
    stage.picture("asking").await;
    // The visitor gives up, and allows it afterwards: nobody is called.
    tokio::time::sleep(std::time::Duration::from_millis(600)).await;
    stage.click("call-button").await;
    stage.until("button().reason === 'cancelled'").await;
    stage.value("(allow(), true)").await;
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    let nothing: [Value; 0] = [];
    assert_eq!(stage.causeway.records().await.unwrap(), nothing);

    for (mood, reason, word) in [
        ("NotFoundError", "mic_missing", "Plug one in"),
        ("NotReadableError", "mic_busy", "Another program"),
    ] {
        stage.value(&format!("(mood = '{mood}', true)")).await;
        stage.click("call-button").await;
        stage
            .until(&format!("button().reason === '{reason}'"))
            .await;
        let (_, advice, _) = shown(&stage).await;
        assert!(advice.contains(word), "{advice}");
        stage.picture(reason).await;
    }
    stage.value("(mood = 'gives', true)").await;
    stage.talk().await;
    stage.click("call-button").await;
    stage.reaches("ended").await;
    stage.end().await;
}

/// A browser that plays nothing before the page is touched again; Chromium is more generous while it hears a microphone.
const MUTE_UNTIL_TOUCHED: &str = "
    window.touched = false;
    const play = HTMLMediaElement.prototype.play;
    HTMLMediaElement.prototype.play = function () {
        if (!touched && !this.muted) return Promise.reject(new DOMException('', 'NotAllowedError'));
        return play.call(this);
    };";

#[tokio::test]
async fn sound_is_blocked_until_the_visitor_wants_it() {
    let mut stage = Stage::chromium().await;
    stage.browser.run_first(MUTE_UNTIL_TOUCHED).await.unwrap();
    stage.open(BUTTON).await;
    stage.click("call-button").await;
    stage.reaches("talking").await;
    stage
        .until("shown('sound-button') === 'Turn sound on'")
        .await;
    assert_eq!(
        stage.value("shown('hint')").await,
        "Your browser has blocked the sound."
    );
    stage.picture("sound-blocked").await;
    stage.value("(touched = true)").await;
    stage.click("sound-button").await;
    stage.until("shown('sound-button') === null").await;
    assert_eq!(stage.value("shown('hint') || ''").await, "");
    stage.page_hears_the_acd().await;
    stage.click("call-button").await;
    stage.reaches("ended").await;
    stage.end().await;
}
