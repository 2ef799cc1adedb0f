//! One plane of the gateway hangs while every other goes on: PID 1 ends it and starts it anew.

use causeway_image_tests::{Disk, Probe, Setup, configuration, first_options};
use std::path::Path;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(240);

/// Both are left to the watchdog, which has 15 s; the rest is a machine without KVM.
const RESTART: Duration = Duration::from_secs(60);

const MEDIA: Probe = Probe {
    name: "plane",
    script: "until systemctl is-active --quiet causeway.service; do sleep 1; done
sleep 5
(/var/lib/held/hold-threads $(systemctl show --value -p MainPID causeway.service) media- &)
until [ $(systemctl show --value -p NRestarts causeway.service) -gt 0 ]; do sleep 0.2; done
echo RESTARTED",
    off: false,
};

const SIGNALLING: Probe = Probe {
    name: "plane",
    script: "until systemctl is-active --quiet causeway.service; do sleep 1; done
sleep 5
(/var/lib/held/hold-threads $(systemctl show --value -p MainPID causeway.service) tokio-rt &)
until [ $(systemctl show --value -p NRestarts causeway.service) -gt 0 ]; do sleep 0.2; done
echo RESTARTED",
    off: false,
};

fn restarted_after_a_hang_of(plane: Probe) {
    let tool = Path::new(env!("CARGO_BIN_EXE_hold-threads"));
    let folder = std::env::temp_dir().join(format!("causeway-held-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::copy(tool, folder.join("hold-threads")).expect("the tool");
    let disk = Disk::with_data("plane", &configuration(), &[("lib/held", &folder)]);
    let _ = std::fs::remove_dir_all(&folder);

    let mut machine = Setup::default().with(plane).boot(&disk);
    let (_, held) = machine.line("HELD", LIMIT);
    let (_, restarted) = machine.line("RESTARTED", LIMIT);
    let after = restarted - held;
    println!("restarted after {:.1} s", after.as_secs_f64());
    assert!(after < RESTART, "{after:?}");
    let since = Instant::now();
    assert!(first_options(&mut machine, LIMIT).is_some());
    println!("answers again {:.1} s later", since.elapsed().as_secs_f64());
}

#[test]
fn media_that_hangs_is_restarted() {
    restarted_after_a_hang_of(MEDIA);
}

#[test]
fn signalling_that_hangs_is_restarted() {
    restarted_after_a_hang_of(SIGNALLING);
}
