//! Secrets live apart from documents. A document and its revisions hold references, `secret:` and 32 hexadecimal digits;
//! so a rollback finds the secret of its time, and whoever sees a document sees none.
//!
//! The administrator's key of the gateway's API is known to the document by its hash alone, which is its reference.

use causeway_directory::{Secret, SecretHash};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use toml_edit::{DocumentMut, Item, TableLike, Value};

/// What every reference begins with.
const MARK: &str = "secret:";
/// Keys whose values are secrets, in whatever table.
const KEYS: [&str; 1] = ["password"];
/// Secrets that are kept.
const MOST: usize = 4096;
/// Octets of one.
pub const LONGEST: usize = 1024;
const FORMAT: &str = "causeway-secrets 1";

/// Random octets, handed in.
pub type Lots<'a> = &'a mut dyn FnMut(&mut [u8]);

/// A new reference.
pub fn draw(lots: Lots<'_>) -> String {
    let mut octets = [0; 16];
    lots(&mut octets);
    format!("{MARK}{}", hex(&octets))
}

/// Octets as lower-case hexadecimal digits.
pub fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut hex, octet| {
        let _ = write!(hex, "{octet:02x}");
        hex
    })
}

fn is_reference(text: &str) -> bool {
    let digits = text.strip_prefix(MARK);
    digits.is_some_and(|d| d.len() == 32 && d.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Secrets by their references. Printing it shows none.
#[derive(Clone, Debug, Default)]
pub struct Secrets {
    kept: BTreeMap<String, Secret>,
}

/// Why secrets cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the secrets cannot be read: they are not what was written")]
pub struct Unreadable;

impl Secrets {
    /// None that the document may name.
    pub fn get(&self, reference: &str) -> Option<&Secret> {
        self.kept.get(reference)
    }

    /// Keeps one; false: there are too many.
    pub fn insert(&mut self, reference: String, secret: Secret) -> bool {
        let fits = self.kept.len() < MOST || self.kept.contains_key(&reference);
        if fits {
            self.kept.insert(reference, secret);
        }
        fits
    }

    /// All of another's, too.
    pub fn extend(&mut self, other: &Self) {
        let new = other.kept.iter();
        self.kept.extend(new.map(|(r, s)| (r.clone(), s.clone())));
    }

    /// Whether all of another's are here.
    pub fn contains(&self, other: &Self) -> bool {
        other
            .kept
            .keys()
            .all(|reference| self.kept.contains_key(reference))
    }

    /// Lets go of those that are not named; true when there were some.
    pub fn retain(&mut self, named: &BTreeSet<String>) -> bool {
        let before = self.kept.len();
        self.kept.retain(|reference, _| named.contains(reference));
        self.kept.len() != before
    }

    /// All of them, to be struck out of what leaves the box.
    pub fn values(&self) -> impl Iterator<Item = &str> {
        self.kept.values().map(Secret::reveal)
    }

    /// A key of the API; which one when there are several is not said.
    pub fn any_admin_key(&self) -> Option<&str> {
        let keys = self.kept.keys().find(|key| !key.starts_with(MARK));
        keys.map(String::as_str)
    }

    /// The file.
    pub fn to_octets(&self) -> Vec<u8> {
        let mut lines = String::new();
        for (reference, secret) in &self.kept {
            let _ = writeln!(lines, "{reference} {}", hex(secret.reveal().as_bytes()));
        }
        let sum = hex(&Sha256::digest(&lines));
        format!("{FORMAT}\nsha256 {sum}\n{lines}").into_bytes()
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`Unreadable`]: whatever is not exactly what [`Self::to_octets`] has written.
    pub fn from_octets(octets: &[u8]) -> Result<Self, Unreadable> {
        let text = std::str::from_utf8(octets).map_err(|_| Unreadable)?;
        let rest = text
            .strip_prefix(FORMAT)
            .and_then(|r| r.strip_prefix("\nsha256 "));
        let (sum, lines) = rest.and_then(|r| r.split_once('\n')).ok_or(Unreadable)?;
        if hex(&Sha256::digest(lines)) != sum {
            return Err(Unreadable);
        }
        let mut kept = BTreeMap::new();
        for line in lines.lines() {
            let (reference, digits) = line.split_once(' ').ok_or(Unreadable)?;
            let secret = unhex(digits).and_then(|o| String::from_utf8(o).ok());
            kept.insert(reference.to_owned(), Secret::new(secret.ok_or(Unreadable)?));
        }
        Ok(Self { kept })
    }
}

/// Octets of hexadecimal digits; none when they are none.
pub fn unhex(digits: &str) -> Option<Vec<u8>> {
    if !digits.len().is_multiple_of(2) || !digits.is_ascii() {
        return None;
    }
    let pair = |at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
    (0..digits.len()).step_by(2).map(pair).collect()
}

/// Whether a path's value is a secret.
pub fn is_secret(path: &[impl AsRef<str>]) -> bool {
    path.last().is_some_and(|key| KEYS.contains(&key.as_ref()))
}

/// Puts references where a document has readable secrets, which come back with them. What is a reference of `known`
/// already stays.
///
/// # Errors
/// A sentence: a value that is no text, or too long.
pub fn take_out(
    document: &mut DocumentMut,
    known: &Secrets,
    lots: Lots<'_>,
) -> Result<Secrets, String> {
    let mut taken = Secrets::default();
    let mut fault = None;
    each(
        document.as_table_mut(),
        &mut Vec::new(),
        &mut |path, value| match value.as_str() {
            Some(text) if known.get(text).is_some() => {}
            Some(text) if is_reference(text) => {
                fault = Some(format!(
                    "`{}`: this box does not have that secret; it has to be set anew",
                    path.join(" ")
                ));
            }
            Some(text) if text.len() <= LONGEST => {
                let reference = draw(lots);
                if !taken.insert(reference.clone(), Secret::new(text)) {
                    fault = Some("too many secrets".to_owned());
                }
                let decor = value.decor().clone();
                *value = Value::from(reference);
                *value.decor_mut() = decor;
            }
            Some(_) | None => {
                fault = Some(format!(
                    "`{}`: a text of up to {LONGEST} octets",
                    path.join(" ")
                ));
            }
        },
    );
    fault.map_or(Ok(taken), Err)
}

/// Puts secrets where references are; paths of those that `secret` does not know.
pub fn put_in(document: &mut DocumentMut, secret: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
    let mut missing = Vec::new();
    each(
        document.as_table_mut(),
        &mut Vec::new(),
        &mut |path, value| match value.as_str().and_then(secret) {
            Some(readable) => *value = Value::from(readable),
            None => missing.push(path.join(" ")),
        },
    );
    missing
}

/// Paths of secrets that stand readable.
pub fn readable(document: &DocumentMut) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    each(
        document.clone().as_table_mut(),
        &mut Vec::new(),
        &mut |path, value| {
            if !value.as_str().is_some_and(is_reference) {
                found.push(path.to_vec());
            }
        },
    );
    found
}

/// References that a document names, the hash of its administrator's key among them.
pub fn named(text: &str) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    let Ok(mut document) = text.parse::<DocumentMut>() else {
        return named;
    };
    if let Some(hash) = admin_key_hash(&document) {
        named.insert(hash);
    }
    each(document.as_table_mut(), &mut Vec::new(), &mut |_, value| {
        named.extend(value.as_str().map(str::to_owned));
    });
    named
}

/// The hash of the administrator's key, where the document has one.
pub fn admin_key_hash(document: &DocumentMut) -> Option<String> {
    let hash = document.get("box")?.get("admin_key_sha256")?.as_str()?;
    Some(SecretHash::parse(hash)?.to_hex())
}

/// Visits every value that is a secret.
fn each(
    table: &mut dyn TableLike,
    path: &mut Vec<String>,
    visit: &mut dyn FnMut(&[String], &mut Value),
) {
    for (key, item) in table.iter_mut() {
        path.push(key.get().to_owned());
        match item {
            Item::Value(value) if KEYS.contains(&key.get()) => visit(path, value),
            Item::Value(Value::InlineTable(inner)) => each(inner, path, visit),
            Item::Value(Value::Array(list)) => {
                for (number, value) in list.iter_mut().enumerate() {
                    if let Value::InlineTable(inner) = value {
                        path.push(format!("#{number}"));
                        each(inner, path, visit);
                        path.pop();
                    }
                }
            }
            Item::Table(inner) => each(inner, path, visit),
            Item::ArrayOfTables(tables) => {
                for (number, inner) in tables.iter_mut().enumerate() {
                    path.push(format!("#{number}"));
                    each(inner, path, visit);
                    path.pop();
                }
            }
            Item::None | Item::Value(_) => {}
        }
        path.pop();
    }
}
