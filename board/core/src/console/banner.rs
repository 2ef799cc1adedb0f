//! What is shown before anybody is let in.

use super::screen::Plain;
use crate::hardware::ResetCause;
use core::fmt;

/// The box at a glance. Nothing of it is secret.
#[derive(Clone, Copy, Debug)]
pub struct Banner<'a> {
    pub name: &'a str,
    pub version: &'a str,
    /// `a` or `b`; empty where there are none.
    pub slot: &'a str,
    /// One line: `well`, or what is wrong.
    pub state: &'a str,
    pub addresses: &'a [&'a str],
    pub reset: ResetCause,
    /// SHA-256 of the certificate that browsers are shown, so that it can be compared.
    pub fingerprint: &'a str,
}

impl fmt::Display for Banner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\nCauseway {}", Plain(self.version))?;
        if !self.slot.is_empty() {
            write!(f, ", slot {}", Plain(self.slot))?;
        }
        writeln!(f, " - {}", Plain(self.name))?;
        writeln!(f, "  state       {}", Plain(self.state))?;
        for (at, address) in self.addresses.iter().enumerate() {
            let label = if at == 0 { "addresses" } else { "" };
            writeln!(f, "  {label:<10}  {}", Plain(address))?;
        }
        writeln!(f, "  last start  {}", self.reset)?;
        if !self.fingerprint.is_empty() {
            writeln!(f, "  certificate {}", Plain(self.fingerprint))?;
        }
        Ok(())
    }
}
