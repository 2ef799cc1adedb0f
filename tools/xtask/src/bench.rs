//! `bench`: what a transcoded call costs, beside the bare codec in the same run.

use std::process::ExitCode;

use crate::BenchArgs;

/// `cargo xtask bench`
pub fn bench(_args: &BenchArgs) -> Result<ExitCode, String> {
    Err("the bench has nothing to measure yet".to_owned())
}
