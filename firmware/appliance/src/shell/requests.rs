//! Requests about the machine.

use super::daemon::{Daemon, Out, Outcome};
use super::report;
use super::run::{aloud, quietly};
use crate::document::{host_name, validate};
use crate::service::{Peer, Who};
use crate::wire::{Refusal, Request};
use causeway_board_linux::LinuxReset;
use serde_json::json;
use std::net::IpAddr;
use std::time::{Duration, Instant};
use toml_edit::DocumentMut;

const MOST: Duration = Duration::from_secs(10);
const LOG_LINES: u32 = 50;
const PINGS: u32 = 4;

/// How the box is, one line.
struct State {
    line: String,
    is_well: bool,
}

impl Daemon {
    pub(super) fn machine_request(
        &self,
        who: &Who,
        request: &Request,
        out: &mut Out<'_>,
    ) -> Outcome {
        match request {
            Request::Status => {
                let (text, value) = self.status();
                out.say(&text);
                Ok(value)
            }
            Request::Banner => Ok(self.banner(who)),
            Request::Resets => {
                let starts = report::starts(&self.machine);
                out.say(&(starts.join("\n") + "\n"));
                Ok(json!({ "starts": starts }))
            }
            Request::Logs { lines } => {
                let count = lines.unwrap_or(LOG_LINES).clamp(1, 10_000).to_string();
                let arguments = ["--no-pager", "--quiet", "-o", "short-iso", "-n", &count];
                self.program("journalctl", &arguments, out)
            }
            Request::Network => {
                for arguments in [
                    &["-brief", "address", "show"][..],
                    &["route", "show"],
                    &["-6", "route", "show", "default"],
                ] {
                    self.program("ip", arguments, out)?;
                }
                Ok(json!({ "addresses": self.addresses() }))
            }
            Request::Version => {
                let (version, slot) = (report::version(&self.machine), report::slot(&self.machine));
                let shown = if slot.is_empty() {
                    String::new()
                } else {
                    format!(", slot {slot}")
                };
                out.say(&format!("Causeway {version}{shown}\n"));
                Ok(json!({ "version": version, "slot": slot }))
            }
            Request::Ping { host, count } => {
                let good = host.parse::<IpAddr>().is_ok()
                    || (!host.is_empty()
                        && host.len() <= 253
                        && host
                            .bytes()
                            .all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b)));
                if !good || host.starts_with('-') {
                    return Err(Refusal::new("request", "a host is a name or an address"));
                }
                let count = count.unwrap_or(PINGS).clamp(1, 100).to_string();
                self.program("ping", &["-n", "-c", &count, "-W", "2", "--", host], out)
            }
            Request::Reboot => self.restart(&who.author, out),
            Request::Alarms
            | Request::Update { .. }
            | Request::Slots
            | Request::SupportBundle
            | Request::FactoryReset => self.maintenance(who, request, out),
            // The core has answered all others.
            _ => Err(Refusal::new("fault", "nobody answers this request")),
        }
    }

    /// Starts the box anew.
    pub(super) fn restart(&self, by: &str, out: &mut Out<'_>) -> Outcome {
        eprintln!("{by} asks for a new start");
        let state = self.machine.path(super::daemon::STATE);
        let reset = LinuxReset::new(self.machine.root(), &state);
        if let Err(fault) = reset.mark_asked() {
            eprintln!("the next start will not know that it was asked for: {fault}");
        }
        out.say("The box starts anew.\n");
        self.program("systemctl", &["--no-block", "reboot"], out)
    }

    /// Runs a program aloud, until it ends or nobody listens.
    fn program(&self, program: &str, arguments: &[&str], out: &mut Out<'_>) -> Outcome {
        if self.machine.rehearses() {
            out.say(&format!("{program} {}\n", arguments.join(" ")));
            return Ok(json!({}));
        }
        let ran = aloud(program, arguments, &mut |line| {
            out.say(&format!("{line}\n"));
            out.is_heard()
        });
        ran.map_err(|why| Refusal::new("fault", why))?;
        Ok(json!({}))
    }

    fn addresses(&self) -> Vec<String> {
        let facts = self.machine.facts();
        let shown = facts.interfaces.iter().flat_map(|interface| {
            let reachable = interface.addresses.iter().filter(|a| match a {
                IpAddr::V4(_) => true,
                IpAddr::V6(a) => !a.is_unicast_link_local(),
            });
            reachable.map(|address| format!("{} {address}", interface.name))
        });
        shown.collect()
    }

    fn name(&self) -> String {
        let document = self
            .service()
            .text()
            .parse::<DocumentMut>()
            .unwrap_or_default();
        let name = document
            .get("box")
            .and_then(|table| table.get("name")?.as_str());
        host_name(name.unwrap_or("causeway"))
    }

    fn gateway_state(&self) -> String {
        match self.machine.rehearses() {
            true => "rehearsed".to_owned(),
            false => match quietly(
                "systemctl",
                &["show", "-P", "ActiveState", "causeway.service"],
                MOST,
            ) {
                Ok(state) => state.trim().to_owned(),
                Err(_) => "unknown".to_owned(),
            },
        }
    }

    fn state(&self) -> State {
        let now = Instant::now();
        let (guarded, fail_safe, trial) = {
            let service = self.service();
            (
                service.is_guarded(),
                service.is_fail_safe(),
                service.on_trial(),
            )
        };
        let bad = |line: String| State {
            line,
            is_well: false,
        };
        if !guarded {
            return bad("not set up: nothing but this console answers".to_owned());
        }
        if fail_safe {
            return bad("FAIL-SAFE: no configuration can be used; see show status".to_owned());
        }
        let fault = self.applied().faults.first().cloned();
        if let Some(fault) = fault {
            return bad(fault);
        }
        if let Some(reason) = self.watched().safe_mode.reason() {
            return bad(reason.to_owned());
        }
        let gateway = self.gateway_state();
        if !matches!(gateway.as_str(), "active" | "reloading" | "rehearsed") {
            return bad(format!("the gateway is {gateway}"));
        }
        match trial {
            Some((number, until)) => State {
                line: format!(
                    "revision {number} is on trial and goes back in {} s unless confirmed",
                    until.saturating_duration_since(now).as_secs()
                ),
                is_well: true,
            },
            None => State {
                line: "well".to_owned(),
                is_well: true,
            },
        }
    }

    fn banner(&self, who: &Who) -> serde_json::Value {
        let state = self.state();
        let (guarded, code, checked) = {
            let service = self.service();
            let code = service
                .code()
                .filter(|_| who.peer == Peer::Root)
                .map(str::to_owned);
            (service.is_guarded(), code, validate(service.text()).ok())
        };
        let trunks: Vec<String> = checked
            .iter()
            .flat_map(|c| &c.gateway.trunks)
            .map(|trunk| trunk.get_ref().name.get_ref().to_string())
            .collect();
        let url = report::api_url(&self.applied().gateway);
        json!({
            "name": self.name(),
            "version": report::version(&self.machine),
            "slot": report::slot(&self.machine),
            "state": state.line,
            "well": state.is_well,
            "addresses": self.addresses(),
            "reset": report::cause_word(report::cause(&self.machine)),
            "fingerprint": report::fingerprint(&self.machine),
            "guarded": guarded,
            "code": code,
            "trunks": trunks,
            "url": url,
            "test_number": checked.and_then(|checked| checked.own.test.number),
        })
    }

    /// As `status` says it.
    pub(super) fn status_text(&self) -> String {
        self.status().0
    }

    /// For people, and for programs.
    fn status(&self) -> (String, serde_json::Value) {
        let state = self.state();
        let (revision, trial, told) = {
            let service = self.service();
            (
                service.revision(),
                service.on_trial(),
                service.told().to_vec(),
            )
        };
        let faults = self.applied().faults.clone();
        let unit = self.gateway_state();
        let (version, slot) = (report::version(&self.machine), report::slot(&self.machine));
        let cause = report::cause(&self.machine);
        let configuration = match (revision, trial) {
            (Some(number), Some((_, until))) => format!(
                "revision {number}, on trial for {} s more",
                until.saturating_duration_since(Instant::now()).as_secs()
            ),
            (Some(number), None) => format!("revision {number}"),
            (None, _) => "none".to_owned(),
        };
        let shown_slot = match slot.is_empty() {
            true => String::new(),
            false => format!(", slot {slot}"),
        };
        let addresses = self.addresses();
        let notes: Vec<String> = told.into_iter().chain(faults).collect();
        let mut lines = vec![
            ("state", state.line.clone()),
            ("version", format!("{version}{shown_slot}")),
            ("configuration", configuration),
            ("gateway", unit.clone()),
        ];
        lines.extend(addresses.iter().map(|address| ("address", address.clone())));
        lines.push(("last start", cause.to_string()));
        lines.extend(notes.iter().map(|note| ("note", note.clone())));
        let text: String = lines
            .iter()
            .map(|(label, value)| format!("{label:<14} {value}\n"))
            .collect();
        let value = json!({
            "state": state.line, "well": state.is_well, "version": version, "slot": slot,
            "revision": revision, "on_trial": trial.map(|(number, _)| number), "gateway": unit,
            "addresses": addresses, "reset": report::cause_word(cause), "notes": notes,
            "fingerprint": report::fingerprint(&self.machine),
        });
        (text, value)
    }
}
