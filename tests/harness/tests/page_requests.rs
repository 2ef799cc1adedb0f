//! What pages ask for besides calls, through the front door and without browsers: an echo, a call taken up again, to be
//! called.

use std::time::Duration;

use causeway_harness::{Acd, BoxPlan, BoxProcess, WebCaller};
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, sleep, timeout};

const PATIENCE: Duration = Duration::from_secs(10);

async fn start() -> (Acd, BoxProcess) {
    let acd = Acd::start(&[]).await.unwrap();
    let plan = BoxPlan::new(acd.address()).unwrap();
    (acd, BoxProcess::start(plan).await.unwrap())
}

async fn stop(acd: Acd, causeway: BoxProcess) {
    causeway.stop().await.unwrap();
    acd.stop().await.unwrap();
}

async fn legs(causeway: &BoxProcess) -> f64 {
    causeway.metrics().await.unwrap()["causeway_media_legs"]
}

async fn has_legs(causeway: &BoxProcess, wanted: f64, within: Duration) {
    let begun = Instant::now();
    while legs(causeway).await != wanted {
        let legs = legs(causeway).await;
        assert!(begun.elapsed() < within, "{legs} legs, not {wanted}");
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_page_hears_itself_without_a_call() {
    let (acd, causeway) = start().await;
    let before = causeway.holdings().unwrap();
    let mut page = WebCaller::open(&causeway, None).await.unwrap();
    // media.test ─▶ ok, and what is sent comes back
    page.test_media("first").await.unwrap();
    page.hears("first", 50).await.unwrap();
    assert_eq!(legs(&causeway).await, 1.0);

    // Three at once are a session's; the fourth takes the place of the first.
    for more in ["second", "third"] {
        page.test_media(more).await.unwrap();
        page.hears(more, 20).await.unwrap();
    }
    page.hears("first", 20).await.unwrap();
    page.test_media("fourth").await.unwrap();
    page.hears("fourth", 20).await.unwrap();
    has_legs(&causeway, 3.0, PATIENCE).await;
    let silent = page.packets("first");
    page.listen(Duration::from_millis(500)).await.unwrap();
    assert!(
        page.packets("first") <= silent + 2,
        "the first still hears itself"
    );

    // An offer that is none is refused, and takes nobody's place for long.
    let bad = json!({"type": "media.test", "sdp": "v=0\r\nm=nothing"});
    let refused = page.ask(bad).await.unwrap();
    assert_eq!(
        (&refused["type"], &refused["code"]),
        (&json!("error"), &json!("bad_sdp")),
        "{refused}"
    );

    // 15 s, whatever the page does; and nothing of it is a call.
    has_legs(&causeway, 0.0, Duration::from_secs(18)).await;
    assert_eq!(causeway.records().await.unwrap(), Vec::<Value>::new());

    // The session's end ends a test at once.
    page.test_media("last").await.unwrap();
    page.hears("last", 5).await.unwrap();
    page.close().await;
    has_legs(&causeway, 0.0, Duration::from_secs(3)).await;
    causeway.nothing_left(before).await.unwrap();
    stop(acd, causeway).await;
}

#[tokio::test]
async fn a_page_that_was_loaded_anew_takes_its_call_up() {
    let (mut acd, causeway) = start().await;
    let mut page = WebCaller::open(&causeway, None).await.unwrap();
    let call = page.place("100").await.unwrap();
    page.reaches(&call, "answered").await.unwrap();
    page.hears(&call, 20).await.unwrap();
    acd.wait("heard", PATIENCE, |_| true).await.unwrap();
    let secret = page.secret(&call).unwrap().to_owned();
    acd.forget();
    page.vanish().await;

    // Whoever does not know the secret gets nothing, not even that there is such a call.
    let mut anew = WebCaller::open(&causeway, None).await.unwrap();
    let wrong = anew.take_up(&call, "0123456789abcdef").await;
    assert!(wrong.unwrap_err().to_string().contains("call_not_found"));
    // Nor does an account's session get an app's call.
    let mut other = WebCaller::open(&causeway, Some("anna@example.com"))
        .await
        .unwrap();
    let foreign = other.take_up(&call, &secret).await;
    assert!(foreign.unwrap_err().to_string().contains("call_not_found"));
    other.close().await;
    // An offer that cannot be taken leaves the call as it is.
    let bad = json!({"type": "call.reattach", "call": call, "resume": secret, "sdp": "v=0"});
    let refused = anew.ask(bad).await.unwrap();
    assert_eq!(refused["type"], "error", "{refused}");

    // call.reattach with sdp ─▶ ok {state, answer}; sound both ways, and the PBX has heard no SIP.
    let state = anew.take_up(&call, &secret).await.unwrap();
    assert_eq!(
        (&state["call"], &state["state"]),
        (&json!(call), &json!("answered")),
        "{state}"
    );
    anew.hears(&call, 50).await.unwrap();
    acd.wait("heard", PATIENCE, |_| true).await.unwrap();
    for event in ["source", "reinvite", "update", "held", "ended"] {
        assert!(acd.seen(event).is_empty(), "{event}");
    }
    anew.hang_up(&call).await.unwrap();
    acd.wait("ended", PATIENCE, |_| true).await.unwrap();
    anew.close().await;
    let record = causeway.record("of the call", |r| {
        r["id"] == *call && !r["ended_at"].is_null()
    });
    assert_eq!(record.await.unwrap()["cause_code"], "hangup");
    stop(acd, causeway).await;
}

/// The next event of this name that the box tells.
async fn told(lines: &mut UnboundedReceiver<String>, name: &str) -> Value {
    let found = async {
        loop {
            let line = lines.recv().await.expect("the stream ended");
            let event = line
                .strip_prefix("data: ")
                .map(serde_json::from_str::<Value>);
            if let Some(Ok(event)) = event
                && event["type"] == name
            {
                return event;
            }
        }
    };
    timeout(PATIENCE, found).await.expect("not told in time")
}

#[tokio::test]
async fn a_wish_to_be_called_reaches_whoever_listens() {
    let (acd, causeway) = start().await;
    let mut page = WebCaller::open(&causeway, None).await.unwrap();
    let wish = json!({
        "type": "callback.request", "number": "+49 (30) 555-7", "name": "Mira\u{7}", "to": "100",
        "context": {"cart": 3, "page": {"url": "https://shop.example/help"}},
    });
    // Nobody listens: nothing is promised.
    let refused = page.ask(wish.clone()).await.unwrap();
    assert_eq!(
        (&refused["type"], &refused["code"]),
        (&json!("error"), &json!("refused")),
        "{refused}"
    );

    let mut lines = causeway.listen().await.unwrap();
    told(&mut lines, "trunk").await;
    let taken = page.ask(wish).await.unwrap();
    assert_eq!(taken["type"], "ok", "{taken}");
    let event = told(&mut lines, "callback").await;
    assert_eq!(event["id"], taken["callback"], "{event}");
    assert_eq!(event["number"], "+49305557");
    // A name is one line of text, whatever the page sent.
    assert_eq!(event["name"], "Mira");
    assert_eq!(
        (&event["to"], &event["context"]["cart"]),
        (&json!("100"), &json!(3))
    );
    assert_eq!(event["page"], "https://shop.example/help");

    for number in ["call me", "12", "+", "+4930;tag=1", "123456789012345678901"] {
        let bad = page
            .ask(json!({"type": "callback.request", "number": number}))
            .await;
        assert_eq!(bad.unwrap()["code"], "bad_request", "{number}");
    }
    page.close().await;
    stop(acd, causeway).await;
}
