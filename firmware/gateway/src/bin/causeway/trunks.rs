//! `causeway trunks`.

use crate::commands::{print, print_json};
use crate::table::{table, text, time};
use crate::{Connection, Failure, client};
use serde_json::Value;

pub(crate) async fn trunks(connection: &Connection, as_json: bool) -> Result<(), Failure> {
    let answer = client::get(connection, "/api/v1/trunks", true)
        .await?
        .good()?;
    if as_json {
        print_json(&answer);
    } else {
        print(&trunks_table(&answer));
    }
    Ok(())
}

/// A line a target; what is of the trunk stands in its first.
fn trunks_table(answer: &Value) -> String {
    let none = Vec::new();
    let list = |value: &Value, name: &str| value[name].as_array().cloned().unwrap_or_default();
    let mut rows = Vec::new();
    for trunk in answer["trunks"].as_array().unwrap_or(&none) {
        let mut first = vec![
            text(&trunk["name"]),
            text(&trunk["state"]),
            of(&trunk["calls"], &trunk["max_calls"]),
            limit(&trunk["calls_per_second"]),
            refused(&list(trunk, "refused")),
        ];
        for target in list(trunk, "targets") {
            let mut row = std::mem::replace(&mut first, vec![String::new(); 5]);
            row.extend([
                text(&target["address"]),
                text(&target["state"]),
                time(&target["since"]),
                limit(&target["last_status"]),
            ]);
            rows.push(row);
        }
    }
    let head = [
        "TRUNK", "STATE", "CALLS", "PER S", "REFUSED", "TARGET", "STATE", "SINCE", "LAST",
    ];
    table(&head, &rows)
}

fn of(now: &Value, most: &Value) -> String {
    match most.as_u64() {
        Some(most) => format!("{now}/{most}"),
        None => text(now),
    }
}

fn limit(value: &Value) -> String {
    value
        .as_u64()
        .map_or_else(|| "-".to_owned(), |n| n.to_string())
}

fn refused(list: &[Value]) -> String {
    let sum: u64 = list.iter().filter_map(|r| r["count"].as_u64()).sum();
    sum.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_target_has_its_line() {
        let target = |address: &str, state: &str| json!({"address": address, "state": state, "since": 0, "last_status": 200});
        let answer = json!({"trunks": [{
            "name": "pbx", "state": "up", "calls": 3, "max_calls": 30, "calls_per_second": null,
            "refused": [{"way": "in", "limit": "max_calls", "count": 2}, {"way": "out", "limit": "max_calls", "count": 5}],
            "targets": [target("192.0.2.1:5060", "up"), target("192.0.2.2:5060", "down")],
        }]});
        let shown = trunks_table(&answer);
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines.len(), 3, "{shown}");
        let first: Vec<&str> = lines[1].split_whitespace().take(7).collect();
        assert_eq!(
            first,
            ["pbx", "up", "3/30", "-", "7", "192.0.2.1:5060", "up"]
        );
        assert!(
            lines[2].trim_start().starts_with("192.0.2.2:5060  down"),
            "{shown}"
        );
    }
}
