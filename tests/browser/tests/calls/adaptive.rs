//! `codec = "auto"`: G.711 from end to end, Opus while the page's network loses packets, and G.711 again; the page hears
//! one tone throughout.

use std::time::{Duration, Instant};

use causeway_harness::scene::{ACD_HZ, PAGE_HZ, Scene};
use causeway_harness::{LossyNetwork, Result};
use serde_json::Value;

/// What the page's connection sends and gets: codecs, the source it hears, and samples it had to make up.
async fn audio(scene: &Scene) -> Result<Value> {
    let look = "(async () => {
        const stats = await phone.connection.getStats()
        const found = {}
        stats.forEach(r => {
            if (r.kind !== 'audio') return
            const codec = () => stats.get(r.codecId)?.mimeType.split('/')[1].toLowerCase()
            if (r.type === 'outbound-rtp') found.out = codec()
            if (r.type === 'inbound-rtp') Object.assign(found, {in: codec(), ssrc: r.ssrc, concealed: r.concealedSamples, silent: r.silentConcealedSamples})
        })
        return found
    })()";
    scene.phone.browser().evaluate(look).await
}

fn is_opus(codec: &Value) -> bool {
    codec == "opus" || codec == "red"
}

/// Waits until both directions are, or are not, Opus.
async fn both(scene: &Scene, opus: bool, within: Duration) -> Value {
    let begun = Instant::now();
    loop {
        let now = audio(scene).await.unwrap();
        if is_opus(&now["in"]) == opus && is_opus(&now["out"]) == opus {
            eprintln!("{now} after {:.1} s", begun.elapsed().as_secs_f32());
            return now;
        }
        assert!(begun.elapsed() < within, "{now} after {within:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn opus_comes_with_losses_and_goes_with_them() {
    let mut scene = Scene::chromium(|plan| plan.codec = "auto".to_owned())
        .await
        .unwrap();
    let media = scene.causeway.plan().media;
    let network = LossyNetwork::start(media).await.unwrap();
    // The page finds the box behind the network.
    let (box_port, network_port) = (media.port(), network.address().port());
    let through = format!(
        "(() => {{
            const set = RTCPeerConnection.prototype.setRemoteDescription
            RTCPeerConnection.prototype.setRemoteDescription = function ({{type, sdp}}) {{
                return set.call(this, {{type, sdp: sdp.replaceAll(' {box_port} typ', ' {network_port} typ')}})
            }}
            return true
        }})()"
    );
    scene.phone.browser().evaluate(&through).await.unwrap();
    scene.connect("100").await.unwrap();
    let patience = Duration::from_secs(10);
    scene.phone.hears(ACD_HZ, patience).await.unwrap();
    scene.acd_hears(PAGE_HZ, patience).await.unwrap();
    let first = both(&scene, false, patience).await;

    network.lose(80, 80);
    let lossy = both(&scene, true, Duration::from_secs(25)).await;
    scene.phone.hears(ACD_HZ, patience).await.unwrap();
    scene.acd_hears(PAGE_HZ, patience).await.unwrap();
    network.lose(0, 0);
    tokio::time::sleep(Duration::from_secs(3)).await;
    // From here on nothing is lost: whatever the page has to make up is the switch's doing.
    let calm = audio(&scene).await.unwrap();
    scene.phone.watch_gaps().await.unwrap();
    let since = scene
        .phone
        .remote()
        .await
        .unwrap()
        .windows
        .last()
        .map_or(0.0, |w| w.at);
    let last = both(&scene, false, Duration::from_secs(60)).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let end = audio(&scene).await.unwrap();
    let made_up = |then: &Value, now: &Value| {
        now["concealed"].as_f64().unwrap_or(0.0) - then["concealed"].as_f64().unwrap_or(0.0)
    };
    let concealed_ms = made_up(&calm, &end) / 48.0;
    let windows = scene.phone.remote().await.unwrap().windows;
    let heard: Vec<_> = windows.iter().filter(|w| w.at > since).collect();
    let is_whole = |hz: f64, purity: f64| (hz - ACD_HZ).abs() < ACD_HZ * 0.02 && purity > 0.8;
    let touched: Vec<_> = heard.iter().filter(|w| !is_whole(w.hz, w.purity)).collect();
    let loudest = heard.iter().map(|w| w.db).fold(f64::MIN, f64::max);
    let quietest = heard.iter().map(|w| w.db).fold(f64::MAX, f64::min);
    let gap = scene.phone.longest_gap_ms().await.unwrap();
    eprintln!(
        "{} windows since the losses ended, {quietest:.1} to {loudest:.1} dB, {concealed_ms:.0} ms made up, {gap:.0} ms \
         between two packets; touched: {touched:?}",
        heard.len()
    );
    assert!(heard.len() > 40, "{} windows", heard.len());
    // Chromium stretches and squeezes what it plays: when its buffer shrinks after the losses, and when that begins anew
    // with another clock. A tone suffers from it for some milliseconds of a half second; it never stops.
    let is_there = |hz: f64, purity: f64| (hz - ACD_HZ).abs() < ACD_HZ * 0.03 && purity > 0.4;
    assert!(
        touched.iter().all(|w| is_there(w.hz, w.purity)),
        "{touched:?}"
    );
    assert!(touched.len() * 10 <= heard.len(), "{touched:?}");
    assert!(loudest - quietest < 6.0, "{quietest} to {loudest} dB");
    assert!(concealed_ms < 60.0, "{concealed_ms} ms");
    assert!(gap < 150.0, "{gap} ms");
    scene.acd_hears(PAGE_HZ, patience).await.unwrap();
    // One source all the time.
    for seen in [&lossy, &last] {
        assert_eq!(seen["ssrc"], first["ssrc"]);
    }

    scene.phone.hang_up().await.unwrap();
    let ended = |r: &Value| !r["ended_at"].is_null();
    let record = scene.causeway.record("of the end", ended).await.unwrap();
    assert_eq!(record["web_codec"], "PCMU, opus", "{record}");
    scene.end().await.unwrap();
}
