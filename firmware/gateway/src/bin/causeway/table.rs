//! Text for people: columns as wide as they must be, times they can read.

use causeway_api::timestamp::rfc3339;
use serde_json::Value;

/// Rows under a head, two spaces between columns.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .chain(head.get(column).map(|cell| cell.chars().count()))
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let text: Vec<String> = cells
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        let mut text = text.join("  ").trim_end().to_owned();
        text.push('\n');
        text
    };
    let mut out = line(&mut head.iter().copied());
    for row in rows {
        out.push_str(&line(&mut row.iter().map(String::as_str)));
    }
    out
}

/// `name   value` lines of a JSON object; nested objects are indented, absent values left out.
pub(crate) fn fields(value: &Value, indent: usize) -> String {
    let Value::Object(fields_of) = value else {
        return String::new();
    };
    let width = fields_of
        .keys()
        .map(|k| k.chars().count())
        .max()
        .unwrap_or(0);
    let mut out = String::new();
    for (name, value) in fields_of {
        match value {
            Value::Null => {}
            Value::Object(_) => {
                out.push_str(&format!("{:indent$}{name}\n", ""));
                out.push_str(&fields(value, indent + 2));
            }
            _ => {
                let shown = if name.ends_with("_at") {
                    time(value)
                } else {
                    text(value)
                };
                out.push_str(&format!("{:indent$}{name:<width$}  {shown}\n", ""));
            }
        }
    }
    out
}

/// A value without quotes and without control characters: it may come from a stranger.
pub(crate) fn text(value: &Value) -> String {
    let text = match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    text.chars()
        .map(|c| if c.is_control() { '·' } else { c })
        .collect()
}

/// Milliseconds since 1970 as a time; anything else as it is.
pub(crate) fn time(value: &Value) -> String {
    match value.as_u64() {
        Some(ms) => rfc3339(ms / 1000),
        None => text(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn columns_are_as_wide_as_they_must_be() {
        let rows = vec![
            vec!["1".to_owned(), "long".to_owned()],
            vec!["three".to_owned(), "x".to_owned()],
        ];
        assert_eq!(
            table(&["A", "B"], &rows),
            "A      B\n1      long\nthree  x\n"
        );
    }

    #[test]
    fn strangers_cannot_write_on_the_terminal() {
        assert_eq!(text(&json!("a\u{1b}[2Jb")), "a·[2Jb");
    }

    #[test]
    fn absent_fields_are_left_out_and_times_are_readable() {
        let value = json!({"id": "c1", "reason": null, "placed_at": 1000, "web": {"lost": 2}});
        assert_eq!(
            fields(&value, 0),
            "id         c1\nplaced_at  1970-01-01T00:00:01Z\nweb\n  lost  2\n"
        );
    }
}
