//! The image lies on a disk that is larger than it.

use causeway_image_tests::{Disk, Probe, Setup, configuration};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(180);

const ROOM: Probe = Probe {
    name: "room",
    script: "echo ROOM $(df -m --output=size /var | tail -n 1) MB
cat /run/causeway-grow; journalctl -u causeway-grow -o cat --no-pager; cat /proc/partitions
echo LAST $(sfdisk -d /dev/vda 2>&1 | grep -c corrupt) complaints",
    off: true,
};

fn room(disk: &Disk) -> u64 {
    let mut machine = Setup::default().with(ROOM).boot(disk);
    let (line, _) = machine.line("ROOM", LIMIT);
    let (complaints, _) = machine.line("LAST", LIMIT);
    // The console may be asking for the password on the same line.
    assert!(complaints.ends_with("LAST 0 complaints"), "{complaints}");
    machine.ended(LIMIT);
    let mut words = line.split_whitespace().skip(1);
    words.next().and_then(|mb| mb.parse().ok()).expect("a size")
}

#[test]
fn the_data_partition_fills_its_disk() {
    let disk = Disk::configured("grow", &configuration()).enlarged(3 * 1024);
    assert!(room(&disk) > 2_200, "grown to the end of the disk");
}

/// The power went while the table at the beginning was written: the one at the end is whole, and says where everything is.
#[test]
fn a_table_torn_by_a_power_cut_is_written_anew() {
    let disk = Disk::configured("torn", &configuration());
    disk.damage_table(2 * 512, &[0xff; 512]);
    assert!(room(&disk) > 400);
}
