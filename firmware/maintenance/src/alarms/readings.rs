//! Reads what alarms are made of.
//!
//! | what | where |
//! |---|---|
//! | temperature | `/sys/class/thermal` |
//! | life of the disk | eMMC: `life_time` in steps of ten percent; NVMe: its health log, by the kernel's ioctl. SATA disks are not asked |
//! | data partition | statvfs of `/var`; `errors_count` of its file system in `/sys/fs/ext4` |
//! | certificate | the first one of `/var/lib/causeway/tls/cert.pem` |
//! | when the image was made | the time of `/etc/os-release`, which is the same for all files of an image |
//! | clock | chrony, by `chronyc -c tracking` |
//! | gateway | `systemctl show` of its unit |

use super::Readings;
use crate::durable;
use crate::program;
use causeway_board::Temperature as _;
use causeway_board_linux::ThermalZones;
use nix::sys::statvfs::{FsFlags, statvfs};
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const LIMIT: Duration = Duration::from_secs(5);

/// Reads the box below a root.
#[derive(Debug)]
pub struct Reader {
    root: PathBuf,
    thermal: ThermalZones,
}

impl Reader {
    /// For the box below `root`.
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            thermal: ThermalZones::new(root),
        }
    }

    /// Reads everything; takes some milliseconds, and up to ten seconds when the box is stuck. Why it is in safe mode is
    /// for the caller to add.
    pub fn read(&mut self) -> Readings {
        let var = statvfs(&self.root.join("var")).ok();
        let used = var.as_ref().and_then(|of| {
            let (blocks, free) = (of.blocks(), of.blocks_available());
            let whole = percent(blocks.saturating_sub(free), blocks)?;
            // A disk without room for names is as full as one without room for octets.
            let names = percent(of.files().saturating_sub(of.files_free()), of.files());
            Some(whole.max(names.unwrap_or(0)))
        });
        let made = fs::metadata(self.root.join("etc/os-release"));
        let (restarts, _) = self.gateway();
        Readings {
            millicelsius: self.thermal.millicelsius().ok(),
            wear: self.wear(),
            disk_used: used,
            read_only: var.map(|of| of.flags().contains(FsFlags::ST_RDONLY)),
            disk_errors: self.disk_errors(),
            data_absent: self.data_absent(),
            memory: self.memory(),
            certificate: self.certificate(),
            clock: clock(),
            made: made.ok().map(|of| of.mtime()),
            synchronised: synchronised(),
            restarts,
            safe_mode: None,
        }
    }

    fn text(&self, name: impl AsRef<Path>) -> Option<String> {
        let mut text = String::new();
        let file = File::open(self.root.join(name)).ok()?;
        file.take(64 * 1024).read_to_string(&mut text).ok()?;
        Some(text)
    }

    /// Faults that the kernel has counted in all file systems of the disk; none where there is no such file system.
    fn disk_errors(&self) -> Option<u64> {
        let folders = fs::read_dir(self.root.join("sys/fs/ext4")).ok()?;
        let counts = folders.flatten().filter_map(|entry| {
            let text = fs::read_to_string(entry.path().join("errors_count")).ok()?;
            text.trim().parse::<u64>().ok()
        });
        counts.reduce(u64::saturating_add)
    }

    fn data_absent(&self) -> Option<bool> {
        // Elsewhere than on a box there is no such partition.
        self.text("proc/cmdline")?
            .contains("causeway.slot=")
            .then(|| !self.root.join("run/causeway-data-ok").exists())
    }

    fn memory(&self) -> Option<u32> {
        let text = self.text("proc/meminfo")?;
        let value = |name: &str| -> Option<u64> {
            let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
            rest.trim().trim_end_matches(" kB").parse().ok()
        };
        percent(value("MemAvailable:")?, value("MemTotal:")?)
    }

    fn certificate(&self) -> Option<i64> {
        let text = self.text("var/lib/causeway/tls/cert.pem")?;
        let (_, pem) = x509_parser::pem::parse_x509_pem(text.as_bytes()).ok()?;
        let certificate = pem.parse_x509().ok()?;
        Some(certificate.validity().not_after.timestamp())
    }

    /// The most worn of the box's disks.
    fn wear(&self) -> Option<u32> {
        let disks = fs::read_dir(self.root.join("sys/block")).ok()?.flatten();
        disks
            .filter_map(|disk| {
                let name = disk.file_name();
                let name = name.to_str()?;
                if let Ok(text) = fs::read_to_string(disk.path().join("device/life_time")) {
                    return emmc_wear(&text);
                }
                let controller = name.strip_prefix("nvme")?.split('n').next()?;
                nvme_wear(&self.root.join(format!("dev/nvme{controller}"))).ok()
            })
            .max()
    }

    /// How often the gateway was started anew, and how it ended last.
    pub fn gateway(&self) -> (Option<u64>, Option<String>) {
        let mut command = Command::new("systemctl");
        command.args(["show", "--property=NRestarts,Result", "causeway.service"]);
        let Ok(said) = program::run(&mut command, LIMIT, 4096) else {
            return (None, None);
        };
        let text = String::from_utf8_lossy(&said.out).into_owned();
        let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
        let restarts = value("NRestarts=").and_then(|count| count.parse().ok());
        (restarts, value("Result=").map(str::to_owned))
    }
}

/// Writes the alarms to `/run/causeway/alarms.json` of the box below `root`.
///
/// # Errors
/// When it cannot be written; what was there is as it was.
pub fn publish(root: &Path, alarms: &[super::Alarm]) -> io::Result<()> {
    let path = root.join("run/causeway/alarms.json");
    durable::write(&path, super::to_json(alarms).as_bytes())?;
    // The gateway reads it.
    let all = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    fs::set_permissions(&path, all)
}

/// Two estimates, each in steps of ten percent: `0x01 0x02`; eleven is "more than all".
fn emmc_wear(text: &str) -> Option<u32> {
    let steps = text.split_whitespace().filter_map(|word| {
        let digits = word.strip_prefix("0x")?;
        u32::from_str_radix(digits, 16).ok()
    });
    // Zero means that it does not say.
    let worst = steps.filter(|step| (1..=11).contains(step)).max()?;
    Some((worst - 1) * 10)
}

/// `struct nvme_admin_cmd` of <linux/nvme_ioctl.h>.
#[repr(C)]
#[derive(Default)]
struct NvmeCommand {
    opcode: u8,
    flags: u8,
    reserved: u16,
    namespace: u32,
    cdw2: u32,
    cdw3: u32,
    metadata: u64,
    address: u64,
    metadata_length: u32,
    length: u32,
    cdw10: u32,
    cdw11: u32,
    cdw12: u32,
    cdw13: u32,
    cdw14: u32,
    cdw15: u32,
    timeout_ms: u32,
    result: u32,
}

mod ioctl {
    nix::ioctl_readwrite!(nvme_admin, b'N', 0x41, super::NvmeCommand);
}

/// The health log (page 2): its sixth octet is what is used up, in percent.
fn nvme_wear(device: &Path) -> io::Result<u32> {
    const GET_LOG_PAGE: u8 = 0x02;
    const HEALTH: u32 = 0x02;
    let file = File::open(device)?;
    let mut log = [0_u8; 512];
    let mut command = NvmeCommand {
        opcode: GET_LOG_PAGE,
        namespace: u32::MAX,
        address: log.as_mut_ptr() as u64,
        length: 512,
        // Words less one, above the number of the page.
        cdw10: HEALTH | (127 << 16),
        timeout_ms: 2_000,
        ..NvmeCommand::default()
    };
    // SAFETY: the command is as the kernel lays it out, and the log has the length that it names and outlives the call.
    unsafe { ioctl::nvme_admin(file.as_raw_fd(), &raw mut command) }?;
    Ok(u32::from(log[5]))
}

/// Whether chrony has a source it follows; none when it does not run.
fn synchronised() -> Option<bool> {
    let mut command = Command::new("chronyc");
    command.args(["-c", "tracking"]);
    let said = program::run(&mut command, LIMIT, 4096).ok()?;
    said.status
        .success()
        .then(|| tracking(&String::from_utf8_lossy(&said.out)))
}

/// The last of fourteen fields says which leap second comes, or that there is no time.
fn tracking(line: &str) -> bool {
    let last = line.trim().rsplit(',').next();
    last.is_some_and(|leap| !leap.is_empty() && leap != "Not synchronised")
}

fn percent(of: u64, whole: u64) -> Option<u32> {
    let part = of.checked_mul(100)?.checked_div(whole)?;
    u32::try_from(part).ok()
}

fn clock() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        Err(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_read_as_a_box() {
        assert_eq!(size_of::<NvmeCommand>(), 72);
        let root = tempfile::tempdir().unwrap();
        let files = [
            ("proc/cmdline", "quiet causeway.slot=a\n"),
            (
                "proc/meminfo",
                "MemTotal:        1000000 kB\nMemFree:  1 kB\nMemAvailable:     400000 kB\n",
            ),
            ("sys/class/thermal/thermal_zone0/temp", "41500\n"),
            ("sys/fs/ext4/vda4/errors_count", "2\n"),
            ("sys/block/mmcblk0/device/life_time", "0x01 0x09\n"),
            (
                "var/lib/causeway/tls/cert.pem",
                include_str!("../../tests/data/cert.pem"),
            ),
            ("etc/os-release", ""),
        ];
        for (name, text) in files {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let readings = Reader::new(root.path()).read();
        assert_eq!(readings.millicelsius, Some(41_500));
        assert_eq!(readings.wear, Some(80));
        assert_eq!(readings.disk_errors, Some(2));
        assert_eq!(readings.data_absent, Some(true));
        assert_eq!(readings.memory, Some(40));
        assert_eq!(readings.read_only, Some(false));
        assert_eq!(readings.certificate, Some(2_426_427_931));
        assert!(readings.disk_used.is_some_and(|used| used <= 100));
        assert!(readings.made.is_some_and(|made| made > 1_700_000_000));
        fs::write(root.path().join("run"), "").unwrap();
        assert!(publish(root.path(), &[]).is_err());
        fs::remove_file(root.path().join("run")).unwrap();
        fs::create_dir_all(root.path().join("run/causeway")).unwrap();
        publish(root.path(), &[]).unwrap();
        let text = fs::read_to_string(root.path().join("run/causeway/alarms.json"));
        assert_eq!(text.unwrap(), "{\"alarms\":[]}");
    }

    #[test]
    fn chrony_and_disks_are_understood() {
        assert!(tracking(
            "C0000201,192.0.2.1,3,1.5,0.1,0.0,0.0,1.0,0.0,0.0,0.0,0.0,64.0,Normal\n"
        ));
        assert!(!tracking(
            "00000000,,0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,1.0,1.0,0.0,Not synchronised\n"
        ));
        assert!(!tracking(""));
        assert_eq!(emmc_wear("0x00 0x00"), None);
        assert_eq!(emmc_wear("0x0b 0x01"), Some(100));
        assert_eq!(emmc_wear("x"), None);
        assert!(nvme_wear(Path::new("/dev/null")).is_err());
    }
}
