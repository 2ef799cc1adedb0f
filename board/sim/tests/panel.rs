//! The front panel under a finger.

use causeway_board::Panel;
use causeway_board::PanelAction::{FactoryReset, Locate, Reboot};
use causeway_board::panel::PanelStatus;
use causeway_board_sim::board::Fault;
use causeway_board_sim::{Event, Front};

fn front() -> Front {
    let mut front = Front::new();
    front.pass(1_000);
    front
}

#[test]
fn a_short_press_shows_which_box_it_is_and_another_ends_it() {
    let mut front = front();
    front.down(200).up(200);
    assert_eq!(front.actions(), [Locate { on: true }]);
    let shown = front.watch(250, 4);
    assert!(
        shown == "*..* *... *..* *..." || shown == "*... *..* *... *..*",
        "{shown}"
    );
    front.down(200).up(200);
    assert_eq!(front.actions(), [Locate { on: false }]);
    assert_eq!(front.watch(250, 4), "*... *... *... *...");
    front.down(200).up(600_500);
    assert_eq!(
        front.watch(250, 4),
        "*... *... *... *...",
        "nobody searches for ten minutes"
    );
}

#[test]
fn five_seconds_reboot() {
    let mut front = front();
    front.down(5_500);
    assert_eq!(front.actions(), [], "decided by letting go");
    front.up(100);
    assert_eq!(front.actions(), [Reboot]);
}

#[test]
fn ten_seconds_reset_after_a_countdown_that_is_seen() {
    let mut front = front();
    front.down(2_000);
    front.pass(2_980);
    let mut counted: Vec<String> = Vec::new();
    for lit in front.watch(50, 100).split(' ').filter(|lit| *lit != "....") {
        if counted.last().is_none_or(|last| last != lit) {
            counted.push(lit.to_owned());
        }
    }
    assert_eq!(counted, ["****", "***.", "**..", "*..."]);
    let shown = front.watch(50, 4);
    assert!(
        shown == "**** .... **** ...." || shown == ".... **** .... ****",
        "{shown}"
    );
    front.up(100);
    assert_eq!(front.actions(), [FactoryReset]);
}

#[test]
fn second_thoughts_are_possible_until_five_seconds_and_after_twenty() {
    let mut front = front();
    front.down(3_000).up(100);
    assert_eq!(front.actions(), []);
    front.down(21_000);
    assert_eq!(
        front.watch(250, 3),
        "*... *... *...",
        "jammed: the lamps are as ever"
    );
    front.up(100);
    assert_eq!(front.actions(), []);
    front.down(200).up(100);
    assert_eq!(front.actions(), [Locate { on: true }]);
}

#[test]
fn a_button_held_since_power_on_is_ignored_until_it_was_up() {
    let mut front = Front::new();
    front.board.set_button(true);
    front.pass(12_000).up(100);
    assert_eq!(front.actions(), []);
    front.down(6_000).up(100);
    assert_eq!(front.actions(), [Reboot]);
}

#[test]
fn a_spike_is_no_press() {
    let mut front = front();
    for _ in 0..50 {
        front.board.set_button(true);
        front.pass(20);
        front.board.set_button(false);
        front.pass(100);
    }
    assert_eq!(front.actions(), []);
}

#[test]
fn lamps_tell_how_the_box_is() {
    let mut front = front();
    assert_eq!(front.lit().to_string(), "*...");
    front.set_status(PanelStatus {
        trunk: true,
        call: true,
        alarm: false,
    });
    front.pass(10);
    assert_eq!(front.lit().to_string(), "***.");
    front.set_status(PanelStatus {
        trunk: false,
        call: false,
        alarm: true,
    });
    front.pass(10);
    let shown = front.watch(1_000, 4);
    assert!(
        shown == "*... .... *... ...." || shown == ".... *... .... *...",
        "{shown}"
    );
}

#[test]
fn faults_of_the_board_reset_nothing() {
    let mut front = front();
    front.board.set_fault(Fault::Lamps, true);
    front.down(6_000);
    front.board.set_fault(Fault::Button, true);
    front.pass(1_000);
    assert_eq!(
        front.actions(),
        [Reboot],
        "a button that cannot be read counts as let go"
    );
    front.board.set_fault(Fault::Button, false);
    front.pass(60_000).up(100);
    // What came back was down, and is held for longer than anybody means it.
    assert_eq!(front.actions(), []);
    let failed = front
        .board
        .log()
        .iter()
        .any(|(_, e)| *e == Event::Failed(Fault::Lamps));
    assert!(failed);
}

#[test]
fn lamps_that_come_back_show_what_they_should() {
    let mut front = front();
    front.board.set_fault(Fault::Lamps, true);
    front.set_status(PanelStatus {
        trunk: true,
        call: false,
        alarm: false,
    });
    front.pass(100);
    assert_eq!(front.lit().to_string(), "*...");
    front.board.set_fault(Fault::Lamps, false);
    front.pass(10);
    assert_eq!(front.lit().to_string(), "**..");
    let changes = front.board.log().len();
    front.pass(10_000);
    assert_eq!(
        front.board.log().len(),
        changes,
        "lamps that stay are left alone"
    );
}

#[test]
fn looking_only_when_asked_to_is_often_enough() {
    for (held_ms, action) in [
        (300, Locate { on: true }),
        (6_000, Reboot),
        (11_000, FactoryReset),
    ] {
        let (mut panel, mut now_ms, mut looks, mut actions) = (Panel::new(), 0, 0, Vec::new());
        while now_ms < 20_000 {
            let down = (1_000..1_000 + held_ms).contains(&now_ms);
            actions.extend(panel.handle_button(down, now_ms));
            looks += 1;
            let edges = [1_000, 1_000 + held_ms];
            let next_ms = panel.next_look_ms(now_ms);
            // Edges are told at once, as by an interrupt.
            now_ms = edges
                .into_iter()
                .filter(|at| *at > now_ms)
                .fold(next_ms, u64::min);
        }
        assert_eq!(actions, [action]);
        assert!(looks < 400, "{looks} looks in 20 s");
    }
}
