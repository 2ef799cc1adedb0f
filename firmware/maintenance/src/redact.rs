//! Strikes secrets out of texts that leave the box: logs, configurations, messages of protocols. When in doubt, out.
//!
//! | what | where it is known by |
//! |---|---|
//! | values the caller knows to be secret | themselves |
//! | private keys (PEM) | their first line, to their last, 200 lines at most |
//! | values of settings, parameters, JSON members, SDP attributes (`ice-pwd`) | a name that speaks of passwords, secrets, tokens, keys or credentials |
//! | `Authorization`, `Cookie` and their kin, `a=crypto` | their names, to the end of the line |
//! | `Bearer …`, `Basic …`, `Digest …` | the scheme |
//! | SDES keys | `inline:` |
//! | passwords in addresses | `scheme://name:password@`, `sip:name:password@` |
//! | hashes of passwords, JSON web tokens | `$argon2…$`, `$6$`, `eyJ….….…` |
//! | keys nobody named | 40 and more characters of base64 in both cases and digits |
//!
//! Linear in the text; what it remembers from one line to the next is one state.

use std::borrow::Cow;

/// What stands where something was struck out.
pub const STRUCK: &str = "***";

/// Lines a private key or a list of secrets is followed for.
const LONGEST: u32 = 200;
const KEY: usize = 40;
/// Octets that are looked at ahead for the end of an address, or for what makes a word a scheme.
const AHEAD: usize = 1024;

/// Names whose values are secret, wherever in a name they stand.
const NAMES: [&str; 15] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "credential",
    "private",
    "apikey",
    "api_key",
    "api-key",
    "pwd",
    "ufrag",
    "psk",
    "opaque",
    "cnonce",
];
/// Names that are so only whole.
const WHOLE: [&str; 6] = ["key", "pass", "pw", "auth", "pin", "response"];
/// Words after which the next one is taken for a secret even without a sign between them: what a person types.
const TYPED: [&str; 6] = ["password", "passwd", "passphrase", "secret", "token", "psk"];
/// Words that are none.
const PLAIN: [&str; 33] = [
    "a",
    "accepted",
    "and",
    "authentication",
    "by",
    "changed",
    "check",
    "does",
    "expired",
    "failed",
    "for",
    "from",
    "has",
    "hash",
    "in",
    "invalid",
    "is",
    "must",
    "not",
    "of",
    "on",
    "or",
    "refused",
    "set",
    "store",
    "that",
    "the",
    "to",
    "too",
    "was",
    "were",
    "with",
    "wrong",
];
/// Header fields that are secret to the end of the line.
const FIELDS: [&str; 8] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "www-authenticate",
    "proxy-authenticate",
    "authentication-info",
    "crypto",
];
const HASHES: [&str; 7] = ["$argon2", "$y$", "$gy$", "$7$", "$6$", "$5$", "$2"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Text,
    /// In a private key.
    Key {
        left: u32,
    },
    /// In a list or table of secrets, so many brackets deep.
    Open {
        depth: u32,
        left: u32,
    },
    /// In a text of several lines that ends with these quotes.
    Quoted {
        by: &'static str,
        left: u32,
    },
}

/// Strikes secrets out of one text, line by line.
#[derive(Debug)]
pub struct Redactor<'a> {
    known: &'a [&'a str],
    state: State,
    /// Octets ahead in which there is no unnamed key: looked at once, not from each of them.
    clear: usize,
}

/// Strikes the secrets out of a whole text. `known` are values that are secret wherever they stand; those shorter than four
/// octets would strike out half of everything, and are passed over.
pub fn redact(text: &[u8], known: &[&str]) -> String {
    let text = String::from_utf8_lossy(text);
    let mut redactor = Redactor::new(known);
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        redactor.line(line, &mut out);
    }
    out
}

impl<'a> Redactor<'a> {
    /// At the beginning of a text.
    pub fn new(known: &'a [&'a str]) -> Self {
        Self {
            known,
            state: State::Text,
            clear: 0,
        }
    }

    /// Adds one line, with its end if it has one, to `out`.
    pub fn line(&mut self, line: &str, out: &mut String) {
        let end = line.len()
            - line
                .bytes()
                .rev()
                .take_while(|o| matches!(o, b'\n' | b'\r'))
                .count();
        let (line, end) = line.split_at(end);
        let line = self.without_known(line);
        match self.state {
            State::Text => self.text(&line, out),
            State::Key { left } => {
                out.push_str(STRUCK);
                self.state = match line.split_once("-----END ") {
                    Some(_) => State::Text,
                    None => self.fewer(left, |left| State::Key { left }),
                };
            }
            State::Open { depth, left } => {
                out.push_str(STRUCK);
                let depth = deeper(&line, depth);
                self.state = match depth {
                    0 => State::Text,
                    _ => self.fewer(left, |left| State::Open { depth, left }),
                };
            }
            State::Quoted { by, left } => {
                out.push_str(STRUCK);
                self.state = match line.contains(by) {
                    true => State::Text,
                    false => self.fewer(left, |left| State::Quoted { by, left }),
                };
            }
        }
        out.push_str(end);
    }

    fn fewer(&self, left: u32, state: impl Fn(u32) -> State) -> State {
        match left.checked_sub(1) {
            Some(left) => state(left),
            None => State::Text,
        }
    }

    fn without_known<'l>(&self, line: &'l str) -> Cow<'l, str> {
        let mut line = Cow::Borrowed(line);
        let known = self.known.iter().filter(|known| known.len() >= 4);
        for known in known {
            if line.contains(known) {
                line = Cow::Owned(line.replace(known, STRUCK));
            }
        }
        line
    }

    fn text(&mut self, line: &str, out: &mut String) {
        let mut rest = line;
        // The character before, which tells `a=crypto` from the word.
        let mut before = ' ';
        self.clear = 0;
        while let Some(first) = rest.chars().next() {
            let taken = self.step(rest, before, out);
            let taken = if taken == 0 {
                out.push(first);
                first.len_utf8()
            } else {
                taken
            };
            let (done, left) = rest.split_at_checked(taken).unwrap_or((rest, ""));
            self.clear = self.clear.saturating_sub(done.len());
            before = done.chars().next_back().unwrap_or(before);
            rest = left;
        }
    }

    /// Takes something that is longer than a character off the beginning of `rest`, says how many octets.
    fn step(&mut self, rest: &str, before: char, out: &mut String) -> usize {
        if rest.starts_with("-----BEGIN ") && ahead(rest, 64).contains("PRIVATE KEY") {
            return self.private_key(rest, out);
        }
        if rest.starts_with('$') && HASHES.iter().any(|hash| rest.starts_with(hash)) {
            out.push_str(STRUCK);
            return word(rest).len();
        }
        let name = prefix(rest, is_name);
        if name.is_empty() {
            return match rest.starts_with(['+', '=']) {
                true => self.unnamed_key(rest, before, out),
                false => 0,
            };
        }
        let after = rest.get(name.len()..).unwrap_or_default();
        if let Some(taken) = address(rest, name, after, out) {
            return taken;
        }
        let lower = name.to_ascii_lowercase();
        let lower = lower.trim_start_matches('-');
        if let Some(taken) = field(lower, name, after, before, out) {
            return taken;
        }
        if let Some(taken) = scheme(lower, name, after, out) {
            return taken;
        }
        if is_secret(lower)
            && let Some(taken) = self.value(lower, name, after, out)
        {
            return taken;
        }
        if name.starts_with("eyJ") {
            let dotted = prefix(rest, |o| is_name(o) || o == b'.');
            if dotted.matches('.').count() >= 2 {
                return strike(dotted, out);
            }
        }
        match self.unnamed_key(rest, before, out) {
            0 if is_key(name) && before != '/' => return strike(name, out),
            0 => {}
            taken => return taken,
        }
        out.push_str(name);
        name.len()
    }

    /// What nobody named, in base64's own alphabet. A part of what is no key is none either.
    fn unnamed_key(&mut self, rest: &str, before: char, out: &mut String) -> usize {
        if self.clear > 0 {
            return 0;
        }
        let key = prefix(rest, |o| {
            o.is_ascii_alphanumeric() || matches!(o, b'+' | b'/' | b'=')
        });
        if before != '/' && is_key(key) {
            return strike(key, out);
        }
        self.clear = key.len();
        0
    }

    fn private_key(&mut self, rest: &str, out: &mut String) -> usize {
        out.push_str("[private key ***]");
        let end = rest.find("-----END ").and_then(|at| {
            let tail = rest.get(at + 9..)?;
            Some(at + 9 + tail.find("-----").map_or(tail.len(), |dashes| dashes + 5))
        });
        match end {
            Some(end) => end,
            None => {
                self.state = State::Key { left: LONGEST };
                rest.len()
            }
        }
    }

    /// The value behind a name that speaks of secrets; none when there is none.
    fn value(&mut self, lower: &str, name: &str, after: &str, out: &mut String) -> Option<usize> {
        // The name may have been in quotes, and the whole in a text that was quoted again.
        let quotes = prefix(after, |o| matches!(o, b'"' | b'\'' | b'\\' | b']'));
        let unquoted = after.get(quotes.len()..)?;
        let spaces = prefix(unquoted, |o| matches!(o, b' ' | b'\t'));
        let at = unquoted.get(spaces.len()..)?;
        let sign = prefix(at, |o| matches!(o, b'=' | b':' | b'>'));
        if sign.is_empty() {
            let typed = TYPED.iter().any(|typed| lower.ends_with(typed)) || name.starts_with("--");
            let next = word(at);
            if !typed || spaces.is_empty() || next.is_empty() || !quotes.is_empty() {
                return None;
            }
            let bare = next
                .trim_end_matches(['.', ',', ':', ';', ')'])
                .to_ascii_lowercase();
            if PLAIN.contains(&bare.as_str()) {
                return None;
            }
            let quoted = next.starts_with(['"', '\'']);
            let length = match quoted {
                true => in_quotes(at),
                false => at.find(char::is_whitespace).unwrap_or(at.len()),
            };
            let head = name.len() + spaces.len();
            out.push_str(name);
            out.push_str(spaces);
            out.push_str(STRUCK);
            return Some(head + length);
        }
        let more = at.get(sign.len()..)?;
        let gap = prefix(more, |o| matches!(o, b' ' | b'\t'));
        let value = more.get(gap.len()..)?;
        out.push_str(name);
        out.push_str(quotes);
        out.push_str(spaces);
        out.push_str(sign);
        out.push_str(gap);
        if value.is_empty() {
            // `password:` at the end of a line is a question, and nothing follows in it.
            return Some(name.len() + after.len());
        }
        out.push_str(STRUCK);
        let length = self.length(value, sign.ends_with(':') && !gap.is_empty());
        let head = name.len() + quotes.len() + spaces.len() + sign.len() + gap.len();
        Some(head + length)
    }

    /// Octets of a value that are struck out.
    fn length(&mut self, value: &str, colon: bool) -> usize {
        for by in ["\"\"\"", "'''"] {
            if let Some(inner) = value.strip_prefix(by) {
                return match inner.find(by) {
                    Some(at) => at + 2 * by.len(),
                    None => {
                        self.state = State::Quoted { by, left: LONGEST };
                        value.len()
                    }
                };
            }
        }
        if value.starts_with(['[', '{']) {
            let depth = deeper(value, 0);
            if depth > 0 {
                self.state = State::Open {
                    depth,
                    left: LONGEST,
                };
            }
            return value.len();
        }
        if value.starts_with(['"', '\'']) || value.starts_with("\\\"") {
            return in_quotes(value);
        }
        if colon {
            return value.len();
        }
        // To the next space: a password may hold whatever else separates.
        value
            .find(char::is_whitespace)
            .unwrap_or(value.len())
            .max(1)
    }
}

/// Header fields: everything to the end of the line, be that written as `\r\n` in a log.
fn field(lower: &str, name: &str, after: &str, before: char, out: &mut String) -> Option<usize> {
    if !FIELDS.contains(&lower) || (lower == "crypto" && before != '=') {
        return None;
    }
    let quotes = prefix(after, |o| matches!(o, b'"' | b'\'' | b'\\' | b' ' | b'\t'));
    let rest = after.get(quotes.len()..)?;
    if !rest.starts_with([':', '=', '(']) {
        return None;
    }
    let ends = ["\\r", "\\n"].iter().filter_map(|end| rest.find(end));
    let end = ends.min().unwrap_or(rest.len());
    out.push_str(name);
    out.push_str(": ");
    out.push_str(STRUCK);
    Some(name.len() + quotes.len() + end)
}

/// Schemes of authentication: what follows them.
fn scheme(lower: &str, name: &str, after: &str, out: &mut String) -> Option<usize> {
    if !matches!(lower, "bearer" | "basic" | "digest" | "inline") {
        return None;
    }
    let sign = prefix(after, |o| matches!(o, b' ' | b':'));
    let value = after.get(sign.len()..)?;
    let next = word(value);
    if sign.is_empty() || next.is_empty() {
        return None;
    }
    let length = match lower {
        "digest" if speaks_digest(ahead(value, AHEAD)) => value.len(),
        "digest" => return None,
        // The word has a meaning of its own.
        "basic" if next.len() < 8 => return None,
        _ => next.len(),
    };
    out.push_str(name);
    out.push_str(sign);
    out.push_str(STRUCK);
    Some(name.len() + sign.len() + length)
}

/// Passwords in addresses: `https://name:password@host`, `sip:name:password@host`.
fn address(rest: &str, name: &str, after: &str, out: &mut String) -> Option<usize> {
    let lower = name.to_ascii_lowercase();
    let sign = match () {
        () if after.starts_with("://") => "://",
        () if after.starts_with(':')
            && matches!(lower.as_str(), "sip" | "sips" | "turn" | "turns" | "stun") =>
        {
            ":"
        }
        () => return None,
    };
    let begin = name.len() + sign.len();
    let text = word(ahead(rest.get(begin..)?, AHEAD));
    let at = text.rfind('@')?;
    let (user, password) = text.get(..at)?.split_once(':')?;
    if password.is_empty() {
        return None;
    }
    out.push_str(name);
    out.push_str(sign);
    out.push_str(user);
    out.push(':');
    out.push_str(STRUCK);
    Some(begin + at)
}

fn speaks_digest(text: &str) -> bool {
    text.contains("response") || text.contains("username")
}

/// The next octets of a text, cut where a character ends.
fn ahead(text: &str, octets: usize) -> &str {
    let mut ends = (0..=octets.min(text.len())).rev();
    let end = ends.find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

fn is_secret(lower: &str) -> bool {
    NAMES.iter().any(|name| lower.contains(name))
        || WHOLE.contains(&lower)
        || lower.ends_with("_key")
        || lower.ends_with("-key")
        || lower.contains("key_")
        || lower.ends_with("_pass")
}

/// Whether nobody would write such a word: 40 and more characters of base64.
fn is_key(text: &str) -> bool {
    let has = |kind: fn(&u8) -> bool| text.as_bytes().iter().any(kind);
    text.len() >= KEY
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_digit)
}

const fn is_name(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || matches!(octet, b'_' | b'-')
}

fn strike(text: &str, out: &mut String) -> usize {
    out.push_str(STRUCK);
    text.len()
}

fn prefix(text: &str, is: impl Fn(u8) -> bool) -> &str {
    let length = text
        .bytes()
        .take_while(|octet| octet.is_ascii() && is(*octet))
        .count();
    // Only ASCII was taken, unless the test takes more: then the next boundary is farther on.
    text.get(..length).unwrap_or_default()
}

/// To the next space or quote.
fn word(text: &str) -> &str {
    let end = text.find(|c: char| c.is_whitespace() || matches!(c, '"' | '<' | '>'));
    match end {
        // A quote at the beginning is the word's.
        Some(0) if text.starts_with('"') => text.get(..1).unwrap_or_default(),
        Some(end) => text.get(..end).unwrap_or_default(),
        None => text,
    }
}

/// Octets of a text in quotes, with them; all of it when they do not close.
fn in_quotes(text: &str) -> usize {
    let escaped = text.starts_with("\\\"");
    let mut octets = text.bytes().enumerate().skip(if escaped { 2 } else { 1 });
    let quote = if text.starts_with('\'') { b'\'' } else { b'"' };
    while let Some((at, octet)) = octets.next() {
        match octet {
            b'\\' if escaped => match octets.next() {
                Some((at, b'"')) => return at + 1,
                Some(_) => {}
                None => break,
            },
            b'\\' => {
                octets.next();
            }
            octet if octet == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// How many brackets are open behind a line. Brackets in texts count too: then more is struck out, not less.
fn deeper(line: &str, depth: u32) -> u32 {
    let mut quoted = false;
    line.bytes().fold(depth, |depth, octet| match octet {
        b'"' => {
            quoted = !quoted;
            depth
        }
        b'[' | b'{' if !quoted => depth.saturating_add(1),
        b']' | b'}' if !quoted => depth.saturating_sub(1),
        _ => depth,
    })
}
