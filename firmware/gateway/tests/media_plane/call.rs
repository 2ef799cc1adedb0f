//! A media plane with a browser on one side and a PBX on the other.

use crate::browser::Browser;
use crate::pbx::{self, Pbx};
use crate::sound::mean_share_at;
use causeway_gateway::media::{
    Command, Event, LegFigures, LegKey, Listening, MediaPlane, MediaSettings, WebCodecPolicy,
};
use causeway_media::plan::{AudioCodec, AudioFormat, Direction, DtmfFormat, TrunkPlan};
use causeway_media::srtp::SrtpPlan;
use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// Each counts descriptors and needs both cores: one at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// What browsers send comes in at either thread; all legs are on the second.
const THREADS: usize = 2;
pub const WEB: LegKey = leg(1);
pub const TRUNK: LegKey = leg(2);

pub const fn leg(number: u64) -> LegKey {
    LegKey::on(THREADS - 1, number)
}
pub const BROWSER_HZ: f64 = 440.0;
pub const PBX_HZ: f64 = 1004.0;
pub const TICK: Duration = Duration::from_millis(20);

pub fn alone() -> MutexGuard<'static, ()> {
    ALONE
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

pub fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

pub fn pcmu(dtmf: bool) -> AudioFormat {
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
pub struct Call {
    pub plane: MediaPlane,
    pub events: Receiver<Event>,
    pub told: Vec<Event>,
    pub browser: Browser,
    pub pbx: Pbx,
    /// Where the PBX sends.
    pub box_rtp: SocketAddr,
    pub browser_talks: bool,
    pub pbx_talks: bool,
    /// Of the browser's packets so many in a hundred are lost.
    pub browser_loses: usize,
    said: usize,
    was_connected: bool,
    /// The PBX wants VoIP metrics.
    pub comfort_noise: bool,
    pub voip_metrics: bool,
    pub next: Instant,
    /// Keys of the next plan.
    pub srtp: Option<SrtpPlan>,
}

pub fn start(max_legs: usize) -> (MediaPlane, Receiver<Event>) {
    let (sender, events) = channel();
    let settings = MediaSettings {
        bind: "127.0.0.1:0".parse().unwrap(),
        public: vec!["127.0.0.1".parse().unwrap()],
        tcp: Vec::new(),
        max_legs,
        threads: THREADS,
    };
    let plane = MediaPlane::start(settings, move |event| {
        let _ = sender.send(event);
    })
    .unwrap();
    (plane, events)
}

impl Call {
    /// Opens and bridges both legs; the trunk has no plan yet.
    pub fn open(policy: WebCodecPolicy) -> Self {
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
            browser_loses: 0,
            said: 0,
            was_connected: false,
            comfort_noise: false,
            voip_metrics: false,
            next: Instant::now(),
            srtp: None,
        };
        call.plane.send(Command::OpenWeb {
            leg: WEB,
            offer: call.browser.offer(),
            policy,
            dtx: false,
            video: false,
        });
        call.plane.send(Command::OpenTrunk {
            leg: TRUNK,
            rtp,
            rtcp,
            listening: Listening::default(),
        });
        call.plane.send(Command::Bridge { a: WEB, b: TRUNK });
        let answer = call.answer();
        call.browser.take_answer(&answer);
        call
    }

    pub fn answer(&mut self) -> String {
        match self.events.recv_timeout(Duration::from_secs(5)) {
            Ok(Event::WebAnswer { leg: WEB, sdp, .. }) => sdp,
            other => panic!("no answer but {other:?}"),
        }
    }

    pub fn plan(&self, direction: Direction) {
        self.plan_as(pcmu(true), direction);
    }

    pub fn plan_as(&self, format: AudioFormat, direction: Direction) {
        let plan = TrunkPlan {
            remote: self.pbx.rtp.local_addr().unwrap(),
            remote_rtcp: self.pbx.rtcp.local_addr().unwrap(),
            format,
            direction,
            srtp: self.srtp,
            comfort_noise: self.comfort_noise,
            voip_metrics: self.voip_metrics,
            video: None,
        };
        self.plane.send(Command::PlanTrunk {
            leg: TRUNK,
            plan: Box::new(plan),
        });
    }

    /// Lets both sides live until `enough` or the time is over; says whether it was enough.
    pub fn run_until(&mut self, limit: Duration, mut enough: impl FnMut(&Self) -> bool) -> bool {
        let end = Instant::now() + limit;
        self.next = self.next.max(Instant::now());
        while Instant::now() < end {
            self.browser.turn();
            self.pbx.turn();
            self.told.extend(self.events.try_iter());
            if Instant::now() >= self.next {
                self.next += TICK;
                self.was_connected |= self.browser.connected;
                if self.browser_talks && self.was_connected {
                    self.said += 1;
                    // Evenly spread: the same each time. And a microphone does not wait for a network.
                    let is_lost = self.said * self.browser_loses % 100 < self.browser_loses;
                    if is_lost || !self.browser.connected {
                        self.browser.speak_in_vain();
                    } else {
                        self.browser.speak();
                    }
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

    pub fn run(&mut self, milliseconds: u64) {
        self.run_until(Duration::from_millis(milliseconds), |_| false);
    }

    pub fn connect(&mut self) {
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

    pub fn digits(&self, from: LegKey) -> String {
        let pressed = self.told.iter().filter_map(|event| match event {
            Event::Digit { leg, digit, .. } if *leg == from => Some(*digit),
            _ => None,
        });
        pressed.collect()
    }

    pub fn figures(&mut self, leg: LegKey) -> LegFigures {
        self.plane.send(Command::Report { leg });
        loop {
            match self.events.recv_timeout(Duration::from_secs(2)).unwrap() {
                Event::Figures { figures, .. } => return figures,
                other => self.told.push(other),
            }
        }
    }

    #[track_caller]
    pub fn assert_tones(&self, browser_since: usize, pbx_since: usize) {
        let at_pbx = self.pbx.sound_since(pbx_since);
        let at_browser = self.browser.sound_since(browser_since);
        let (to_pbx, to_browser) = (
            mean_share_at(&at_pbx, BROWSER_HZ),
            mean_share_at(&at_browser, PBX_HZ),
        );
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
    pub fn assert_unbroken_at_browser(&self) {
        let headers = self.browser.heard.iter().map(|heard| &heard.header);
        let mut pairs = headers.clone().zip(headers.skip(1));
        if let Some((a, b)) = pairs.find(|(a, b)| {
            a.ssrc != b.ssrc || b.sequence_number != a.sequence_number.wrapping_add(1)
        }) {
            panic!("{a:?} is followed by {b:?}");
        }
    }

    #[track_caller]
    pub fn assert_unbroken_at_pbx(&self) {
        let headers = self.pbx.heard.iter().map(|(_, header, _)| header);
        let mut pairs = headers.clone().zip(headers.skip(1));
        if let Some((a, b)) =
            pairs.find(|(a, b)| a.ssrc != b.ssrc || b.sequence != a.sequence.wrapping_add(1))
        {
            panic!("{a:?} is followed by {b:?}");
        }
    }

    pub fn close(self) -> Vec<Event> {
        assert_eq!(self.plane.counters().web_long_ways, 0);
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
