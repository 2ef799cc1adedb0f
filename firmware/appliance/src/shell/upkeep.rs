//! Updates, alarms, support bundle, factory reset.

use super::daemon::{Daemon, Out, Outcome};
use super::machine::{ADMIN_ID, GATEWAY_ID};
use super::run::quietly;
use crate::service::{Peer, Who};
use crate::wire::{Answer, Refusal, Request};
use causeway_maintenance::support::{self, Part};
use causeway_maintenance::update::{self, slots};
use nix::unistd::{Gid, chown};
use serde_json::json;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const MOST: Duration = Duration::from_secs(10);

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
            _ => Err(Refusal::new("not_here", "this box has no such thing")),
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
