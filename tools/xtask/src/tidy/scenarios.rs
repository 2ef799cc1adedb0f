//! The table of interop scenarios: what it lists is there, once, and in order.
//!
//! A row is `| number | peer | what it shows | file | test |`; the file is one below `tests/interop/tests`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const TABLE: &str = "tests/interop/README.md";
const FOLDER: &str = "tests/interop/tests";
/// Fewer were never meant to be there.
const LEAST: usize = 60;

/// Everything wrong with the table.
pub fn findings(root: &Path) -> Result<Vec<String>, String> {
    let table = fs::read_to_string(root.join(TABLE)).map_err(|e| format!("{TABLE}: {e}"))?;
    Ok(against(&table, |file| {
        fs::read_to_string(root.join(FOLDER).join(file)).ok()
    }))
}

fn against(table: &str, read: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let mut findings = Vec::new();
    let mut seen = BTreeSet::new();
    let mut last = 0;
    for (number, row) in table.lines().filter_map(row) {
        if number != last + 1 {
            findings.push(format!(
                "{TABLE}: scenario {number} comes after scenario {last}"
            ));
        }
        last = number;
        let [_, _, file, test] = row;
        let (file, test) = (file.trim_matches('`'), test.trim_matches('`'));
        if !seen.insert((file.to_owned(), test.to_owned())) {
            findings.push(format!("{TABLE}: {file} {test} is listed twice"));
        }
        let there = read(file).is_some_and(|text| text.contains(&format!("fn {test}(")));
        if !there {
            findings.push(format!("{TABLE}: scenario {number}: {file} has no {test}"));
        }
    }
    if last < LEAST {
        findings.push(format!("{TABLE}: {last} scenarios, not even {LEAST}"));
    }
    findings
}

/// The number of a row and its other cells; none when the line is no such row.
fn row(line: &str) -> Option<(usize, [&str; 4])> {
    let mut cells = line
        .strip_prefix('|')?
        .strip_suffix('|')?
        .split('|')
        .map(str::trim);
    let number = cells.next()?.parse().ok()?;
    let row = [cells.next()?, cells.next()?, cells.next()?, cells.next()?];
    cells.next().is_none().then_some((number, row))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: usize) -> String {
        (1..=rows)
            .map(|n| format!("| {n} | SIPp | something | `sipp/a.rs` | `test_{n}` |\n"))
            .collect()
    }

    fn file(name: &str) -> Option<String> {
        (name == "sipp/a.rs").then(|| (1..=60).map(|n| format!("fn test_{n}() {{}}\n")).collect())
    }

    #[test]
    fn a_table_that_is_true_is_left_alone() {
        assert_eq!(against(&table(60), file), Vec::<String>::new());
    }

    #[test]
    fn what_is_not_there_is_found() {
        assert_eq!(against(&table(61), file).len(), 1);
        assert_eq!(against(&table(59), file).len(), 1);
        let twice = table(60)
            .replace("| 3 |", "| 4 |")
            .replace("test_3`", "test_4`");
        assert_eq!(against(&twice, file).len(), 3);
    }
}
