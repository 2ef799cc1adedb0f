//! The harness looks at itself: each browser sends its microphone through a peer connection of its own and its ears
//! hear it at the other end.

use std::time::Duration;

use causeway_harness::browser::{Browser, BrowserOptions, Kind};
use causeway_harness::config::loopback;
use causeway_harness::customer::CustomerSite;
use causeway_harness::page::{Heard, give_ears};
use causeway_harness::place::TempFolder;

const LOOP: &str = "
    const constraints = {echoCancellation: false, noiseSuppression: false, autoGainControl: false};
    const mic = await navigator.mediaDevices.getUserMedia({audio: constraints});
    const a = new RTCPeerConnection(), b = new RTCPeerConnection();
    a.onicecandidate = e => b.addIceCandidate(e.candidate);
    b.onicecandidate = e => a.addIceCandidate(e.candidate);
    const remote = new Promise(r => { b.ontrack = e => r(e.streams[0]) });
    for (const track of mic.getTracks()) a.addTrack(track, mic);
    await a.setLocalDescription(); await b.setRemoteDescription(a.localDescription);
    await b.setLocalDescription(); await a.setRemoteDescription(b.localDescription);
    await ears.listen('mic', mic);
    await ears.listen('remote', await remote);
    console.log('looped');
    return true";

async fn hears_itself(kind: Kind, options: BrowserOptions, hz: f64) -> Browser {
    let mut browser = Browser::start(kind, options).await.unwrap();
    let site = CustomerSite::start(loopback(0)).await.unwrap();
    browser.open(&site.url()).await.unwrap();
    give_ears(&browser).await.unwrap();
    browser.run(LOOP).await.unwrap();
    browser
        .until(
            "the remote tone",
            &format!("ears.heard('remote').windows.filter(w => w.purity > 0.8 && Math.abs(w.hz - {hz}) < {hz} * 0.005).length > 2"),
            Duration::from_secs(15),
        )
        .await
        .unwrap();
    assert!(
        browser.console().iter().any(|line| line.contains("looped")),
        "{:?}",
        browser.console()
    );
    browser
}

#[tokio::test]
async fn chromium_sends_a_recording_and_hears_it() {
    let folder = TempFolder::new("wav").unwrap();
    let wav = folder.path().join("440.wav");
    std::fs::write(&wav, marked_tone(440.0)).unwrap();
    let options = BrowserOptions {
        microphone: Some(wav),
        ..BrowserOptions::default()
    };
    let browser = hears_itself(Kind::Chromium, options, 440.0).await;
    tokio::time::sleep(Duration::from_secs(3)).await;

    // The quiet and loud stretches of the recording are heard as such, a loop's delay apart.
    let mic = Heard::from(&browser, "mic").await.unwrap();
    let remote = Heard::from(&browser, "remote").await.unwrap();
    assert!(
        mic.onsets.len() >= 2 && remote.onsets.len() >= 2,
        "{mic:?} {remote:?}"
    );
    let delay = causeway_harness::page::delay_ms(&mic.onsets, &remote.onsets, 700.0).unwrap();
    assert!((1.0..400.0).contains(&delay), "{delay} ms");

    // A page's own fault comes back as one.
    let fault = browser.evaluate("nowhere.to.be.found").await.unwrap_err();
    assert!(fault.to_string().contains("nowhere"), "{fault}");
    browser.stop().await.unwrap();
}

#[tokio::test]
async fn firefox_sends_its_own_tone_and_hears_it() {
    let browser = hears_itself(Kind::Firefox, BrowserOptions::default(), 1000.0).await;
    browser.stop().await.unwrap();
}

/// Five seconds as a WAV file: 700 ms loud, 300 ms at a tenth of it.
fn marked_tone(hz: f64) -> Vec<u8> {
    let rate = 48_000u32;
    let samples: Vec<i16> = (0..rate * 5)
        .map(|i| {
            let level = if i % rate < rate * 7 / 10 { 0.5 } else { 0.05 };
            let phase = f64::from(i) * hz / f64::from(rate) * std::f64::consts::TAU;
            #[expect(
                clippy::cast_possible_truncation,
                reason = "within ±1 times the largest sample"
            )]
            let sample = (phase.sin() * level * f64::from(i16::MAX)) as i16;
            sample
        })
        .collect();
    let bytes = u32::try_from(samples.len() * 2).unwrap();
    let mut wav = Vec::new();
    wav.extend(b"RIFF");
    wav.extend((36 + bytes).to_le_bytes());
    wav.extend(b"WAVEfmt ");
    wav.extend(16u32.to_le_bytes());
    wav.extend(1u16.to_le_bytes());
    wav.extend(1u16.to_le_bytes());
    wav.extend(rate.to_le_bytes());
    wav.extend((rate * 2).to_le_bytes());
    wav.extend(2u16.to_le_bytes());
    wav.extend(16u16.to_le_bytes());
    wav.extend(b"data");
    wav.extend(bytes.to_le_bytes());
    wav.extend(samples.iter().flat_map(|s| s.to_le_bytes()));
    wav
}
