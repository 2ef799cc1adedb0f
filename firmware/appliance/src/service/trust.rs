//! Passwords and keys.

use super::draft::Draft;
use super::{Moment, Reply, Service, Who};
use crate::password;
use crate::wire::Refusal;
use causeway_config::{Disk, Note};
use serde_json::json;
use std::time::Instant;

impl<D: Disk> Service<D> {
    pub(super) fn check_password(
        &mut self,
        who: &Who,
        tried: &str,
        now: Instant,
    ) -> Result<Reply, Refusal> {
        let Some(hash) = self.password.as_ref() else {
            return Err(Refusal::new("no_password", "the box has no password yet"));
        };
        let guard = self.guards.entry(who.peer).or_default();
        if let Some(wait) = guard.wait(now) {
            let seconds = wait.as_secs() + 1;
            return Err(Refusal::new("wait", format!("wait {seconds} seconds")));
        }
        match password::matches(hash, tried) {
            true => {
                guard.right();
                Ok(Reply::done("", json!({})))
            }
            false => {
                guard.wrong(now);
                Err(Refusal::new("wrong_password", "not the password"))
            }
        }
    }

    pub(super) fn new_password(&mut self, new: &str, moment: Moment<'_>) -> Result<Reply, Refusal> {
        if !self.is_guarded() {
            return Err(Refusal::new("not_set_up", "the box has to be set up first"));
        }
        password::check(new).map_err(|why| Refusal::new("invalid", why))?;
        let hash = password::hash(new, moment.lots).map_err(|why| Refusal::new("fault", why))?;
        self.keep_password(hash)?;
        Ok(Reply::done("The password is changed.\n", json!({})))
    }

    pub(super) fn ssh_key(
        &mut self,
        who: &Who,
        key: &str,
        mut moment: Moment<'_>,
    ) -> Result<Reply, Refusal> {
        if !self.is_guarded() {
            return Err(Refusal::new("not_set_up", "the box has to be set up first"));
        }
        let mut draft = Draft::of(self.text(), self.revision())?;
        let quoted = toml_edit::Value::from(key.trim()).to_string();
        draft.set(&["ssh", "keys"], &quoted, &self.secrets, &mut moment.lots)?;
        let note = Note {
            at: moment.at,
            author: who.author.clone(),
            comment: "a key for SSH".to_owned(),
        };
        self.put_in_force(draft, note, None, moment)
    }
}
