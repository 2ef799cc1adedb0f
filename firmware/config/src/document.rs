//! A document as somebody changes it who sees one setting at a time.
//!
//! A path is what stands before the value in `set trunk pbx address 192.0.2.1`: the name of a table; where there may be many
//! of that name, which one; then keys. What stays is written as it was, comments and order included.

use std::collections::BTreeMap;
use std::fmt;
use thiserror::Error;
use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, TableLike, Value};

/// Which tables there may be many of, each with the key that tells one from another, and which keys are secrets.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// `("trunk", "name")`: there may be many `[[trunk]]`, and `name` tells them apart.
    pub many: &'static [(&'static str, &'static str)],
    /// Last keys of paths whose values are not shown.
    pub secrets: &'static [&'static str],
}

/// What a check says of a document in which a value was read in one of two ways: `1500` may be a number or its digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Nothing is wrong.
    Good,
    /// Something is, but not the kind of a value.
    Incomplete,
    /// A value is of the wrong kind.
    WrongKind,
}

/// Why a change cannot be made; nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[allow(missing_docs)]
pub enum EditError {
    #[error("it is no TOML: {0}")]
    Syntax(String),
    #[error("what of `{0}` is missing")]
    Short(String),
    #[error("`{0}` holds settings, and is none itself")]
    IsTable(String),
    #[error("`{0}` is a setting, and holds none")]
    IsValue(String),
    #[error("there is no `{0}`")]
    Unknown(String),
    #[error("`{value}` is not in `{path}`")]
    NotThere { path: String, value: String },
}

/// One setting that differs between two documents. Secrets are shown as stars.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The path, its words separated by blanks.
    pub path: String,
    /// The value before; `None`: there was none.
    pub before: Option<String>,
    /// The value now.
    pub now: Option<String>,
}

impl fmt::Display for Change {
    /// A line for what was, a line for what is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = [('-', &self.before), ('+', &self.now)]
            .into_iter()
            .filter_map(|(sign, value)| Some((sign, value.as_ref()?)));
        if let Some((sign, value)) = lines.next() {
            write!(f, "{sign} {} {value}", self.path)?;
        }
        for (sign, value) in lines {
            write!(f, "\n{sign} {} {value}", self.path)?;
        }
        Ok(())
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Document {
    toml: DocumentMut,
    shape: Shape,
}

impl Document {
    /// Reads a document.
    ///
    /// # Errors
    /// [`EditError::Syntax`].
    pub fn parse(text: &str, shape: Shape) -> Result<Self, EditError> {
        let toml = text.parse();
        Ok(Self {
            toml: toml.map_err(|e: toml_edit::TomlError| EditError::Syntax(e.to_string()))?,
            shape,
        })
    }

    /// Gives a setting a value. What stands in quotes or brackets is read as TOML; of anything else `verdict` says whether
    /// it is to be read as a number or a truth value, as it stands, or as the first of a list. To a list that is there one
    /// value is added.
    ///
    /// # Errors
    /// [`EditError`].
    pub fn set(
        &mut self,
        path: &[&str],
        value: &str,
        verdict: impl Fn(&str) -> Verdict,
    ) -> Result<(), EditError> {
        let plain = Value::from(value);
        let literal = value.parse::<Value>().ok().filter(|v| !v.is_datetime());
        let mut readings = match literal {
            Some(literal) if value.starts_with(['"', '\'', '[', '{']) => vec![literal],
            Some(literal) => vec![literal, plain],
            None => vec![plain],
        };
        let alone = readings.iter().filter(|reading| !reading.is_array());
        let lists: Vec<Value> = alone
            .map(|reading| Value::Array([reading.clone()].into_iter().collect()))
            .collect();
        readings.extend(lists);
        let mut best: Option<(Verdict, Self)> = None;
        for reading in readings {
            let mut tried = self.clone();
            // A list would take the place of one that is there.
            if reading.is_array() && !value.starts_with('[') && tried.has(path) {
                continue;
            }
            tried.put(path, reading)?;
            let verdict = verdict(&tried.to_string());
            if best.as_ref().is_none_or(|(before, _)| verdict < *before) {
                best = Some((verdict, tried));
            }
        }
        if let Some((_, best)) = best {
            *self = best;
        }
        Ok(())
    }

    /// Whether the setting is there.
    fn has(&mut self, path: &[&str]) -> bool {
        path.split_last().is_some_and(|(key, holders)| {
            let table = self.table(holders, false);
            table.is_ok_and(|table| table.contains_key(key))
        })
    }

    fn put(&mut self, path: &[&str], value: Value) -> Result<(), EditError> {
        let (key, holders) = path
            .split_last()
            .ok_or_else(|| EditError::Short("the configuration".to_owned()))?;
        let table = self.table(holders, true)?;
        match table.get_mut(key) {
            Some(item) if !item.is_value() => return Err(EditError::IsTable(path.join(" "))),
            Some(Item::Value(Value::Array(list))) if !value.is_array() => {
                if !list.iter().any(|there| same(there, &value)) {
                    list.push(value);
                }
            }
            Some(item) => {
                let decor = item.as_value().map(|old| old.decor().clone());
                let mut value = value;
                if let Some(decor) = decor {
                    *value.decor_mut() = decor;
                }
                *item = Item::Value(value);
            }
            None => _ = table.insert(key, Item::Value(value)),
        }
        Ok(())
    }

    /// Takes a setting away, or a table with all that is in it; with a `value`, that value out of a list.
    ///
    /// # Errors
    /// [`EditError::Unknown`], [`EditError::NotThere`].
    pub fn delete(&mut self, path: &[&str], value: Option<&str>) -> Result<(), EditError> {
        let whole = || EditError::Unknown(path.join(" "));
        if let Some(value) = value {
            let (key, holders) = path.split_last().ok_or_else(whole)?;
            let table = self.table(holders, false)?;
            let list = table.get_mut(key).and_then(Item::as_array_mut);
            let list = list.ok_or_else(whole)?;
            let at = list
                .iter()
                .position(|there| shown(there) == value || there.as_str() == Some(value));
            let at = at.ok_or_else(|| EditError::NotThere {
                path: path.join(" "),
                value: value.to_owned(),
            })?;
            list.remove(at);
            return Ok(());
        }
        if let [name, which] = path
            && let Some(key) = self.key_of(name)
        {
            let tables = self
                .toml
                .get_mut(name)
                .and_then(Item::as_array_of_tables_mut);
            let tables = tables.ok_or_else(whole)?;
            let at = tables.iter().position(|table| is(table, key, which));
            tables.remove(at.ok_or_else(whole)?);
            if tables.is_empty() {
                self.toml.remove(name);
            }
            return Ok(());
        }
        let (key, holders) = path.split_last().ok_or_else(whole)?;
        let gone = match holders {
            [] => self.toml.remove(key),
            _ => self.table(holders, false)?.remove(key),
        };
        gone.map(drop).ok_or_else(whole)
    }

    /// What differs from an older document, in the order of paths.
    #[must_use]
    pub fn changes_since(&self, before: &Self) -> Vec<Change> {
        let (old, new) = (before.settings(), self.settings());
        let mut paths: Vec<&String> = old.keys().chain(new.keys()).collect();
        paths.sort();
        paths.dedup();
        let differ = paths
            .into_iter()
            .filter(|path| old.get(*path) != new.get(*path));
        differ
            .map(|path| Change {
                path: path.clone(),
                before: old.get(path).map(|value| self.hidden(path, value)),
                now: new.get(path).map(|value| self.hidden(path, value)),
            })
            .collect()
    }

    /// Every setting below a path, as `path value`, in the order of paths; secrets are shown as stars.
    #[must_use]
    pub fn show(&self, path: &[&str]) -> Vec<String> {
        let start = path.join(" ");
        let settings = self.settings().into_iter();
        settings
            .filter(|(found, _)| {
                start.is_empty()
                    || found
                        .strip_prefix(&start)
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
            })
            .map(|(found, value)| format!("{found} {}", self.hidden(&found, &value)))
            .collect()
    }

    fn hidden(&self, path: &str, value: &str) -> String {
        let key = path.rsplit(' ').next().unwrap_or_default();
        match self.shape.secrets.contains(&key) {
            true => "********".to_owned(),
            false => value.to_owned(),
        }
    }

    fn key_of(&self, name: &str) -> Option<&'static str> {
        let many = self.shape.many.iter().find(|(table, _)| *table == name);
        many.map(|(_, key)| *key)
    }

    /// The table that a path leads to; made where it is missing, if `make`.
    fn table(&mut self, path: &[&str], make: bool) -> Result<&mut dyn TableLike, EditError> {
        let many = path.first().and_then(|name| self.key_of(name));
        let (mut table, rest): (&mut dyn TableLike, &[&str]) = match (path, many) {
            ([name], Some(_)) => return Err(EditError::Short((*name).to_owned())),
            ([name, which, rest @ ..], Some(key)) => {
                if make && !self.toml.contains_key(name) {
                    let none = Item::ArrayOfTables(ArrayOfTables::new());
                    self.toml.insert(name, none);
                }
                let tables = self
                    .toml
                    .get_mut(name)
                    .and_then(Item::as_array_of_tables_mut);
                let tables = tables.ok_or_else(|| EditError::Unknown((*name).to_owned()))?;
                let found = tables.iter().position(|table| is(table, key, which));
                let at = match found {
                    Some(at) => at,
                    None if make => {
                        let mut table = Table::new();
                        table.insert(key, Item::Value(Value::from(*which)));
                        tables.push(table);
                        tables.len() - 1
                    }
                    None => return Err(EditError::Unknown(format!("{name} {which}"))),
                };
                let unknown = || EditError::Unknown(format!("{name} {which}"));
                (tables.get_mut(at).ok_or_else(unknown)?, rest)
            }
            _ => (self.toml.as_table_mut(), path),
        };
        for name in rest {
            if make && !table.contains_key(name) {
                table.insert(name, Item::Table(Table::new()));
            }
            let item = table.get_mut(name);
            let item = item.ok_or_else(|| EditError::Unknown(path.join(" ")))?;
            let is_value = EditError::IsValue((*name).to_owned());
            table = item.as_table_like_mut().ok_or(is_value)?;
        }
        Ok(table)
    }

    fn settings(&self) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        for (name, item) in self.toml.iter() {
            match (item, self.key_of(name)) {
                (Item::ArrayOfTables(tables), Some(key)) => {
                    for table in tables {
                        let which = table.get(key).and_then(Item::as_str).unwrap_or("?");
                        collect(table, &format!("{name} {which}"), &mut found);
                    }
                }
                _ => collect_item(item, name, &mut found),
            }
        }
        found
    }
}

impl fmt::Display for Document {
    /// The document.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.toml.fmt(f)
    }
}

fn is(table: &Table, key: &str, which: &str) -> bool {
    table.get(key).and_then(Item::as_str) == Some(which)
}

fn same(a: &Value, b: &Value) -> bool {
    shown(a) == shown(b)
}

/// A value without what stands around it.
fn shown(value: &Value) -> String {
    match value {
        Value::Array(list) => {
            let values: Vec<String> = list.iter().map(shown).collect();
            format!("[{}]", values.join(", "))
        }
        other => other.clone().decorated("", "").to_string(),
    }
}

fn collect(table: &dyn TableLike, path: &str, found: &mut BTreeMap<String, String>) {
    for (name, item) in table.iter() {
        collect_item(item, &format!("{path} {name}"), found);
    }
}

fn collect_item(item: &Item, path: &str, found: &mut BTreeMap<String, String>) {
    match (item, item.as_table_like()) {
        (_, Some(table)) => collect(table, path, found),
        (Item::ArrayOfTables(tables), _) => {
            for (number, table) in tables.iter().enumerate() {
                collect(table, &format!("{path} {}", number + 1), found);
            }
        }
        (Item::Value(value), _) => _ = found.insert(path.to_owned(), shown(value)),
        (Item::None | Item::Table(_), _) => {}
    }
}
