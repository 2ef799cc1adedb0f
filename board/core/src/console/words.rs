//! A line becomes words.
//!
//! Blanks separate; `'…'` is taken as it is; in `"…"` and bare words a backslash lets the next character stand for itself,
//! and in `"…"` also `\n`, `\t` and `\u{1f57f}` are known. A line that begins with `#` has no words.

use super::line::LINE;
use core::fmt;
use heapless::{String, Vec};

/// Words of a line at most.
pub const WORDS: usize = 16;

/// Why a line cannot be taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WordError {
    /// Counted from 1, in characters.
    pub column: usize,
    pub kind: WordErrorKind,
}

/// See [`WordError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WordErrorKind {
    /// The quote at the column is never closed.
    Unclosed,
    /// A backslash at the end of the line.
    NothingEscaped,
    /// Behind the backslash of a `"…"` stands what means nothing there.
    UnknownEscape,
    /// `\u{…}` without 1 to 6 hexadecimal digits of a character that can be printed.
    NoCharacter,
    /// More than [`WORDS`].
    TooMany,
}

impl fmt::Display for WordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.kind {
            WordErrorKind::Unclosed => "this quote is not closed",
            WordErrorKind::NothingEscaped => "nothing follows this backslash",
            WordErrorKind::UnknownEscape => {
                "in double quotes a backslash goes before \" \\ n t or u{…}"
            }
            WordErrorKind::NoCharacter => "write \\u{…} with the hexadecimal number of a character",
            WordErrorKind::TooMany => "too many words",
        };
        write!(f, "column {}: {why}", self.column)
    }
}

#[derive(Clone, Copy, Debug)]
struct Word {
    begin: usize,
    end: usize,
    column: usize,
    quoted: bool,
}

/// The words of a line, unquoted.
#[derive(Clone, Default)]
pub struct Words {
    text: String<LINE>,
    words: Vec<Word, WORDS>,
}

impl fmt::Debug for Words {
    /// Not the words: one may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Words({})", self.words.len())
    }
}

impl Words {
    pub const fn new() -> Self {
        Self {
            text: String::new(),
            words: Vec::new(),
        }
    }

    /// Takes `line` apart.
    ///
    /// # Errors
    /// [`WordError`], where the line goes wrong first.
    pub fn parse(line: &str) -> Result<Self, WordError> {
        let mut words = Self::new();
        if line.trim_start().starts_with('#') {
            return Ok(words);
        }
        let mut reader = Reader {
            rest: line.chars(),
            column: 0,
        };
        while let Some(c) = reader.next() {
            if !c.is_whitespace() {
                words.word(c, &mut reader)?;
            }
        }
        Ok(words)
    }

    fn word(&mut self, first: char, reader: &mut Reader<'_>) -> Result<(), WordError> {
        // As many blanks as there were at least, so that this, too, fits.
        if !self.words.is_empty() {
            self.push(' ', reader)?;
        }
        let (begin, column) = (self.text.len(), reader.column);
        let mut quoted = false;
        let mut next = Some(first);
        while let Some(c) = next.filter(|c| !c.is_whitespace()) {
            match c {
                '\'' | '"' => {
                    quoted = true;
                    self.quote(c, reader)?;
                }
                '\\' => {
                    let fault = reader.fault(WordErrorKind::NothingEscaped);
                    self.push(reader.next().ok_or(fault)?, reader)?;
                    quoted = true;
                }
                c => self.push(c, reader)?,
            }
            next = reader.next();
        }
        let end = self.text.len();
        let word = Word {
            begin,
            end,
            column,
            quoted,
        };
        let too_many = WordError {
            column,
            kind: WordErrorKind::TooMany,
        };
        self.words.push(word).map_err(|_| too_many)
    }

    fn quote(&mut self, quote: char, reader: &mut Reader<'_>) -> Result<(), WordError> {
        let unclosed = reader.fault(WordErrorKind::Unclosed);
        loop {
            match reader.next().ok_or(unclosed)? {
                c if c == quote => return Ok(()),
                '\\' if quote == '"' => {
                    let fault = reader.fault(WordErrorKind::UnknownEscape);
                    match reader.next().ok_or(unclosed)? {
                        c @ ('"' | '\\') => self.push(c, reader)?,
                        'n' => self.push('\n', reader)?,
                        't' => self.push('\t', reader)?,
                        'u' => {
                            let c = reader.code(fault.column)?;
                            self.push(c, reader)?;
                        }
                        _ => return Err(fault),
                    }
                }
                c => self.push(c, reader)?,
            }
        }
    }

    /// Unquoting only shortens, so that this fails for no line that fits an editor.
    fn push(&mut self, c: char, reader: &Reader<'_>) -> Result<(), WordError> {
        let fault = reader.fault(WordErrorKind::TooMany);
        self.text.push(c).map_err(|_| fault)
    }

    pub fn len(&self) -> usize {
        self.words.len()
    }

    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// The word at `at`; empty where there is none.
    pub fn text(&self, at: usize) -> &str {
        let word = self.words.get(at);
        word.and_then(|w| self.text.get(w.begin..w.end))
            .unwrap_or_default()
    }

    /// The words from `at` on, with a blank between any two; empty where there is none.
    pub fn rest(&self, at: usize) -> &str {
        let word = self.words.get(at);
        word.and_then(|w| self.text.get(w.begin..))
            .unwrap_or_default()
    }

    /// Where the word at `at` begins, counted from 1 in characters; past the last: 0.
    pub fn column(&self, at: usize) -> usize {
        self.words.get(at).map_or(0, |w| w.column)
    }

    /// Whether a part of it was quoted: then it is a value and no keyword.
    pub fn is_quoted(&self, at: usize) -> bool {
        self.words.get(at).is_some_and(|w| w.quoted)
    }
}

struct Reader<'a> {
    rest: core::str::Chars<'a>,
    /// Of the character read last.
    column: usize,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<char> {
        let c = self.rest.next()?;
        self.column += 1;
        Some(c)
    }

    const fn fault(&self, kind: WordErrorKind) -> WordError {
        WordError {
            column: self.column,
            kind,
        }
    }

    /// The `{…}` of an escape whose backslash stands at `column`.
    fn code(&mut self, column: usize) -> Result<char, WordError> {
        let fault = WordError {
            column,
            kind: WordErrorKind::NoCharacter,
        };
        if self.next() != Some('{') {
            return Err(fault);
        }
        let mut code = 0_u32;
        for digits in 0..=6 {
            match self.next() {
                Some('}') if digits > 0 => {
                    let c = char::from_u32(code).filter(|c| super::screen::is_printable(*c));
                    return c.ok_or(fault);
                }
                Some(c) => code = code << 4 | c.to_digit(16).ok_or(fault)?,
                None => break,
            }
        }
        Err(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn parsed(line: &str, expected: &[&str]) {
        let words = Words::parse(line).unwrap();
        let found: Vec<&str, WORDS> = (0..words.len()).map(|at| words.text(at)).collect();
        assert_eq!(found, expected, "{line}");
    }

    #[test]
    fn blanks_quotes_and_escapes() {
        parsed("", &[]);
        parsed("  show\ttrunk ", &["show", "trunk"]);
        parsed("# set x", &[]);
        parsed("set name 'front desk'", &["set", "name", "front desk"]);
        parsed(
            r#"set name "a \"b\" \\ \u{e9}\t""#,
            &["set", "name", "a \"b\" \\ é\t"],
        );
        parsed(r"a\ b 'c\d' ''", &["a b", r"c\d", ""]);
        parsed("pre'fix'ed#1", &["prefixed#1"]);
        let words = Words::parse("ä 'b c' d").unwrap();
        assert_eq!((words.rest(0), words.rest(1)), ("ä b c d", "b c d"));
        assert_eq!((words.rest(2), words.rest(3)), ("d", ""));
        assert_eq!((words.column(1), words.column(2)), (3, 9));
        assert!(words.is_quoted(1) && !words.is_quoted(2));
    }

    #[test]
    fn faults_point_into_the_line() {
        use WordErrorKind::*;
        for (line, column, kind) in [
            ("set ü 'x y", 7, Unclosed),
            ("set \"x\\\"", 5, Unclosed),
            ("set x\\", 6, NothingEscaped),
            (r#"set "a\q""#, 7, UnknownEscape),
            (r#"set "\u{}""#, 6, NoCharacter),
            (r#"set "\u{1234567}""#, 6, NoCharacter),
            (r#"set "\u{d800}""#, 6, NoCharacter),
            (r#"set "\u{1b}""#, 6, NoCharacter),
            (r#"set "\u12""#, 6, NoCharacter),
            ("1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7", 33, TooMany),
        ] {
            assert_eq!(
                Words::parse(line).err(),
                Some(WordError { column, kind }),
                "{line}"
            );
        }
    }
}
