//! The tree of commands as data, and what a line means in it.
//!
//! A word may be cut as long as it stays the only one with its beginning. Where a value may stand beside words, a word that
//! is written out wins, then a value that is good.

use super::words::{WORDS, Words};
use crate::check;
use core::fmt;
use heapless::{String, Vec};

/// Octets of a keyword at most.
pub const KEYWORD: usize = 24;

/// One word of a command, or the place of a value.
#[derive(Debug)]
pub struct Node {
    pub name: Name,
    /// One line, as `?` shows it.
    pub help: &'static str,
    /// What is run when the line ends here.
    pub run: Option<Verb>,
    pub next: Next,
}

impl Node {
    /// A word; `next` may follow it.
    pub const fn word(
        name: &'static str,
        help: &'static str,
        run: Option<Verb>,
        next: &'static [Self],
    ) -> Self {
        Self {
            name: Name::Word(name),
            help,
            run,
            next: Next::Nodes(next),
        }
    }

    /// A value.
    pub const fn value(
        label: &'static str,
        kind: Kind,
        help: &'static str,
        run: Option<Verb>,
        next: &'static [Self],
    ) -> Self {
        Self {
            name: Name::Value { label, kind },
            help,
            run,
            next: Next::Nodes(next),
        }
    }
}

/// What may follow a node.
#[derive(Clone, Copy, Debug)]
pub enum Next {
    Nodes(&'static [Node]),
    /// The tree of settings, down to a value.
    Setting,
    /// The tree of settings, down to anywhere.
    SettingOrGroup,
}

/// See [`Node`].
#[derive(Clone, Copy, Debug)]
pub enum Name {
    Word(&'static str),
    /// `label` is how help writes it: `HOST`.
    Value {
        label: &'static str,
        kind: Kind,
    },
}

/// What a value must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Anything printable of at most so many octets.
    Text(usize),
    Number {
        least: u32,
        most: u32,
    },
    Host,
    /// A host with a port if need be.
    Place,
    /// An address without a port.
    Address,
    /// Where the box listens: an address, which may be any of its own, and a port.
    Socket,
    /// Two ports with a hyphen between them.
    Ports,
    /// `https://` and what follows it.
    Url,
    Ipv4,
    Ipv6,
    Zone,
    Phone,
    /// The name of a new or an existing thing.
    Named,
    /// The same; the trunks that the shell told are offered.
    Trunk,
    /// Asked for afterwards and not echoed: it never stands in a line.
    Secret,
}

impl Kind {
    fn check(self, text: &str) -> check::Checked {
        match self {
            Self::Text(most) => {
                let good = !text.is_empty()
                    && text.len() <= most
                    && text.chars().all(super::screen::is_printable);
                good.then_some(()).ok_or("empty, too long or not printable")
            }
            Self::Number { least, most } => check::number(text, least, most).map(drop),
            Self::Host => check::host(text),
            Self::Place => check::place(text),
            Self::Address => {
                let ip = text.parse::<core::net::IpAddr>();
                ip.map(drop).map_err(|_| "no address")
            }
            Self::Socket => check::socket(text),
            Self::Ports => check::ports(text),
            Self::Url => check::url(text),
            Self::Ipv4 => check::ipv4(text),
            Self::Ipv6 => check::ipv6(text),
            Self::Zone => check::zone(text),
            Self::Phone => check::phone(text),
            Self::Named | Self::Trunk => check::name(text),
            Self::Secret => Err("leave it out: it is asked for, and not shown"),
        }
    }
}

/// What a command does; its values stand beside it in [`Found`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Help,
    Menu,
    SetUp,
    Logout,
    Status,
    Version,
    Alarms,
    Network,
    Trunks,
    Resets,
    Configuration,
    Draft,
    Revisions,
    Calls,
    Call,
    Log,
    Set,
    Delete,
    Compare,
    Discard,
    Commit,
    CommitConfirm,
    Confirm,
    Revert,
    Rollback,
    Export,
    Import,
    Ping,
    TrunkCheck,
    Update,
    UpdateForced,
    ReceiveUpdate,
    SupportBundle,
    SendSupportBundle,
    SshKey,
    Password,
    Reboot,
    FactoryReset,
}

/// A word of a known command.
#[derive(Clone, Copy, Debug)]
enum Piece {
    /// Written out, however it was cut.
    Word(&'static str),
    /// The word of the line.
    Given(usize),
}

/// A line that means something.
#[derive(Clone, Debug)]
pub struct Found {
    pub verb: Verb,
    pieces: Vec<Piece, WORDS>,
    /// The value at the end is a secret and has to be asked for.
    pub secret: bool,
}

impl Found {
    /// Its words, the cut ones written out, without the first `skip`.
    pub fn words<'a>(&'a self, words: &'a Words, skip: usize) -> impl Iterator<Item = &'a str> {
        self.pieces.iter().skip(skip).map(|piece| match piece {
            Piece::Word(word) => *word,
            Piece::Given(at) => words.text(*at),
        })
    }

    /// Its values.
    pub fn values<'a>(&'a self, words: &'a Words) -> impl Iterator<Item = &'a str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Word(_) => None,
            Piece::Given(at) => Some(words.text(*at)),
        })
    }

    /// From the word at `at` to the end, with a blank between any two.
    pub fn rest<'a>(&self, words: &'a Words, at: usize) -> Option<&'a str> {
        match self.pieces.get(at)? {
            Piece::Word(_) => None,
            Piece::Given(at) => Some(words.rest(*at)),
        }
    }

    /// The number in its values; 0 when there is none.
    pub fn number(&self, words: &Words) -> u32 {
        self.values(words)
            .find_map(|text| text.parse().ok())
            .unwrap_or(0)
    }
}

/// Why a line means nothing.
#[derive(Clone, Debug)]
pub enum Misread {
    /// No such word; `next` says which there are.
    Unknown { column: usize, next: Level },
    /// Several begin so.
    Ambiguous {
        column: usize,
        next: Level,
        begin: String<KEYWORD>,
    },
    /// A value that is not what it must be.
    Value {
        column: usize,
        label: &'static str,
        kind: Kind,
        why: &'static str,
    },
    /// Something has to follow.
    Incomplete { next: Level },
    /// Nothing may follow.
    TooMuch { column: usize },
}

impl Misread {
    /// Where in the line, counted from 1 in characters; none: at its end.
    pub const fn column(&self) -> Option<usize> {
        match self {
            Self::Unknown { column, .. }
            | Self::Ambiguous { column, .. }
            | Self::Value { column, .. }
            | Self::TooMuch { column } => Some(*column),
            Self::Incomplete { .. } => None,
        }
    }
}

impl fmt::Display for Misread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(column) = self.column() {
            write!(f, "column {column}: ")?;
        }
        match self {
            Self::Unknown { next, .. } => {
                write!(f, "no such word here; there is {}", Names(*next, ""))
            }
            Self::Ambiguous { next, begin, .. } => {
                write!(f, "could be {}", Names(*next, begin))
            }
            Self::Value {
                label,
                kind: Kind::Number { least, most },
                ..
            } => {
                write!(f, "{label} is a number of {least} to {most}")
            }
            Self::Value { label, why, .. } => write!(f, "{label}: {why}"),
            Self::Incomplete { next } => write!(f, "not complete; next is {}", Names(*next, "")),
            Self::TooMuch { .. } => f.write_str("nothing may follow here"),
        }
    }
}

/// The nodes one of which may stand at a place.
#[derive(Clone, Copy, Debug)]
pub struct Level {
    pub nodes: &'static [Node],
    /// The line may also end there.
    pub may_end: bool,
}

/// Where names begin behind the longest of what is said before them, and where a line ends.
const NAMES_BEGIN: usize = 40;
const NAMES_END: usize = 78;

/// Their names, for people.
struct Names<'a>(Level, &'a str);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut separator, mut column) = ("", NAMES_BEGIN);
        for node in self.0.nodes {
            let name = match node.name {
                Name::Word(word) if word.starts_with(self.1) => word,
                Name::Value { label, .. } if self.1.is_empty() => label,
                Name::Word(_) | Name::Value { .. } => continue,
            };
            column += name.len() + 2;
            if column > NAMES_END {
                (separator, column) = (",\n  ", name.len() + 4);
            }
            write!(f, "{separator}{name}")?;
            separator = ", ";
        }
        Ok(())
    }
}

/// An entry of the menu.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    pub label: &'static str,
    /// The command it stands for.
    pub line: &'static str,
    /// What is asked first, and put behind the command.
    pub ask: Option<&'static str>,
}

/// What a console knows. Each level sorted by its words.
#[derive(Clone, Copy, Debug)]
pub struct Trees {
    pub commands: &'static [Node],
    pub settings: &'static [Node],
    /// From 1; 0 is `exit`.
    pub menu: &'static [Entry],
}

/// On the way down.
struct Walk {
    level: &'static [Node],
    /// A node of the settings whose end is the setting's end, or a place to stop.
    any_depth: bool,
    in_setting: bool,
    verb: Option<Verb>,
    pieces: Vec<Piece, WORDS>,
}

impl Trees {
    /// What the first `count` words mean.
    fn walk(self, words: &Words, count: usize) -> Result<Walk, Misread> {
        let mut walk = Walk {
            level: self.commands,
            any_depth: false,
            in_setting: false,
            verb: None,
            pieces: Vec::new(),
        };
        for at in 0..count {
            let (node, piece) = choose(&walk, words, at)?;
            // Words are at most as many as pieces.
            let _ = walk.pieces.push(piece);
            walk.level = match node.next {
                Next::Nodes(nodes) => nodes,
                Next::Setting | Next::SettingOrGroup => {
                    walk.in_setting = true;
                    walk.any_depth = matches!(node.next, Next::SettingOrGroup);
                    walk.verb = node.run;
                    self.settings
                }
            };
            if !walk.in_setting {
                walk.verb = node.run;
            }
        }
        Ok(walk)
    }

    /// What a whole line means.
    ///
    /// # Errors
    /// [`Misread`]; a line without words is incomplete.
    pub fn find(self, words: &Words) -> Result<Found, Misread> {
        let walk = self.walk(words, words.len())?;
        let next = Level {
            nodes: walk.level,
            may_end: false,
        };
        let secret = walk.in_setting && !walk.any_depth && asks_secret(walk.level);
        let ends = !walk.in_setting
            || secret
            || walk.level.is_empty()
            || (walk.any_depth && walk.pieces.len() > 1);
        match walk.verb {
            Some(verb) if ends => Ok(Found {
                verb,
                pieces: walk.pieces,
                secret,
            }),
            Some(_) | None => Err(Misread::Incomplete { next }),
        }
    }

    /// What may stand where the word after the first `count` stands.
    ///
    /// # Errors
    /// [`Misread`], when those mean nothing.
    pub fn level(self, words: &Words, count: usize) -> Result<Level, Misread> {
        let walk = self.walk(words, count)?;
        let may_end = match walk.verb {
            None => false,
            Some(_) if !walk.in_setting => true,
            Some(_) => {
                walk.level.is_empty() || asks_secret(walk.level) || (walk.any_depth && count > 1)
            }
        };
        Ok(Level {
            nodes: walk.level,
            may_end,
        })
    }
}

fn asks_secret(level: &[Node]) -> bool {
    let secret = |n: &Node| {
        matches!(
            n.name,
            Name::Value {
                kind: Kind::Secret,
                ..
            }
        )
    };
    level.iter().any(secret)
}

/// The node that the word at `at` means.
fn choose(walk: &Walk, words: &Words, at: usize) -> Result<(&'static Node, Piece), Misread> {
    let (word, column) = (words.text(at), words.column(at));
    let (nodes, next) = (
        walk.level,
        Level {
            nodes: walk.level,
            may_end: false,
        },
    );
    if nodes.is_empty() {
        return Err(Misread::TooMuch { column });
    }
    let keyword = |node: &'static Node| match node.name {
        Name::Word(name) if !words.is_quoted(at) => Some((node, name)),
        Name::Word(_) | Name::Value { .. } => None,
    };
    let mut begun = nodes
        .iter()
        .filter_map(keyword)
        .filter(|(_, name)| name.starts_with(word));
    let exact = nodes
        .iter()
        .filter_map(keyword)
        .find(|(_, name)| *name == word);
    let value = nodes.iter().find_map(|node| match node.name {
        Name::Value { label, kind } => Some((node, label, kind)),
        Name::Word(_) => None,
    });
    let good = value.filter(|(_, _, kind)| kind.check(word).is_ok());
    match (exact, good, begun.next(), begun.next()) {
        (Some((node, name)), ..) => Ok((node, Piece::Word(name))),
        (None, Some((node, ..)), ..) => Ok((node, Piece::Given(at))),
        (None, None, Some((node, name)), None) => Ok((node, Piece::Word(name))),
        (None, None, Some(_), Some(_)) => Err(Misread::Ambiguous {
            column,
            next,
            begin: String::try_from(word).unwrap_or_default(),
        }),
        (None, None, None, _) => Err(match value {
            Some((_, label, kind)) if nodes.len() == 1 => Misread::Value {
                column,
                label,
                kind,
                why: kind.check(word).err().unwrap_or_default(),
            },
            Some(_) | None => Misread::Unknown { column, next },
        }),
    }
}
