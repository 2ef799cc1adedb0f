//! A caller reloads the page in mid-call: the new page takes the call up.

use std::time::Duration;

use causeway_harness::browser::Kind;
use causeway_harness::page::{self, Heard};
use serde_json::json;
use tokio::time::sleep;

use crate::support::{
    LONGEST_GAP_MS, PATIENCE, acd_gap, acd_hears, messages, open_site, page_hz, skipped, untouched,
};

/// Listens to whatever call the page has, as soon as it has one.
const LISTEN: &str = "(async () => {
    while (!window.causewayDemo?.call?.remoteStream?.getAudioTracks().length) await new Promise(r => setTimeout(r, 5))
    await ears.listen('remote', causewayDemo.call.remoteStream)
    return causewayDemo.call.id
})()";
/// When the page has first played sound of whatever call it has, by the browser's own count of its energy: Firefox lets no
/// ears into the page.
const FIRST_SOUND: &str = "(async () => {
    for (;;) {
        const connection = window.causewayDemo?.call?.peerConnection
        const stats = connection ? [...(await connection.getStats()).values()] : []
        const energy = stats.find(s => s.type === 'inbound-rtp' && s.kind === 'audio')?.totalAudioEnergy
        if (energy > 0) return (performance.timeOrigin + performance.now()) / 1000
        await new Promise(r => setTimeout(r, 5))
    }
})()";
const NOW: &str = "(performance.timeOrigin + performance.now()) / 1000";

#[tokio::test]
async fn the_page_is_loaded_anew() {
    reloads(Kind::Chromium).await;
}

#[tokio::test]
async fn the_page_is_loaded_anew_in_firefox() {
    reloads(Kind::Firefox).await;
}

async fn reloads(kind: Kind) {
    if skipped() {
        return;
    }
    let (mut site, mut browser, _folder) = open_site(kind).await;
    // The shop's own page, with nothing of a test in it but ears.
    browser
        .open(&site.causeway.url("/demo/?autostart=1"))
        .await
        .unwrap();
    let call = if kind == Kind::Chromium {
        page::give_ears(&browser).await.unwrap();
        browser.evaluate(LISTEN).await.unwrap()
    } else {
        let begun = browser.until("a call", "window.causewayDemo?.call?.id", PATIENCE);
        begun.await.unwrap()
    };
    browser
        .until(
            "the answer",
            "causewayDemo.call.state === 'answered'",
            PATIENCE,
        )
        .await
        .unwrap();
    acd_hears(&mut site, page_hz(kind)).await;
    browser
        .evaluate("(causewayDemo.call.mute(), causewayDemo.call.mute(false))")
        .await
        .unwrap();
    let id = call.as_str().unwrap().to_owned();
    let before = messages(&site, &id).await;
    // Without this the new page would place a second call.
    browser
        .evaluate("history.replaceState(null, '', '/demo/')")
        .await
        .unwrap();
    if kind == Kind::Chromium {
        browser.run_first(page::EARS).await.unwrap();
    }
    site.acd.forget();

    let left = browser.evaluate(NOW).await.unwrap().as_f64().unwrap();
    browser.reload().await.unwrap();
    let again = browser
        .until(
            "the call on the new page",
            "window.causewayDemo?.call?.id",
            PATIENCE,
        )
        .await
        .unwrap();
    assert_eq!(again, json!(id), "the same call");
    let first = if kind == Kind::Chromium {
        browser.evaluate(LISTEN).await.unwrap();
        browser
            .until("sound", "ears.heard('remote').onsets.length > 0", PATIENCE)
            .await
            .unwrap();
        Heard::from(&browser, "remote").await.unwrap().onsets[0]
    } else {
        let sound = browser.evaluate_within(FIRST_SOUND, PATIENCE).await;
        sound.unwrap().as_f64().unwrap()
    };
    let heard = first - left;
    acd_hears(&mut site, page_hz(kind)).await;
    sleep(Duration::from_secs(2)).await;
    let sent = acd_gap(&mut site);
    println!(
        "{kind:?}: gap at the browser {:.0} ms, at the ACD {sent:.0} ms",
        heard * 1000.0
    );
    assert!(heard * 1000.0 <= LONGEST_GAP_MS, "{heard} s at the browser");
    assert!(sent <= LONGEST_GAP_MS, "{sent} ms at the ACD");
    untouched(&mut site);
    assert_eq!(messages(&site, &id).await, before, "SIP was spoken");

    // A tab that is closed is no reload: the far side is let go at once, by a browser that tells one from the other.
    if kind == Kind::Chromium {
        browser.open("about:blank").await.unwrap();
        site.acd
            .wait("ended", Duration::from_secs(3), |_| true)
            .await
            .unwrap();
    }
    browser.stop().await.unwrap();
    site.stop().await.unwrap();
}
