//! A box whose data partition is marked for a factory reset forgets everything before anybody reads it.

use causeway_image_tests::{Disk, Probe, Setup, configuration};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(240);

const MARK: Probe = Probe {
    name: "mark",
    script: "echo somebody >/var/factory-reset
echo kept >/var/lib/kept
sync",
    off: true,
};

const LOOK: Probe = Probe {
    name: "look",
    script: "echo FOUND $(ls /var/factory-reset /var/lib/kept /efi/factory-reset 2>/dev/null | wc -l) of it
echo STATE $(systemctl is-active causeway.service) $([ -e /run/causeway-data-ok ] && echo DATA)",
    off: false,
};

#[test]
fn a_marked_data_partition_is_made_anew() {
    let disk = Disk::configured("reset", &configuration());
    let mut machine = Setup::default().with(MARK).boot(&disk);
    machine.line("PROBE END", LIMIT);
    machine.ended(LIMIT);

    let mut machine = Setup::default().with(LOOK).boot(&disk);
    machine.line("everything that was set is erased", LIMIT);
    machine.line("Setting up.", LIMIT);
    machine.line("FOUND 0 of it", LIMIT);
    machine.line("STATE inactive DATA", LIMIT);
}
