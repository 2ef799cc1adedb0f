//! The watchdog, fed through the gate by a box whose tasks may hang.

use causeway_board::hardware::lamp_test;
use causeway_board::{HealthGate, ResetCause, ResetReport, Task, Temperature, Verdict, Watchdog};
use causeway_board_sim::board::{Failed, Fault};
use causeway_board_sim::{Event, SimBoard, SimWatchdog};

const PERIOD_MS: u64 = 30_000;

/// A box that looks once a second: `ticks` says which of its tasks move in a second.
struct Box {
    board: SimBoard,
    watchdog: SimWatchdog,
    gate: HealthGate<3>,
    told: Vec<(u64, &'static str)>,
    reset_at_s: Option<u64>,
}

const TASKS: [Task; 3] = [
    Task {
        name: "sip",
        period_ms: 0,
        patience_ms: 5_000,
    },
    Task {
        name: "media 0",
        period_ms: 0,
        patience_ms: 5_000,
    },
    Task {
        name: "config",
        period_ms: 30_000,
        patience_ms: 90_000,
    },
];

impl Box {
    fn new() -> Self {
        let board = SimBoard::new();
        Self {
            watchdog: board.watchdog(PERIOD_MS),
            gate: HealthGate::new(0),
            told: Vec::new(),
            reset_at_s: None,
            board,
        }
    }

    fn runs(&mut self, seconds: u64, ticks: impl Fn(&str, u64) -> bool) {
        let ids = TASKS.map(|task| self.gate.watch_task(task, self.board.now_ms()).unwrap());
        for _ in 0..seconds {
            self.board.pass(1_000);
            let now_ms = self.board.now_ms();
            for (task, id) in TASKS.iter().zip(ids) {
                if ticks(task.name, now_ms / 1_000) {
                    self.gate.tick(id, now_ms);
                }
            }
            match self.gate.verdict(now_ms) {
                // One that refuses is told by its log.
                Verdict::Feed => drop(self.watchdog.feed()),
                Verdict::Wait => {}
                Verdict::Stuck(_) => {
                    let late = self.gate.late(now_ms);
                    self.told
                        .extend(late.map(|late| (now_ms / 1_000, late.name)));
                }
            }
            if self.watchdog.bites() {
                self.reset_at_s.get_or_insert(now_ms / 1_000);
                return;
            }
        }
    }
}

/// Moves every 20 s, as the configuration's loop does.
fn healthy(name: &str, second: u64) -> bool {
    name != "config" || second % 20 == 1
}

#[test]
fn a_box_whose_tasks_move_is_fed_every_second() {
    let mut sut = Box::new();
    sut.runs(600, healthy);
    assert_eq!(sut.reset_at_s, None);
    assert_eq!(sut.watchdog.feeds(), 600);
    assert_eq!(sut.told, []);
}

#[test]
fn one_task_that_hangs_resets_the_box_and_is_named() {
    let mut sut = Box::new();
    sut.runs(600, |name, second| {
        healthy(name, second) && (name != "media 0" || second <= 100)
    });
    // Fed last at 100 s.
    assert_eq!(sut.reset_at_s, Some(130));
    assert_eq!(sut.told.first(), Some(&(106, "media 0")));
    assert!(sut.told.iter().all(|(_, name)| *name == "media 0"));
    assert_eq!(
        sut.board.reset_report().reset_cause(),
        Ok(ResetCause::Watchdog)
    );
}

#[test]
fn a_hiccup_is_forgiven() {
    let mut sut = Box::new();
    sut.runs(600, |name, second| {
        healthy(name, second) && (name != "sip" || second % 60 > 20)
    });
    assert_eq!(sut.reset_at_s, None);
    assert!(sut.told.iter().all(|(_, name)| *name == "sip"));
}

#[test]
fn a_task_that_never_began_keeps_the_box_from_counting_as_well() {
    let mut sut = Box::new();
    sut.runs(600, |name, second| {
        name != "config" && healthy(name, second)
    });
    assert_eq!(sut.reset_at_s, Some(30));
    assert_eq!(sut.watchdog.feeds(), 0);
}

#[test]
fn a_watchdog_that_cannot_be_fed_is_told() {
    let mut sut = Box::new();
    sut.board.set_fault(Fault::Watchdog, true);
    sut.runs(60, healthy);
    assert_eq!(sut.reset_at_s, Some(30));
    assert!(
        sut.board
            .log()
            .contains(&(1_000, Event::Failed(Fault::Watchdog)))
    );
}

#[test]
fn the_other_parts_fail_as_they_are_told() {
    let mut board = SimBoard::new();
    board.set_temperature(91_500);
    assert_eq!(board.thermometer().millicelsius(), Ok(91_500));
    board.set_fault(Fault::Thermometer, true);
    assert_eq!(
        board.thermometer().millicelsius(),
        Err(Failed(Fault::Thermometer))
    );
    assert_eq!(board.reset_report().reset_cause(), Ok(ResetCause::PowerOn));
    board.set_reset_cause(ResetCause::Panic);
    assert_eq!(board.reset_report().reset_cause(), Ok(ResetCause::Panic));

    let mut lamps = board.lamps();
    assert_eq!(lamp_test(&mut lamps, &mut board, 100), Ok(()));
    assert_eq!(board.now_ms(), 400);
    let lit = |(_, event): &&(u64, Event)| matches!(event, Event::Lamp { lit: true, .. });
    assert_eq!(board.log().iter().filter(lit).count(), 4);
}
