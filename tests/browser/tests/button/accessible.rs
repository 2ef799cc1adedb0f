//! Everybody can use it: names, contrast in both colour schemes, sizes for fingers, no motion for who wants none; and
//! what axe-core finds, where it is installed.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{BUTTON, Stage};

/// Of each visible text and control: contrast with what is behind it, name, and size.
const LOOK: &str = "(() => {
    const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true})
    const rgb = colour => {
        canvas.clearRect(0, 0, 1, 1)
        canvas.fillStyle = colour
        canvas.fillRect(0, 0, 1, 1)
        return [...canvas.getImageData(0, 0, 1, 1).data]
    }
    const light = ([r, g, b]) => [r, g, b].map(v => v / 255).map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
        .reduce((sum, v, at) => sum + v * [0.2126, 0.7152, 0.0722][at], 0)
    const behind = element => {
        for (let at = element; at; at = at.parentElement ?? at.getRootNode().host) {
            const colour = rgb(getComputedStyle(at).backgroundColor)
            if (colour[3] === 255) return colour
        }
        return [255, 255, 255]
    }
    const ratio = (a, b) => {
        const [low, high] = [light(a), light(b)].sort((x, y) => x - y)
        return (high + 0.05) / (low + 0.05)
    }
    const shown = [...button().shadowRoot.querySelectorAll('*')].filter(e => e.getClientRects().length)
    const text = shown.filter(e => [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()))
    const controls = shown.filter(e => e.matches('button, select'))
    return {
        poor: text.map(e => [e.className || e.tagName, ratio(rgb(getComputedStyle(e).color), behind(e))]).filter(([, r]) => r < 4.5),
        faint: controls.map(e => [e.className, Math.max(
            ratio(rgb(getComputedStyle(e).borderColor), behind(e.parentElement)), ratio(behind(e), behind(e.parentElement)))])
            .filter(([, r]) => r < 3),
        small: controls.filter(e => { const r = e.getBoundingClientRect(); return r.width < 44 || r.height < 44 }).map(e => e.outerHTML),
        nameless: controls.filter(e => !(e.getAttribute('aria-label') || e.textContent.trim() || e.labels?.length)).map(e => e.outerHTML),
        looked: [text.length, controls.length],
        moving: document.getAnimations().length,
    }
})()";

async fn looks_right(stage: &Stage, what: &str) {
    let look = stage.value(LOOK).await;
    for fault in ["poor", "faint", "small", "nameless"] {
        assert_eq!(look[fault], json!([]), "{what}: {fault}: {look:#}");
    }
    assert!(look["looked"][1].as_u64().unwrap() > 0, "{look}");
}

/// What axe-core says is wrong, if it is there: `npm ci` in `firmware/web/sdk` brings it.
async fn axe(stage: &Stage, what: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../firmware/web/sdk/node_modules/axe-core/axe.min.js");
    let Ok(source) = std::fs::read_to_string(path) else {
        eprintln!(
            "*** SKIPPED: axe-core is not installed; install it with: npm ci in firmware/web/sdk ***"
        );
        return;
    };
    let load = format!("(window.axe || (() => {{ {source}\n }})(), true)");
    stage.value(&load).await;
    let run = "axe.run(button(), {resultTypes: ['violations']}).then(r => ({
        wrong: r.violations.map(v => [v.id, v.help, v.nodes.map(n => n.html)]), right: r.passes.length}))";
    let found = stage.value(run).await;
    assert_eq!(found["wrong"], json!([]), "{what}");
    assert!(found["right"].as_u64().unwrap() > 3, "{found}");
    // Its own doings are none of the button's.
    stage.value("(violations.length = 0, true)").await;
}

#[tokio::test]
async fn in_both_colour_schemes() {
    let mut stage = Stage::chromium().await;
    for scheme in ["light", "dark"] {
        let media = json!({"features": [
            {"name": "prefers-color-scheme", "value": scheme}, {"name": "prefers-reduced-motion", "value": "reduce"},
        ]});
        let command = "Emulation.setEmulatedMedia";
        stage.browser.devtools(command, media).await.unwrap();
        stage.open(BUTTON).await;
        let dark = "matchMedia('(prefers-color-scheme: dark)').matches";
        assert_eq!(stage.value(dark).await, json!(scheme == "dark"));
        looks_right(&stage, "idle").await;
        axe(&stage, "idle").await;
        stage.picture(&format!("{scheme}-idle")).await;

        stage
            .value("(button().setAttribute('to', '702'), true)")
            .await;
        stage.click("call-button").await;
        stage.reaches("ringing").await;
        looks_right(&stage, "ringing").await;
        assert_eq!(stage.value(LOOK).await["moving"], 0, "nothing moves");
        stage.value("button().hangUp().then(() => true)").await;

        stage
            .value("(button().setAttribute('to', '100'), true)")
            .await;
        stage.talk().await;
        stage.click("keypad-button").await;
        stage.click("devices-button").await;
        stage.click("mute-button").await;
        stage.until("inside('select').options.length > 0").await;
        looks_right(&stage, "talking").await;
        axe(&stage, "talking").await;
        stage.picture(&format!("{scheme}-talking")).await;
        stage.value("button().hangUp().then(() => true)").await;
        stage.reaches("ended").await;

        stage
            .value("(button().setAttribute('to', 'nobody@nowhere.example'), true)")
            .await;
        stage.click("call-button").await;
        stage.reaches("error").await;
        looks_right(&stage, "error").await;
        axe(&stage, "error").await;
        stage.picture(&format!("{scheme}-error")).await;
    }

    // A page that knows no dark gets the light one, whatever its visitor likes.
    stage
        .value("(document.documentElement.style.colorScheme = 'only light', true)")
        .await;
    let surface = "getComputedStyle(inside('root')).backgroundColor";
    assert_eq!(stage.value(surface).await, "rgb(255, 255, 255)");
    stage.end().await;
}

/// A telephone's screen: everything fits, and fingers find it.
#[tokio::test]
async fn on_a_small_screen() {
    let mut stage = Stage::chromium().await;
    let size = json!({"width": 320, "height": 640, "deviceScaleFactor": 2, "mobile": true});
    let command = "Emulation.setDeviceMetricsOverride";
    stage.browser.devtools(command, size).await.unwrap();
    let touch = json!({"enabled": true});
    stage
        .browser
        .devtools("Emulation.setTouchEmulationEnabled", touch)
        .await
        .unwrap();
    stage.open(BUTTON).await;
    let at = "(r => [r.x + r.width / 2, r.y + r.height / 2])(inside('call-button').getBoundingClientRect())";
    let at = stage.value(at).await;
    let point = json!([{"x": at[0], "y": at[1]}]);
    for (kind, points) in [("touchStart", point), ("touchEnd", json!([]))] {
        let event = json!({"type": kind, "touchPoints": points});
        stage
            .browser
            .devtools("Input.dispatchTouchEvent", event)
            .await
            .unwrap();
    }
    stage.reaches("talking").await;
    stage.value("(inside('keypad-button').click(), true)").await;
    looks_right(&stage, "on a small screen").await;
    let wide = "document.documentElement.scrollWidth <= innerWidth";
    assert_eq!(stage.value(wide).await, true, "nothing sticks out");
    stage.picture("small-screen").await;
    let audio: Value = stage
        .value("button().currentCall.localStream.getAudioTracks().length")
        .await;
    assert_eq!(audio, 1);
    stage.value("button().hangUp().then(() => true)").await;
    stage.reaches("ended").await;
    stage.end().await;
}
