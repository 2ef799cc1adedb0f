//! Thermometers of `/sys/class/thermal`.

use causeway_board::Temperature;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What no part of a running box is: sensors that are off or broken say such things.
const PLAUSIBLE: std::ops::RangeInclusive<i32> = -40_000..=150_000;

/// The hottest of all zones.
#[derive(Debug)]
pub struct ThermalZones {
    folder: PathBuf,
}

impl ThermalZones {
    /// Those below `root`; looked for anew at each reading.
    pub fn new(root: &Path) -> Self {
        Self {
            folder: root.join("sys/class/thermal"),
        }
    }
}

impl Temperature for ThermalZones {
    type Error = io::Error;

    fn millicelsius(&mut self) -> io::Result<i32> {
        let zones = fs::read_dir(&self.folder)?.flatten();
        let hottest = zones
            .filter(|zone| {
                zone.file_name()
                    .to_string_lossy()
                    .starts_with("thermal_zone")
            })
            .filter_map(|zone| fs::read_to_string(zone.path().join("temp")).ok())
            .filter_map(|text| text.trim().parse().ok())
            .filter(|degrees| PLAUSIBLE.contains(degrees))
            .max();
        hottest
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no thermometer says anything"))
    }
}
