//! What the console waits for, told by how the cursor's line ends.
//!
//! Anything may stand before it: a message of the kernel that had no end, octets that were bent on the way.

/// The questions of the first start, as they are asked.
const QUESTIONS: [&str; 14] = [
    "Password",
    "The same again",
    "IPv4 address",
    "IPv4 gateway",
    "IPv6 address",
    "IPv6 gateway",
    "Name servers",
    "Time servers",
    "Time zone",
    "PBX address",
    "Transport",
    "User",
    "Secret",
    "Number to call",
];
/// The last of them.
pub(crate) const REVIEW: &str = "Put it into use? yes, back, again, abort: ";

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prompt {
    /// `Password: `: of a locked console, or the first question of a box that is new.
    Password,
    /// `front-desk> `
    Ready(String),
    /// A question of the first start, without the answer that is offered.
    Question(&'static str),
    /// All of them are answered.
    Review,
    /// Any other that ends like a question: `Secret: ` of a command, `Reboot now? Calls end. [y/N] `.
    Other(String),
}

impl Prompt {
    /// What `line` ends with.
    pub fn of(line: &str) -> Option<Self> {
        if line.ends_with(REVIEW) {
            return Some(Self::Review);
        }
        if let Some(asked) = line.strip_suffix(": ") {
            let bare = match asked.strip_suffix(']').and_then(|a| a.rsplit_once(" [")) {
                Some((bare, _)) => bare,
                None => asked,
            };
            return Some(match QUESTIONS.iter().find(|q| ends_in(bare, q)) {
                Some(&"Password") if bare.len() == asked.len() => Self::Password,
                Some(question) => Self::Question(question),
                None => Self::Other(line.to_owned()),
            });
        }
        if let Some(name) = line.strip_suffix("> ") {
            // The name is the last word; one with blanks in it begins the line.
            return (!name.is_empty()).then(|| Self::Ready(name.to_owned()));
        }
        let asks = line.ends_with("] ");
        asks.then(|| Self::Other(line.to_owned()))
    }
}

/// Whether it is this question, and not the end of a longer word.
fn ends_in(line: &str, question: &str) -> bool {
    line.strip_suffix(question)
        .is_some_and(|before| !before.ends_with(char::is_alphabetic))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_are_known_by_their_end() {
        use Prompt::*;
        for (line, prompt) in [
            ("Password: ", Some(Password)),
            ("[   12.3] eth0: upPassword: ", Some(Other(String::new()))),
            ("[   12.3] eth0: up Password: ", Some(Password)),
            ("front-desk> ", Some(Ready("front-desk".into()))),
            ("front-desk>", None),
            ("IPv4 address [dhcp]: ", Some(Question("IPv4 address"))),
            ("PBX address: ", Some(Question("PBX address"))),
            ("Secret: ", Some(Question("Secret"))),
            ("The same again: ", Some(Question("The same again"))),
            ("New password: ", Some(Other("New password: ".into()))),
            ("Put it into use? yes, back, again, abort: ", Some(Review)),
            (
                "Reboot now? Calls end. [y/N] ",
                Some(Other("Reboot now? Calls end. [y/N] ".into())),
            ),
            ("  state       well", None),
            ("", None),
            ("> ", None),
        ] {
            match (Prompt::of(line), prompt) {
                (Some(Other(_)), Some(Other(_))) => {}
                (found, wanted) => assert_eq!(found, wanted, "{line}"),
            }
        }
    }
}
