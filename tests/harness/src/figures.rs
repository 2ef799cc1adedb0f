//! Figures of a measured row as a table shows them.

use serde_json::Value;

/// With so many digits behind the point; a dash where there is none.
pub fn number(value: &Value, digits: usize) -> String {
    value
        .as_f64()
        .map_or_else(|| "–".to_owned(), |v| format!("{v:.digits$}"))
}

/// A latency's `p50` and `p99`.
pub fn late(latency: &Value) -> String {
    format!(
        "{} / {}",
        number(&latency["p50"], 1),
        number(&latency["p99"], 1)
    )
}
