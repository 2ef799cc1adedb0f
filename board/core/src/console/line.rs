//! The line that is being written: cursor, killing, history, and its echo.
//!
//! It needs no size of the terminal: a line longer than fits beside its prompt is shown through a window that moves, so
//! it never wraps. What is past [`LINE`] octets is not taken, and then the whole line is refused on Enter: half a command is
//! another command.

use super::key::Key;
use super::screen::{Screen, width, width_of};
use heapless::{Deque, String};

/// Octets of a line at most.
pub const LINE: usize = 256;
/// Lines that are remembered.
const HISTORY: usize = 16;
/// What every terminal has.
const COLUMNS: usize = 80;

/// How a line is echoed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Echo {
    Shown,
    /// Not even how long it is.
    Hidden,
}

/// The line under the cursor.
#[derive(Debug)]
pub(crate) struct Editor {
    text: String<LINE>,
    /// Octets, at the border of a character.
    cursor: usize,
    /// The first octet that is shown.
    first: usize,
    overflowed: bool,
    echo: Echo,
    columns: usize,
    history: Deque<String<LINE>, HISTORY>,
    /// How far back in the history, 0: not at all; and what was written before going there.
    back: usize,
    put_aside: String<LINE>,
}

impl Editor {
    pub(crate) const fn new() -> Self {
        Self {
            text: String::new(),
            cursor: 0,
            first: 0,
            overflowed: false,
            echo: Echo::Shown,
            columns: COLUMNS,
            history: Deque::new(),
            back: 0,
            put_aside: String::new(),
        }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// What stands before the cursor.
    pub(crate) fn before(&self) -> &str {
        self.text.get(..self.cursor).unwrap_or_default()
    }

    fn after(&self) -> &str {
        self.text.get(self.cursor..).unwrap_or_default()
    }

    /// More was written than fits.
    pub(crate) const fn overflowed(&self) -> bool {
        self.overflowed
    }

    /// The terminal's columns, 20 to 500.
    pub(crate) fn set_columns(&mut self, columns: usize) {
        self.columns = columns.clamp(20, 500);
    }

    /// An empty line.
    pub(crate) fn clear(&mut self, echo: Echo) {
        self.text.clear();
        (self.cursor, self.first, self.back) = (0, 0, 0);
        self.overflowed = false;
        self.echo = echo;
    }

    pub(crate) fn forget_history(&mut self) {
        self.history.clear();
    }

    /// Keeps a line for [`Key::Up`]; the oldest goes when there are too many.
    pub(crate) fn remember(&mut self, line: &str) {
        if line.is_empty() || self.history.back().is_some_and(|last| last == line) {
            return;
        }
        if self.history.is_full() {
            self.history.pop_front();
        }
        if let Ok(line) = String::try_from(line) {
            let _ = self.history.push_back(line);
        }
    }

    /// Puts `text` at the cursor; nothing of it when it does not fit.
    pub(crate) fn insert(&mut self, text: &str, prompt: &str, screen: &mut Screen<'_>) {
        if self.text.len() + text.len() > LINE {
            if !self.overflowed {
                screen.bell();
            }
            self.overflowed = true;
            return;
        }
        let at_end = self.after().is_empty();
        let mut whole: String<LINE> = String::new();
        for piece in [self.before(), text, self.after()] {
            let _ = whole.push_str(piece);
        }
        self.text = whole;
        self.cursor += text.len();
        let shown = self.text.get(self.first..).unwrap_or_default();
        if at_end && width_of(shown) <= self.room(prompt) {
            if self.echo == Echo::Shown {
                screen.show(format_args!("{text}"));
            }
        } else {
            self.redraw(prompt, screen);
        }
    }

    /// A key that edits; false: it is not one of those.
    pub(crate) fn handle(&mut self, key: Key, prompt: &str, screen: &mut Screen<'_>) -> bool {
        match key {
            Key::Char(c) => {
                self.insert(c.encode_utf8(&mut [0; 4]), prompt, screen);
                return true;
            }
            Key::Backspace => self.erase(step_left(self.before()), self.cursor),
            Key::Delete => self.erase(self.cursor, self.cursor + step_right(self.after())),
            Key::KillWord => self.erase(word_left(self.before()), self.cursor),
            Key::KillLine => self.erase(0, self.cursor),
            Key::KillToEnd => self.erase(self.cursor, self.text.len()),
            Key::Left => self.cursor = step_left(self.before()),
            Key::Right => self.cursor += step_right(self.after()),
            Key::WordLeft => self.cursor = word_left(self.before()),
            Key::WordRight => self.cursor += word_right(self.after()),
            Key::Home => self.cursor = 0,
            Key::End => self.cursor = self.text.len(),
            Key::Up if self.echo == Echo::Shown => self.recall(self.back + 1),
            Key::Down if self.back > 0 => self.recall(self.back - 1),
            Key::Up | Key::Down | Key::Redraw => {}
            Key::Enter | Key::Tab | Key::Interrupt | Key::EndOfInput | Key::Break => return false,
        }
        self.redraw(prompt, screen);
        true
    }

    fn erase(&mut self, from: usize, to: usize) {
        let mut left: String<LINE> = String::new();
        for piece in [self.text.get(..from), self.text.get(to..)] {
            let _ = left.push_str(piece.unwrap_or_default());
        }
        self.text = left;
        self.cursor = from;
        if self.text.is_empty() {
            self.overflowed = false;
        }
    }

    fn recall(&mut self, back: usize) {
        if self.back == 0 {
            self.put_aside = self.text.clone();
        }
        let line = match back.checked_sub(1) {
            None => Some(&self.put_aside),
            Some(at) => self.history.iter().rev().nth(at),
        };
        if let Some(line) = line {
            self.text = line.clone();
            self.cursor = self.text.len();
            self.back = back;
            self.overflowed = false;
        }
    }

    /// Columns beside the prompt; the last one stays free, since writing there wraps.
    fn room(&self, prompt: &str) -> usize {
        self.columns.saturating_sub(width_of(prompt) + 1).max(8)
    }

    /// Writes prompt and line anew, the cursor where it belongs.
    pub(crate) fn redraw(&mut self, prompt: &str, screen: &mut Screen<'_>) {
        screen.show(format_args!("\r{prompt}"));
        if self.echo == Echo::Hidden {
            screen.show(format_args!("\x1b[K"));
            return;
        }
        let room = self.room(prompt);
        self.first = self.first.min(self.cursor);
        while width_of(self.text.get(self.first..self.cursor).unwrap_or_default()) > room {
            let rest = self.text.get(self.first..).unwrap_or_default();
            self.first += rest.chars().next().map_or(1, char::len_utf8);
        }
        let mut columns = 0;
        let shown = self.text.get(self.first..).unwrap_or_default();
        let fits = |c: &char| {
            columns += width(*c);
            columns <= room
        };
        let octets: usize = shown.chars().take_while(fits).map(char::len_utf8).sum();
        let shown = shown.get(..octets).unwrap_or_default();
        let behind = shown.get(self.cursor - self.first..).unwrap_or_default();
        screen.show(format_args!("{shown}\x1b[K"));
        match width_of(behind) {
            0 => {}
            columns => screen.show(format_args!("\x1b[{columns}D")),
        }
    }
}

/// Where the character before the end of `text` begins, marks that sit on it included.
fn step_left(text: &str) -> usize {
    let mut at = text.char_indices().rev();
    at.find(|(_, c)| width(*c) > 0).map_or(0, |(at, _)| at)
}

/// Octets of the first character of `text`, marks that sit on it included.
fn step_right(text: &str) -> usize {
    let mut behind = text.char_indices().skip(1);
    behind
        .find(|(_, c)| width(*c) > 0)
        .map_or(text.len(), |(at, _)| at)
}

fn word_left(text: &str) -> usize {
    let trimmed = text.trim_end();
    trimmed.rfind(char::is_whitespace).map_or(0, |at| {
        at + trimmed
            .get(at..)
            .and_then(|t| t.chars().next())
            .map_or(0, char::len_utf8)
    })
}

fn word_right(text: &str) -> usize {
    let blanks = text.len() - text.trim_start().len();
    text.trim_start()
        .find(char::is_whitespace)
        .map_or(text.len(), |at| blanks + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(editor: &mut Editor, text: &str, keys: &[Key]) {
        let mut sink: String<8192> = String::new();
        let mut screen = Screen(&mut sink);
        for c in text.chars() {
            editor.handle(Key::Char(c), "> ", &mut screen);
        }
        for key in keys {
            editor.handle(*key, "> ", &mut screen);
        }
    }

    #[test]
    fn keys_edit_by_characters_and_by_words() {
        use Key::*;
        for (text, keys, before, after) in [
            ("show trunk", &[Left, Left, Backspace][..], "show tr", "nk"),
            ("show  trunk ", &[KillWord], "show  ", ""),
            (
                "show trunk",
                &[WordLeft, WordLeft, WordRight, KillToEnd],
                "show",
                "",
            ),
            ("show trunk", &[WordLeft, KillLine], "", "trunk"),
            ("show", &[Home, Delete, Right], "h", "ow"),
            ("grün", &[Left, Backspace], "gr", "n"),
            ("e\u{301}a", &[Left, Left], "", "e\u{301}a"),
            ("e\u{301}a", &[Left, Backspace], "", "a"),
            ("電話", &[Backspace], "電", ""),
            (
                "",
                &[Backspace, Delete, KillWord, Left, Right, Up, Down],
                "",
                "",
            ),
        ] {
            let mut editor = Editor::new();
            write(&mut editor, text, keys);
            assert_eq!(
                (editor.before(), editor.after()),
                (before, after),
                "{text} {keys:?}"
            );
        }
    }

    #[test]
    fn history_goes_back_and_returns_to_what_was_begun() {
        let mut editor = Editor::new();
        for line in ["one", "two", "two", ""] {
            editor.remember(line);
        }
        write(&mut editor, "begun", &[Key::Up, Key::Up, Key::Up]);
        assert_eq!(editor.text(), "one");
        write(&mut editor, "", &[Key::Down, Key::Down, Key::Down]);
        assert_eq!(editor.text(), "begun");
        for n in 0..40 {
            let mut line: String<LINE> = String::new();
            let _ = core::fmt::Write::write_fmt(&mut line, format_args!("line {n}"));
            editor.remember(&line);
        }
        write(&mut editor, "", &[Key::Up; 40]);
        assert_eq!(editor.text(), "line 24");
    }

    #[test]
    fn more_than_fits_is_told_until_the_line_is_empty_again() {
        let mut editor = Editor::new();
        for _ in 0..LINE {
            write(&mut editor, "x", &[]);
        }
        assert!(!editor.overflowed());
        write(&mut editor, "ü", &[Key::Backspace]);
        assert!(editor.overflowed(), "what was lost does not come back");
        write(&mut editor, "", &[Key::KillLine]);
        assert!(!editor.overflowed());
    }
}
