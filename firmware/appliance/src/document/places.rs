//! Where each setting of a document stands.

use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A path with its place. One of many is told by its number, `#0` being the first.
#[derive(Debug)]
struct Place {
    path: Vec<String>,
    /// Of its key; of one of many: its head.
    at: Range<usize>,
}

/// Paths and lines of one text.
#[derive(Debug)]
pub struct Places<'a> {
    text: &'a str,
    places: Vec<Place>,
}

/// Deeper ones have no place of their own.
const DEEPEST: usize = 8;

impl<'a> Places<'a> {
    /// Of a text; empty when it is no TOML.
    pub fn of(text: &'a str) -> Self {
        let mut places = Vec::new();
        if let Ok(table) = DeTable::parse(text) {
            collect(table.get_ref(), &mut Vec::new(), &mut places);
        }
        Self { text, places }
    }

    /// Where a path stands, or as much of it as there is; the document's beginning where nothing of it is.
    pub fn offset(&self, path: &[impl AsRef<str>]) -> usize {
        let starts = |place: &&Place, length: usize| {
            place.path.len() == length && place.path.iter().zip(path).all(|(a, b)| a == b.as_ref())
        };
        let found = (1..=path.len()).rev().find_map(|length| {
            let place = self.places.iter().find(|place| starts(place, length));
            place.map(|place| place.at.start)
        });
        found.unwrap_or(0)
    }

    /// What stands at an offset: the last that begins before it or on its line.
    pub fn path_at(&self, offset: usize) -> &[String] {
        let line_end = self
            .text
            .get(offset..)
            .and_then(|rest| rest.find('\n'))
            .map_or(self.text.len(), |length| offset + length);
        let before = self
            .places
            .iter()
            .filter(|place| place.at.start < line_end.max(1));
        let last = before.max_by_key(|place| (place.at.start, place.path.len()));
        last.map_or(&[], |place| place.path.as_slice())
    }

    /// Line and column of an offset, from 1; columns in characters.
    pub fn line_and_column(&self, offset: usize) -> (usize, usize) {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let column = before.get(line_start..).unwrap_or("").chars().count() + 1;
        (before.matches('\n').count() + 1, column)
    }

    /// Where a line begins, which is counted from 1.
    pub fn line_start(&self, line: usize) -> usize {
        let mut starts = self.text.match_indices('\n').map(|(at, _)| at + 1);
        match line {
            0 | 1 => 0,
            line => starts.nth(line - 2).unwrap_or(self.text.len()),
        }
    }
}

fn collect(table: &DeTable<'_>, path: &mut Vec<String>, places: &mut Vec<Place>) {
    if path.len() >= DEEPEST {
        return;
    }
    for (key, value) in table {
        path.push(key.get_ref().to_string());
        places.push(Place {
            path: path.clone(),
            at: key.span(),
        });
        match value.get_ref() {
            DeValue::Table(table) => collect(table, path, places),
            DeValue::Array(values) => many(values, path, places),
            DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_) => {}
        }
        path.pop();
    }
}

fn many(values: &[Spanned<DeValue<'_>>], path: &mut Vec<String>, places: &mut Vec<Place>) {
    for (number, value) in values.iter().enumerate() {
        if let DeValue::Table(table) = value.get_ref() {
            path.push(format!("#{number}"));
            places.push(Place {
                path: path.clone(),
                at: value.span(),
            });
            collect(table, path, places);
            path.pop();
        }
    }
}
