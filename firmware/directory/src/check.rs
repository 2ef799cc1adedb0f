//! The one validator: reads the text, then looks at everything serde cannot see, and reports all
//! faults at once with their lines.

mod family;

use crate::account::AccountId;
use crate::config::{AppKey, Config, ConfigError, SipTransport, Trunk, TrunkName};
use crate::dial::Destination;
use std::collections::HashSet;
use std::net::IpAddr;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

impl Config {
    /// Reads and checks a document.
    ///
    /// # Errors
    /// Every fault found, in the order of the document; a syntax fault hides those behind it.
    pub fn parse(text: &str) -> Result<Self, Vec<ConfigError>> {
        one_line_each(text)?;
        let config: Self = toml::from_str(text).map_err(|fault| {
            vec![error_at(
                text,
                fault.span().unwrap_or(0..0),
                fault.message().to_owned(),
            )]
        })?;
        let mut check = Check {
            text,
            errors: Vec::new(),
        };
        check.settings(&config);
        check.trunks(&config);
        check.numbers(&config);
        check.apps(&config);
        check.accounts(&config);
        check.errors.sort_by_key(|e| (e.line, e.column));
        if check.errors.is_empty() {
            Ok(config)
        } else {
            Err(check.errors)
        }
    }
}

/// Turns a byte range into line and column.
fn error_at(text: &str, span: Range<usize>, message: String) -> ConfigError {
    let before = text.get(..span.start).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    ConfigError {
        line: before.matches('\n').count() + 1,
        column: before.get(line_start..).unwrap_or("").chars().count() + 1,
        message,
    }
}

struct Check<'a> {
    text: &'a str,
    errors: Vec<ConfigError>,
}

impl Check<'_> {
    fn fault(&mut self, span: Range<usize>, message: impl Into<String>) {
        self.errors.push(error_at(self.text, span, message.into()));
    }

    /// The place of a key in a `[section]`, for fields that need no span of their own.
    fn key(&self, section: &str, key: &str) -> Range<usize> {
        let start = self.text.find(&format!("[{section}]")).unwrap_or(0);
        let mut at = start;
        for line in self.text.get(start..).unwrap_or("").split_inclusive('\n') {
            let name = line.split('=').next().unwrap_or("").trim();
            if line.contains('=') && name == key {
                return at..at + line.len();
            }
            at += line.len();
        }
        start..start
    }

    fn settings(&mut self, config: &Config) {
        let settings = &config.settings;
        if settings.public.is_empty()
            && settings.media.ip().is_unspecified()
            && settings.stun.is_empty()
        {
            let at = self.key("box", "media");
            self.fault(at, "`media` listens on every address, so `public` must name the ones browsers shall use, or `stun` servers that tell them");
        }
        if settings.management == Some(settings.https) {
            let at = self.key("box", "management");
            self.fault(
                at,
                "`management` is where `https` is: give it an address or a port of its own",
            );
        }
        if settings.stun.len() > 4 {
            let at = self.key("box", "stun");
            self.fault(at, "`stun` is up to 4 servers");
        }
        if settings.public.iter().any(IpAddr::is_unspecified) {
            let at = self.key("box", "public");
            self.fault(at, "`public` needs real addresses, not 0.0.0.0 or ::");
        }
        if let Some(addresses) = &settings.ice_tcp
            && (addresses.len() > 8
                || addresses
                    .iter()
                    .any(|a| a.port() == 0 || a.ip().is_unspecified()))
        {
            let at = self.key("box", "ice_tcp");
            self.fault(
                at,
                "`ice_tcp` is up to 8 real addresses with their ports, as in [\"203.0.113.10:443\"]",
            );
        }
        if settings.turn_udp.is_some() && !settings.turn {
            let at = self.key("box", "turn_udp");
            self.fault(at, "`turn_udp` asks for what `turn = false` turns off");
        }
        if settings
            .media_threads
            .is_some_and(|count| !(1..=32).contains(&count))
        {
            let at = self.key("box", "media_threads");
            self.fault(at, "`media_threads` is 1 to 32");
        }
        if !(1..=10_000).contains(&settings.max_calls) {
            let at = self.key("box", "max_calls");
            self.fault(at, "`max_calls` is 1 to 10000");
        }
        if !(10..=600).contains(&settings.ring_s) {
            let at = self.key("box", "ring_s");
            self.fault(at, "`ring_s` is 10 to 600");
        }
        if let Some(app) = &settings.demo_app
            && !config
                .apps
                .iter()
                .any(|a| a.get_ref().key.get_ref().0 == *app)
        {
            let at = self.key("box", "demo_app");
            self.fault(
                at,
                format!("`demo_app`: there is no [[app]] with the key `{app}`"),
            );
        }
        if config.sip.dns.len() > 4 || config.sip.dns.iter().any(|s| s.port() == 0) {
            let at = self.key("sip", "dns");
            self.fault(
                at,
                "`dns` is up to 4 servers with their ports, as in [\"192.0.2.53:53\"]",
            );
        }
        self.families(config);
    }

    fn trunks(&mut self, config: &Config) {
        let mut seen: HashSet<&TrunkName> = HashSet::new();
        for spanned in &config.trunks {
            let trunk = spanned.get_ref();
            let name = trunk.name.get_ref();
            if name.0.is_empty()
                || !name
                    .0
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            {
                self.fault(
                    trunk.name.span(),
                    "a trunk's name is letters, digits, `-` and `_`",
                );
            }
            if !seen.insert(name) {
                self.fault(
                    trunk.name.span(),
                    format!("there are two trunks called `{name}`"),
                );
            }
            for codec in &trunk.codecs {
                if !matches!(codec.get_ref().as_str(), "PCMU" | "PCMA" | "G722") {
                    self.fault(
                        codec.span(),
                        format!("`{}`: a trunk speaks PCMU, PCMA and G722", codec.get_ref()),
                    );
                }
            }
            if trunk.codecs.is_empty() {
                self.fault(
                    spanned.span(),
                    "`codecs` is empty: name PCMU, PCMA or G722, or leave it out",
                );
            }
            if !(90..=86_400).contains(trunk.session_expires_s.get_ref()) {
                let message = "`session_expires_s` is between 90 and 86400";
                self.fault(trunk.session_expires_s.span(), message);
            }
            if !(64..=20_000).contains(trunk.video_kbps.get_ref()) {
                let message = "`video_kbps` is between 64 and 20000";
                self.fault(trunk.video_kbps.span(), message);
            }
            if !matches!(trunk.ptime_ms.get_ref(), 10 | 20 | 30 | 40 | 60) {
                self.fault(trunk.ptime_ms.span(), "`ptime_ms` is 10, 20, 30, 40 or 60");
            }
            if !(96..=127).contains(trunk.dtmf_payload_type.get_ref()) {
                self.fault(
                    trunk.dtmf_payload_type.span(),
                    "`dtmf_payload_type` is 96 to 127",
                );
            }
            if trunk.options_s != 0 && !(2..=3600).contains(&trunk.options_s) {
                self.fault(
                    spanned.span(),
                    format!("trunk `{name}`: `options_s` is 0 (off) or 2 to 3600"),
                );
            }
            if trunk.media_timeout_s != 0 && !(10..=3600).contains(&trunk.media_timeout_s) {
                self.fault(
                    spanned.span(),
                    format!("trunk `{name}`: `media_timeout_s` is 0 (never) or 10 to 3600"),
                );
            }
            if let Some(most) = &trunk.max_calls
                && !(1..=10_000).contains(most.get_ref())
            {
                self.fault(most.span(), "a trunk's `max_calls` is 1 to 10000");
            }
            if let Some(most) = &trunk.calls_per_second
                && !(1..=1_000).contains(most.get_ref())
            {
                self.fault(most.span(), "`calls_per_second` is 1 to 1000");
            }
            if trunk.targets.len() > MAX_TARGETS {
                self.fault(
                    spanned.span(),
                    format!("trunk `{name}`: `targets` are up to {MAX_TARGETS}"),
                );
            }
            for (at, target) in trunk.targets.iter().enumerate() {
                // Those before it: `address` and `at` further ones.
                let place = target.get_ref();
                if trunk.places().take(at + 1).any(|known| known == place) {
                    self.fault(target.span(), format!("the target {place} is given twice"));
                }
            }
            if let Some(domain) = &trunk.domain
                && !is_host(domain)
            {
                self.fault(
                    spanned.span(),
                    format!(
                        "trunk `{name}`: `domain` is a domain or an address, with or without a port"
                    ),
                );
            }
            if let Some(numbering) = &trunk.numbering
                && let Err(fault) = numbering.get_ref().check()
            {
                self.fault(numbering.span(), format!("`numbering`: {fault}"));
            }
            if let Some(node) = &trunk.ucid_node
                && !(1..=32_767).contains(node.get_ref())
            {
                self.fault(node.span(), "`ucid_node` is 1 to 32767");
            }
            self.reachable(config, trunk);
            self.tls(config, spanned);
            self.registration(trunk);
            for header in &trunk.headers {
                if let Err(fault) = header.get_ref().check() {
                    self.fault(header.span(), fault);
                }
            }
            if trunk.username.is_some() != trunk.password.is_some() {
                self.fault(
                    spanned.span(),
                    format!("trunk `{name}`: `username` and `password` go together"),
                );
            }
        }
    }

    fn registration(&mut self, trunk: &Trunk) {
        let Some(registration) = &trunk.registration else {
            return;
        };
        let at = registration.span();
        let registration = registration.get_ref();
        match trunk.account() {
            None => self.fault(
                at.clone(),
                "`registration` needs an account: give it a `user`, or the trunk a `username`",
            ),
            // What a URI's user part may hold as it is (RFC 3261 section 25.1), without what means something there.
            Some(user)
                if user.is_empty()
                    || user.len() > 64
                    || !user
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || b"-_.!~*'+".contains(&b)) =>
            {
                self.fault(
                    at.clone(),
                    "the account of `registration` is 1 to 64 letters, digits and `-_.!~*'+`: give a `user`",
                );
            }
            Some(_) => {}
        }
        if let Some(registrar) = &registration.registrar
            && !is_host(registrar)
        {
            self.fault(
                at.clone(),
                "`registrar` is a domain or an address, with or without a port",
            );
        }
        if !(20..=86_400).contains(&registration.expires_s) {
            self.fault(at, "`expires_s` of `registration` is 20 to 86400");
        }
    }

    fn tls(&mut self, config: &Config, spanned: &Spanned<Trunk>) {
        let trunk = spanned.get_ref();
        let name = trunk.name.get_ref();
        let trusted = trunk.knows_certificates();
        if let Some(pin) = &trunk.tls_pin_sha256 {
            let digits = pin.get_ref().bytes().filter(|b| *b != b':');
            if digits.clone().count() != 64 || !digits.clone().all(|b| b.is_ascii_hexdigit()) {
                self.fault(
                    pin.span(),
                    "`tls_pin_sha256` is the SHA-256 of a certificate: 64 hexadecimal digits, with or without colons",
                );
            }
        }
        match (&trunk.tls_cert, &trunk.tls_key) {
            (Some(alone), None) | (None, Some(alone)) => {
                self.fault(alone.span(), "`tls_cert` and `tls_key` go together");
            }
            (Some(_), Some(_)) | (None, None) => {}
        }
        if trunk.sips && trunk.transport != Some(SipTransport::Tls) {
            let fault = format!("trunk `{name}`: `sips` needs `transport = \"tls\"`");
            self.fault(spanned.span(), fault);
        }
        if !trunk.may_use_tls() {
            if trusted || trunk.tls_name.is_some() || trunk.tls_cert.is_some() || trunk.tls_mutual {
                let fault = format!("trunk `{name}`: `tls_…` keys need `transport = \"tls\"`");
                self.fault(spanned.span(), fault);
            }
            return;
        }
        if !trusted {
            self.fault(
                spanned.span(),
                format!(
                    "trunk `{name}`: how shall the PBX be known? Give `tls_ca` or `tls_pin_sha256`"
                ),
            );
        }
        if config.sip.tls.is_none() {
            self.fault(
                spanned.span(),
                format!("trunk `{name}`: TLS needs `tls` in [sip], where the PBX reaches the box"),
            );
        }
    }

    fn numbers(&mut self, config: &Config) {
        let mut seen = HashSet::new();
        for spanned in &config.numbers {
            let number = spanned.get_ref();
            self.number(&number.number);
            if !seen.insert(Destination::parse(number.number.get_ref()).ok()) {
                self.fault(
                    number.number.span(),
                    format!("the number `{}` is given twice", number.number.get_ref()),
                );
            }
            let written = number.number.get_ref();
            match &number.account {
                Some(account) if number.echo => self.fault(
                    account.span(),
                    format!("the number `{written}` leads to an `account` or, with `echo = true`, to the box itself, not both"),
                ),
                Some(account) if !has_account(config, account.get_ref()) => self.fault(
                    account.span(),
                    format!(
                        "there is no [[account]] with the id `{}`",
                        account.get_ref()
                    ),
                ),
                None if !number.echo => self.fault(
                    number.number.span(),
                    format!("the number `{written}` leads nowhere: give it an `account`, or `echo = true`"),
                ),
                Some(_) | None => {}
            }
        }
    }

    fn number(&mut self, number: &Spanned<String>) {
        if !matches!(
            Destination::parse(number.get_ref()),
            Ok(Destination::Number(_))
        ) {
            self.fault(
                number.span(),
                format!(
                    "`{}` is no number: write +4930123456 or 100",
                    number.get_ref()
                ),
            );
        }
    }

    fn apps(&mut self, config: &Config) {
        let mut seen: HashSet<&AppKey> = HashSet::new();
        for spanned in &config.apps {
            let app = spanned.get_ref();
            let key = app.key.get_ref();
            if key.0.is_empty()
                || key.0.len() > 64
                || !key
                    .0
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            {
                self.fault(
                    app.key.span(),
                    "an app's key is 1 to 64 letters, digits, `-` and `_`",
                );
            }
            if !seen.insert(key) {
                self.fault(
                    app.key.span(),
                    format!("there are two apps with the key `{key}`"),
                );
            }
            if !(1..=2).contains(&app.secret_sha256.get_ref().len()) {
                self.fault(
                    app.secret_sha256.span(),
                    "`secret_sha256` holds one hash, or two while a secret is being changed",
                );
            }
            if app.origins.is_empty() {
                self.fault(
                    spanned.span(),
                    format!("app `{key}`: `origins` is empty, so no page could use it"),
                );
            }
            self.number(&app.caller_id);
        }
    }

    fn accounts(&mut self, config: &Config) {
        let mut seen = HashSet::new();
        for spanned in &config.accounts {
            let account = spanned.get_ref();
            if !seen.insert(account.id.get_ref()) {
                self.fault(
                    account.id.span(),
                    format!("there are two accounts `{}`", account.id.get_ref()),
                );
            }
            if let Some(number) = &account.caller_id {
                self.number(number);
            }
        }
    }
}

/// No text of the document holds a line break or another control character: none may become a header, a log line or a
/// terminal's command of its own. Looked at first, so that no other fault quotes one.
fn one_line_each(text: &str) -> Result<(), Vec<ConfigError>> {
    // A syntax fault is told by who reads the document next.
    let Ok(document) = DeTable::parse(text) else {
        return Ok(());
    };
    let mut faulty = Vec::new();
    in_table(document.get_ref(), &mut faulty);
    faulty.sort_by_key(|span| span.start);
    let message = "a text is one line, without control characters";
    let faults: Vec<ConfigError> = faulty
        .into_iter()
        .map(|span| error_at(text, span, message.to_owned()))
        .collect();
    if faults.is_empty() {
        Ok(())
    } else {
        Err(faults)
    }
}

/// The places of texts with control characters, keys included.
fn in_table(table: &DeTable<'_>, faulty: &mut Vec<Range<usize>>) {
    for (key, value) in table {
        if key.get_ref().chars().any(char::is_control) {
            faulty.push(key.span());
        }
        in_value(value, faulty);
    }
}

fn in_value(value: &Spanned<DeValue<'_>>, faulty: &mut Vec<Range<usize>>) {
    match value.get_ref() {
        DeValue::String(text) if text.chars().any(char::is_control) => faulty.push(value.span()),
        DeValue::Array(values) => values.iter().for_each(|value| in_value(value, faulty)),
        DeValue::Table(table) => in_table(table, faulty),
        DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_) => {}
    }
}

/// Each is probed every few seconds.
const MAX_TARGETS: usize = 15;

/// Headers that the box writes itself, or that would change what it means.
const OWN_HEADERS: [&str; 32] = [
    "accept",
    "allow",
    "authorization",
    "c",
    "call-id",
    "contact",
    "content-length",
    "content-type",
    "cseq",
    "expires",
    "f",
    "from",
    "i",
    "k",
    "l",
    "m",
    "max-forwards",
    "min-se",
    "p-asserted-identity",
    "proxy-authorization",
    "record-route",
    "replaces",
    "require",
    "route",
    "session-expires",
    "supported",
    "t",
    "to",
    "user-to-user",
    "v",
    "via",
    "x",
];

impl crate::config::TrunkHeader {
    fn check(&self) -> Result<(), String> {
        let token = |b: u8| b.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&b);
        let (name, value) = (&self.name, &self.value);
        if name.is_empty() || name.len() > 64 || !name.bytes().all(token) {
            return Err(format!("`{}` is no header name", name.escape_debug()));
        }
        if OWN_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
            return Err(format!("`{name}` is written by the box itself"));
        }
        if value.len() > 512 || value.chars().any(char::is_control) {
            return Err(format!(
                "the value of `{name}` is one line of up to 512 octets"
            ));
        }
        Ok(())
    }
}

/// `pbx.example`, `192.0.2.1:5060`, `[2001:db8::1]:5060`.
fn is_host(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b);
    !text.is_empty() && text.len() <= 255 && text.bytes().all(fits)
}

fn has_account(config: &Config, id: &AccountId) -> bool {
    config
        .accounts
        .iter()
        .any(|a| a.get_ref().id.get_ref() == id)
}
