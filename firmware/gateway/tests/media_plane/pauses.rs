//! Silence that a PBX announces is noise at the browser, in one unbroken stream.

use crate::call::*;
use causeway_gateway::media::WebCodecPolicy;
use causeway_media::plan::Direction;

fn loudness(sound: &[i16]) -> f64 {
    let energy: f64 = sound.iter().map(|s| f64::from(*s) * f64::from(*s)).sum();
    (energy / sound.len().max(1) as f64).sqrt()
}

#[test]
fn the_browser_hears_noise_as_loud_as_the_pbx_says() {
    let _alone = alone();
    let mut call = Call::open(WebCodecPolicy::Opus);
    call.plan(Direction::SendRecv);
    call.connect();
    call.run(400);
    call.pbx_talks = false;
    call.pbx.is_silent(call.box_rtp, 40, 1_000);
    call.run(200);
    let since = call.browser.heard.len();
    call.run(800);
    let packets = call.browser.heard.len() - since;
    assert!((37..=43).contains(&packets), "{packets} packets in 800 ms");
    // −40 dBov are 328.
    let noise = loudness(&call.browser.sound_since(since));
    assert!((150.0..500.0).contains(&noise), "{noise}");
    call.pbx_talks = true;
    call.run(200);
    let (browser_since, pbx_since) = (call.browser.heard.len(), call.pbx.heard.len());
    call.run(400);
    call.assert_tones(browser_since, pbx_since);
    call.assert_unbroken_at_browser();
    call.close();
}
