//! The questions as data.

/// One question; in the order in which they may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    Password,
    Repeat,
    Ipv4,
    Ipv4Gateway,
    Ipv6,
    Ipv6Gateway,
    NameServers,
    TimeServers,
    Zone,
    Trunk,
    Transport,
    User,
    Secret,
    TestNumber,
    Review,
}

pub(super) const COUNT: usize = 15;

pub(super) static ALL: [Question; COUNT] = [
    Question::Password,
    Question::Repeat,
    Question::Ipv4,
    Question::Ipv4Gateway,
    Question::Ipv6,
    Question::Ipv6Gateway,
    Question::NameServers,
    Question::TimeServers,
    Question::Zone,
    Question::Trunk,
    Question::Transport,
    Question::User,
    Question::Secret,
    Question::TestNumber,
    Question::Review,
];

/// What is known of a question.
pub(super) struct About {
    /// A line before the first question of its kind; else empty.
    pub(super) heading: &'static str,
    pub(super) prompt: &'static str,
    pub(super) help: &'static str,
    /// What Enter takes at first; empty: an answer is needed.
    pub(super) offered: &'static str,
    /// The setting; empty: it is none.
    pub(super) path: &'static str,
    /// `none` is an answer, and then nothing is set.
    pub(super) optional: bool,
    /// Several items with blanks between them.
    pub(super) list: bool,
    pub(super) secret: bool,
}

const PLAIN: About = About {
    heading: "",
    prompt: "",
    help: "",
    offered: "",
    path: "",
    optional: false,
    list: false,
    secret: false,
};

impl Question {
    pub(super) const fn at(self) -> usize {
        self as usize
    }

    pub(super) const fn about(self) -> &'static About {
        match self {
            Self::Password => &About {
                heading: "The administrator: a password of 10 to 64 characters. It is not shown.",
                prompt: "Password",
                help: "It opens this console and the web pages of the administrator. A sentence is good.\nOnly a factory reset helps who forgets it.",
                path: "admin password",
                secret: true,
                ..PLAIN
            },
            Self::Repeat => &About {
                prompt: "The same again",
                help: "The password once more, since nobody saw it.",
                secret: true,
                ..PLAIN
            },
            Self::Ipv4 => &About {
                heading: "\nThe network.",
                prompt: "IPv4 address",
                help: "dhcp: the network gives one. none: no IPv4. Or the address with the length of\nthe network's prefix: 192.0.2.10/24 where the mask is 255.255.255.0.",
                offered: "dhcp",
                path: "network ipv4 address",
                ..PLAIN
            },
            Self::Ipv4Gateway => &About {
                prompt: "IPv4 gateway",
                help: "The router that leads out of the network. none: there is no way out.",
                path: "network ipv4 gateway",
                optional: true,
                ..PLAIN
            },
            Self::Ipv6 => &About {
                prompt: "IPv6 address",
                help: "auto: routers say it. none: no IPv6. Or address/prefix: 2001:db8::10/64.",
                offered: "auto",
                path: "network ipv6 address",
                ..PLAIN
            },
            Self::Ipv6Gateway => &About {
                prompt: "IPv6 gateway",
                help: "The router that leads out, often fe80::1. none: routers announce themselves.",
                offered: "none",
                path: "network ipv6 gateway",
                optional: true,
                ..PLAIN
            },
            Self::NameServers => &About {
                prompt: "Name servers",
                help: "Addresses of 1 to 3 DNS servers, with blanks between them. none: names are not\nlooked up, and PBX and time servers must be written as addresses.",
                path: "network dns",
                optional: true,
                list: true,
                ..PLAIN
            },
            Self::TimeServers => &About {
                heading: "\nThe clock.",
                prompt: "Time servers",
                help: "1 to 4 NTP servers, with blanks between them. none: the clock drifts, and some\nday certificates count as expired.",
                offered: "pool.ntp.org",
                path: "time server",
                optional: true,
                list: true,
                ..PLAIN
            },
            Self::Zone => &About {
                prompt: "Time zone",
                help: "As Europe/Berlin or America/New_York. Records of calls always are in UTC.",
                offered: "UTC",
                path: "time zone",
                ..PLAIN
            },
            Self::Trunk => &About {
                heading: "\nThe PBX.",
                prompt: "PBX address",
                help: "Where it takes SIP: 192.0.2.20, pbx.example, either with :port. none: later.",
                path: "trunk pbx address",
                optional: true,
                ..PLAIN
            },
            Self::Transport => &About {
                prompt: "Transport",
                help: "udp, tcp or tls, as the PBX's trunk is set. With tls its certificate is set up\nafterwards.",
                offered: "udp",
                path: "trunk pbx transport",
                ..PLAIN
            },
            Self::User => &About {
                prompt: "User",
                help: "Who the box is when the PBX asks. none: the PBX knows it by its address.",
                offered: "none",
                path: "trunk pbx username",
                optional: true,
                ..PLAIN
            },
            Self::Secret => &About {
                prompt: "Secret",
                help: "The user's secret. It is kept apart from the configuration and never shown.",
                path: "trunk pbx password",
                secret: true,
                ..PLAIN
            },
            Self::TestNumber => &About {
                heading: "\nA test call, once this is in use.",
                prompt: "Number to call",
                help: "A number behind the PBX that somebody, or an echo, answers. none: no test call.",
                offered: "none",
                path: "test number",
                optional: true,
                ..PLAIN
            },
            Self::Review => &About {
                prompt: "Put it into use? yes, back, again, abort",
                help: "yes puts all of it into use at once. Nothing has been changed so far.",
                ..PLAIN
            },
        }
    }
}
