//! The real console at the other end of a terminal device, with somebody at the cable who knows it by what it prints.

mod support;

use causeway_board::console::Access;
use causeway_cable::{Answers, CableError};
use std::fs;
use std::thread;
use std::time::Duration;
use support::{PASSWORD, at_the_cable};

fn answers() -> Answers {
    Answers {
        password: Some("battery staple".into()),
        ipv4: Some("192.0.2.10/24".into()),
        ipv4_gateway: Some("192.0.2.1".into()),
        name_servers: Some("192.0.2.53 192.0.2.54".into()),
        pbx: Some("192.0.2.20".into()),
        user: Some("causeway".into()),
        secret: Some("of the trunk".into()),
        ..Answers::default()
    }
}

const TOLD: [&str; 12] = [
    "admin password = battery staple",
    "network ipv4 address = 192.0.2.10/24",
    "network ipv4 gateway = 192.0.2.1",
    "network ipv6 address = auto",
    "network dns = 192.0.2.53",
    "network dns = 192.0.2.54",
    "time server = pool.ntp.org",
    "time zone = UTC",
    "trunk pbx address = 192.0.2.20",
    "trunk pbx transport = udp",
    "trunk pbx username = causeway",
    "trunk pbx password = of the trunk",
];

#[test]
fn a_new_box_is_set_up_and_asked_how_it_is() {
    at_the_cable(Access::New, |session, desk| {
        let banner = session.wait_banner().unwrap();
        assert_eq!(
            (banner.version.as_str(), banner.slot.as_str()),
            ("0.1.0", "b")
        );
        assert_eq!(banner.addresses, ["192.0.2.10", "2001:db8::10"]);
        assert_eq!(banner.last_start, "watchdog: the box had hung");
        assert!(session.is_new());
        assert!(matches!(session.log_in("x"), Err(CableError::NotSetUp)));
        let said = session.set_up(&answers()).unwrap();
        assert!(said.contains("In use."), "{said}");
        assert_eq!(desk.ran(), TOLD);
        let status = session.command("show status").unwrap();
        assert_eq!(status, "state well\ncalls 3\n");
    });
}

#[test]
fn an_answer_that_is_refused_is_told_and_leaves_the_box_as_it_was() {
    at_the_cable(Access::New, |session, desk| {
        session.wait_banner().unwrap();
        let mut wrong = answers();
        wrong.ipv4_gateway = Some("192.0.3.1".into());
        let fault = session.set_up(&wrong).unwrap_err().to_string();
        assert_eq!(
            fault,
            "`IPv4 gateway` was answered, and refused: not in the network of the box's own address."
        );
        wrong.ipv4_gateway = None;
        let fault = session.set_up(&wrong).unwrap_err().to_string();
        assert_eq!(fault, "`IPv4 gateway` needs an answer, and there is none");
        assert!(desk.ran().is_empty());
        session.set_up(&answers()).unwrap();
        assert_eq!(desk.ran(), TOLD);
    });
}

#[test]
fn a_locked_box_wants_the_password() {
    at_the_cable(Access::Guarded, |session, desk| {
        session.wait_banner().unwrap();
        assert!(matches!(session.command("reboot"), Err(CableError::Locked)));
        let wrong = session.log_in("correct house");
        assert!(matches!(wrong, Err(CableError::WrongPassword { .. })));
        session.log_in(PASSWORD).unwrap();
        session.log_in(PASSWORD).unwrap();
        session.command("show trunks").unwrap();
        assert_eq!(desk.ran(), ["Trunks"]);
    });
}

#[test]
fn what_the_console_or_the_box_refuses_is_an_error() {
    at_the_cable(Access::LoggedIn, |session, desk| {
        session.wait_banner().unwrap();
        for (command, why) in [
            (
                "set box nme x",
                "`set box nme x`: column 9: no such word here; there is https, management, max_calls, media, name, preflight, public, ring_s, stun, turn, turn_udp",
            ),
            (
                "show",
                "`show`: not complete; next is alarms, calls, configuration, draft, log, network, resets, revisions, status, trunks, version",
            ),
            ("commit", "`commit`: trunk pbx has no address"),
            (
                "set trunk pbx password",
                "`set trunk pbx password` asked `Secret:`",
            ),
            ("import", "`import`: the disk is full"),
        ] {
            let fault = if command == "import" {
                let none = &mut |_, _| {};
                let file = desk.folder.join("x");
                fs::write(&file, "x").unwrap();
                session.send_file(command, &file, "x", none).unwrap_err()
            } else {
                session.command(command).unwrap_err()
            };
            assert_eq!(fault.to_string(), why);
        }
        desk.ran();
        session
            .secret("set trunk pbx password", "of the trunk")
            .unwrap();
        session.secret("password", "battery staple").unwrap();
        let ran = desk.ran();
        assert_eq!(
            ran,
            [
                "Set(Setting(trunk pbx password (secret)))",
                "Password(Setting(admin password (secret)))"
            ]
        );
    });
}

#[test]
fn long_commands_and_long_answers_pass() {
    at_the_cable(Access::LoggedIn, |session, desk| {
        session.wait_banner().unwrap();
        let name = "x".repeat(63);
        let command = format!("set box name       '{name}'                        ");
        assert_eq!(session.command(&command).unwrap(), "done\n");
        assert_eq!(desk.ran(), [format!("Set(Setting(box name {name}))")]);
        assert_eq!(session.command("show version").unwrap().trim_end(), "0.1.0");
    });
}

#[test]
fn messages_of_the_kernel_bury_nothing() {
    at_the_cable(Access::Guarded, |session, desk| {
        session.wait_banner().unwrap();
        desk.kernel_says("eth0: link down");
        session.log_in(PASSWORD).unwrap();
        desk.kernel_says("eth0: link up");
        let log = session.command("logs 1000").unwrap();
        assert!(log.contains("line 1000 of the log"), "{log}");
        assert!(log.contains("eth0: link up"));
        desk.kernel_says("eth0: link down");
        assert_eq!(
            session.command("show status").unwrap(),
            "state well\ncalls 3\n"
        );
    });
}

#[test]
fn messages_of_the_kernel_bury_no_question_either() {
    at_the_cable(Access::New, |session, desk| {
        session.wait_banner().unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..10 {
                    thread::sleep(Duration::from_millis(400));
                    desk.kernel_says("usb 1-1: new device");
                }
            });
            session.set_up(&answers()).unwrap();
        });
        assert_eq!(desk.ran(), TOLD);
    });
}

#[test]
fn a_box_that_was_left_in_the_middle_of_something_is_found() {
    at_the_cable(Access::LoggedIn, |session, _| {
        session.wait_banner().unwrap();
        for left in [
            "ping pbx.example\r",
            "set box na",
            "setup\r",
            "setup\r\r192.0.2.10/24\r192.",
            "set trunk pbx password\rhunt",
            "factory-reset\r",
            "7\r",
            "'",
        ] {
            session.leave(left).unwrap();
            thread::sleep(Duration::from_millis(300));
            assert_eq!(session.attend().unwrap(), None);
            assert!(session.is_in(), "{left}");
            session.command("show status").unwrap();
        }
    });
}

#[test]
fn a_locked_box_and_a_new_one_are_told_apart_without_their_banner() {
    for access in [Access::New, Access::Guarded] {
        at_the_cable(access, |session, _| {
            // It has started long ago.
            thread::sleep(Duration::from_millis(600));
            let banner = session.attend().unwrap();
            assert_eq!(banner.is_some(), access == Access::Guarded);
            assert_eq!(session.is_new() || session.is_in(), access == Access::New);
            if access == Access::Guarded {
                session.log_in(PASSWORD).unwrap();
            } else {
                session.set_up(&answers()).unwrap();
            }
            session.command("show status").unwrap();
        });
    }
}

#[test]
fn a_box_starts_anew_and_is_seen_again() {
    at_the_cable(Access::Guarded, |session, desk| {
        session.wait_banner().unwrap();
        session.log_in(PASSWORD).unwrap();
        session.reboot().unwrap();
        let banner = session.wait_banner().unwrap();
        assert_eq!(banner.name, "front-desk");
        session.log_in(PASSWORD).unwrap();
        assert_eq!(desk.ran(), ["Reboot"]);
    });
}

#[test]
fn nobody_at_the_other_end_is_an_error_that_says_what_was_seen() {
    at_the_cable(Access::LoggedIn, |session, _| {
        session.set_patience(Duration::from_secs(1));
        session.wait_banner().unwrap();
        let fault = session.wait_banner().unwrap_err().to_string();
        assert!(fault.starts_with("waited for the banner in vain; the last lines were:"));
        assert!(fault.contains("  | front-desk> "), "{fault}");
    });
}

#[test]
fn an_update_goes_over_the_cable_and_goes_on_where_it_ended() {
    at_the_cable(Access::LoggedIn, |session, desk| {
        session.wait_banner().unwrap();
        let update: Vec<u8> = (0..300_000_u32)
            .map(|at| (at.wrapping_mul(at) >> 7) as u8)
            .collect();
        let file = desk.folder.join("new.raucb");
        fs::write(&file, &update).unwrap();
        let mut shown = Vec::new();
        let mut progress = |given, length| shown.push((given, length));
        let report = session
            .send_file("update receive", &file, "new.raucb", &mut progress)
            .unwrap();
        assert_eq!((report.octets, report.went_on_at), (300_000, 0));
        assert_eq!(report.text.trim(), "new.raucb is good.");
        assert!(fs::read(desk.folder.join("came")).unwrap() == update);
        assert!(shown.len() > 100 && shown.is_sorted());

        fs::write(desk.folder.join("came.part"), &update[..200_000]).unwrap();
        let none = &mut |_, _| {};
        let report = session.send_file("update receive", &file, "new.raucb", none);
        assert_eq!(report.unwrap().went_on_at, 200_000);
        assert!(fs::read(desk.folder.join("came")).unwrap() == update);

        // Of another file.
        fs::write(desk.folder.join("came.part"), [7; 200_000]).unwrap();
        let report = session.send_file("update receive", &file, "new.raucb", none);
        assert_eq!(report.unwrap().went_on_at, 0);
        assert!(fs::read(desk.folder.join("came")).unwrap() == update);
        session.command("show status").unwrap();
    });
}

#[test]
fn a_support_bundle_comes_over_the_cable() {
    at_the_cable(Access::LoggedIn, |session, desk| {
        session.wait_banner().unwrap();
        let bundle: Vec<u8> = (0..100_000_u32)
            .map(|at| (at * 31).to_be_bytes()[2])
            .collect();
        let to = desk.folder.join("here.tar.gz");
        let none = &mut |_, _| {};
        let missing = session.receive_file("support bundle send", &to, none);
        let why = missing.unwrap_err().to_string();
        assert!(why.contains("No such file"), "{why}");
        assert!(!to.exists());
        fs::write(desk.folder.join("bundle"), &bundle).unwrap();
        let report = session
            .receive_file("support bundle send", &to, none)
            .unwrap();
        assert_eq!(report.octets, 100_000);
        assert!(fs::read(&to).unwrap() == bundle);
        session.command("show status").unwrap();
    });
}
