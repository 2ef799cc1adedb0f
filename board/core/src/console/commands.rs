//! The box's commands: the tree, and what comes out of it.

use super::settings::SETTINGS;
use super::tree::{Entry, Found, Kind, Name, Next, Node, Trees, Verb};
use super::words::Words;
use crate::setting::{DEPTH, Setting};
use heapless::Vec;

/// Minutes that `commit confirm` waits for when it is not said.
pub const CONFIRM_MINUTES: u8 = 5;
/// Lines of `logs` when it is not said.
const LOG_LINES: u16 = 50;
/// Echo requests of `ping` when it is not said.
const PINGS: u16 = 4;

/// A command, read and checked; whoever drives the console carries it out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command<'a> {
    Status,
    Version,
    /// What is wrong now, and what was.
    Alarms,
    Network,
    Trunks,
    /// Why the box was started, the last times.
    Resets,
    /// The configuration in use.
    Configuration,
    /// What `commit` would put into use, whole.
    Draft,
    Revisions,
    Calls,
    /// One call, by its identifier.
    Call(&'a str),
    /// So many of the last lines of the log.
    Log(u16),
    /// In the draft; nothing changes until `commit`.
    Set(Setting<'a>),
    /// A setting or a group of them goes from the draft.
    Delete(Vec<&'a str, DEPTH>),
    /// Draft against the configuration in use.
    Compare,
    /// The draft is thrown away.
    Discard,
    Commit {
        comment: Option<&'a str>,
    },
    /// Goes back by itself unless `confirm` comes within so many minutes.
    CommitConfirm {
        minutes: u8,
    },
    Confirm,
    /// What was committed with `confirm` goes back now.
    Revert,
    /// A revision, 0 being the one in use, becomes the draft.
    Rollback(u8),
    /// The configuration in use goes over the line, as a file.
    Export,
    /// A configuration comes over the line, as a file, and becomes the draft.
    Import,
    Ping {
        host: &'a str,
        count: u16,
    },
    TrunkCheck {
        trunk: &'a str,
        number: Option<&'a str>,
    },
    /// From an address.
    Update(&'a str),
    /// The same, though it is older than what runs.
    UpdateForced {
        from: &'a str,
        reason: &'a str,
    },
    /// An update comes over the line, as a file.
    ReceiveUpdate,
    SupportBundle,
    /// It goes over the line, as a file.
    SendSupportBundle,
    /// A key that may log in by SSH, as `ssh-keygen` writes it.
    SshKey(&'a str),
    /// The admin's new password; not to be shown or kept.
    Password(Setting<'a>),
    Reboot,
    FactoryReset,
}

impl Command<'_> {
    /// Whether the line carries a file, for which the console steps aside.
    pub const fn moves_a_file(&self) -> bool {
        matches!(
            self,
            Self::Export | Self::Import | Self::ReceiveUpdate | Self::SendSupportBundle
        )
    }
}

const fn setting(name: &'static str, help: &'static str, run: Verb, next: Next) -> Node {
    Node {
        name: Name::Word(name),
        help,
        run: Some(run),
        next,
    }
}

const CALL: Node = Node::value(
    "ID",
    Kind::Text(64),
    "one call, with how it sounds",
    Some(Verb::Call),
    &[],
);

const LINES: Node = Node::value(
    "LINES",
    Kind::Number {
        least: 1,
        most: 1000,
    },
    "so many, else 50",
    Some(Verb::Log),
    &[],
);

/// Words behind a key, of which there may be several.
static KEY_COMMENT: [Node; 1] = [Node {
    name: Name::Value {
        label: "COMMENT",
        kind: Kind::Text(120),
    },
    help: "whose it is",
    run: Some(Verb::SshKey),
    next: Next::Nodes(&KEY_COMMENT),
}];

/// `ssh key ssh-ed25519 AAAA… anna@example`, in quotes or as it is.
static SSH_KEY: [Node; 1] = [Node {
    name: Name::Value {
        label: "KEY",
        kind: Kind::Text(250),
    },
    help: "the line of its .pub file, as ssh-ed25519 AAAA… anna",
    run: Some(Verb::SshKey),
    next: Next::Nodes(&KEY_COMMENT),
}];

/// A trunk's test, which every console has.
pub const TRUNK: Node = Node::word(
    "trunk",
    "a trunk's test",
    None,
    &[Node::word(
        "check",
        "try a PBX, say what it does, propose settings",
        None,
        &[Node::value(
            "TRUNK",
            Kind::Trunk,
            "its name",
            Some(Verb::TrunkCheck),
            &[Node::value(
                "NUMBER",
                Kind::Phone,
                "a number to call",
                Some(Verb::TrunkCheck),
                &[],
            )],
        )],
    )],
);

/// What can be typed.
pub static COMMANDS: &[Node] = &[
    Node::word("calls", "calls that stand", Some(Verb::Calls), &[CALL]),
    Node::word(
        "commit",
        "put the draft into use",
        Some(Verb::Commit),
        &[
            Node::word(
                "comment",
                "say why",
                None,
                &[Node::value(
                    "TEXT",
                    Kind::Text(120),
                    "kept with the revision",
                    Some(Verb::Commit),
                    &[],
                )],
            ),
            Node::word(
                "confirm",
                "goes back by itself unless confirmed within 5 minutes",
                Some(Verb::CommitConfirm),
                &[Node::value(
                    "MINUTES",
                    Kind::Number { least: 1, most: 60 },
                    "within so many",
                    Some(Verb::CommitConfirm),
                    &[],
                )],
            ),
        ],
    ),
    Node::word(
        "compare",
        "what the draft would change",
        Some(Verb::Compare),
        &[],
    ),
    Node::word(
        "confirm",
        "keep what was committed with confirm",
        Some(Verb::Confirm),
        &[],
    ),
    setting(
        "delete",
        "remove a setting from the draft",
        Verb::Delete,
        Next::SettingOrGroup,
    ),
    Node::word("discard", "throw the draft away", Some(Verb::Discard), &[]),
    Node::word("exit", "log out", Some(Verb::Logout), &[]),
    Node::word(
        "export",
        "send the configuration over this line, as a file",
        Some(Verb::Export),
        &[],
    ),
    Node::word(
        "factory-reset",
        "erase everything that was set",
        Some(Verb::FactoryReset),
        &[],
    ),
    Node::word("help", "how this console is used", Some(Verb::Help), &[]),
    Node::word(
        "import",
        "take a configuration over this line into the draft",
        Some(Verb::Import),
        &[],
    ),
    Node::word(
        "logs",
        "the last lines of the log",
        Some(Verb::Log),
        &[LINES],
    ),
    Node::word("menu", "the numbered menu", Some(Verb::Menu), &[]),
    Node::word(
        "password",
        "change the admin's password",
        Some(Verb::Password),
        &[],
    ),
    Node::word(
        "ping",
        "is a host there?",
        None,
        &[Node::value(
            "HOST",
            Kind::Host,
            "a name or an address",
            Some(Verb::Ping),
            &[Node::value(
                "COUNT",
                Kind::Number {
                    least: 1,
                    most: 100,
                },
                "so often, else 4 times",
                Some(Verb::Ping),
                &[],
            )],
        )],
    ),
    Node::word("reboot", "start the box anew", Some(Verb::Reboot), &[]),
    Node::word(
        "revert",
        "undo now what was committed with confirm",
        Some(Verb::Revert),
        &[],
    ),
    Node::word(
        "rollback",
        "make an older revision the draft",
        None,
        &[Node::value(
            "REVISION",
            Kind::Number { least: 0, most: 49 },
            "0 is the one in use, 1 the one before",
            Some(Verb::Rollback),
            &[],
        )],
    ),
    setting(
        "set",
        "change a setting in the draft",
        Verb::Set,
        Next::Setting,
    ),
    Node::word(
        "setup",
        "the questions of the first start",
        Some(Verb::SetUp),
        &[],
    ),
    Node::word(
        "show",
        "look at something",
        None,
        &[
            Node::word("alarms", "what is wrong", Some(Verb::Alarms), &[]),
            Node::word("calls", "calls that stand", Some(Verb::Calls), &[CALL]),
            Node::word(
                "configuration",
                "the configuration in use",
                Some(Verb::Configuration),
                &[],
            ),
            Node::word(
                "draft",
                "what commit would put into use, whole",
                Some(Verb::Draft),
                &[],
            ),
            Node::word(
                "log",
                "the last lines of the log",
                Some(Verb::Log),
                &[LINES],
            ),
            Node::word(
                "network",
                "interfaces, addresses, routes",
                Some(Verb::Network),
                &[],
            ),
            Node::word(
                "resets",
                "why the box was started, the last times",
                Some(Verb::Resets),
                &[],
            ),
            Node::word(
                "revisions",
                "the last 50 configurations",
                Some(Verb::Revisions),
                &[],
            ),
            Node::word("status", "how the box is", Some(Verb::Status), &[]),
            Node::word("trunks", "how each trunk is", Some(Verb::Trunks), &[]),
            Node::word("version", "software and slots", Some(Verb::Version), &[]),
        ],
    ),
    Node::word(
        "ssh",
        "who may log in by SSH",
        None,
        &[Node {
            name: Name::Word("key"),
            help: "let a key in",
            run: None,
            next: Next::Nodes(&SSH_KEY),
        }],
    ),
    Node::word(
        "support",
        "for the support desk",
        None,
        &[Node::word(
            "bundle",
            "everything they ask for, without secrets",
            Some(Verb::SupportBundle),
            &[Node::word(
                "send",
                "over this line, as a file",
                Some(Verb::SendSupportBundle),
                &[],
            )],
        )],
    ),
    TRUNK,
    Node::word(
        "update",
        "install a signed update",
        None,
        &[
            Node::word(
                "receive",
                "over this line, as a file",
                Some(Verb::ReceiveUpdate),
                &[],
            ),
            Node::value(
                "ADDRESS",
                Kind::Text(200),
                "https://…, or usb",
                Some(Verb::Update),
                &[Node::word(
                    "force",
                    "though it is older than what runs",
                    None,
                    &[Node::value(
                        "REASON",
                        Kind::Text(120),
                        "why; kept in the log",
                        Some(Verb::UpdateForced),
                        &[],
                    )],
                )],
            ),
        ],
    ),
];

const fn entry(label: &'static str, line: &'static str, ask: Option<&'static str>) -> Entry {
    Entry { label, line, ask }
}

/// The menu, from 1.
pub static MENU: &[Entry] = &[
    entry("Set up the box", "setup", None),
    entry("Status", "show status", None),
    entry("Alarms", "show alarms", None),
    entry("Network", "show network", None),
    entry("Trunks", "show trunks", None),
    entry("Check a trunk", "trunk check", Some("Which trunk: ")),
    entry("Ping a host", "ping", Some("Which host: ")),
    entry("Calls", "calls", None),
    entry("Log", "logs", None),
    entry("Configuration", "show configuration", None),
    entry("Change the password", "password", None),
    entry("Update", "update", Some("From https://… or usb: ")),
    entry("Update over this line", "update receive", None),
    entry("Support bundle", "support bundle", None),
    entry("Reboot", "reboot", None),
    entry("Factory reset", "factory-reset", None),
];

impl Trees {
    /// The whole box.
    pub const BOX: Self = Self {
        commands: COMMANDS,
        settings: SETTINGS,
        menu: MENU,
    };
}

impl<'a> Command<'a> {
    /// What `found` in `words` says; `secret` is what was asked for besides. None: it is the console's own affair.
    pub(crate) fn of(found: &'a Found, words: &'a Words, secret: &'a str) -> Option<Self> {
        let first = || found.values(words).next();
        let number = |otherwise: u16| match found.number(words) {
            0 => otherwise,
            number => u16::try_from(number).unwrap_or(otherwise),
        };
        let small = |n: u16| u8::try_from(n).unwrap_or(u8::MAX);
        Some(match found.verb {
            Verb::Help | Verb::Menu | Verb::SetUp | Verb::Logout => return None,
            Verb::Status => Self::Status,
            Verb::Version => Self::Version,
            Verb::Alarms => Self::Alarms,
            Verb::Network => Self::Network,
            Verb::Trunks => Self::Trunks,
            Verb::Resets => Self::Resets,
            Verb::Configuration => Self::Configuration,
            Verb::Draft => Self::Draft,
            Verb::Revisions => Self::Revisions,
            Verb::Calls => Self::Calls,
            Verb::Call => Self::Call(first()?),
            Verb::Log => Self::Log(number(LOG_LINES)),
            Verb::Set => {
                let mut path: Vec<&str, DEPTH> = found.words(words, 1).take(DEPTH).collect();
                let value = if found.secret { secret } else { path.pop()? };
                Self::Set(Setting {
                    path,
                    value,
                    secret: found.secret,
                })
            }
            Verb::Delete => Self::Delete(found.words(words, 1).take(DEPTH).collect()),
            Verb::Compare => Self::Compare,
            Verb::Discard => Self::Discard,
            Verb::Commit => Self::Commit { comment: first() },
            Verb::CommitConfirm => Self::CommitConfirm {
                minutes: small(number(u16::from(CONFIRM_MINUTES))),
            },
            Verb::Confirm => Self::Confirm,
            Verb::Revert => Self::Revert,
            Verb::Rollback => Self::Rollback(small(number(0))),
            Verb::Export => Self::Export,
            Verb::Import => Self::Import,
            Verb::Ping => Self::Ping {
                host: first()?,
                count: found
                    .values(words)
                    .nth(1)
                    .and_then(|n| n.parse().ok())
                    .unwrap_or(PINGS),
            },
            Verb::TrunkCheck => Self::TrunkCheck {
                trunk: first()?,
                number: found.values(words).nth(1),
            },
            Verb::Update => Self::Update(first()?),
            Verb::UpdateForced => Self::UpdateForced {
                from: first()?,
                reason: found.values(words).nth(1)?,
            },
            Verb::ReceiveUpdate => Self::ReceiveUpdate,
            Verb::SupportBundle => Self::SupportBundle,
            Verb::SendSupportBundle => Self::SendSupportBundle,
            Verb::SshKey => Self::SshKey(found.rest(words, 2)?),
            Verb::Password => Self::Password(Setting::new("admin password", secret, true)),
            Verb::Reboot => Self::Reboot,
            Verb::FactoryReset => Self::FactoryReset,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::KEYWORD;

    fn each(nodes: &'static [Node], what: &mut impl FnMut(&'static [Node])) {
        what(nodes);
        for node in nodes {
            // The words of a comment lead back to themselves.
            if let Next::Nodes(next) = node.next
                && !core::ptr::eq(next, nodes)
            {
                each(next, what);
            }
        }
    }

    #[test]
    fn the_trees_are_sorted_and_their_helps_fit_a_line() {
        for tree in [COMMANDS, SETTINGS] {
            each(tree, &mut |level| {
                let word = |node: &'static Node| match node.name {
                    Name::Word(word) => Some(word),
                    Name::Value { .. } => None,
                };
                assert!(level.iter().filter_map(word).is_sorted());
                assert!(
                    level
                        .iter()
                        .filter_map(word)
                        .all(|word| word.len() <= KEYWORD)
                );
                assert!(level.iter().all(|node| (1..=60).contains(&node.help.len())));
            });
        }
    }

    #[test]
    fn every_entry_of_the_menu_is_a_command() {
        let trees = Trees::BOX;
        for entry in MENU {
            let words = Words::parse(entry.line).unwrap();
            assert_eq!(
                trees.find(&words).is_ok(),
                entry.ask.is_none(),
                "{}",
                entry.line
            );
        }
    }
}
