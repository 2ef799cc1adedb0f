//! Material nobody on the team wrote: real session descriptions, captures and fuzzing seeds,
//! found through `CAUSEWAY_CORPORA`.

mod captures;
mod descriptions;
mod seeds;

use std::path::PathBuf;

/// A folder of the corpora, or `None` after saying loudly that a test is skipped.
fn folder(name: &str) -> Option<PathBuf> {
    let Some(root) = std::env::var_os("CAUSEWAY_CORPORA") else {
        eprintln!("SKIPPED loudly: CAUSEWAY_CORPORA is not set ({name})");
        return None;
    };
    let folder = PathBuf::from(root).join(name);
    if !folder.is_dir() {
        eprintln!("SKIPPED loudly: CAUSEWAY_CORPORA has no {name}");
        return None;
    }
    Some(folder)
}

/// Every file of a folder with its name, in order.
fn files(folder: PathBuf) -> Vec<(String, Vec<u8>)> {
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .collect();
    paths.sort();
    let read = |path: PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, std::fs::read(path).unwrap())
    };
    paths.into_iter().map(read).collect()
}
