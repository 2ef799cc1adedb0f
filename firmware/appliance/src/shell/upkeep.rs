//! Updates, alarms, support bundle, factory reset.

use super::daemon::{Daemon, Out, Outcome};
use super::machine::{ADMIN_ID, GATEWAY_ID};
use super::run::quietly;
use crate::service::{Peer, Who};
use crate::wire::{Answer, Refusal, Request};
use causeway_maintenance::alarms::readings::{self, Reader};
use causeway_maintenance::alarms::{Severity, Watch};
use causeway_maintenance::factory_reset;
use causeway_maintenance::safe_mode::{Action, SafeMode};
use causeway_maintenance::support::{self, Part};
use causeway_maintenance::update::{self, slots};
use nix::unistd::{Gid, chown};
use serde_json::json;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const MOST: Duration = Duration::from_secs(10);
/// Between two readings.
const READ_EVERY: Duration = Duration::from_secs(10);

/// What is wrong, and whether the gateway can stand.
#[derive(Debug, Default)]
pub(super) struct Watched {
    pub(super) alarms: Watch,
    pub(super) safe_mode: SafeMode,
}

impl Daemon {
    pub(super) fn maintenance(&self, who: &Who, request: &Request, out: &mut Out<'_>) -> Outcome {
        match request {
            Request::Update { source, force } => self.update(who, source, force.as_deref(), out),
            Request::Slots => {
                let slots = slots(self.machine.root());
                for slot in &slots {
                    out.say(&format!("{slot}\n"));
                }
                let values: Vec<String> = slots.iter().map(ToString::to_string).collect();
                Ok(json!({ "slots": values }))
            }
            Request::SupportBundle => self.support_bundle(who, out),
            Request::FactoryReset => {
                factory_reset::ask(self.machine.root(), &who.author).map_err(|fault| {
                    Refusal::new("disk", format!("it cannot be begun: {fault}"))
                })?;
                out.say("Everything that was set is erased at the next start.\n");
                self.restart(&who.author, out)
            }
            Request::Alarms => Ok(self.alarms(out)),
            _ => Err(Refusal::new("not_here", "this box has no such thing")),
        }
    }

    fn alarms(&self, out: &mut Out<'_>) -> serde_json::Value {
        let alarms = self.watched().alarms.alarms().to_vec();
        for alarm in &alarms {
            let how = match alarm.severity {
                Severity::Critical => "CRITICAL",
                Severity::Warning => "warning",
            };
            out.say(&format!("{how:<9} {}: {}\n", alarm.text, alarm.advice));
        }
        if alarms.is_empty() {
            out.say("All is well.\n");
        }
        json!({ "alarms": alarms })
    }

    /// Reads what wants to be watched, until the service ends; each reading may take seconds.
    pub(super) fn watch(self: &Arc<Self>) {
        let mut reader = Reader::new(self.machine.root());
        let begun = Instant::now();
        while !self.is_stopping() {
            let mut readings = reader.read();
            let (restarts, result) = match self.machine.rehearses() {
                true => (None, None),
                false => reader.gateway(),
            };
            readings.restarts = restarts;
            let now = begun.elapsed();
            let (entered, alarms) = {
                let mut watched = self.watched();
                let action = restarts.and_then(|count| {
                    let result = result.unwrap_or_default();
                    watched.safe_mode.handle(count, &result, now)
                });
                readings.safe_mode = watched.safe_mode.reason().map(str::to_owned);
                watched.alarms.handle(&readings, now);
                (action, watched.alarms.alarms().to_vec())
            };
            if let Some(Action::Enter { reason }) = entered {
                eprintln!("{reason}");
                self.follow(&mut |line| eprint!("{line}"));
            }
            // Who reads it finds the one before until then.
            let _ = readings::publish(self.machine.root(), &alarms);
            for _ in 0..READ_EVERY.as_secs() {
                if self.is_stopping() {
                    return;
                }
                thread::sleep(Duration::from_secs(1));
            }
        }
    }

    fn update(&self, who: &Who, source: &str, force: Option<&str>, out: &mut Out<'_>) -> Outcome {
        let stop = AtomicBool::new(false);
        let request = update::Request {
            source,
            by: &who.author,
            force,
        };
        let installed = update::install(
            self.machine.root(),
            request,
            &mut |progress| {
                out.answer(&Answer::Progress {
                    percent: progress.percent,
                    what: progress.what.to_owned(),
                });
                if !out.is_heard() {
                    stop.store(true, Ordering::Relaxed);
                }
            },
            &stop,
        );
        match installed {
            Ok(done) => {
                out.say(&format!(
                    "Version {} is in slot {}; it runs from the next start on: reboot.\n",
                    done.version, done.slot
                ));
                let slot = done.slot.to_string();
                Ok(json!({ "version": done.version, "slot": slot, "forced": done.forced }))
            }
            Err(why) => Err(Refusal::new(why.code(), why.to_string())),
        }
    }

    fn support_bundle(&self, who: &Who, out: &mut Out<'_>) -> Outcome {
        let configuration = self.service().text().to_owned();
        let status = self.status_text();
        let starts = super::report::starts(&self.machine).join("\n");
        let units = match self.machine.rehearses() {
            true => Err("this is a rehearsal".to_owned()),
            false => quietly("systemctl", &["--no-pager", "--failed", "list-units"], MOST),
        };
        let parts = [
            Part {
                name: "status.txt",
                text: Ok(&status),
            },
            Part {
                name: "starts.txt",
                text: Ok(&starts),
            },
            Part {
                name: "configuration.toml",
                text: Ok(&configuration),
            },
            Part {
                name: "failed-units.txt",
                text: units.as_deref().map_err(String::as_str),
            },
        ];
        let secrets = self.service().secrets().clone();
        let known: Vec<&str> = secrets.values().collect();
        let fault = |fault: io::Error| Refusal::new("disk", format!("the bundle: {fault}"));
        let (path, summary) = support::write(self.machine.root(), &parts, &known).map_err(fault)?;
        let path = match who.peer {
            Peer::Root => path,
            Peer::Gateway => self.lend(&path, "gateway", GATEWAY_ID).map_err(fault)?,
            Peer::Admin => self.lend(&path, "admin", ADMIN_ID).map_err(fault)?,
        };
        out.say(&format!(
            "The support bundle has {} files; {} could not be had.\n",
            summary.files, summary.missing
        ));
        Ok(json!({ "path": path, "files": summary.files, "missing": summary.missing }))
    }

    /// A copy for who is not root; the one before it goes.
    fn lend(&self, path: &Path, to: &str, group: u32) -> io::Result<PathBuf> {
        let folder = self
            .machine
            .path("run/causeway")
            .join(format!("support-{to}"));
        fs::create_dir_all(&folder)?;
        let copy = folder.join("causeway-support.tar.gz");
        let _ = fs::remove_file(&copy);
        fs::copy(path, &copy)?;
        for (path, mode) in [(&folder, 0o750), (&copy, 0o640)] {
            chown(path, None, Some(Gid::from_raw(group)))?;
            fs::set_permissions(path, Permissions::from_mode(mode))?;
        }
        Ok(copy)
    }
}
