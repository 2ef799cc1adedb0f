//! `quality`: how calls sound on bad networks, by PESQ of real speech through a real box.
//!
//! The speech is Debian's `asterisk-core-sounds-en-wav` (of the chroot of `interop`, or unpacked into the cache), the judge
//! the Python package `pesq` in an environment of the cache. Nothing else is installed on the machine.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::needs::{self, Purpose};
use crate::run::build;
use crate::step::{announce, plain};
use crate::{QualityArgs, workspace};

const SPEECH: &str = "asterisk-core-sounds-en-wav";
/// Where that package keeps it.
const FOLDER: &str = "usr/share/asterisk/sounds/en_US_f_Allison";
const ONE_OF_THEM: &str = "demo-congrats.wav";
const JUDGE: &str = "pesq==0.0.4";

/// `cargo xtask quality`
pub fn quality(args: &QualityArgs) -> Result<ExitCode, String> {
    needs::ensure(&[Purpose::Build, Purpose::Quality], args.yes)?;
    let cache = workspace::cache()?;
    let speech = speech(&cache)?;
    let python = python(&cache)?;
    build(
        &[
            "causeway-gateway",
            "causeway-phone",
            "causeway-harness",
            "causeway-quality",
        ],
        true,
    )?;
    announce("calls");
    let mut quality = Command::new(workspace::programs(true)?.join("causeway-quality"));
    quality.arg("--speech").arg(speech);
    quality.arg("--python").arg(python);
    quality.args(["--seed", &args.seed.to_string()]);
    if args.quick {
        quality.arg("--quick");
    }
    if let Some(json) = &args.json {
        quality.arg("--json").arg(json);
    }
    Ok(if plain(&mut quality)? {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The folder with the recordings.
fn speech(cache: &Path) -> Result<PathBuf, String> {
    let own = cache.join("speech");
    for place in [cache.join("asterisk-22"), own.clone()] {
        let folder = place.join(FOLDER);
        if folder.join(ONE_OF_THEM).is_file() {
            return Ok(folder);
        }
    }
    announce(&format!("{SPEECH}, unpacked into {}", own.display()));
    std::fs::create_dir_all(&own).map_err(|e| format!("{}: {e}", own.display()))?;
    let mut fetch = Command::new("apt-get");
    fetch.args(["download", SPEECH]).current_dir(&own);
    let packages = || {
        let files = std::fs::read_dir(&own).into_iter().flatten().flatten();
        files
            .map(|f| f.path())
            .find(|p| p.extension().is_some_and(|e| e == "deb"))
    };
    if !plain(&mut fetch)? {
        return Err(format!(
            "{SPEECH} could not be fetched; the message is above"
        ));
    }
    let package = packages().ok_or_else(|| format!("apt-get left no package of {SPEECH}"))?;
    if !plain(Command::new("dpkg-deb").arg("-x").arg(&package).arg(&own))? {
        return Err(format!("{} cannot be unpacked", package.display()));
    }
    let folder = own.join(FOLDER);
    if folder.join(ONE_OF_THEM).is_file() {
        Ok(folder)
    } else {
        Err(format!("{SPEECH} has no {FOLDER}/{ONE_OF_THEM}"))
    }
}

/// A Python with the judge.
fn python(cache: &Path) -> Result<PathBuf, String> {
    let environment = cache.join("pesq");
    let python = environment.join("bin/python");
    if works(&python) {
        return Ok(python);
    }
    announce(&format!("{JUDGE} from PyPI into {}", environment.display()));
    let made = plain(
        Command::new("python3")
            .args(["-m", "venv"])
            .arg(&environment),
    )? && plain(
        Command::new(&python).args(["-m", "pip", "install", "--quiet", JUDGE, "numpy"]),
    )?;
    if made && works(&python) {
        Ok(python)
    } else {
        Err(format!(
            "{JUDGE} could not be installed; the message is above"
        ))
    }
}

fn works(python: &Path) -> bool {
    let mut import = Command::new(python);
    import.args(["-c", "import pesq, numpy"]);
    import.output().is_ok_and(|out| out.status.success())
}
