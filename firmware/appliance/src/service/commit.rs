//! From a draft to what is in force, and back.

use super::draft::{Draft, invalid};
use super::{Moment, Reply, Service, Who, minutes, of_store};
use crate::document::validate;
use crate::secrets;
use crate::wire::Refusal;
use causeway_config::{Disk, Note, StoreError};
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;

impl<D: Disk> Service<D> {
    pub(super) fn commit(
        &mut self,
        who: &Who,
        comment: Option<&str>,
        confirm_minutes: Option<u32>,
        base: Option<u32>,
        moment: Moment<'_>,
    ) -> Result<Reply, Refusal> {
        let draft = self.drafts.get(who).cloned();
        let draft = draft.ok_or_else(|| Refusal::new("unchanged", "Nothing changes."))?;
        let trial = confirm_minutes.map(|minutes| Duration::from_secs(u64::from(minutes) * 60));
        if base.is_some() && base != self.revision() {
            return Err(self.moved(base));
        }
        let note = Note {
            at: moment.at,
            author: who.author.clone(),
            comment: comment.unwrap_or_default().to_owned(),
        };
        let reply = self.put_in_force(draft, note, trial, moment)?;
        self.drafts.remove(who);
        Ok(reply)
    }

    fn moved(&self, base: Option<u32>) -> Refusal {
        let now = self.revisions.in_force();
        let by = now.map_or_else(String::new, |revision| {
            format!(
                "revision {} by {} came into force meanwhile",
                revision.number, revision.note.author
            )
        });
        let begun = base.map_or_else(String::new, |base| {
            format!(" This draft began with revision {base}.")
        });
        Refusal::new(
            "moved",
            format!("Not committed: {by}.{begun} Note what you need, discard, and begin anew."),
        )
    }

    /// Secrets first, so that no document ever names one that is not there; the password last, so that a box without one
    /// is set up again.
    pub(super) fn put_in_force(
        &mut self,
        mut draft: Draft,
        note: Note,
        trial: Option<Duration>,
        mut moment: Moment<'_>,
    ) -> Result<Reply, Refusal> {
        if draft.base != self.revision() {
            return Err(self.moved(draft.base));
        }
        if let Some(number) = self.revisions.on_trial() {
            return Err(of_store(StoreError::OnTrial(number)));
        }
        self.have_admin_key(&mut draft, &mut moment)?;
        let text = draft.text();
        validate(&text).map_err(|faults| invalid(&faults))?;
        if !self.secrets.contains(&draft.secrets) {
            let mut secrets = self.secrets.clone();
            let mut new = draft.secrets.clone();
            new.retain(&secrets::named(&text));
            secrets.extend(&new);
            self.keep_secrets(secrets)?;
        }
        let unchanged = text == self.text();
        let mut reply = match self.revisions.commit(&text, note, trial, moment.now) {
            Ok(number) => match trial {
                Some(length) => Reply::changed(
                    format!(
                        "Revision {number} is on trial: it goes back by itself unless confirm comes within {}.\n",
                        minutes(length)
                    ),
                    json!({ "revision": number, "trial_s": length.as_secs() }),
                ),
                None => Reply::changed(
                    format!("Revision {number} is in force.\n"),
                    json!({ "revision": number }),
                ),
            },
            Err(StoreError::Unchanged) if draft.password.is_some() => {
                Reply::changed("", json!({ "revision": self.revision() }))
            }
            Err(StoreError::Unchanged) if unchanged => {
                return Err(Refusal::new("unchanged", "Nothing changes."));
            }
            Err(fault) => return Err(of_store(fault)),
        };
        if let Some(hash) = draft.password {
            self.keep_password(hash)?;
            reply.says.push_str("The password is changed.\n");
        }
        self.let_go_of_secrets();
        Ok(reply)
    }

    /// Of those that no revision and no draft names. Where that fails they stay a while longer.
    fn let_go_of_secrets(&mut self) {
        let Ok(found) = self.revisions.list() else {
            return;
        };
        let mut named: BTreeSet<String> = secrets::named(self.text());
        for draft in self.drafts.values() {
            named.extend(secrets::named(&draft.text()));
        }
        for summary in found {
            match self.revisions.revision(summary.number) {
                Ok(revision) => named.extend(secrets::named(&revision.text)),
                // What it names is not known: all stay.
                Err(_) if summary.note.is_ok() => return,
                Err(_) => {}
            }
        }
        let mut kept = self.secrets.clone();
        if kept.retain(&named) {
            let _ = self.keep_secrets(kept);
        }
    }

    pub(super) fn confirm(&mut self) -> Result<Reply, Refusal> {
        let number = self.revisions.confirm().map_err(of_store)?;
        let says = format!("Revision {number} is in force for good.\n");
        Ok(Reply::done(says, json!({ "revision": number })))
    }

    pub(super) fn revert(&mut self) -> Result<Reply, Refusal> {
        let back = self.revisions.give_up().map_err(of_store)?;
        let says = format!("Revision {} is in force again.\n", back.to.number);
        Ok(Reply::changed(
            says,
            json!({ "from": back.from, "revision": back.to.number }),
        ))
    }
}
