//! What the page writes: shown before the script comes and where no call can be; languages, own words, own looks.

use serde_json::{Value, json};

use crate::support::{BUTTON, Stage};

#[tokio::test]
async fn without_the_script_and_without_webrtc_there_is_the_telephone() {
    let mut stage = Stage::chromium().await;
    stage.open_bare(BUTTON).await;
    let link = "(() => { const r = document.querySelector('a').getBoundingClientRect(); return r.width > 10 && r.height > 5 })()";
    assert_eq!(stage.value(link).await, true);
    stage.picture("before-the-script").await;

    stage
        .browser
        .run_first("if (location.hash === '#old') delete window.RTCPeerConnection;")
        .await
        .unwrap();
    stage.open(BUTTON).await;
    assert_eq!(stage.value(link).await, false, "the button is in its place");
    stage
        .value("(location.hash = 'old', location.reload(), true)")
        .await;
    stage
        .until("document.readyState === 'complete' && window.button?.()?.state === 'unsupported'")
        .await;
    assert_eq!(stage.value(link).await, true);
    assert_eq!(
        stage.value("shown('state')").await,
        "This browser cannot make calls here"
    );
    assert_eq!(stage.value("shown('call-button')").await, Value::Null);
    stage.picture("unsupported").await;
    stage.end().await;
}

#[tokio::test]
async fn as_a_module_and_twice() {
    let mut stage = Stage::chromium().await;
    let script = stage.causeway.url("/sdk/v1/button.js");
    let tag = format!("<script type=\"module\" src=\"{script}\"></script>");
    stage
        .open_bare(&format!(
            "{BUTTON}{tag}{}",
            tag.replace("\"module\"", "\"text/javascript\" async")
        ))
        .await;
    stage.until("button().shadowRoot").await;
    stage.talk().await;
    stage.click("call-button").await;
    stage.reaches("ended").await;
    stage.end().await;
}

#[tokio::test]
async fn languages_words_and_looks() {
    let mut stage = Stage::chromium().await;
    stage
        .open(
            "<p><causeway-call id=\"page\" to=\"100\"></causeway-call></p>\
             <p><causeway-call id=\"german\" lang=\"de-AT\" to=\"100\"></causeway-call></p>\
             <p lang=\"es\"><causeway-call id=\"spanish\" to=\"100\"></causeway-call></p>\
             <p><causeway-call id=\"themed\" to=\"100\" label=\"Ring us\"></causeway-call></p>\
             <p dir=\"rtl\" lang=\"he\"><causeway-call id=\"hebrew\" to=\"100\" token-url=\"/call-token\"></causeway-call></p>",
        )
        .await;
    let labels = "['page', 'german', 'spanish', 'themed', 'hebrew'].map(id => shown('label', id))";
    assert_eq!(
        stage.value(labels).await,
        json!(["Call", "Anrufen", "Llamar", "Ring us", "Call"])
    );
    assert_eq!(stage.value("inside('root', 'german').lang").await, "de");
    stage
        .value("(document.documentElement.lang = 'fr', true)")
        .await;
    stage.until("shown('label', 'page') === 'Appeler'").await;
    stage.value("(button('german').lang = 'en', true)").await;
    assert_eq!(stage.value("shown('label', 'german')").await, "Call");

    // The page's own words, in a language that runs the other way.
    stage
        .value("(button('hebrew').texts = {call: 'התקשרו', talking: 'מחובר', mute: 'השתקה', hangUp: 'ניתוק', keypad: 'מקשים', devices: 'התקנים'}, true)")
        .await;
    stage
        .browser
        .click_on("inside('call-button', 'hebrew')")
        .await
        .unwrap();
    stage.until("button('hebrew').state === 'talking'").await;
    assert_eq!(stage.value("shown('state', 'hebrew')").await, "מחובר");
    let mirrored = "inside('call-button', 'hebrew').getBoundingClientRect().x > inside('state', 'hebrew').getBoundingClientRect().x";
    assert_eq!(stage.value(mirrored).await, true);
    stage.picture("right-to-left").await;
    stage
        .value("button('hebrew').hangUp().then(() => true)")
        .await;
    stage.until("button('hebrew').state === 'ended'").await;

    let look = "(s => [s.backgroundColor, s.textTransform])(getComputedStyle(inside('call-button', 'themed')))";
    assert_eq!(
        stage.value(look).await,
        json!(["rgb(0, 100, 60)", "uppercase"])
    );
    stage.end().await;
}

#[tokio::test]
async fn only_what_the_owner_allows_travels_along() {
    let mut stage = Stage::chromium().await;
    stage
        .open(
            "<causeway-call to=\"100\" token-url=\"/call-token\" context=\"title\" data-context-order=\"K-1\"></causeway-call>",
        )
        .await;
    let sent = async |stage: &Stage| {
        stage
            .value("button().call().then(() => button().currentCall.context)")
            .await
    };
    assert_eq!(
        sent(&stage).await,
        json!({"order": "K-1", "page": {"title": "Kettles"}})
    );
    stage.value("button().hangUp().then(() => true)").await;

    // Too much costs the visitor nothing: what fits is sent, the owner is told of the rest.
    stage
        .value("(button().setAttribute('context', ''), button().setAttribute('data-context-big', 'x'.repeat(9000)), true)")
        .await;
    stage.reaches("ended").await;
    assert_eq!(sent(&stage).await, json!({"order": "K-1"}));
    let told = |line: &String| line.contains("left out: big");
    assert!(stage.browser.console().iter().any(told));
    stage.value("button().hangUp().then(() => true)").await;
    stage.reaches("ended").await;
    stage.end().await;
}
