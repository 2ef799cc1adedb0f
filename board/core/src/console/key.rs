//! Bytes of a serial line become keys.
//!
//! | state | byte | next | key |
//! |---|---|---|---|
//! | ground | printable ASCII | ground | `Char` |
//! | ground | CR, or LF not after CR | ground | `Enter` |
//! | ground | NUL | ground | `Break`: what a break on the line reads as |
//! | ground | other control | ground | its key, or nothing |
//! | ground | first byte of UTF-8 | rest | |
//! | rest | continuation | rest, ground | `Char` when whole and printable |
//! | rest | anything else | as ground | counted as garbled |
//! | ground | ESC | escape | |
//! | escape | `[` / `O` | sequence | |
//! | escape | `b`, `f`, DEL | ground | word left, word right, kill word |
//! | sequence | 0x40 to 0x7e | ground | its key, or nothing |
//! | escape, sequence | control, or nothing for 250 ms | as ground | |
//!
//! Whatever is not UTF-8 (a wrong baud rate, a bad cable) is dropped and counted.

use super::screen::is_printable;

/// A sequence whose next byte does not come within this was a lone ESC.
const ESCAPE_MS: u64 = 250;

/// What somebody pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    Char(char),
    Enter,
    Tab,
    Backspace,
    Delete,
    Left,
    Right,
    WordLeft,
    WordRight,
    Home,
    End,
    Up,
    Down,
    /// ^W
    KillWord,
    /// ^U
    KillLine,
    /// ^K
    KillToEnd,
    /// ^C
    Interrupt,
    /// ^D
    EndOfInput,
    /// ^L
    Redraw,
    Break,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Ground,
    Rest { code: u32, left: u8, least: u32 },
    Escape,
    Sequence { first: u16, last: u16 },
}

/// See the module.
#[derive(Debug)]
pub struct Decoder {
    state: State,
    after_cr: bool,
    last_ms: u64,
    garbled: u64,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    pub const fn new() -> Self {
        Self {
            state: State::Ground,
            after_cr: false,
            last_ms: 0,
            garbled: 0,
        }
    }

    /// Forgets what was begun; what was counted stays.
    pub fn reset(&mut self) {
        let garbled = self.garbled;
        *self = Self {
            garbled,
            ..Self::new()
        };
    }

    /// Bytes, or runs of them, that were no UTF-8.
    pub const fn garbled(&self) -> u64 {
        self.garbled
    }

    /// The next byte, come at `now_ms`.
    pub fn push(&mut self, byte: u8, now_ms: u64) -> Option<Key> {
        let waited_ms = now_ms.saturating_sub(self.last_ms);
        self.last_ms = now_ms;
        match self.state {
            State::Escape | State::Sequence { .. } if waited_ms > ESCAPE_MS || is_control(byte) => {
                self.state = State::Ground;
            }
            State::Escape => return self.escape(byte),
            State::Sequence { first, last } => return self.sequence(byte, first, last),
            State::Rest { code, left, least } => {
                if byte & 0xc0 == 0x80 {
                    return self.rest(code << 6 | u32::from(byte & 0x3f), left - 1, least);
                }
                self.garbled += 1;
                self.state = State::Ground;
            }
            State::Ground => {}
        }
        self.ground(byte)
    }

    fn ground(&mut self, byte: u8) -> Option<Key> {
        let after_cr = core::mem::replace(&mut self.after_cr, byte == b'\r');
        let (left, least) = match byte {
            b' '..=b'~' => return Some(Key::Char(char::from(byte))),
            b'\r' => return Some(Key::Enter),
            b'\n' => return (!after_cr).then_some(Key::Enter),
            // Telnet's CR NUL.
            0 => return (!after_cr).then_some(Key::Break),
            0x01 => return Some(Key::Home),
            0x02 => return Some(Key::Left),
            0x03 => return Some(Key::Interrupt),
            0x04 => return Some(Key::EndOfInput),
            0x05 => return Some(Key::End),
            0x06 => return Some(Key::Right),
            0x08 | 0x7f => return Some(Key::Backspace),
            b'\t' => return Some(Key::Tab),
            0x0b => return Some(Key::KillToEnd),
            0x0c => return Some(Key::Redraw),
            0x0e => return Some(Key::Down),
            0x10 => return Some(Key::Up),
            0x15 => return Some(Key::KillLine),
            0x17 => return Some(Key::KillWord),
            0x1b => {
                self.state = State::Escape;
                return None;
            }
            0xc2..=0xdf => (1, 0x80),
            0xe0..=0xef => (2, 0x800),
            0xf0..=0xf4 => (3, 0x1_0000),
            0x80..=0xc1 | 0xf5..=0xff => {
                self.garbled += 1;
                return None;
            }
            _ => return None,
        };
        let code = u32::from(byte) & (0x3f >> left);
        self.state = State::Rest { code, left, least };
        None
    }

    fn rest(&mut self, code: u32, left: u8, least: u32) -> Option<Key> {
        if left > 0 {
            self.state = State::Rest { code, left, least };
            return None;
        }
        self.state = State::Ground;
        let Some(c) = char::from_u32(code).filter(|_| code >= least) else {
            self.garbled += 1;
            return None;
        };
        is_printable(c).then_some(Key::Char(c))
    }

    fn escape(&mut self, byte: u8) -> Option<Key> {
        self.state = match byte {
            b'[' | b'O' => State::Sequence { first: 0, last: 0 },
            _ => State::Ground,
        };
        match byte {
            b'b' => Some(Key::WordLeft),
            b'f' => Some(Key::WordRight),
            0x7f => Some(Key::KillWord),
            _ => None,
        }
    }

    /// ECMA-48 section 5.4. Of its parameters only the first and the last say anything here.
    fn sequence(&mut self, byte: u8, first: u16, last: u16) -> Option<Key> {
        let digit = |n: u16| {
            n.saturating_mul(10)
                .saturating_add(u16::from(byte.wrapping_sub(b'0')))
        };
        match byte {
            b'0'..=b'9' if first == last => {
                self.state = State::Sequence {
                    first: digit(first),
                    last: digit(last),
                };
                return None;
            }
            b'0'..=b'9' => {
                self.state = State::Sequence {
                    first,
                    last: digit(last),
                };
                return None;
            }
            b';' => {
                // 1 is what a first parameter that is left out means.
                self.state = State::Sequence {
                    first: first.max(1),
                    last: 0,
                };
                return None;
            }
            b'@'..=b'~' => self.state = State::Ground,
            _ => return None,
        }
        // 5 is Ctrl, 3 is Alt.
        let by_word = matches!(last, 3 | 5) && first != last;
        match (byte, first) {
            (b'A', _) => Some(Key::Up),
            (b'B', _) => Some(Key::Down),
            (b'C', _) if by_word => Some(Key::WordRight),
            (b'D', _) if by_word => Some(Key::WordLeft),
            (b'C', _) => Some(Key::Right),
            (b'D', _) => Some(Key::Left),
            (b'H', _) | (b'~', 1 | 7) => Some(Key::Home),
            (b'F', _) | (b'~', 4 | 8) => Some(Key::End),
            (b'~', 3) => Some(Key::Delete),
            _ => None,
        }
    }
}

/// What ends a sequence that was begun. DEL does not: with ESC before it, it is a key.
const fn is_control(byte: u8) -> bool {
    byte < 0x20
}

#[cfg(test)]
mod tests {
    use super::*;
    use heapless::Vec;

    fn keys(decoder: &mut Decoder, bytes: &[u8]) -> Vec<Key, 32> {
        bytes.iter().filter_map(|b| decoder.push(*b, 0)).collect()
    }

    #[test]
    fn keys_as_terminals_send_them() {
        for (bytes, key) in [
            (&b"\x1b[A"[..], Key::Up),
            (b"\x1bOB", Key::Down),
            (b"\x1b[1;5C", Key::WordRight),
            (b"\x1b[1;3D", Key::WordLeft),
            (b"\x1bb", Key::WordLeft),
            (b"\x1b[C", Key::Right),
            (b"\x1b[3~", Key::Delete),
            (b"\x1b[1~", Key::Home),
            (b"\x1bOF", Key::End),
            (b"\x17", Key::KillWord),
            (b"\0", Key::Break),
            ("ü".as_bytes(), Key::Char('ü')),
            ("電".as_bytes(), Key::Char('電')),
            ("🕿".as_bytes(), Key::Char('🕿')),
        ] {
            assert_eq!(keys(&mut Decoder::new(), bytes), [key], "{bytes:?}");
        }
    }

    #[test]
    fn every_way_to_end_a_line_is_one_enter() {
        for bytes in [&b"\r"[..], b"\n", b"\r\n", b"\r\0"] {
            assert_eq!(keys(&mut Decoder::new(), bytes), [Key::Enter], "{bytes:?}");
        }
        assert_eq!(keys(&mut Decoder::new(), b"\r\r\n\n"), [Key::Enter; 3]);
    }

    #[test]
    fn what_is_no_utf8_is_dropped_and_counted() {
        let mut decoder = Decoder::new();
        // Cut short, overlong, a surrogate, beyond Unicode, a lone continuation.
        assert_eq!(keys(&mut decoder, b"\xc3a"), [Key::Char('a')]);
        assert_eq!(
            keys(
                &mut decoder,
                b"\xe0\x80\x80\xed\xa0\x80\xf4\x90\x80\x80\x80"
            ),
            []
        );
        assert_eq!(decoder.garbled(), 5);
        assert_eq!(
            keys(&mut decoder, "\u{202e}\u{9b}".as_bytes()),
            [],
            "turned round, C1"
        );
    }

    #[test]
    fn a_lone_escape_swallows_nothing_that_comes_later() {
        let mut decoder = Decoder::new();
        assert_eq!(decoder.push(0x1b, 0), None);
        assert_eq!(decoder.push(b'[', 1_000), Some(Key::Char('[')));
        assert_eq!(decoder.push(0x1b, 2_000), None);
        assert_eq!(decoder.push(b'\r', 2_001), Some(Key::Enter));
        assert_eq!(keys(&mut decoder, b"\x1b[?99999999999999;9z"), []);
        assert_eq!(decoder.push(b'x', 2_001), Some(Key::Char('x')));
    }
}
