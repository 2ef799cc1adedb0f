//! `?` and TAB: what may stand at the cursor.

use super::screen::{Plain, Screen};
use super::tree::{Kind, Level, Misread, Name, Trees};
use super::words::Words;
use heapless::{String, Vec};

/// Names of trunks that are offered, and octets of one.
pub(crate) const TRUNKS: usize = 16;
pub(crate) type TrunkName = String<32>;

/// Words that may stand at one place.
const CHOICES: usize = 64;

/// The word under the cursor, as far as it is written, and what may stand there.
pub(crate) struct Place<'a> {
    level: Level,
    begin: String<{ super::line::LINE }>,
    trunks: &'a [TrunkName],
}

/// What TAB does.
pub(crate) enum Completion<'a> {
    /// Put this at the cursor; `whole`: the word is complete.
    Insert {
        text: &'a str,
        whole: bool,
    },
    /// Several, or a value: show what there is.
    List,
    Nothing,
}

impl<'a> Place<'a> {
    /// What stands before the cursor is `before`. None: within quotes, or not words at all.
    pub(crate) fn find(
        trees: Trees,
        before: &str,
        trunks: &'a [TrunkName],
    ) -> Option<Result<Self, Misread>> {
        let words = Words::parse(before).ok()?;
        let fresh = before.is_empty() || before.ends_with(char::is_whitespace);
        let count = if fresh {
            words.len()
        } else {
            words.len().saturating_sub(1)
        };
        if !fresh && words.is_quoted(count) {
            return None;
        }
        let begin = String::try_from(words.text(count)).unwrap_or_default();
        let place = |level| Self {
            level,
            begin,
            trunks,
        };
        Some(trees.level(&words, count).map(place))
    }

    fn words(&self) -> Vec<&'a str, CHOICES> {
        let mut words = Vec::new();
        let mut offer = |word: &'a str| {
            if word.starts_with(self.begin.as_str()) {
                let _ = words.push(word);
            }
        };
        for node in self.level.nodes {
            match node.name {
                Name::Word(word) => offer(word),
                Name::Value {
                    kind: Kind::Trunk, ..
                } => self.trunks.iter().for_each(|t| offer(t)),
                Name::Value { .. } => {}
            }
        }
        words
    }

    fn has_value(&self) -> bool {
        let value = |name| matches!(name, Name::Value { kind, .. } if kind != Kind::Secret);
        self.level.nodes.iter().any(|node| value(node.name))
    }

    pub(crate) fn complete(&self) -> Completion<'a> {
        let words = self.words();
        let Some(first) = words.first() else {
            return if self.begin.is_empty() {
                Completion::List
            } else {
                Completion::Nothing
            };
        };
        let common = words.iter().fold(first.len(), |most, word| {
            let same = first.bytes().zip(word.bytes()).take_while(|(a, b)| a == b);
            most.min(same.count())
        });
        let text = first.get(self.begin.len()..common).unwrap_or_default();
        match words.len() {
            1 if !self.has_value() || !self.begin.is_empty() => {
                Completion::Insert { text, whole: true }
            }
            _ if text.is_empty() => Completion::List,
            _ => Completion::Insert { text, whole: false },
        }
    }

    /// What `?` shows.
    pub(crate) fn list(&self, screen: &mut Screen<'_>) {
        let mut shown = 0;
        for node in self.level.nodes {
            match node.name {
                Name::Word(word) if !word.starts_with(self.begin.as_str()) => continue,
                Name::Word(word) => screen.show(format_args!("  {word:<15} {}\n", node.help)),
                Name::Value {
                    kind: Kind::Secret, ..
                } => continue,
                Name::Value { label, kind } => {
                    screen.show(format_args!("  {label:<15} {}", node.help));
                    if let Kind::Number { least, most } = kind {
                        screen.show(format_args!(" ({least} to {most})"));
                    }
                    let mut separator = ": ";
                    for trunk in self.trunks.iter().filter(|_| kind == Kind::Trunk) {
                        screen.show(format_args!("{separator}{}", Plain(trunk)));
                        separator = ", ";
                    }
                    screen.show(format_args!("\n"));
                }
            }
            shown += 1;
        }
        if self.level.may_end && self.begin.is_empty() {
            screen.show(format_args!("  {:<15} do it\n", "<Enter>"));
        } else if shown == 0 {
            screen.show(format_args!("  nothing begins so\n"));
        }
    }
}
