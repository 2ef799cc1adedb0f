//! Updates through the front door: rauc itself (1.13 or newer, `CAUSEWAY_RAUC` or the system's) looks at bundles made here, and its
//! service on a bus of this test's own installs one.

mod support;

use causeway_maintenance::update::{Request, SlotState, UpdateError, journal, slots};
use std::sync::atomic::{AtomicBool, Ordering};
use support::TestBox;

static NEVER: AtomicBool = AtomicBool::new(false);

fn from(source: &str) -> Request<'_> {
    Request {
        source,
        by: "admin",
        force: None,
    }
}

#[test]
fn every_other_update_is_refused_before_anything_is_written() {
    let Some(a_box) = TestBox::new() else {
        return;
    };
    let good = a_box.bundle("good", "causeway-x86_64", "0.2.0", &a_box.ours);
    let board = a_box.bundle("board", "causeway-aarch64", "0.2.0", &a_box.ours);
    let older = a_box.bundle("older", "causeway-x86_64", "0.0.9", &a_box.ours);
    let odd = a_box.bundle("odd", "causeway-x86_64", "latest", &a_box.ours);
    let stranger = a_box.bundle("stranger", "causeway-x86_64", "0.2.0", &a_box.stranger);
    let tampered = a_box.changed(&good, "tampered", |octets| octets[500_000] ^= 1);
    let half = a_box.changed(&good, "half", |octets| octets.truncate(octets.len() / 2));
    let signature = a_box.changed(&good, "signature", |octets| {
        let at = octets.len() - 40;
        octets[at] ^= 1;
    });
    let text = a_box.changed(&good, "text", |octets| *octets = b"hello\n".repeat(100));
    let refused = [
        (&board, "wrong_board"),
        (&older, "older"),
        (&odd, "not_an_update"),
        (&stranger, "untrusted"),
        (&tampered, "corrupt"),
        (&half, "unsigned"),
        (&signature, "untrusted"),
        (&text, "not_an_update"),
    ];
    let missing = a_box.path("var/missing.raucb");
    for (source, code) in refused.into_iter().chain([(&missing, "not_there")]) {
        let fault = a_box
            .installer()
            .install(from(source), &mut |_| {}, &NEVER)
            .expect_err(source);
        assert_eq!(fault.code(), code, "{source}: {fault}");
    }
    let fault = a_box
        .installer()
        .install(from(&good), &mut |_| {}, &AtomicBool::new(true))
        .expect_err("stopped");
    assert_eq!(fault, UpdateError::Stopped);
    assert_eq!(journal::entries(a_box.root()), []);
    assert!(
        a_box.slot_b().iter().all(|octet| *octet == 0),
        "nothing was written"
    );
    // With nothing wrong it gets as far as to ask for the service, which this box lacks.
    let fault = a_box
        .installer()
        .install(from(&good), &mut |_| {}, &NEVER)
        .expect_err("there is no service");
    assert_eq!(fault.code(), "box", "{fault}");
    let fault = a_box.installer().install(
        Request {
            force: Some(" \n"),
            ..from(&older)
        },
        &mut |_| {},
        &NEVER,
    );
    assert_eq!(fault, Err(UpdateError::Reason));
}

#[test]
fn a_server_that_is_not_there_is_told() {
    let Some(a_box) = TestBox::new() else {
        return;
    };
    // Nobody listens at the port for discarding.
    let fault = a_box
        .installer()
        .install(from("https://127.0.0.1:9/x.raucb"), &mut |_| {}, &NEVER)
        .expect_err("nobody is there");
    assert_eq!(fault.code(), "no_network", "{fault}");
}

#[test]
fn a_good_update_is_installed_and_an_older_one_only_with_a_reason() {
    let Some(a_box) = TestBox::new() else {
        return;
    };
    let Some(_service) = a_box.service() else {
        return;
    };
    let good = a_box.plain_bundle("good", "0.2.0");
    let mut told = Vec::new();
    let installed = a_box
        .installer()
        .install(
            from(&good),
            &mut |progress| told.push((progress.percent, progress.what.to_owned())),
            &NEVER,
        )
        .expect("a good update");
    assert_eq!(
        (installed.version.as_str(), installed.slot, installed.forced),
        ("0.2.0", 'b', false)
    );
    assert!(told.is_sorted_by_key(|(percent, _)| *percent), "{told:?}");
    assert!(told.iter().any(|(_, what)| what.starts_with("Copying")));
    assert_eq!(told.last().map(|(percent, _)| *percent), Some(100));
    assert!(
        a_box.slot_b().starts_with(a_box.image()),
        "it is in the slot"
    );

    let older = a_box.plain_bundle("older", "0.0.9");
    let fault = a_box
        .installer()
        .install(from(&older), &mut |_| {}, &NEVER)
        .expect_err("older");
    assert_eq!(fault.code(), "older");
    let force = Some("0.2.0 loses calls");
    let forced = Request {
        force,
        ..from(&older)
    };
    let stop = AtomicBool::new(false);
    let installed = a_box
        .installer()
        .install(
            forced,
            &mut |progress| {
                // Too late once RAUC has begun.
                if progress.percent > 30 {
                    stop.store(true, Ordering::Relaxed);
                }
            },
            &stop,
        )
        .expect("forced");
    assert!(installed.forced);
    assert_eq!(slots(a_box.root())[1].state, SlotState::Trial { tries: 3 });
    let noted: Vec<_> = journal::entries(a_box.root())
        .into_iter()
        .map(|entry| (entry.version, entry.by, entry.forced, entry.outcome))
        .collect();
    let note = |version: &str, forced: Option<&str>| {
        (
            version.to_owned(),
            "admin".to_owned(),
            forced.map(str::to_owned),
            "installed".to_owned(),
        )
    };
    assert_eq!(noted, [note("0.2.0", None), note("0.0.9", force)]);
}
