//! Breaks, noise, ten megabytes: memory and mind stay as they are.

use causeway_board_sim::Session;

/// A deterministic noise.
fn noise(octets: usize) -> impl Iterator<Item = u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    })
    .take(octets)
}

#[test]
fn a_break_drops_the_line() {
    let mut session = Session::open();
    session.types("factory-res\0").line_is("front-desk>");
    session.types("show status\r").asks(&["Status"]);
    session
        .types("set trunk pbx password\rhunt\0")
        .line_is("front-desk>")
        .asks(&[]);
}

#[test]
fn a_line_too_long_does_nothing_at_all() {
    let mut session = Session::open();
    session.pastes(
        b"set box name 'front'   "
            .iter()
            .copied()
            .chain([b' '; 300])
            .chain(*b"\r"),
    );
    session
        .sees("The line is longer than 256 octets: nothing was done.")
        .asks(&[]);
    session.types("show status\r").asks(&["Status"]);
}

#[test]
fn ten_megabytes_without_a_line_end_are_one_bell() {
    let mut session = Session::open();
    let before = session.screen.octets();
    session.pastes(std::iter::repeat_n(b'x', 10_000_000));
    assert!(
        session.screen.octets() - before < 100_000,
        "a paste of x is echoed for ever"
    );
    assert_eq!(session.screen.bells(), 1);
    session
        .types("\r")
        .sees("nothing was done")
        .types("show status\r")
        .asks(&["Status"]);
}

#[test]
fn a_long_paste_of_commands_is_carried_out_one_by_one() {
    let mut session = Session::open();
    let line = b"set test number 600\r";
    session.pastes(line.repeat(1_000));
    assert_eq!(session.asked().len(), 1_000);
}

#[test]
fn noise_comes_back_as_nothing_a_terminal_obeys() {
    let mut session = Session::open();
    // Without ^D, which would end the session.
    let noise = noise(200_000).filter(|byte| *byte != 4);
    session.pastes(noise).passes(1_000).types("\x03\x03");
    assert_eq!(session.screen.strange(), [""; 0]);
    assert!(session.console.garbled() > 1_000);
}

#[test]
fn what_comes_during_a_command_waits_its_turn() {
    let mut session = Session::open();
    session.holds();
    session
        .types("support bundle\rshow status\rcompare\r")
        .asks(&["SupportBundle"]);
    session.ends();
    session.asks(&["Status"]);
    session.ends();
    session.asks(&["Compare"]);
    session.ends();
    session.line_is("front-desk>").asks(&[]);
}

#[test]
fn too_much_of_it_is_dropped_as_a_whole() {
    let mut session = Session::open();
    session.holds();
    session.types("support bundle\r").asked();
    session.pastes(b"delete trunk pbx\r".repeat(600_000));
    session.sees("Too much came at once: all of it is dropped until the line is quiet.");
    session.ends();
    session.asks(&[]).line_is("front-desk>");
    session.passes(400).types("show status\r").asks(&["Status"]);
}

#[test]
fn control_c_ends_what_runs_and_forgets_what_waits() {
    let mut session = Session::open();
    session.holds();
    session.types("ping pbx.example 100\rreboot\ry\r").asked();
    session
        .types("\x03")
        .asks(&["interrupt"])
        .line_is("front-desk>");
}

#[test]
fn noise_at_the_password_lets_nobody_in() {
    let mut session = Session::locked("correct horse");
    session.pastes(noise(1_000_000));
    assert!(session.asked().iter().all(|asked| asked == "refused"));
    session
        .passes(60_000)
        .types("\x03\rcorrect horse\r")
        .line_is("front-desk>");
}

#[test]
fn a_console_is_small() {
    assert!(size_of::<causeway_board::Console>() < 20 * 1024);
}
