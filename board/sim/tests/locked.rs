//! Who has no password gets no further than the banner.

use causeway_board_sim::Session;

#[test]
fn the_banner_shows_the_box_and_nothing_happens_before_the_password() {
    let mut session = Session::locked("correct horse");
    session
        .sees("Causeway 0.1.0, slot a - front-desk")
        .sees("addresses   192.0.2.10")
        .sees("last start  power on")
        .sees("certificate 3F:A8")
        .line_is("Password:");
    session.types("reboot\r").asks(&["refused"]);
    session.passes(1_000).types("correct horse\r");
    session
        .sees("1) Set up the box")
        .line_is("front-desk>")
        .never_sees("horse");
}

#[test]
fn who_plugs_a_cable_in_sees_the_banner_by_enter() {
    let mut session = Session::locked("correct horse");
    session.screen = causeway_board_sim::SimScreen::default();
    session
        .types("\r")
        .sees("Causeway 0.1.0, slot a - front-desk")
        .asks(&[])
        .line_is("Password:");
    session.types("correct horse\r").line_is("front-desk>");
}

#[test]
fn guessing_is_slow_and_gets_slower() {
    let mut session = Session::locked("correct horse");
    for wait in ["1 s", "2 s", "4 s", "8 s", "16 s", "30 s", "30 s"] {
        session
            .types("guess\r")
            .asks(&["refused"])
            .sees(&format!("Wrong. Wait {wait}."));
        let seconds: u64 = wait.trim_end_matches(" s").parse().unwrap();
        // What is typed meanwhile is dropped, the right password too.
        session.types("correct horse\r").asks(&[]);
        session.passes(seconds * 1_000).line_is("Password:");
    }
    session.types("correct horse\r").line_is("front-desk>");
    session.types("exit\r").asks(&["lock"]);
    session.types("guess\r").sees("Wrong. Wait 1 s.");
}

#[test]
fn guesses_that_are_pasted_are_one_guess() {
    let mut session = Session::locked("correct horse");
    session
        .pastes(b"one\rtwo\rthree\rcorrect horse\r".iter().copied())
        .asks(&["refused"]);
}

#[test]
fn it_locks_when_somebody_leaves_or_the_line_drops() {
    let mut session = Session::open();
    session.types("show status\r").asks(&["Status"]);
    session
        .types("set box na")
        .passes(599_000)
        .line_is("front-desk> set box na");
    session
        .passes(1_000)
        .asks(&["lock"])
        .sees("Nobody typed for ten minutes.")
        .line_is("Password:");
    session
        .types("correct horse\r")
        .types("\x1b[A")
        .line_is("front-desk>");

    session.types("\x04").asks(&["lock"]).line_is("Password:");
    session.types("correct horse\r").types("set box na");
    session.console.hang_up();
    session.types("\r").line_is("Password:");
}

#[test]
fn a_running_command_is_not_locked_out() {
    let mut session = Session::open();
    session.holds();
    session.types("update https://updates.example/box.raucb\r");
    session.asks(&[r#"Update("https://updates.example/box.raucb")"#]);
    session.passes(3_600_000).asks(&[]);
    session.ends();
    session.line_is("front-desk>");
}

#[test]
fn pulling_the_cable_out_does_not_shorten_the_wait() {
    let mut session = Session::locked("correct horse");
    session.types("guess\r").asks(&["refused"]);
    session.console.hang_up();
    session.types("guess\r").asks(&[]);
    session
        .passes(1_000)
        .types("guess\r")
        .asks(&["refused"])
        .sees("Wrong. Wait 2 s.");
}

#[test]
fn who_was_let_in_by_a_login_is_not_asked_and_leaves_to_it() {
    for leave in ["exit\r", "0\r", "\x04"] {
        let mut session = Session::logged_in();
        session.sees("1) Set up the box").line_is("front-desk>");
        session.types("show status\r").asks(&["Status"]);
        session.types(leave).asks(&["leave"]).never_sees("Password");
    }
    let mut session = Session::logged_in();
    session.passes(600_000).asks(&["leave"]);
    let mut session = Session::logged_in();
    session.types("setup\r").line_is("Password [as it is]:");
}
