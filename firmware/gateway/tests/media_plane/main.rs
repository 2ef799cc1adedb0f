//! The media plane over loopback: a browser on one side, a PBX on the other, nothing between them
//! but the product. Real time; each scenario takes a few seconds.

mod browser;
mod pbx;
mod sound;

use browser::Browser;
use causeway_gateway::media::{
    Command, Event, LegFigures, LegKey, MediaPlane, MediaSettings, WebCodecPolicy, WebRefusal,
};
use causeway_media::g711::Law;
use causeway_media::plan::{AudioCodec, AudioFormat, Direction, DtmfFormat, TrunkPlan};
use pbx::Pbx;
use sound::share_at;
use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// Each counts descriptors and needs both cores: one at a time.
static ALONE: Mutex<()> = Mutex::new(());

const WEB: LegKey = LegKey(1);
const TRUNK: LegKey = LegKey(2);
const BROWSER_HZ: f64 = 440.0;
const PBX_HZ: f64 = 1004.0;
const TICK: Duration = Duration::from_millis(20);

fn alone() -> MutexGuard<'static, ()> {
    ALONE
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

fn pcmu(dtmf: bool) -> AudioFormat {
    AudioFormat {
        codec: AudioCodec::Pcmu,
        payload_type: 0,
        ptime_ms: 20,
        dtmf: dtmf.then_some(DtmfFormat {
            payload_type: pbx::EVENTS,
            clock_rate: 8_000,
        }),
    }
}

/// A call with both far sides.
struct Call {
    plane: MediaPlane,
    events: Receiver<Event>,
    told: Vec<Event>,
    browser: Browser,
    pbx: Pbx,
    /// Where the PBX sends.
    box_rtp: SocketAddr,
    browser_talks: bool,
    pbx_talks: bool,
    next: Instant,
}

fn start(max_legs: usize) -> (MediaPlane, Receiver<Event>) {
    let (sender, events) = channel();
    let settings = MediaSettings {
        bind: "127.0.0.1:0".parse().unwrap(),
        public: vec!["127.0.0.1".parse().unwrap()],
        max_legs,
    };
    let plane = MediaPlane::start(settings, move |event| {
        let _ = sender.send(event);
    })
    .unwrap();
    (plane, events)
}

impl Call {
    /// Opens and bridges both legs; the trunk has no plan yet.
    fn open(policy: WebCodecPolicy) -> Self {
        let (plane, events) = start(10);
        let (rtp, rtcp) = (
            UdpSocket::bind("127.0.0.1:0").unwrap(),
            UdpSocket::bind("127.0.0.1:0").unwrap(),
        );
        let box_rtp = rtp.local_addr().unwrap();
        let mut call = Self {
            plane,
            events,
            told: Vec::new(),
            browser: Browser::new(BROWSER_HZ),
            pbx: Pbx::new(PBX_HZ),
            box_rtp,
            browser_talks: true,
            pbx_talks: true,
            next: Instant::now(),
        };
        call.plane.send(Command::OpenWeb {
            leg: WEB,
            offer: call.browser.offer(),
            policy,
        });
        call.plane.send(Command::OpenTrunk {
            leg: TRUNK,
            rtp,
            rtcp,
        });
        call.plane.send(Command::Bridge { a: WEB, b: TRUNK });
        let answer = call.answer();
        call.browser.take_answer(&answer);
        call
    }

    fn answer(&mut self) -> String {
        match self.events.recv_timeout(Duration::from_secs(5)) {
            Ok(Event::WebAnswer { leg: WEB, sdp, .. }) => sdp,
            other => panic!("no answer but {other:?}"),
        }
    }

    fn plan(&self, direction: Direction) {
        self.plan_as(pcmu(true), direction);
    }

    fn plan_as(&self, format: AudioFormat, direction: Direction) {
        let plan = TrunkPlan {
            remote: self.pbx.rtp.local_addr().unwrap(),
            remote_rtcp: self.pbx.rtcp.local_addr().unwrap(),
            format,
            direction,
        };
        self.plane.send(Command::PlanTrunk { leg: TRUNK, plan });
    }

    /// Lets both sides live until `enough` or the time is over; says whether it was enough.
    fn run_until(&mut self, limit: Duration, mut enough: impl FnMut(&Self) -> bool) -> bool {
        let end = Instant::now() + limit;
        self.next = self.next.max(Instant::now());
        while Instant::now() < end {
            self.browser.turn();
            self.pbx.turn();
            self.told.extend(self.events.try_iter());
            if Instant::now() >= self.next {
                self.next += TICK;
                if self.browser_talks && self.browser.connected {
                    self.browser.speak();
                }
                if self.pbx_talks {
                    self.pbx.speak(self.box_rtp);
                }
            }
            if enough(self) {
                return true;
            }
        }
        false
    }

    fn run(&mut self, milliseconds: u64) {
        self.run_until(Duration::from_millis(milliseconds), |_| false);
    }

    fn connect(&mut self) {
        assert!(
            self.run_until(Duration::from_secs(10), |call| {
                call.told
                    .iter()
                    .any(|event| matches!(event, Event::WebConnected { leg: WEB }))
                    && call.browser.connected
            }),
            "not connected; told {:?}",
            self.told
        );
    }

    fn digits(&self, from: LegKey) -> String {
        let pressed = self.told.iter().filter_map(|event| match event {
            Event::Digit { leg, digit, .. } if *leg == from => Some(*digit),
            _ => None,
        });
        pressed.collect()
    }

    fn figures(&mut self, leg: LegKey) -> LegFigures {
        self.plane.send(Command::Report { leg });
        loop {
            match self.events.recv_timeout(Duration::from_secs(2)).unwrap() {
                Event::Figures { figures, .. } => return figures,
                other => self.told.push(other),
            }
        }
    }

    #[track_caller]
    fn assert_tones(&self, browser_since: usize, pbx_since: usize) {
        let at_pbx = self.pbx.sound_since(pbx_since);
        let at_browser = self.browser.sound_since(browser_since);
        let (to_pbx, to_browser) = (share_at(&at_pbx, BROWSER_HZ), share_at(&at_browser, PBX_HZ));
        // An Opus decoder that missed a hold finds back into a steady tone over some frames.
        assert!(to_pbx > 0.75, "{to_pbx} of {} at the PBX", at_pbx.len());
        assert!(
            to_browser > 0.75,
            "{to_browser} of {} at the browser",
            at_browser.len()
        );
    }

    /// One SSRC, and no number left out, in all that the browser ever heard.
    #[track_caller]
    fn assert_unbroken_at_browser(&self) {
        let headers = self.browser.heard.iter().map(|heard| &heard.header);
        let mut pairs = headers.clone().zip(headers.skip(1));
        if let Some((a, b)) = pairs.find(|(a, b)| {
            a.ssrc != b.ssrc || b.sequence_number != a.sequence_number.wrapping_add(1)
        }) {
            panic!("{a:?} is followed by {b:?}");
        }
    }

    #[track_caller]
    fn assert_unbroken_at_pbx(&self) {
        let headers = self.pbx.heard.iter().map(|(_, header, _)| header);
        let mut pairs = headers.clone().zip(headers.skip(1));
        if let Some((a, b)) =
            pairs.find(|(a, b)| a.ssrc != b.ssrc || b.sequence != a.sequence.wrapping_add(1))
        {
            panic!("{a:?} is followed by {b:?}");
        }
    }

    fn close(self) -> Vec<Event> {
        self.plane.send(Command::Close { leg: WEB });
        self.plane.send(Command::Close { leg: TRUNK });
        let mut told = self.told;
        let mut closed = 0;
        while closed < 2 {
            let event = self.events.recv_timeout(Duration::from_secs(2)).unwrap();
            closed += usize::from(matches!(event, Event::Closed { .. }));
            told.push(event);
        }
        assert_eq!(self.plane.counters().legs, 0);
        assert_eq!(self.plane.counters().path_errors, 0);
        assert_eq!(self.plane.counters().leg_faults, 0);
        self.plane.stop();
        told
    }
}

#[test]
fn both_hear_each_other_through_five_holds() {
    let _alone = alone();
    let before = descriptors();
    let mut call = Call::open(WebCodecPolicy::Opus);
    call.plan(Direction::SendRecv);
    call.connect();
    call.run(300);
    let (browser_since, pbx_since) = (call.browser.heard.len(), call.pbx.heard.len());
    call.run(1000);
    call.assert_tones(browser_since, pbx_since);

    for round in 0..5 {
        // The PBX holds (a=inactive); its music would come under another SSRC.
        call.plan(Direction::Inactive);
        call.pbx_talks = false;
        call.run(200);
        let held_since = call.pbx.heard.len();
        call.run(200);
        assert_eq!(call.pbx.heard.len(), held_since, "sent while held");
        call.pbx.ssrc = call.pbx.ssrc.wrapping_add(77);
        call.pbx.sequence = call.pbx.sequence.wrapping_mul(3);
        call.pbx.timestamp = call.pbx.timestamp.wrapping_mul(5);
        call.plan(Direction::SendRecv);
        call.pbx_talks = true;
        let resumed = Instant::now();
        let (browser_since, pbx_since) = (call.browser.heard.len(), call.pbx.heard.len());
        assert!(
            call.run_until(Duration::from_millis(200), |call| {
                call.browser.heard.len() > browser_since && call.pbx.heard.len() > pbx_since
            }),
            "round {round}: silent {:?} after the resume",
            resumed.elapsed()
        );
        // A decoder that was left out of the hold takes a moment to settle.
        call.run(150);
        let (browser_since, pbx_since) = (call.browser.heard.len(), call.pbx.heard.len());
        call.run(300);
        call.assert_tones(browser_since, pbx_since);
    }
    call.assert_unbroken_at_browser();
    call.assert_unbroken_at_pbx();

    let web = call.figures(WEB);
    assert_eq!(web.codec, Some(AudioCodec::Opus));
    assert!(
        web.packets_received > 100 && web.packets_sent > 100,
        "{web:?}"
    );
    let trunk = call.figures(TRUNK);
    assert_eq!(trunk.codec, Some(AudioCodec::Pcmu));
    assert!(trunk.packets_received > 100 && trunk.packets_sent > 100);
    assert_eq!(web.packets_dropped + trunk.packets_dropped, 0);
    let heard = |event: &&Event| matches!(event, Event::TrunkHeard { .. });
    let told = call.close();
    assert_eq!(told.iter().filter(heard).count(), 1);
    assert_eq!(descriptors(), before);
}

#[test]
fn early_media_is_heard_before_anything_is_answered_and_the_codec_may_change() {
    let _alone = alone();
    let mut call = Call::open(WebCodecPolicy::Opus);
    call.browser_talks = false;
    call.plan(Direction::SendRecv);
    call.connect();
    call.run(200);
    let since = call.browser.heard.len();
    call.run(400);
    let early = call.browser.sound_since(since);
    assert!(share_at(&early, PBX_HZ) > 0.9, "{}", early.len());

    // The 200 OK agrees on PCMA: what the PBX hears is PCMA, under the same SSRC.
    call.browser_talks = true;
    call.run(100);
    let mut pcma = pcmu(true);
    pcma.codec = AudioCodec::Pcma;
    pcma.payload_type = 8;
    call.plan_as(pcma, Direction::SendRecv);
    call.run(300);
    assert_eq!(call.pbx.heard.last().unwrap().1.payload_type, 8);
    call.assert_unbroken_at_pbx();
    call.assert_unbroken_at_browser();
    call.close();
}

#[test]
fn the_browser_holds_and_the_pbx_gets_silence() {
    let _alone = alone();
    let mut call = Call::open(WebCodecPolicy::Opus);
    call.plan(Direction::SendRecv);
    call.connect();
    call.run(300);
    // The switch holds for the browser: nothing to it, nothing of it.
    call.plane.send(Command::DirectWeb {
        leg: WEB,
        direction: Direction::Inactive,
    });
    call.run(200);
    let (browser_since, pbx_since) = (call.browser.heard.len(), call.pbx.heard.len());
    call.run(400);
    assert_eq!(call.browser.heard.len(), browser_since);
    let silence = call.pbx.sound_since(pbx_since);
    assert!(silence.len() > 2000, "RTP goes on: {}", silence.len());
    assert!(silence.iter().all(|sample| sample.abs() < 16));
    call.plane.send(Command::DirectWeb {
        leg: WEB,
        direction: Direction::SendRecv,
    });
    call.run(200);
    let (browser_since, pbx_since) = (call.browser.heard.len(), call.pbx.heard.len());
    call.run(400);
    call.assert_tones(browser_since, pbx_since);
    call.assert_unbroken_at_browser();
    call.assert_unbroken_at_pbx();
    call.close();
}

#[test]
fn digits_pass_both_ways_and_are_told() {
    let _alone = alone();
    let mut call = Call::open(WebCodecPolicy::Opus);
    call.plan(Direction::SendRecv);
    call.connect();
    call.run(200);

    // The browser presses 5 for 100 ms.
    call.browser_talks = false;
    for nth in 0..5 {
        call.browser.press(5, nth, 5);
        call.run(20);
    }
    call.browser_talks = true;
    call.run(200);
    assert_eq!(call.digits(WEB), "5");
    assert_eq!(call.pbx.digits(), [5]);

    // The PBX presses #.
    call.pbx_talks = false;
    for nth in 0..5 {
        call.pbx.press(call.box_rtp, 11, nth, 5);
        call.run(20);
    }
    call.pbx_talks = true;
    call.run(200);
    assert_eq!(call.digits(TRUNK), "#");
    let relayed = |call: &Call| {
        let events = call.browser.heard.iter();
        events
            .filter(|heard| heard.header.payload_type == browser::EVENTS)
            .map(|heard| heard.payload[0])
            .next_back()
    };
    assert_eq!(relayed(&call), Some(11));

    // The switch plays digits to the PBX.
    call.plane.send(Command::SendDigits {
        leg: TRUNK,
        digits: "19*".to_owned(),
        duration_ms: 80,
        gap_ms: 50,
    });
    assert!(call.run_until(Duration::from_secs(3), |call| {
        let sent = |event: &Event| matches!(event, Event::DigitsSent { leg: TRUNK });
        call.told.iter().any(sent)
    }));
    call.run(100);
    assert_eq!(call.pbx.digits(), [5, 1, 9, 10]);
    call.assert_unbroken_at_pbx();
    call.assert_unbroken_at_browser();
    call.close();
}

#[test]
fn strangers_and_junk_change_nothing() {
    let _alone = alone();
    let mut call = Call::open(WebCodecPolicy::Opus);
    // Before the plan, the PBX has no right to be heard.
    call.pbx_talks = false;
    call.pbx.speak(call.box_rtp);
    call.run(50);
    call.plan(Direction::SendRecv);
    call.pbx_talks = true;
    call.connect();
    call.run(200);
    let before = call.figures(WEB);

    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    let web = call.plane.local_addr();
    let mut seed = 1_u32;
    for round in 0..2000_usize {
        let mut junk = vec![0; round % 200];
        for octet in &mut junk {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *octet = (seed >> 24) as u8;
        }
        // Half of it looks like RTP or DTLS.
        if let Some(first) = junk.first_mut() {
            *first = match round % 4 {
                0 => 0x80,
                1 => 22,
                _ => *first,
            };
        }
        let _ = stranger.send_to(&junk, web);
        // The same from the browser's own address, which is trusted to carry SRTP and DTLS.
        let _ = call.browser.socket.send_to(&junk, web);
        // And from another host than the PBX.
        if let Ok(other) = UdpSocket::bind("127.0.0.2:0")
            && round % 50 == 0
        {
            let _ = other.send_to(&[0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 1], call.box_rtp);
        }
        if round % 20 == 0 {
            call.run(5);
        }
    }
    let _ = call.pbx.rtp.send_to(b"not RTP at all", call.box_rtp);
    call.run(200);
    let (browser_since, pbx_since) = (call.browser.heard.len(), call.pbx.heard.len());
    call.run(600);
    call.assert_tones(browser_since, pbx_since);
    call.assert_unbroken_at_browser();
    call.assert_unbroken_at_pbx();

    let counters = call.plane.counters();
    assert!(counters.dropped_foreign >= 500, "{counters:?}");
    assert!(counters.dropped_malformed >= 100, "{counters:?}");
    assert_eq!(counters.dropped_source, 40, "{counters:?}");
    assert_eq!(counters.dropped_unplanned, 1, "{counters:?}");
    assert_eq!(counters.dropped_not_rtp, 1, "{counters:?}");
    let after = call.figures(WEB);
    assert!(after.packets_dropped > before.packets_dropped);
    call.close();
}

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

#[test]
fn pcmu_passes_untouched_when_the_browser_agrees() {
    let _alone = alone();
    let mut call = Call::open(WebCodecPolicy::G711);
    call.plan(Direction::SendRecv);
    call.browser_talks = false;
    call.connect();
    call.run(300);
    let last = call.browser.heard.last().expect("the PBX is heard");
    assert_eq!(last.header.payload_type, 0);
    assert_eq!(last.payload.len(), 160);
    call.assert_unbroken_at_browser();
    assert_eq!(call.figures(WEB).codec, Some(AudioCodec::Pcmu));
    call.close();
}

#[test]
fn two_trunks_hear_each_other_and_a_third_takes_over() {
    let _alone = alone();
    let (plane, events) = start(10);
    let formats = [AudioCodec::Pcmu, AudioCodec::Pcmu, AudioCodec::Pcma];
    let mut sides: Vec<(LegKey, Pbx, SocketAddr)> = Vec::new();
    for (nth, codec) in formats.into_iter().enumerate() {
        let leg = LegKey(nth as u64);
        let pbx = Pbx::new(500.0 + 300.0 * nth as f64);
        let bind = || UdpSocket::bind("127.0.0.1:0").unwrap();
        let (rtp, rtcp) = (bind(), bind());
        let at = rtp.local_addr().unwrap();
        plane.send(Command::OpenTrunk { leg, rtp, rtcp });
        let mut format = pcmu(false);
        format.codec = codec;
        format.payload_type = if codec == AudioCodec::Pcma { 8 } else { 0 };
        let plan = TrunkPlan {
            remote: pbx.rtp.local_addr().unwrap(),
            remote_rtcp: pbx.rtcp.local_addr().unwrap(),
            format,
            direction: Direction::SendRecv,
        };
        plane.send(Command::PlanTrunk { leg, plan });
        sides.push((leg, pbx, at));
    }
    let mut talk = |rounds: usize| {
        for _ in 0..rounds {
            for (_, pbx, at) in &mut sides[..2] {
                pbx.speak(*at);
            }
            std::thread::sleep(TICK);
            sides.iter_mut().for_each(|(_, pbx, _)| pbx.turn());
        }
        sides
            .iter_mut()
            .map(|(_, pbx, _)| std::mem::take(&mut pbx.heard))
            .collect::<Vec<_>>()
    };
    let (first, second, third) = (LegKey(0), LegKey(1), LegKey(2));
    plane.send(Command::Bridge {
        a: first,
        b: second,
    });
    let heard = talk(25);
    let decode = |heard: &[(Instant, causeway_media::rtp::Header, Vec<u8>)], law: Law| {
        let octets = heard.iter().flat_map(|(_, _, payload)| payload);
        octets.map(|octet| law.decode(*octet)).collect::<Vec<_>>()
    };
    assert!(share_at(&decode(&heard[0], Law::Mu), 800.0) > 0.9);
    assert!(share_at(&decode(&heard[1], Law::Mu), 500.0) > 0.9);
    assert_eq!(heard[2].len(), 0);
    let ssrc = heard[0][0].1.ssrc;

    // A transfer: the third takes the second's place.
    plane.send(Command::Bridge { a: first, b: third });
    talk(5);
    let heard = talk(25);
    assert!(share_at(&decode(&heard[2], Law::A), 500.0) > 0.9);
    assert_eq!(heard[1].len(), 0, "the second is out");
    assert!(heard[0].iter().all(|(_, header, _)| header.ssrc == ssrc));
    for leg in [first, second, third] {
        plane.send(Command::Close { leg });
    }
    let closed = |event: &Event| matches!(event, Event::Closed { .. });
    plane.stop();
    assert_eq!(events.try_iter().filter(closed).count(), 3);
}

#[test]
fn offers_that_cannot_be_taken_are_refused_and_leave_nothing() {
    let _alone = alone();
    let (plane, events) = start(1);
    let refusal = |offer: &str| {
        plane.send(Command::OpenWeb {
            leg: WEB,
            offer: offer.to_owned(),
            policy: WebCodecPolicy::Preferred,
        });
        match events.recv_timeout(Duration::from_secs(5)).unwrap() {
            Event::WebRefused { leg: WEB, reason } => reason,
            other => panic!("{other:?}"),
        }
    };
    assert!(matches!(refusal(""), WebRefusal::BadSdp(_)));
    assert!(matches!(refusal("v=0\r\n"), WebRefusal::BadSdp(_)));
    let offer = Browser::new(BROWSER_HZ).offer();
    let only_g722: String = offer
        .replace("opus/48000", "G722/8000")
        .replace("PCMU/8000", "GSM/8000");
    assert_eq!(refusal(&only_g722), WebRefusal::NoCodec);
    for cut in (0..offer.len()).step_by(97) {
        // Whatever the answer, the thread lives.
        plane.send(Command::OpenWeb {
            leg: LegKey(100 + cut as u64),
            offer: offer[..cut].to_owned(),
            policy: WebCodecPolicy::Preferred,
        });
        let key = LegKey(100 + cut as u64);
        if let Event::WebAnswer { .. } = events.recv_timeout(Duration::from_secs(5)).unwrap() {
            plane.send(Command::Close { leg: key });
            events.recv_timeout(Duration::from_secs(5)).unwrap();
        }
    }
    plane.send(Command::OpenWeb {
        leg: LegKey(7),
        offer: offer.clone(),
        policy: WebCodecPolicy::Preferred,
    });
    assert!(matches!(
        events.recv_timeout(Duration::from_secs(5)).unwrap(),
        Event::WebAnswer { .. }
    ));
    assert_eq!(refusal(&offer), WebRefusal::Full);

    // Legs that are not there are nobody's error.
    plane.send(Command::Bridge {
        a: LegKey(50),
        b: LegKey(51),
    });
    plane.send(Command::Close { leg: LegKey(50) });
    plane.send(Command::Report { leg: LegKey(7) });
    assert!(matches!(
        events.recv_timeout(Duration::from_secs(5)).unwrap(),
        Event::Figures { .. }
    ));
    assert_eq!(plane.counters().unknown_legs, 2);
    assert!(plane.health().running && plane.health().ticks > 0);
    plane.stop();
    assert!(!plane.health().running);
    assert!(matches!(
        events.try_recv(),
        Ok(Event::Closed { leg: LegKey(7), .. })
    ));
}

/// Every real and broken description we have, as an offer: each is answered section by section or
/// refused, and the WebRTC stack never loses its footing.
#[test]
fn any_description_is_answered_or_refused() {
    let _alone = alone();
    let Some(corpora) = std::env::var_os("CAUSEWAY_CORPORA") else {
        eprintln!("SKIPPED loudly: CAUSEWAY_CORPORA is not set, no descriptions to offer");
        return;
    };
    let folder = std::path::Path::new(&corpora).join("sdp");
    let Ok(files) = std::fs::read_dir(&folder) else {
        eprintln!("SKIPPED loudly: CAUSEWAY_CORPORA has no sdp folder");
        return;
    };
    let (plane, events) = start(1);
    let (mut answered, mut refused) = (0, 0);
    for file in files {
        let path = file.unwrap().path();
        let Ok(octets) = std::fs::read(&path) else {
            continue;
        };
        let offer = String::from_utf8_lossy(&octets).into_owned();
        plane.send(Command::OpenWeb {
            leg: WEB,
            offer: offer.clone(),
            policy: WebCodecPolicy::Preferred,
        });
        match events.recv_timeout(Duration::from_secs(5)).unwrap() {
            Event::WebAnswer { sdp, format, .. } => {
                answered += 1;
                let sections = |sdp: &str| sdp.lines().filter(|l| l.starts_with("m=")).count();
                assert_eq!(sections(&sdp), sections(&offer), "{path:?}");
                assert_eq!(sdp.matches("a=ice-lite").count(), 1, "{path:?}\n{sdp}");
                assert!(sdp.contains("a=candidate:"), "{path:?}\n{sdp}");
                assert!(sdp.contains("a=end-of-candidates"), "{path:?}\n{sdp}");
                assert!(sdp.contains("a=fingerprint:sha-256"), "{path:?}\n{sdp}");
                assert!(sdp.contains("a=rtcp-mux"), "{path:?}\n{sdp}");
                let map = format!("a=rtpmap:{} {}/", format.payload_type, format.codec.name());
                assert!(sdp.contains(&map), "{path:?}\n{sdp}");
                plane.send(Command::Close { leg: WEB });
                let closed = events.recv_timeout(Duration::from_secs(5)).unwrap();
                assert!(matches!(closed, Event::Closed { .. }));
            }
            Event::WebRefused { reason, .. } => {
                refused += 1;
                assert!(
                    !matches!(reason, WebRefusal::Internal(_)),
                    "{path:?}: {reason}"
                );
            }
            other => panic!("{path:?}: {other:?}"),
        }
    }
    eprintln!("{answered} answered, {refused} refused");
    assert!(answered > 0 && refused > 0);
    assert_eq!(plane.counters().leg_faults, 0);
    assert_eq!(plane.counters().legs, 0);
}
