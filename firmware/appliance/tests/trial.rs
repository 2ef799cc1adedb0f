//! What is committed to be confirmed goes back by itself, whatever becomes of the box meanwhile.

mod boxd;

use boxd::{Boxd, Somebody};
use serde_json::json;

const NEW: &str = "0.0.0.0:8443";

fn tries(console: &mut Somebody) {
    console.sets("box https", NEW);
    let done = console.gets(json!({ "do": "commit", "confirm_minutes": 1 }));
    assert_eq!(done["trial_s"], 60);
}

#[test]
fn it_is_kept_when_it_is_confirmed() {
    let mut boxd = Boxd::start();
    let mut console = boxd.is_set_up();
    tries(&mut console);
    assert!(boxd.gateway().contains(NEW));
    assert!(console.heard.contains("calls end"), "{}", console.heard);
    console.gets(json!({ "do": "confirm" }));
    boxd.killed();
    boxd.booted_again();
    assert!(boxd.gateway().contains(NEW));
}

#[test]
fn it_goes_back_when_somebody_says_so() {
    let boxd = Boxd::start();
    let mut console = boxd.is_set_up();
    let before = boxd.gateway();
    tries(&mut console);
    assert_eq!(console.is_refused(json!({ "do": "commit" })), "unchanged");
    console.sets("box name", "lobby");
    assert_eq!(console.is_refused(json!({ "do": "commit" })), "on_trial");
    console.gets(json!({ "do": "revert" }));
    assert_eq!(boxd.gateway(), before);
}

#[test]
fn a_box_that_dies_in_the_trial_has_the_old_one_at_its_start() {
    let mut boxd = Boxd::start();
    let mut console = boxd.is_set_up();
    let before = boxd.gateway();
    tries(&mut console);
    boxd.killed();
    boxd.booted_again();
    assert_eq!(boxd.gateway(), before);
    let status = boxd.somebody("console").gets(json!({ "do": "status" }));
    let notes = status["notes"].to_string();
    assert!(notes.contains("Revision 2 was on trial"), "{notes}");
}

#[test]
fn the_service_alone_dies_in_the_trial_and_the_machine_goes_back_with_it() {
    let mut boxd = Boxd::start();
    let mut console = boxd.is_set_up();
    let before = boxd.gateway();
    tries(&mut console);
    boxd.killed();
    boxd.started_again();
    assert_eq!(boxd.gateway(), before);
    let actions = boxd.actions();
    assert_eq!(actions.lines().last(), Some("RestartGateway"), "{actions}");
}
