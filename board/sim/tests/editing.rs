//! The line under the cursor, on a terminal of 80 columns of which the box knows nothing.

use causeway_board_sim::Session;

#[test]
fn a_line_is_edited_in_its_middle() {
    let mut session = Session::open();
    session
        .types("set box nme Foyer")
        .types("\x1b[1;5D\x1b[D\x1b[D\x1b[Da")
        .line_is("front-desk> set box name Foyer");
    session
        .types("\x05\x17Empfang Süd")
        .line_is("front-desk> set box name Empfang Süd");
    session
        .types("\x17\x17'Süd 電話'\x1b[D\x1b[D\x7f")
        .line_is("front-desk> set box name 'Süd 話'");
    session.types("\r").asks(&["Set(Setting(box name Süd 話))"]);
}

#[test]
fn history_is_walked_and_changed() {
    let mut session = Session::open();
    session.types("ping pbx.example\rshow status\r").asked();
    session
        .types("\x1b[A\x1b[A")
        .line_is("front-desk> ping pbx.example");
    session
        .types(" 2\r")
        .asks(&[r#"Ping { host: "pbx.example", count: 2 }"#]);
    session.types("begun\x10\x0e").line_is("front-desk> begun");
}

#[test]
fn a_long_line_never_wraps() {
    let mut session = Session::open();
    let name = "abcdefghij".repeat(12);
    let before = session.screen.lines().len();
    session.types(&format!("commit comment {name}"));
    assert_eq!(
        session.screen.lines().len(),
        before,
        "{}",
        session.screen.text()
    );
    assert!(
        session.screen.last().ends_with("hij"),
        "the end is seen: {}",
        session.screen.last()
    );
    session.types("\x01").sees("front-desk> commit comment abc");
    assert_eq!(session.screen.lines().len(), before);
    session
        .types("\x05\r")
        .asks(&[&format!("Commit {{ comment: Some(\"{name}\") }}")]);
}

#[test]
fn a_notice_goes_above_the_line() {
    let mut session = Session::open();
    session.types("show sta\x1b[D");
    let text = "Nobody confirmed: the configuration of before is in use again.";
    let Ok(()) = session.console.notice(text, &mut session.screen);
    session.sees(text).line_is("front-desk> show sta");
    session.types("\x05t\r").asks(&["Status"]);
}
