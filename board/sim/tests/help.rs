//! `?`, TAB and the menu.

use causeway_board_sim::Session;

#[test]
fn a_question_mark_lists_what_may_stand_there_and_leaves_the_line() {
    let mut session = Session::open();
    session.types("show l?");
    session
        .sees("  log             the last lines of the log")
        .line_is("front-desk> show l");
    session.types("og ?");
    session
        .sees("  LINES           so many, else 50 (1 to 1000)")
        .sees("  <Enter>         do it");
    session.line_is("front-desk> show log");
    session.types("20\r").asks(&["Log(20)"]);
    session
        .types("?")
        .sees("  commit          put the draft into use");
    session
        .types("set trunk pbx ?")
        .sees("  transport       how SIP travels");
    session.types("x?").sees("nothing begins so");
    session
        .types("\x03")
        .types("nonsense x ?")
        .sees("no such word here");
}

#[test]
fn within_quotes_it_is_a_question_mark() {
    let mut session = Session::open();
    session
        .types("set box name 'who?'\r")
        .asks(&["Set(Setting(box name who?))"]);
    session
        .types(r"set box name who\?")
        .types("\r")
        .asks(&["Set(Setting(box name who?))"]);
}

#[test]
fn tab_completes_as_far_as_there_is_one_way() {
    let mut session = Session::open();
    session
        .types("sh\tsta\t")
        .line_is("front-desk> show status ");
    session.types("\r").asks(&["Status"]);
    session
        .types("com\t")
        .line_is("front-desk> com")
        .sees("  compare         what the draft");
    session.types("m\t").line_is("front-desk> commit ");
    session.types("c\t").line_is("front-desk> commit co");
    session.types("n\t").line_is("front-desk> commit confirm ");
    session
        .types("\t")
        .sees("MINUTES         within so many (1 to 60)");
    session.types("\r").asks(&["CommitConfirm { minutes: 5 }"]);
    session.types("zz\t").line_is("front-desk> zz");
    assert_eq!(session.screen.bells(), 1);
}

#[test]
fn trunks_are_completed_by_their_names() {
    let mut session = Session::open();
    session
        .console
        .set_trunks(["pbx", "pbx-two", "carrier"].into_iter());
    session
        .types("trunk check c\t\r")
        .asks(&[r#"TrunkCheck { trunk: "carrier", number: None }"#]);
    session
        .types("trunk check p\t")
        .line_is("front-desk> trunk check pbx");
    session
        .types("-\t\r")
        .asks(&[r#"TrunkCheck { trunk: "pbx-two", number: None }"#]);
    session
        .types("trunk check ?")
        .sees("TRUNK           its name: pbx, pbx-two, carrier");
}

#[test]
fn the_menu_does_the_same_by_numbers() {
    let mut session = Session::open();
    session
        .types("menu\r")
        .sees("   1) Set up the box")
        .sees("  16) Factory reset")
        .sees("0) Log out");
    for (number, command) in [
        ("2", "Status"),
        ("3", "Alarms"),
        ("4", "Network"),
        ("5", "Trunks"),
        ("8", "Calls"),
        ("9", "Log(50)"),
        ("10", "Configuration"),
        ("13", "ReceiveUpdate"),
        ("14", "SupportBundle"),
    ] {
        session.types(&format!("{number}\r")).asks(&[command]);
    }
    session.types("6\r").line_is("Which trunk:");
    session
        .types("pbx\r")
        .asks(&[r#"TrunkCheck { trunk: "pbx", number: None }"#]);
    session.types("7\r").line_is("Which host:");
    session.types("\r").line_is("front-desk>").asks(&[]);
    session
        .types("7\rno_host!\r")
        .sees("column 6: HOST: neither")
        .asks(&[]);
    session.types("15\ry\r").asks(&["Reboot"]);
    session.types("0\r").asks(&["lock"]);
}

#[test]
fn help_tells_the_keys() {
    let mut session = Session::open();
    session
        .types("help\r")
        .sees("TAB  completes a word")
        .sees("commit confirm");
}
