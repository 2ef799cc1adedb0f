//! A registration that is made, kept, and taken back.

use super::*;

#[test]
fn it_registers_at_once_refreshes_early_and_takes_itself_back() {
    let mut office = Office::new();
    let ask = office.only();
    assert!(
        ask.starts_with("REGISTER sip:carrier.example SIP/2.0\r\n"),
        "{ask}"
    );
    assert_eq!(header(&ask, "To"), "<sip:4930@carrier.example>");
    assert!(header(&ask, "From").starts_with("<sip:4930@carrier.example>;tag="));
    assert_eq!(
        header(&ask, "Contact"),
        "<sip:4930@10.0.0.1:5060>;expires=300"
    );
    assert_eq!(header(&ask, "Expires"), "300");
    assert_eq!(header(&ask, "Authorization"), "");
    assert_eq!(office.machine.view().state, RegistrationState::Registering);

    office.answer(&ask, "401 Unauthorized", MD5);
    let asked = office.only();
    assert_eq!(header(&asked, "Call-ID"), header(&ask, "Call-ID"));
    assert_eq!(header(&asked, "From"), header(&ask, "From"));
    assert_eq!(header(&ask, "CSeq"), "1 REGISTER");
    assert_eq!(header(&asked, "CSeq"), "2 REGISTER");
    assert_right(&header(&asked, "Authorization"));

    // The registrar grants less than was asked for.
    office.answer(&asked, "200 OK", &contact(120));
    assert_eq!(office.machine.view().state, RegistrationState::Registered);
    assert_eq!(
        office.changes,
        [RegistrationChange::Registered {
            registrar: first(),
            expires_s: 120
        }]
    );

    let (after, _, refresh) = office.next();
    assert!((60..=90).contains(&after.as_secs()), "{after:?}");
    assert_eq!(header(&refresh, "CSeq"), "3 REGISTER");
    let answer = header(&refresh, "Authorization");
    assert_eq!(part(&answer, "nc"), "00000002");
    assert_right(&answer);
    office.answer(&refresh, "200 OK", "Expires: 120\r\n");

    office.machine.leave(office.now);
    office.drain();
    let leave = office.only();
    assert_eq!(header(&leave, "Expires"), "0");
    assert_eq!(
        header(&leave, "Contact"),
        "<sip:4930@10.0.0.1:5060>;expires=0"
    );
    assert_eq!(part(&header(&leave, "Authorization"), "nc"), "00000003");
    // Its nonce is too old by now.
    office.answer(&leave, "401 Unauthorized", &MD5.replace("n1", "n2"));
    let again = office.only();
    assert_eq!(header(&again, "Expires"), "0");
    assert_right(&header(&again, "Authorization"));
    assert!(!office.machine.is_over());
    office.answer(&again, "200 OK", "");
    assert!(office.machine.is_over());
    assert_eq!(office.machine.poll_timeout(), None);
    assert_eq!(office.changes.last(), Some(&RegistrationChange::Left));
}

#[test]
fn what_is_granted_is_read_wherever_it_stands() {
    let many = "Contact: <sip:x@10.9.9.9>;expires=7, <sip:4930@10.0.0.8>;expires=50\r\nContact: \"A\" <sip:4930@10.0.0.1:5060>;q=0.5;expires=\"100\"\r\n";
    for (headers, seconds) in [
        (
            "Contact: <sip:4930@10.0.0.1:5060>;expires=100\r\nExpires: 7\r\n",
            100,
        ),
        // A registrar that shows our Contact as it sees us.
        ("Contact: <sip:other@192.0.2.1:1024>;expires=100\r\n", 100),
        (many, 100),
        ("Contact: <sip:4930@10.0.0.1:5060>\r\nExpires: 100\r\n", 100),
        ("Expires: 100\r\n", 100),
        ("", 300),
        ("Contact: <sip:4930@10.0.0.1:5060>;expires=100000\r\n", 300),
        (
            "Contact: <sip:4930@10.0.0.1:5060>;expires=99999999999999999999999\r\nExpires: 100\r\n",
            100,
        ),
        ("Contact: nonsense\r\nExpires: rubbish\r\n", 300),
    ] {
        let mut office = Office::new();
        let ask = office.only();
        office.answer(&ask, "200 OK", headers);
        let expected = RegistrationChange::Registered {
            registrar: first(),
            expires_s: seconds,
        };
        assert_eq!(office.changes, [expected], "{headers}");
    }
    let mut office = Office::new();
    let ask = office.only();
    office.answer(&ask, "200 OK", &contact(0));
    assert_eq!(
        office.why(),
        Some(RegistrationFault::NothingGranted { status: 200 })
    );
}

#[test]
fn a_broken_connection_is_made_anew_at_once() {
    let mut office = Office::with([7; 32], Transport::Tcp, &[first()]).registered(300);
    office.wait(Duration::from_secs(20));
    office
        .machine
        .connection_lost(Transport::Tcp, second(), office.now);
    office
        .machine
        .connection_lost(Transport::Udp, first(), office.now);
    office.wait(Duration::from_secs(20));
    office.silent();
    office
        .machine
        .connection_lost(Transport::Tcp, first(), office.now);
    let (after, _, ask) = office.next();
    assert_eq!(after, Duration::ZERO);
    office.answer(&ask, "200 OK", &contact(300));
    // One that breaks again and again is no reason to send without end.
    office
        .machine
        .connection_lost(Transport::Tcp, first(), office.now);
    let (after, _, _) = office.next();
    assert_eq!(after, Duration::from_secs(1));
}

#[test]
fn over_a_stream_it_is_refreshed_before_the_connection_goes_idle() {
    let mut office = Office::with([7; 32], Transport::Tcp, &[first()]);
    let ask = office.only();
    office.answer(&ask, "423 Interval Too Brief", "Min-Expires: 7200\r\n");
    let ask = office.only();
    office.answer(&ask, "200 OK", "Expires: 7200\r\n");
    let (after, _, _) = office.next();
    assert_eq!(after, Duration::from_secs(600));
}

#[test]
fn the_refresh_comes_when_the_seed_says() {
    let mut times = Vec::new();
    for seed in 0..8 {
        let mut office = Office::with([seed; 32], Transport::Udp, &[first()]).registered(300);
        times.push(office.next().0);
    }
    times.sort();
    times.dedup();
    assert!(times.len() > 3, "{times:?}");
    assert!(
        times.iter().all(|t| (150..=225).contains(&t.as_secs())),
        "{times:?}"
    );
}

#[test]
fn leaving_ends_whatever_the_registrar_does() {
    // Silence.
    let mut office = Office::new().registered(300);
    office.machine.leave(office.now);
    office.drain();
    office.only();
    office.wait(Duration::from_secs(2));
    assert!(office.machine.is_over());
    // A refusal.
    let mut office = Office::new().registered(300);
    office.machine.leave(office.now);
    office.drain();
    let leave = office.only();
    office.answer(&leave, "500 Oops", "");
    assert!(office.machine.is_over());
    // While the first REGISTER is under way, it may yet have been taken.
    let mut office = Office::new();
    office.only();
    office.machine.leave(office.now);
    office.drain();
    assert_eq!(header(&office.only(), "Expires"), "0");
    // Nothing to take back.
    let mut office = Office::new();
    let ask = office.only();
    office.answer(&ask, "403 Forbidden", "");
    office.machine.leave(office.now);
    office.drain();
    office.silent();
    assert!(office.machine.is_over());
    office.wait(Duration::from_secs(10_000));
    office.silent();
}
