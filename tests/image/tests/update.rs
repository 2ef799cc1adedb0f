//! A box is given updates, all but the last of which it must refuse before it writes anything.

use causeway_image_tests::{Bundle, Disk, Hardware, Probe, STATE, Setup, configuration};
use std::fs;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(300);

const INSTALL: Probe = Probe {
    name: "install",
    script: "for name in unsigned stranger board older tampered
do if rauc install /var/updates/$name.raucb >/run/said 2>&1
then echo TAKEN $name
else echo REFUSED $name
tail -n 1 /run/said
fi
done
sha256sum /dev/disk/by-partlabel/causeway-b | cut -c1-8
rauc install /var/updates/good.raucb | tail -n 2
ls /efi/loader/entries
sync
echo INSTALLED",
    off: true,
};

#[test]
fn takes_a_good_update_and_refuses_every_other() {
    let updates = std::env::temp_dir().join(format!("causeway-updates-{}", std::process::id()));
    fs::create_dir_all(&updates).expect("a folder for updates");
    let good = std::env::var_os("CAUSEWAY_UPDATE").expect("CAUSEWAY_UPDATE names no bundle");
    let mut octets = fs::read(&good).expect("the bundle");
    fs::write(updates.join("good.raucb"), &octets).expect("a copy");
    // One bit in the middle of the root.
    let middle = octets.len() / 2;
    octets[middle] ^= 1;
    fs::write(updates.join("tampered.raucb"), &octets).expect("a copy");
    fs::write(updates.join("unsigned.raucb"), &octets[..middle]).expect("a copy");
    let ours = Bundle {
        board: Hardware::at_hand().board(),
        version: "99.0.0",
        stranger: false,
    };
    let bundles = [
        (
            "stranger",
            Bundle {
                stranger: true,
                ..ours
            },
        ),
        (
            "board",
            Bundle {
                board: "causeway-another",
                ..ours
            },
        ),
        (
            "older",
            Bundle {
                version: "0.0.9",
                ..ours
            },
        ),
    ];
    for (name, bundle) in bundles {
        bundle.write(&updates.join(format!("{name}.raucb")));
    }
    let disk = Disk::with_data("update", &configuration(), &[("updates", &updates)]);
    let _ = fs::remove_dir_all(&updates);

    let mut machine = Setup::default().with(INSTALL).boot(&disk);
    machine.line("INSTALLED", LIMIT);
    let console = machine.console();
    for name in ["unsigned", "stranger", "board", "older", "tampered"] {
        assert!(
            console.contains(&format!("REFUSED {name}")),
            "{name} was taken:\n{console}"
        );
    }
    machine.ended(LIMIT);
    assert_eq!(
        disk.esp().entries(),
        ["causeway-a.conf", "causeway-b+3.conf"]
    );

    let mut machine = Setup::default().with(STATE).boot(&disk);
    machine.line("SLOT b: active", LIMIT);
    // Twenty seconds of good health, and a busy host.
    let began = machine.since_power_on();
    while !disk.esp().entries().contains(&"causeway-b.conf".to_owned()) {
        assert!(
            machine.since_power_on() - began < LIMIT,
            "the new version is not blessed"
        );
        std::thread::sleep(Duration::from_secs(2));
    }
}
