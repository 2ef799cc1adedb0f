//! The browser's network changes or goes away.

use crate::browser;
use crate::call::*;
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
    call.plane.send(Command::RestartWeb { leg: WEB, offer });
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
