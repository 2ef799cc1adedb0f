//! Why an update is not installed, and how RAUC's own words become one of these reasons.

use thiserror::Error;

/// Why an update was not installed. The slot that runs is never touched by one that fails.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum UpdateError {
    /// The source is no absolute path, `usb` or https address.
    #[error("\"{0}\" is no source: an absolute path, \"usb\" or an https:// address")]
    Source(String),
    /// No such file.
    #[error("there is no {0}")]
    NotThere(String),
    /// No stick with an update on it.
    #[error("no update on any USB stick: it must be called causeway….raucb and lie at the top")]
    NoStick,
    /// More than one update was found.
    #[error("more than one update on USB sticks: {0}")]
    Many(String),
    /// It is something else.
    #[error("this is not an update: {0}")]
    NotAnUpdate(String),
    /// It has no signature, or half of it is missing.
    #[error("the update is not signed, or its end is missing")]
    Unsigned,
    /// It is signed by somebody else.
    #[error("the update is not signed by its maker: {0}")]
    Untrusted(String),
    /// The signature is not of this time.
    #[error("the update's signature is not valid at the box's time of day; set the clock ({0})")]
    Clock(String),
    /// It is for another board.
    #[error("the update is for the board {is}; this is {board}")]
    WrongBoard {
        /// The board it is for.
        is: String,
        /// This board.
        board: String,
    },
    /// It was changed on its way.
    #[error("the update is damaged: {0}")]
    Corrupt(String),
    /// It is older than what runs.
    #[error("the update is {is}, older than {than}; it takes a reason to go back")]
    Older {
        /// Its version.
        is: String,
        /// What it must not be older than.
        than: String,
    },
    /// It does not fit.
    #[error("no room for the update: {0}")]
    NoRoom(String),
    /// The server cannot be reached, or does not have it.
    #[error("the update cannot be fetched: {0}")]
    NoNetwork(String),
    /// Another one is being installed.
    #[error("an update is being installed already")]
    Busy,
    /// Somebody stopped it before anything was written.
    #[error("stopped; nothing was written")]
    Stopped,
    /// A reason that is empty or too long.
    #[error("a reason is 1 to 200 characters on one line")]
    Reason,
    /// The box itself is not as it should be.
    #[error("the box cannot install updates: {0}")]
    Box(String),
    /// The installer failed in another way.
    #[error(
        "the update failed while it was being written: {0}; the version that runs is untouched"
    )]
    Failed(String),
}

impl UpdateError {
    /// A word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Source(_) => "source",
            Self::NotThere(_) => "not_there",
            Self::NoStick => "no_stick",
            Self::Many(_) => "many",
            Self::NotAnUpdate(_) => "not_an_update",
            Self::Unsigned => "unsigned",
            Self::Untrusted(_) => "untrusted",
            Self::Clock(_) => "clock",
            Self::WrongBoard { .. } => "wrong_board",
            Self::Corrupt(_) => "corrupt",
            Self::Older { .. } => "older",
            Self::NoRoom(_) => "no_room",
            Self::NoNetwork(_) => "no_network",
            Self::Busy => "busy",
            Self::Stopped => "stopped",
            Self::Reason => "reason",
            Self::Box(_) => "box",
            Self::Failed(_) => "failed",
        }
    }

    /// What RAUC's last words mean; `board` is this one.
    pub fn from_rauc(words: &str, board: &str) -> Self {
        let last = last_words(words);
        let says = |part: &str| last.contains(part);
        match () {
            () if says("certificate is not yet valid") || says("certificate has expired") => {
                Self::Clock(last)
            }
            () if says("signature verification failed") => Self::Untrusted(
                last.rsplit("Verify error: ")
                    .next()
                    .unwrap_or_default()
                    .to_owned(),
            ),
            () if says("Signature size") => Self::Unsigned,
            () if says("Invalid bundle format") => Self::NotAnUpdate(last),
            () if says("No such file:") => Self::NotThere(last.replace("No such file: ", "")),
            () if says("Compatible mismatch") => Self::WrongBoard {
                is: quoted(&last, 1).unwrap_or_default(),
                board: board.to_owned(),
            },
            () if says("Version mismatch") => Self::Older {
                is: quoted(&last, 1).unwrap_or_default(),
                than: quoted(&last, 0).unwrap_or_default(),
            },
            () if says("No space left on device") => Self::NoRoom(last),
            () if says("Already processing") => Self::Busy,
            () if says("nbd device")
                || says("'nbd' netlink")
                || says("Failed to contact rauc")
                || says("D-Bus error") =>
            {
                Self::Box(last)
            }
            () if says("Failed to stream bundle") || says("http error") => {
                Self::NoNetwork(match attempt(words) {
                    Some(why) => format!("{why} ({last})"),
                    None => last,
                })
            }
            // The kernel found a block that is not what was signed, while the slot was being written.
            () if says("Input/output error") => Self::Corrupt(last),
            () => Self::Failed(last),
        }
    }
}

/// The line that says why, bounded; RAUC prints its errors last, and notes of its own before.
fn last_words(words: &str) -> String {
    let lines = || words.lines().map(str::trim).filter(|line| !line.is_empty());
    let mut noted = lines().filter_map(|line| line.strip_prefix("LastError: "));
    let mut other = lines().filter(|line| {
        !line.starts_with("Installing `") && !line.starts_with("rauc-") && *line != "idle"
    });
    // What could not be reached is told in two lines, the first of which says why.
    let contact = lines().find(|line| line.starts_with("Failed to contact rauc"));
    let line = noted.next_back().or(contact).or_else(|| other.next_back());
    line.unwrap_or("it does not say why")
        .chars()
        .take(300)
        .collect()
}

/// Why the last attempt to fetch something failed, which RAUC only notes: `request failed: … (retrying 5/5)`.
fn attempt(words: &str) -> Option<String> {
    let mut notes = words.lines().rev();
    let why = notes.find_map(|line| {
        line.split_once("request failed: ")?
            .1
            .split(" (retrying")
            .next()
    })?;
    Some(why.chars().take(200).collect())
}

/// The text in the `at`th pair of quotes.
fn quoted(text: &str, at: usize) -> Option<String> {
    text.split('\'')
        .skip(1)
        .step_by(2)
        .nth(at)
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Told by rauc 1.13 when it was given bundles with one thing wrong each.
    #[test]
    fn what_rauc_said_is_understood() {
        let told = [
            (
                "rauc-Message: 15:45:32.638: Reading bundle: /t/stranger.raucb\n\
                 rauc-Message: 15:45:32.639: Verifying bundle signature... \n\
                 signature verification failed: Verify error: self-signed certificate\n",
                "untrusted",
            ),
            (
                "Invalid bundle format: Signature size (1079128782167306770) exceeds bundle size\n",
                "unsigned",
            ),
            (
                "Invalid bundle format: Failed to seek to end of bundle: Error seeking in file: Invalid argument\n",
                "not_an_update",
            ),
            ("No such file: /t/missing.raucb\n", "not_there"),
            (
                "LastError: Version mismatch: Expected at least '0.1.0' but bundle manifest has '0.0.9'\nidle\n\
                 Installing `/t/plainolder.raucb` failed\n",
                "older",
            ),
            (
                "LastError: Failed to stream bundle https://127.0.0.1:9/x.raucb: failed to configure streaming: server not responding\n\
                 Installing `https://127.0.0.1:9/x.raucb` failed\n",
                "no_network",
            ),
            (
                "Failed to contact rauc service: The name de.pengutronix.rauc was not provided by any .service files\n\
                 D-Bus error while installing `/t/plain.raucb`\n",
                "box",
            ),
            (
                "LastError: Failed mounting bundle: Failed to open /dev/mapper/control: No such file or directory\n\
                 Installing `/t/good.raucb` failed\n",
                "failed",
            ),
            (
                "LastError: Failed mounting bundle: failed to resolve 'nbd' netlink family - BLK_DEV_NBD not enabled in kernel?\n\
                 Installing `https://127.0.0.1:18443/good.raucb` failed\n",
                "box",
            ),
            (
                "Failed to stream bundle https://127.0.0.1:18443/none.raucb: not found: unexpected HTTP error code 404\n",
                "no_network",
            ),
            ("", "failed"),
        ];
        for (words, code) in told {
            let fault = UpdateError::from_rauc(words, "causeway-x86_64");
            assert_eq!(fault.code(), code, "{fault}");
        }
        let tried = format!(
            "rauc-nbd-Message: 15:46:03.144: request failed: Failed to connect to 127.0.0.1 port 9 after 0 ms: Could not connect to server (retrying 5/5)\n{}",
            told[5].0
        );
        assert!(
            UpdateError::from_rauc(&tried, "").to_string().starts_with(
                "the update cannot be fetched: Failed to connect to 127.0.0.1 port 9 after 0 ms: Could not connect to server (Failed to stream"
            )
        );
        assert_eq!(
            UpdateError::from_rauc(told[4].0, "").to_string(),
            "the update is 0.0.9, older than 0.1.0; it takes a reason to go back"
        );
        assert_eq!(
            UpdateError::from_rauc(told[0].0, ""),
            UpdateError::Untrusted("self-signed certificate".to_owned())
        );
    }
}
