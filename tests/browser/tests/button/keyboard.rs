//! A visitor with a keyboard alone calls, is silent, presses digits, is held, and hangs up; a screen reader is told.

use crate::support::{BUTTON, PATIENCE, Stage, spelled};
use serde_json::{Value, json};

const FOCUSED: &str =
    "document.activeElement.shadowRoot?.activeElement?.getAttribute('part') ?? 'nothing'";

async fn tab_to(stage: &Stage, part: &str) {
    stage.browser.press("Tab").await.unwrap();
    assert_eq!(stage.value(FOCUSED).await, part);
}

async fn says(stage: &Stage, words: &str) {
    let status = format!("inside('state').textContent === '{words}'");
    stage.until(&status).await;
}

#[tokio::test]
async fn a_call_from_the_keyboard() {
    let mut stage = Stage::chromium().await;
    stage
        .open(&BUTTON.replace(
            "<causeway-call ",
            "<causeway-call data-context-order=\"K-20417\" ",
        ))
        .await;
    assert_eq!(stage.value("button().getAttribute('state')").await, "idle");
    // What speaks is there before it has words.
    let regions = "['state', 'message', 'hint', 'time'].map(p => inside(p).role ?? inside(p).getAttribute('role'))";
    assert_eq!(
        stage.value(regions).await,
        json!(["status", "alert", "status", "timer"])
    );
    stage.picture("idle").await;

    tab_to(&stage, "call-button").await;
    let ring = "getComputedStyle(inside('call-button')).outlineStyle";
    assert_eq!(stage.value(ring).await, "solid", "the focus can be seen");
    stage.picture("focus").await;
    // Twice: an impatient visitor's second press does not hang up.
    stage.browser.press("Enter").await.unwrap();
    stage.browser.press("Enter").await.unwrap();
    stage.reaches("talking").await;
    says(&stage, "Connected").await;
    stage.acd_hears_the_page().await;
    stage.page_hears_the_acd().await;
    let answered = stage.acd.seen("answered");
    let call = answered[0]["call"].as_u64().unwrap();
    let invite = stage.acd.seen("invite").remove(0);
    stage
        .until("inside('meter-in').style.transform.match(/0\\.[3-9]|1/)")
        .await;
    stage.until("/^0:0[1-9]$/.test(shown('time'))").await;
    stage.picture("talking").await;

    // Silent, and not.
    tab_to(&stage, "control mute-button").await;
    stage.browser.press(" ").await.unwrap();
    let pressed = "inside('mute-button').getAttribute('aria-pressed')";
    assert_eq!(stage.value(pressed).await, "true");
    stage.acd.forget();
    let silent = |e: &Value| e["dbov"].as_f64().is_some_and(|db| db < -60.0);
    stage.acd.wait("heard", PATIENCE, silent).await.unwrap();
    stage.picture("muted").await;
    stage.browser.press(" ").await.unwrap();
    stage.acd_hears_the_page().await;

    // Digits, by the keypad's keys and by the keyboard's.
    tab_to(&stage, "control keypad-button").await;
    stage.browser.press("Enter").await.unwrap();
    assert_eq!(
        stage
            .value("inside('keypad-button').getAttribute('aria-expanded')")
            .await,
        "true"
    );
    stage.picture("keypad").await;
    stage.browser.press("5").await.unwrap();
    tab_to(&stage, "control devices-button").await;
    tab_to(&stage, "key").await;
    stage.browser.press("Enter").await.unwrap();
    for digit in ["5", "1"] {
        let right = |e: &Value| e["digit"] == digit;
        stage
            .acd
            .wait_or_seen("dtmf", PATIENCE, right)
            .await
            .unwrap();
    }
    stage.browser.press("Escape").await.unwrap();
    assert_eq!(
        stage.value(FOCUSED).await,
        "control keypad-button",
        "where it was opened from"
    );
    assert_eq!(stage.value("shown('keypad')").await, Value::Null);

    // Microphone and loudspeaker.
    tab_to(&stage, "control devices-button").await;
    stage.browser.press("Enter").await.unwrap();
    stage
        .until("[...inside('devices').querySelectorAll('select')].every(s => s.options.length > 1)")
        .await;
    stage.picture("devices").await;
    let another = "(s => { const before = button().currentCall.localStream.getAudioTracks()[0].getSettings().deviceId;
        s.value = [...s.options].map(o => o.value).find(v => v !== before); s.dispatchEvent(new Event('change')); return s.value })
        (inside('select'))";
    let chosen = stage.value(another).await;
    let used = "button().currentCall.localStream.getAudioTracks()[0].getSettings().deviceId";
    stage.until(&format!("{used} === {chosen}")).await;
    stage.browser.press("Escape").await.unwrap();

    // The contact centre holds.
    stage.acd.command(&format!("hold {call}")).await.unwrap();
    stage.reaches("held").await;
    says(&stage, "On hold").await;
    stage.picture("held").await;
    stage.acd.command(&format!("resume {call}")).await.unwrap();
    stage.reaches("talking").await;

    // The end takes the focused control away: the focus stays in the button.
    assert_eq!(stage.value(FOCUSED).await, "control devices-button");
    stage.acd.command(&format!("hangup {call}")).await.unwrap();
    stage.reaches("ended").await;
    says(&stage, "Call ended").await;
    assert_eq!(stage.value(FOCUSED).await, "call-button");
    assert_eq!(stage.value("shown('label')").await, "Call");
    stage.picture("ended").await;
    let last = stage.value("states.at(-1)").await;
    assert_eq!(last["reason"], "hangup", "{last}");
    assert!(last["duration"].as_f64().unwrap() > 1.0, "{last}");
    let states = stage.states().await;
    let kinds: Vec<&str> = states.iter().map(String::as_str).collect();
    assert_eq!(kinds.first(), Some(&"connecting"), "{states:?}");
    assert_eq!(
        kinds[kinds.len() - 4..],
        ["talking", "held", "talking", "ended"],
        "{states:?}"
    );

    // What the page's owner wrote and allowed has travelled along.
    let uui = invite["uui"].as_str().unwrap_or_default().to_owned();
    let token = spelled(uui.split(';').next().unwrap_or_default());
    let path = format!("/api/v1/contexts/{token}");
    let kept = stage.causeway.admin(&path).await.unwrap();
    let context = &kept["context"];
    assert_eq!(context["order"], "K-20417", "{kept}");
    assert_eq!(context["language"], "en", "{kept}");
    assert_eq!(context["page"]["title"], "Kettles", "{kept}");
    let url = context["page"]["url"].as_str().unwrap();
    assert!(url.ends_with("/kettle?x=1"), "{kept}");
    stage.end().await;
}
