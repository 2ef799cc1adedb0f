//! `causeway config check`: every fault of a document, with its line.

use crate::Failure;
use causeway_directory::{Config, ConfigError};
use serde_json::json;
use std::path::Path;

pub(crate) fn check(file: &Path, as_json: bool) -> Result<(), Failure> {
    let text = std::fs::read_to_string(file)
        .map_err(|fault| Failure::Unasked(format!("{}: {fault}", file.display())))?;
    let outcome = Config::parse(&text);
    if as_json {
        let faults = outcome.as_ref().err().map_or(&[][..], Vec::as_slice);
        let faults: Vec<_> = faults
            .iter()
            .map(|f| json!({"line": f.line, "column": f.column, "message": f.message}))
            .collect();
        println!("{:#}", json!({"file": file, "faults": faults}));
    }
    match outcome {
        Ok(config) => {
            if !as_json {
                println!("{}", summary(file, &config));
            }
            Ok(())
        }
        Err(faults) => {
            if !as_json {
                for fault in &faults {
                    print!("{}", shown(file, &text, fault));
                }
            }
            let count = match faults.len() {
                1 => "1 fault".to_owned(),
                more => format!("{more} faults"),
            };
            Err(Failure::BadNews(format!("{}: {count}", file.display())))
        }
    }
}

fn summary(file: &Path, config: &Config) -> String {
    let mut text = format!(
        "{} is good: trunks {}, numbers {}, apps {}, accounts {}",
        file.display(),
        config.trunks.len(),
        config.numbers.len(),
        config.apps.len(),
        config.accounts.len()
    );
    if config.settings.admin_key_sha256.is_none() {
        text.push_str(
            "\nbut the box will not listen before [box] has an admin_key_sha256 (see `causeway secret`)",
        );
    }
    text
}

/// The fault, its place, and the line with a caret under the column.
fn shown(file: &Path, text: &str, fault: &ConfigError) -> String {
    let line = text.lines().nth(fault.line.saturating_sub(1)).unwrap_or("");
    let line = without_password(line);
    // Tabs stay tabs, so that the caret stands where the terminal shows the column.
    let before: String = line
        .chars()
        .take(fault.column.saturating_sub(1))
        .map(|c| if c == '\t' { '\t' } else { ' ' })
        .collect();
    let number = fault.line.to_string();
    let gap = " ".repeat(number.len());
    format!(
        "error: {}\n{gap}--> {}:{}:{}\n{gap} |\n{number} | {line}\n{gap} | {before}^\n\n",
        fault.message,
        file.display(),
        fault.line,
        fault.column
    )
}

/// The only secret a document holds readably is not shown to whoever looks over the shoulder.
fn without_password(line: &str) -> String {
    match line.split_once('=') {
        Some((key, _)) if key.trim() == "password" => format!("{key}= \"…\""),
        _ => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caret_stands_under_the_fault() {
        let text = "[box]\n\thttps = 5\n";
        let fault = ConfigError {
            line: 2,
            column: 10,
            message: "expected an address".into(),
        };
        assert_eq!(
            shown(Path::new("a.toml"), text, &fault),
            "error: expected an address\n --> a.toml:2:10\n  |\n2 | \thttps = 5\n  | \t        ^\n\n"
        );
    }

    #[test]
    fn a_password_is_not_quoted() {
        let fault = ConfigError {
            line: 1,
            column: 3,
            message: "m".into(),
        };
        let text = shown(Path::new("a"), "  password = \"hunter2\" x", &fault);
        assert!(!text.contains("hunter2"), "{text}");
    }
}
