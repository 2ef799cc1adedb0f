//! What no compiler checks: who may import whom, how long a file may be, what the top folder holds,
//! and whether the table of interop scenarios is true.

mod arrows;
mod scenarios;
mod tree;

use std::process::ExitCode;

use crate::workspace;

/// `cargo xtask tidy`
pub fn command() -> Result<ExitCode, String> {
    Ok(if check()? {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Prints every finding; true when there is none.
pub fn check() -> Result<bool, String> {
    let root = workspace::root()?;
    let mut findings = arrows::findings(&workspace::metadata()?)?;
    findings.extend(tree::findings(&root)?);
    findings.extend(scenarios::findings(&root)?);
    for finding in &findings {
        eprintln!("tidy: {finding}");
    }
    if findings.is_empty() {
        eprintln!("tidy: nothing found");
    }
    Ok(findings.is_empty())
}
