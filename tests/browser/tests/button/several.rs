//! Several buttons, in a component's shadow root too, added, moved and taken away at any time.

use serde_json::{Value, json};

use crate::support::{BUTTON, PATIENCE, Stage};

#[tokio::test]
async fn they_do_not_disturb_each_other_and_leave_nothing() {
    let mut stage = Stage::chromium().await;
    stage
        .open(&format!(
            "<p><causeway-call id=\"first\" to=\"100\" token-url=\"/call-token\"></causeway-call></p>\
             <p><causeway-call id=\"second\" to=\"101\" token-url=\"/call-token\">Sales</causeway-call></p>\
             <div id=\"component\"></div>{}",
            "<p id=\"elsewhere\"></p>"
        ))
        .await;
    assert_eq!(
        stage
            .value("[shown('label', 'first'), shown('label', 'second')]")
            .await,
        json!(["Call", "Sales"]),
        "a plain text is the button's label"
    );
    // A third, made by a script in a shadow root; a framework sets its properties before it is connected.
    stage
        .value(
            "(() => {
                const root = document.getElementById('component').attachShadow({mode: 'closed'})
                window.third = Object.assign(document.createElement('causeway-call'), {
                    token: () => fetch('/call-token', {method: 'POST'}).then(r => r.json()).then(b => b.token),
                    texts: {call: 'Ring the bell'}, context: {from: 'component'},
                })
                third.setAttribute('to', '102')
                root.append(third)
                return true
            })()",
        )
        .await;
    assert_eq!(
        stage
            .value("third.shadowRoot.querySelector('[part=label]').textContent")
            .await,
        "Ring the bell"
    );

    // One call at a time on a page.
    stage.value("third.call().then(() => true)").await;
    stage.until("third.state === 'talking'").await;
    let invite = stage.acd.seen("invite").remove(0);
    assert!(invite["to"].as_str().unwrap().contains("102"), "{invite}");
    assert_eq!(
        stage.value("third.currentCall.context").await["from"],
        "component"
    );
    stage
        .browser
        .click_on("inside('call-button', 'first')")
        .await
        .unwrap();
    stage.until("button('first').reason === 'other_call'").await;
    assert_eq!(stage.value("third.state").await, "talking");

    // Moved, it goes on; taken away, it is over for the contact centre too.
    stage
        .value("(document.getElementById('elsewhere').append(third), true)")
        .await;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert_eq!(stage.value("third.state").await, "talking");
    stage.hears_in("third").await;
    stage.value("(third.remove(), true)").await;
    stage.acd.wait("ended", PATIENCE, |_| true).await.unwrap();
    assert_eq!(stage.value("third.state").await, "idle");

    // Taken away while it is being connected: whoever rings by then rings no longer.
    stage.value("(button('first').call(), true)").await;
    stage.value("(button('first').remove(), true)").await;
    let running = "causeway_calls_running";
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    assert_eq!(stage.causeway.metrics().await.unwrap()[running], 0.0);

    // The other one calls as if nothing had been.
    stage
        .browser
        .click_on("inside('call-button', 'second')")
        .await
        .unwrap();
    stage.until("button('second').state === 'talking'").await;
    stage
        .value("button('second').hangUp().then(() => true)")
        .await;
    stage.until("button('second').state === 'ended'").await;
    let sessions = "causeway_api_sessions";
    for _ in 0..50 {
        if stage.causeway.metrics().await.unwrap()[sessions] == 0.0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(
        stage.causeway.metrics().await.unwrap()[sessions],
        0.0,
        "no connection is kept without a call"
    );
    stage.end().await;
}

/// A hundred come and go: the browser's own count of elements and listeners is what it was.
#[tokio::test]
async fn a_hundred_come_and_go() {
    let mut stage = Stage::chromium().await;
    stage.open(BUTTON).await;
    let come_and_go = "(async () => {
        for (let i = 0; i < 100; i++) {
            const one = document.createElement('causeway-call')
            document.body.append(one)
            await 0
            one.remove()
            await 0
        }
        return true
    })()";
    let mut counts: Vec<Value> = Vec::new();
    for _ in 0..3 {
        stage.value(come_and_go).await;
        stage
            .browser
            .devtools("HeapProfiler.collectGarbage", json!({}))
            .await
            .unwrap();
        stage
            .browser
            .devtools("HeapProfiler.collectGarbage", json!({}))
            .await
            .unwrap();
        counts.push(
            stage
                .browser
                .devtools("Memory.getDOMCounters", json!({}))
                .await
                .unwrap(),
        );
    }
    let number = |at: usize, what: &str| counts[at][what].as_u64().unwrap();
    for what in ["nodes", "jsEventListeners"] {
        assert!(
            number(2, what) <= number(0, what) + 20,
            "{what} grow: {counts:?}"
        );
    }
    stage.end().await;
}
