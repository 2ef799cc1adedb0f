//! Two of our endpoints that place, answer, hold and end calls whenever they like.
//!
//! A seed has three parts: a stormy one in which both sides act; a calm one in which nobody does and the link
//! is fair, so that whatever is under way must settle; and the end, when both hang up and time runs out. After
//! the calm the two must agree on which calls there are when nothing was ever lost.

use std::time::{Duration, Instant};

use causeway_sip::{
    AnswerOffer, CallId, Endpoint, EndpointConfig, Event, Identity, Info, Invite, ReferId,
    Reliable, SessionTimer, SessionTimerMode, Transport,
};

use crate::Outcome;
use crate::dice::Dice;
use crate::ladder::Ladder;
use crate::link::{End, Link, Weather};
use crate::model::{Model, name};

/// Timers and arrivals of one seed: far more than any has, far fewer than an endless loop makes.
const MAX_STEPS: u32 = 400_000;
/// All of SIP's waits are over after this: timers B, F, H, L, the accept's and a session timer's end.
const ALL_OVER: Duration = Duration::from_secs(2_400);

const DIGIT: Info = Info::Digit {
    digit: '5',
    duration_ms: 100,
};

struct World<'l> {
    dice: Dice,
    start: Instant,
    now: Instant,
    ends: [Endpoint; 2],
    link: Link,
    model: Model,
    ladder: Option<&'l mut Ladder>,
    /// The switch at each end answers what must be answered.
    polite: bool,
    steps: u32,
    messages: u64,
    placed: u32,
    /// Transfers the other side has asked for.
    refers: Vec<(End, CallId, ReferId)>,
}

/// Runs one seed.
pub fn run(seed: u64, ladder: Option<&mut Ladder>) -> Outcome {
    let mut world = World::new(seed, ladder);
    let lossless = world.link.weather.loss_percent == 0;
    for _ in 0..40 {
        world.act();
        let pause = Duration::from_millis(world.dice.below(900));
        world.pass(pause);
    }
    // The calm.
    world.link.weather = Weather::FAIR;
    world.polite = true;
    world.answer_all();
    let calm = world.dice.pick(&[40, 40, 40, 700]);
    world.pass(Duration::from_secs(calm));
    if lossless {
        world.agree();
    }
    // Everyone has had enough.
    world.hang_up();
    world.pass(Duration::from_secs(60));
    world.hang_up();
    world.pass(ALL_OVER);
    world.nothing_left();
    world.outcome()
}

pub(crate) fn address(end: End) -> std::net::SocketAddr {
    match end {
        End::A => std::net::SocketAddr::from(([10, 0, 0, 1], 5060)),
        End::B => std::net::SocketAddr::from(([10, 0, 0, 2], 5060)),
    }
}

pub(crate) fn session_timer(dice: &mut Dice) -> SessionTimer {
    SessionTimer {
        mode: dice.pick(&[
            SessionTimerMode::Off,
            SessionTimerMode::Supported,
            SessionTimerMode::Supported,
        ]),
        interval_s: dice.pick(&[90, 120, 1_800]),
        min_s: dice.pick(&[90, 100]),
        refresher: None,
    }
}

pub(crate) fn endpoint(seed: u64, end: End, dice: &mut Dice, now: Instant) -> Endpoint {
    let mut key = [end as u8; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    let mut config = EndpointConfig::new(key, address(end), address(end));
    config.session_timer = session_timer(dice);
    Endpoint::new(config, now)
}

impl<'l> World<'l> {
    fn new(seed: u64, ladder: Option<&'l mut Ladder>) -> Self {
        let mut dice = Dice::new(seed);
        let now = Instant::now();
        let transport = dice.pick(&[
            Transport::Udp,
            Transport::Udp,
            Transport::Udp,
            Transport::Tcp,
        ]);
        let weather = Weather {
            loss_percent: dice.pick(&[0, 0, 5, 20, 40, 70]),
            double_percent: dice.pick(&[0, 10, 30]),
            delay_ms: dice.pick(&[5, 50, 300, 1_200]),
        };
        let ends = [End::A, End::B].map(|end| endpoint(seed, end, &mut dice, now));
        let mut model = Model::default();
        model.fair = weather.loss_percent == 0;
        Self {
            polite: dice.percent(80),
            dice,
            start: now,
            now,
            ends,
            link: Link::new(transport, weather),
            model,
            ladder,
            steps: 0,
            messages: 0,
            placed: 0,
            refers: Vec::new(),
        }
    }

    fn at(&self) -> Duration {
        self.now - self.start
    }

    /// One side does one thing.
    fn act(&mut self) {
        let side = self.dice.pick(&[End::A, End::B]);
        if self.placed < 4 && self.dice.percent(30) {
            self.place(side);
        }
        if self.link.transport == Transport::Tcp && self.dice.percent(3) {
            self.break_off();
        }
        let open = self.model.open(side);
        if open.is_empty() {
            return;
        }
        let call = self.dice.pick(&open);
        let choice = self.dice.below(22);
        self.command(side, call, choice);
    }

    fn command(&mut self, side: End, call: CallId, choice: u64) {
        let Some(seen) = self.model.seen.get(&(side, call)).cloned() else {
            return;
        };
        let now = self.now;
        let endpoint = &mut self.ends[side as usize];
        let ringing = seen.incoming && !seen.answered;
        let what = match choice {
            0 if !seen.incoming && !seen.answered => {
                endpoint.cancel(call, None, now);
                "cancel"
            }
            1 => {
                endpoint.bye(call, None, now);
                "bye"
            }
            2 if ringing => {
                endpoint.reject(call, 486, None, now);
                "reject"
            }
            3..6 if ringing => {
                let status = self.dice.pick(&[180, 183]);
                endpoint.progress(call, status, None, now);
                "progress"
            }
            6..10 if ringing => {
                self.accept(side, call);
                "accept"
            }
            10..13 => {
                let (id, sdp) = self.model.offer();
                if self.ends[side as usize].offer(call, sdp, now).is_ok()
                    && let Some(seen) = self.model.seen.get_mut(&(side, call))
                {
                    seen.offers.push(id);
                }
                "offer"
            }
            13 => {
                self.answer(side, call, false);
                "refuse"
            }
            14..16 => {
                let (id, sdp) = self.model.offer();
                if self.ends[side as usize].update(call, sdp, now).is_ok()
                    && let Some(seen) = self.model.seen.get_mut(&(side, call))
                {
                    seen.offers.push(id);
                }
                "update"
            }
            16 => {
                if self.ends[side as usize].ask_offer(call, now).is_ok()
                    && let Some(seen) = self.model.seen.get_mut(&(side, call))
                {
                    seen.asking = true;
                }
                "ask for an offer"
            }
            17 => {
                let what = self.dice.pick(&[DIGIT, Info::PictureFastUpdate]);
                let _ = self.ends[side as usize].info(call, what, now);
                "info"
            }
            18 => {
                self.refer(side, call);
                "refer"
            }
            19 => {
                self.tell_of_refers();
                "tell of a transfer"
            }
            _ => {
                self.answer(side, call, true);
                "answer"
            }
        };
        let at = self.at();
        if let Some(ladder) = &mut self.ladder {
            ladder.note(at, side, &format!("{what} {call}"));
        }
        self.drain();
    }

    /// Asks the other side to call somebody else, or the far end of another call of ours.
    fn refer(&mut self, side: End, call: CallId) {
        let open = self.model.open(side);
        let other = self.dice.pick(&open);
        let endpoint = &mut self.ends[side as usize];
        let replaces = endpoint
            .as_replaced(other)
            .filter(|_| self.dice.percent(50));
        let target = self.dice.pick(&["tel:+4930", "sip:300@10.0.0.3"]);
        if let Ok(refer) = endpoint.refer(call, target, replaces, self.now) {
            self.model.referred(side, refer);
        }
    }

    /// Says something of a transfer the other side wants, be it sensible or not.
    fn tell_of_refers(&mut self) {
        if self.refers.is_empty() {
            return;
        }
        let (side, call, refer) = self.dice.pick(&self.refers);
        let (endpoint, now) = (&mut self.ends[side as usize], self.now);
        match self.dice.below(4) {
            0 => endpoint.accept_refer(call, refer, now),
            1 => endpoint.reject_refer(call, refer, 603, now),
            _ => {
                let status = self.dice.pick(&[100, 180, 200, 486, 503]);
                endpoint.notify_refer(call, refer, status, now);
            }
        }
    }

    fn accept(&mut self, side: End, call: CallId) {
        let Some(asked) = self.model.seen.get(&(side, call)).and_then(|s| s.asked) else {
            return;
        };
        let sdp = if asked == 0 {
            let (id, sdp) = self.model.offer();
            if let Some(seen) = self.model.seen.get_mut(&(side, call)) {
                seen.offered_in_200 = Some(id);
            }
            sdp
        } else {
            self.model.answer(asked)
        };
        if let Some(seen) = self.model.seen.get_mut(&(side, call)) {
            seen.answered = true;
            seen.asked = None;
        }
        self.ends[side as usize].accept(call, sdp, self.now);
    }

    /// Answers an offer that waits, if one does.
    fn answer(&mut self, side: End, call: CallId, accept: bool) {
        let seen = self.model.seen.get(&(side, call)).cloned();
        let Some((seen, asked)) = seen.and_then(|seen| seen.asked.map(|asked| (seen, asked)))
        else {
            return;
        };
        if seen.incoming && !seen.answered {
            return;
        }
        let answer = if !accept {
            AnswerOffer::Reject {
                status: 488,
                warning: None,
            }
        } else if asked == 0 {
            let (id, sdp) = self.model.offer();
            if let Some(seen) = self.model.seen.get_mut(&(side, call)) {
                seen.offered_in_200 = Some(id);
            }
            AnswerOffer::Accept { sdp }
        } else {
            AnswerOffer::Accept {
                sdp: self.model.answer(asked),
            }
        };
        if let Some(seen) = self.model.seen.get_mut(&(side, call)) {
            seen.asked = None;
        }
        self.ends[side as usize].answer_offer(call, answer, self.now);
    }

    fn answer_all(&mut self) {
        for side in [End::A, End::B] {
            for call in self.model.open(side) {
                self.answer(side, call, true);
            }
        }
        self.drain();
    }

    fn place(&mut self, side: End) {
        let other = address(side.other());
        let offer = (!self.dice.percent(20)).then(|| self.model.offer());
        // One in eight takes the place of a call there is (RFC 3891).
        let open = self.model.open(side);
        let replaced = (!open.is_empty() && self.dice.percent(12)).then(|| self.dice.pick(&open));
        let headers = replaced
            .and_then(|call| self.ends[side as usize].as_replaced(call))
            .map(|replaces| ("Replaces".to_owned(), replaces.to_string()))
            .into_iter()
            .collect();
        let invite = Invite {
            remote: other,
            transport: self.link.transport,
            request_uri: format!("sip:100@{other}"),
            from: Identity {
                display: None,
                uri: "sip:+4930@box.example".to_owned(),
            },
            to: format!("sip:100@{other}"),
            headers,
            sdp: offer.as_ref().map(|(_, sdp)| sdp.clone()),
            credentials: None,
            reliable: self
                .dice
                .pick(&[Reliable::Off, Reliable::Supported, Reliable::Required]),
            session_timer: session_timer(&mut self.dice),
        };
        match self.ends[side as usize].invite(invite, self.now) {
            Ok(call) => {
                self.model.placed(side, call, offer.map(|(id, _)| id));
                self.placed += 1;
            }
            Err(fault) => self.model.find(format!("{side:?} cannot place: {fault}")),
        }
        self.drain();
    }

    fn break_off(&mut self) {
        self.link.break_off();
        self.model.fair = false;
        for side in [End::A, End::B] {
            let other = address(side.other());
            let now = self.now;
            self.ends[side as usize].handle_transport_failed(Transport::Tcp, other, now);
        }
        self.drain();
    }

    /// What the endpoints have to say and to send.
    fn drain(&mut self) {
        let at = self.at();
        for _ in 0..100 {
            let mut quiet = true;
            for side in [End::A, End::B] {
                while let Some(transmit) = self.ends[side as usize].poll_transmit() {
                    quiet = false;
                    self.messages += 1;
                    let copies = self
                        .link
                        .send(side, &transmit.bytes, self.now, &mut self.dice);
                    if let Some(ladder) = &mut self.ladder {
                        ladder.sent(at, side, &transmit.bytes, copies);
                    }
                }
                while let Some(event) = self.ends[side as usize].poll_event() {
                    quiet = false;
                    if let Some(ladder) = &mut self.ladder {
                        ladder.note(at, side, &name(&event));
                    }
                    self.model.event(side, &event);
                    if let Event::Incoming { call, .. } = event
                        && self.dice.percent(40)
                    {
                        self.ends[side as usize].prefer_reliable(call, self.now);
                    }
                    if let Event::Referred { call, refer, .. } = event {
                        self.refers.push((side, call, refer));
                        if self.dice.percent(60) {
                            self.ends[side as usize].accept_refer(call, refer, self.now);
                        }
                    }
                    if self.polite
                        && let Event::Offer { call, .. } | Event::Answered { call, .. } = event
                    {
                        self.answer(side, call, true);
                    }
                }
            }
            if quiet {
                return;
            }
        }
        self.model
            .find("the endpoints never stop talking".to_owned());
    }

    /// Time passes.
    fn pass(&mut self, span: Duration) {
        let end = self.now + span;
        loop {
            let timers = self.ends.iter().filter_map(Endpoint::poll_timeout);
            let next = timers.chain(self.link.next_arrival()).min();
            let Some(next) = next.filter(|at| *at <= end) else {
                break;
            };
            self.steps += 1;
            if self.steps > MAX_STEPS {
                self.model.find("it never comes to rest".to_owned());
                break;
            }
            self.now = self.now.max(next);
            let now = self.now;
            while let Some((to, messages)) = self.link.arrivals(now) {
                let (transport, from) = (self.link.transport, address(to.other()));
                let endpoint = &mut self.ends[to as usize];
                for bytes in messages {
                    endpoint.handle_message(transport, address(to), from, &bytes, now);
                }
            }
            for endpoint in &mut self.ends {
                endpoint.handle_timeout(now);
            }
            self.drain();
        }
        self.now = end;
    }

    /// Both sides have the same calls.
    fn agree(&mut self) {
        let names = |world: &Self, side: End| {
            let mut names: Vec<String> = world
                .model
                .open(side)
                .into_iter()
                .filter_map(|call| world.ends[side as usize].sip_call_id(call))
                .map(str::to_owned)
                .collect();
            names.sort();
            names
        };
        let (a, b) = (names(self, End::A), names(self, End::B));
        if self.model.fair && a != b {
            self.model.find(format!("A has the calls {a:?}, B {b:?}"));
        }
    }

    fn hang_up(&mut self) {
        for side in [End::A, End::B] {
            for call in self.model.open(side) {
                self.ends[side as usize].bye(call, None, self.now);
            }
        }
        self.drain();
    }

    fn nothing_left(&mut self) {
        for side in [End::A, End::B] {
            for call in self.model.open(side) {
                self.model.find(format!("{side:?}: {call} never closed"));
            }
            let endpoint = &self.ends[side as usize];
            let counts = endpoint.counts();
            let left = (
                counts.dialogs,
                counts.client_transactions,
                counts.server_transactions,
            );
            let timer = endpoint.poll_timeout();
            if left != (0, 0, 0) || timer.is_some() {
                let timer = timer.map(|at| at.saturating_duration_since(self.now));
                self.model.find(format!(
                    "{side:?}: left behind (dialogs, client, server): {left:?}, a timer in {timer:?}"
                ));
            }
        }
    }

    fn outcome(self) -> Outcome {
        let seen = self.model.seen.values();
        Outcome {
            calls: seen.len() as u64,
            answered: self.model.seen.values().filter(|s| s.answered).count() as u64,
            messages: self.messages,
            findings: self.model.findings,
        }
    }
}
