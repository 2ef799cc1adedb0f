//! Commands come out as values, however they are written; what is wrong with them is told where it stands.

use causeway_board_sim::Session;

#[test]
fn every_command_is_understood() {
    for (line, command) in [
        ("show status", "Status"),
        ("sh st", "Status"),
        ("show configuration", "Configuration"),
        ("show log 200", "Log(200)"),
        ("logs", "Log(50)"),
        ("calls", "Calls"),
        ("calls 0b3f", r#"Call("0b3f")"#),
        (
            "set box name 'Front desk'",
            "Set(Setting(box name Front desk))",
        ),
        ("set tr pbx tr ud", "Set(Setting(trunk pbx transport udp))"),
        (
            "set trunk pbx address pbx.example:5060",
            "Set(Setting(trunk pbx address pbx.example:5060))",
        ),
        (
            "set network ipv4 address 192.0.2.10/24",
            "Set(Setting(network ipv4 address 192.0.2.10/24))",
        ),
        ("delete trunk pbx", r#"Delete(["trunk", "pbx"])"#),
        (
            "delete time server pool.ntp.org",
            r#"Delete(["time", "server", "pool.ntp.org"])"#,
        ),
        ("compare", "Compare"),
        ("discard", "Discard"),
        ("commit", "Commit { comment: None }"),
        (
            r#"commit comment "Anna's new PBX""#,
            r#"Commit { comment: Some("Anna's new PBX") }"#,
        ),
        ("commit confirm", "CommitConfirm { minutes: 5 }"),
        ("commit conf 10", "CommitConfirm { minutes: 10 }"),
        ("confirm", "Confirm"),
        ("rollback 3", "Rollback(3)"),
        ("rollback 0", "Rollback(0)"),
        (
            "ping pbx.example",
            r#"Ping { host: "pbx.example", count: 4 }"#,
        ),
        (
            "ping 192.0.2.1 10",
            r#"Ping { host: "192.0.2.1", count: 10 }"#,
        ),
        (
            "trunk check pbx",
            r#"TrunkCheck { trunk: "pbx", number: None }"#,
        ),
        (
            "trunk check pbx 600",
            r#"TrunkCheck { trunk: "pbx", number: Some("600") }"#,
        ),
        ("update usb", r#"Update("usb")"#),
        (
            "update https://updates.example/box force 'the new one drops calls'",
            r#"UpdateForced { from: "https://updates.example/box", reason: "the new one drops calls" }"#,
        ),
        ("update receive", "ReceiveUpdate"),
        ("support bundle", "SupportBundle"),
        ("support bundle send", "SendSupportBundle"),
        ("export", "Export"),
        ("import", "Import"),
        ("revert", "Revert"),
        ("show alarms", "Alarms"),
        ("show draft", "Draft"),
        (
            "ssh key ssh-ed25519 AAAAC3Nza anna of the front desk",
            r#"SshKey("ssh-ed25519 AAAAC3Nza anna of the front desk")"#,
        ),
        (
            "ssh key 'ssh-ed25519 AAAAC3Nza anna'",
            r#"SshKey("ssh-ed25519 AAAAC3Nza anna")"#,
        ),
        (
            "set box management 192.0.2.10:8443",
            "Set(Setting(box management 192.0.2.10:8443))",
        ),
        (
            "set rtp ports 20000-20999",
            "Set(Setting(rtp ports 20000-20999))",
        ),
        (
            "set trunk pbx codecs G722",
            "Set(Setting(trunk pbx codecs G722))",
        ),
        (
            "delete trunk pbx codecs G722",
            r#"Delete(["trunk", "pbx", "codecs", "G722"])"#,
        ),
        (
            "delete trunk pbx codecs",
            r#"Delete(["trunk", "pbx", "codecs"])"#,
        ),
        (
            "set trunk pbx registration user 4930555",
            "Set(Setting(trunk pbx registration user 4930555))",
        ),
        (
            "set number +4930555009 echo true",
            "Set(Setting(number +4930555009 echo true))",
        ),
        (
            "set network management address 198.51.100.10/24",
            "Set(Setting(network management address 198.51.100.10/24))",
        ),
        (
            "set syslog server logs.example",
            "Set(Setting(syslog server logs.example))",
        ),
        ("set ssh enabled true", "Set(Setting(ssh enabled true))"),
        (
            "set update source https://updates.example/box",
            "Set(Setting(update source https://updates.example/box))",
        ),
        ("show resets", "Resets"),
        ("show revisions", "Revisions"),
        ("show version", "Version"),
        ("show network", "Network"),
        ("show trunks", "Trunks"),
    ] {
        let mut session = Session::open();
        session
            .types(&format!("{line}\r"))
            .asks(&[command])
            .line_is("front-desk>");
    }
}

#[test]
fn what_is_wrong_is_told_with_its_column() {
    for (line, told) in [
        ("shw", "column 1: no such word here; there is calls, commit"),
        ("show", "not complete; next is alarms, calls, configuration"),
        ("co", "column 1: could be commit, compare, confirm"),
        ("show st now", "column 9: nothing may follow here"),
        ("rollback 50", "column 10: REVISION is a number of 0 to 49"),
        (
            "set trunk pbx adress x",
            "column 15: no such word here; there is accept_from, address",
        ),
        (
            "set trunk 9 address x",
            "column 11: TRUNK: a name is 1 to 32 letters",
        ),
        (
            "set trunk pbx address pbx:0",
            "column 23: PLACE: the port is a number",
        ),
        (
            "set network ipv4 address 192.0.2.0/24",
            "column 26: ADDRESS: this address means the whole network",
        ),
        (
            "set trunk pbx password hunter2",
            "column 24: : leave it out",
        ),
        (
            "set trunk pbx",
            "not complete; next is accept_from, address, ",
        ),
        ("delete", "not complete; next is admin, box"),
        ("set box name 'Front", "column 14: this quote is not closed"),
        (
            r"set box name a\",
            "column 15: nothing follows this backslash",
        ),
        (
            "ping 192.0.2",
            "column 6: HOST: neither an address nor a host name",
        ),
        ("99", "The menu goes from 0 to 16."),
    ] {
        let mut session = Session::open();
        session
            .types(&format!("{line}\r"))
            .sees(told)
            .asks(&[])
            .line_is("front-desk>");
    }
    let mut session = Session::open();
    session.types("set trunk pbx adress x\r");
    let lines = session.screen.lines();
    let mark = lines.iter().position(|line| line.trim() == "^").unwrap();
    assert_eq!(lines[mark].find('^'), lines[mark - 1].find("adress"));
}

#[test]
fn a_secret_is_asked_for_and_never_shown_nor_remembered() {
    let mut session = Session::open();
    session.types("set trunk pbx password\r").line_is("Secret:");
    session
        .types("hunter2 ü\r")
        .asks(&["Set(Setting(trunk pbx password (secret)))"]);
    session
        .types("set trunk pbx pasword hunter3\r")
        .sees("no such word");
    session
        .types("set trunk pbx password\r\r")
        .sees("Left: nothing was changed.")
        .asks(&[]);
    session.never_sees("hunter2");
    session
        .types("set tr pbx pa hunter4\r")
        .sees("leave it out");
    session.types("logs\rset box\r");
    session
        .types("\x1b[A\x1b[A\x1b[A")
        .line_is("front-desk> logs");
}

#[test]
fn the_admins_password_is_asked_for_twice_and_has_rules() {
    for command in ["password", "set admin password", "11"] {
        let mut session = Session::open();
        session
            .types(&format!("{command}\r"))
            .line_is("New password:");
        session
            .types("short\r")
            .sees("at least 10 characters: nothing was changed.");
        session.types(&format!("{command}\r"));
        session.types("battery staple\r").line_is("Again:");
        session
            .types("battery stable\r")
            .sees("not the same")
            .asks(&[]);
        session.types(&format!("{command}\r"));
        session.types("battery staple\rbattery staple\r");
        assert!(session.asked()[0].contains("(secret)"));
        session.never_sees("staple").never_sees("stable");
    }
}

#[test]
fn what_cannot_be_undone_is_asked_about() {
    let mut session = Session::open();
    session
        .types("reboot\r")
        .sees("Reboot now? Calls end. [y/N]");
    session.types("\r").sees("Not done.").asks(&[]);
    session.types("reboot\ry\r").asks(&["Reboot"]);
    session.types("factory-reset\ry\r").asks(&[]);
    session
        .types("factory-reset\rfactory-reset\r")
        .asks(&["FactoryReset"]);
    session
        .types("factory-reset\r\x03")
        .line_is("front-desk>")
        .asks(&[]);
}

#[test]
fn what_a_box_says_cannot_move_the_cursor() {
    let mut session = Session::open();
    session.replies("a PBX said \x1b[2J\x07 and \u{202e}more\nand a second line");
    session
        .types("show trunks\r")
        .sees("a PBX said ?[2J? and ?more")
        .sees("\nand a second line");
    assert_eq!(session.screen.strange(), [""; 0]);
    assert_eq!(session.screen.bells(), 0);
}
