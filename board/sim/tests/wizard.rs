//! The first start, question by question.

use causeway_board_sim::Session;

/// Through the first questions to the one for IPv4.
fn at_the_network() -> Session {
    let mut session = Session::first_start();
    session
        .types("battery staple\rbattery staple\r")
        .line_is("IPv4 address [dhcp]:");
    session
}

#[test]
fn enter_takes_what_is_offered() {
    let mut session = at_the_network();
    session.types("\r\r\r\r").line_is("PBX address:");
    session
        .types("192.0.2.20\r\r\r")
        .line_is("Number to call [none]:");
    session.types("\ryes\r").asks(&[
        "admin password = battery staple",
        "network ipv4 address = dhcp",
        "network ipv6 address = auto",
        "time server = pool.ntp.org",
        "time zone = UTC",
        "trunk pbx address = 192.0.2.20",
        "trunk pbx transport = udp",
    ]);
    session.line_is("front-desk>").never_sees("staple");
    session.types("exit\r").asks(&["lock"]).line_is("Password:");
}

#[test]
fn the_password_comes_first_and_has_to_be_good_and_the_same() {
    let mut session = Session::first_start();
    session.line_is("Password:");
    session
        .types("\r")
        .sees("Password: at least 10 characters.");
    session
        .types("aaaaaaaaaaaa\r")
        .sees("at least 6 different characters");
    session
        .types("Password2026\r")
        .sees("among the first that are tried");
    session.types("battery staple\r").line_is("The same again:");
    session
        .types("battery stable\r")
        .sees("not the same; once more from the first")
        .line_is("Password:");
    session
        .types("battery staple\rbattery staple\r")
        .line_is("IPv4 address [dhcp]:");
    session
        .never_sees("staple")
        .never_sees("stable")
        .never_sees("2026")
        .asks(&[]);
}

#[test]
fn what_cannot_be_is_told_with_the_reason() {
    let mut session = at_the_network();
    for (answer, why) in [
        ("192.0.2.10", "write address/prefix"),
        ("192.0.2.0/24", "means the whole network"),
        ("127.0.0.1/8", "no machine can have this address"),
    ] {
        session
            .types(&format!("{answer}\r"))
            .sees(why)
            .line_is("IPv4 address [dhcp]:");
    }
    session
        .types("none\rnone\r")
        .sees("without IPv4 and IPv6 nobody reaches the box");
    session
        .types("2001:db8::10/64\r")
        .line_is("IPv6 gateway [none]:");
    session
        .types("2001:db8:1::1\r")
        .sees("neither link-local nor in the network");
    session.types("fe80::1\r").line_is("Name servers:");
    session.types("ns.example\r").sees("known by its address");
    session
        .types("2001:db8::53, 2001:db8::54\r")
        .line_is("Time servers [pool.ntp.org]:");
    session.types("a b c d e\r").sees("too many");
    session
        .types("ntp.example\rMoon/\r")
        .sees("write a zone as Europe/Berlin");
    session
        .types("\rpbx.example:0\r")
        .sees("the port is a number of 1 to 65535");
    session.types("pbx.example\rsctp\r").sees("udp, tcp or tls");
    session
        .types("\rcauseway\r\r")
        .sees("the user has one")
        .line_is("Secret:");
    session
        .types("s3cret of the trunk\r12a\r")
        .sees("a number is 1 to 32 digits");
    session
        .types("+49 30\r+4930555009\rperhaps\r")
        .sees("yes, back, again or abort");
    session.types("yes\r").never_sees("s3cret").asks(&[
        "admin password = battery staple",
        "network ipv4 address = none",
        "network ipv6 address = 2001:db8::10/64",
        "network ipv6 gateway = fe80::1",
        "network dns = 2001:db8::53",
        "network dns = 2001:db8::54",
        "time server = ntp.example",
        "time zone = UTC",
        "trunk pbx address = pbx.example",
        "trunk pbx transport = udp",
        "trunk pbx username = causeway",
        "trunk pbx password = s3cret of the trunk",
        "test number = +4930555009",
    ]);
}

#[test]
fn back_and_again_keep_what_was_answered() {
    let mut session = at_the_network();
    session
        .types("192.0.2.10/24\r192.0.2.1\r")
        .line_is("IPv6 address [auto]:");
    session.types("back\r").line_is("IPv4 gateway [192.0.2.1]:");
    session
        .types("back\r")
        .line_is("IPv4 address [192.0.2.10/24]:");
    session
        .types("dhcp\rnone\r\r\rnone\r")
        .line_is("Put it into use? yes, back, again, abort:");
    session.types("again\r").line_is("Password [as it is]:");
    session.types("\r").line_is("IPv4 address [dhcp]:");
    session.types("\r\r\rEurope/Berlin\r\ryes\r").asks(&[
        "admin password = battery staple",
        "network ipv4 address = dhcp",
        "network ipv6 address = none",
        "time server = pool.ntp.org",
        "time zone = Europe/Berlin",
    ]);
}

#[test]
fn back_stops_at_the_first_question() {
    let mut session = Session::first_start();
    session.types("back\r").sees("This is the first question.");
    session
        .types("battery staple\rback\r")
        .line_is("Password [as it is]:");
}

#[test]
fn another_password_has_to_be_repeated_again() {
    let mut session = at_the_network();
    session.types("back\r").line_is("Password [as it is]:");
    session.types("correct horse\r").line_is("The same again:");
    session.types("correct horse\r\r\r\r\rnone\ryes\r");
    assert_eq!(session.asked()[0], "admin password = correct horse");
}

#[test]
fn who_leaves_has_changed_nothing() {
    for leave in ["abort\r", "\x03"] {
        let mut session = at_the_network();
        session.types("192.0.2.10/24\r").types(leave);
        session
            .sees("Left; nothing was changed.")
            .line_is("front-desk>")
            .asks(&[]);
        session.types("setup\r").line_is("Password:");
    }
    let mut session = at_the_network();
    session.types("192.0\x03").line_is("IPv4 address [dhcp]:");
    session
        .types("192.0.2.10/24\0")
        .line_is("IPv4 address [dhcp]:");
}

#[test]
fn it_explains() {
    let mut session = at_the_network();
    session
        .types("?")
        .sees("192.0.2.10/24 where the mask is 255.255.255.0")
        .line_is("IPv4 address [dhcp]:");
    session
        .types("back\r?\r")
        .sees("Only a factory reset helps who forgets it.");
}

#[test]
fn a_box_in_use_keeps_its_password_if_nothing_is_said() {
    let mut session = Session::open();
    session.types("1\r").line_is("Password [as it is]:");
    session.types("\r\r\r\r\rnone\ryes\r").asks(&[
        "network ipv4 address = dhcp",
        "network ipv6 address = auto",
        "time server = pool.ntp.org",
        "time zone = UTC",
    ]);
}

#[test]
fn somebody_who_walks_away_from_a_box_in_use_is_locked_out() {
    let mut session = Session::open();
    session
        .types("setup\rbattery staple\rbattery staple\r192.0.2.10/24\r")
        .passes(600_000);
    session.asks(&["lock"]).line_is("Password:");
    session
        .types("correct horse\rsetup\r")
        .line_is("Password [as it is]:");
    session.types("\r").line_is("IPv4 address [dhcp]:");
}
