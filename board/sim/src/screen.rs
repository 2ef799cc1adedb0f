//! What a terminal shows of the bytes it gets: enough of ECMA-48 for the console, and 80 columns that wrap.

use std::convert::Infallible;

const COLUMNS: usize = 80;

/// A terminal's screen, with everything that was ever shown on it.
#[derive(Debug, Default)]
pub struct SimScreen {
    lines: Vec<Vec<char>>,
    column: usize,
    bells: usize,
    octets: u64,
    pending: Vec<u8>,
    /// What a real terminal might obey and this one does not know.
    strange: Vec<String>,
}

impl SimScreen {
    /// Every line, without blanks at its end; the last one is where the cursor is.
    pub fn lines(&self) -> Vec<String> {
        let text = |line: &Vec<char>| line.iter().collect::<String>().trim_end().to_owned();
        self.lines.iter().map(text).collect()
    }

    /// The line the cursor is in.
    pub fn last(&self) -> String {
        self.lines().pop().unwrap_or_default()
    }

    /// All of it.
    pub fn text(&self) -> String {
        self.lines().join("\n")
    }

    /// The cursor's column, from 0.
    pub fn column(&self) -> usize {
        self.column
    }

    pub fn bells(&self) -> usize {
        self.bells
    }

    /// Octets that came.
    pub fn octets(&self) -> u64 {
        self.octets
    }

    /// Sequences and octets that it did not know.
    pub fn strange(&self) -> &[String] {
        &self.strange
    }

    fn line(&mut self) -> &mut Vec<char> {
        if self.lines.is_empty() {
            self.lines.push(Vec::new());
        }
        let last = self.lines.len() - 1;
        &mut self.lines[last]
    }

    fn put(&mut self, c: char) {
        if self.column >= COLUMNS {
            self.line();
            self.lines.push(Vec::new());
            self.column = 0;
        }
        let column = self.column;
        let line = self.line();
        if line.len() <= column {
            line.resize(column + 1, ' ');
        }
        line[column] = c;
        self.column += 1;
    }

    fn obey(&mut self, sequence: &str) {
        let body = sequence.strip_prefix("\x1b[").unwrap_or_default();
        let (number, what) = body.split_at(body.len().saturating_sub(1));
        let count = number.parse().unwrap_or(1);
        match what {
            "K" if number.is_empty() => {
                let column = self.column;
                self.line().truncate(column);
            }
            "D" => self.column = self.column.saturating_sub(count),
            "C" => self.column += count,
            _ => self.strange.push(sequence.to_owned()),
        }
    }

    /// Takes what is whole from the octets that wait.
    fn digest(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        let mut bad = None;
        let (text, rest) = match std::str::from_utf8(&pending) {
            Ok(text) => (text, &[][..]),
            Err(fault) => {
                let (good, rest) = pending.split_at(fault.valid_up_to());
                let skip = fault.error_len().unwrap_or(0);
                bad = fault
                    .error_len()
                    .map(|len| format!("{:02x?}", &rest[..len]));
                (std::str::from_utf8(good).unwrap_or_default(), &rest[skip..])
            }
        };
        let mut chars = text.char_indices();
        let mut left = rest.to_vec();
        while let Some((at, c)) = chars.next() {
            match c {
                '\r' => self.column = 0,
                '\n' => {
                    self.line();
                    self.lines.push(Vec::new());
                }
                '\x07' => self.bells += 1,
                '\x1b' => {
                    let tail = &text[at..];
                    let end = tail.find(|c: char| c.is_ascii_alphabetic());
                    let Some(end) = end else {
                        left = [tail.as_bytes(), rest].concat();
                        break;
                    };
                    self.obey(&tail[..=end]);
                    chars.nth(end - 1);
                }
                c if c.is_control() => self.strange.push(format!("{c:?}")),
                c => self.put(c),
            }
        }
        self.strange.extend(bad);
        self.pending = left;
    }
}

impl embedded_io::ErrorType for SimScreen {
    type Error = Infallible;
}

impl embedded_io::Write for SimScreen {
    fn write(&mut self, octets: &[u8]) -> Result<usize, Infallible> {
        self.octets += octets.len() as u64;
        self.pending.extend_from_slice(octets);
        self.digest();
        Ok(octets.len())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use embedded_io::Write as _;

    #[test]
    fn it_shows_what_a_terminal_shows() {
        let mut screen = SimScreen::default();
        screen.write_all(b"abc\x1b[2Dx\r\ngr\xc3").unwrap();
        screen.write_all(b"\xbcn\rG\x1b[K\x07\x1b[31m\xff").unwrap();
        assert_eq!(screen.lines(), ["axc", "G"]);
        assert_eq!((screen.bells(), screen.column()), (1, 1));
        assert_eq!(screen.strange(), ["\u{1b}[31m", "[ff]"]);
    }
}
