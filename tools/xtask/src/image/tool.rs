//! The programs that make file systems: run quietly, and quoted when they fail.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Runs a program and gives what it wrote to standard output.
///
/// # Errors
/// Its last words, when it fails.
pub fn run(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    // Much of it is in sbin, which is not on every user's path; and what is made depends on no language or time zone.
    let path = std::env::var("PATH").unwrap_or_default();
    let out = command
        .env("PATH", format!("{path}:/usr/sbin:/sbin"))
        .env("LC_ALL", "C")
        .env("TZ", "UTC")
        .stdin(Stdio::null())
        .output()
        .map_err(|e| format!("cannot start {name}: {e}"))?;
    if !out.status.success() {
        let said = String::from_utf8_lossy(&out.stderr);
        return Err(format!("{name} failed ({}): {}", out.status, said.trim()));
    }
    Ok(String::from_utf8_lossy(&out.stdout).into_owned())
}

/// A shell script of a few lines with its arguments.
///
/// # Errors
/// As [`run`].
pub fn shell<S: AsRef<OsStr>>(script: &str, arguments: &[S]) -> Result<String, String> {
    run(Command::new("sh")
        .args(["-eu", "-c", script, "sh"])
        .args(arguments))
}

/// SHA-256 of a file, in hexadecimal.
///
/// # Errors
/// As [`run`].
pub fn digest(file: &Path) -> Result<String, String> {
    let out = run(Command::new("sha256sum").arg(file))?;
    Ok(out.split_whitespace().next().unwrap_or_default().to_owned())
}

/// When the tree was last committed, in seconds since 1970: the age of every file in the image. `SOURCE_DATE_EPOCH` says
/// otherwise.
///
/// # Errors
/// When git does not know.
pub fn epoch(root: &Path) -> Result<u64, String> {
    if let Some(epoch) = std::env::var("SOURCE_DATE_EPOCH")
        .ok()
        .filter(|e| !e.is_empty())
    {
        return epoch.parse().map_err(|e| format!("SOURCE_DATE_EPOCH: {e}"));
    }
    run(Command::new("git")
        .args(["log", "-1", "--format=%ct"])
        .current_dir(root))?
    .trim()
    .parse()
    .map_err(|e| format!("the time of the last commit: {e}"))
}

/// A folder that is gone when this is dropped.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// # Errors
    /// When there is no room for it.
    pub fn new(name: &str) -> Result<Self, String> {
        let path = std::env::temp_dir().join(format!("causeway-{name}-{}", std::process::id()));
        if path.exists() {
            fs::remove_dir_all(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        }
        fs::create_dir_all(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        Ok(Self(path))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The words of a list: one a line, `#` begins a remark.
pub fn list(text: &str) -> Vec<&str> {
    text.lines()
        .map(|line| line.split('#').next().unwrap_or_default().trim())
        .filter(|word| !word.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_have_remarks() {
        assert_eq!(
            list("# all of it\nsystemd\nkmod   # loads\n\n"),
            ["systemd", "kmod"]
        );
    }

    #[test]
    fn a_program_that_fails_is_quoted() {
        let why = shell("echo no such thing >&2; exit 3", &[] as &[&str]).unwrap_err();
        assert!(why.contains("no such thing"), "{why}");
    }
}
