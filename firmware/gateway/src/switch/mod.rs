//! The switch: one task that owns every call.
//!
//! It takes what comes from the API, the SIP sockets and the media plane, feeds the pure cores
//! ([`causeway_call::Call`], [`causeway_sip::endpoint::Endpoint`]) and carries out what they ask.
//! Nothing else touches a call, so nothing is locked.
//!
//! The loop serves, in this order: the stop signal, SIP of calls that stand, media events, names found, another document,
//! trunk checks, requests, timers, calls that a PBX begins. Each turn handles one input and then drains every core, so that a flood of
//! one kind cannot starve another for longer than one input. What comes last is what there may be too much of;
//! [`overload`] says what happens then.

mod active;
mod calling_back;
mod carry_out;
mod doctor;
mod failover;
mod family;
mod figures;
mod from_api;
mod from_media;
mod from_sip;
mod ladder;
mod media_test;
mod naming;
mod overload;
mod pictures;
mod place;
pub mod ports;
mod probe;
mod quality;
mod recent;
mod referring;
pub mod registration;
mod reload;
mod replacing;
mod stranded;
mod transfer;
mod trunk_media;
mod trunks;

pub use figures::Figures;
pub use reload::Reload;

use crate::io::inbox::SipInbox;
use crate::io::sip::SipSockets;
use crate::media::{self, LegKey, MediaPlane};
use crate::store::Store;
use crate::timers::Timers;
use active::{ActiveCall, CallKey};
use causeway_api::request::{Identity, Request, SessionId, SessionSender};
use causeway_api::wire::ServerMessage;
use causeway_call::lines::Lines;
use causeway_call::{Event, Timing};
use causeway_directory::Directory;
use causeway_sip::endpoint::{self, AcceptFrom, Endpoint, EndpointConfig, Peers};
use ports::PortPool;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::{mpsc, watch};

/// What the switch works with, handed over at its start.
#[derive(Debug)]
pub struct Parts {
    pub directory: Arc<Directory>,
    pub sockets: SipSockets,
    pub sip_inbox: SipInbox,
    pub media: Arc<MediaPlane>,
    pub media_events: mpsc::UnboundedReceiver<media::Event>,
    pub requests: mpsc::Receiver<Request>,
    pub store: Store,
    /// Documents that replace the one it runs on.
    pub reloads: mpsc::Receiver<Reload>,
    /// Turns true when the box shall stop.
    pub stopping: watch::Receiver<bool>,
    /// Where the switch shows what it holds.
    pub figures: watch::Sender<Figures>,
    /// Where it shows where the names of trunks lead.
    pub directory_out: watch::Sender<Arc<Directory>>,
}

#[derive(Debug)]
struct Session {
    identity: Identity,
    out: SessionSender,
}

/// See the module.
#[derive(Debug)]
pub struct Switch {
    directory: Arc<Directory>,
    endpoint: Endpoint,
    sockets: SipSockets,
    media: Arc<MediaPlane>,
    store: Store,
    ports: PortPool,
    timing: Timing,
    sessions: HashMap<SessionId, Session>,
    calls: HashMap<CallKey, ActiveCall>,
    by_name: HashMap<String, CallKey>,
    by_sip: HashMap<endpoint::CallId, CallKey>,
    /// The legs that transfers are calling on.
    by_transfer: HashMap<endpoint::CallId, CallKey>,
    by_leg: HashMap<LegKey, CallKey>,
    recent: recent::RecentCalls,
    probes: probe::TrunkProbes,
    registrations: registration::Registrations,
    names: naming::Names,
    rates: place::CallRates,
    lines: Lines,
    overload: overload::Overload,
    listeners: trunks::Listeners,
    media_tests: media_test::MediaTests,
    timers: Timers<CallKey>,
    ladders: ladder::Ladders,
    retired: reload::RetiredTrunks,
    checks: doctor::Checks,
    next_key: u64,
    next_leg: u64,
    /// Which media thread has a call's legs.
    media_threads: HashMap<CallKey, usize>,
    totals: figures::Totals,
    figures: watch::Sender<Figures>,
}

/// How often the switch shows its figures and looks at slow timers.
const TICK: Duration = Duration::from_millis(500);

/// Runs until `stopping` turns true: then every call is ended, said goodbye to and recorded.
pub async fn run(parts: Parts) {
    let Parts {
        directory,
        sockets,
        sip_inbox,
        media,
        mut media_events,
        mut requests,
        mut reloads,
        store,
        mut stopping,
        figures,
        directory_out,
    } = parts;
    let SipInbox {
        mut standing,
        mut new_calls,
    } = sip_inbox;
    let (checks, mut asks) = doctor::Checks::new();
    let (names, mut found) = naming::Names::new(&directory, directory_out, Instant::now());
    let mut switch = Switch::new(directory, sockets, media, store, figures, checks, names);
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut until: Option<Instant> = None;
    loop {
        let wake = switch.next_timeout().map(tokio::time::Instant::from_std);
        let timer = async {
            match wake {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            _ = stopping.wait_for(|stop| *stop), if until.is_none() => {
                let now = Instant::now();
                until = Some(now + Duration::from_secs(2));
                switch.stop(now);
            }
            Some(message) = standing.recv() => {
                let now = Instant::now();
                // What came before it and is still fresh goes before it.
                while let Some(new_call) = new_calls.before(&message, now) {
                    switch.handle_new_call(new_call, now);
                    switch.settle(now);
                }
                switch.handle_sip_input(message.input, now);
            }
            Some(event) = media_events.recv() => switch.handle_media(event, Instant::now()),
            Some(found) = found.recv() => switch.name_found(found, Instant::now()),
            Some(reload) = reloads.recv() => switch.reload(reload, Instant::now()),
            Some((check, ask)) = asks.recv() => switch.handle_check(check, ask, Instant::now()),
            Some(request) = requests.recv() => switch.handle_request(request, Instant::now()),
            () = timer => switch.handle_timeout(Instant::now()),
            _ = tick.tick() => switch.tick(Instant::now()),
            Some(new_call) = new_calls.recv() => switch.handle_new_call(new_call, Instant::now()),
        }
        let now = Instant::now();
        switch.settle(now);
        let is_done = switch.calls.is_empty() && switch.registrations.are_over();
        if until.is_some_and(|at| is_done || at <= now) {
            break;
        }
    }
    switch.media.stop();
    switch.sockets.shutdown().await;
}

impl Switch {
    fn new(
        directory: Arc<Directory>,
        sockets: SipSockets,
        media: Arc<MediaPlane>,
        store: Store,
        figures: watch::Sender<Figures>,
        checks: doctor::Checks,
        names: naming::Names,
    ) -> Self {
        let sip = &directory.config().sip;
        let public = sip.public();
        let mut config = EndpointConfig::new(
            crate::random::bytes(),
            (public, sockets.udp_addr().port()).into(),
            (public, sockets.tcp_addr().port()).into(),
        );
        config.user_agent = format!("Causeway/{}", env!("CARGO_PKG_VERSION"));
        config.contact_tls = sockets.tls_addr().map(|tls| (public, tls.port()).into());
        config.contact_others = family::contacts(sip, &sockets);
        let known = peers(&directory);
        sockets.accept_from(known.clone());
        config.accept_from = AcceptFrom::Only(known);
        config.max_dialogs = most_dialogs(&directory);
        // A call leaves two transactions for 32 s (RFC 3261 sections 13.3.1.4 and 17.2.2): room for 1000 calls a second.
        config.max_transactions = 64 * 1024;
        let now = Instant::now();
        let rtp = &directory.config().rtp;
        let timing = timing(&directory);
        Self {
            endpoint: Endpoint::new(config, now),
            ports: PortPool::new(rtp),
            probes: probe::TrunkProbes::new(&directory, now),
            registrations: registration::Registrations::new(&directory, now),
            names,
            directory,
            sockets,
            media,
            store,
            timing,
            sessions: HashMap::new(),
            calls: HashMap::new(),
            by_name: HashMap::new(),
            by_sip: HashMap::new(),
            by_transfer: HashMap::new(),
            by_leg: HashMap::new(),
            recent: recent::RecentCalls::default(),
            rates: place::CallRates::default(),
            lines: Lines::default(),
            overload: overload::Overload::default(),
            listeners: trunks::Listeners::default(),
            media_tests: media_test::MediaTests::default(),
            timers: Timers::default(),
            ladders: ladder::Ladders::default(),
            retired: reload::RetiredTrunks::default(),
            checks,
            next_key: 0,
            next_leg: 0,
            media_threads: HashMap::new(),
            totals: figures::Totals::default(),
            figures,
        }
    }

    fn next_timeout(&self) -> Option<Instant> {
        self.timers
            .next()
            .into_iter()
            .chain(self.endpoint.poll_timeout())
            .chain(self.probes.poll_timeout())
            .chain(self.registrations.poll_timeout())
            .chain(self.names.poll_timeout())
            .min()
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.endpoint.poll_timeout().is_some_and(|at| at <= now) {
            self.endpoint.handle_timeout(now);
        }
        while let Some(key) = self.timers.pop(now) {
            let due = self.calls.get(&key).and_then(ActiveCall::poll_timeout);
            if due.is_some_and(|at| at <= now) {
                self.call_timeout(key, now);
            }
            self.reschedule(key);
        }
        self.look_up_names(now);
        self.probe_trunks(now);
        self.registrations_timeout(now);
    }

    /// Notes when a call wants to be looked at. One that wants it later than before is looked at in vain once.
    fn reschedule(&mut self, key: CallKey) {
        match self.calls.get(&key).map(ActiveCall::poll_timeout) {
            Some(Some(at)) => self.timers.schedule(key, at),
            Some(None) => {}
            None => self.timers.forget(key),
        }
    }

    fn tick(&mut self, now: Instant) {
        self.recent.forget(now);
        self.rates.forget(now);
        self.watch_dead_targets();
        self.forget_former(now);
        self.forget_retired(now);
        self.tell_trunks(now);
        self.end_old_tests(now);
        self.show_figures(now);
    }

    /// Drains the cores: what they want sent and done, until nothing is left.
    fn settle(&mut self, now: Instant) {
        loop {
            self.follow_targets(now);
            self.follow_registrations(now);
            self.transmit();
            let Some(event) = self.endpoint.poll_event() else {
                break;
            };
            self.handle_sip(event, now);
        }
    }

    /// What the endpoint wants sent goes to the ladders and to the sockets.
    fn transmit(&mut self) {
        self.transmit_as(None);
    }

    /// The same; an OPTIONS among it belongs to the ladder of this name.
    fn transmit_as(&mut self, ladder: Option<&str>) {
        while let Some(transmit) = self.endpoint.poll_transmit() {
            if let Some(name) = ladder {
                self.ladders.assign_options(&transmit, name);
            }
            let local = self.endpoint.shown_to(transmit.transport, transmit.remote);
            self.ladders.sent(&self.directory, local, &transmit);
            self.sockets.send(transmit);
        }
    }

    fn stop(&mut self, now: Instant) {
        self.end_checks(now);
        self.leave_registrars(now);
        let keys: Vec<CallKey> = self.calls.keys().copied().collect();
        for key in keys {
            self.feed(key, Event::Stopping, now);
        }
    }

    /// Gives a call an event and carries out what it asks for.
    fn feed(&mut self, key: CallKey, event: Event, now: Instant) {
        if let Some(active) = self.calls.get_mut(&key) {
            active.call.handle(event, now);
        }
        self.carry_out(key, now);
    }

    /// A client that does not read its messages loses its socket, not the box's memory.
    fn tell(&mut self, session: SessionId, message: ServerMessage) {
        if let Some(to) = self.sessions.get(&session)
            && let Err(fault) = to.out.try_send(message)
        {
            tracing::debug!(session = session.0, %fault, "session does not take its messages");
            self.sessions.remove(&session);
        }
    }

    fn new_leg(&mut self, key: CallKey) -> LegKey {
        let thread = match self.media_threads.get(&key) {
            Some(thread) => *thread,
            None => {
                let thread = self.media.place();
                self.media_threads.insert(key, thread);
                thread
            }
        };
        let leg = self.new_leg_on(thread);
        self.by_leg.insert(leg, key);
        leg
    }

    fn new_leg_on(&mut self, thread: usize) -> LegKey {
        self.next_leg += 1;
        LegKey::on(thread, self.next_leg)
    }
}

fn timing(directory: &Directory) -> Timing {
    Timing {
        ring: Duration::from_secs(directory.config().settings.ring_s.into()),
        ..Timing::default()
    }
}

/// SIP dialogs at once: a call that leaves a silent target has two INVITEs for a while.
fn most_dialogs(directory: &Directory) -> usize {
    directory.config().settings.max_calls.saturating_mul(2)
}

/// Milliseconds since 1970 by the system's clock.
fn unix_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX))
}

/// Who is listened to: the trunks' addresses, each over what its trunk speaks. A trunk over TLS is not
/// taken in clear.
fn peers(directory: &Directory) -> Peers {
    let mut peers = Peers::default();
    for (address, over_tls) in directory.peers() {
        if over_tls {
            peers.allow_tls(address);
        } else {
            peers.allow_clear(address);
        }
    }
    peers
}
