//! What a registrar's answer says.

use std::time::Duration;

use crate::message::{HeaderName, Headers, NameAddr, syntax};

/// The `Retry-After` that is believed at most.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(3_600);

/// `Retry-After`, as far as it is believed.
pub(super) fn retry_after(headers: &Headers) -> Duration {
    let value = headers.get(&HeaderName::RetryAfter).unwrap_or_default();
    let (digits, _) = syntax::take_while(value, |byte| byte.is_ascii_digit());
    let seconds = syntax::number(digits).unwrap_or_default();
    Duration::from_secs(seconds).min(LONGEST_RETRY_AFTER)
}

pub(super) fn min_expires(headers: &Headers) -> Option<u32> {
    let value = headers.get(&HeaderName::MinExpires)?;
    u32::try_from(syntax::number(value)?).ok()
}

/// The seconds a 2xx grants (§10.2.4): those of our Contact, which has our user part or is the only one, else `Expires`,
/// else what we asked for. Never more than we asked for: who asks for minutes wants to notice within minutes.
pub(super) fn granted(headers: &Headers, user: &str, asked_s: u32) -> u32 {
    let seconds = |value: &[u8]| {
        let number = syntax::number(value)?;
        Some(u32::try_from(number).unwrap_or(u32::MAX))
    };
    let contacts: Vec<NameAddr> = headers
        .elements(&HeaderName::Contact)
        .filter_map(|value| NameAddr::read(value).ok())
        .take(64)
        .collect();
    let of = |contact: &NameAddr| {
        let value = contact.params.raw("expires")?;
        seconds(&syntax::unquote(value))
    };
    let ours = contacts.iter().filter(|contact| contact.uri.user() == user);
    let of_contact = match contacts.as_slice() {
        [only] => of(only),
        // Bindings of the same user that an earlier start left behind run out before ours does.
        _ => ours.filter_map(of).max(),
    };
    of_contact
        .or_else(|| seconds(headers.get(&HeaderName::Expires)?))
        .unwrap_or(asked_s)
        .min(asked_s)
}
