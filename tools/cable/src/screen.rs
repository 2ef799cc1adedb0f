//! What was printed, as lines: enough of a terminal that a line which is written anew stands there once.

use std::collections::VecDeque;
use std::mem;

/// Lines that errors quote.
const TAIL: usize = 12;
/// Octets of one line; more is noise.
const LINE: usize = 4096;
/// Lines since the last mark; a box that says more than this says it in vain.
const LINES: usize = 200_000;

/// See the module.
#[derive(Debug, Default)]
pub struct Screen {
    /// Whole lines since the last mark.
    lines: Vec<String>,
    /// The one the cursor is in.
    line: String,
    tail: VecDeque<String>,
    /// Octets of a character or of an escape sequence that are not whole yet.
    begun: Vec<u8>,
    returned: bool,
}

impl Screen {
    /// Takes what came.
    pub fn take(&mut self, octets: &[u8]) {
        octets.iter().for_each(|octet| self.octet(*octet));
    }

    fn octet(&mut self, octet: u8) {
        if !self.begun.is_empty() {
            return self.go_on(octet);
        }
        match octet {
            b'\r' => self.returned = true,
            b'\n' => self.end_line(),
            0x08 => drop(self.line.pop()),
            0x1b | 0xc2..=0xf4 => self.begun.push(octet),
            b'\t' | 0x20..=0x7e => self.put(char::from(octet)),
            // Bells, breaks, and octets that were bent on the way.
            _ => {}
        }
    }

    fn go_on(&mut self, octet: u8) {
        self.begun.push(octet);
        if self.begun[0] == 0x1b {
            // ESC [ parameters letter; ESC and any other.
            let over = match self.begun.as_slice() {
                [_, b'['] => false,
                [_, b'[', .., last] => (0x40..=0x7e).contains(last),
                _ => true,
            };
            if over || self.begun.len() > 32 {
                self.begun.clear();
            }
            return;
        }
        match str::from_utf8(&self.begun) {
            Ok(text) => {
                let c = text.chars().next();
                self.begun.clear();
                c.into_iter().for_each(|c| self.put(c));
            }
            Err(fault) if fault.error_len().is_none() => {}
            Err(_) => {
                self.begun.clear();
                self.octet(octet);
            }
        }
    }

    fn put(&mut self, c: char) {
        // Who goes back to the line's begin writes it anew.
        if mem::take(&mut self.returned) {
            self.line.clear();
        }
        if self.line.len() < LINE {
            self.line.push(c);
        }
    }

    fn end_line(&mut self) {
        self.returned = false;
        let line = mem::take(&mut self.line);
        if self.tail.len() >= TAIL {
            self.tail.pop_front();
        }
        self.tail.push_back(line.clone());
        if self.lines.len() < LINES {
            self.lines.push(line);
        }
    }

    /// Lines are counted from here.
    pub fn mark(&mut self) {
        self.lines.clear();
    }

    /// The whole lines since the mark.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// The line the cursor is in, with the blanks at its end.
    pub fn line(&self) -> &str {
        &self.line
    }

    /// The last lines, for an error.
    pub fn tail(&self) -> Vec<String> {
        let last = Some(&self.line).filter(|line| !line.trim().is_empty());
        self.tail.iter().chain(last).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_written_anew_stands_there_once() {
        let mut screen = Screen::default();
        screen.take(b"box> sho\rbox> show st\x1b[K\x1b[2D\x07\r\na\x08b \xc3");
        screen.take(b"\xbc\xff\x00\r\n\xe2\x82x> ");
        assert_eq!(screen.lines(), ["box> show st", "b ü"]);
        assert_eq!(screen.line(), "x> ");
        assert_eq!(screen.tail(), ["box> show st", "b ü", "x> "]);
    }

    #[test]
    fn noise_is_bounded() {
        let mut screen = Screen::default();
        screen.take(&[b'x'; 100_000]);
        screen.take(&[0x1b; 100_000]);
        assert_eq!(screen.line().len(), LINE);
        assert!(screen.begun.len() <= 33);
    }
}
