//! The tree: its top level, the length of its files, and what must not stand in them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

/// A file past this is split.
const LONGEST: usize = 600;
const TOP: &[&str] = &[
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "board",
    "firmware",
    "image",
    "tests",
    "tools",
];
const SOURCES: &[&str] = &["rs", "ts", "js", "css", "html", "sh"];

/// Everything wrong with the files git knows or would add.
pub fn findings(root: &Path) -> Result<Vec<String>, String> {
    let files = files(root)?;
    let mut findings = top(files.iter().map(String::as_str));
    let own_path = machine_path(root);
    for file in &files {
        // Deleted files are still listed until that is committed; binary ones have no lines.
        let Ok(text) = fs::read_to_string(root.join(file)) else {
            continue;
        };
        findings.extend(content(file, &text, own_path.as_deref()));
    }
    findings.extend(rsip_modules(root, &files));
    Ok(findings)
}

/// Tracked files and those that are neither tracked nor ignored.
fn files(root: &Path) -> Result<Vec<String>, String> {
    let out = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .map_err(|e| format!("git ls-files: {e}"))?;
    if !out.status.success() {
        return Err(format!(
            "git ls-files: {}",
            String::from_utf8_lossy(&out.stderr).trim()
        ));
    }
    let names: BTreeSet<String> = String::from_utf8_lossy(&out.stdout)
        .lines()
        .map(str::to_owned)
        .collect();
    Ok(names.into_iter().collect())
}

/// Visible entries of the top level other than the fixed ones.
fn top<'a>(files: impl Iterator<Item = &'a str>) -> Vec<String> {
    let entries: BTreeSet<&str> = files.filter_map(|f| f.split('/').next()).collect();
    entries
        .into_iter()
        .filter(|entry| !entry.starts_with('.') && !TOP.contains(entry))
        .map(|entry| format!("{entry}: the top level is fixed; it belongs in firmware, board, image, tools or tests"))
        .collect()
}

/// The folder the tree lies in: nothing inside may know it.
fn machine_path(root: &Path) -> Option<String> {
    let parent = root.parent()?.to_str()?;
    (parent.len() > 1).then(|| format!("{parent}/"))
}

fn content(file: &str, text: &str, own_path: Option<&str>) -> Vec<String> {
    let mut findings = Vec::new();
    let source = file
        .rsplit('.')
        .next()
        .is_some_and(|end| SOURCES.contains(&end));
    let lines = text.lines().count();
    // What a build writes is compared with a fresh build, not read.
    let built = file.contains("/dist/");
    if source && !built && lines > LONGEST {
        findings.push(format!(
            "{file}: {lines} lines; split it ({LONGEST} at most)"
        ));
    }
    for (number, line) in text.lines().enumerate() {
        let number = number + 1;
        if own_path.is_some_and(|path| line.contains(path)) {
            findings.push(format!("{file}:{number}: a path of this machine"));
        }
        if source && unfinished(line) {
            findings.push(format!(
                "{file}:{number}: unfinished; an issue is the place to say so"
            ));
        }
    }
    findings
}

/// Whether a line carries one of the two marks for work left undone.
fn unfinished(line: &str) -> bool {
    ["TO", "FIX"].iter().zip(["DO", "ME"]).any(|(a, b)| {
        let mark = format!("{a}{b}");
        line.split(|c: char| !c.is_ascii_alphanumeric())
            .any(|word| word == mark)
    })
}

/// Crates in which rsip is spoken of in more than one module.
fn rsip_modules(root: &Path, files: &[String]) -> Vec<String> {
    let mut modules: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in files
        .iter()
        .filter(|f| f.ends_with(".rs") && !f.starts_with("tools/xtask/"))
    {
        let Ok(text) = fs::read_to_string(root.join(file)) else {
            continue;
        };
        if text
            .lines()
            .any(|line| !line.trim_start().starts_with("//") && line.contains("rsip::"))
            && let Some((krate, module)) = module_of(file)
        {
            modules.entry(krate).or_default().insert(module);
        }
    }
    modules
        .into_iter()
        .filter(|(_, modules)| modules.len() > 1)
        .map(|(krate, modules)| {
            let modules: Vec<String> = modules.into_iter().collect();
            format!(
                "{krate}: rsip is used in {} modules ({}); keep it in one",
                modules.len(),
                modules.join(", ")
            )
        })
        .collect()
}

/// A source file's crate folder and top module: `tools/phone/src/sip/uri.rs` is `sip` of `tools/phone`.
fn module_of(file: &str) -> Option<(String, String)> {
    let (krate, rest) = file
        .split_once("/src/")
        .or_else(|| file.split_once("/tests/"))?;
    let module = rest.split('/').next()?.trim_end_matches(".rs");
    Some((krate.to_owned(), module.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_top_level_is_fixed() {
        let files = [
            "Cargo.toml",
            ".ci/run",
            "firmware/sip/src/lib.rs",
            "docs/index.md",
            "notes.txt",
        ];
        assert_eq!(top(files.into_iter()).len(), 2);
    }

    #[test]
    fn long_files_and_this_machines_paths_are_found() {
        let long = "x\n".repeat(LONGEST + 1);
        assert_eq!(content("firmware/a.rs", &long, None).len(), 1);
        assert_eq!(content("firmware/a.tsv", &long, None).len(), 0);
        let path = machine_path(Path::new("/home/anna/causeway"));
        assert_eq!(
            content("README.md", "see /home/anna/notes", path.as_deref()).len(),
            1
        );
        assert_eq!(machine_path(Path::new("/causeway")), None);
    }

    #[test]
    fn marks_of_unfinished_work_are_found_as_words_only() {
        assert!(unfinished(&format!("// {}{}: later", "TO", "DO")));
        assert!(!unfinished(&format!("a {}{}S list", "TO", "DO")));
        assert!(!unfinished("let to_do = 1;"));
    }

    #[test]
    fn a_folder_counts_as_one_module() {
        assert_eq!(
            module_of("tools/phone/src/sip/uri.rs"),
            module_of("tools/phone/src/sip.rs")
        );
        assert_ne!(
            module_of("tools/phone/src/acd.rs"),
            module_of("tools/phone/src/sip.rs")
        );
    }
}
