//! Updates, alarms, support bundle, factory reset.

use super::daemon::{Daemon, Out, Outcome};
use crate::service::Who;
use crate::wire::{Refusal, Request};

impl Daemon {
    pub(super) fn maintenance(
        &self,
        _who: &Who,
        _request: &Request,
        _out: &mut Out<'_>,
    ) -> Outcome {
        Err(Refusal::new("not_here", "this box has no such thing yet"))
    }
}
