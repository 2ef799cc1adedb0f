//! Where things are: the tree, its build products, its caches.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The tree's top folder.
pub fn root() -> Result<PathBuf, String> {
    let here = env::var_os("CARGO_MANIFEST_DIR")
        .map(PathBuf::from)
        .or_else(|| env::current_dir().ok())
        .ok_or("cannot tell where the tree is: neither CARGO_MANIFEST_DIR nor a current folder")?;
    here.ancestors()
        .find(|dir| dir.join("tools/xtask/Cargo.toml").is_file())
        .map(Path::to_path_buf)
        .ok_or_else(|| format!("{} is not inside the Causeway tree", here.display()))
}

/// Cargo, as the one that runs us.
pub fn cargo() -> Result<Command, String> {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root()?);
    Ok(cargo)
}

/// `cargo metadata` of the workspace's own crates.
pub fn metadata() -> Result<Value, String> {
    let out = cargo()?
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .output()
        .map_err(|e| format!("cargo metadata: {e}"))?;
    if !out.status.success() {
        return Err(format!(
            "cargo metadata: {}",
            String::from_utf8_lossy(&out.stderr).trim()
        ));
    }
    serde_json::from_slice(&out.stdout).map_err(|e| format!("cargo metadata: {e}"))
}

/// The folder the programs of a build are in.
pub fn programs(release: bool) -> Result<PathBuf, String> {
    let metadata = metadata()?;
    let target = metadata["target_directory"]
        .as_str()
        .ok_or("cargo metadata names no target folder")?;
    Ok(Path::new(target).join(if release { "release" } else { "debug" }))
}

/// The folder for what takes long to make and can be made again.
pub fn cache() -> Result<PathBuf, String> {
    env::var_os("XDG_CACHE_HOME")
        .filter(|v| !v.is_empty())
        .map(PathBuf::from)
        .or_else(|| env::var_os("HOME").map(|home| Path::new(&home).join(".cache")))
        .map(|base| base.join("causeway"))
        .ok_or_else(|| "neither XDG_CACHE_HOME nor HOME is set".to_owned())
}

/// The folder of test data nobody on the project wrote: `CAUSEWAY_CORPORA`, or `../shared/corpora` where that exists.
pub fn corpora() -> Result<Option<PathBuf>, String> {
    if let Some(dir) = env::var_os("CAUSEWAY_CORPORA").filter(|v| !v.is_empty()) {
        return Ok(Some(PathBuf::from(dir)));
    }
    let beside = root()?.parent().map(|p| p.join("shared/corpora"));
    Ok(beside.filter(|dir| dir.is_dir()))
}
