//! What a browser sends of the form, and the settings it means.
//!
//! | answer | settings |
//! |---|---|
//! | empty, or `none` | none, where the question may be left open |
//! | a list | one for each item; blanks or commas between them |
//! | a gateway | only beside an address with its prefix |
//! | transport, user, secret of the PBX | only beside its address; a secret only beside a user |
//!
//! Whether an answer is good is the service's to say.

use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Octets of a form.
pub const LONGEST: usize = 16 * 1024;
/// Fields that are read; the page has fewer.
const MOST_FIELDS: usize = 32;

/// One question of the page.
#[derive(Debug)]
pub struct Field {
    pub name: &'static str,
    pub label: &'static str,
    pub hint: &'static str,
    /// What stands in it at first.
    pub offered: &'static str,
    /// Blanks between its words; empty: no setting.
    pub path: &'static str,
    pub list: bool,
    /// Neither shown nor sent back to the page.
    pub secret: bool,
    pub autocomplete: &'static str,
    /// Without an answer the browser does not send the form.
    pub required: bool,
}

const PLAIN: Field = Field {
    name: "",
    label: "",
    hint: "",
    offered: "",
    path: "",
    list: false,
    secret: false,
    autocomplete: "off",
    required: false,
};

/// A heading and its questions.
pub type Section = (&'static str, &'static [Field]);

/// The questions, those of the console's wizard, in its order.
pub static SECTIONS: [Section; 5] = [
    (
        "Permission",
        &[Field {
            name: "code",
            label: "Code",
            hint: "Eight letters and digits that the box shows at its serial console.",
            required: true,
            ..PLAIN
        }],
    ),
    (
        "Administrator",
        &[
            Field {
                name: "password",
                label: "Password",
                hint: "10 to 64 characters. It opens the console and SSH; only a factory reset helps who forgets it.",
                path: "admin password",
                secret: true,
                autocomplete: "new-password",
                required: true,
                ..PLAIN
            },
            Field {
                name: "repeat",
                label: "The same again",
                secret: true,
                autocomplete: "new-password",
                required: true,
                ..PLAIN
            },
        ],
    ),
    (
        "Network",
        &[
            Field {
                name: "ipv4",
                label: "IPv4 address",
                hint: "dhcp: the network gives one. none: no IPv4. Or an address with its prefix, as 192.0.2.10/24.",
                offered: "dhcp",
                path: "network ipv4 address",
                required: true,
                ..PLAIN
            },
            Field {
                name: "ipv4_gateway",
                label: "IPv4 gateway",
                hint: "The router that leads out, for an address with a prefix.",
                path: "network ipv4 gateway",
                ..PLAIN
            },
            Field {
                name: "ipv6",
                label: "IPv6 address",
                hint: "auto: routers say it. none: no IPv6. Or an address with its prefix, as 2001:db8::10/64.",
                offered: "auto",
                path: "network ipv6 address",
                required: true,
                ..PLAIN
            },
            Field {
                name: "ipv6_gateway",
                label: "IPv6 gateway",
                hint: "Often fe80::1; empty: routers announce themselves.",
                path: "network ipv6 gateway",
                ..PLAIN
            },
            Field {
                name: "dns",
                label: "Name servers",
                hint: "1 to 3 addresses with blanks between them; empty: those that the network says.",
                path: "network dns",
                list: true,
                ..PLAIN
            },
        ],
    ),
    (
        "Clock",
        &[
            Field {
                name: "time",
                label: "Time servers",
                hint: "1 to 4 NTP servers with blanks between them. none: the clock drifts, and some day certificates count as expired.",
                offered: "pool.ntp.org",
                path: "time server",
                list: true,
                ..PLAIN
            },
            Field {
                name: "zone",
                label: "Time zone",
                hint: "As Europe/Berlin.",
                offered: "UTC",
                path: "time zone",
                ..PLAIN
            },
        ],
    ),
    (
        "PBX",
        &[
            Field {
                name: "trunk",
                label: "Address",
                hint: "Where it takes SIP: 192.0.2.20 or pbx.example, either with :port. Empty: later.",
                path: "trunk pbx address",
                ..PLAIN
            },
            Field {
                name: "transport",
                label: "Transport",
                hint: "udp, tcp or tls, as the PBX's trunk is set.",
                offered: "udp",
                path: "trunk pbx transport",
                ..PLAIN
            },
            Field {
                name: "username",
                label: "User",
                hint: "Who the box is when the PBX asks; empty: it is known by its address.",
                path: "trunk pbx username",
                ..PLAIN
            },
            Field {
                name: "secret",
                label: "Secret",
                hint: "The user's.",
                path: "trunk pbx password",
                secret: true,
                autocomplete: "off",
                ..PLAIN
            },
        ],
    ),
];

/// Every question.
pub fn fields() -> impl Iterator<Item = &'static Field> {
    SECTIONS.iter().flat_map(|(_, fields)| fields.iter())
}

/// The answers of a form by the names of their fields. They do not print.
#[derive(Clone, Default)]
pub struct Answers(BTreeMap<&'static str, String>);

impl std::fmt::Debug for Answers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Answers {
    /// Reads `application/x-www-form-urlencoded` (URL Standard, section 5.1). Fields that the page has not are passed over; none for
    /// what is no such text.
    pub fn read(body: &[u8]) -> Option<Self> {
        let mut answers = BTreeMap::new();
        let parts = body.split(|octet| *octet == b'&');
        for part in parts.filter(|part| !part.is_empty()).take(MOST_FIELDS) {
            let at = part.iter().position(|octet| *octet == b'=');
            let (name, value) = part.split_at(at.unwrap_or(part.len()));
            let (name, value) = (decoded(name)?, decoded(value.get(1..).unwrap_or(&[]))?);
            if let Some(field) = fields().find(|field| field.name == name) {
                answers.insert(field.name, value);
            }
        }
        Some(Self(answers))
    }

    /// An answer; a secret's blanks belong to it.
    pub fn get(&self, field: &Field) -> &str {
        let value = self.0.get(field.name).map_or("", String::as_str);
        match field.secret {
            true => value,
            false => value.trim(),
        }
    }

    fn named(&self, name: &str) -> &str {
        let found = fields().find(|field| field.name == name);
        found.map_or("", |field| self.get(field))
    }

    /// The code of the console.
    pub fn code(&self) -> &str {
        self.named("code")
    }

    /// Whether the password was typed the same twice.
    pub fn repeats(&self) -> bool {
        self.named("password") == self.named("repeat")
    }

    /// Whether the box would have an address.
    pub fn has_address(&self) -> bool {
        self.named("ipv4") != "none" || self.named("ipv6") != "none"
    }

    /// As the service takes them: `path`, `value`, `secret`.
    pub fn settings(&self) -> Vec<Value> {
        let mut settings = Vec::new();
        for field in fields().filter(|field| !field.path.is_empty()) {
            let answer = self.get(field);
            if answer.is_empty() || !self.is_asked(field.name) {
                continue;
            }
            // Of the addresses `none` is an answer.
            let may_be_none = matches!(field.name, "ipv4" | "ipv6") || field.secret;
            if answer == "none" && !may_be_none {
                continue;
            }
            let mut add = |value: &str| {
                let path: Vec<&str> = field.path.split(' ').collect();
                settings.push(json!({"path": path, "value": value, "secret": field.secret}));
            };
            match field.list {
                true => answer
                    .split([' ', ','])
                    .filter(|item| !item.is_empty())
                    .for_each(&mut add),
                false => add(answer),
            }
        }
        settings
    }

    fn is_asked(&self, name: &str) -> bool {
        let given = |name| !matches!(self.named(name), "" | "none");
        match name {
            "ipv4_gateway" => self.named("ipv4").contains('/'),
            "ipv6_gateway" => self.named("ipv6").contains('/'),
            "transport" | "username" => given("trunk"),
            "secret" => given("trunk") && given("username"),
            _ => true,
        }
    }
}

/// Percent-decoding, with `+` for a blank.
fn decoded(text: &[u8]) -> Option<String> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(octet) = rest.next() {
        octets.push(match octet {
            b'+' => b' ',
            b'%' => {
                let digit = |octet: &u8| char::from(*octet).to_digit(16);
                let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
                u8::try_from(high * 16 + low).ok()?
            }
            plain => *plain,
        });
    }
    let text = String::from_utf8(octets).ok()?;
    // A line break would be one in the configuration.
    (!text.chars().any(char::is_control)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_becomes_settings() {
        let form = b"code=ABCD-2345&password=a+good+sentence&repeat=a+good+sentence&ipv4=192.0.2.10%2F24\
            &ipv4_gateway=192.0.2.1&ipv6=none&ipv6_gateway=fe80%3A%3A1&dns=192.0.2.53%2C192.0.2.54&time=none&zone=UTC\
            &trunk=192.0.2.20&transport=tcp&username=&secret=unasked&unknown=x";
        let answers = Answers::read(form).unwrap();
        assert_eq!(answers.code(), "ABCD-2345");
        assert!(answers.repeats() && answers.has_address());
        let shown: Vec<String> = answers
            .settings()
            .iter()
            .map(|setting| {
                let path = setting["path"].as_array().unwrap();
                let path: Vec<&str> = path.iter().map(|word| word.as_str().unwrap()).collect();
                format!(
                    "{} = {}",
                    path.join(" "),
                    setting["value"].as_str().unwrap()
                )
            })
            .collect();
        assert_eq!(
            shown,
            [
                "admin password = a good sentence",
                "network ipv4 address = 192.0.2.10/24",
                "network ipv4 gateway = 192.0.2.1",
                "network ipv6 address = none",
                "network dns = 192.0.2.53",
                "network dns = 192.0.2.54",
                "time zone = UTC",
                "trunk pbx address = 192.0.2.20",
                "trunk pbx transport = tcp",
            ]
        );
        assert_eq!(answers.settings()[0]["secret"], true);
        assert!(!format!("{answers:?}").contains("sentence"));
    }

    #[test]
    fn what_is_no_form_is_refused() {
        for bad in [
            &b"code=%"[..],
            b"code=%4",
            b"code=%zz",
            b"code=%ff",
            b"zone=a%0Ab",
        ] {
            assert!(Answers::read(bad).is_none());
        }
        let empty = Answers::read(b"").unwrap();
        assert_eq!(empty.code(), "");
    }

    #[test]
    fn without_any_address_nobody_reaches_the_box() {
        let answers = Answers::read(b"ipv4=none&ipv6=none").unwrap();
        assert!(!answers.has_address());
    }
}
