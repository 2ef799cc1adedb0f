//! The browser's network changes or goes away.

use crate::browser::{self, Browser};
use crate::call::*;
use crate::sound::mean_share_at;
use causeway_gateway::media::{Command, Event, WebCodecPolicy, WebRefusal};
use causeway_media::plan::Direction;
use std::time::Duration;

#[test]
fn the_browser_moves_to_another_network_and_is_heard_again() {
    let _alone = alone();
    let mut call = Call::open(WebCodecPolicy::Opus);
    call.plan(Direction::SendRecv);
    call.connect();
    call.run(300);

    let offer = call.browser.restart_offer();
    call.plane.send(Command::RestartWeb {
        leg: WEB,
        offer,
        video: false,
    });
    let answer = loop {
        match call.events.recv_timeout(Duration::from_secs(5)).unwrap() {
            Event::WebAnswer { sdp, .. } => break sdp,
            other => call.told.push(other),
        }
    };
    call.browser.take_answer(&answer);
    let since = call.browser.heard.len();
    assert!(
        call.run_until(Duration::from_secs(5), |call| call.browser.heard.len()
            > since + 5)
    );
    call.run(300);
    let (browser_since, pbx_since) = (call.browser.heard.len(), call.pbx.heard.len());
    call.run(600);
    call.assert_tones(browser_since, pbx_since);
    let ssrc = call.browser.heard[0].header.ssrc;
    let all = |heard: &browser::Heard| heard.header.ssrc == ssrc;
    assert!(call.browser.heard.iter().all(all));

    // Nonsense is refused, and the call goes on.
    call.plane.send(Command::RestartWeb {
        leg: WEB,
        offer: "v=0\r\nm=nothing".to_owned(),
        video: false,
    });
    call.run(300);
    assert!(call.told.iter().any(|event| matches!(
        event,
        Event::WebRefused {
            reason: WebRefusal::BadSdp(_),
            ..
        }
    )));
    let (browser_since, pbx_since) = (call.browser.heard.len(), call.pbx.heard.len());
    call.run(400);
    call.assert_tones(browser_since, pbx_since);
    call.close();
}

#[test]
fn a_page_that_was_loaded_anew_goes_on_with_its_call() {
    let _alone = alone();
    let mut call = Call::open(WebCodecPolicy::Opus);
    call.plan(Direction::SendRecv);
    call.connect();
    call.run(500);

    // Another browser as far as anybody can tell: keys, address, source.
    let old = std::mem::replace(&mut call.browser, Browser::new(BROWSER_HZ));
    let offer = call.browser.offer();
    let (policy, video) = (WebCodecPolicy::Opus, false);
    call.plane.send(Command::RejoinWeb {
        leg: WEB,
        offer,
        policy,
        dtx: false,
        video,
    });
    let answer = loop {
        match call.events.recv_timeout(Duration::from_secs(5)).unwrap() {
            Event::WebAnswer { sdp, .. } => break sdp,
            other => call.told.push(other),
        }
    };
    call.browser.take_answer(&answer);
    call.told.clear();
    call.connect();
    call.run(400);
    let pbx_since = call.pbx.heard.len();
    call.run(600);
    let to_pbx = mean_share_at(&call.pbx.sound_since(pbx_since), BROWSER_HZ);
    assert!(to_pbx > 0.75, "{to_pbx} at the PBX");
    // One stream for the PBX, a new one for the browser.
    call.assert_unbroken_at_pbx();
    call.assert_unbroken_at_browser();
    let ssrc = |browser: &Browser| browser.heard.first().map(|heard| heard.header.ssrc);
    assert!(ssrc(&call.browser).is_some());
    assert_ne!(ssrc(&call.browser), ssrc(&old));

    // An offer that cannot be taken leaves all as it is, and so does one for a trunk.
    for leg in [WEB, TRUNK] {
        call.plane.send(Command::RejoinWeb {
            leg,
            offer: "v=0\r\nm=nothing".to_owned(),
            policy,
            dtx: false,
            video,
        });
    }
    let pbx_since = call.pbx.heard.len();
    call.run(500);
    let refused = |event: &&Event| matches!(event, Event::WebRefused { .. });
    assert_eq!(call.told.iter().filter(refused).count(), 2);
    let to_pbx = mean_share_at(&call.pbx.sound_since(pbx_since), BROWSER_HZ);
    assert!(to_pbx > 0.75, "{to_pbx} at the PBX");
    let failed = |event: &Event| matches!(event, Event::WebFailed { .. });
    assert!(!call.told.iter().any(failed), "{:?}", call.told);
    call.close();
}

#[test]
fn a_browser_without_a_network_is_lost_and_comes_back() {
    let _alone = alone();
    let mut call = Call::open(WebCodecPolicy::Opus);
    call.plan(Direction::SendRecv);
    call.connect();
    call.run(200);
    call.browser.unplugged = true;
    let is_lost = |event: &Event| matches!(event, Event::WebLost { leg: WEB });
    let is_back = |event: &Event| matches!(event, Event::WebBack { leg: WEB });
    assert!(
        call.run_until(Duration::from_secs(10), |call| call
            .told
            .iter()
            .any(is_lost)),
        "never told"
    );
    call.browser.unplugged = false;
    assert!(
        call.run_until(Duration::from_secs(3), |call| call.told.iter().any(is_back)),
        "never back"
    );
    // RTCP went both ways in the meantime.
    assert!(!call.pbx.reports.is_empty());
    assert!(causeway_media::rtcp::read(&call.pbx.reports[0]).is_ok());
    call.close();
}
