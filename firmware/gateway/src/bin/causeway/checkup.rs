//! `causeway trunk check`: begins a check, shows its progress, and prints what was found.

use crate::commands::{escaped, print, print_json};
use crate::table::{table, text};
use crate::{Connection, Failure, client};
use serde_json::{Value, json};
use std::time::Duration;

/// How often the box is asked how far it is.
const AGAIN: Duration = Duration::from_millis(500);
/// The box's own limit is two minutes.
const MOST_QUESTIONS: usize = 300;

pub(crate) async fn check(
    connection: &Connection,
    name: &str,
    number: Option<&str>,
    as_json: bool,
) -> Result<(), Failure> {
    let path = format!("/api/v1/trunks/{}/check", escaped(name));
    let mut wish = json!({});
    if let Some(number) = number {
        wish["number"] = number.into();
    }
    let mut report = client::post_as_admin(connection, &path, &wish)
        .await?
        .good()?;
    let mut told = 0;
    for _ in 0..MOST_QUESTIONS {
        let lines = progress(&report);
        for line in lines.iter().skip(told) {
            eprintln!("{line}");
        }
        told = told.max(lines.len());
        if report["running"] == false {
            if as_json {
                print_json(&report);
            } else {
                print(&shown(&report));
            }
            return verdict(&report);
        }
        tokio::time::sleep(AGAIN).await;
        report = client::get(connection, &path, true).await?.good()?;
    }
    Err(Failure::Unasked(
        "the check does not come to its end".into(),
    ))
}

/// A line for each probe that has its outcome.
fn progress(report: &Value) -> Vec<String> {
    let steps = report["steps"].as_array().map_or(&[][..], Vec::as_slice);
    steps
        .iter()
        .map_while(|step| {
            let outcome = step["outcome"].as_str()?;
            Some(format!(
                "{:<12} {}",
                text(&step["name"]),
                text(&outcome.into())
            ))
        })
        .collect()
}

fn verdict(report: &Value) -> Result<(), Failure> {
    let findings = report["findings"].as_array();
    if findings.is_none_or(Vec::is_empty) {
        return Err(Failure::BadNews(
            "the check found nothing out: the box's log says why".into(),
        ));
    }
    let problems = findings.map_or(0, |all| {
        all.iter().filter(|f| f["verdict"] == "problem").count()
    });
    match problems {
        0 => Ok(()),
        1 => Err(Failure::BadNews("1 problem".into())),
        more => Err(Failure::BadNews(format!("{more} problems"))),
    }
}

/// The findings, where the ladders are, and the settings.
fn shown(report: &Value) -> String {
    let list = |name: &str| report[name].as_array().cloned().unwrap_or_default();
    let rows: Vec<Vec<String>> = list("findings")
        .iter()
        .map(|f| vec![text(&f["verdict"]), text(&f["about"]), text(&f["sentence"])])
        .collect();
    let mut out = table(&["VERDICT", "ABOUT", "FINDING"], &rows);
    let ladders: Vec<Vec<String>> = list("steps")
        .iter()
        .filter(|s| s["ladder"].is_string())
        .map(|s| {
            vec![
                text(&s["name"]),
                format!("causeway calls show {} --ladder", text(&s["ladder"])),
            ]
        })
        .collect();
    out.push('\n');
    out.push_str(&table(&["PROBE", "WHAT WAS SAID"], &ladders));
    if let Some(settings) = report["settings"].as_str() {
        out.push_str("\nSettings that fit (compare them with what the configuration has):\n\n");
        for line in settings.lines() {
            out.push_str(&text(&line.into()));
            out.push('\n');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Value {
        json!({
            "trunk": "pbx", "running": false,
            "steps": [
                {"name": "options udp", "outcome": "200 OK", "ladder": "check-1-options-udp"},
                {"name": "call", "outcome": "486 \u{1b}Busy", "ladder": "check-1-call"},
                {"name": "srtp", "outcome": null, "ladder": "check-1-srtp"}
            ],
            "findings": [
                {"about": "transport", "verdict": "ok", "sentence": "The PBX answers."},
                {"about": "digits", "verdict": "problem", "sentence": "None."}
            ],
            "settings": "[[trunk]]\nname = \"pbx\"\n"
        })
    }

    #[test]
    fn findings_ladders_and_settings_are_shown() {
        assert_eq!(
            shown(&report()),
            "VERDICT  ABOUT      FINDING\n\
             ok       transport  The PBX answers.\n\
             problem  digits     None.\n\n\
             PROBE        WHAT WAS SAID\n\
             options udp  causeway calls show check-1-options-udp --ladder\n\
             call         causeway calls show check-1-call --ladder\n\
             srtp         causeway calls show check-1-srtp --ladder\n\n\
             Settings that fit (compare them with what the configuration has):\n\n\
             [[trunk]]\nname = \"pbx\"\n"
        );
        assert!(matches!(verdict(&report()), Err(Failure::BadNews(text)) if text == "1 problem"));
    }

    #[test]
    fn progress_has_what_is_finished_and_cannot_write_on_the_terminal() {
        assert_eq!(
            progress(&report()),
            ["options udp  200 OK", "call         486 ·Busy"]
        );
    }
}
