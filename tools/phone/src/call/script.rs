//! What the number dialled makes the phone do.

use std::time::Duration;

/// One thing a call does of its own accord.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// 180.
    Ring,
    /// 183 with SDP: the tone is heard before anybody answers.
    EarlyMedia,
    /// 200.
    Answer,
    /// A final rejection.
    Reject(u16),
    /// Put the far end on hold.
    Hold(HoldStyle),
    /// Take it off again.
    Resume,
    /// Send an UPDATE without SDP.
    Update,
    /// Move to another RTP port by re-INVITE.
    Move,
    /// Press digits.
    Press(String),
    /// Send again what met 491.
    Retry,
    /// BYE, or CANCEL when nothing was answered yet.
    Hangup,
}

/// How a hold is spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HoldStyle {
    /// `sendonly`, and nothing is sent.
    #[default]
    Silent,
    /// `sendonly`, and the tone goes on as music would.
    Music,
    /// `inactive`.
    Inactive,
}

/// What the caller hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sound {
    /// The test tone.
    Tone,
    /// Itself.
    Echo,
}

/// How one number behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// Nothing at all is sent, not even 100.
    pub silent: bool,
    /// Credentials are asked for first, by 401 or (true) 407.
    pub challenge: Option<bool>,
    /// Provisional responses are reliable (RFC 3262) when the caller supports it.
    pub reliable: bool,
    /// A caller that does not support it is refused.
    pub reliable_only: bool,
    /// What is heard.
    pub sound: Sound,
    /// Steps before the answer, from the arrival of the INVITE.
    pub before: Vec<(Duration, Step)>,
    /// Steps after it, from the answer.
    pub after: Vec<(Duration, Step)>,
}

/// The script of the number `user`.
pub fn script(user: &str, early_media: bool, prack: bool) -> Script {
    let ms = Duration::from_millis;
    let mut script = Script {
        silent: false,
        challenge: None,
        reliable: prack,
        reliable_only: false,
        sound: Sound::Tone,
        before: vec![(ms(0), Step::Ring), (ms(300), Step::Answer)],
        after: Vec::new(),
    };
    if early_media {
        script.before = vec![(ms(0), Step::EarlyMedia), (ms(300), Step::Answer)];
    }
    let lower = user.to_ascii_lowercase();
    match named(&lower) {
        "silent" => script.silent = true,
        "ring" => script.before = vec![(ms(0), Step::Ring)],
        "early" => script.before = vec![(ms(0), Step::EarlyMedia), (ms(3000), Step::Answer)],
        "reliable" => {
            script.reliable = true;
            script.reliable_only = true;
            script.before = vec![(ms(0), Step::EarlyMedia), (ms(1000), Step::Answer)];
        }
        "hangup5" => script.after = vec![(ms(5000), Step::Hangup)],
        "hold5x" => {
            for cycle in 0..5 {
                script
                    .after
                    .push((ms(1000 + cycle * 2000), Step::Hold(HoldStyle::Silent)));
                script.after.push((ms(2000 + cycle * 2000), Step::Resume));
            }
        }
        "update" => script.after = vec![(ms(1000), Step::Update)],
        "move" => script.after = vec![(ms(1000), Step::Move)],
        "auth" => script.challenge = Some(false),
        "proxyauth" => script.challenge = Some(true),
        "busy" => script.before = vec![(ms(0), Step::Reject(486))],
        "600" => script.sound = Sound::Echo,
        name if name.starts_with("echo") => script.sound = Sound::Echo,
        number => {
            if let Some(status) = rejection(number) {
                script.before = vec![(ms(0), Step::Reject(status))];
            }
        }
    }
    script
}

/// A caller who can dial only digits reaches every script by a number too.
fn named(user: &str) -> &str {
    match user {
        "701" => "silent",
        "702" => "ring",
        "703" => "early",
        "704" => "reliable",
        "705" => "hangup5",
        "706" => "hold5x",
        "707" => "update",
        "708" => "move",
        "709" | "401" => "auth",
        "710" | "407" => "proxyauth",
        other => other,
    }
}

/// A three-digit number from 400 to 699 names the status it is rejected with (600 alone echoes).
fn rejection(number: &str) -> Option<u16> {
    let status = number.parse().ok()?;
    (number.len() == 3 && (400..700).contains(&status)).then_some(status)
}

/// The Reason of a rejection where ISDN has a cause for it (RFC 3398 section 8.2.6.1, the other way round).
pub fn reason(status: u16) -> Option<&'static str> {
    Some(match status {
        404 | 604 => "Q.850;cause=1;text=\"Unallocated number\"",
        486 | 600 => "Q.850;cause=17;text=\"User busy\"",
        480 => "Q.850;cause=18;text=\"No user responding\"",
        603 | 403 => "Q.850;cause=21;text=\"Call rejected\"",
        410 => "Q.850;cause=22;text=\"Number changed\"",
        484 => "Q.850;cause=28;text=\"Invalid number format\"",
        503 => "Q.850;cause=41;text=\"Temporary failure\"",
        488 | 606 => "Q.850;cause=65;text=\"Bearer capability not implemented\"",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_mean_what_the_help_says() {
        assert_eq!(
            script("486", false, false).before,
            [(Duration::ZERO, Step::Reject(486))]
        );
        assert_eq!(
            script("busy", false, false).before,
            [(Duration::ZERO, Step::Reject(486))]
        );
        assert_eq!(
            script("699", false, false).before,
            [(Duration::ZERO, Step::Reject(699))]
        );
        assert_eq!(script("600", false, false).sound, Sound::Echo);
        assert_eq!(script("Echo-7", false, false).sound, Sound::Echo);
        assert_eq!(script("100", false, false).before.len(), 2);
        assert_eq!(script("4860", false, false).before.len(), 2);
        assert!(script("silent", false, false).silent);
        assert!(script("701", false, false).silent);
        assert_eq!(script("auth", false, false).challenge, Some(false));
        assert_eq!(script("hold5x", false, false).after.len(), 10);
        assert_eq!(script("100", true, true).before[0].1, Step::EarlyMedia);
        assert!(script("100", false, true).reliable);
        for (number, name) in [
            ("701", "silent"),
            ("704", "reliable"),
            ("401", "auth"),
            ("407", "proxyauth"),
        ] {
            let by_number = script(number, false, false);
            assert_eq!(
                by_number,
                script(name, false, false),
                "a browser dials digits only"
            );
        }
        assert!(reason(486).is_some_and(|r| r.contains("cause=17")));
    }
}
