//! What the commands ask and how they show the answer.

use crate::table::{fields, table, text, time};
use crate::{Connection, Failure, client, ladder};
use causeway_directory::SecretHash;
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;

/// Prints, and does not mind a reader that has gone (`| head`).
pub(crate) fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes());
    let _ = out.flush();
}

pub(crate) fn print_json(value: &Value) {
    print(&format!("{value:#}\n"));
}

pub(crate) fn secret(as_json: bool) -> Result<(), Failure> {
    let secret = causeway_gateway::random::hex::<32>();
    let hash = SecretHash::of(&secret).to_hex();
    if as_json {
        print_json(&json!({"secret": secret, "sha256": hash}));
    } else {
        print(&format!(
            "secret  {secret}\nsha256  {hash}\n\n\
             The box gets the hash: admin_key_sha256 = \"…\" of [box], or secret_sha256 = [\"…\"] of an [[app]].\n\
             The secret is kept by whoever uses it. It is not shown again.\n"
        ));
    }
    Ok(())
}

pub(crate) async fn health(connection: &Connection, as_json: bool) -> Result<(), Failure> {
    let answer = client::get(connection, "/healthz", false).await?;
    let health = answer.json()?;
    if as_json {
        print_json(&health);
    } else {
        print(&format!("{}\n", text(&health["status"])));
        print(&fields(&health["detail"], 2));
    }
    if answer.status == 200 {
        Ok(())
    } else {
        Err(Failure::BadNews("the box does not do its work".into()))
    }
}

pub(crate) async fn status(connection: &Connection, as_json: bool) -> Result<(), Failure> {
    let status = client::get(connection, "/api/v1/status", true)
        .await?
        .good()?;
    if as_json {
        print_json(&status);
        return Ok(());
    }
    let trunks = status["trunks"].as_array().cloned().unwrap_or_default();
    let calls = status["calls"].as_array().cloned().unwrap_or_default();
    print(&format!(
        "{} {}: {} calls, {} sessions\n\n",
        text(&status["name"]),
        text(&status["version"]),
        calls.len(),
        text(&status["sessions"]),
    ));
    let rows: Vec<Vec<String>> = trunks
        .iter()
        .map(|trunk| {
            vec![
                text(&trunk["name"]),
                text(&trunk["state"]),
                registration(&trunk["registration"]),
            ]
        })
        .collect();
    print(&table(&["TRUNK", "STATE", "REGISTRATION"], &rows));
    if !calls.is_empty() {
        print("\n");
        print(&calls_table(&calls));
    }
    Ok(())
}

/// How a registration stands, and why it failed; `-` for a trunk that does not register.
fn registration(of_trunk: &Value) -> String {
    match of_trunk["reason"].as_str() {
        _ if of_trunk.is_null() => "-".to_owned(),
        Some(reason) => format!("{}: {reason}", text(&of_trunk["state"])),
        None => text(&of_trunk["state"]),
    }
}

/// The query's part of the path.
pub(crate) fn calls_query(
    limit: u32,
    before: Option<&str>,
    state: Option<&str>,
    to: Option<&str>,
) -> String {
    let mut query = format!("?limit={limit}");
    for (name, value) in [("before", before), ("state", state), ("to", to)] {
        if let Some(value) = value {
            query.push_str(&format!("&{name}={}", escaped(value)));
        }
    }
    query
}

pub(crate) async fn calls(
    connection: &Connection,
    query: &str,
    as_json: bool,
) -> Result<(), Failure> {
    let answer = client::get(connection, &format!("/api/v1/calls{query}"), true)
        .await?
        .good()?;
    if as_json {
        print_json(&answer);
        return Ok(());
    }
    let calls = answer["calls"].as_array().cloned().unwrap_or_default();
    if calls.is_empty() {
        print("no calls\n");
        return Ok(());
    }
    print(&calls_table(&calls));
    if let Some(next) = answer["next"].as_str() {
        print(&format!("\nmore: --before {next}\n"));
    }
    Ok(())
}

fn calls_table(calls: &[Value]) -> String {
    let rows: Vec<Vec<String>> = calls
        .iter()
        .map(|call| {
            let arrow = match call["direction"].as_str() {
                Some("to_browser") => "PBX > web",
                Some("echo") => "PBX > echo",
                _ => "web > PBX",
            };
            let outcome = if call["cause_code"].is_string() {
                text(&call["cause_code"])
            } else {
                call["state"].as_str().unwrap_or("running").to_owned()
            };
            let setup = call["setup_ms"]
                .as_u64()
                .map_or_else(|| "-".to_owned(), |ms| format!("{ms} ms"));
            vec![
                time(&call["placed_at"]),
                arrow.to_owned(),
                text(&call["from_number"]),
                text(&call["to_number"]),
                outcome,
                spoken(call),
                setup,
                format!(
                    "{}/{}",
                    text(&call["web_codec"]),
                    text(&call["trunk_codec"])
                ),
                text(&call["id"]),
            ]
        })
        .collect();
    table(
        &[
            "PLACED", "WAY", "FROM", "TO", "OUTCOME", "SPOKEN", "SETUP", "CODECS", "ID",
        ],
        &rows,
    )
}

/// From answer to end, as minutes and seconds.
fn spoken(call: &Value) -> String {
    let seconds = call["answered_at"]
        .as_i64()
        .zip(call["ended_at"].as_i64())
        .map(|(from, to)| (to - from).max(0) / 1000);
    seconds.map_or_else(|| "-".to_owned(), |s| format!("{}:{:02}", s / 60, s % 60))
}

pub(crate) async fn call(connection: &Connection, id: &str, as_json: bool) -> Result<(), Failure> {
    let path = format!("/api/v1/calls/{}", escaped(id));
    let answer = client::get(connection, &path, true).await?.good()?;
    if as_json {
        print_json(&answer);
    } else if answer["running"].is_object() {
        let mut running = answer["running"].clone();
        let levels = running["levels"].take();
        print(&fields(&running, 0));
        print(&meters(&levels));
    } else {
        print(&fields(&answer["call"], 0));
    }
    Ok(())
}

/// How loud either side is, as bars.
fn meters(levels: &Value) -> String {
    let mut out = String::new();
    for (side, name) in [("from_browser", "browser"), ("from_pbx", "PBX")] {
        let level = |which: &str| levels[side][which].as_f64();
        if let (Some(rms), Some(peak)) = (level("rms_dbov"), level("peak_dbov")) {
            let (bar, name) = (bar(rms, peak), format!("{name} speaks"));
            out.push_str(&format!(
                "{name:<14}  [{bar}] {rms:.0} dBov, peak {peak:.0}\n"
            ));
        }
    }
    out
}

/// Thirty places of 2 dB each: the level, and a mark at the peak.
fn bar(rms: f64, peak: f64) -> String {
    const PLACES: usize = 30;
    let place = |level: f64| ((level + 60.0) / 2.0).round().clamp(0.0, PLACES as f64) as usize;
    let mut bar: Vec<char> = vec![' '; PLACES];
    bar.iter_mut().take(place(rms)).for_each(|c| *c = '=');
    if let Some(mark) = place(peak).checked_sub(1).and_then(|at| bar.get_mut(at)) {
        *mark = '|';
    }
    bar.into_iter().collect()
}

/// What of a call is shown beside, or in place of, its record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Show<'a> {
    pub(crate) ladder: bool,
    pub(crate) messages: bool,
    pub(crate) pcap: Option<&'a Path>,
}

pub(crate) async fn show(
    connection: &Connection,
    id: &str,
    wish: Show<'_>,
    as_json: bool,
) -> Result<(), Failure> {
    let path = format!("/api/v1/calls/{}", escaped(id));
    if let Some(file) = wish.pcap {
        let answer = client::get(connection, &format!("{path}/pcap"), true).await?;
        if answer.status != 200 {
            return Err(Failure::BadNews(answer.sentence()));
        }
        std::fs::write(file, &answer.bytes)
            .map_err(|fault| Failure::Unasked(format!("{}: {fault}", file.display())))?;
    }
    if wish.ladder || wish.messages {
        let answer = client::get(connection, &format!("{path}/ladder"), true)
            .await?
            .good()?;
        if as_json {
            print_json(&answer);
            return Ok(());
        }
        let ladder = ladder::Ladder::read(&answer).ok_or_else(|| {
            Failure::Unasked("the box speaks of ladders in a way that is not known here".into())
        })?;
        if wish.ladder {
            print(&ladder::draw(&ladder));
        }
        if wish.messages {
            print(&ladder::in_full(&ladder));
        }
    } else if wish.pcap.is_none() {
        return call(connection, id, as_json).await;
    }
    Ok(())
}

pub(crate) async fn context(
    connection: &Connection,
    token: &str,
    as_json: bool,
) -> Result<(), Failure> {
    let path = format!("/api/v1/contexts/{}", escaped(token));
    let answer = client::get(connection, &path, true).await?.good()?;
    if as_json {
        print_json(&answer);
    } else {
        print(&fields(&answer, 0));
    }
    Ok(())
}

pub(crate) async fn metrics(connection: &Connection) -> Result<(), Failure> {
    let answer = client::get(connection, "/metrics", true).await?;
    if answer.status != 200 {
        return Err(Failure::BadNews(answer.sentence()));
    }
    print(&answer.body);
    Ok(())
}

pub(crate) async fn token(
    connection: &Connection,
    asked: &Value,
    as_json: bool,
) -> Result<(), Failure> {
    let answer = client::post(connection, "/api/v1/tokens", asked)
        .await?
        .good()?;
    if as_json {
        print_json(&answer);
    } else {
        print(&format!("{}\n", text(&answer["token"])));
    }
    Ok(())
}

/// Percent-encoded for a path or a query (RFC 3986 section 2.3).
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_cannot_change_the_question() {
        assert_eq!(escaped("a/../b?c=1&d"), "a%2F..%2Fb%3Fc%3D1%26d");
        assert_eq!(
            calls_query(5, None, Some("ended"), Some("+49 30")),
            "?limit=5&state=ended&to=%2B49%2030"
        );
    }

    #[test]
    fn a_meter_shows_level_and_peak() {
        let shown = meters(&json!({
            "from_browser": {"rms_dbov": -20.0, "peak_dbov": -10.4}, "from_pbx": null
        }));
        assert_eq!(
            shown,
            "browser speaks  [====================    |     ] -20 dBov, peak -10\n"
        );
        assert_eq!(bar(-127.0, -127.0), " ".repeat(30));
        assert_eq!(bar(0.0, 0.0), format!("{}|", "=".repeat(29)));
        assert_eq!(meters(&Value::Null), "");
    }

    #[test]
    fn a_calls_row_says_what_matters() {
        let call = json!({
            "id": "c1", "direction": "from_browser", "placed_at": 0, "from_number": "+4930",
            "to_number": "100", "cause_code": "hangup", "answered_at": 1000, "ended_at": 66_000,
            "setup_ms": 321, "web_codec": "opus", "trunk_codec": "PCMA"
        });
        let shown = calls_table(&[call]);
        let row = shown.lines().nth(1).unwrap();
        for part in ["web > PBX", "hangup", "1:05", "321 ms", "opus/PCMA", "c1"] {
            assert!(row.contains(part), "{part} in {row}");
        }
    }
}
