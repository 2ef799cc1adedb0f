//! The power goes at a moment nobody chose.

use causeway_image_tests::{Disk, Lots, STATE, Setup, configuration, first_options};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(180);

/// `CAUSEWAY_POWER_CUTS` (5) boots are cut off, some before the kernel, some while the box serves.
#[test]
fn boots_again_after_power_cuts() {
    let cuts = std::env::var("CAUSEWAY_POWER_CUTS").map_or(5, |n| n.parse().expect("a number"));
    let disk = Disk::configured("power", &configuration());
    let mut lots = Lots(1);
    for cut in 1..=cuts {
        let after = Duration::from_millis(3_000 + lots.next() % 30_000);
        println!("cut {cut}: after {:.1} s", after.as_secs_f64());
        let machine = Setup::default().boot(&disk);
        std::thread::sleep(after.saturating_sub(machine.since_power_on()));
        machine.cut();
    }
    let mut machine = Setup::default().with(STATE).boot(&disk);
    assert!(first_options(&mut machine, LIMIT).is_some());
    machine.line("SLOT a: active DATA", LIMIT);
}
